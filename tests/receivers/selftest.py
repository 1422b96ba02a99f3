#!/usr/bin/env python3
"""Do the receivers take what is right, and detect what isn't? Run by .ci/run, and by hand: `python3 tests/receivers/selftest.py`."""

import base64
import gzip
import json
import os
import re
import socket
import ssl
import struct
import subprocess
import sys
import tempfile
import time
import unittest

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)
sys.dont_write_bytecode = True

VENV = os.path.realpath(os.path.join(HERE, "../../target/receivers/venv"))
if os.path.exists(f"{VENV}/installed") and os.path.realpath(sys.prefix) != VENV:
    os.execv(f"{VENV}/bin/python", [f"{VENV}/bin/python", *sys.argv])

from ledger import word  # noqa: E402  the path comes first

ID = "0f" * 32
META = {"container_id": ID}


def now():
    return time.time_ns()


class Program:
    """A program of this folder that prints its ports; killed at the end, unless it ended before."""

    def __init__(self, *args):
        self.process = subprocess.Popen(
            [sys.executable, f"{HERE}/{args[0]}", *args[1:]], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        words = self.process.stdout.readline().split()
        self.port, self.control = int(words[1]), int(words[3])

    def command(self, line):
        with socket.create_connection(("127.0.0.1", self.control), timeout=10) as sock:
            sock.sendall(line.encode() + b"\n")
            return sock.makefile().readline().strip()

    def counts(self):
        return json.loads(self.command("counts"))

    def end(self):
        """Its exit code."""
        self.process.terminate()
        return self.process.wait(timeout=10)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.process.kill()
        self.process.stdout.close()
        self.process.stderr.close()
        self.process.wait()


def head(path, kind, length, *more, method="POST"):
    lines = [
        f"{method} {path} HTTP/1.1",
        "Host: receiver.test",
        "User-Agent: selftest",
        f"Content-Type: {kind}",
        f"Content-Length: {length}",
        *more,
    ]
    return "\r\n".join(lines).encode() + b"\r\n\r\n"


def read_answer(file):
    """Status, headers and body of an answer that has a length or is in chunks; None where there is none."""
    first = file.readline()
    if not first.startswith(b"HTTP/1.1 "):
        return None
    headers = {}
    while (line := file.readline()) not in (b"\r\n", b""):
        name, _, value = line.decode().partition(":")
        headers[name.lower()] = value.strip()
    body = b""
    if headers.get("transfer-encoding") == "chunked":
        while (size := int(file.readline().split(b";")[0], 16)) > 0:
            body += file.read(size)
            file.read(2)
        while file.readline() != b"\r\n":
            pass
    else:
        body = file.read(int(headers.get("content-length", 0)))
    return int(first.split()[1]), headers, body


class Case(unittest.TestCase):
    """A format's requests, good and bad. The class of a format says how a good one is made."""

    format, path, kind = "", "", ""

    def setUp(self):
        self.folder = tempfile.TemporaryDirectory()
        self.ledger = f"{self.folder.name}/ledger"

    def tearDown(self):
        self.folder.cleanup()

    def receiver(self, *args):
        program = Program("receiver.py", self.format, "--ledger", self.ledger, *args)
        self.addCleanup(program.__exit__)
        return program

    def connect(self, receiver):
        sock = socket.create_connection(("127.0.0.1", receiver.port), timeout=10)
        self.addCleanup(sock.close)
        file = sock.makefile("rb")
        self.addCleanup(file.close)
        return sock, file

    def exchange(self, receiver, data):
        """Sends these bytes on a connection of their own; the answer."""
        sock, file = self.connect(receiver)
        sock.sendall(data)
        try:
            return read_answer(file)
        except OSError:
            return None

    def request(self, body, *more):
        return head(self.path, self.kind, len(body), *more) + body

    def post(self, receiver, body, *more):
        return self.exchange(receiver, self.request(body, *more))

    def eventually(self, test):
        deadline = time.monotonic() + 10
        while not test():
            self.assertLess(time.monotonic(), deadline)
            time.sleep(0.01)

    def violations(self):
        """The kinds of violations in the ledger."""
        return [line.split("\t")[2] for line in self.records("V")]

    def records(self, letter):
        with open(self.ledger, encoding="utf-8") as file:
            return [line.rstrip("\n") for line in file if line.startswith(f"{letter}\t")]

    def assert_good(self, receiver, body, *more):
        answer = self.post(receiver, body, *more)
        self.assertIn(answer[0], (200, 204), answer)
        return answer

    def assert_bad(self, receiver, kind, status, data):
        before = len(self.violations())
        answer = self.exchange(receiver, data)
        self.assertEqual(self.violations()[before:], [kind], answer)
        self.assertEqual(answer[0], status, answer)


class Shared:
    """What holds for each format."""

    def good(self, message="hello", container="web", stream="stdout"):
        """A good body of one line."""
        raise NotImplementedError

    def test_good_requests_one_after_the_other_on_one_connection(self):
        receiver = self.receiver()
        sock, file = self.connect(receiver)
        for n in range(5):
            sock.sendall(self.request(self.good(f"line {n}\twith\\ é")))
            self.assertIn(read_answer(file)[0], (200, 204))
        zipped = gzip.compress(self.good("zipped"))
        sock.sendall(self.request(zipped, "Content-Encoding: gzip"))
        self.assertIn(read_answer(file)[0], (200, 204))
        self.eventually(lambda: receiver.counts()["answered"] == 6)  # it is noted after the answer has gone out
        counts = receiver.counts()
        self.assertEqual((counts["connections"], counts["requests"], counts["taken"]), (1, 6, 6))
        self.assertEqual(receiver.end(), 0)
        lines = [line.split("\t") for line in self.records("L")]
        self.assertEqual([line[5] for line in lines], [word(f"line {n}\twith\\ é") for n in range(5)] + ["zipped"])
        self.assertEqual({(line[2], line[3]) for line in lines}, {("web", "stdout")})
        self.assertEqual(len(self.records("A")), 6)

    def test_bad_http(self):
        receiver = self.receiver()
        good = self.request(self.good())
        start, rest = good.split(b"\r\n", 1)
        bad = {
            "line ends": (400, good.replace(b"\r\nHost", b"\nHost", 1)),
            "version": (400, good.replace(b"HTTP/1.1", b"HTTP/1.0", 1)),
            "no host": (400, start + b"\r\n" + rest.split(b"\r\n", 1)[1]),
            "two hosts": (400, good.replace(b"Host:", b"Host: a\r\nHost:", 1)),
            "space before colon": (400, good.replace(b"Host:", b"Host :", 1)),
            "folded": (400, good.replace(b"User-Agent: selftest", b"User-Agent: self\r\n test", 1)),
            "control": (400, good.replace(b"selftest", b"self\x01test", 1)),
            "two lengths": (400, good.replace(b"Content-Length", b"Content-Length: 3\r\nContent-Length", 1)),
            "length": (400, re.sub(rb"Content-Length: ", b"Content-Length: +", good)),
            "no length": (411, re.sub(rb"Content-Length: \d+\r\n", b"", good)),
            "chunked": (501, re.sub(rb"Content-Length: \d+", b"Transfer-Encoding: chunked", good)),
            "target": (400, good.replace(self.path.encode() + b" ", self.path.encode() + b"\xc3\xa9 ", 1)),
            "pipelined": (400, good + good),
        }
        for name, (status, data) in bad.items():
            with self.subTest(name):
                self.assert_bad(receiver, "http", status, data)
        self.assertEqual(receiver.end(), 1)

    def test_bad_heads(self):
        receiver = self.receiver()
        body = self.good()
        good = self.request(body)
        zipped = gzip.compress(body)
        bad = {
            "path": ("path", 404, good.replace(self.path.encode() + b" ", b"/elsewhere ", 1)),
            "query": ("path", 404, good.replace(self.path.encode() + b" ", self.path.encode() + b"?a=b ", 1)),
            "method": ("method", 405, good.replace(b"POST", b"PUT", 1)),
            "type": ("type", 415, good.replace(self.kind.encode(), b"text/plain", 1)),
            "no type": ("type", 415, good.replace(b"Content-Type", b"X-Type", 1)),
            "no agent": ("header", 400, good.replace(b"User-Agent", b"X-Agent", 1)),
            "unasked credentials": ("auth", 401, self.request(body, "Authorization: Basic YTpi")),
            "encoding": ("encoding", 415, self.request(body, "Content-Encoding: br")),
            "untold gzip": ("encoding", 400, self.request(zipped)),
            "no gzip": ("encoding", 400, self.request(body, "Content-Encoding: gzip")),
            "half gzip": ("encoding", 400, self.request(zipped[:-1], "Content-Encoding: gzip")),
            "more than gzip": ("encoding", 400, self.request(zipped + b"x", "Content-Encoding: gzip")),
            "two gzips": ("encoding", 400, self.request(zipped + zipped, "Content-Encoding: gzip")),
            "checksum": ("encoding", 400, self.request(zipped[:-8] + b"12345678", "Content-Encoding: gzip")),
            "bomb": ("size", 413, self.request(gzip.compress(bytes(21 << 20)), "Content-Encoding: gzip")),
            "large": ("size", 413, head(self.path, self.kind, 21 << 20)),
        }
        for name, (kind, status, data) in bad.items():
            with self.subTest(name):
                self.assert_bad(receiver, kind, status, data)
        self.assertEqual(self.records("L"), [])

    def test_what_is_expected_of_headers(self):
        credentials = base64.b64encode(b"me:secret").decode()
        body = self.good()
        receiver = self.receiver("--basic", "me:secret", "--header", "X-Scope-OrgID: one", "--host", "receiver.test")
        good = self.request(body, f"Authorization: Basic {credentials}", "X-Scope-OrgID: one")
        self.assertIn(self.exchange(receiver, good)[0], (200, 204))
        self.assert_bad(receiver, "auth", 401, self.request(body, "X-Scope-OrgID: one"))
        self.assert_bad(receiver, "auth", 401, good.replace(b"Basic ", b"Bearer "))
        self.assert_bad(receiver, "header", 400, good.replace(b": one", b": two"))
        self.assert_bad(receiver, "header", 400, good.replace(b"Host: receiver.test", b"Host: localhost"))
        bearer = self.receiver("--bearer", "t0k", "--encoding", "gzip", "--path", "/other")
        zipped = gzip.compress(body)
        good = head("/other", self.kind, len(zipped), "Authorization: Bearer t0k", "Content-Encoding: gzip") + zipped
        self.assertIn(self.exchange(bearer, good)[0], (200, 204))
        self.assert_bad(bearer, "auth", 401, good.replace(b"t0k", b"tok"))
        plain = head("/other", self.kind, len(body), "Authorization: Bearer t0k") + body
        self.assert_bad(bearer, "encoding", 415, plain)

    def test_faults_that_answer(self):
        receiver = self.receiver("--faults", "500,500+,429:0,503:@0,202,ok")
        statuses = [self.post(receiver, self.good(f"{n}"))[0] for n in range(5)]
        self.assertEqual(statuses, [500, 500, 429, 503, 202])
        receiver.command("once continue,chunked,big:100000,drip:0.1,close,slow:0.05,sip:0.1")
        self.assertEqual(self.post(receiver, self.good())[0], 100)
        for n in range(6):
            self.assertIn(self.post(receiver, self.good())[0], (200, 204), n)
        taken = [line.split("\t")[4] for line in self.records("R")]
        self.assertEqual(taken, ["0", "1", "0", "0", "1"] + ["1"] * 7)
        self.assertEqual(receiver.end(), 0)

    def test_faults_that_do_not_answer(self):
        receiver = self.receiver("--faults", "cut,mute,drop,reset,noise")
        for n in range(5):
            self.assertIsNone(self.post(receiver, self.good(f"{n}")) if n else self.cut(receiver), n)
        records = [line.split("\t")[3:5] for line in self.records("R")]
        self.assertEqual(records, [["cut", "1"], ["mute", "1"], ["drop", "0"], ["reset", "0"], ["noise", "1"]])
        self.assertEqual(self.records("A"), [])
        for fault, taken in (("still", "0"), ("stuck", "1"), ("slow:0.3", "1")):
            receiver.command(f"faults {fault}")
            sock, _ = self.connect(receiver)
            sock.sendall(self.request(self.good()))
            sock.settimeout(0.2)
            with self.assertRaises(TimeoutError):
                sock.recv(1)
            sock.shutdown(socket.SHUT_RDWR)
            time.sleep(0.3)
            self.assertEqual(self.records("R")[-1].split("\t")[3:5], [fault, taken])
        self.assertEqual(self.records("A"), [], "a client that has hung up hears no answer")
        receiver.command("faults early:413")
        self.assertEqual(self.exchange(receiver, head(self.path, self.kind, 1000) + b"x" * 10)[0], 413)
        self.assertEqual(receiver.end(), 0)

    def cut(self, receiver):
        sock, file = self.connect(receiver)
        sock.sendall(self.request(self.good()))
        answer = file.read()
        self.assertTrue(answer.startswith(b"HTTP/1.1 20") and b"\r\n\r\n" not in answer, answer)

    def test_retry_after_is_enforced(self):
        receiver = self.receiver("--faults", "429:1,ok")
        self.assertEqual(self.post(receiver, self.good())[1]["retry-after"], "1")
        self.post(receiver, self.good())
        self.assertEqual(self.violations(), ["retry-after"])
        lenient = self.receiver("--faults", "429:1,ok", "--impatient")
        self.post(lenient, self.good())
        self.assert_good(lenient, self.good())
        self.assertEqual(lenient.end(), 0)

    def test_the_ledger_survives(self):
        receiver = self.receiver()
        self.assert_good(receiver, self.good("before"))
        receiver.process.kill()
        receiver.process.wait()
        with open(self.ledger, "a", encoding="utf-8") as file:
            file.write("L\ttorn")
        again = self.receiver("--port", str(receiver.port))
        self.assertEqual(again.port, receiver.port)
        self.assert_good(again, self.good("after"))
        self.assertEqual([line.split("\t")[-1] for line in self.records("L")], ["before", "torn", "after"])
        self.assertEqual(len(self.records("R")), 2)
        numbers = [line.split("\t")[1] for line in self.records("R")]
        self.assertEqual(len(set(numbers)), 2)

    def test_tls(self):
        folder = self.folder.name
        for kind, version, error in (("good", "1.3", None), ("good", "1.2", None), ("expired", "1.3", "expired"),
                                     ("other-name", "1.3", "mismatch"), ("self-signed", "1.3", "self-signed")):  # fmt: skip
            with self.subTest(kind):
                receiver = self.receiver("--tls", folder, "--tls-kind", kind, "--tls-version", version)
                context = ssl.create_default_context(cafile=f"{folder}/ca.pem")
                sock = socket.create_connection(("127.0.0.1", receiver.port), timeout=10)
                self.addCleanup(sock.close)
                if error:
                    with self.assertRaisesRegex(ssl.SSLCertVerificationError, error):
                        context.wrap_socket(sock, server_hostname="receiver.test")
                    continue
                with (
                    context.wrap_socket(sock, server_hostname="receiver.test", suppress_ragged_eofs=False) as tls,
                    tls.makefile("rb") as file,
                ):
                    for n in range(3):
                        tls.sendall(self.request(self.good("t" * 40_000)))
                        self.assertIn(read_answer(file)[0], (200, 204), n)
                    receiver.command("once cut")
                    tls.sendall(self.request(self.good()))
                    with self.assertRaises(ssl.SSLEOFError):
                        while tls.recv(100):
                            pass
                self.assertEqual(receiver.end(), 0)

    def assert_all_bad(self, bodies):
        receiver = self.receiver()
        for name, body in bodies.items():
            with self.subTest(name):
                self.assert_bad(receiver, self.format, 400, self.request(body))
        self.assertEqual(self.records("L"), [])
        self.assertEqual(receiver.end(), 1)


class Loki(Shared, Case):
    format, path, kind = "loki", "/loki/api/v1/push", "application/json"

    def body(self, values, labels=None):
        return json.dumps(
            {"streams": [{"stream": labels or {"container": "web", "stream": "stdout"}, "values": values}]}
        ).encode()

    def good(self, message="hello", container="web", stream="stdout"):
        return self.body(
            [[str(now()), message, {"container_id": ID}]], {"container": container, "stream": stream, "host": "h"}
        )

    def test_bad_bodies(self):
        stamp = str(now())
        good = [[stamp, "x", {"container_id": ID}]]
        labels = {"container": "web", "stream": "stdout"}
        self.assert_all_bad({
            "no json": b"{",
            "two values": self.good() + b"{}",
            "name twice": b'{"streams":[],"streams":[]}',
            "half surrogate": self.body([[stamp, "x"]]).replace(b'"x"', b'"\\ud800"'),
            "no utf-8": self.body([[stamp, "x"]]).replace(b'"x"', b'"\xff"'),
            "NaN": b'{"streams":[NaN]}',
            "nothing": b'{"streams":[]}',
            "list": b"[]",
            "other key": json.dumps({"streams": [{"stream": labels, "values": good}], "more": 1}).encode(),
            "other key in stream": json.dumps({"streams": [{"stream": labels, "values": good, "x": 1}]}).encode(),
            "no values": self.body([]),
            "number as time": self.body([[int(stamp), "x"]]),
            "time with point": self.body([[stamp + ".5", "x"]]),
            "time in seconds": self.body([[stamp[:10], "x"]]),
            "time in words": self.body([["2026-01-01T00:00:00Z", "x"]]),
            "future": self.body([[str(now() + 3_600 * 10**9), "x"]]),
            "line as number": self.body([[stamp, 5]]),
            "long line": self.body([[stamp, "x" * (256 * 1024 + 1)]]),
            "one piece": self.body([[stamp]]),
            "four pieces": self.body([[stamp, "x", {}, {}]]),
            "metadata as number": self.body([[stamp, "x", {"a": 5}]]),
            "metadata as list": self.body([[stamp, "x", ["a"]]]),
            "nested metadata": self.body([[stamp, "x", {"a": {"b": "c"}}]]),
            "name in metadata": self.body([[stamp, "x", {"a-b": "c"}]]),
            "label name": self.body(good, {**labels, "a.b": "c"}),
            "label name with digit": self.body(good, {**labels, "1a": "c"}),
            "reserved label": self.body(good, {**labels, "__name__": "c"}),
            "label as number": self.body(good, {**labels, "a": 1}),
            "nameless": self.body(good, {**labels, "container": ""}),
            "long label": self.body(good, {**labels, "a": "x" * 2049}),
            "many labels": self.body(good, {**labels, **{f"l{n}": "x" for n in range(14)}}),
            "no id": self.body([[stamp, "x"]]),
            "unknown stream": self.body(good, {"container": "web", "stream": "tty"}),
            "half a gap": self.body(good, {"container": "web", "stream": "gap"}),
            "no container": self.body(good, {"stream": "stdout"}),
            "no stream": self.body(good, {"container": "web"}),
        })  # fmt: skip

    def test_what_is_too_old_is_refused_and_the_rest_taken(self):
        receiver = self.receiver("--too-old-before", "-3600")
        old, new = str(now() - 7200 * 10**9), str(now())
        status, _, body = self.post(receiver, self.body([[old, "old", META], [new, "new", META]]))
        self.assertEqual(status, 400)
        self.assertIn(b"has timestamp too old", body)
        self.assertEqual([line.split("\t")[-1] for line in self.records("L")], ["new"])
        self.assertEqual(self.records("R")[-1].split("\t")[4:], ["1", "1"])
        self.assertEqual(receiver.end(), 0)

    def test_a_gap_is_no_line(self):
        receiver = self.receiver()
        metadata = {**META, "level": "warn", "gap_from": "2026-11-23T20:16:07Z", "gap_to": "2026-11-23T20:16:08Z"}
        self.assert_good(receiver, self.body([[str(now()), "gap", metadata]], {"container": "web", "stream": "gap"}))
        self.assertEqual(receiver.counts()["taken"], 0)
        self.assertEqual(receiver.end(), 0)

    def test_what_is_out_of_order(self):
        receiver = self.receiver("--out-of-order", "10")
        at = now()
        self.assert_good(receiver, self.body([[str(at), "a", META], [str(at - 9 * 10**9), "b", META]]))
        status, _, body = self.post(receiver, self.body([[str(at - 11 * 10**9), "c", META]]))
        self.assertEqual((status, b"too far behind" in body), (400, True))
        labels = {"container": "other", "stream": "stdout"}
        self.assert_good(receiver, self.body([[str(at - 11 * 10**9), "c", META]], labels))


class Ndjson(Shared, Case):
    format, path, kind = "ndjson", "/", "application/x-ndjson"

    def line(self, **other):
        line = {
            "time": "2026-11-23T20:16:07.727144095Z",
            "id": ID,
            "container": "web",
            "stream": "stdout",
            "message": "x",
        }
        line.update(other)
        return json.dumps({key: value for key, value in line.items() if value is not None}).encode() + b"\n"

    def good(self, message="hello", container="web", stream="stdout"):
        return self.line(message=message, container=container, stream=stream)

    def test_all_that_a_line_may_tell(self):
        receiver = self.receiver()
        for line in (
            self.line(image="i", project="p", service="s", labels={"a": "b"}, segment=1, more=True),
            self.line(message=None, message_base64="//4="),
            self.line(stream="tty", message="", time="2026-11-23T20:16:07Z"),
            json.dumps(
                {"gap": {"id": ID, "container": "web", "from": "2026-11-23T20:16:07Z", "to": "2026-11-23T20:16:08Z"}}
            ).encode()
            + b"\n",
        ):
            self.assert_good(receiver, self.good() + line)
        self.assertEqual(receiver.counts()["taken"], 7)
        self.assertIn("\\xff\\xfe", "".join(self.records("L")))
        self.assertEqual(receiver.end(), 0)

    def test_bad_bodies(self):
        self.assert_all_bad({
            "nothing": b"",
            "no end": self.line()[:-1],
            "empty line": self.line() + b"\n",
            "no object": b"[]\n",
            "no json": b"{\n",
            "key twice": self.line().replace(b'"id"', b'"time"'),
            "unknown key": self.line(level="info"),
            "no id": self.line(id=None),
            "short id": self.line(id="0f"),
            "no container": self.line(container=None),
            "no time": self.line(time=None),
            "time": self.line(time="2026-11-23 20:16:07"),
            "no day": self.line(time="2026-02-30T20:16:07Z"),
            "zone": self.line(time="2026-11-23T20:16:07+01:00"),
            "stream": self.line(stream="out"),
            "no message": self.line(message=None),
            "two messages": self.line(message_base64="//4="),
            "base64 of text": self.line(message=None, message_base64="YQ=="),
            "no base64": self.line(message=None, message_base64="/"),
            "segment alone": self.line(segment=1),
            "labels": self.line(labels={"a": 1}),
            "gap": b'{"gap":{}}\n',
        })  # fmt: skip


class Otlp(Shared, Case):
    format, path, kind = "otlp", "/v1/logs", "application/x-protobuf"

    @classmethod
    def setUpClass(cls):
        try:
            from opentelemetry.proto.collector.logs.v1 import logs_service_pb2
        except ImportError as error:
            raise unittest.SkipTest(f"{error}: .ci/receivers installs it") from None
        cls.definitions = logs_service_pb2

    def made(self, change=lambda request, resource, record: None):
        """A good request, after a change."""
        request = self.definitions.ExportLogsServiceRequest()
        logs = request.resource_logs.add()
        for key, value in (("container.id", ID), ("container.name", "web"), ("service.name", "front")):
            logs.resource.attributes.add(key=key).value.string_value = value
        scope = logs.scope_logs.add()
        scope.scope.name = "docklog"
        record = scope.log_records.add(time_unix_nano=now(), observed_time_unix_nano=now())
        record.body.string_value = "x"
        record.attributes.add(key="log.iostream").value.string_value = "stdout"
        change(request, logs.resource, record)
        return request.SerializeToString()

    def good(self, message="hello", container="web", stream="stdout"):
        def change(_request, resource, record):
            record.body.string_value = message
            resource.attributes[1].value.string_value = container
            record.attributes[0].value.string_value = stream

        return self.made(change)

    def test_answers_are_protobuf(self):
        receiver = self.receiver("--faults", "ok,partial:1,400,503")
        two = self.made(
            lambda request, *_: (
                request.resource_logs[0]
                .scope_logs[0]
                .log_records.append(request.resource_logs[0].scope_logs[0].log_records[0])
            )
        )
        response = self.definitions.ExportLogsServiceResponse
        status, headers, body = self.post(receiver, two)
        self.assertEqual((status, headers["content-type"], body), (200, self.kind, b""))
        status, headers, body = self.post(receiver, two)
        self.assertEqual(response.FromString(body).partial_success.rejected_log_records, 1)
        for status in (400, 503):
            answer = self.post(receiver, two)
            self.assertEqual((answer[0], answer[1]["content-type"]), (status, self.kind))
            self.assertIn(b"told to answer", answer[2])
        self.assertEqual(
            [line.split("\t")[4:] for line in self.records("R")], [["2", "0"], ["1", "1"], ["0", "2"], ["0", "0"]]
        )

    def test_a_gap_is_no_line(self):
        receiver = self.receiver()

        def change(_request, _resource, record):
            record.ClearField("attributes")
            record.event_name, record.severity_number = "docklog.gap", 13
            for key in ("docklog.gap.from", "docklog.gap.to"):
                record.attributes.add(key=key).value.string_value = "2026-11-23T20:16:07Z"

        self.assert_good(receiver, self.made(change))
        self.assertEqual(receiver.counts()["taken"], 0)
        self.assertEqual(receiver.end(), 0)

    def test_bytes_that_are_no_text(self):
        receiver = self.receiver()

        def change(_request, _resource, record):
            record.body.bytes_value = b"\xff\xfe"

        self.assert_good(receiver, self.made(change))
        self.assertTrue(self.records("L")[0].endswith("\t\\xff\\xfe"))

    def test_bad_bodies(self):
        def without(key):
            def change(_request, resource, record):
                for attributes in (resource.attributes, record.attributes):
                    for at, attribute in enumerate(attributes):
                        if attribute.key == key:
                            del attributes[at]

            return self.made(change)

        def with_(**fields):
            return self.made(
                lambda _request, _resource, record: [setattr(record, name, value) for name, value in fields.items()]
            )

        def resource_with(key, value):
            return self.made(
                lambda _request, resource, _record: setattr(
                    resource.attributes.add(key=key).value, "string_value", value
                )
            )

        unknown = b"\x7a\x01x"  # field 15, a string
        inner = self.definitions.ExportLogsServiceRequest.FromString(self.made())
        inner.resource_logs[0].scope_logs[0].log_records[0].MergeFromString(unknown)
        self.assert_all_bad({
            "no protobuf": b"\xff",
            "nothing": b"",
            "cut": self.made()[:-1],
            "unknown field": self.made() + unknown,
            "unknown field inside": inner.SerializeToString(),
            "wrong wire type": b"\x0d\x01\x02\x03\x04",
            "no UTF-8": self.made(lambda *a: setattr(a[2].body, "string_value", "QQQQ")).replace(b"QQQQ", b"QQ\xff\xff"),
            "no resource": self.made(lambda request, *_: request.resource_logs[0].ClearField("resource")),
            "no id": without("container.id"),
            "no name": without("container.name"),
            "no stream": without("log.iostream"),
            "key twice": resource_with("service.name", "x"),
            "key": resource_with("Service Name", "x"),
            "empty key": resource_with("", "x"),
            "no value": self.made(lambda request, resource, record: resource.attributes.add(key="a")),
            "no time": with_(time_unix_nano=0),
            "time in milliseconds": with_(time_unix_nano=now() // 1_000_000),
            "not observed": with_(observed_time_unix_nano=0),
            "observed before": with_(observed_time_unix_nano=now() - 60 * 10**9),
            "observed later": with_(observed_time_unix_nano=now() + 60 * 10**9),
            "severity": with_(severity_number=25),
            "trace id": with_(trace_id=b"1"),
            "no body": self.made(lambda *a: a[2].ClearField("body")),
            "body as number": self.made(lambda *a: setattr(a[2].body, "int_value", 5)),
            "text as bytes": self.made(lambda *a: setattr(a[2].body, "bytes_value", b"x")),
            "no records": self.made(lambda request, *_: request.resource_logs[0].scope_logs[0].ClearField("log_records")),
            "no scope": self.made(lambda request, *_: request.resource_logs[0].ClearField("scope_logs")),
        })  # fmt: skip


class Dns(unittest.TestCase):
    def ask(self, server, name, kind=1, timeout=1.0, ident=0x1234):
        """Code, addresses and TC of an answer that is ours; None without one."""
        query = struct.pack("!6H", ident, 0x0100, 1, 0, 0, 0)
        query += (
            b"".join(bytes([len(part)]) + part.encode() for part in name.split("."))
            + b"\0"
            + struct.pack("!2H", kind, 1)
        )
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
            sock.settimeout(timeout)
            sock.connect(("127.0.0.1", server.port))
            sock.send(query)
            while True:
                try:
                    data = sock.recv(4096)
                except TimeoutError:
                    return None
                if data[:2] == query[:2] and data[12 : len(query)] == query[12:]:
                    return self.read(data, len(query))

    def read(self, data, at):
        flags, answers = struct.unpack("!2xH2xH", data[:8])
        addresses = []
        for _ in range(answers):
            while data[at] and data[at] < 0xC0:
                at += 1 + data[at]
            at += 2 if data[at] >= 0xC0 else 1
            kind, length = struct.unpack("!H6xH", data[at : at + 10])
            value = data[at + 10 : at + 10 + length]
            if kind in (1, 28):
                addresses.append(socket.inet_ntop(socket.AF_INET if kind == 1 else socket.AF_INET6, value))
            at += 10 + length
        return flags & 15, addresses, bool(flags & 0x200)

    def test_answers(self):
        with Program("dns.py", "--record", "a.test 127.0.0.1 127.0.0.2 ::1") as server:
            self.assertEqual(self.ask(server, "a.test"), (0, ["127.0.0.1", "127.0.0.2"], False))
            self.assertEqual(self.ask(server, "A.Test", 28), (0, ["::1"], False))
            self.assertEqual(self.ask(server, "b.test"), (3, [], False))
            server.command("alias b.test a.test")
            self.assertEqual(self.ask(server, "b.test"), (0, ["127.0.0.1", "127.0.0.2"], False))
            server.command("set a.test 127.0.0.3")
            self.assertEqual(self.ask(server, "a.test"), (0, ["127.0.0.3"], False))
            self.assertEqual(self.ask(server, "a.test", 28), (0, [], False))
            server.command("set a.test")
            self.assertEqual(self.ask(server, "a.test"), (3, [], False))
            self.assertEqual(server.counts()["names"], {"a.test": 5, "b.test": 2})
            self.assertTrue(server.command("mode nonsense").startswith("error"))

    def test_misconduct(self):
        with Program("dns.py", "--record", "a.test 127.0.0.1") as server:
            for mode, told in (("silent", None), ("servfail", (2, [], False)), ("nxdomain", (3, [], False)), ("refused", (5, [], False)),
                               ("truncated", (0, [], True)), ("other-id", None), ("other-name", None), ("other-port", None),
                               ("forged-first", (0, ["127.0.0.1"], False)), ("late:0.1", (0, ["127.0.0.1"], False)),
                               ("late:0.6", None)):  # fmt: skip
                with self.subTest(mode):
                    server.command(f"mode {mode}")
                    self.assertEqual(self.ask(server, "a.test", timeout=0.3), told)
            for mode in ("garbage", "short", "loop"):
                server.command(f"mode {mode}")
                with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
                    sock.settimeout(2)
                    sock.sendto(
                        struct.pack("!6H", 7, 0x0100, 1, 0, 0, 0) + b"\x01a\x04test\0\0\1\0\1",
                        ("127.0.0.1", server.port),
                    )
                    self.assertEqual(sock.recv(4096)[:2], b"\0\7")
            self.assertEqual(server.counts()["refused"], 0)

    def test_bad_questions(self):
        with Program("dns.py") as server, socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
            good = struct.pack("!6H", 7, 0x0100, 1, 0, 0, 0) + b"\x01a\x04test\0\0\1\0\1"
            for bad in (
                b"",
                good[:11],
                good[:-1],
                good + b"x",
                good.replace(b"\x04", b"\x44"),
                good[:-1] + b"\3",
                b"\0\7\x80" + good[3:],
            ):
                sock.sendto(bad, ("127.0.0.1", server.port))
            deadline = time.monotonic() + 5
            while server.counts()["asked"] < 7 and time.monotonic() < deadline:
                time.sleep(0.01)
            self.assertEqual(server.counts()["refused"], 7)

    def test_tcp(self):
        with Program("dns.py", "--record", "a.test 127.0.0.1", "--mode", "truncated") as server:
            question = struct.pack("!6H", 7, 0x0100, 1, 0, 0, 0) + b"\x01a\x04test\0\0\1\0\1"
            with socket.create_connection(("127.0.0.1", server.port), timeout=5) as sock:
                sock.sendall(struct.pack("!H", len(question)) + question)
                told = sock.recv(4096)
            self.assertEqual(self.read(told[2:], len(question)), (0, ["127.0.0.1"], False))


if __name__ == "__main__":
    unittest.main()

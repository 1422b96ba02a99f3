#!/usr/bin/env python3
"""A strict receiver of log lines for tests: Loki's push API, OTLP over HTTP, or docklog's JSON lines.

    receiver.py {loki|otlp|ndjson} [--port N] [--ledger FILE] [--faults PLAN] …

Prints `port N control N` once it listens. Whatever the published interface forbids is answered as such, recorded, and
makes the exit code 1. On the control port, a command a line: `faults PLAN`, `once PLAN`, `counts`. Ends by SIGTERM, and prints
its counts. faults.py has the plans, ledger.py what is recorded.

OTLP needs the packages that .ci/receivers installs.
"""

import argparse
import base64
import importlib
import json
import os
import signal
import socket
import ssl
import sys
import threading
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)
sys.dont_write_bytecode = True

from faults import Plan  # noqa: E402  the path comes first
from http1 import Connection, Gone, Violation, answer, date, decoded  # noqa: E402
from ledger import Ledger  # noqa: E402

VENV = os.path.realpath(os.path.join(HERE, "../../target/receivers/venv"))
IDLE = 600.0  # a connection that says nothing for so long is closed


class Receiver:
    """Serves connections, a thread each."""

    def __init__(self, options, format_):
        self.options, self.format = options, format_
        self.plan, self.ledger = Plan(options.faults), Ledger(options.ledger)
        self.tls = tls(options)
        self.lock = threading.Lock()
        self.born = f"{time.time_ns():x}"
        self.not_before = 0.0  # Retry-After, on the monotonic clock
        names = (
            "connections",
            "handshakes_failed",
            "requests",
            "taken",
            "refused",
            "answered",
            "violations",
            "bytes",
            "plain_bytes",
        )
        self.counts = dict.fromkeys(names, 0)

    def count(self, name, more=1):
        with self.lock:
            self.counts[name] += more
            return self.counts[name]

    def violation(self, number, violation):
        self.count("violations")
        self.ledger.violation(number, violation.kind, violation.text)
        print(f"violation: {violation.kind}: {violation.text}", file=sys.stderr, flush=True)

    def serve(self, sock):
        """A connection, to its end."""
        self.count("connections")
        sock.settimeout(IDLE)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if self.tls:
            try:
                sock = self.tls.wrap_socket(sock, server_side=True)
            except (OSError, ValueError) as error:
                self.count("handshakes_failed")
                print(f"handshake: {error}", file=sys.stderr, flush=True)
                return
        connection = Connection(sock)
        try:
            while self.request(connection):
                pass
        except (Gone, OSError):
            pass
        finally:
            connection.sock.close()

    def request(self, connection):
        """One request; whether another may follow on the connection."""
        number = f"{self.born}-0"
        try:
            request = connection.head()
            if request is None:
                return False
            number = f"{self.born}-{self.count('requests')}"
            return self.exchange(connection, number, request)
        except Violation as violation:
            self.violation(number, violation)
            kind, body = self.format.failure(violation.status, violation.text)
            extra = [("Connection", "close")]
            if violation.status == 401:
                extra.append(("WWW-Authenticate", 'Basic realm="logs"'))
            if violation.status == 405:
                extra.append(("Allow", "POST"))
            connection.sock.sendall(answer(violation.status, kind, body, extra))
            connection.close()
            return False

    def exchange(self, connection, number, request):
        if time.monotonic() < self.not_before - 0.02 and not self.options.impatient:
            self.violation(
                number, Violation(429, "retry-after", "a request came before the time that Retry-After had named")
            )
        fault = self.plan.next()
        self.check_head(request)
        length = request.length()
        if fault.what in ("drop", "reset", "still", "early"):
            return self.not_read(connection, number, length, fault)
        body = connection.body(length, fault.number if fault.what == "sip" else 0.0)
        self.count("bytes", length)
        plain = decoded(request, body, self.options.encoding)
        self.count("plain_bytes", len(plain))
        entries = self.format.parse(plain)
        if connection.waiting():
            raise Violation(400, "http", "bytes after the request, before it was answered")
        taken, refused, reply = self.judged(entries, fault)
        self.count("taken", len(taken))
        self.count("refused", refused)
        self.ledger.request(number, time.time(), fault.word, taken, refused)
        return self.reply(connection, number, request, fault, reply)

    def judged(self, entries, fault):
        """The lines that are taken, how many are refused, and the answer: status, type, body, headers."""
        if fault.what == "status" and fault.status >= 300:
            kind, body = self.format.failure(fault.status, f"the receiver was told to answer {fault.status}")
            extra = []
            if fault.retry_after is not None:
                self.not_before = time.monotonic() + fault.retry_after
                told = date(time.time() + fault.retry_after + 1) if fault.as_date else str(int(fault.retry_after))
                extra.append(("Retry-After", told))
            if 300 <= fault.status < 400:
                extra.append(("Location", "http://127.0.0.1:9/elsewhere"))
            for_good = 400 <= fault.status < 500 and fault.status not in (408, 429)
            taken = entries if fault.taken else []
            return taken, len(entries) if for_good and not taken else 0, (fault.status, kind, body, extra)
        taken, why = self.format.split(entries)
        if why:
            kind, body = self.format.failure(400, "\n".join(why))
            return taken, len(entries) - len(taken), (400, kind, body, [])
        rejected = 0
        if fault.what == "partial" and self.format.kind == "otlp":
            rejected = min(int(fault.number), len(taken))
            taken = taken[: len(taken) - rejected]
        status, kind, body = self.format.success(taken, rejected)
        if fault.what == "status":
            status = fault.status
        return taken, rejected, (status, kind, body, [])

    def check_head(self, request):
        options, headers = self.options, request.headers
        if request.path != (options.path or self.format.path) or request.target != request.path:
            raise Violation(404, "path", f"the path is {request.target}, not {options.path or self.format.path}")
        if request.method != "POST":
            raise Violation(405, "method", f"{request.method}, not POST")
        kind = headers.get("content-type", "")
        if kind.split(";")[0].strip().lower() != self.format.type:
            raise Violation(415, "type", f"Content-Type {kind!r}, not {self.format.type}")
        if not headers.get("user-agent"):
            raise Violation(400, "header", "no User-Agent")
        told = headers.get("authorization")
        wanted = None
        if options.basic:
            wanted = "Basic " + base64.b64encode(options.basic.encode()).decode()
        elif options.bearer:
            wanted = f"Bearer {options.bearer}"
        if told != wanted:
            raise Violation(401, "auth", f"Authorization {told!r}")
        for wanted in options.header:
            name, _, value = wanted.partition(":")
            if headers.get(name.strip().lower()) != value.strip():
                raise Violation(
                    400, "header", f"{name} is {headers.get(name.strip().lower())!r}, not {value.strip()!r}"
                )
        if options.host and headers["host"] != options.host:
            raise Violation(400, "header", f"Host is {headers['host']!r}, not {options.host!r}")

    def not_read(self, connection, number, length, fault):
        """Faults that come before the body."""
        self.ledger.request(number, time.time(), fault.word, [], 0)
        if fault.what == "reset":
            connection.body(min(length // 2, 1024))
            connection.reset()
        elif fault.what == "still":
            self.until_gone(connection)
        elif fault.what == "early":
            kind, body = self.format.failure(fault.status, "the receiver was told not to read this")
            connection.sock.sendall(answer(fault.status, kind, body, [("Connection", "close")]))
            connection.close()
        return False

    def until_gone(self, connection):
        while not connection.closed():
            if connection.readable():
                connection.more()
            time.sleep(0.02)

    def reply(self, connection, number, request, fault, reply):
        """Answers a request that was read; whether another may follow."""
        status, kind, body, extra = reply
        sock = connection.sock
        last = request.last() or fault.what == "close"
        if last:
            extra = [*extra, ("Connection", "close")]
        if fault.what == "big" and status != 204:
            body = body.ljust(int(fault.number), b" ")
        elif fault.what == "big":
            status, kind, body = 200, "text/plain", b" " * int(fault.number)
        whole = answer(status, kind, body, extra, fault.what == "chunked")
        if fault.what == "cut":
            sock.sendall(whole[: whole.index(b"\r\n") + 10])
            return False
        if fault.what == "mute":
            return False
        if fault.what == "stuck":
            self.until_gone(connection)
            return False
        if fault.what == "noise":
            sock.sendall(b"\x00\xff\r\nTTP/1.1 204 No Content\r\n\r\n")
            return False
        if fault.what == "slow":
            time.sleep(fault.number)
        if connection.closed():
            return False
        if fault.what == "continue":
            sock.sendall(b"HTTP/1.1 100 Continue\r\n\r\n")
        if fault.what == "drip":
            for at in range(len(whole)):
                sock.sendall(whole[at : at + 1])
                time.sleep(fault.number / len(whole))
        else:
            sock.sendall(whole)
        self.count("answered")
        self.ledger.answered(number, status)
        if last:
            connection.close()
        return not last and fault.what != "leave"


def tls(options):
    if not options.tls:
        return None
    import certificates

    key, chain = certificates.made(options.tls, options.tls_kind)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    version = {"1.2": ssl.TLSVersion.TLSv1_2, "1.3": ssl.TLSVersion.TLSv1_3}
    if options.tls_version:
        context.minimum_version = context.maximum_version = version[options.tls_version]
    context.load_cert_chain(chain, key)
    return context


def controlled(receiver, listener):
    """Carries out commands, a connection after the other."""
    while True:
        sock, _ = listener.accept()
        with sock, sock.makefile("rw", encoding="utf-8", newline="\n") as file:
            for line in file:
                try:
                    told = command(receiver, line)
                except (ValueError, OSError) as error:
                    told = f"error: {error}"
                file.write(told + "\n")
                file.flush()


def command(receiver, line):
    word, _, rest = line.strip().partition(" ")
    if word == "faults":
        receiver.plan.set(rest)
    elif word == "once":
        receiver.plan.once(rest)
    elif word != "counts":
        raise ValueError(f"no command {word!r}")
    with receiver.lock:
        return json.dumps(receiver.counts)


def listening(port, address="127.0.0.1"):
    listener = socket.socket()
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind((address, port))
    listener.listen(128)
    return listener


def moment(text):
    """`-3600`: so many seconds before now, whenever that is; else a Unix time. In nanoseconds, as a function of now."""
    seconds = float(text)
    if text.startswith("-"):
        return lambda now: int((now + seconds) * 1e9)
    return lambda _now: int(seconds * 1e9)


def arguments(args):
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("format", choices=("loki", "otlp", "ndjson"))
    parser.add_argument("--port", type=int, default=0, help="0: any")
    parser.add_argument("--address", default="127.0.0.1")
    parser.add_argument("--ledger", help="a file to append to")
    parser.add_argument("--faults", default="ok", metavar="PLAN", help="see faults.py")
    parser.add_argument("--path", help="another path than the format's own")
    parser.add_argument("--encoding", choices=("gzip", "identity", "any"), default="any")
    parser.add_argument("--basic", metavar="USER:PASSWORD")
    parser.add_argument("--bearer", metavar="TOKEN")
    parser.add_argument("--header", action="append", default=[], metavar="NAME: VALUE", help="that must be there")
    parser.add_argument("--host", help="what the header Host must be")
    parser.add_argument(
        "--impatient", action="store_true", help="Retry-After may be disregarded: the client is restarted"
    )
    parser.add_argument("--tls", metavar="FOLDER", help="TLS; its certificates are made in the folder, with ca.pem")
    parser.add_argument("--tls-kind", choices=("good", "expired", "other-name", "self-signed"), default="good")
    parser.add_argument("--tls-version", choices=("1.2", "1.3"))
    parser.add_argument("--too-old-before", type=moment, metavar="TIME", help="Loki: a Unix time, or -SECONDS")
    parser.add_argument(
        "--out-of-order",
        type=lambda s: int(float(s) * 1e9),
        metavar="SECONDS",
        help="Loki: so far a line may be behind",
    )
    return parser.parse_args(args)


def in_venv(format_):
    """Goes on where the packages are that this format needs."""
    if format_ == "otlp" and os.path.exists(f"{VENV}/installed") and os.path.realpath(sys.prefix) != VENV:
        os.execv(f"{VENV}/bin/python", [f"{VENV}/bin/python", *sys.argv])


def main():
    options = arguments(sys.argv[1:])
    in_venv(options.format)
    receiver = Receiver(options, importlib.import_module(options.format).Format(options))
    listener, control = listening(options.port, options.address), listening(0)
    # Waited for, not handled: a signal that comes just before a blocking call would be noticed only after it.
    signals = {signal.SIGTERM, signal.SIGINT}
    signal.pthread_sigmask(signal.SIG_BLOCK, signals)
    threading.Thread(target=controlled, args=(receiver, control), daemon=True).start()
    threading.Thread(target=accepting, args=(receiver, listener), daemon=True).start()
    print(f"port {listener.getsockname()[1]} control {control.getsockname()[1]}", flush=True)
    signal.sigwait(signals)
    print(json.dumps(receiver.counts), flush=True)
    # Not sys.exit: connections that stand still must not hold up the end.
    os._exit(1 if receiver.counts["violations"] else 0)


def accepting(receiver, listener):
    while True:
        sock, _ = listener.accept()
        threading.Thread(target=receiver.serve, args=(sock,), daemon=True).start()


if __name__ == "__main__":
    main()

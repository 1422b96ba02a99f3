#!/usr/bin/env python3
"""Captures the d28-* vectors from a private Docker engine: NAME.req as sent, NAME.resp as received, byte for byte.

    sudo ./capture.py [FOLDER]              writes to FOLDER (default: beside this script), with d28-index.md
    sudo ./capture.py FOLDER 20 order       only these parts (functions below), from this engine (20 or 28); no index

Needs Linux, root and the engine that .ci/engines unpacks. The engine is started for this run only, under a temporary folder.
A new capture differs from an old one in ids, dates and in how the streams interleave, so expected decodings must be made anew.
"""

import io
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tarfile
import tempfile
import time
import urllib.parse

ENGINES = os.environ.get("DOCKLOG_ENGINES", "/opt/docklog-engines")
APPLETS = ["sh", "echo", "printf", "sleep", "usleep", "cat", "head", "tr"]
LONG = "head -c {n} /dev/zero | tr '\\0' {c}"


class Engine:
    """A private dockerd, and the few requests that set the scene for a capture."""

    def __init__(self, major):
        self.major, self.bin = major, f"{ENGINES}/docker-{major}/bin"
        self.dir = tempfile.mkdtemp(prefix="docklog-capture-")
        self.sock = f"{self.dir}/docker.sock"
        self.start()
        self.image()

    def start(self):
        for stale in ("pid", "exec/containerd/containerd.pid"):
            if os.path.exists(f"{self.dir}/{stale}"):
                os.unlink(f"{self.dir}/{stale}")
        flags = ["-H", f"unix://{self.sock}", "--data-root", f"{self.dir}/data", "--exec-root", f"{self.dir}/exec"]
        flags += ["--pidfile", f"{self.dir}/pid", "--bridge=none", "--iptables=false", "--ip6tables=false"]
        flags += ["--userland-proxy=false", "--live-restore"]
        flags += ["--containerd-namespace", "docklog-capture", "--containerd-plugins-namespace", "docklog-capture-plugins"]
        log = open(f"{self.dir}/dockerd.log", "ab")
        env = dict(os.environ, PATH=f"{self.bin}:/usr/sbin:/usr/bin:/sbin:/bin")
        self.process = subprocess.Popen([f"{self.bin}/dockerd", *flags], env=env, stdout=log, stderr=log, start_new_session=True)
        for _ in range(200):
            try:
                if self.call("GET", "/_ping")[0] == 200:
                    return
            except OSError:
                pass
            time.sleep(0.1)
        raise SystemExit(f"dockerd does not answer, see {self.dir}/dockerd.log")

    def connect(self):
        sock = socket.socket(socket.AF_UNIX)
        sock.connect(self.sock)
        sock.settimeout(60)
        return sock

    def call(self, method, path, body=b"", kind="application/json"):
        """One request on its own connection; the response's status and body (HTTP/1.0, so that nothing is chunked)."""
        with self.connect() as sock:
            head = f"{method} {path} HTTP/1.0\r\nHost: docker\r\nContent-Type: {kind}\r\nContent-Length: {len(body)}\r\n\r\n"
            sock.sendall(head.encode() + body)
            data = b""
            while piece := sock.recv(65536):
                data += piece
        head, _, body = data.partition(b"\r\n\r\n")
        return int(head.split()[1]), body

    def must(self, method, path, **spec):
        status, body = self.call(method, path, json.dumps(spec).encode() if spec else b"")
        if status >= 400:
            raise SystemExit(f"{method} {path}: {status} {body}")
        return json.loads(body) if body.strip() else None

    def image(self):
        """An image of nothing but busybox, imported as a tar."""
        tar = io.BytesIO()
        with tarfile.open(fileobj=tar, mode="w") as archive:
            archive.add(f"{ENGINES}/busybox", "bin/busybox")
            for name in APPLETS:
                link = tarfile.TarInfo(f"bin/{name}")
                link.type, link.linkname = tarfile.SYMTYPE, "busybox"
                archive.addfile(link)
        status, body = self.call("POST", "/images/create?fromSrc=-&repo=bb", tar.getvalue(), "application/x-tar")
        if status != 200:
            raise SystemExit(f"import: {status} {body}")

    def create(self, name, script, tty=False, driver="json-file", **extra):
        spec = {"Image": "bb", "Cmd": ["/bin/sh", "-c", script], "Tty": tty, "StopSignal": "SIGKILL"}
        spec["HostConfig"] = {"NetworkMode": "none", "LogConfig": {"Type": driver, "Config": {}}}
        return self.must("POST", f"/containers/create?name={name}", **spec, **extra)["Id"]

    def run(self, name, script, **how):
        container = self.create(name, script, **how)
        self.must("POST", f"/containers/{container}/start")
        return container

    def ran(self, name, script, **how):
        """A container that has come to its end, and whose log is complete."""
        container = self.run(name, script, **how)
        self.must("POST", f"/containers/{container}/wait")
        time.sleep(0.3)
        return container

    def kill(self, how=signal.SIGKILL):
        self.process.send_signal(how)
        self.process.wait()

    def close(self):
        _, body = self.call("GET", "/containers/json?all=1")
        for container in json.loads(body):
            self.call("DELETE", f"/containers/{container['Id']}?force=1&v=1")
        self.kill(signal.SIGTERM)
        # With --live-restore, dockerd leaves its data root mounted on itself.
        subprocess.run(["umount", f"{self.dir}/data"], stderr=subprocess.DEVNULL)
        shutil.rmtree(self.dir, ignore_errors=True)


class Capture:
    """Writes request/response pairs, and remembers what each is."""

    def __init__(self, engine, folder):
        self.engine, self.folder, self.index = engine, folder, []

    def exchange(self, name, what, request, during=None, quiet=1.0, most=60.0, half=False):
        """Sends `request`, runs `during` once the head is there, closes its `half` of the connection, reads to the end of the
        response, until it is quiet, or for `most` seconds."""
        sock = self.engine.connect()
        sock.settimeout(quiet)
        sock.sendall(request)
        response, ended = b"", "left open by the engine"
        if during:
            response += sock.recv(65536)
            during()
        if half:
            sock.shutdown(socket.SHUT_WR)
        until = time.monotonic() + most
        while time.monotonic() < until:
            try:
                piece = sock.recv(65536)
            except TimeoutError:
                break
            except ConnectionResetError:
                ended = "reset by the engine"
                break
            if not piece:
                ended = "closed by the engine"
                break
            response += piece
        sock.close()
        for end, data in (("req", request), ("resp", response)):
            with open(f"{self.folder}/{name}.{end}", "wb") as file:
                file.write(data)
        self.index.append(f"| `{name}` | {len(request)} | {len(response)} | {what}; {ended} |")
        print(f"{name}: {len(response)} bytes")

    def get(self, name, what, path, during=None, version="1.1", method="GET", headers="", **how):
        request = f"{method} {path} HTTP/{version}\r\nHost: docker\r\n{headers}\r\n".encode()
        self.exchange(name, what, request, during, **how)

    def logs(self, name, what, container, query="timestamps=1", prefix="", **how):
        how.setdefault("headers", "Connection: close\r\n")
        path = f"{prefix}/containers/{container}/logs?stdout=1&stderr=1{'&' + query if query else ''}"
        self.get(f"d{self.engine.major}-{name}", what, path, **how)

    def write_index(self):
        with open(f"{self.folder}/d28-index.md", "w") as file:
            version = json.loads(self.engine.call("GET", "/version")[1])
            file.write(f"# Captures of dockerd {version['Version']} (API {version['ApiVersion']})\n")
            file.write("`NAME.req` as sent, `NAME.resp` as received. Made by `capture.py`.\n\n")
            file.write("| name | req bytes | resp bytes | what |\n|---|---|---|---|\n")
            file.write("\n".join(self.index) + "\n")


def plain(engine, capture):
    short = "echo o1; usleep 20000; echo e1 >&2; usleep 20000; echo o2; usleep 20000; echo; usleep 20000; echo e2 >&2"
    c = engine.ran("plain", short)
    logs = capture.logs
    logs("logs-nontty", "non-TTY, no time stamps; holds an empty line", c, "")
    logs("logs-nontty-ts", "non-TTY, timestamps=1", c)
    logs("logs-nontty-keepalive-ts", "the same without Connection: close", c, headers="")
    logs("logs-nontty-v1.24-ts", "oldest API version: multiplexed all the same", c, prefix="/v1.24")
    logs("logs-nontty-v1.51-ts", "newest API version", c, prefix="/v1.51")
    logs("logs-nontty-http10-ts", "HTTP/1.0: the body isn't chunked and ends with the connection", c, version="1.0", headers="")
    logs("logs-tail0", "tail=0", c, "timestamps=1&tail=0")
    logs("logs-tail1", "tail=1", c, "timestamps=1&tail=1")
    logs("logs-badsince", "since=bad", c, "since=bad")
    logs("logs-badtail", "tail=bad is taken for all", c, "tail=bad")
    capture.get("d28-logs-stdout-only", "stdout=1 only", f"/containers/{c}/logs?stdout=1&timestamps=1")
    capture.get("d28-logs-nostreams-400", "neither stdout nor stderr", f"/containers/{c}/logs")
    logs("follow-exited", "follow=1 on an exited container: ends at once", c, "timestamps=1&follow=1")
    logs("badver-1.99-logs", "logs with a version that is too new", c, prefix="/v1.99")
    two = f"GET /containers/{c}/logs?stdout=1&stderr=1&timestamps=1 HTTP/1.1\r\nHost: docker\r\n\r\n"
    two += "GET /_ping HTTP/1.1\r\nHost: docker\r\n\r\n"
    capture.exchange("d28-keepalive-2reqs", "two pipelined requests: logs, then _ping", two.encode())
    capture.get("d28-inspect", "inspect, non-TTY, exited", f"/containers/{c}/json")
    t = engine.ran("terminal", "echo o1; usleep 20000; echo e1 >&2; usleep 20000; printf 'no end'", tty=True)
    logs("logs-tty", "TTY, no time stamps", t, "")
    logs("logs-tty-ts", "TTY, timestamps=1", t)
    logs("logs-tty-v1.51-ts", "TTY, newest API version", t, prefix="/v1.51")
    logs("logs-tty-http10-ts", "TTY, HTTP/1.0: no message boundaries left", t, version="1.0", headers="")
    logs("follow-created", "follow on a created, never started container", engine.create("created", "echo"), "timestamps=1&follow=1")


def long_lines(engine, capture):
    logs = capture.logs
    a40000 = LONG.format(n=40000, c="t")
    c = engine.ran("tty-long", f"echo before; {a40000}; echo; echo after", tty=True)
    logs("logs-tty-long40000-ts", "TTY, a 40,000-byte line between short ones, timestamps=1", c)
    logs("logs-tty-long40000", "the same without time stamps", c, "")
    parts = "; ".join(f"{LONG.format(n=10000, c='o')}; {LONG.format(n=5000, c='e')} >&2; usleep 50000" for _ in range(4))
    c = engine.ran("interleaved", f"{parts}; echo; echo >&2; usleep 20000; echo o-after; echo e-after >&2")
    logs("long-interleaved-ts", "40,000 bytes on stdout and 20,000 on stderr, written by turns", c)
    logs("long-interleaved", "the same without time stamps", c, "")
    c = engine.ran("exact", f"{LONG.format(n=16384, c='x')}; echo; {LONG.format(n=16383, c='y')}; echo; echo after")
    logs("logs-exactly16384-ts", "a line of exactly 16,384 bytes, one of 16,383, a short one", c)
    c = engine.ran("local-long", f"{a40000}; echo; echo after; {LONG.format(n=16384, c='x')}; echo; echo end", driver="local")
    logs("local-long40000-ts", "`local` driver: 40,000 bytes, a short line, 16,384 bytes, a short line", c)
    c = engine.ran("unended", "echo first; usleep 20000; printf 'out unended'; usleep 20000; printf 'err unended' >&2")
    logs("logs-unterminated-ts", "last lines of both streams without newline", c)
    engine.must("POST", f"/containers/{c}/start")
    engine.must("POST", f"/containers/{c}/wait")
    time.sleep(0.3)
    logs("logs-unterminated-restarted-ts", "the same container after a second start", c)
    slow = f"{LONG.format(n=17000, c='o')}; usleep 300000; echo e1 >&2; usleep 300000; printf rest; usleep 300000; echo e2 >&2; echo"
    c = engine.ran("slow", slow)
    logs("slow-partial-ts", "a long line that gets its rest, and its end, after two lines of the other stream", c)


def odd_bytes(engine, capture):
    bytes_ = "printf 'a\\000b\\377\\376c\\033[31mred\\033[0m\\r\\n'; printf '\\n'; printf '\\342\\202\\254\\n'; printf 'half \\342\\202\\n'"
    c = engine.ran("binary", bytes_)
    capture.logs("logs-binary-bytes", "NUL, invalid UTF-8, ESC, CR LF, an empty line, a euro sign, a cut one; json-file", c, "")
    capture.logs("logs-binary-bytes-ts", "the same, timestamps=1", c)
    c = engine.ran("binary-local", bytes_, driver="local")
    capture.logs("logs-binary-bytes-local-ts", "the same through the `local` driver, which is 8-bit clean", c)
    c = engine.ran("binary-tty", bytes_, tty=True)
    capture.logs("logs-binary-bytes-tty-ts", "the same on a TTY", c)


def refusals(engine, capture):
    get, logs = capture.get, capture.logs
    c = engine.ran("none", "echo lost", driver="none")
    logs("logs-driver-none", "log driver none", c)
    logs("logs-driver-none-follow", "log driver none, follow=1", c, "timestamps=1&follow=1")
    for name, tty in (("removed", False), ("removed-tty", True)):
        c = engine.run(name, "echo seen; sleep 600", tty=tty)
        time.sleep(0.3)
        os.unlink(engine.must("GET", f"/containers/{c}/json")["LogPath"])
        suffix = "-tty" if tty else ""
        logs(f"logs-after-logfile-removed{suffix}", "the json log file was unlinked", c)
        logs(f"follow-after-logfile-removed{suffix}", "the same, follow=1", c, "timestamps=1&follow=1")
    c = engine.run("corrupt", "echo one; usleep 50000; echo two; sleep 600")
    time.sleep(0.3)
    with open(engine.must("GET", f"/containers/{c}/json")["LogPath"], "a") as log:
        log.write('{"log":"half\n\0\0garbage\n')
    what = "follow of a running container; garbage after its second line in the json log file: silent from there on"
    logs("follow-corrupt-json", what, c, "timestamps=1&follow=1", quiet=5)
    logs("logs-404", "unknown container", "nosuch")
    get("d28-inspect-404", "inspect of an unknown container", "/containers/nosuch/json")
    get("d28-nosuchpath", "unknown path", "/nosuchpath")
    for version, what in (("1.99", "too new"), ("1.23", "too old"), ("1.11", "far too old")):
        get(f"d28-badver-{version}", f"API version {version}: {what}", f"/v{version}/containers/json")
    capture.exchange("d28-garbage", "a request that is none", b"garbage\r\n\r\n")
    capture.exchange("d28-logs-nohost", "HTTP/1.1 without Host", f"GET /containers/{c}/logs?stdout=1 HTTP/1.1\r\n\r\n".encode())


def order(engine, capture):
    """Logs as engines meet them after a clock was set back, and the two channels' readers have overtaken one another."""
    c = engine.ran("inverted", "echo")
    stamp = "2026-11-23T20:00:10.{}00000000Z"
    with open(engine.must("GET", f"/containers/{c}/json")["LogPath"], "w") as log:
        for stream, tenths in (("stdout", 1), ("stderr", 3), ("stdout", 2), ("stdout", 4)):
            log.write(json.dumps({"log": f"10.{tenths}\n", "stream": stream, "time": stamp.format(tenths)}) + "\n")
    file = "a json log file whose records bear 10.1, 10.3 (stderr), 10.2, 10.4"
    capture.logs("logs-inverted-ts", file, c)
    at = 1795464010  # 2026-11-23T20:00:10Z
    capture.logs("logs-inverted-since-ts", f"{file}; since=10.3", c, f"timestamps=1&since={at}.300000000")
    capture.logs("logs-inverted-since-next-ts", f"{file}; since= one nanosecond later", c, f"timestamps=1&since={at}.300000001")
    capture.logs("logs-inverted-until-ts", f"{file}; until=10.2", c, f"timestamps=1&until={at}.200000000")


def truncated(engine, capture):
    c = engine.run("truncated", "i=0; while [ $i -lt 300 ]; do i=$((i+1)); echo early $i; done; while usleep 300000; do echo late; done")
    time.sleep(1)
    os.truncate(engine.must("GET", f"/containers/{c}/json")["LogPath"], 0)
    time.sleep(1)
    what = "the json log file was truncated while the container runs"
    capture.logs("logs-truncated-tail-ts", f"{what}; tail=2", c, "timestamps=1&tail=2", quiet=3)
    capture.logs("logs-truncated-all-ts", f"{what}; all of it", c)
    capture.logs("follow-truncated-ts", f"{what}; follow=1, for 3 s", c, "timestamps=1&follow=1", quiet=3, most=3)
    capture.get(f"d{engine.major}-logs-tty-stderr-only", "TTY, stderr=1 only: nothing",
        f"/containers/{engine.ran('terminal-err', 'echo e >&2', tty=True)}/logs?stderr=1")


def half_closed(engine, capture):
    c = engine.run("half-closed", "echo one; sleep 600")
    time.sleep(0.3)
    what = "follow of a running container by a client that has closed its half"
    capture.logs("follow-half-closed-ts", what, c, "timestamps=1&follow=1", during=lambda: time.sleep(0.2), half=True, headers="")
    capture.logs("logs-format-json-ts", "format=json: not known to this engine", c, "timestamps=1&format=json")


def unended(engine, capture):
    """A last line without newline, in a follow and in a look after it."""
    c = engine.run("unended-follow", "echo first; usleep 700000; printf 'no newline'")
    capture.logs("follow-unterminated-ts", "follow up to the container's end; its last line has no newline", c, "timestamps=1&follow=1")
    time.sleep(0.5)
    capture.logs("logs-after-unterminated-ts", "the same log, read half a second later", c)


def lists(engine, capture):
    get = capture.get
    get("d28-version", "GET /version", "/version")
    get("d28-ping", "GET /_ping", "/_ping")
    get("d28-head-ping", "HEAD /_ping", "/_ping", method="HEAD")
    engine.run("labelled", "sleep 600", Labels={"com.docker.compose.project": "shop", "com.docker.compose.service": "web", "note": 'a "b"\n€'})
    c = engine.run("inspected-tty", "sleep 600", tty=True)
    get("d28-inspect-tty", "inspect, TTY, running", f"/containers/{c}/json")
    get("d28-containers-json", "list of the running containers; labels", "/containers/json")
    get("d28-containers-json-all", "list of all containers", "/containers/json?all=1")
    empty = urllib.parse.quote(json.dumps({"name": ["nosuch"]}))
    get("d28-containers-json-empty", "an empty list", f"/containers/json?filters={empty}")


def life(engine, name):
    """Every event that a container's life knows."""
    c = engine.run(name, "echo one; sleep 600")
    for step in ("pause", "unpause", f"rename?name={name}-2", "restart?t=0", "update", "stop?t=0", "start", "kill"):
        body = {"CpuShares": 512} if step == "update" else {}
        engine.must("POST", f"/containers/{c}/{step}", **body)
        time.sleep(0.2)
    engine.must("DELETE", f"/containers/{c}")


def events(engine, capture):
    filters = urllib.parse.quote(json.dumps({"type": ["container"]}))
    since = time.time()
    capture.get("d28-events", "events of a container's life, as it lives", f"/events?filters={filters}", lambda: life(engine, "lively"))
    until = time.time()
    window = f"since={since:.9f}&until={until:.9f}"
    capture.get("d28-events-since-until", "the same events again by since= and until=: ends", f"/events?filters={filters}&{window}")
    few = urllib.parse.quote(json.dumps({"type": ["container"], "event": ["start", "die", "destroy", "rename"]}))
    capture.get("d28-events-filtered", "only start, die, destroy, rename of them", f"/events?filters={few}&{window}")
    capture.get("d28-events-badfilter", "filters that are not JSON", "/events?filters=%7B")
    capture.get("d28-events-since-after-until", "since after until", f"/events?since={until:.9f}&until={since:.9f}")


def endings(engine, capture):
    """Last, because the engine is killed here."""
    talk = "i=0; while :; do i=$((i+1)); echo out $i; echo err $i >&2; usleep 100000; done"
    cases = (("stop", "stop?t=0", "stopped"), ("restart", "restart?t=0", "restarted"), ("rm-f", None, "removed by force"))
    for name, step, what in cases:
        c = engine.run(f"follow-{name}", talk)

        def end(c=c, step=step):
            time.sleep(0.7)
            engine.must("POST", f"/containers/{c}/{step}") if step else engine.must("DELETE", f"/containers/{c}?force=1")

        capture.logs(f"follow-{name}", f"follow, container {what}", c, "timestamps=1&follow=1", during=end, headers="")
    c = engine.run("follow-tty", talk, tty=True)
    stop = lambda: (time.sleep(0.7), engine.must("POST", f"/containers/{c}/stop?t=0"))
    capture.logs("follow-tty-stop", "follow of a TTY container, stopped", c, "timestamps=1&follow=1", during=stop, headers="")
    for name, how in (("sigkill", signal.SIGKILL), ("sigterm", signal.SIGTERM)):
        c = engine.run(f"follow-{name}", talk)
        end = lambda how=how: (time.sleep(0.7), engine.kill(how))
        what = f"follow, dockerd ended by {name.upper()} (live-restore): no last chunk"
        capture.logs(f"follow-dockerd-{name}", what, c, "timestamps=1&follow=1", during=end, headers="", quiet=8)
        engine.start()


PARTS = (plain, long_lines, odd_bytes, refusals, order, truncated, half_closed, unended, lists, events, endings)


def main():
    folder = sys.argv[1] if len(sys.argv) > 1 else os.path.dirname(os.path.abspath(__file__))
    only = sys.argv[3:]
    engine = Engine(sys.argv[2] if len(sys.argv) > 2 else "28")
    try:
        capture = Capture(engine, folder)
        for part in PARTS:
            if not only or part.__name__ in only:
                part(engine, capture)
        if only:
            print("\n".join(capture.index))
        else:
            capture.write_index()
    finally:
        engine.close()


if __name__ == "__main__":
    main()

#!/usr/bin/env python3
"""Writes the x-* vectors: answers that no engine was seen to send, or that a proxy would make of an engine's.

    ./synthetic.py      then ./expect.py and ./manifest.py
"""

import os
import struct

HERE = os.path.dirname(os.path.abspath(__file__))
ID = "0123456789abcdef" * 4
HEAD = b"HTTP/1.1 200 OK\r\nApi-Version: 1.51\r\nServer: Docker/28.5.2 (linux)\r\n"
CHUNKED = HEAD + b"Transfer-Encoding: chunked\r\n\r\n"
JSON = HEAD + b"Content-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n"
OLD = b"HTTP/1.0 200 OK\r\nApi-Version: 1.51\r\n\r\n"


def put(name, resp, path=f"/containers/{ID}/logs?stdout=1&stderr=1&timestamps=1", method="GET"):
    for kind, data in (("req", f"{method} {path} HTTP/1.1\r\nHost: docker\r\n\r\n".encode()), ("resp", resp)):
        with open(f"{HERE}/x-{name}.{kind}", "wb") as file:
            file.write(data)


def time(n):
    return b"2026-11-23T20:16:%02d.%09dZ" % (n % 60, n * 1_000_003)


def frame(kind, payload):
    return struct.pack(">BxxxI", kind, len(payload)) + payload


def out(n, text=None, kind=1):
    return frame(kind, time(n) + b" " + (b"line %d\n" % n if text is None else text))


def chunk(data):
    return b"%x\r\n%s\r\n" % (len(data), data)


def chunks(pieces):
    return b"".join(map(chunk, pieces)) + b"0\r\n\r\n"


def cut(data, *lengths):
    """Cuts data into pieces of these lengths, over and over."""
    pieces, at, turn = [], 0, 0
    while at < len(data):
        pieces.append(data[at : at + lengths[turn % len(lengths)]])
        at, turn = at + len(pieces[-1]), turn + 1
    return pieces


def heads():
    body = chunks([out(1), out(2, kind=2)])
    put("head-bare-lf", HEAD + b"Transfer-Encoding: chunked\n\r\n" + body)
    put("head-not-http", b"HTTQ/1.1 200 OK\r\n\r\n")
    put("head-interim", b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n" + CHUNKED + body)
    put("head-upgraded", b"HTTP/1.1 101 UPGRADED\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n\r\n" + out(1))
    put("head-both", HEAD + b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n" + body)
    put("head-http10-chunked", b"HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + body)
    put("head-gzip", HEAD + b"Transfer-Encoding: gzip, chunked\r\n\r\n" + body)
    put("head-chunked-twice", HEAD + b"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n" + body)
    put("head-length-plus", HEAD + b"Content-Length: +5\r\n\r\nhello")
    put("head-lengths-differ", HEAD + b"Content-Length: 5\r\nContent-Length: 6\r\n\r\nhello")
    one = out(1)
    put("head-lengths-equal", HEAD + b"Content-Length: %d\r\ncontent-length: %d, %d\r\n\r\n" % ((len(one),) * 3) + one)
    put("head-case", b"HTTP/1.1 200\r\ntransfer-ENCODING:\t Chunked \r\n\r\n" + body)
    put("204", b"HTTP/1.1 204 No Content\r\nContent-Length: 5\r\n\r\nhello")
    put("403-proxy", b"HTTP/1.0 403 Forbidden\r\nCache-Control: no-cache\r\nContent-Type: text/html\r\n\r\n"
        b"<html><body><h1>403 Forbidden</h1>\nRequest forbidden by administrative rules.\n</body></html>\n")
    podman = b"HTTP/1.1 200 OK\r\nApi-Version: 1.41\r\nLibpod-Api-Version: 6.0.0\r\nTransfer-Encoding: chunked\r\n\r\n"
    gone = b'{"cause":"no such container","message":"failed to obtain logs for Container \'web\'","response":500}\n'
    put("gone-200-chunked", podman + chunks(cut(gone, 7)))
    put("tty-gone-200-chunked", podman + chunks([gone]))
    put("500-control", b"HTTP/1.1 500 Oops\r\nTransfer-Encoding: chunked\r\n\r\n"
        + chunks([b'{"message":"a\\u001b[2Jb', b'\\nc"}\n']))
    put("head-cut", HEAD[:40])


def chunk_coding():
    def body(name, data):
        put(f"chunk-{name}", CHUNKED + chunk(out(1)) + data)

    rest = out(2)
    size = b"%x" % len(rest)
    good = rest + b"\r\n0\r\n\r\n"
    body("empty-size", b"\r\n")
    body("empty-size-extension", b";a=b\r\n\r\n")
    body("plus", b"+" + size + b"\r\n" + good)
    body("0x", b"0x" + size + b"\r\n" + good)
    body("blank", b" " + size + b"\r\n" + good)
    body("blank-after", size + b" \r\n" + good)
    body("bare-lf", size + b"\n" + good)
    body("cr-alone", size + b"\rx" + good)
    body("overflow", b"1" + b"0" * 16 + b"\r\n" + good)
    body("huge", b"f" * 16 + b"\r\n" + rest)
    body("no-crlf", size + b"\r\n" + rest + b"0\r\n\r\n")
    body("extensions", b"000" + size.upper() + b';name;key=value;q="a b;c"\r\n' + rest + b"\r\n"
         + size + b" \t;x\r\n" + rest + b"\r\n000;last\r\nExpires: never\r\nX-A:\tb\r\n\r\nHTTP/1.1 200 OK\r\n")
    body("extension-control", size + b";a\x00\r\n" + good)
    body("trailer-control", b"0\r\nX: a\x01\r\n\r\n")
    body("trailer-bare-lf", b"0\r\nX: a\n\r\n")
    body("long-line", size + b";" + b"x" * 4096 + b"\r\n" + good)
    body("end-cut", b"0\r\n\r")


def frames():
    good = out(1)
    body = b"".join(out(n, kind=1 + n % 2) for n in range(30)) + out(31, b"unfinished")
    put("frames-rechunked", CHUNKED + chunks(cut(body, 1, 2, 3, 5, 7, 50, 120)))
    put("frame-type", CHUNKED + chunks([good, b"\x04\0\0\0\0\0\0\x05hello"]))
    put("frame-padding", CHUNKED + chunks([good, b"\x01\0\x01\0\0\0\0\x05hello"]))
    put("frame-too-long", CHUNKED + chunks([good, struct.pack(">BxxxI", 1, (1 << 20) + 1) + b"hello"]))
    put("frame-longest-cut", CHUNKED + chunk(good) + chunk(struct.pack(">BxxxI", 1, 1 << 20) + b"hello"))
    put("frame-cut-by-last-chunk", CHUNKED + chunks([good, out(2)[:-4]]))
    put("frame-cut-by-length", HEAD + b"Content-Length: %d\r\n\r\n" % (2 * len(good) - 3) + good + out(2)[:-3])
    put("frame-header-cut-by-last-chunk", CHUNKED + chunks([good, b"\x01\0\0"]))
    put("frame-cut-by-close", CHUNKED + chunk(good) + chunk(out(2)[:-4]))
    put("http10-cut-in-frame", OLD + good + out(2)[:-4])
    put("http10-frames", OLD + good + out(2))
    put("frame-stdin", CHUNKED + chunks([out(1, kind=0), frame(1, b""), frame(2, b"\n"), frame(3, b"Error grabbing logs: x")]))
    stamps = [
        b"2026-11-23T20:16:07Z s", b"2026-11-23T20:16:07.1Z tenth", b"2026-11-23T20:16:07.123456789012Z picoseconds",
        b"2026-11-23T12:16:07.000000001-08:00 west", b"2026-11-23T20:16:07+23:59 east", b"2024-02-29T00:00:00Z leap day",
        b"2026-11-23T20:16:07." + b"1" * 43 + b"Z 64 bytes", b"2026-11-23T20:16:07." + b"1" * 44 + b"Z 65 bytes",
        b"2023-02-29T00:00:00Z no leap day", b"2026-13-01T00:00:00Z no month", b"2026-11-23T24:00:00Z no hour",
        b"2026-11-23T20:16:60Z no second", b"2026-11-23T20:16:07+24:00 no offset", b"2026-11-23T20:16:07.Z no digit",
        b"2026-11-23T20:16:07Zno blank", b"2026-11-23 20:16:07Z blank", b"none", b"2026-11-23T20:16:07Z ",
        b"2026-11-23T20:16:07Z", b"2026-11-23T20:16:07Z text\r", b"2026-11-23T20:16:07Z two\nlines",
    ]
    put("stamps", CHUNKED + chunks([frame(1, text + b"\n") for text in stamps]))
    put("local", CHUNKED + chunks([
        out(1, b"t" * 16384), out(1, b"t" * 100), out(2, b"after\n"),
        out(3, b"x" * 16384), out(3, b""), out(4, b"end\n")]))


def tty():
    def message(n, text):
        return time(n) + b" " + text

    def long(n, length):
        text = (b"%d-" % n + b"abcdefghijklmnop" * (length // 16 + 1))[:length] + b"\r\n"
        return [message(n, part) for part in cut(text, 16384)] + ([message(n, b"")] if len(text) % 16384 == 0 else [])

    short = [message(n, b"line %d\r\n" % n) for n in range(8)] + [message(9, b"\r\n"), message(10, b"12:30 2026-11\r\n")]
    lines = short[:2] + long(20, 40000) + short[2:4] + long(21, 16382) + long(22, 16383) + long(23, 16384) + [message(30, b"$ ")]
    body = b"".join(lines)
    put("tty-rechunked", CHUNKED + chunks(cut(body, 4096, 1, 977, 16000, 35)))
    put("tty-one-chunk", CHUNKED + chunks([body]))
    put("tty-until-close", OLD + body)
    put("tty-bytewise", CHUNKED + chunks(cut(b"".join(short + [message(30, b"$ ")]), 1)))
    put("tty-cr-cut", CHUNKED + chunks([
        message(1, b"a\r"), b"\n", message(2, b"b\r"), b"\r\n", message(3, b"50%\r"), b"60%\r", b"70%\r\n",
        message(4, b"x" * 16383 + b"\r"), message(4, b"\n"), message(5, b"\r"), b"\n", message(6, b"left\r")]))
    put("tty-local", CHUNKED + chunks([
        message(1, b"t" * 16384), message(1, b"t" * 100 + b"\r"), message(2, b"after\r\n"),
        message(3, b"x" * 16383 + b"\r"), message(3, b""), message(4, b"prompt\r")]))
    put("tty-restarted", CHUNKED + chunks([message(1, b"a\r\n"), message(2, b"login: "), message(3, b"a\r\n"), message(4, b"login: ")]))
    error = b"Error grabbing logs: open /var/lib/docker/x-json.log: no such file or directory\n"
    put("tty-engine-error-rechunked", CHUNKED + chunks(cut(message(1, b"a\r\n") + error + message(2, b"b\r\n"), 13, 40)))
    put("tty-no-stamp", CHUNKED + chunks([b"plain\r\n", message(1, b"a\r\n"), b"2026\r\n", b"Error\r\n", b"half ", message(2, b"b\r\n")]))
    put("tty-stamp-in-text", CHUNKED + chunks([message(1, b"at " + time(2) + b" x\r\n"), message(3, time(4) + b" y\r\n")]))
    put("tty-offset", CHUNKED + chunks(cut(b"".join(b"2026-11-23T12:16:%02d.5-08:00 n\r\n" % n for n in range(9)), 17)))
    put("tty-stamp-hypotheses", CHUNKED + chunks([message(1, b"a"), b"20", message(2, b"b\r\n"), message(3, b"c"), b"2026-", b"1", message(4, b"d\r\n")]))
    put("tty-cut-in-chunk", CHUNKED + chunk(message(1, b"a\r\n")) + b"30\r\n" + message(2, b"b")[:35])
    put("tty-cut-in-stamp", CHUNKED + chunk(message(1, b"a\r\n")) + chunk(b"2026-11") + b"30\r\n-23T")
    put("tty-cut-between-chunks", CHUNKED + chunk(message(1, b"a\r\n")) + chunk(message(2, b"b\r")))
    put("tty-plain", CHUNKED + chunks([b"one\r\n", b"two", b"\r\n", b"three\r\nfour\r\n", time(1) + b" five\r\n", b"end"]),
        f"/containers/{ID}/logs?stdout=1")


def documents():
    listed = (b' \r\n[ {"Id":"%s","Names":["/other/alias","/web"],"Image":"nginx","Labels":null,"State":"running","X":[{"}":"]\\"\\\\"}]}'
              b'\t,\n{"Id":"%s","Names":null,"Labels":{"a":null,"b":"\\u20ac"}},{"Id":"%s","Names":["bare"]} ]\n'
              % (ID.encode(), ID[::-1].encode(), ("ab" * 32).encode()))
    put("list", JSON + chunks(cut(listed, 1, 9, 30)), "/containers/json?all=1")
    put("list-broken", JSON + chunks([b'[{"Id":"%s"} {"Id":1}]' % ID.encode()]), "/containers/json")
    put("list-not-array", JSON + chunks([b'{"message":"x"}']), "/containers/json")
    put("list-after-end", JSON + chunks([b"[]]"]), "/containers/json")
    put("list-cut-by-last-chunk", JSON + chunks([b'[{"Id":"%s"}, {"Id"' % ID.encode()]), "/containers/json")
    put("list-cut-by-close", JSON + chunk(b'[{"Id":"%s"},' % ID.encode()), "/containers/json")

    def event(action, **attributes):
        pairs = b",".join(b'"%s":"%s"' % (key.encode(), value.encode()) for key, value in attributes.items())
        return (b'{"Type":"container","Action":"%s","Actor":{"ID":"%s","Attributes":{%s}},"time":1795465293,'
                b'"timeNano":1795465293000000007}' % (action.encode(), ID.encode(), pairs))

    events = [event("start", name="web", image="nginx", tier="front"), event("die", name="web", image="nginx", exitCode="137"),
              event("rename", name="new", image="nginx", oldName="/web"), event("exec_create: sh -c {", name="new"),
              event("remove", name="new", containerExitCode="0", podId=""), event("die", name="x", containerExitCode="3", podId=""),
              b'{"Type":"network","Action":"connect","Actor":{"ID":"n"}}', event("destroy", name="new").replace(b',"timeNano":1795465293000000007', b"")]
    put("events-glued", JSON + chunks(cut(b"".join(events), 200)), "/events")
    put("events-json-seq", JSON + chunks([b"\x1e" + value + b"\n" for value in events]), "/events")
    put("events-broken", JSON + chunks([events[0] + b"\n", b'{"Type":"conta\n', events[1]]), "/events")
    put("events-cut", JSON + chunk(events[0] + b"\n") + chunk(events[1][:50]), "/events")


for write in (heads, chunk_coding, frames, tty, documents):
    write()

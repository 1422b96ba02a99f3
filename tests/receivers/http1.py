"""HTTP/1.1 as a strict server reads it: a request after the other on a connection, and nothing forgiven."""

import re
import select
import socket
import struct
import time
import zlib
from urllib.parse import urlsplit

HEAD = 16 * 1024
BODY = 20 * 1024 * 1024  # what OTLP recommends, before and after decompression

TOKEN = re.compile(rb"[!#$%&'*+.^_`|~0-9A-Za-z-]+\Z")
VALUE = re.compile(rb"[\x21-\x7e\x80-\xff](?:[\t\x20-\x7e\x80-\xff]*[\x21-\x7e\x80-\xff])?\Z|\Z")
TARGET = re.compile(r"/[!$&'()*+,;=:@A-Za-z0-9._~%/-]*(?:\?[!$&'()*+,;=:@A-Za-z0-9._~%/?-]*)?\Z")
ONCE = ("host", "content-length", "content-type", "content-encoding", "authorization", "user-agent", "x-scope-orgid")

REASONS = {
    200: "OK", 202: "Accepted", 204: "No Content", 301: "Moved Permanently", 307: "Temporary Redirect",
    400: "Bad Request", 401: "Unauthorized", 403: "Forbidden", 404: "Not Found", 405: "Method Not Allowed",
    408: "Request Timeout", 411: "Length Required", 413: "Content Too Large", 415: "Unsupported Media Type",
    429: "Too Many Requests", 500: "Internal Server Error", 501: "Not Implemented", 502: "Bad Gateway",
    503: "Service Unavailable", 504: "Gateway Timeout", 507: "Insufficient Storage",
}  # fmt: skip


class Violation(Exception):
    """The client has done what the published interface forbids: the status to answer with, a word for the kind, and the story."""

    def __init__(self, status, kind, text):
        super().__init__(text)
        self.status, self.kind, self.text = status, kind, text


class Gone(Exception):
    """The client has closed its connection in the middle of a request."""


class Request:
    """A head: method, target, and headers by their small letters."""

    def __init__(self, method, target, headers):
        self.method, self.target, self.headers = method, target, headers
        self.path = urlsplit(target).path

    def length(self):
        """The body's length, which has to be told."""
        if "transfer-encoding" in self.headers:
            raise Violation(501, "http", "the length of a batch is known: Transfer-Encoding is not needed")
        length = self.headers.get("content-length")
        if length is None:
            raise Violation(411, "http", "no Content-Length")
        if not re.fullmatch(r"0|[1-9][0-9]{0,9}", length):
            raise Violation(400, "http", f"Content-Length {length!r}")
        if int(length) > BODY:
            raise Violation(413, "size", f"a body of {length} bytes")
        return int(length)

    def last(self):
        """Whether the client closes after it."""
        return "close" in self.headers.get("connection", "").lower()


class Connection:
    """A client's connection; its socket may be a TLS one."""

    def __init__(self, sock):
        self.sock = sock
        self.buffer = b""

    def more(self):
        piece = self.sock.recv(65536)
        self.buffer += piece
        return piece != b""

    def head(self):
        """The next request, or None where the client has closed between two."""
        while b"\r\n\r\n" not in self.buffer:
            if len(self.buffer) > HEAD:
                raise Violation(400, "http", f"a head of more than {HEAD} bytes")
            before = self.buffer
            if not self.more():
                if before == b"":
                    return None
                raise Gone
        head, self.buffer = self.buffer.split(b"\r\n\r\n", 1)
        return parse(head)

    def body(self, length, seconds=0.0):
        """So many bytes; read in small pieces over a time, if one is given."""
        start, step = time.monotonic(), max(1, length // 50)
        while len(self.buffer) < length:
            if seconds:
                due = start + seconds * len(self.buffer) / length
                time.sleep(max(0.0, due - time.monotonic()))
                piece = self.sock.recv(step)
                self.buffer += piece
                if not piece:
                    raise Gone
            elif not self.more():
                raise Gone
        body, self.buffer = self.buffer[:length], self.buffer[length:]
        return body

    def waiting(self):
        """Bytes that have come beyond the present request: nobody may send a second before the answer to the first."""
        if self.buffer:
            return True
        if getattr(self.sock, "pending", lambda: 0)() > 0:
            return True
        return self.readable() and not self.closed()

    def readable(self):
        return bool(select.select([self.sock], [], [], 0)[0])

    def closed(self):
        """Whether the client has hung up: it won't hear the answer."""
        if not self.readable():
            return False
        if hasattr(self.sock, "pending"):  # a TLS socket can't be peeked into
            timeout = self.sock.gettimeout()
            self.sock.setblocking(False)
            try:
                piece = self.sock.recv(65536)
                self.buffer += piece
                return piece == b""
            except (BlockingIOError, OSError) as error:
                return not is_want(error)
            finally:
                self.sock.settimeout(timeout)
        try:
            return self.sock.recv(1, socket.MSG_PEEK) == b""
        except OSError:
            return True

    def reset(self):
        """Ends it with a reset."""
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.sock.close()

    def close(self, patience=2.0):
        """Ends it as a good server does: says so, and reads on for a while, so that the answer isn't overtaken by a reset."""
        try:
            if hasattr(self.sock, "unwrap"):
                self.sock.settimeout(patience)
                self.sock = self.sock.unwrap()
            self.sock.shutdown(socket.SHUT_WR)
            deadline = time.monotonic() + patience
            while (left := deadline - time.monotonic()) > 0:
                self.sock.settimeout(left)
                if not self.sock.recv(65536):
                    break
        except OSError:
            pass
        self.sock.close()


def is_want(error):
    """TLS that waits for more bytes, and is not at its end."""
    return isinstance(error, BlockingIOError) or type(error).__name__ in ("SSLWantReadError", "SSLWantWriteError")


def parse(head):
    first, *lines = head.split(b"\r\n")
    if b"\n" in head.replace(b"\r\n", b"") or b"\r" in head.replace(b"\r\n", b""):
        raise Violation(400, "http", "a line end that is not CR LF")
    words = first.split(b" ")
    if len(words) != 3 or words[2] != b"HTTP/1.1":
        raise Violation(400, "http", f"the request line {first!r}")
    method, target = words[0].decode("latin-1"), words[1].decode("latin-1")
    if not TOKEN.match(words[0]) or not TARGET.match(target):
        raise Violation(400, "http", f"the request line {first!r}")
    headers = {}
    for line in lines:
        name, colon, value = line.partition(b":")
        value = value.strip(b" \t")
        if not colon or not TOKEN.match(name) or not VALUE.match(value):
            raise Violation(400, "http", f"the header {line!r}")
        name, value = name.decode().lower(), value.decode("latin-1")
        if name in headers and name in ONCE:
            raise Violation(400, "http", f"{name} twice")
        headers[name] = f"{headers[name]}, {value}" if name in headers else value
    if not headers.get("host"):
        raise Violation(400, "http", "no Host")
    return Request(method, target, headers)


def decoded(request, body, encoding):
    """The body without its encoding. `encoding` says which is expected: gzip, identity, any."""
    told = request.headers.get("content-encoding")
    if told not in (None, "gzip"):
        raise Violation(415, "encoding", f"Content-Encoding {told!r}")
    if encoding != "any" and encoding != (told or "identity"):
        raise Violation(415, "encoding", f"Content-Encoding {told!r}, but {encoding} is expected")
    if told is None:
        if body[:2] == b"\x1f\x8b":
            raise Violation(400, "encoding", "gzip that is not told as Content-Encoding")
        return body
    stream = zlib.decompressobj(31)  # gzip alone, with its header, checksum and length
    try:
        plain = stream.decompress(body, BODY + 1)
    except zlib.error as error:
        raise Violation(400, "encoding", f"gzip: {error}") from None
    if len(plain) > BODY:
        raise Violation(413, "size", f"a body of more than {BODY} bytes, decompressed")
    if not stream.eof:
        raise Violation(400, "encoding", "gzip that ends before its end")
    if stream.unused_data:
        raise Violation(400, "encoding", f"{len(stream.unused_data)} bytes after the end of gzip")
    return plain


def answer(status, kind="", body=b"", extra=(), chunked=False):
    """An answer's bytes."""
    lines = [f"HTTP/1.1 {status} {REASONS.get(status, 'Unknown')}", f"Date: {date(time.time())}"]
    if kind:
        lines.append(f"Content-Type: {kind}")
    if chunked and status != 204:
        lines.append("Transfer-Encoding: chunked")
        half = len(body) // 2
        pieces = [piece for piece in (body[:half], body[half:]) if piece]
        body = b"".join(b"%x;why=not\r\n%s\r\n" % (len(piece), piece) for piece in pieces) + b"0\r\nTrailer: x\r\n\r\n"
    elif status != 204:
        lines.append(f"Content-Length: {len(body)}")
    lines += [f"{name}: {value}" for name, value in extra]
    return "\r\n".join(lines).encode("latin-1") + b"\r\n\r\n" + (body if status != 204 else b"")


def date(seconds):
    """The form of dates in HTTP."""
    return time.strftime("%a, %d %b %Y %H:%M:%S GMT", time.gmtime(seconds))

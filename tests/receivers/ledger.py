"""What a receiver has received, in a file that survives it.

Words with tabs between; backslash, tab, newline and carriage return in them are escaped, as are bytes that are no UTF-8 (`\\xNN`):

    L REQUEST CONTAINER STREAM NANOSECONDS MESSAGE     a line was taken
    R REQUEST UNIXTIME FAULT TAKEN REFUSED             a request ends: how many lines were taken, and refused for good
    A REQUEST STATUS                                   its answer has gone out whole
    V REQUEST KIND TEXT                                a violation

A request's lines and its R are written in one piece before it is answered. Where an R is missing, the receiver died while it
wrote: then nothing was taken. Where an A is missing, the client can't know that lines were taken, and will send them again.
"""

import os
import threading

ESCAPES = {ord("\\"): "\\\\", ord("\t"): "\\t", ord("\n"): "\\n", ord("\r"): "\\r"}


def word(text):
    if isinstance(text, bytes):
        text = text.decode("utf-8", "surrogateescape")
    text = text.translate(ESCAPES)
    if text.isascii():
        return text
    return "".join(f"\\x{ord(c) - 0xDC00:02x}" if 0xDC80 <= ord(c) <= 0xDCFF else c for c in text)


class Ledger:
    """Appends; `None` for a path: keeps nothing."""

    def __init__(self, path):
        self.lock = threading.Lock()
        self.file = None
        if path:
            self.file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o644)
            size = os.fstat(self.file).st_size
            if size and os.pread(self.file, 1, size - 1) != b"\n":
                self.write("\n")

    def write(self, text):
        if self.file is None:
            return
        data = text.encode("utf-8")
        with self.lock:
            while data:
                data = data[os.write(self.file, data) :]

    def request(self, number, at, fault, taken, refused):
        lines = [f"L\t{number}\t{word(e.container)}\t{e.stream}\t{e.time}\t{word(e.message)}\n" for e in taken]
        lines.append(f"R\t{number}\t{at:.3f}\t{fault}\t{len(taken)}\t{refused}\n")
        self.write("".join(lines))

    def answered(self, number, status):
        self.write(f"A\t{number}\t{status}\n")

    def violation(self, number, kind, text):
        self.write(f"V\t{number}\t{kind}\t{word(text)}\n")

#!/usr/bin/env python3
"""A DNS server for tests: answers A and AAAA from a table that can be changed while it runs, rightly or otherwise.

    dns.py [--port N] [--record 'NAME ADDRESS…']… [--mode MODE]

Prints `port N control N` once it listens, UDP and TCP. On the control port, a command a line: `set NAME ADDRESS…`
(none: the name doesn't exist), `alias NAME NAME`, `mode MODE`, `counts`.

| mode | |
|---|---|
| `right` | answers |
| `silent` | doesn't |
| `late:S` | answers after S seconds |
| `nxdomain`, `servfail`, `refused` | says so, whatever is asked |
| `truncated` | over UDP: an empty answer with the bit TC; the whole one over TCP |
| `garbage` | random bytes |
| `short` | an answer that ends in the middle |
| `loop` | an answer whose names point to themselves |
| `other-id`, `other-name`, `other-port` | an answer to something that wasn't asked, or from elsewhere, as a forger would send it: it says 192.0.2.66 |
| `forged-first` | such a forgery (another id), then the right answer |
"""

import argparse
import ipaddress
import json
import random
import signal
import socket
import struct
import sys
import threading
import time

A, CNAME, AAAA, IN = 1, 5, 28, 1
CODES = {"servfail": 2, "nxdomain": 3, "refused": 5}
MODES = {
    "right",
    "silent",
    "truncated",
    "garbage",
    "short",
    "loop",
    "other-id",
    "other-name",
    "other-port",
    "forged-first",
    *CODES,
}
FORGED = [ipaddress.ip_address("192.0.2.66")]
TTL = 1


class Refused(Exception):
    """What came is no question that we answer."""


def name_bytes(name):
    return b"".join(bytes([len(label)]) + label.encode() for label in name.rstrip(".").split(".")) + b"\0"


def question(packet):
    """Id, flags, name in small letters, type, and the question's bytes; strict."""
    if len(packet) < 12:
        raise Refused(f"{len(packet)} bytes are no question")
    ident, flags, count, answers, authorities, additional = struct.unpack("!6H", packet[:12])
    if flags & 0xFE00 or count != 1 or answers or authorities or additional > 1:
        raise Refused(f"flags {flags:#06x}, counts {count} {answers} {authorities} {additional}")
    labels, at = [], 12
    while True:
        if at >= len(packet):
            raise Refused("a name without end")
        length = packet[at]
        if length == 0:
            break
        if length > 63 or at + 1 + length > len(packet):
            raise Refused("a label that is too long")
        labels.append(packet[at + 1 : at + 1 + length].decode("latin-1"))
        at += 1 + length
    if len(packet) < at + 5:
        raise Refused("a question that ends early")
    kind, class_ = struct.unpack("!2H", packet[at + 1 : at + 5])
    if class_ != IN or at - 12 > 253:
        raise Refused(f"class {class_}, a name of {at - 12} bytes")
    if additional == 0 and len(packet) != at + 5:
        raise Refused("bytes after the question")
    return ident, flags, ".".join(labels).lower(), kind, packet[12 : at + 5]


class Zone:
    """The table, the mode, and what was asked."""

    def __init__(self, records, mode):
        self.lock = threading.Lock()
        self.names, self.aliases = {}, {}
        self.counts = {"asked": 0, "refused": 0, "tcp": 0}
        self.by_name = {}
        self.mode = self.checked(mode)
        for record in records:
            self.set(record)

    @staticmethod
    def checked(mode):
        if mode in MODES or mode.startswith("late:") and float(mode[5:]) >= 0:
            return mode
        raise ValueError(f"no mode {mode!r}")

    def set(self, record):
        name, *addresses = record.split()
        addresses = [ipaddress.ip_address(address) for address in addresses]
        with self.lock:
            self.aliases.pop(name.lower(), None)
            self.names[name.lower()] = addresses
            if not addresses:
                del self.names[name.lower()]

    def alias(self, pair):
        name, target = pair.split()
        with self.lock:
            self.aliases[name.lower()] = target.lower()

    def command(self, line):
        word, _, rest = line.strip().partition(" ")
        if word == "mode":
            self.mode = self.checked(rest)
        elif word == "set":
            self.set(rest)
        elif word == "alias":
            self.alias(rest)
        elif word != "counts":
            raise ValueError(f"no command {word!r}")
        with self.lock:
            return json.dumps({**self.counts, "names": self.by_name})

    def asked(self, packet, tcp=False):
        """A packet's question; counted."""
        with self.lock:
            self.counts["asked"] += 1
            self.counts["tcp"] += tcp
        try:
            ident, flags, name, kind, raw = question(packet)
        except Refused as refused:
            with self.lock:
                self.counts["refused"] += 1
            print(f"refused: {refused}", file=sys.stderr, flush=True)
            return None
        with self.lock:
            self.by_name[name] = self.by_name.get(name, 0) + 1
        return ident, flags, name, kind, raw

    def answer(self, asked, ident=None, addresses=None, code=None, raw=None, truncated=False):
        """The right answer, or one that differs in this or that."""
        number, flags, name, kind, own_raw = asked
        records, pointer, seen = [], b"\xc0\x0c", 0
        with self.lock:
            while addresses is None and name in self.aliases and seen < 8:
                target = name_bytes(self.aliases[name])
                records.append(pointer + struct.pack("!2HIH", CNAME, IN, TTL, len(target)) + target)
                pointer, name, seen = target, self.aliases[name], seen + 1
            exists = name in self.names
            found = self.names.get(name, []) if addresses is None else addresses
        for address in found:
            if kind == (A if address.version == 4 else AAAA):
                records.append(pointer + struct.pack("!2HIH", kind, IN, TTL, len(address.packed)) + address.packed)
        if code is None:
            code = 0 if exists or addresses is not None else 3
        if code or truncated:
            records = [] if truncated or not seen else records
        told = 0x8480 | flags & 0x0100 | code | (0x0200 if truncated else 0)
        head = struct.pack("!6H", number if ident is None else ident, told, 1, len(records), 0, 0)
        return head + (raw or own_raw) + b"".join(records)

    def replies(self, packet):
        """What goes back over UDP: bytes, and whether from another port."""
        mode = self.mode
        asked = self.asked(packet)
        if asked is None or mode == "silent":
            return
        if mode.startswith("late:"):
            time.sleep(float(mode[5:]))
        if mode in CODES:
            yield self.answer(asked, code=CODES[mode], addresses=[]), False
        elif mode == "truncated":
            yield self.answer(asked, truncated=True), False
        elif mode == "garbage":
            yield packet[:2] + random.randbytes(random.randrange(60)), False
        elif mode == "short":
            yield self.answer(asked)[:-3], False
        elif mode == "loop":
            head = struct.pack("!6H", asked[0], 0x8480, 1, 1, 0, 0)
            at = 12 + len(asked[4])
            yield (
                head
                + asked[4]
                + struct.pack("!H", 0xC000 | at)
                + struct.pack("!2HIH", asked[3], IN, TTL, 4)
                + b"\x7f\0\0\1",
                False,
            )
        elif mode in ("other-id", "forged-first"):
            yield self.answer(asked, ident=asked[0] ^ 0x5555, addresses=FORGED), False
        elif mode == "other-name":
            yield self.answer(asked, raw=name_bytes("other.example") + asked[4][-4:], addresses=FORGED), False
        elif mode == "other-port":
            yield self.answer(asked, addresses=FORGED), True
        if mode in ("right", "forged-first") or mode.startswith("late:"):
            yield self.answer(asked), False


def udp(zone, sock):
    def reply(packet, peer):
        for data, elsewhere in zone.replies(packet):
            if elsewhere:
                with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as other:
                    other.sendto(data, peer)
            else:
                sock.sendto(data, peer)

    while True:
        packet, peer = sock.recvfrom(4096)
        threading.Thread(target=reply, args=(packet, peer), daemon=True).start()


def tcp(zone, listener):
    while True:
        sock, _ = listener.accept()
        with sock:
            sock.settimeout(5)
            try:
                data = sock.recv(4096)
                while len(data) < 2 or len(data) < 2 + int.from_bytes(data[:2], "big"):
                    if not (more := sock.recv(4096)):
                        break
                    data += more
                asked = zone.asked(data[2:], tcp=True)
                if asked and zone.mode in ("right", "truncated"):
                    told = zone.answer(asked)
                    sock.sendall(len(told).to_bytes(2, "big") + told)
            except OSError:
                pass


def controlled(zone, listener):
    while True:
        sock, _ = listener.accept()
        with sock, sock.makefile("rw", encoding="utf-8", newline="\n") as file:
            for line in file:
                try:
                    told = zone.command(line)
                except ValueError as error:
                    told = f"error: {error}"
                file.write(told + "\n")
                file.flush()


def listening(port, address="127.0.0.1"):
    listener = socket.socket()
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind((address, port))
    listener.listen(16)
    return listener


def bound(port, address):
    """A UDP and a TCP socket on one port."""
    while True:
        sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        sock.bind((address, port))
        try:
            return sock, listening(sock.getsockname()[1], address)
        except OSError:
            if port:
                raise


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--port", type=int, default=0, help="0: any")
    parser.add_argument("--address", default="127.0.0.1")
    parser.add_argument("--record", action="append", default=[], metavar="NAME ADDRESS…")
    parser.add_argument("--mode", default="right")
    options = parser.parse_args()
    zone = Zone(options.record, options.mode)
    (sock, listener), control = bound(options.port, options.address), listening(0)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit())
    for target, argument in ((udp, sock), (tcp, listener), (controlled, control)):
        threading.Thread(target=target, args=(zone, argument), daemon=True).start()
    print(f"port {sock.getsockname()[1]} control {control.getsockname()[1]}", flush=True)
    signal.pause()


if __name__ == "__main__":
    main()

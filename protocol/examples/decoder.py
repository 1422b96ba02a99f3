#!/usr/bin/env python3
"""Decodes the answer of a container engine while it comes: SPEC.md as code, for readers of any language.

    DOCKLOG_KIND=logs DOCKLOG_TIMESTAMPS=1 ./decoder.py <../vectors/d28-logs-nontty-ts.resp

Reads the raw response from stdin, each piece as it comes, and prints one JSON object, as ../vectors/README.md describes
it. A client would use each record, line and item at the place where it is yielded. What was asked is in the environment:
DOCKLOG_METHOD, DOCKLOG_KIND, DOCKLOG_FORMAT, DOCKLOG_TIMESTAMPS, DOCKLOG_PARTS, DOCKLOG_DOCUMENT; see there, too.

The layers, from the wire up:

    Wire -> read_head -> Body -> frames or tty -> lines
                              -> items
                              -> a document
"""

import base64
import itertools
import json
import os
import re
import struct
import sys
from collections import namedtuple
from datetime import date

CR, LF, TAB = 0x0D, 0x0A, 0x09
HEAD_MAX, SIZE_LINE_MAX, TRAILERS_MAX, FRAME_MAX, MESSAGE_MAX = 65536, 4096, 8192, 1 << 20, 8192
PART, STAMP_MAX = 16384, 64


class Cut(Exception):
    """The connection ended in the middle of something."""


class Wrong(Exception):
    """The byte at offset `at` of the response can't be: says which layer."""

    def __init__(self, layer, at):
        self.layer, self.at = layer, at


class Wire:
    """The connection: bytes as reads give them, and the offset of the next."""

    def __init__(self, read):
        self.read, self.piece, self.used, self.at = read, b"", 0, 0

    def some(self, most):
        """At least one byte, at most so many: what a read gave. A wait for more could be one without end."""
        if self.used == len(self.piece):
            self.piece, self.used = self.read(), 0
            if not self.piece:
                raise Cut
        taken = self.piece[self.used : self.used + most]
        self.used += len(taken)
        self.at += len(taken)
        return taken

    def byte(self):
        return self.some(1)[0]


# ---- The head: W-10 to W-13, W-19

STATUS_LINE = re.compile(rb"HTTP/1\.([01]) ([0-9]{3})(?: [\t -~\x80-\xff]*)?")
FIELD = re.compile(rb"([!#$%&'*+.^_`|~0-9A-Za-z-]+):([\t -~\x80-\xff]*)")


def read_head(wire):
    """Returns (status, minor version, fields). Every line ends with CR LF; an empty one is the last. W-10"""
    start, lines, line, after_cr = wire.at, [], bytearray(), False
    while True:
        at, byte = wire.at, wire.byte()
        begin = b"HTTP/1."[at - start : at - start + 1]
        if at >= HEAD_MAX or (begin and byte != begin[0]) or after_cr != (byte == LF):
            raise Wrong("head", at)
        after_cr = byte == CR
        if byte == LF:
            if not line:
                break
            lines.append(bytes(line))
            line.clear()
        elif byte != CR:
            line.append(byte)
    status_line = STATUS_LINE.fullmatch(lines[0])
    fields = [FIELD.fullmatch(line) for line in lines[1:]]
    if not status_line or None in fields:
        raise Wrong("head", start)
    minor, status = map(int, status_line.groups())
    return status, minor, [(field[1].lower(), field[2].strip(b" \t")) for field in fields]


def framing(method, status, minor, fields):
    """How the body's end is found: "none", "chunked", "close", or its length. W-12; refused combinations: W-13"""

    def values(name):
        return [value.strip(b" \t") for key, field in fields if key == name for value in field.split(b",")]

    if method == "HEAD" or status < 200 or status in (204, 304):
        return "none"
    lengths, codings = values(b"content-length"), values(b"transfer-encoding")
    if any(not re.fullmatch(b"[0-9]+", length) or int(length) >> 64 for length in lengths):
        return None
    if len(set(map(int, lengths))) > 1:
        return None
    if codings:
        allowed = not lengths and minor == 1 and [coding.lower() for coding in codings] == [b"chunked"]
        return "chunked" if allowed else None
    return int(lengths[0]) if lengths else "close"


def read_final_head(wire, method):
    """Returns (status, framing, whether Podman says it) of the head that is not an interim one. W-11"""
    while True:
        start = wire.at
        status, minor, fields = read_head(wire)
        if status == 101:
            raise Wrong("head", start)
        how = framing(method, status, minor, fields)
        if how is None:
            raise Wrong("framing", start)
        if status >= 200:
            return status, how, b"libpod-api-version" in dict(fields)  # W-04


# ---- The body: W-12 to W-25

class Body:
    """A body in pieces. When they have all been taken, `end` tells why there are no more."""

    def __init__(self, wire, how):
        self.wire, self.how, self.podman, self.begun = wire, how, False, None
        # "complete"; "closed", which is complete as far as one can tell (W-14); "cut"; or a Wrong.
        self.end = None
        # No piece of a chunk is missing: what came are whole messages. W-20
        self.whole = True

    def pieces(self):
        """(offset, bytes, whether they end a chunk) of each piece."""
        return self.begun or self.all()

    def begins_with(self, byte):
        """Looks at the first piece, which `pieces` gives all the same."""
        rest = self.all()
        first = list(itertools.islice(rest, 1))
        self.begun = itertools.chain(first, rest)
        return bool(first) and first[0][1][:1] == byte

    def all(self):
        try:
            if self.how == "chunked":
                yield from self.chunks()
            elif self.how == "close":
                yield from self.until_close()
            elif self.how != "none":
                yield from self.sized(self.how, False)
            self.end = self.end or "complete"
        except Cut:
            self.end = "cut"
        except Wrong as wrong:
            self.end, self.whole = wrong, False

    def chunks(self):
        while size := read_size_line(self.wire):
            yield from self.sized(size, True)
            expect(self.wire, CR)
            expect(self.wire, LF)
        skip_trailers(self.wire)

    def sized(self, left, chunk):
        """The size is only a claim, and nothing is allocated for it. W-24"""
        while left:
            self.whole = False
            at, piece = self.wire.at, self.wire.some(left)
            left -= len(piece)
            self.whole = left == 0
            yield at, piece, chunk and left == 0

    def until_close(self):
        try:
            while True:
                yield self.wire.at, self.wire.some(65536), False
        except Cut:
            self.end = "closed"


def read_size_line(wire):
    """1*HEXDIG [ blanks ";" extension ] CR LF, and nothing else. W-21, W-22"""
    start, size, place = wire.at, 0, "digits"
    while True:
        at, byte = wire.at, wire.byte()
        char, first = chr(byte), at == start
        if at - start >= SIZE_LINE_MAX:
            raise Wrong("chunk", at)
        elif char == "\r" and not first and place != "blanks":
            break
        elif place == "digits" and char in "0123456789abcdefABCDEF":
            size = size * 16 + int(char, 16)
            if size >> 64:
                raise Wrong("chunk", at)
        elif place != "extension" and not first and char in " \t;":
            place = "extension" if char == ";" else "blanks"
        elif place != "extension" or is_control(byte):
            raise Wrong("chunk", at)
    expect(wire, LF)
    return size


def skip_trailers(wire):
    """Fields after the last chunk, up to an empty line; only that makes the body whole. W-22, W-25"""
    total, empty = 0, True
    while True:
        at, byte = wire.at, wire.byte()
        total += 1
        if byte == CR and total <= TRAILERS_MAX:
            expect(wire, LF)
            if empty:
                return
            empty = True
        elif is_control(byte) or total > TRAILERS_MAX:
            raise Wrong("chunk", at)
        else:
            empty = False


def is_control(byte):
    return (byte < 0x20 and byte != TAB) or byte == 0x7F


def expect(wire, byte):
    at = wire.at
    if wire.byte() != byte:
        raise Wrong("chunk", at)


# ---- Records: W-30 to W-37

# `stamp` as on the wire, or None; `part`: no line end followed.
Record = namedtuple("Record", "channel stamp text part")

STAMP = re.compile(rb"(\d{4})-(\d\d)-(\d\d)T(\d\d):(\d\d):(\d\d)(?:\.(\d+))?(?:Z|([+-])(\d\d):(\d\d)) ", re.ASCII)
SHAPE = b"0000-00-00T00:00:00"
SHAPE_AFTER = re.compile(rb"\.|(?:\.0+)?(?:Z|[+-](?:0(?:0(?::0?0?)?)?)?)?")
DIGITS = bytes.maketrans(b"123456789", b"000000000")


def stamp_at(seen):
    """The stamp that these bytes begin with, if there is one and a blank after it. W-30"""
    match = STAMP.match(seen)
    if not match or match.end() - 1 > STAMP_MAX or instant(match) is None:
        return None
    return match.group()[:-1]


def may_become_stamp(seen):
    """Whether `seen` could be the front of a stamp and its blank."""
    shape = seen.translate(DIGITS)
    return len(seen) <= STAMP_MAX and SHAPE.startswith(shape[:19]) and bool(SHAPE_AFTER.fullmatch(shape[19:]))


def instant(match):
    """Nanoseconds since 1970-01-01, digits after the ninth dropped; None if there is no such time. W-30"""
    year, month, day, hour, minute, second = map(int, match.groups()[:6])
    east = (int(match[9]), int(match[10])) if match[8] else (0, 0)
    if hour > 23 or minute > 59 or second > 59 or east[0] > 23 or east[1] > 59:
        return None
    try:
        # Python has no year 0; year 400 has the same leap days.
        days = date(year or 400, month, day).toordinal() - (0 if year else 146097) - 719163
    except ValueError:
        return None
    minutes = (east[0] * 60 + east[1]) * (-1 if match[8] == b"-" else 1)
    seconds = days * 86400 + hour * 3600 + (minute - minutes) * 60 + second
    return seconds * 10**9 + int(((match[7] or b"") + b"0" * 9)[:9])


def frames(body, timestamps):
    """A body of frames: type 0 0 0 length(4 bytes, big-endian) payload. W-31; cut anywhere: W-23"""
    held, start = b"", 0
    for at, piece, _ in body.pieces():
        if not held:
            start = at
        held += piece
        while len(held) >= 8:
            kind, padding, length = struct.unpack(">B3sI", held[:8])
            if kind > 3 or padding != b"\0\0\0" or length > FRAME_MAX:
                body.end = Wrong("frame", start)
                return
            if len(held) < 8 + length:
                break
            payload, held = held[8 : 8 + length], held[8 + length :]
            start = at + len(piece) - len(held)
            yield frame_record(kind, payload, timestamps)
    if held and body.end == "complete":
        body.end = Wrong("frame", start)  # W-36
    elif held and body.end == "closed":
        body.end = "cut"


def frame_record(kind, payload, timestamps):
    """A payload is one message. W-32; type 3 is the engine's own, and has no stamp: W-33"""
    channel = ["stdin", "stdout", "stderr", "engine"][kind]
    stamp = stamp_at(payload) if timestamps and channel != "engine" else None
    text = payload[len(stamp) + 1 :] if stamp else payload
    part = not text.endswith(b"\n") and channel != "engine"
    return Record(channel, stamp, text.removesuffix(b"\n"), part)


class Ahead:
    """A TTY body's bytes that came and were not taken, and after how many of them chunks end."""

    def __init__(self, body):
        self.body, self.pieces, self.bytes, self.chunk_ends = body, body.pieces(), b"", []

    def more(self):
        """Waits for more; False at the body's end. What a cut left unfinished or undecided must not be used. W-20"""
        for _, piece, ends_chunk in self.pieces:
            self.bytes += piece
            if ends_chunk:
                self.chunk_ends.append(len(self.bytes))
            return True
        if not self.body.whole:
            raise Cut
        return False

    def take(self, length):
        taken, self.bytes = self.bytes[:length], self.bytes[length:]
        self.chunk_ends = [end - length for end in self.chunk_ends if end >= length]
        return taken

    def take_stamp(self):
        """Waits for no byte that is not needed to decide."""
        while not (stamp := stamp_at(self.bytes)) and may_become_stamp(self.bytes) and self.more():
            pass
        if stamp:
            self.take(len(stamp) + 1)
        return stamp

    def starts_with(self, text):
        while not self.bytes.startswith(text) and text.startswith(self.bytes) and self.more():
            pass
        return self.bytes.startswith(text)

    def take_text(self, most, to_chunk_end):
        """Returns the text up to its end, and whether that was a line end."""
        while True:
            newline = self.bytes.find(b"\n", 0, most)
            stop = min([most, *self.chunk_ends[:1]] if to_chunk_end else [most])
            if 0 <= newline < stop:
                return self.take(newline + 1)[:-1], True
            if stop <= len(self.bytes):
                return self.take(stop), False
            if not self.more():
                return self.take(most), False


def tty(body, timestamps):
    """Text without frames. One loop is one record; a stamp may stand wherever a record may begin. W-34"""
    ahead, channel, stamp, run, newline = Ahead(body), "tty", None, 0, True
    try:
        while ahead.bytes or ahead.more():
            ahead.chunk_ends = [end for end in ahead.chunk_ends if end > 0]
            found = ahead.take_stamp() if timestamps else None
            if found:
                channel, stamp, run = "tty", found, 0
            elif newline:
                engine = timestamps and ahead.starts_with(b"Error grabbing logs: ")  # W-33
                channel, stamp, run = "engine" if engine else "tty", None, 0
            elif run == PART:
                run = 0
            text, newline = ahead.take_text(PART - run, channel == "tty")
            run += len(text)
            yield channel, stamp, text, newline
    except Cut:
        pass  # `body.end` says so


def line_ends(found, body):
    """Takes CR LF off the texts, also where CR and LF came in different ones: so a CR at the end waits. W-35"""
    waiting = None
    for channel, stamp, text, newline in found:
        if waiting and not text and not newline:
            continue
        if waiting and newline and not text:
            waiting = waiting._replace(text=waiting.text[:-1])
        if waiting and waiting.text:
            yield waiting
        waiting = None
        record = Record(channel, stamp, text.removesuffix(b"\r") if newline else text, not newline and channel == "tty")
        if record.part and text.endswith(b"\r"):
            waiting = record
        else:
            yield record
    if waiting and body.whole:
        yield waiting


# ---- Lines: W-40 to W-43

def lines(records, podman):
    """Yields each line when it ends, as (indices of its records, bytes to drop at its end)."""
    opened = {}

    def close(channel, by_newline):
        line = opened.pop(channel)
        length = sum(len(record.text) for _, record in line)
        # What an old `local` driver left of CR LF. W-41
        left_over = not by_newline and channel == "tty" and length >= PART and line[-1][1].text.endswith(b"\r")
        return [index for index, _ in line], int(left_over)

    for index, record in enumerate(records):
        channel = record.channel
        if channel == "engine":
            yield [index], 0
            continue
        if channel in opened and not podman and time_of(opened[channel][0][1]) != time_of(record):
            yield close(channel, False)  # W-42
        opened.setdefault(channel, []).append((index, record))
        short = not podman and channel != "tty" and len(record.text) < PART  # W-41; Podman: W-43
        if not record.part or short:
            yield close(channel, not record.part)
    for channel in ("stdin", "stdout", "stderr", "tty"):
        if channel in opened:
            yield close(channel, False)


def time_of(record):
    return record.stamp and instant(STAMP.match(record.stamp + b" "))


# ---- Lists and events: W-62, W-63, W-70 to W-74

NEXT = {("array", "["): "first", ("first", "]"): "nothing", ("comma", ","): "item", ("comma", "]"): "nothing"}


def items(body, array):
    """Yields each object of the one array (a list), or of a row of values (events, W-70), as soon as it is whole."""
    state = "array" if array else "item"
    item, depth, in_string, escaped = bytearray(), 0, False, False
    for at, piece, _ in body.pieces():
        for index, byte in enumerate(piece):
            char = chr(byte)
            if depth:  # inside of an item
                item.append(byte)
                if in_string:
                    if byte < 0x20:
                        body.end = Wrong("json", at + index)
                        return
                    in_string, escaped = escaped or char != '"', char == "\\" and not escaped
                elif char == '"':
                    in_string = True
                else:
                    depth += (char in "{[") - (char in "}]")
                if not depth:
                    state = "comma" if array else "item"
                    yield json.loads(item)
            elif char == "{" and state in ("first", "item"):
                item, depth = bytearray(b"{"), 1
            elif (state, char) in NEXT:
                state = NEXT[state, char]
            elif char not in " \t\r\n\x1e":
                body.end = Wrong("json", at + index)
                return
    if depth or state != ("nothing" if array else "item"):
        if body.end == "complete":
            body.end = Wrong("json", body.wire.at)
        elif body.end == "closed":
            body.end = "cut"


def strings(value):
    """Podman has null where moby has empty ones. W-62"""
    return {key: text or "" for key, text in (value or {}).items()}


def listed(row):
    names = [name.removeprefix("/") for name in row.get("Names") or []]
    own = [name for name in names if "/" not in name]  # W-63
    created = row.get("Created")
    return {"id": row["Id"], "name": (own or names or [""])[0], "image": row.get("Image") or "",
            "labels": strings(row.get("Labels")), "state": row.get("State") or "",
            "created": created if isinstance(created, int) else None}


def event(row):
    """What happened to a container, or None. W-72 to W-74"""
    if row.get("Type") != "container":
        return None
    labels = strings(row["Actor"].get("Attributes"))
    podman_code = None
    if "containerExitCode" in labels and "podId" in labels:  # W-73
        podman_code = labels.pop("containerExitCode")
        labels.pop("podId")
    action = {"died": "die", "remove": "destroy"}.get(row["Action"], row["Action"])
    known = ["create", "start", "restart", "die", "destroy", "rename", "pause", "unpause", "update"]
    result = {"action": action if action in known else "other", "id": row["Actor"]["ID"],
              "name": labels.pop("name", ""), "image": labels.pop("image", "")}
    if action == "die":
        code = labels.pop("exitCode", podman_code)
        result["exit_code"] = None if code is None else int(code)
    if action == "rename":
        result["from"] = labels.pop("oldName", "").removeprefix("/")
    return result | {"labels": labels, "time_nanos": row.get("timeNano", row["time"] * 10**9)}


# ---- Documents: W-04, W-60 to W-64

def inspected(row):
    state, config, log = row["State"], row["Config"], row["HostConfig"]["LogConfig"]

    def nanos(text):
        match = STAMP.fullmatch(text.encode() + b" ")
        return None if text.startswith("0001-01-01T00:00:00") or not match else instant(match)

    return {"id": row["Id"], "name": row["Name"].removeprefix("/"), "image": config["Image"],
            "labels": strings(config["Labels"]), "tty": config["Tty"], "running": state["Running"],
            "paused": state["Paused"], "status": state["Status"], "log_driver": log["Type"],
            "log_options": strings(log.get("Config")),
            "started_nanos": nanos(state["StartedAt"]), "finished_nanos": nanos(state["FinishedAt"])}


def version(row):
    names = [component["Name"] for component in row["Components"]]  # W-04
    kind = "podman" if "Podman Engine" in names else "docker" if "Engine" in names else "other"
    return {"kind": kind, "version": row["Version"], "api": row["ApiVersion"], "min_api": row["MinAPIVersion"]}


def message(text):
    """What a refusal says: JSON from engines, W-60, else plain text, W-61; fit for a terminal."""
    text = text[:MESSAGE_MAX]
    try:
        said = json.loads(text)["message"]
        said = said if isinstance(said, str) else text.decode("utf-8", "replace")
    except (ValueError, KeyError, TypeError):
        said = text.decode("utf-8", "replace")
    return "".join(" " if ord(char) < 32 or 127 <= ord(char) < 160 else char for char in said).strip()


# ---- All of it

def decode(read, asked):
    """Decodes a response; `read` gives its next bytes, none at the connection's end. Returns the JSON object."""
    result = {"method": asked["method"], "kind": asked["kind"]}
    if asked["kind"] == "logs":
        result |= {"timestamps": asked["timestamps"], "format": asked["format"]}
    wire, status = Wire(read), None
    body = Body(wire, "none")
    try:
        status, body.how, body.podman = read_final_head(wire, asked["method"])
    except Cut:
        body.end = "cut"
    except Wrong as wrong:
        body.end = wrong
    result["status"] = status
    if asked["kind"] == "logs":
        result |= {"records": [], "lines": []}
    if status is not None:
        result |= contents(body, status, asked)
    return result | ending(body)


def contents(body, status, asked):
    """Takes the whole body, and tells what is in it. Only status 200 brings what was asked for. W-09"""
    if status == 200 and asked["kind"] == "logs":
        return logs(body, asked)
    if status == 200 and asked["kind"] in ("list", "events"):
        convert = listed if asked["kind"] == "list" else event
        return {"items": [convert(item) for item in items(body, asked["kind"] == "list")]}
    if status != 200 and asked["kind"] != "document":
        return refused(body)
    text = b"".join(piece for _, piece, _ in body.pieces())
    answered, result = body.end in ("complete", "closed"), {}
    if status == 200 and answered and asked["document"] in ("version", "inspect"):
        key, convert = ("version", version) if asked["document"] == "version" else ("inspected", inspected)
        result[key] = convert(json.loads(text))
    elif asked["kind"] == "document" and answered:
        result["body"] = text.decode("utf-8", "replace")
    if status != 200 and answered:
        result["message"] = message(text)
    return result


def refused(body):
    text = b"".join(piece for _, piece, _ in body.pieces())
    return {"message": message(text)} if body.end in ("complete", "closed") else {}


def logs(body, asked):
    records = []

    def noted(found):
        for record in found:
            records.append(record)
            yield record

    is_tty = asked["format"] == "tty"  # as an inspect tells: W-39
    if body.podman and (asked["timestamps"] or not is_tty) and body.begins_with(b"{"):
        return refused(body)  # W-26
    found = line_ends(tty(body, asked["timestamps"]), body) if is_tty else frames(body, asked["timestamps"])
    joined = [{"records": line} | ({"drop": drop} if drop else {})
              for line, drop in lines(noted(found), asked["parts"] == "podman")]
    return {"records": [record_json(record) for record in records], "lines": joined}


def record_json(record):
    row = {"channel": record.channel}
    if record.stamp:
        row["time"] = record.stamp.decode()
    row["part"] = record.part
    try:
        return row | {"text": record.text.decode("utf-8")}
    except UnicodeDecodeError:
        return row | {"text_base64": base64.b64encode(record.text).decode()}  # W-37


def ending(body):
    """How the response ended, and how many bytes after it belong to the next one. W-01"""
    wire, end = body.wire, body.end
    if isinstance(end, Wrong):
        return {"end": {"end": "error", "at": end.at, "layer": end.layer}, "unused": 0}
    if end == "cut":
        return {"end": {"end": "truncated", "at": wire.at}, "unused": 0}
    after, unused = wire.at, 0
    try:
        while True:
            wire.some(65536)
            unused = wire.at - after
    except Cut:
        return {"end": {"end": "complete"}, "unused": unused}


def main():
    env = os.environ.get
    asked = {
        "method": env("DOCKLOG_METHOD", "GET"),
        "kind": env("DOCKLOG_KIND", "logs"),
        "format": env("DOCKLOG_FORMAT", "multiplexed"),
        "timestamps": env("DOCKLOG_TIMESTAMPS") == "1",
        "parts": env("DOCKLOG_PARTS", "docker"),
        "document": env("DOCKLOG_DOCUMENT", "other"),
    }
    json.dump(decode(lambda: os.read(0, 65536), asked), sys.stdout)
    print()


if __name__ == "__main__":
    main()

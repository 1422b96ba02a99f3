#!/usr/bin/env python3
"""Decodes every NAME.resp into NAME.json, by ../SPEC.md alone. The second implementation: it shares nothing with the
crate, works on whole responses, and where the two differ one of them is wrong.

    ./expect.py             writes all NAME.json
    ./expect.py --check     compares them with what it would write
"""

import base64
import calendar
import glob
import json
import os
import re
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
PART, FRAME_MAX, STAMP_MAX = 16384, 1 << 20, 64
STAMP = re.compile(rb"(\d{4})-(\d\d)-(\d\d)[T](\d\d):(\d\d):(\d\d)(?:\.(\d+))?(?:Z|[+-](\d\d):(\d\d)) ", re.ASCII)
ENGINE_ERROR = b"Error grabbing logs: "


class Wrong(Exception):
    def __init__(self, layer, at):
        self.layer, self.at = layer, at


class Cut(Exception):
    pass


# ---- HTTP: W-10 to W-24

class Body:
    """Pieces (offset, bytes, ends_chunk) of a body, and how it ended."""

    def __init__(self):
        self.pieces, self.end, self.unused, self.between_chunks = [], None, 0, False

    def bytes(self):
        return b"".join(piece for _, piece, _ in self.pieces)

    def offset(self, position):
        """Offset in the response of a position in the body."""
        for at, piece, _ in self.pieces:
            if position < len(piece):
                return at + position
            position -= len(piece)
        raise IndexError

    def chunk_ends(self):
        ends, position = set(), 0
        for _, piece, ends_chunk in self.pieces:
            position += len(piece)
            if ends_chunk:
                ends.add(position)
        return ends


def read_head(data, start):
    """Returns (status, minor version, fields, offset after the head)."""
    begin = data[start : start + 7]
    for index, byte in enumerate(begin):
        if byte != b"HTTP/1."[index]:
            raise Wrong("head", start + index)
    end = data.find(b"\r\n\r\n", start)
    bare = re.compile(rb"(?<!\r)\n|\r(?!\n)").search(data, start, len(data) if end < 0 else end + 4)
    if bare:
        raise Wrong("head", bare.start() + (bare.group() == b"\r"))
    if end < 0:
        raise Cut
    lines = data[start:end].decode("latin-1").split("\r\n")
    version, status = lines[0].split(" ")[:2]
    fields = [(name.lower(), value.strip(" \t")) for name, value in (line.split(":", 1) for line in lines[1:])]
    return int(status), int(version[-1]), fields, end + 4


def framing(method, status, minor, fields, at):
    def values(name):
        return [value.strip(" \t") for key, field in fields if key == name for value in field.split(",")]

    if method == "HEAD" or status < 200 or status in (204, 304):
        return "none"
    lengths, codings = values("content-length"), values("transfer-encoding")
    if any(not re.fullmatch("[0-9]+", length) for length in lengths) or len({*map(int, lengths)}) > 1:
        raise Wrong("framing", at)
    if codings:
        if lengths or minor == 0 or [coding.lower() for coding in codings] != ["chunked"]:
            raise Wrong("framing", at)
        return "chunked"
    return int(lengths[0]) if lengths else "close"


def read_response(data, method):
    """Returns (status, Body); status None if no head came to its end."""
    body, start, status = Body(), 0, None
    try:
        while status is None:
            code, minor, fields, after = read_head(data, start)
            if code == 101:
                raise Wrong("head", start)
            how = framing(method, code, minor, fields, start)
            if code >= 200:
                status = code
            else:
                start = after
        read_body(data, after, how, body)
    except Wrong as wrong:
        body.end = {"end": "error", "at": wrong.at, "layer": wrong.layer}
    except Cut:
        body.end = {"end": "truncated", "at": len(data)}
    return status, body


def read_body(data, at, how, body):
    if how == "chunked":
        return read_chunks(data, at, body)
    length = {"none": 0, "close": len(data) - at}.get(how, how)
    piece = data[at : at + length]
    if piece:
        body.pieces.append((at, piece, False))
    if len(piece) < length:
        raise Cut
    body.end = {"end": "closed" if how == "close" else "complete"}
    body.unused = len(data) - at - length


def read_chunks(data, at, body):
    while True:
        body.between_chunks = True
        size, at = read_size_line(data, at)
        if size == 0:
            break
        piece = data[at : at + size]
        body.between_chunks = len(piece) == size
        if piece:
            body.pieces.append((at, piece, len(piece) == size))
        if len(piece) < size:
            raise Cut
        at += size
        for want in b"\r\n":
            at = expect(data, at, lambda byte: byte == want)
    total = 0
    while True:  # trailers, up to an empty line
        line = at
        while byte_at(data, at) != 0x0D:
            total += 1
            at = expect(data, at, lambda byte: total <= 8192 and (byte == 9 or 0x20 <= byte != 0x7F))
        at = expect(data, at + 1, lambda byte: byte == 0x0A)
        if at - line == 2:
            break
    body.end, body.unused = {"end": "complete"}, len(data) - at


def read_size_line(data, at):
    start, size, digits = at, 0, True
    while (byte := byte_at(data, at)) != 0x0D:
        here = data[at : at + 1]
        if at - start >= 4096 or byte == 0x0A:
            raise Wrong("chunk", at)
        if digits is True and here in b"0123456789abcdefABCDEF":
            size = size * 16 + int(here, 16)
            if size >= 1 << 64:
                raise Wrong("chunk", at)
        elif at > start and digits in (True, "blank") and here in b" \t":
            digits = "blank"
        elif at > start and digits and here == b";":
            digits = False
        elif digits or (byte < 0x20 and byte != 9) or byte == 0x7F:
            raise Wrong("chunk", at)
        at += 1
    if at == start:
        raise Wrong("chunk", at)
    if digits == "blank":
        raise Wrong("chunk", at)
    return size, expect(data, at + 1, lambda byte: byte == 0x0A)


def byte_at(data, at):
    if at >= len(data):
        raise Cut
    return data[at]


def expect(data, at, fits):
    if not fits(byte_at(data, at)):
        raise Wrong("chunk", at)
    return at + 1


# ---- records: W-30 to W-37

def stamp_at(data, at):
    match = STAMP.match(data, at)
    if not match or match.end() - 1 - at > STAMP_MAX:
        return None
    year, month, day, hour, minute, second = (int(match[group]) for group in range(1, 7))
    if not 1 <= month <= 12 or hour > 23 or minute > 59 or second > 59:
        return None
    # Python's calendar has no year 0; year 400 has the same leap days.
    if not 1 <= day <= calendar.monthrange(year or 400, month)[1]:
        return None
    if match[8] and (int(match[8]) > 23 or int(match[9]) > 59):
        return None
    return match.group()[:-1].decode()


def record(channel, stamp, text, part):
    row = {"channel": channel}
    if stamp is not None:
        row["time"] = stamp
    row["part"] = part
    try:
        row["text"] = text.decode("utf-8")
    except UnicodeDecodeError:
        row["text_base64"] = base64.b64encode(text).decode()
    return row


def frames(body, timestamps):
    data, at, rows = body.bytes(), 0, []
    while at < len(data):
        if len(data) - at < 8:
            break
        kind, length = data[at], int.from_bytes(data[at + 4 : at + 8], "big")
        if kind > 3 or data[at + 1 : at + 4] != b"\0\0\0" or length > FRAME_MAX:
            return rows, {"end": "error", "at": body.offset(at), "layer": "frame"}
        payload = data[at + 8 : at + 8 + length]
        if len(payload) < length:
            break
        at += 8 + length
        stamp = stamp_at(payload, 0) if timestamps and kind != 3 else None
        text = payload[len(stamp) + 1 :] if stamp is not None else payload
        part = not text.endswith(b"\n")
        rows.append(record(["stdin", "stdout", "stderr", "engine"][kind], stamp, text[: len(text) - (not part)], part and kind != 3))
    end = body.end
    if at < len(data) and end["end"] == "complete":
        end = {"end": "error", "at": body.offset(at), "layer": "frame"}
    elif at < len(data) and end["end"] == "closed":
        end = {"end": "truncated", "at": None}
    return rows, end


def tty(body, timestamps):
    data, ends = body.bytes(), body.chunk_ends()
    whole = body.end["end"] in ("complete", "closed") or (body.end["end"] == "truncated" and body.between_chunks)
    found, at, run, channel, stamp, fresh = [], 0, 0, "tty", None, True
    while at < len(data):
        stamped = stamp_at(data, at) if timestamps else None
        if stamped:
            stamp, channel, run, at = stamped, "tty", 0, at + len(stamped) + 1
        elif fresh:
            engine = timestamps and data.startswith(ENGINE_ERROR, at)
            stamp, channel, run = None, "engine" if engine else "tty", 0
        elif run == PART:
            run = 0
        stop = min(at + PART - run, len(data))
        newline = data.find(b"\n", at, stop)
        if newline >= 0:
            stop = newline
        cuts = [end for end in ends if (at <= end if stamped else at < end) and end <= stop]
        if channel == "tty" and cuts:
            stop, newline = min(cuts), -1
        elif newline < 0 and stop - at < PART - run and not whole:
            break  # cut inside of a text
        found.append([channel, stamp, data[at:stop], newline >= 0])
        run, at, fresh = run + stop - at, stop + (newline >= 0), newline >= 0
    if found and not whole and not found[-1][3] and found[-1][2].endswith(b"\r"):
        found.pop()  # what its CR was is not known
    return [record(c, s, text, not newline and c == "tty") for c, s, text, newline in line_ends(found)], body.end


def line_ends(found):
    """Takes CR LF off the texts, also where CR and LF stand in different ones: W-35."""
    kept = []
    for channel, stamp, text, newline in found:
        after_cr = bool(kept) and not kept[-1][3] and kept[-1][0] == "tty" and kept[-1][2].endswith(b"\r")
        if after_cr and not newline and not text:
            continue
        if after_cr and newline and not text:
            kept[-1][2] = kept[-1][2][:-1]
            if not kept[-1][2]:
                kept.pop()
        kept.append([channel, stamp, text.removesuffix(b"\r") if newline else text, newline])
    return kept


# ---- lines: W-40 to W-43

def text_of(row):
    return row["text"].encode() if "text" in row else base64.b64decode(row["text_base64"])


def lines(rows, podman):
    """Each line as the indices of its records; `drop` tells of bytes at its end that are none of it."""
    done, opened = [], {}

    def close(channel, marked):
        line = opened.pop(channel)
        total = b"".join(text_of(rows[index]) for index in line)
        left_over = not marked and channel == "tty" and len(total) >= PART and total.endswith(b"\r")
        done.append({"records": line, "drop": 1} if left_over else {"records": line})

    for index, row in enumerate(rows):
        channel, part = row["channel"], row["part"]
        if channel == "engine":
            done.append({"records": [index]})
            continue
        before = opened.get(channel)
        if before and not podman and instant(rows[before[0]]) != instant(row):
            close(channel, False)
        opened.setdefault(channel, []).append(index)
        short = not podman and channel != "tty" and len(text_of(row)) < PART
        if not part or short:
            close(channel, not part)
    for channel in ["stdin", "stdout", "stderr", "tty"]:
        if channel in opened:
            close(channel, False)
    return done


def instant(row):
    if "time" not in row:
        return None
    year, month, day, hour, minute, second, fraction, hours, minutes = STAMP.match(row["time"].encode() + b" ").groups()
    seconds = calendar.timegm((int(year), int(month), int(day), int(hour), int(minute), int(second)))
    if hours:
        sign = -1 if row["time"][-6] == "+" else 1
        seconds += sign * (int(hours) * 3600 + int(minutes) * 60)
    return seconds, ((fraction or b"") + b"0" * 9)[:9]


# ---- documents: W-60 to W-74

def message(body):
    body = body[:8192]
    try:
        text = json.loads(body)["message"]
        if not isinstance(text, str):
            raise ValueError
    except (ValueError, KeyError, TypeError):
        text = body.decode("utf-8", "replace")
    return "".join(" " if ord(c) < 32 or 127 <= ord(c) < 160 else c for c in text).strip()


def split_items(body, array):
    """Whole objects at the top level, or one level down: (items, state at the end). States: see the transitions."""
    data, items, at = body.bytes(), [], 0
    state = "array" if array else "item"
    while at < len(data):
        char = chr(data[at])
        if char in " \t\r\n\x1e":
            at += 1
        elif char == "{" and state in ("first", "item"):
            depth, string, end = 0, False, at
            while end < len(data):
                byte = chr(data[end])
                if string:
                    if byte < " ":
                        raise Wrong("json", body.offset(end))
                    end += byte == "\\"
                    string = byte != '"'
                elif byte == '"':
                    string = True
                else:
                    depth += (byte in "{[") - (byte in "}]")
                end += 1
                if depth == 0:
                    break
            if depth or string or end > len(data):
                return items, "inside"
            items.append(data[at:end])
            at, state = end, "comma" if array else "item"
        else:
            following = {("array", "["): "first", ("comma", ","): "item", ("first", "]"): "nothing", ("comma", "]"): "nothing"}
            if (state, char) not in following:
                raise Wrong("json", body.offset(at))
            at, state = at + 1, following[state, char]
    return items, state


def items_of(body, array, convert, data):
    try:
        items, state = split_items(body, array)
        rows, end = items, body.end
        if state != ("nothing" if array else "item"):
            if end["end"] == "complete":
                end = {"end": "error", "at": len(data) - body.unused, "layer": "json"}
            elif end["end"] == "closed":
                end = {"end": "truncated", "at": None}
    except Wrong as wrong:
        end = {"end": "error", "at": wrong.at, "layer": wrong.layer}
        # The items before it have been seen.
        shorter = Body()
        position = 0
        for at, piece, _ in body.pieces:
            keep = piece[: max(0, wrong.at - at)]
            shorter.pieces.append((at, keep, False))
            position += len(keep)
        rows, _ = split_items(shorter, array)
    return [convert(json.loads(row)) for row in rows], end


def strings(value):
    return {key: text or "" for key, text in (value or {}).items()}


def listed(row):
    names = [name.removeprefix("/") for name in row.get("Names") or []]
    own = [name for name in names if "/" not in name]
    return {"id": row["Id"], "name": (own or names or [""])[0], "image": row.get("Image") or "",
            "labels": strings(row.get("Labels")), "state": row.get("State") or "",
            "created": row["Created"] if isinstance(row.get("Created"), int) else None}


def inspected(row):
    state, config = row["State"], row["Config"]

    def moment(text):
        return None if text.startswith("0001-01-01T00:00:00") else text

    return {"id": row["Id"], "name": row["Name"].removeprefix("/"), "image": config["Image"], "labels": strings(config["Labels"]),
            "tty": config["Tty"], "running": state["Running"], "paused": state["Paused"], "status": state["Status"],
            "log_driver": row["HostConfig"]["LogConfig"]["Type"],
            "log_options": strings(row["HostConfig"]["LogConfig"].get("Config")),
            "started_at": moment(state["StartedAt"]), "finished_at": moment(state["FinishedAt"])}


def version(row):
    names = [component["Name"] for component in row["Components"]]
    kind = "podman" if "Podman Engine" in names else "docker" if "Engine" in names else "other"
    return {"kind": kind, "version": row["Version"], "api": row["ApiVersion"], "min_api": row["MinAPIVersion"]}


def event(row):
    if row.get("Type") != "container":
        return None
    labels = strings(row["Actor"].get("Attributes"))
    podman = "containerExitCode" in labels and "podId" in labels
    podman_code = labels.pop("containerExitCode") if podman else None
    if podman:
        labels.pop("podId")
    known = {"died": "die", "remove": "destroy"}.get(row["Action"], row["Action"])
    names = ["create", "start", "restart", "die", "destroy", "rename", "pause", "unpause", "update"]
    result = {"action": known if known in names else "other", "id": row["Actor"]["ID"],
              "name": labels.pop("name", ""), "image": labels.pop("image", "")}
    if known == "die":
        code = labels.pop("exitCode", podman_code)
        result["exit_code"] = None if code is None else int(code)
    if known == "rename":
        result["from"] = labels.pop("oldName", "").removeprefix("/")
    return result | {"labels": labels, "time_nanos": row.get("timeNano", row["time"] * 10**9)}


# ---- a vector

def decode(name):
    with open(f"{HERE}/{name}.resp", "rb") as file:
        data = file.read()
    with open(f"{HERE}/{name}.req", "rb") as file:
        words = file.readline().decode("latin-1").split()
    method, target = (words + ["", ""])[:2] if len(words) > 1 else ("GET", "/")
    path, _, query = target.partition("?")
    path = re.sub(r"^/v\d+\.\d+/", "/", path)
    result = {"method": "HEAD" if method == "HEAD" else "GET"}
    status, body = read_response(data, result["method"])
    end = body.end
    if path.endswith("/logs"):
        result |= {"kind": "logs", "timestamps": "timestamps=1" in query,
                   "format": "tty" if "tty" in name.split("-") else "multiplexed", "status": status}
        if status == 200:
            result["records"], end = (tty if result["format"] == "tty" else frames)(body, result["timestamps"])
            result["lines"] = lines(result["records"], name.startswith("pod-"))
        else:
            result["records"], result["lines"] = [], []
    elif path in ("/containers/json", "/events"):
        kind, array, convert = ("list", True, listed) if path != "/events" else ("events", False, event)
        result |= {"kind": kind, "status": status}
        if status == 200:
            result["items"], end = items_of(body, array, convert, data)
    else:
        result |= {"kind": "document", "status": status}
        is_inspect = re.fullmatch("/containers/[^/]*/json", path)
        if status == 200 and path == "/version":
            result["version"] = version(json.loads(body.bytes()))
        elif status == 200 and is_inspect:
            result["inspected"] = inspected(json.loads(body.bytes()))
        else:
            result["body"] = body.bytes().decode("utf-8")
    if status not in (None, 200) and end["end"] in ("complete", "closed"):
        result["message"] = message(body.bytes())
    if end["end"] == "truncated":
        end = {"end": "truncated", "at": len(data)}
    result["end"] = {"end": "complete"} if end["end"] == "closed" else end
    result["unused"] = body.unused if result["end"]["end"] == "complete" else 0
    return result


def main():
    stale = []
    for path in sorted(glob.glob(f"{HERE}/*.resp")):
        name = os.path.basename(path).removesuffix(".resp")
        text = json.dumps(decode(name), ensure_ascii=False, indent=1) + "\n"
        target = f"{HERE}/{name}.json"
        old = open(target, encoding="utf-8").read() if os.path.exists(target) else None
        if old == text:
            continue
        stale.append(name)
        if "--check" not in sys.argv:
            with open(target, "w", encoding="utf-8") as file:
                file.write(text)
    print(f"{len(stale)} {'differ' if '--check' in sys.argv else 'written'}: {' '.join(stale)}"[:2000])
    return bool(stale) and "--check" in sys.argv


if __name__ == "__main__":
    sys.exit(main())

"""docklog's own JSON lines, over HTTP: `POST /`, `application/x-ndjson`, the lines that standard output would bear."""

import base64
import binascii
import re
from calendar import timegm
from time import strptime

from entry import ID, Entry, need, sane, strict_json

PATH = "/"
TYPE = "application/x-ndjson"
KIND = "ndjson"

TIME = re.compile(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.(\d{1,9}))?Z\Z")
TEXTS = ("image", "project", "service")
KEYS = {"time", "id", "container", "stream", "message", "message_base64", "labels", "segment", "more", *TEXTS}


class Format:
    """Reads the requests, and answers them."""

    path, type, kind = PATH, TYPE, KIND

    def __init__(self, _options):
        pass

    def parse(self, body):
        need(body and body.endswith(b"\n"), KIND, "the last line doesn't end")
        return [entry for line in body[:-1].split(b"\n") if (entry := self.entry(line))]

    def entry(self, line):
        value = strict_json(line, KIND)
        need(isinstance(value, dict), KIND, lambda: f"no object: {line!r:.200}")
        if value.keys() == {"gap"}:
            return self.gap(value["gap"])
        need(value.keys() <= KEYS, KIND, lambda: f"unknown keys: {sorted(value.keys() - KEYS)}")
        named(value)
        need(value.get("stream") in ("stdout", "stderr", "tty"), KIND, lambda: f"stream is {value.get('stream')!r}")
        need(("segment" in value) == ("more" in value), KIND, "segment and more belong together")
        if "segment" in value:
            need(
                type(value["segment"]) is int and type(value["more"]) is bool,
                KIND,
                "segment is no number, or more no truth",
            )
        return Entry(value["container"], value["stream"], nanos(value.get("time")), message(value))

    def gap(self, gap):
        need(
            isinstance(gap, dict) and {"id", "container", "from", "to"} <= gap.keys(), KIND, lambda: f"a gap is {gap!r}"
        )
        named(gap)
        nanos(gap["from"]), nanos(gap["to"])

    def split(self, entries):
        return entries, []

    def success(self, entries, _rejected):
        return 200, "application/json", b'{"taken":%d}' % len(entries)

    def failure(self, _status, text):
        return "text/plain; charset=utf-8", text.encode() + b"\n"


def named(value):
    need(isinstance(value.get("id"), str) and ID.match(value["id"]), KIND, lambda: f"id is {value.get('id')!r}")
    need(
        isinstance(value.get("container"), str) and value["container"],
        KIND,
        lambda: f"container is {value.get('container')!r}",
    )
    for key in TEXTS:
        need(isinstance(value.get(key, ""), str), KIND, lambda: f"{key} is {value[key]!r}")
    labels = value.get("labels", {})
    need(
        isinstance(labels, dict) and all(isinstance(label, str) for label in labels.values()),
        KIND,
        lambda: f"labels are {labels!r}",
    )


def message(value):
    need(("message" in value) != ("message_base64" in value), KIND, "message or message_base64, not both or none")
    if "message" in value:
        need(isinstance(value["message"], str), KIND, lambda: f"message is {value['message']!r}")
        return value["message"].encode()
    need(isinstance(value["message_base64"], str), KIND, lambda: f"message_base64 is {value['message_base64']!r}")
    try:
        plain = base64.b64decode(value["message_base64"], validate=True)
    except (binascii.Error, ValueError) as error:
        need(False, KIND, f"message_base64: {error}")
    try:
        plain.decode("utf-8")
    except UnicodeDecodeError:
        return plain
    need(False, KIND, "message_base64 of what is UTF-8")


def nanos(text):
    match = isinstance(text, str) and TIME.match(text)
    need(match, KIND, lambda: f"a time is {text!r}")
    try:
        seconds = timegm(strptime(match[1], "%Y-%m-%dT%H:%M:%S"))
    except ValueError as error:
        need(False, KIND, f"a time is {text!r}: {error}")
    return sane(seconds * 1_000_000_000 + int((match[2] or "").ljust(9, "0")), "the time", KIND)

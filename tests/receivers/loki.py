"""Loki's push API: `POST /loki/api/v1/push`, in JSON.

With the defaults of Loki's limits that a client has to respect: 15 labels, names of 1 KiB, values of 2 KiB, lines of 256 KiB,
128 pieces of structured metadata in 64 KiB for a line.
"""

import re
import time

from entry import ID, Entry, need, sane, strict_json

PATH = "/loki/api/v1/push"
TYPE = "application/json"
KIND = "loki"

NAME = re.compile(r"[a-zA-Z_][a-zA-Z0-9_]{0,1023}\Z")
NANOS = re.compile(r"[1-9][0-9]{0,18}\Z")
LABELS, VALUE, LINE, METADATA, METADATA_BYTES = 15, 2048, 256 * 1024, 128, 64 * 1024
# The labels that docklog gives: whose line it is.
CONTAINER, STREAM = "container", "stream"
# The name of the stream that gaps are told on: they are no lines.
GAP = "gap"


class Format:
    """Reads the requests, and answers them as Loki does."""

    path, type, kind = PATH, TYPE, KIND

    def __init__(self, options):
        self.too_old_before = options.too_old_before
        self.window = options.out_of_order
        self.newest = {}

    def parse(self, body):
        value = strict_json(body, KIND)
        need(isinstance(value, dict) and value.keys() == {"streams"}, KIND, "not an object of streams alone")
        streams = value["streams"]
        need(isinstance(streams, list) and streams, KIND, "streams is not a list with something in it")
        entries = []
        for stream in streams:
            need(
                isinstance(stream, dict) and stream.keys() == {"stream", "values"},
                KIND,
                lambda: f"a stream is {stream!r:.200}",
            )
            labels = self.labels(stream["stream"])
            values = stream["values"]
            need(isinstance(values, list) and values, KIND, lambda: f"no entries in {labels}")
            text = "{" + ", ".join(f'{name}="{labels[name]}"' for name in sorted(labels)) + "}"
            made = (self.entry(labels, text, value) for value in values)
            entries += [entry for entry in made if entry]
        return entries

    def labels(self, labels):
        need(isinstance(labels, dict) and labels, KIND, lambda: f"labels are {labels!r:.200}")
        need(len(labels) <= LABELS, KIND, lambda: f"{len(labels)} labels")
        for name, value in labels.items():
            need(NAME.match(name) and not name.startswith("__"), KIND, lambda: f"a label's name is {name!r:.200}")
            need(isinstance(value, str), KIND, lambda: f"the label {name} is {value!r:.200}")
            need(len(value.encode()) <= VALUE, KIND, lambda: f"the label {name} has more than {VALUE} bytes")
        need(labels.get(CONTAINER), KIND, lambda: f"no label {CONTAINER} in {labels}")
        stream = labels.get(STREAM)
        need(stream in ("stdout", "stderr", GAP), KIND, lambda: f"the label {STREAM} is {stream!r}")
        return labels

    def entry(self, labels, text, value):
        need(isinstance(value, list) and len(value) in (2, 3), KIND, lambda: f"an entry is {value!r:.200}")
        stamp, line = value[:2]
        need(isinstance(stamp, str) and NANOS.match(stamp), KIND, lambda: f"a time is {stamp!r:.200}")
        need(isinstance(line, str), KIND, lambda: f"a line is {line!r:.200}")
        message = line.encode()
        need(len(message) <= LINE, KIND, lambda: f"a line of {len(message)} bytes")
        metadata = value[2] if len(value) == 3 else {}
        self.metadata(metadata)
        at = sane(int(stamp), "the time", KIND)
        if labels[STREAM] == GAP:
            need({"gap_from", "gap_to"} <= metadata.keys(), KIND, lambda: f"a gap is {value!r:.200}")
            return None
        need(ID.match(metadata.get("container_id", "")), KIND, lambda: f"no container_id in {metadata!r:.200}")
        return Entry(labels[CONTAINER], labels[STREAM], at, message, text)

    def metadata(self, metadata):
        need(
            isinstance(metadata, dict) and len(metadata) <= METADATA,
            KIND,
            lambda: f"structured metadata is {metadata!r:.200}",
        )
        size = 0
        for name, value in metadata.items():
            need(NAME.match(name), KIND, lambda: f"a name in structured metadata is {name!r:.200}")
            need(isinstance(value, str), KIND, lambda: f"structured metadata {name} is {value!r:.200}")
            size += len(name) + len(value.encode())
        need(size <= METADATA_BYTES, KIND, lambda: f"{size} bytes of structured metadata")

    def split(self, entries):
        """Those that Loki takes, and what it says of the others (which it refuses, with the status 400, though it takes the rest)."""
        oldest = self.too_old_before(time.time()) if self.too_old_before else None
        taken, refused = [], []
        for entry in entries:
            newest = self.newest.get(entry.labels, 0)
            if oldest is not None and entry.time < oldest:
                refused.append(
                    f"entry for stream '{entry.labels}' has timestamp too old: {rfc3339(entry.time)}, oldest acceptable timestamp is: {rfc3339(oldest)}"
                )
            elif self.window is not None and entry.time < newest - self.window:
                refused.append(
                    f"entry with timestamp {entry.time} ignored, reason: 'entry too far behind, entry timestamp is: {rfc3339(entry.time)}, oldest acceptable timestamp is: {rfc3339(newest - self.window)}',"
                )
            else:
                self.newest[entry.labels] = max(newest, entry.time)
                taken.append(entry)
        if refused:
            refused = [*refused[:10], f"user 'fake', total ignored: {len(refused)} out of {len(entries)}"]
        return taken, refused

    def success(self, _entries, _rejected):
        return 204, "", b""

    def failure(self, _status, text):
        return "text/plain; charset=utf-8", text.encode() + b"\n"


def rfc3339(nanos):
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(nanos // 1_000_000_000))

#!/usr/bin/env python3
"""Makes seeds from protocol/vectors: corpus/session, corpus/lines and corpus/bodies. Those of the other targets are made by hand, and
stand in regressions/."""

import glob
import json
import os

HERE = os.path.dirname(os.path.abspath(__file__))
# The front of a response says enough, and libFuzzer is slow with long seeds.
LONGEST = 4000


def put(target, name, data):
    os.makedirs(f"{HERE}/corpus/{target}", exist_ok=True)
    with open(f"{HERE}/corpus/{target}/{name}", "wb") as file:
        file.write(data[:LONGEST])


def choices(vector, head):
    """The first byte as session_from() reads it: the format, what of the head is given, whether with time stamps."""
    tty, least = vector["format"] == "tty", 128 if vector["timestamps"] else 0
    return next(byte for byte in range(least, 256) if byte % 3 == tty and byte // 3 % 4 == head)


for path in glob.glob(f"{HERE}/../protocol/vectors/*.resp"):
    name = os.path.basename(path).removesuffix(".resp")
    with open(path.removesuffix("resp") + "json", encoding="utf-8") as file:
        vector = json.load(file)
    with open(path, "rb") as file:
        response = file.read()
    body = response.partition(b"\r\n\r\n")[2]
    if vector["kind"] != "logs":
        # As bodies_from() reads it: an array or values, what of the head is given, and cuts.
        split = 4 * (vector["kind"] == "events")
        put("bodies", f"{name}-whole", bytes([split, 1, 1, 1]) + response)
        put("bodies", f"{name}-body", bytes([split + 1, 3, 2, 1]) + body)
        continue
    put("session", f"{name}-whole", bytes([choices(vector, 0), 1, 7, 50, 200]) + response)
    put("session", f"{name}-body", bytes([choices(vector, 1), 3, 1, 90, 16]) + body)
    # As lines_from() reads it: lines for a terminal.
    text = b"\n".join(record.get("text", "\udcff").encode("utf-8", "replace")[:60] for record in vector["records"])
    put("lines", f"{name}-close", bytes([2, 5, 1, 30]) + text)
    put("lines", f"{name}-chunked", bytes([4, 5, 1, 30]) + text)
    put("lines", f"{name}-joined", bytes([5, 0, 40, 0]) + text)

#!/usr/bin/env python3
"""Decodes every NAME.resp into NAME.json, with ../examples/decoder.py: a second decoder, which shares nothing with the
crate. Where the two differ one of them is wrong.

    ./expect.py             writes all NAME.json
    ./expect.py --check     compares them with what it would write
"""

import glob
import json
import os
import re
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, f"{HERE}/../examples")
sys.dont_write_bytecode = True

from decoder import decode  # noqa: E402  the path comes first


def names():
    return [os.path.basename(path).removesuffix(".resp") for path in sorted(glob.glob(f"{HERE}/*.resp"))]


def asked(name):
    """What a decoder must know of the request: from its first line, and where that doesn't tell, from the name."""
    with open(f"{HERE}/{name}.req", "rb") as file:
        words = file.readline().decode("latin-1").split()
    method, target = (words + ["", ""])[:2] if len(words) > 1 else ("GET", "/")
    path, _, query = target.partition("?")
    path = re.sub(r"^/v\d+\.\d+/", "/", path)
    is_inspect = path != "/containers/json" and re.fullmatch("/containers/[^/]*/json", path)
    kinds = {"/containers/json": "list", "/events": "events"}
    return {
        "method": "HEAD" if method == "HEAD" else "GET",
        "kind": "logs" if path.endswith("/logs") else kinds.get(path, "document"),
        "format": "tty" if "tty" in name.split("-") else "multiplexed",
        "timestamps": "timestamps=1" in query,
        "parts": "podman" if name.startswith("pod-") else "docker",
        "document": "version" if path == "/version" else "inspect" if is_inspect else "other",
    }


def expected(name):
    with open(f"{HERE}/{name}.resp", "rb") as file:
        return decode(lambda: file.read(1 << 20), asked(name))


def replace(path, text, check):
    """Writes a file, or with `check` only compares; tells whether it was another."""
    old = open(path, encoding="utf-8").read() if os.path.exists(path) else None
    if old != text and not check:
        with open(path, "w", encoding="utf-8") as file:
            file.write(text)
    return old != text


def main():
    check = "--check" in sys.argv
    stale = []
    for name in names():
        text = json.dumps(expected(name), ensure_ascii=False, indent=1) + "\n"
        if replace(f"{HERE}/{name}.json", text, check):
            stale.append(name)
    print(f"{len(stale)} {'differ' if check else 'written'}: {' '.join(stale)}"[:2000])
    return bool(stale) and check


if __name__ == "__main__":
    sys.exit(main())

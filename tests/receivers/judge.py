#!/usr/bin/env python3
"""Reads bodies as a receiver would, and says what is in them.

    judge.py {loki|otlp|ndjson} FILE…

A line of output for each line of log, as in a ledger: the file's number, container, stream, nanoseconds, message. What the
published interface forbids ends it with an error.
"""

import importlib
import sys

sys.dont_write_bytecode = True

from http1 import Violation  # noqa: E402
from ledger import word  # noqa: E402
from receiver import arguments, in_venv  # noqa: E402


def main():
    name, *files = sys.argv[1:]
    in_venv(name)
    format_ = importlib.import_module(name).Format(arguments([name]))
    for number, file in enumerate(files):
        with open(file, "rb") as body:
            try:
                entries = format_.parse(body.read())
            except Violation as violation:
                sys.exit(f"{file}: {violation.kind}: {violation.text}")
        for entry in entries:
            print(f"{number}\t{word(entry.container)}\t{entry.stream}\t{entry.time}\t{word(entry.message)}")


if __name__ == "__main__":
    main()

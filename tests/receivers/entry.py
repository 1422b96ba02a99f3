"""What every format tells of a line, and the checks that all formats share."""

import json
import re
import time
from dataclasses import dataclass

from http1 import Violation

ID = re.compile(r"[0-9a-f]{64}\Z")
EARLIEST = 1_363_000_000_000_000_000  # in March 2013: no container has logged before Docker was
AHEAD = 600_000_000_000  # nanoseconds that a clock may be ahead of ours


@dataclass
class Entry:
    """A line that was received."""

    container: str
    stream: str
    time: int  # nanoseconds
    message: bytes
    labels: str = ""  # Loki: whose stream of entries it is


def sane(nanos, what, kind):
    """A time that a line can have."""
    if not EARLIEST <= nanos <= time.time_ns() + AHEAD:
        raise Violation(400, kind, f"{what} {nanos} is no time that a line can have")
    return nanos


def strict_json(body, kind):
    """JSON, but no name twice in an object, no NaN, no half surrogate, nothing before or after."""
    try:
        text = body.decode("utf-8")
    except UnicodeDecodeError as error:
        raise Violation(400, kind, f"no UTF-8: {error}") from None

    def pairs(items):
        if len(dict(items)) != len(items):
            raise Violation(400, kind, f"a name twice in {dict(items)}")
        return dict(items)

    def no_constant(word):
        raise Violation(400, kind, f"{word} is no JSON")

    try:
        value = json.loads(text, object_pairs_hook=pairs, parse_constant=no_constant)
    except ValueError as error:
        raise Violation(400, kind, f"no JSON: {error}") from None
    except RecursionError:
        raise Violation(400, kind, "JSON that is nested too deeply") from None
    if "\\u" in text:
        try:
            json.dumps(value, ensure_ascii=False).encode("utf-8")
        except UnicodeEncodeError:
            raise Violation(400, kind, "half a surrogate pair") from None
    return value


def need(condition, kind, text):
    """The rule that must hold; `text` is made only where it doesn't."""
    if not condition:
        raise Violation(400, kind, text() if callable(text) else text)

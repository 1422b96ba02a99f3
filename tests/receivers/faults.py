"""What a receiver does wrong, request by request.

A plan is a list of words with commas between, carried out again and again; `word*N` is N requests long.

| word | the request | what becomes of it |
|---|---|---|
| `ok` | taken | answered at once |
| `STATUS` | not taken (2xx: taken) | answered with this status: `500`, `503`, `400`… |
| `STATUS+` | taken | the same, though it was taken |
| `STATUS:S`, `STATUS:@S` | not taken | with Retry-After, of S seconds or of the date in S seconds |
| `cut` | taken | the connection is closed in the middle of the answer's head |
| `mute` | taken | the connection is closed without an answer |
| `drop` | not taken | the connection is closed before the body is read |
| `reset` | not taken | it is reset in the middle of the body |
| `early:STATUS` | not taken | answered, and closed, before the body is read |
| `slow:S` | taken | answered after S seconds |
| `sip:S` | taken | the body is read over S seconds |
| `drip:S` | taken | the answer comes byte by byte over S seconds |
| `still` | not taken | nothing happens, until the client hangs up |
| `stuck` | taken | the same, but it was taken |
| `close` | taken | answered with `Connection: close`, and closed |
| `leave` | taken | answered as if it stayed open, and closed |
| `continue` | taken | `100 Continue`, unasked for, before the answer |
| `chunked` | taken | an answer in chunks |
| `big:N` | taken | an answer with a body of N bytes |
| `noise` | taken | bytes that are no HTTP |
| `partial:N` | all but N lines taken | OTLP: partial success; else as `ok` |
"""

import re
import threading
from dataclasses import dataclass

# Words that stand alone, and those that come with a number; and whether the request is taken.
ALONE = {"ok": True, "cut": True, "mute": True, "drop": False, "reset": False, "still": False, "stuck": True, "close": True, "leave": True,
         "continue": True, "chunked": True, "noise": True}  # fmt: skip
NUMBERED = {"early": False, "slow": True, "sip": True, "drip": True, "big": True, "partial": True}
STATUS = re.compile(r"([1-5][0-9][0-9])(\+?)(?::(@?)([0-9]+))?\Z")


@dataclass
class Fault:
    """What becomes of one request."""

    word: str
    what: str
    taken: bool
    number: float = 0.0
    status: int = 0
    retry_after: float | None = None
    as_date: bool = False


def fault(word):
    if match := STATUS.match(word):
        after = float(match[4]) if match[4] else None
        taken = bool(match[2]) or match[1] < "300"
        return Fault(word, "status", taken, status=int(match[1]), retry_after=after, as_date=bool(match[3]))
    name, colon, number = word.partition(":")
    if not colon and name in ALONE:
        return Fault(word, name, ALONE[name])
    if colon and name in NUMBERED and re.fullmatch(r"[0-9]+(\.[0-9]+)?", number):
        return Fault(
            word, name, NUMBERED[name], number=float(number), status=int(float(number)) if name == "early" else 0
        )
    raise ValueError(f"no fault is called {word!r}")


def listed(text):
    """`a*2,b` → [a, a, b]"""
    words = []
    for word in text.split(","):
        word, star, count = word.strip().partition("*")
        words += [fault(word)] * (int(count) if star else 1)
    return words


class Plan:
    """Deals out faults, a request each."""

    def __init__(self, text="ok"):
        self.lock = threading.Lock()
        self.set(text)

    def set(self, text):
        """From now on this plan, from its beginning."""
        words = listed(text)
        with self.lock:
            self.words, self.at, self.first = words, 0, []

    def once(self, text):
        """These first, then the plan goes on where it is."""
        words = listed(text)
        with self.lock:
            self.first += words

    def next(self):
        with self.lock:
            if self.first:
                return self.first.pop(0)
            self.at += 1
            return self.words[(self.at - 1) % len(self.words)]

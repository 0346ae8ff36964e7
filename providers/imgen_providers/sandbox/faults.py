"""Scripted faults: what can go wrong between a client and a service, each a real event on the socket.

Grammar, separated by commas: `name[=value][*times]`, such as `lost-reply,429=2,poll-5xx*3,dead-link*always`.
A value is a number, or, for a fault that names them, a word: `no-picture=IMAGE_SAFETY`. `times` is how often the
fault strikes in one server process. Left out, something that happens on the way strikes once, and a job's outcome
strikes every job.
"""

from __future__ import annotations

import math
import re
import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

ALWAYS = None


@dataclass(frozen=True, slots=True)
class _Kind:
    """What a fault does, its value by default (None: it takes none), how often it strikes (None: always).

    `words` are what its value may be instead of a number, the default first.
    """

    what: str
    value: float | None = None
    times: int | None = 1
    words: tuple[str, ...] = ()


# Where a Gemini answer of status 200 holds no picture (reference of the direct services, 1.5): the reason for a
# blocked prompt, the one a candidate finished for, or its parts.
_WITHOUT_PICTURE = (
    *("NO_IMAGE", "IMAGE_SAFETY", "IMAGE_PROHIBITED_CONTENT", "IMAGE_RECITATION", "IMAGE_OTHER", "SAFETY"),
    *("RECITATION", "BLOCKLIST", "PROHIBITED_CONTENT", "SPII", "OTHER", "MAX_TOKENS", "LANGUAGE"),
    *("MALFORMED_FUNCTION_CALL", "UNEXPECTED_TOOL_CALL", "MISSING_THOUGHT_SIGNATURE", "MALFORMED_RESPONSE"),
    *("BLOCK_SAFETY", "BLOCK_OTHER", "BLOCK_BLOCKLIST", "BLOCK_PROHIBITED_CONTENT", "BLOCK_IMAGE_SAFETY"),
    *("ONLY_TEXT", "NO_PARTS", "NO_CONTENT", "NO_CANDIDATES"),
)


FAULTS: dict[str, _Kind] = {
    # on the way of a submit
    "reset": _Kind("a submit's connection is reset before its body, which may have left, is read; no job is made"),
    "reset-after-read": _Kind("a submit is read whole, then its connection is reset; no job is made"),
    "lost-reply": _Kind("a submit makes its job, then the connection closes without an answer"),
    "slow-reply": _Kind("a submit makes its job, and its answer takes VALUE seconds more", value=5.0),
    "garbage": _Kind("a submit makes its job, and the answer is a web page with status 200"),
    "cut-answer": _Kind("a submit makes its job, and the connection closes in the middle of its answer"),
    "trickling-answer": _Kind("a submit makes its job, and its answer takes VALUE seconds to arrive", value=5.0),
    # the service refuses a submit
    "429": _Kind("a submit is refused with Retry-After: VALUE seconds", value=1.0),
    "bad-key": _Kind("a submit is refused because of its key", times=ALWAYS),
    "no-credit": _Kind("a submit is refused because the account is empty", times=ALWAYS),
    "submit-5xx": _Kind("a submit makes no job and ends in HTTP VALUE (502, 504: a gateway's web page)", value=500),
    # while polling
    "rate-limit-poll": _Kind("a poll is refused with Retry-After: VALUE seconds", value=1.0),
    "poll-5xx": _Kind("a poll ends in HTTP VALUE", value=503),
    "garbage-poll": _Kind("a poll is answered with a web page and status 200"),
    "odd-state": _Kind("a poll names a state that no document knows"),
    "empty-results": _Kind("a poll reports the job as finished, without links yet", times=2),
    # how a job ends
    "stuck": _Kind("a job stays queued for ever", times=ALWAYS),
    "job-failed": _Kind("a job fails after it was accepted", times=ALWAYS),
    "job-error": _Kind("a job ends as `error` (GMI Cloud, GPTProto; elsewhere as failed)", times=ALWAYS),
    "job-expired": _Kind("a job ends as `expired` (GPTProto; elsewhere as failed)", times=ALWAYS),
    "job-rate-limited": _Kind("a job fails because the service had no capacity", times=ALWAYS),
    "content-policy": _Kind("the content policy refuses a request, in the service's own way", times=ALWAYS),
    "fewer-pictures": _Kind("a finished job has one picture fewer than ordered", times=ALWAYS),
    "output-policy": _Kind("the content policy refuses the finished picture (OpenAI, Gemini)", times=ALWAYS),
    "no-picture": _Kind(
        "an answer has status 200 and no picture; at Gemini it ends as WORD, such as IMAGE_SAFETY, BLOCK_SAFETY "
        "(the prompt) or ONLY_TEXT",
        times=ALWAYS,
        words=_WITHOUT_PICTURE,
    ),
    # the pictures
    "dead-link": _Kind("a picture is answered with HTTP VALUE", value=404),
    "slow-picture": _Kind("a picture takes VALUE seconds to arrive", value=5.0),
    "truncated-picture": _Kind("a picture's connection closes in the middle of it"),
    "short-picture": _Kind("an answer arrives whole, but the picture in it is cut"),
    "jpeg-as-png": _Kind("a picture's bytes are JPEG, whatever was ordered and announced"),
    "wrong-size": _Kind("a picture is smaller than ordered"),
    # how a service answers
    "gmi-blocking": _Kind("a setting: GMI Cloud answers every submit only when its picture is done", times=ALWAYS),
    "gmi-inline": _Kind("a setting: GMI Cloud puts every picture itself into its answer", times=ALWAYS),
    "gemini-thoughts": _Kind("a setting: Gemini shows a thought picture before the real one", times=ALWAYS),
}


@dataclass(frozen=True, slots=True)
class Fault:
    """One entry of a script: which fault, its value where it takes one, and how often (None: always)."""

    name: str
    value: float = 0.0
    times: int | None = 1
    word: str = ""


def parse_faults(text: str) -> tuple[Fault, ...]:
    """Read a script of faults, in the grammar above. Raises `ValueError` with a full sentence."""
    return tuple(_fault(entry.strip()) for entry in text.split(",") if entry.strip())


def _fault(entry: str) -> Fault:
    match = re.fullmatch(r"([a-z0-9-]+)(?:=(\d+(?:\.\d+)?|[A-Z][A-Z_]*))?(?:\*(\d+|always))?", entry)
    kind = FAULTS.get(match[1]) if match else None
    if match is None or kind is None:
        raise ValueError(
            f"{entry!r} is not a fault of the sandbox, which reads name[=value][*times] "
            f"with one of these names: {', '.join(FAULTS)}."
        )
    name, value, times = match.groups()
    how_often = kind.times if times is None else ALWAYS if times == "always" else int(times)
    if kind.words:
        word = value or kind.words[0]
        if word not in kind.words:
            raise ValueError(f"The fault {name!r} knows no {word!r}; it takes one of these: {', '.join(kind.words)}.")
        return Fault(name, times=how_often, word=word)
    if value is not None and kind.value is None:
        raise ValueError(f"The fault {name!r} takes no value; write it without {'=' + value!r}.")
    if value is not None and value[0].isalpha():
        raise ValueError(f"The fault {name!r} takes a number, not {value!r}.")
    return Fault(name, float(value) if value is not None else kind.value or 0.0, how_often)


class FaultScript:
    """The faults that are still to come in this process; safe between threads."""

    def __init__(self, faults: Sequence[Fault]) -> None:
        self._lock = threading.Lock()
        self._faults = tuple(faults)
        self._left = [math.inf if fault.times is None else fault.times for fault in faults]

    def take(self, name: str) -> Fault | None:
        """The fault of that name if it strikes now, which uses it up by one."""
        with self._lock:
            for place, fault in enumerate(self._faults):
                if fault.name == name and self._left[place] > 0:
                    self._left[place] -= 1
                    return fault
        return None

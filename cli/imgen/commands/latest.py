"""The words that stand for the latest orders on a command line."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

_TAKES_JOBS = ("again", "show", "open", "wait", "status", "download", "forget")
_BACK = re.compile(r"-([1-9]\d{0,3})", re.ASCII)


def with_latest(arguments: Sequence[str]) -> list[str]:
    """The arguments with `-1`, where it stands for a job and would be read as an option, as `@1`."""
    if arguments[:1] and arguments[0] in _TAKES_JOBS:
        return [arguments[0], *map(_one, arguments[:-1], arguments[1:])]
    return list(arguments)


def _one(before: str, word: str) -> str:
    """A number behind an option that takes a value is its value, and said to be wrong there."""
    found = _BACK.fullmatch(word)
    return f"@{found[1]}" if found and not before.startswith("--") else word

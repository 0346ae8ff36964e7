"""The words that stand for the latest orders on a command line."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

_TAKES_JOBS = ("again", "show", "open", "wait", "status", "download", "cancel", "forget")
_BACK = re.compile(r"-([1-9]\d{0,3})", re.ASCII)


def with_latest(arguments: Sequence[str]) -> list[str]:
    """The arguments with `-1`, where it stands for a job and would be read as an option, as `@1`."""
    words = list(arguments)
    if words[:1] and words[0] in _TAKES_JOBS and any(map(_BACK.fullmatch, words)):
        from imgen.commands.corrections import values_in

        values = values_in(words)  # a number behind `--timeout` is its value, and is said to be wrong there
        return [
            each if at in values else _BACK.sub(r"@\1", each) if _BACK.fullmatch(each) else each
            for at, each in enumerate(words)
        ]
    return words

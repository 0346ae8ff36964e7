"""The trace of a bug of our own, without the values of variables, which may be keys, links or prompts."""

from __future__ import annotations

import traceback
from typing import TYPE_CHECKING

from imgen.errors import Problem
from imgen.files import make_private_folder, write
from imgen_providers.errors import origins

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from imgen_providers.redaction import Redaction


def place_of(error: Exception) -> str:
    """The innermost line of ours that the error came through, as "imgen.jobs.worker:42"."""
    places = [f"{frame.f_globals.get('__name__')}:{line}" for frame, line in traceback.walk_tb(error.__traceback__)]
    ours = [place for place in places if place.startswith("imgen")]
    return (ours or places)[-1]


def trace(error: Exception) -> str:
    """The lines that the error and those before it came through.

    The classes of the errors are named, their messages left out: those may quote a key, a link or a prompt.
    """
    lines = []
    for each in origins(error):
        name = f"{type(each).__module__}.{type(each).__qualname__}"
        lines.append("".join([*traceback.format_tb(each.__traceback__), f"{name}\n"]))
    return "\nwhich came of:\n\n".join(lines)


def write_trace(error: Exception, folder: Path, redaction: Redaction) -> Path:
    """Put the trace in a file for its owner only, in place of the last one. Raises `OSError`."""
    make_private_folder(folder)
    path = folder / "crash.txt"
    write(path, redaction.text(trace(error)).encode(errors="backslashreplace"))
    return path


def crash_problem(error: Exception, folder: Path, keys: Iterable[str]) -> Problem:
    """The problem to report for a bug of our own; its trace is written to `folder` where that is possible."""
    from imgen_providers.redaction import Redaction

    message = f"imgen met a bug of its own: {type(error).__name__} at {place_of(error)}; please report it."
    try:
        report = write_trace(error, folder, Redaction(keys))
    except OSError:
        return Problem("bug", message)
    return Problem("bug", message, f"Send this file with the report: {report}")

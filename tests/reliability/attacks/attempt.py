"""One attempt on the program: which hole it tries, in which words, and what must come of it."""

from __future__ import annotations

import os
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from cli.program import program
from cli.program.program import Ended

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from cli.program.program import Program

HELD = 0
"""The line of an attempt that was made before and held."""

LINES = range(1, 28)
"""The holes that were seen at 337f659, by number."""

MEGABYTE = 1024 * 1024
_PATIENCE = 45.0  # seconds, after which a process that hangs is killed and fails its test
_MOST = 3 * 1024 * MEGABYTE  # that a process may reserve
_MEASURE = str(Path(__file__).with_name("measure.py"))

COUNTS_MEMORY = pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="only Linux counts memory this way")


def attempt(line: int, tried: str, outcome: str) -> pytest.MarkDecorator:
    """The mark of a test that is one row; `line` is the number of the hole, or `HELD`."""
    return pytest.mark.attempt(line, tried, outcome)


def rows(
    line: int, attempts: Mapping[str, object], outcome: str, sample: Collection[str] | None = None
) -> list[object]:
    """A case for each attempt, by what is tried; those out of the sample only with --all."""
    return [
        pytest.param(
            value,
            id=tried,
            marks=[attempt(line, tried, outcome), *([] if sample is None or tried in sample else [pytest.mark.whole])],
        )
        for tried, value in attempts.items()
    ]


@dataclass(frozen=True, slots=True)
class Measured:
    """A process that is over, with the most memory it had (bytes) and how long it took (seconds)."""

    ended: Ended
    peak: int
    seconds: float


def measured(here: Program, *arguments: str, stdin: str = os.devnull) -> Measured:
    """Run one command to its end in a process of its own, with an end to its memory and its time."""
    peak = here.cwd.parent / "peak"
    began = time.monotonic()
    with open(stdin, "rb") as given:  # noqa: PTH123
        process = subprocess.run(
            [program.IMGEN[0], "-P", _MEASURE, str(peak), str(_MOST), *arguments],
            stdin=given,
            capture_output=True,
            cwd=here.cwd,
            env=here.environ,
            timeout=_PATIENCE,
        )
    seconds = time.monotonic() - began
    ended = Ended(process.returncode, process.stdout, process.stderr.decode(errors="replace"))
    return Measured(ended, int(peak.read_text(encoding="ascii")) * 1024, seconds)


def plain(ended: Ended) -> bool:
    """Whether a command ended in words of ours: no traceback, and no bug."""
    said = ended.stdout.decode(errors="replace") + ended.stderr
    return not any(word in said for word in ("Traceback", "met a bug", "MemoryError"))

"""What went wrong, why, and what to type next."""

from __future__ import annotations

from typing import TYPE_CHECKING

from imgen.screen.text import for_log

if TYPE_CHECKING:
    from imgen.jobs.records import Problem

_RED, _DIM, _OFF = "\x1b[31m", "\x1b[2m", "\x1b[0m"


def failure_lines(problem: Problem, *, color: bool) -> str:
    """The problem as one line, and its hint as a second one, for stderr."""
    name, label = (f"{_RED}imgen:{_OFF}", f"{_DIM}try:{_OFF}") if color else ("imgen:", "try:")
    lines = [f"{name} {for_log(problem.message)}"]
    if problem.hint:
        lines.append(f"  {label} {for_log(problem.hint)}")
    return "\n".join(lines)

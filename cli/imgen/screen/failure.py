"""What went wrong, why, and what to type next."""

from __future__ import annotations

from typing import TYPE_CHECKING

from imgen.screen.text import for_log

if TYPE_CHECKING:
    from imgen.errors import Problem

_RED, _YELLOW, _DIM, _OFF = "\x1b[31m", "\x1b[33m", "\x1b[2m", "\x1b[0m"


def failure_lines(problem: Problem, *, color: bool) -> str:
    """The problem as one line, and its hint as a second one, for stderr."""
    name = f"{_RED}imgen:{_OFF}" if color else "imgen:"
    return "\n".join([f"{name} {for_log(problem.message)}", *_hint(problem, color=color)])


def warning_line(text: str, *, color: bool) -> str:
    """Something to know that is no failure of this command, for stderr."""
    return f"{_YELLOW}imgen:{_OFF} {text}" if color else f"imgen: {text}"


def hint_lines(problem: Problem, *, color: bool) -> str:
    """Only what to do about a problem that stands on the screen already; empty where nothing can be done."""
    return "\n".join(_hint(problem, color=color))


def _hint(problem: Problem, *, color: bool) -> list[str]:
    label = f"{_DIM}try:{_OFF}" if color else "try:"
    return [f"  {label} {for_log(problem.hint)}"] if problem.hint else []

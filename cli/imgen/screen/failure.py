"""What went wrong, why, and what to type next."""

from __future__ import annotations

from typing import TYPE_CHECKING

from imgen.screen.text import for_log, wrapped, wrapped_command

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from imgen.errors import Problem

_RED, _YELLOW, _DIM, _OFF = "\x1b[31m", "\x1b[33m", "\x1b[2m", "\x1b[0m"
_NAME, _TRY = "imgen:", "  try:"
_COMMAND_STARTS = ("imgen ", "export ", "uv ", "pipx ", "git ")
_BY_PIP = " -m pip install "


def failure_lines(problem: Problem, *, color: bool, width: int | None = None) -> str:
    """The problem, and below it what to do, for stderr; lines break between words where a terminal has `width`."""
    first, *rest = wrapped(f"{_NAME} {for_log(problem.message)}", width)
    if color:
        first = f"{_RED}{_NAME}{_OFF}{first.removeprefix(_NAME)}"
    return "\n".join([first, *rest, *_hint(problem.hint, color=color, width=width)])


def warning_lines(text: str, command: str, *, color: bool, width: int | None = None) -> str:
    """Something to know that is no failure of this command, and below it the command that helps, for stderr."""
    first, *rest = wrapped(f"{_NAME} {text}", width)
    if color:
        first = f"{_YELLOW}{_NAME}{_OFF}{first.removeprefix(_NAME)}"
    return "\n".join([first, *rest, *_hint(command, color=color, width=width)])


def hint_lines(hints: Iterable[str], *, color: bool, width: int | None = None) -> str:
    """Only what to do about problems that stand on the screen already; empty where nothing can be done."""
    return "\n".join(line for hint in hints for line in _hint(hint, color=color, width=width))


def is_command(line: str) -> bool:
    """Whether a line of a hint can be copied and run."""
    return line.startswith(_COMMAND_STARTS) or _BY_PIP in line


def _hint(hint: str | None, *, color: bool, width: int | None) -> Iterator[str]:
    label = _TRY
    for line in hint.splitlines() if hint else []:
        shown = for_log(line)
        broken = wrapped_command if is_command(shown) else wrapped
        first, *rest = broken(f"{label} {shown}", width, indent=len(_TRY) + 1)
        yield f"{_DIM}{label}{_OFF}{first.removeprefix(label)}" if color and label == _TRY else first
        yield from rest
        label = " " * len(_TRY)

"""What was checked of this installation, each with what to do where it is not well."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from imgen.screen.failure import is_command
from imgen.screen.text import for_log, wrapped, wrapped_command

if TYPE_CHECKING:
    from collections.abc import Sequence

_GREEN, _YELLOW, _OFF = "\x1b[32m", "\x1b[33m", "\x1b[0m"


@dataclass(frozen=True, slots=True)
class CheckEntry:
    """One thing that was checked; `next` is the command or sentence that helps, null where all is well."""

    name: str
    ok: bool
    found: str
    next: str | None


def check_lines(checks: Sequence[CheckEntry], *, width: int | None, color: bool = False) -> list[str]:
    """A line for each, with a sign before it, and what to do below those that are not well."""
    names = max(len(check.name) for check in checks)
    lines = []
    for check in checks:
        sign = "ok" if check.ok else "! "
        first, *rest = wrapped(f"{sign}  {check.name:<{names}}  {for_log(check.found)}", width, indent=names + 6)
        if color:
            first = f"{_GREEN if check.ok else _YELLOW}{sign}{_OFF}{first[len(sign) :]}"
        lines += [first, *rest]
        for number, step in enumerate(check.next.splitlines() if check.next else []):
            broken = wrapped_command if is_command(step) else wrapped
            lines += broken(f"{'    try:' if number == 0 else ' ' * 8} {step}", width, indent=9)
    return lines

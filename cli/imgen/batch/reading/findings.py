"""What is wrong in a manifest or a lock: every sentence with its file, line and field, and the error that holds all."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from imgen.errors import UsageProblem

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence


@dataclass(frozen=True, slots=True, order=True)
class Finding:
    """One thing that is wrong, as a sentence; `line` counts from 1, 0 where the file as a whole is meant.

    `field` is the field it stands in, where it stands in one; `hint` is what would be right.
    """

    file: str
    line: int
    field: str | None
    message: str
    hint: str | None = None

    @property
    def place(self) -> str:
        """Where it stands, as editors and compilers write it."""
        return f"{self.file}:{self.line}" if self.line else self.file

    def __str__(self) -> str:
        where = f"{self.place}: {self.field}" if self.field else self.place
        return f"{where}: {self.message}" + (f" {self.hint}" if self.hint else "")


class BadManifest(UsageProblem):
    """A manifest or lock cannot be used as it stands; nothing was sent. `findings` are all that is wrong, by line."""

    code = "manifest"

    def __init__(self, findings: Iterable[Finding]) -> None:
        found = sorted(set(findings), key=lambda one: (one.file, one.line, one.field or "", one.message))
        super().__init__(_summary(found), found[0].hint if len(found) == 1 else None)
        self.findings: Sequence[Finding] = found


def _summary(found: Sequence[Finding]) -> str:
    """All of it in one text, one finding a line."""
    if len(found) == 1:
        one = found[0]
        return f"{one.place}: {one.field}: {one.message}" if one.field else f"{one.place}: {one.message}"
    return "\n".join([f"{len(found):,} things are wrong, and nothing was sent.", *map(str, found)])

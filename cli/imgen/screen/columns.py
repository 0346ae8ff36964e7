"""Aligned columns: as many as a terminal has room for, all of them in a pipe."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from imgen.screen.text import cells, one_line, padded

if TYPE_CHECKING:
    from collections.abc import Sequence

GAP = "  "
_LEAST = 4  # columns of a terminal; any column keeps that much
BOLD, DIM, RED, GREEN, CYAN, OFF = "\x1b[1m", "\x1b[2m", "\x1b[31m", "\x1b[32m", "\x1b[36m", "\x1b[0m"


@dataclass(frozen=True, slots=True)
class Column:
    """One column of a table; where there is no room for all, the one with the highest `spare` goes first.

    `colors` has a terminal's sequence for each text, or none at all. Numbers stand at the right.
    """

    heading: str
    texts: tuple[str, ...]
    spare: int = 0
    colors: tuple[str, ...] = ()
    is_number: bool = False

    def padded(self, text: str) -> str:
        """A text of the column in the column's width."""
        return text.rjust(self.width) if self.is_number else padded(text, self.width)

    @property
    def width(self) -> int:
        """In columns of a terminal."""
        return max(map(cells, (self.heading, *self.texts)))


def total(columns: Sequence[Column]) -> int:
    """The width of them all with what is between, in columns of a terminal."""
    return sum(column.width for column in columns) + len(GAP) * (len(columns) - 1)


def fitting(columns: list[Column], width: int | None) -> list[Column]:
    """The columns that fit; those with `spare` 0 stay whatever the width, cut where they have to be."""
    while width is not None and total(columns) > width and any(column.spare for column in columns):
        first_to_go = max(columns, key=lambda column: column.spare)
        columns = [column for column in columns if column is not first_to_go]
    return columns if width is None else _cut(columns, width)


def _cut(columns: list[Column], width: int) -> list[Column]:
    """The columns in `width`: the widest gives way first."""
    widths = [column.width for column in columns]
    while sum(widths) + len(GAP) * (len(widths) - 1) > width and max(widths) > _LEAST:
        widths[widths.index(max(widths))] -= 1
    return [
        _narrowed(column, room) if column.width > room else column for column, room in zip(columns, widths, strict=True)
    ]


def _narrowed(column: Column, width: int) -> Column:
    texts = tuple(one_line(text, width) for text in column.texts)
    return replace(column, heading=one_line(column.heading, width), texts=texts)


def table(columns: list[Column], width: int | None) -> list[str]:
    """The columns line by line under their headings, as many as fit; `width` None keeps all, for a pipe."""
    return aligned(fitting(columns, width))


def aligned(columns: Sequence[Column]) -> list[str]:
    """The columns line by line, under their headings where they have any."""
    lines = zip(*map(_painted, columns), strict=True)
    headings = [[column.padded(column.heading) for column in columns]] if any(c.heading for c in columns) else []
    return [GAP.join(line).rstrip() for line in [*headings, *lines]]


def _painted(column: Column) -> list[str]:
    """The texts of a column, all of one width, in their colours."""
    texts = [column.padded(text) for text in column.texts]
    if not column.colors:
        return texts
    return [f"{color}{text}{OFF}" if color else text for color, text in zip(column.colors, texts, strict=True)]

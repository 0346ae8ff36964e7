"""Settings as a table, and for a program."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from imgen.config.settings import Layer, Value
from imgen.screen.columns import BOLD, GAP, OFF, Column, table, total
from imgen.screen.text import one_line, plain

if TYPE_CHECKING:
    from collections.abc import Sequence

_LEAST_VALUE = 8  # columns of a terminal; a setting shows that much of its value in any


@dataclass(frozen=True, slots=True)
class SettingEntry:
    """One setting for a program: its value (null: not set), and the layer, variable or line of a file that says so."""

    name: str
    value: Value | None
    source: Layer
    variable: str | None
    file: str | None
    line: int | None


@dataclass(frozen=True, slots=True)
class SettingRow:
    """One setting, as `imgen config` shows it; `value` None is not set."""

    name: str
    value: Value | None
    source: str


def setting_table(rows: Sequence[SettingRow], *, width: int | None, color: bool = False) -> list[str]:
    """A heading and one line per setting; values are cut first where a terminal has no room, nothing in a pipe."""
    names = Column("SETTING", tuple(row.name for row in rows))
    sources = Column("FROM", tuple(plain(row.source) for row in rows))
    values = Column("VALUE", tuple(value_text(row.value) for row in rows))
    if width is not None:
        room = max(width - total([names, sources]) - len(GAP), _LEAST_VALUE)
        values = Column("VALUE", tuple(one_line(text, room) for text in values.texts))
    heading, *lines = table([names, values, sources], width)
    return [f"{BOLD}{heading}{OFF}" if color else heading, *lines]


def value_text(value: Value | None) -> str:
    """A value as a person reads it."""
    match value:
        case None:
            return "not set"
        case bool():
            return str(value).lower()
        case tuple():
            return ", ".join(value)
        case float():
            return f"{value:g}"
        case _:
            return plain(str(value))

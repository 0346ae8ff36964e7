"""Settings as a table, and for a program."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from imgen.config.settings import Layer, Value
from imgen.screen.columns import BOLD, DIM, GAP, OFF, Column, table, total
from imgen.screen.text import one_line, plain, wrapped

if TYPE_CHECKING:
    from collections.abc import Sequence

DEFAULT = "default"
"""Where a value comes from that was set in no place."""

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
    """A heading and one line per setting, in a pipe; values are cut first where a terminal has no room.

    A terminal shows first what was set, then what else has a value, and the names of the others in one sentence.
    """
    unset = [] if width is None else [row.name for row in rows if row.value is None and row.source == DEFAULT]
    if width is not None:
        rows = sorted((row for row in rows if row.name not in unset), key=lambda row: row.source == DEFAULT)
    dim = tuple(DIM if row.source == DEFAULT else "" for row in rows) if color else ()
    names = Column("SETTING", tuple(row.name for row in rows), colors=dim)
    sources = Column("FROM", tuple(plain(row.source) for row in rows), colors=dim)
    values = Column("VALUE", tuple(value_text(row.value) for row in rows), colors=dim)
    if width is not None:
        room = max(width - total([names, sources]) - len(GAP), _LEAST_VALUE)
        values = replace(values, texts=tuple(one_line(text, room) for text in values.texts))
    heading, *lines = table([names, values, sources], width)
    below = wrapped(f"Not set: {', '.join(unset)}.", width) if unset else []
    return [f"{BOLD}{heading}{OFF}" if color else heading, *lines, *below]


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

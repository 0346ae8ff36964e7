"""On which line of a TOML text each asset and each of its fields stands.

`tomllib` reports no places, and `tomlkit`, which could, takes six times as long (10,000 assets, measured: 1.2 s against
0.2 s). So `tomllib` reads the text, and this index is made only where a line is asked for. It relies on the text being
valid TOML, where only strings, comments and brackets have to be recognised.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

Scope = int | str
"""An asset by its number from 0, or the name of a table: "defaults", or "" for the top of the file."""

ASSET = "asset"
DEFAULTS = "defaults"
TOP = ""

# TOML 1.0.0. A string of several lines may end in up to two quotes of its own.
_TOKEN = re.compile(
    r'(?P<string>"""(?:[^\\]|\\.)*?"{3,5}(?!")|\'\'\'.*?\'{3,5}(?!\')|"(?:[^"\\\n]|\\.)*"|\'[^\'\n]*\')'
    r"|(?P<comment>#[^\n]*)"
    r"|(?P<mark>[\n\[\]{},=])"
    r"|(?P<bare>[^\s\"'#\[\]{},=]+)",
    re.DOTALL,
)


class TomlLines:
    """The line of every asset and field of one valid TOML text."""

    def __init__(self, text: str) -> None:
        self._ends = [found.start() for found in re.finditer("\n", text)]
        self._places: dict[tuple[Scope, str | None], int] = {}
        self._assets = 0
        self._read(text)

    def line(self, scope: Scope, field: str | None = None) -> int:
        """The line of a field, or of what it belongs to where it is not written itself; counts from 1.

        0 where neither is written, for the file as a whole.
        """
        whole = (TOP, ASSET) if isinstance(scope, int) else (scope, None)  # a list that holds what is no table
        tried: tuple[tuple[Scope, str | None], ...] = ((scope, field), (scope, None), whole)
        place = next((self._places[each] for each in tried if each in self._places), None)
        return 0 if place is None else bisect_right(self._ends, place - 1) + 1

    def _read(self, text: str) -> None:
        table: list[str] = []
        keys: list[str] = []
        begin, depth, in_value, is_header = -1, 0, False, False
        for token in _TOKEN.finditer(text):
            mark = token["mark"]
            if mark == "\n" and depth == 0:
                if is_header:
                    table = keys
                keys, begin, in_value, is_header = [], -1, False, False
                continue
            if mark == "\n" or token["comment"]:
                continue
            if begin < 0:
                begin, is_header = token.start(), mark == "["
            if mark == "=" and depth == 0:
                in_value = True
                self._note(begin, [*table, *keys])
            elif mark in ("[", "{"):
                depth += 1
                if in_value and depth == 2 and mark == "{" and [*table, *keys] == [ASSET]:
                    self._note_asset(token.start())
            elif mark in ("]", "}"):
                depth -= 1
                if is_header and depth == 0:
                    self._note_header(begin, keys, is_list=text.startswith("[[", begin))
            elif not in_value and mark is None:
                keys = [*keys, *_keys(token)]

    def _note_header(self, place: int, keys: list[str], *, is_list: bool) -> None:
        if keys == [ASSET] and is_list:
            self._note_asset(place)
        else:
            self._note(place, keys)

    def _note_asset(self, place: int) -> None:
        self._places[self._assets, None] = place
        self._assets += 1

    def _note(self, place: int, keys: list[str]) -> None:
        """Note where something begins, under its name at the top, and as a field of its asset or of the defaults."""
        name, *inner = keys
        self._places.setdefault((TOP, name), place)
        if name == DEFAULTS:
            self._places.setdefault((DEFAULTS, None), place)
        if inner and name == ASSET and self._assets:
            self._places.setdefault((self._assets - 1, inner[0]), place)
        elif inner:
            self._places.setdefault((name, inner[0]), place)


def _keys(token: re.Match[str]) -> Iterator[str]:
    """The keys in a piece of a dotted key."""
    import tomllib

    if token["string"]:
        yield next(iter(tomllib.loads(f"{token['string']} = 0")))
    else:
        yield from filter(None, token["bare"].split("."))

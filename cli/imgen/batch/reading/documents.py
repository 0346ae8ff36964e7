"""From the bytes of a manifest to its tables, in TOML, YAML, JSON Lines or CSV, each with the line it stands on.

What the tables hold is not looked at here. A manifest comes with a clone, so its size, nesting and kind of file are
bounded before anything reads it.
"""

from __future__ import annotations

import io
import json
import os
import re
import stat
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, NoReturn

from imgen.batch.reading.findings import BadManifest, Finding
from imgen.batch.reading.toml_lines import ASSET, DEFAULTS, TOP, Scope, TomlLines
from imgen.config.toml_file import LONG_KEY
from imgen.installation import installation

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from pathlib import Path

    from yaml import MappingNode, Node

MOST_BYTES = 20_000_000
"""The largest manifest that is read; 10,000 assets take about 1 MB."""

_FORMS = "A manifest ends in .toml, .jsonl, .csv, .yaml or .yml."
_TOML_PLACE = re.compile(r" \(at (?:line (\d+), column \d+|end of document)\)$")
_CSV_JSON = ("options", "for")
_CSV_NUMBERS = ("count", "max_width")


@dataclass(frozen=True)
class Document:
    """The tables of a manifest as they are written; `name` is what to call the file.

    `top` is what stands beside `defaults` and `asset`. `line` says where something stands.
    """

    name: str
    top: Mapping[str, object]
    defaults: object
    assets: object
    line: Callable[[Scope, str | None], int] = field(repr=False)


def read(path: Path, name: str) -> Document:
    """The tables of the manifest at `path`. Raises `BadManifest`."""
    readers = {".toml": _toml, ".jsonl": _jsonl, ".ndjson": _jsonl, ".csv": _csv, ".yaml": _yaml, ".yml": _yaml}
    reader = readers.get(path.suffix.lower())
    if reader is None:
        _refuse(name, 0, "its name does not say what it is.", _FORMS)
    text = read_text(path, name, MOST_BYTES)
    if not text.strip():
        _refuse(name, 0, "it is empty.", "imgen batch --init writes one to start from.")
    try:
        return reader(text, name)
    except RecursionError:
        _refuse(name, 0, "it is nested too deeply for a manifest.")


def read_text(path: Path, name: str, most: int) -> str:
    """The text of a file of at most `most` bytes, without a byte-order mark. Raises `BadManifest`.

    A pipe or a device is refused without waiting for what it may bring.
    """
    try:
        descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0))
        with os.fdopen(descriptor, "rb") as file:
            mode = os.fstat(descriptor).st_mode
            data = file.read(most + 1) if stat.S_ISREG(mode) else b""
    except FileNotFoundError:
        _refuse(name, 0, "there is no such file.", "A manifest to start from:\nimgen batch --init")
    except (IsADirectoryError, PermissionError) as error:
        if path.is_dir():
            _refuse(name, 0, "it is a folder, not a file.")
        _refuse(name, 0, f"it cannot be read: {error.strerror}.")
    except (OSError, ValueError) as error:
        _refuse(name, 0, f"it cannot be read: {getattr(error, 'strerror', None) or error}.")
    if stat.S_ISDIR(mode):
        _refuse(name, 0, "it is a folder, not a file.")
    if not stat.S_ISREG(mode):
        _refuse(name, 0, "it is a pipe or a device, not a file.")
    if len(data) > most:
        _refuse(name, 0, f"it is larger than {most / 1e6:g} MB.")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        _refuse(name, data.count(b"\n", 0, error.start) + 1, "it is not valid UTF-8.", "Save it as UTF-8.")


def _refuse(name: str, line: int, message: str, hint: str | None = None) -> NoReturn:
    raise BadManifest([Finding(name, line, None, message, hint)])


# TOML -----------------------------------------------------------------------------------------------------------


class _TomlPlaces:
    """The lines of a TOML text, looked for when the first one is asked for."""

    def __init__(self, text: str) -> None:
        self._text = text

    @cached_property
    def _lines(self) -> TomlLines:
        return TomlLines(self._text)

    def line(self, scope: Scope, field: str | None) -> int:
        """The line of a field, or of what it belongs to."""
        return self._lines.line(scope, field)


def _toml(text: str, name: str) -> Document:
    import tomllib

    if found := LONG_KEY.search(text):
        _refuse(name, text.count("\n", 0, found.start()) + 1, "a key has more than 16 parts.")
    try:
        top: dict[str, object] = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        reason = str(error)
        place = _TOML_PLACE.search(reason)
        line = int(place[1]) if place and place[1] else text.count("\n") + 1
        said = _TOML_PLACE.sub("", reason)
        _refuse(name, line, f"it is not valid TOML: {said[:1].lower()}{said[1:]}.", "https://toml.io shows the form.")
    except ValueError:
        _refuse(name, 0, "it has a number with too many digits.")
    return Document(name, top, top.pop(DEFAULTS, None), top.pop(ASSET, None), _TomlPlaces(text).line)


# YAML -----------------------------------------------------------------------------------------------------------


def _yaml(text: str, name: str) -> Document:
    """Plain values only. Anchors and aliases are refused: a few of them stand for more data than a machine holds."""
    try:
        import yaml
    except ImportError:
        _refuse(name, 0, "reading YAML needs PyYAML.", installation().with_extra("yaml"))
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    try:
        for event in yaml.parse(text, Loader=loader):
            if isinstance(event, yaml.AliasEvent) or getattr(event, "anchor", None):
                line = event.start_mark.line + 1 if event.start_mark else 0
                _refuse(name, line, "a manifest has no anchors and aliases; defaults do the same.")
        node = yaml.compose(text, Loader=loader)
        if not isinstance(node, yaml.MappingNode):
            _refuse(name, 1, "it is not a table with defaults and asset.")
        top = {str(key): value for key, value in yaml.load(text, Loader=loader).items()}  # noqa: S506 (a safe loader)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        _refuse(name, mark.line + 1 if mark else 0, f"it is not valid YAML: {error.problem or error.context}.")
    except (yaml.YAMLError, ValueError) as error:
        _refuse(name, 0, f"it is not valid YAML: {str(error).splitlines()[0]}.")
    places = dict(_yaml_places(node))

    def line_of(scope: Scope, field: str | None) -> int:
        return places.get((scope, field), places.get((scope, None), 0))

    return Document(name, top, top.pop(DEFAULTS, None), top.pop(ASSET, None), line_of)


def _yaml_places(top: MappingNode) -> Iterator[tuple[tuple[Scope, str | None], int]]:
    """The line of each table and of each of its fields."""
    import yaml

    tables: list[tuple[Scope, Node]] = []
    for key, value in top.value:
        yield (TOP, str(key.value)), _yaml_line(key)
        if key.value == DEFAULTS:
            tables.append((DEFAULTS, value))
        elif key.value == ASSET and isinstance(value, yaml.SequenceNode):
            tables += list(enumerate(value.value))
    for scope, table in tables:
        yield (scope, None), _yaml_line(table)
        fields = table.value if isinstance(table, yaml.MappingNode) else []
        yield from (((scope, str(key.value)), _yaml_line(key)) for key, _ in fields)


def _yaml_line(node: Node) -> int:
    return int(node.start_mark.line) + 1


# JSON Lines -----------------------------------------------------------------------------------------------------


def _jsonl(text: str, name: str) -> Document:
    assets: list[object] = []
    lines: list[int] = []
    findings = []
    for number, line in enumerate(text.split("\n"), start=1):
        if not line.strip():
            continue
        try:
            assets.append(json.loads(line))
            lines.append(number)
        except ValueError as error:
            reason = f"column {error.colno}" if isinstance(error, json.JSONDecodeError) else "a number is too long"
            findings.append(Finding(name, number, None, f"it is not valid JSON ({reason}).", "One object a line."))
    if findings:
        raise BadManifest(findings)
    return Document(name, {}, None, assets, _by_asset(lines))


# CSV ------------------------------------------------------------------------------------------------------------


def _csv(text: str, name: str) -> Document:
    import csv

    rows = csv.reader(io.StringIO(text, newline=""), strict=True)
    assets: list[object] = []
    lines: list[int] = []
    findings = []
    header: list[str] | None = None
    before = 0
    try:
        for row in rows:
            line, before = before + 1, rows.line_num
            if not any(cell.strip() for cell in row):
                continue
            if header is None:
                header = [cell.strip() for cell in row]
                if double := next((cell for cell in header if header.count(cell) > 1), None):
                    findings.append(Finding(name, line, double or None, "the first row names a column twice."))
                continue
            if len(row) > len(header):
                message = f"the row has {len(row)} cells, and the first row names {len(header)} fields."
                findings.append(Finding(name, line, None, message, "A text with a comma stands in quotes."))
                continue
            assets.append(_csv_asset(header, row))
            lines.append(line)
    except csv.Error as error:
        findings.append(Finding(name, rows.line_num, None, f"it is not valid CSV: {error}."))
    if findings:
        raise BadManifest(findings)
    return Document(name, {}, None, assets, _by_asset(lines))


def _csv_asset(header: Sequence[str], row: Sequence[str]) -> dict[str, object]:
    """One row as a table: an empty cell is a field that is not written."""
    filled = {key: cell for key, cell in zip(header, row, strict=False) if cell.strip()}
    return {key: _csv_value(key, cell) for key, cell in filled.items()}


def _csv_value(key: str, cell: str) -> object:
    """A cell as the kind of value that its field takes; what is none stays a text, and is refused as such."""
    text = cell.strip()
    if key == "references":
        return _json_or(text, list, [text])
    if key in _CSV_JSON:
        return _json_or(text, dict, text)
    if key in _CSV_NUMBERS:
        return int(text) if text.isascii() and text.isdecimal() and len(text) < 10 else text
    if key in ("tag", "convert"):
        return {"true": True, "false": False}.get(text.lower(), text)
    return cell.replace("\r\n", "\n") if key == "prompt" else text


def _json_or(text: str, kind: type, other: object) -> object:
    try:
        value = json.loads(text)
    except ValueError:
        return other
    return value if isinstance(value, kind) else other


def _by_asset(lines: Sequence[int]) -> Callable[[Scope, str | None], int]:
    """Where assets stand that have a line each."""

    def line(scope: Scope, field: str | None) -> int:
        return lines[scope] if isinstance(scope, int) else 1 if scope != TOP or field else 0

    return line

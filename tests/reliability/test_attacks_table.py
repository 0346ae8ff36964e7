"""The table of attacks leaves no hole out."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import TYPE_CHECKING

from reliability import tables
from reliability.attacks.attempt import HELD, LINES

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import ModuleType

    import pytest

FOLDER = Path(__file__).with_name("attacks")


def attempts() -> list[tuple[int, str, str]]:
    """Every row: its hole, its kind, and what was tried."""
    found = []
    for path in sorted(FOLDER.glob("test_*.py")):
        for mark in marks(loaded(path)):
            if mark.name == "attempt":
                found.append((mark.args[0], path.stem.removeprefix("test_"), mark.args[1]))
    return found


def loaded(path: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location(f"attempts_of_{path.stem}", path)
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    import sys

    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


def marks(module: ModuleType) -> Iterator[pytest.Mark]:
    """The marks of tests and of their parameters."""
    for name, test in vars(module).items():
        if not name.startswith("test_"):
            continue
        for mark in getattr(test, "pytestmark", []):
            yield mark
            if mark.name == "parametrize":
                for case in mark.args[1]:
                    yield from getattr(case, "marks", ())


def test_every_hole_is_tried() -> None:
    tried = {line for line, _, _ in attempts()}

    assert tried == {HELD, *LINES}


def test_the_table_says_what_did_not_hold() -> None:
    table = tables.attempts([(1, "links", "a link", "refused", "failed"), (0, "files", "a file", "kept", "passed")])

    assert "2 attempts; 1 held" in table
    assert table.splitlines()[-2:] == ["|  | files | a file | kept |", "| 1 | links | a link | NOT HELD |"]

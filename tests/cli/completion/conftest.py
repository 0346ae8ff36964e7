"""A program with a home of its own for every test."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from cli.program.program import Program

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def imgen(tmp_path: Path) -> Program:
    """imgen in an empty folder."""
    desk = tmp_path / "desk"
    desk.mkdir()
    return Program(tmp_path / "home", desk)

"""The fault server of each test process, and the table that the whole proof ends with."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from cli.program.program import Program
from reliability.far_side import fault_server

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from reliability.far_side import FarSide


@pytest.fixture(scope="session")
def far_side(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FarSide]:
    """The four services with faults, in a process of their own."""
    with fault_server(tmp_path_factory.mktemp("far side")) as running:
        yield running


@pytest.fixture
def imgen(tmp_path: Path) -> Program:
    """imgen in an empty folder."""
    desk = tmp_path / "desk"
    desk.mkdir()
    return Program(tmp_path / "home", desk)

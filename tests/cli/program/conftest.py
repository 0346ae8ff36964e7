"""A program with a home of its own for every test."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from cli.program.editing import Bucket
from cli.program.program import Program

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def imgen(tmp_path: Path) -> Program:
    """imgen in an empty folder, with a sandbox that is quick, and no key."""
    desk = tmp_path / "desk"
    desk.mkdir()
    return Program(tmp_path / "home", desk, {"IMGEN_SANDBOX_SECONDS": "0.1"})


@pytest.fixture
def bucket(s3: str) -> Bucket:
    """An empty bucket in which nothing goes wrong."""
    return Bucket(s3, "bucket")

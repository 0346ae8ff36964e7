"""A ledger of its own for every test, on a clock that stands still until a test moves it."""

from __future__ import annotations

import subprocess
import sys
from contextlib import ExitStack, closing
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import pytest

from cli.clock import FakeClock
from cli.program.editing import s3_server
from imgen.ledger.ledger import Ledger

if TYPE_CHECKING:
    from collections.abc import Iterator

_TESTS = Path(__file__).parents[1]


class Children(Protocol):
    """Starts other processes that end with the test."""

    def __call__(self, *arguments: str | Path) -> subprocess.Popen[str]:
        """Start `cli.child` with these arguments."""
        ...


@pytest.fixture
def clock() -> FakeClock:
    """A clock that a test moves."""
    return FakeClock()


@pytest.fixture
def ledger_path(tmp_path: Path) -> Path:
    """Where the ledger of this test is to be; nothing is there yet."""
    return tmp_path / "state" / "ledger.sqlite3"


@pytest.fixture
def ledger(ledger_path: Path, clock: FakeClock) -> Iterator[Ledger]:
    """A real ledger on disk."""
    with closing(Ledger(ledger_path, clock.wall)) as opened:
        yield opened


@pytest.fixture
def child() -> Iterator[Children]:
    """Other imgen processes; those still alive at the end of the test are killed."""
    with ExitStack() as at_the_end:

        def start(*arguments: str | Path) -> subprocess.Popen[str]:
            process = subprocess.Popen(
                [sys.executable, "-m", "cli.child", *map(str, arguments)],
                cwd=_TESTS,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
            )
            at_the_end.enter_context(process)
            at_the_end.callback(process.kill)
            return process

        yield start


@pytest.fixture(scope="session")
def s3() -> Iterator[str]:
    """The origin of a real S3 API."""
    with s3_server() as origin:
        yield origin

"""The ledger on both databases: one contract. Tests about SQLite's file take `ledger` from `sqlite_ledger` instead."""

from __future__ import annotations

from contextlib import ExitStack, closing
from typing import TYPE_CHECKING

import pytest

from cli.ledgers import open_at
from imgen.ledger.ledger import Ledger

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from cli.clock import FakeClock
    from cli.ledgers import Opens


@pytest.fixture(params=["sqlite", "postgres"])
def ledger_place(request: pytest.FixtureRequest, ledger_path: Path) -> str:
    """Where the ledger of this test is, as a child process takes it: the path of a file, or a URL."""
    return str(request.getfixturevalue("emptied_postgres_url") if request.param == "postgres" else ledger_path)


@pytest.fixture
def open_ledger(ledger_place: str, ledger_path: Path, clock: FakeClock) -> Iterator[Opens]:
    """Opens the ledger of this test; everything is closed at its end."""
    with ExitStack() as at_the_end:

        def opened(now: Callable[[], float] | None = None) -> Ledger:
            return at_the_end.enter_context(closing(open_at(ledger_place, ledger_path.parent, now or clock.wall)))

        yield opened


@pytest.fixture
def ledger(open_ledger: Opens) -> Ledger:
    """A real ledger in a real database, on the test's clock."""
    return open_ledger()


@pytest.fixture
def sqlite_ledger(ledger_path: Path, clock: FakeClock) -> Iterator[Ledger]:
    """The same in SQLite's file alone."""
    with closing(Ledger(ledger_path, clock.wall)) as opened:
        yield opened

"""The ledger on both databases: one contract. Tests about SQLite's file take `ledger` from `sqlite_ledger` instead."""

from __future__ import annotations

from contextlib import ExitStack, closing
from typing import TYPE_CHECKING, Protocol

import pytest

from imgen.ledger.ledger import Ledger
from imgen.ledger.postgres.address import parse
from imgen.ledger.postgres.ledger import PostgresLedger

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from cli.clock import FakeClock


class Opens(Protocol):
    """Opens the test's ledger once more, as another process does; `now` is its clock where it is another one."""

    def __call__(self, now: Callable[[], float] | None = None) -> Ledger:
        """A further ledger on the same database."""
        ...


@pytest.fixture(params=["sqlite", "postgres"])
def open_ledger(request: pytest.FixtureRequest, ledger_path: Path, clock: FakeClock) -> Iterator[Opens]:
    """Opens the ledger of this test; everything is closed at its end."""
    url = request.getfixturevalue("postgres_url") if request.param == "postgres" else None
    with ExitStack() as at_the_end:

        def opened(now: Callable[[], float] | None = None) -> Ledger:
            now = now or clock.wall
            found = PostgresLedger(parse(url, {}), ledger_path.parent, now) if url else Ledger(ledger_path, now)
            return at_the_end.enter_context(closing(found))

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

"""Ledgers on PostgreSQL alone: by the database's clock, and on a server that a test may stop."""

from __future__ import annotations

import os
import secrets
from contextlib import ExitStack, closing
from typing import TYPE_CHECKING, Protocol

import pytest

import postgres
from imgen.ledger.postgres.address import parse
from imgen.ledger.postgres.ledger import PostgresLedger

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


class Fleet(Protocol):
    """Opens a ledger at a URL as another machine does."""

    def __call__(self, url: str | None = None, *, patience: float = 20.0) -> PostgresLedger:
        """A further ledger; of the test's own database unless a URL is given."""
        ...


@pytest.fixture
def machine(postgres_url: str, tmp_path: Path) -> Iterator[Fleet]:
    """Opens the ledger as one machine of several; everything is closed at the end."""
    with ExitStack() as at_the_end:

        def opened(url: str | None = None, *, patience: float = 20.0) -> PostgresLedger:
            folder = tmp_path / secrets.token_hex(4)
            ledger = PostgresLedger(parse(url or postgres_url, {}), folder, patience=patience)
            return at_the_end.enter_context(closing(ledger))

        yield opened


@pytest.fixture
def fleet(machine: Fleet) -> PostgresLedger:
    """The ledger of a fleet, by the database's clock."""
    return machine()


@pytest.fixture(scope="module")
def own_server() -> postgres.Server:
    """A server that no other test uses, so that it can be stopped; it ends with this process."""
    return postgres.started(postgres.memory() / f"imgen-postgres-own-{secrets.token_hex(8)}", os.getpid())

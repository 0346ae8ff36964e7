"""A fleet in a database of the test's own: its ledger, its queue, and machines with homes of their own."""

from __future__ import annotations

import os
from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from cli.program.program import Program
from imgen.fleet.engine import tables, version
from imgen.ledger.postgres.address import parse
from imgen.ledger.postgres.engine_rows import making_tables
from imgen.ledger.postgres.ledger import PostgresLedger
from imgen.ledger.postgres.setup import set_up
from imgen.pictures.store import PictureStore, configured_store

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def fleet_url(postgres_url: str) -> str:
    """A ledger with the tables of the queue."""
    address = parse(postgres_url, os.environ)
    set_up(address, also=making_tables(address, tables(), version()))
    return postgres_url


@pytest.fixture
def ledger(fleet_url: str, tmp_path: Path) -> Iterator[PostgresLedger]:
    """The ledger, on the database's clock."""
    with closing(PostgresLedger(parse(fleet_url, os.environ), tmp_path / "state")) as opened:
        yield opened


@pytest.fixture
def store(tmp_path: Path) -> PictureStore:
    """The fleet's storage."""
    found = configured_store(f"file://{tmp_path / 'store'}")
    assert found
    return found


@pytest.fixture
def storing(fleet_url: str, tmp_path: Path, store: PictureStore) -> Iterator[PostgresLedger]:
    """The ledger of a machine that knows the storage."""
    address = parse(fleet_url, os.environ)
    with closing(PostgresLedger(address, tmp_path / "state", store=lambda: store)) as opened:
        yield opened


@pytest.fixture
def laptop(fleet_url: str, tmp_path: Path) -> Program:
    """A machine that orders in the sandbox: no key, no worker."""
    desk = tmp_path / "desk"
    desk.mkdir()
    variables = {
        "IMGEN_LEDGER": fleet_url,
        "IMGEN_STORE": f"file://{tmp_path / 'store'}",
        "IMGEN_SANDBOX_SECONDS": "0.2",
    }
    return Program(tmp_path / "home", desk, variables)

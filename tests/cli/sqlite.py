"""The file below a ledger of one machine, for tests about the file itself."""

from __future__ import annotations

from typing import TYPE_CHECKING

from imgen.ledger.sqlite.database import Database

if TYPE_CHECKING:
    import sqlite3

    from imgen.ledger.ledger import Ledger


def connection_of(ledger: Ledger) -> sqlite3.Connection:
    """The connection of this thread to its file."""
    assert isinstance(ledger._database, Database)
    return ledger._database.connection()

"""The ledger's database on PostgreSQL: every write its own short transaction, never across a call to a service.

One process writes at a time, as with SQLite's file: an advisory lock, so that every proof about the one holds for the
other. All settings of a session stand in each transaction (`SET LOCAL`), in one message with its BEGIN, and nothing is
prepared: so pgbouncer may give every transaction another connection of the server.
"""

from __future__ import annotations

import hashlib
import secrets
import threading
import time
from contextlib import closing, contextmanager, suppress
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from imgen.errors import LedgerUnusable
from imgen.installation import installation
from imgen.ledger.backend import Dialect
from imgen.ledger.postgres import trouble
from imgen.ledger.postgres.pool import MOST, Pool, connect

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    import psycopg

    from imgen.ledger.postgres.address import Address
    from imgen.ledger.postgres.pool import Raw

DIALECT = Dialect(
    each="SELECT jsonb_array_elements_text(CAST(? AS jsonb))",
    same="IS NOT DISTINCT FROM",
    like="ILIKE",
    # By the form in which `codec` writes them: PostgreSQL reads no JSON that has half a surrogate in it.
    resolution="""substring(request from '"resolution": "([^"]*)"')""",
    problem="""substring(problem from '^\\{"code": "([^"]*)"')""",
    day="to_char(to_timestamp(created_at) AT TIME ZONE (SELECT time_zone FROM meta), 'YYYY-MM-DD')",
    ids="string_agg(id, ', ')",
)

PATIENCE = 20.0  # seconds for a server that was there to come back
END_IF_IDLE = "SET LOCAL idle_in_transaction_session_timeout TO '10s'"
"""For every transaction that locks: a process that stops in its middle, or whose network is cut, holds up no other one
for longer. By itself the server would learn of a cut network after hours."""
_RETRY = 0.2  # seconds between two tries to reach it

_NOW = "SELECT CAST(extract(epoch FROM clock_timestamp()) AS double precision) AS now"
_DAY = "SELECT to_char(to_timestamp(?) AT TIME ZONE time_zone, 'YYYY-MM-DD') AS day FROM meta"
_DAY_BEGINS = (
    "SELECT CAST(extract(epoch FROM date_trunc('day', to_timestamp(?) AT TIME ZONE time_zone) AT TIME ZONE time_zone)"
    " AS double precision) AS begins FROM meta"
)


_WROTE = (
    "INSERT INTO writer (name, number) VALUES ('{name}', {number})"
    " ON CONFLICT (name) DO UPDATE SET number = excluded.number, seen = clock_timestamp();"
)


class Undecided(LedgerUnusable):
    """The connection was lost at a commit, and the server does not answer yet what came of it.

    `number` is that of the transaction among those of its thread.
    """

    number = 0


class Transaction:
    """A transaction under way; `raw` is the connection of psycopg, for a library that takes part in it."""

    def __init__(self, raw: Raw, began: float) -> None:
        self.raw = raw
        self.began = began

    def execute(self, statement: str, values: Sequence[object] = (), /) -> psycopg.Cursor[dict[str, Any]]:
        """Run one statement, with `?` for each value."""
        return self.raw.execute(spelled(statement), values)

    def executemany(self, statement: str, rows: Sequence[Sequence[object]], /) -> None:
        """Run one statement for each of the rows."""
        for values in rows:
            self.execute(statement, values)


class _Thread(threading.local):
    """The transaction that a thread is in, and how many it began to write; its `name` is its row in the ledger."""

    transaction: Transaction | None = None
    writes = 0

    def __init__(self) -> None:
        self.name = secrets.token_hex(8)


class PostgresDatabase:
    """One ledger on PostgreSQL, shared by every process, thread and machine.

    `folder` is this machine's, for what is kept beside the rows. `now` is the database's clock unless one is given.
    A server that was reached once is waited for, up to `patience` seconds. The process has at most `most` connections.
    """

    dialect = DIALECT

    def __init__(
        self,
        address: Address,
        folder: Path,
        now: Callable[[], float] | None = None,
        patience: float = PATIENCE,
        most: int = MOST,
    ) -> None:
        self.address = address
        self.folder = folder
        self.unreadable_jobs: dict[str, None] = {}
        self._now = now
        self._patience = patience
        self._pool = Pool(address, most)
        self._thread = _Thread()
        self._commits = 0
        self._settings = f"SET LOCAL search_path TO {address.schema}, {address.engine_schema};"
        self._begin_write = (
            f"BEGIN; {self._settings} SET LOCAL synchronous_commit TO on; SET LOCAL lock_timeout TO '30s';"
            f" {END_IF_IDLE}; SELECT pg_advisory_xact_lock({self._lock_number('write')});"
        )
        self._begin_read = f"BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY; {self._settings} {_NOW}"

    # The clock ------------------------------------------------------------------------------------------------

    def now(self) -> float:
        """The database's clock; within a transaction, the time at which it had the ledger to itself."""
        if self._now:
            return self._now()
        if self._thread.transaction:
            return self._thread.transaction.began
        return float(self.read(_NOW, ())[0]["now"])

    def day(self, moment: float) -> str:
        """The day of a moment in the time zone of the fleet."""
        return str(self.read(_DAY, (moment,))[0]["day"])

    def day_begins(self, moment: float) -> float:
        """When the day of a moment began in the time zone of the fleet."""
        return float(self.read(_DAY_BEGINS, (moment,))[0]["begins"])

    # Statements -----------------------------------------------------------------------------------------------

    def read(self, statement: str, values: Sequence[object]) -> list[dict[str, Any]]:
        """The rows of one SELECT. Raises `LedgerUnusable`."""
        with self._in_words():
            if self._thread.transaction:
                return self._thread.transaction.execute(statement, values).fetchall()
            return self._alone(statement, values).fetchall()

    def touch(self, statement: str, values: Sequence[object], *, lasting: bool = True) -> int:
        """One write that waits for no other transaction; returns how many rows it changed. Raises `LedgerUnusable`.

        It does not wait for the server's disk unless it is `lasting`.
        """
        soon = "" if lasting else "SET LOCAL synchronous_commit TO off;"
        with self._in_words():
            return self._alone(soon + statement, values).rowcount

    @contextmanager
    def snapshot(self) -> Iterator[Transaction]:
        """Several reads of one moment; they neither wait for a writer nor keep one waiting. Raises `LedgerUnusable`."""
        if self._thread.transaction:
            with self._in_words():
                yield self._thread.transaction
            return
        with self._in_words(), self._under_way(self._begin_read) as transaction:
            yield transaction
            transaction.raw.execute("COMMIT")

    @contextmanager
    def write(self, *, synced: bool = True) -> Iterator[Transaction]:  # noqa: ARG002  (the server syncs each)
        """A transaction that no other one can interleave with, on disk once this ends. Raises `LedgerUnusable`.

        One within another of the same thread is a part of it, and is undone alone where it fails.
        """
        if outer := self._thread.transaction:
            with self._in_words(), outer.raw.transaction():
                yield outer
            return
        self._thread.writes += 1
        number = self._thread.writes
        wrote = _WROTE.format(name=self._thread.name, number=number)
        with self._in_words():
            with self._under_way(f"{self._begin_write} {wrote} {_NOW}") as transaction:
                yield transaction
                done = self._commit(transaction)
            if done is None:
                done = self._is_made_soon(number)
        if not done:
            raise self._recorded_nothing()
        self._commits += 1

    @contextmanager
    def settled(self) -> Iterator[None]:
        """Where the answer to the last commit within it is lost, this ends once the server says whether it was made.

        However long the server is away. Raises `LedgerUnusable` where it was not made.
        """
        try:
            yield
        except Undecided as lost:
            self._settle(lost)

    def _settle(self, lost: Undecided) -> None:
        made: bool | None = None
        while made is None:
            try:
                made = self._is_made(lost.number)
            except LedgerUnusable:
                time.sleep(_RETRY)
        if not made:
            raise self._recorded_nothing()

    def change(self, statement: str, values: Sequence[object], *, synced: bool = True) -> None:  # noqa: ARG002
        """One write of one statement. Raises `LedgerUnusable`."""
        with self.write() as write:
            write.execute(statement, values)

    @contextmanager
    def lock(self, name: str, seconds: float) -> Iterator[None]:
        """No other process of any machine holds the lock of that name meanwhile. Raises `LedgerUnusable`.

        It is held for `seconds` at most, and waited for as long.
        """
        held = (
            f"BEGIN; SET LOCAL lock_timeout TO '{seconds:.0f}s';"
            f" SET LOCAL idle_in_transaction_session_timeout TO '{seconds:.0f}s';"
            f" SELECT pg_advisory_xact_lock({self._lock_number(name)})"
        )
        with closing(connect(self.address)) as raw:  # not of the pool: who holds it needs another beside it
            with self._in_words():
                raw.execute(held)
            yield

    def version(self) -> tuple[float, int]:
        """Differs once this process has committed, and each second: another machine may have."""
        return time.monotonic() // 1.0, self._commits

    # Rows that hold what they should not ----------------------------------------------------------------------

    def damaged(self, damage: str) -> LedgerUnusable:
        """The error that a row holds what no imgen writes."""
        return LedgerUnusable(
            f"The ledger {self.address.shown} is damaged: {damage}.",
            "Nothing was sent. Restore it from the database's backup.",
        )

    def not_understood(self) -> LedgerUnusable:
        """The error that a row was written by a newer program."""
        return LedgerUnusable(
            f"The ledger {self.address.shown} holds a job that this imgen does not understand.",
            f"Nothing was sent. Upgrade imgen:\n{installation().upgraded()}",
        )

    def unreadable(self, job_id: str) -> None:
        """Note a row that cannot be read: the rest goes on."""
        self.unreadable_jobs[job_id] = None

    # Connections ----------------------------------------------------------------------------------------------

    def close(self) -> None:
        """Close the connections that no thread is using."""
        self._pool.clear()

    def _lock_number(self, name: str) -> int:
        """The lock of that name, of this ledger among those in the database."""
        digest = hashlib.sha256(f"{self.address.schema}/{name}".encode()).digest()
        return int.from_bytes(digest[:8], "big", signed=True)

    def _alone(self, statement: str, values: Sequence[object]) -> psycopg.Cursor[dict[str, Any]]:
        """One statement outside of any transaction, in one message with its settings."""
        raw, cursor = self._patiently(self._settings + spelled(statement), values)
        self._pool.give(raw)  # what it brought is here already
        return cursor

    def _patiently(self, statement: str, values: Sequence[object]) -> tuple[Raw, psycopg.Cursor[dict[str, Any]]]:
        """A connection that has run a statement: nothing is lost with it yet, so it is tried again on another.

        The caller gives the connection back.
        """
        from psycopg import InterfaceError, OperationalError

        deadline = time.monotonic() + self._patience
        while True:
            try:
                raw = self._pool.take()
            except trouble.NotConnected as error:
                if not (self._pool.reached or error.soon) or time.monotonic() > deadline:
                    raise
                time.sleep(_RETRY)
                continue
            try:
                return raw, _last(raw.execute(statement, values))
            except (OperationalError, InterfaceError):
                lost = raw.closed
                self._pool.give(raw)
                if not lost or time.monotonic() > deadline:
                    raise
                self._pool.clear()  # the server was away: none of them is whole
            except BaseException:
                self._pool.give(raw)
                raise

    @contextmanager
    def _under_way(self, statement: str) -> Iterator[Transaction]:
        """The thread's transaction, which a statement begins; undone where it fails."""
        raw, cursor = self._patiently(statement, ())
        began = cursor.fetchall()[0]
        transaction = self._thread.transaction = Transaction(raw, began["now"])
        try:
            yield transaction
        except BaseException:
            _undo(raw)
            raise
        finally:
            self._thread.transaction = None
            self._pool.give(raw)

    def _commit(self, transaction: Transaction) -> bool | None:
        """Commit, and return whether that was made; None where the answer was lost with its connection."""
        from psycopg import InterfaceError, OperationalError

        try:
            return transaction.raw.execute("COMMIT").statusmessage == "COMMIT"
        except (OperationalError, InterfaceError):
            if not transaction.raw.closed:
                raise
            return None

    def _is_made(self, number: int) -> bool:
        """Whether a write of this thread was committed whose connection was lost; it is over once another may write.

        The server's own number of a transaction would not do: after a crash another one may have it.
        """
        with self._in_words(), self._under_way(f"{self._begin_write} {_NOW}") as later:
            row = later.execute("SELECT number FROM writer WHERE name = ?", (self._thread.name,)).fetchone()
            later.raw.execute("ROLLBACK")
        return row is not None and row["number"] == number

    def _is_made_soon(self, number: int) -> bool:
        """The same. Raises `Undecided` where the server does not answer."""
        try:
            return self._is_made(number)
        except LedgerUnusable as error:
            undecided = Undecided(
                f"The ledger {self.address.shown} lost its connection at a commit, and does not answer whether it was"
                " made.",
                "Run the command again once it does: what is recorded is not bought twice.",
            )
            undecided.number = number
            raise undecided from error

    def _recorded_nothing(self) -> LedgerUnusable:
        return LedgerUnusable(
            f"The ledger {self.address.shown} lost its connection, and recorded nothing.", "Try again."
        )

    @contextmanager
    def _in_words(self) -> Iterator[None]:
        from psycopg import Error

        try:
            yield
        except Error as error:
            raise trouble.unusable(self.address, error) from error


@lru_cache(maxsize=256)
def spelled(statement: str) -> str:
    """A statement as psycopg takes it."""
    return statement.replace("%", "%%").replace("?", "%s")


def _last(cursor: psycopg.Cursor[dict[str, Any]]) -> psycopg.Cursor[dict[str, Any]]:
    """The cursor at what the last of its statements brought."""
    while cursor.nextset():
        pass
    return cursor


def _undo(raw: Raw) -> None:
    from psycopg import Error

    with suppress(Error):  # the server undoes what a lost connection leaves behind
        if not raw.closed:
            raw.execute("ROLLBACK")

"""The ledger's database on PostgreSQL: one connection per thread, every write its own short transaction.

One process writes at a time, as with SQLite's file: an advisory lock, so that every proof about the one holds for the
other. All settings of a session stand in each transaction (`SET LOCAL`), in one message with its BEGIN, and nothing is
prepared: so pgbouncer may give every transaction another connection of the server.
"""

from __future__ import annotations

import hashlib
import threading
import time
from contextlib import contextmanager, suppress
from functools import lru_cache
from typing import TYPE_CHECKING, Any, TypeVar

from imgen.errors import LedgerUnusable
from imgen.ledger.backend import Dialect
from imgen.ledger.postgres import trouble
from imgen.ledger.postgres.schema import check

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    import psycopg

    from imgen.ledger.postgres.address import Address

Found = TypeVar("Found")

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
_RETRY = 0.2  # seconds between two tries to reach it

_NOW = "SELECT CAST(extract(epoch FROM clock_timestamp()) AS double precision) AS now"
_DAY_BEGINS = (
    "SELECT CAST(extract(epoch FROM date_trunc('day', to_timestamp(?) AT TIME ZONE time_zone) AT TIME ZONE time_zone)"
    " AS double precision) AS begins FROM meta"
)


class Transaction:
    """A transaction under way; `raw` is the connection of psycopg, for a library that takes part in it."""

    def __init__(self, raw: psycopg.Connection[dict[str, Any]], began: float, number: str | None) -> None:
        self.raw = raw
        self.began = began
        self.number = number

    def execute(self, statement: str, values: Sequence[object] = (), /) -> psycopg.Cursor[dict[str, Any]]:
        """Run one statement, with `?` for each value."""
        return self.raw.execute(spelled(statement), values)

    def executemany(self, statement: str, rows: Sequence[Sequence[object]], /) -> None:
        """Run one statement for each of the rows."""
        for values in rows:
            self.execute(statement, values)


class _Thread(threading.local):
    """What each thread has of its own."""

    connection: psycopg.Connection[dict[str, Any]] | None = None
    transaction: Transaction | None = None


class PostgresDatabase:
    """One ledger on PostgreSQL, shared by every process, thread and machine.

    `folder` is this machine's, for what is kept beside the rows. `now` is the database's clock unless one is given.
    A server that was reached once is waited for, up to `patience` seconds.
    """

    dialect = DIALECT

    def __init__(
        self, address: Address, folder: Path, now: Callable[[], float] | None = None, patience: float = PATIENCE
    ) -> None:
        self.address = address
        self.folder = folder
        self.unreadable_jobs: dict[str, None] = {}
        self._now = now
        self._patience = patience
        self._thread = _Thread()
        self._reached = False
        self._commits = 0
        lock = int.from_bytes(hashlib.sha256(address.schema.encode()).digest()[:8], "big", signed=True)
        self._settings = f"SET LOCAL search_path TO {address.schema}, {address.engine_schema};"
        self._begin_write = (
            f"BEGIN; {self._settings} SET LOCAL synchronous_commit TO on; SET LOCAL lock_timeout TO '30s';"
            # A process that stops in the middle (a frozen machine) keeps all others waiting no longer than this.
            " SET LOCAL idle_in_transaction_session_timeout TO '10s';"
            f" SELECT pg_advisory_xact_lock({lock}); {_NOW}, pg_current_xact_id()::text AS number"
        )
        self._begin_read = f"BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY; {self._settings} {_NOW}, NULL AS number"

    # The clock ------------------------------------------------------------------------------------------------

    def now(self) -> float:
        """The database's clock; within a transaction, the time at which it had the ledger to itself."""
        if self._now:
            return self._now()
        if self._thread.transaction:
            return self._thread.transaction.began
        return float(self.read(_NOW, ())[0]["now"])

    def day_begins(self, moment: float) -> float:
        """When the day of a moment began in the time zone of the fleet."""
        return float(self.read(_DAY_BEGINS, (moment,))[0]["begins"])

    # Statements -----------------------------------------------------------------------------------------------

    def read(self, statement: str, values: Sequence[object]) -> list[dict[str, Any]]:
        """The rows of one SELECT; of several statements, of the last. Raises `LedgerUnusable`."""
        with self._in_words():
            if self._thread.transaction:
                return self._thread.transaction.execute(statement, values).fetchall()
            return self._patiently(lambda raw: _last(raw.execute(self._settings + spelled(statement), values)))

    def touch(self, statement: str, values: Sequence[object]) -> int:
        """One write that waits for no other transaction: for leases. Returns how many rows it changed."""
        with self._in_words():
            return self._patiently(lambda raw: _end(raw.execute(self._settings + spelled(statement), values)).rowcount)

    @contextmanager
    def snapshot(self) -> Iterator[Transaction]:
        """Several reads of one moment; they neither wait for a writer nor keep one waiting. Raises `LedgerUnusable`."""
        with self._in_words():
            if self._thread.transaction:
                yield self._thread.transaction
                return
            transaction = self._patiently(lambda raw: _begun(raw, self._begin_read))
            with self._under_way(transaction):
                yield transaction
                transaction.raw.execute("COMMIT")

    @contextmanager
    def write(self) -> Iterator[Transaction]:
        """A transaction that no other one can interleave with, on disk once this ends. Raises `LedgerUnusable`.

        One within another of the same thread is a part of it, and is undone alone where it fails.
        """
        with self._in_words():
            if outer := self._thread.transaction:
                assert outer.number, "a write within a snapshot"
                with outer.raw.transaction():
                    yield outer
                return
            transaction = self._patiently(lambda raw: _begun(raw, self._begin_write))
            with self._under_way(transaction):
                yield transaction
                self._commit(transaction)
            self._commits += 1

    def change(self, statement: str, values: Sequence[object]) -> None:
        """One write of one statement. Raises `LedgerUnusable`."""
        with self.write() as write:
            write.execute(statement, values)

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
            "Nothing was sent. Upgrade imgen: pip install -U 'imgen[fleet]'",
        )

    def unreadable(self, job_id: str) -> None:
        """Note a row that cannot be read: the rest goes on."""
        self.unreadable_jobs[job_id] = None

    # Connections ----------------------------------------------------------------------------------------------

    def close(self) -> None:
        """Close this thread's connection; another thread may be at work on its own, and closes it itself."""
        mine, self._thread.connection = self._thread.connection, None
        if mine is not None:
            mine.close()

    def _connection(self) -> psycopg.Connection[dict[str, Any]]:
        """This thread's own connection, opened anew where the last one was lost."""
        mine = self._thread.connection
        if mine is not None and not mine.closed:
            return mine
        mine = self._thread.connection = connect(self.address)
        try:
            check(mine, self.address)
        except BaseException:
            self.close()
            raise
        self._reached = True
        return mine

    def _patiently(self, first: Callable[[psycopg.Connection[dict[str, Any]]], Found]) -> Found:
        """The first statement of a transaction: nothing is lost when its connection is, so it is tried once more."""
        from psycopg import InterfaceError, OperationalError

        deadline = time.monotonic() + self._patience
        while True:
            try:
                return first(self._connection())
            except trouble.NotConnected as error:
                if not (self._reached or error.soon) or time.monotonic() > deadline:
                    raise
            except (OperationalError, InterfaceError):
                mine = self._thread.connection
                if (mine is not None and not mine.closed) or time.monotonic() > deadline:
                    raise
            time.sleep(_RETRY)

    @contextmanager
    def _under_way(self, transaction: Transaction) -> Iterator[None]:
        """The thread's transaction, undone where it fails."""
        self._thread.transaction = transaction
        try:
            yield
        except BaseException:
            self._undo(transaction)
            raise
        finally:
            self._thread.transaction = None

    def _undo(self, transaction: Transaction) -> None:
        from psycopg import Error

        try:
            if not transaction.raw.closed:
                transaction.raw.execute("ROLLBACK")
        except Error:  # the server undoes what its connection leaves behind
            with suppress(Error):
                self.close()

    def _commit(self, transaction: Transaction) -> None:
        """Commit; where the answer to that is lost with its connection, the server is asked what came of it."""
        from psycopg import InterfaceError, OperationalError

        try:
            done = transaction.raw.execute("COMMIT").statusmessage
        except (OperationalError, InterfaceError):
            if not transaction.raw.closed:
                raise
            self._thread.transaction = None
            done = self._outcome(transaction.number)
        if done != "COMMIT":
            raise LedgerUnusable(f"The ledger {self.address.shown} undid what was written.", "Run the command again.")

    def _outcome(self, number: str | None) -> str:
        """What came of a transaction: "COMMIT" or "ROLLBACK". Raises `LedgerUnusable` where that stays unknown."""
        deadline = time.monotonic() + self._patience
        while True:
            found = self.read("SELECT pg_xact_status(CAST(CAST(? AS text) AS xid8)) AS status", (number,))
            match found[0]["status"]:
                case "committed":
                    return "COMMIT"
                case "in progress" if time.monotonic() < deadline:  # the server has not noticed yet
                    time.sleep(_RETRY)
                case _:
                    return "ROLLBACK"

    @contextmanager
    def _in_words(self) -> Iterator[None]:
        from psycopg import Error

        try:
            yield
        except Error as error:
            raise trouble.unusable(self.address, error) from error


def connect(address: Address) -> psycopg.Connection[dict[str, Any]]:
    """A connection that commits each statement by itself. Raises `LedgerUnusable`."""
    import psycopg
    from psycopg.rows import dict_row

    try:
        return psycopg.connect(
            address.conninfo,
            autocommit=True,
            prepare_threshold=None,
            row_factory=dict_row,
            cursor_factory=psycopg.ClientCursor,
        )
    except psycopg.Error as error:
        raise trouble.not_connected(address, error) from None  # its text may quote the password


@lru_cache(maxsize=256)
def spelled(statement: str) -> str:
    """A statement as psycopg takes it."""
    return statement.replace("%", "%%").replace("?", "%s")


def _begun(raw: psycopg.Connection[dict[str, Any]], statement: str) -> Transaction:
    began = _last(raw.execute(statement))[0]
    return Transaction(raw, began["now"], began["number"])


def _end(cursor: psycopg.Cursor[dict[str, Any]]) -> psycopg.Cursor[dict[str, Any]]:
    """The cursor at what the last of its statements brought."""
    while cursor.nextset():
        pass
    return cursor


def _last(cursor: psycopg.Cursor[dict[str, Any]]) -> list[dict[str, Any]]:
    return _end(cursor).fetchall()

"""The ledger's file: one connection per thread, every write its own short transaction, never across a network call."""

from __future__ import annotations

import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING

from imgen.errors import LedgerUnusable
from imgen.ledger.schema import ERRORS, damaged, is_damage, open_ledger, reason

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path


class Database:
    """One SQLite file, shared by every process and thread; `now` is seconds since 1970."""

    def __init__(self, path: Path, now: Callable[[], float]) -> None:
        self.path = path
        self.now = now
        self._threads = threading.local()
        self._lock = threading.Lock()
        # SQLite lets one write at a time and is not fair: with ten processes of twelve threads each, some were kept
        # waiting for 17 s, and past its 30 s it gives up (2026-11-21). So a process sends one of its threads at a time.
        self._writing = threading.Lock()

    def close(self) -> None:
        """Close this thread's connection; another thread may be at work on its own, and closes it itself."""
        mine: sqlite3.Connection | None = getattr(self._threads, "connection", None)
        if mine is not None:
            mine.close()
            self._threads.connection = None

    def read(self, statement: str, values: Sequence[object]) -> list[sqlite3.Row]:
        connection = self.connection()
        try:
            return connection.execute(statement, values).fetchall()
        except ERRORS as error:
            raise self._unusable(error) from error

    def change(self, statement: str, values: Sequence[object]) -> bool:
        """Change one row; False when it was not as the statement wants it."""
        with self.write() as write:
            return write.execute(statement, values).rowcount > 0

    @contextmanager
    def snapshot(self) -> Iterator[sqlite3.Connection]:
        """Several reads of one moment; they neither wait for a writer nor keep one waiting."""
        connection = self.connection()
        try:
            connection.execute("BEGIN")
            try:
                yield connection
            finally:
                connection.execute("ROLLBACK")
        except ERRORS as error:
            raise self._unusable(error) from error

    @contextmanager
    def write(self) -> Iterator[sqlite3.Connection]:
        connection = self.connection()
        try:
            with self._writing:
                connection.execute("BEGIN IMMEDIATE")
                try:
                    yield connection
                    connection.execute("COMMIT")
                except BaseException:
                    if connection.in_transaction:
                        connection.execute("ROLLBACK")
                    raise
        except ERRORS as error:
            raise self._unusable(error) from error

    def connection(self) -> sqlite3.Connection:
        mine: sqlite3.Connection | None = getattr(self._threads, "connection", None)
        if mine is None:
            with self._lock:  # one at a time: two threads that both make a new file could drop each other's locks
                mine = self._threads.connection = open_ledger(self.path)
        return mine

    def _unusable(self, error: Exception) -> LedgerUnusable:
        if is_damage(error):
            return damaged(self.path, error)
        return LedgerUnusable(
            f"The ledger {self.path} cannot be used: {reason(self.path, error)}.",
            "Free some space or mend the file's rights, then run the command again.",
        )

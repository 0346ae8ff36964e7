"""Group commit: what several threads write at the same time is one transaction of SQLite, and one wait for the disk.

SQLite lets one transaction write at a time, and each ends with a wait for the disk. With sixteen threads that submit,
these waits came one after another: 500 jobs took 28 s, of which 25 were waiting (2026-11-26).
"""

from __future__ import annotations

import sqlite3
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_LOOK = 0.5  # seconds after which a thread looks whether its group was left open


class _Group:
    """Changes that are committed together; `error` is why they were not."""

    def __init__(self) -> None:
        self.members = 0
        self.over = threading.Event()
        self.error: Exception | None = None


class GroupCommit:
    """Writes of threads on one connection, which is opened by the first and closed by the last of them.

    The changes of each thread come after those of another, never between, and a thread that fails takes back its own
    only. One that finds others in line leaves the transaction open for them, and waits until the last of the line has
    committed. `writing` is held while changes are made and committed.

    Not for the thread that signals arrive in: a Ctrl-C may come between any two steps.
    """

    def __init__(self, connect: Callable[[], sqlite3.Connection], writing: threading.Lock) -> None:
        self._connect = connect
        self._writing = writing
        self._counting = threading.Lock()
        self._in_line = 0
        self._users = 0
        self._threads = threading.local()
        self._connection: sqlite3.Connection | None = None
        self._group: _Group | None = None

    @contextmanager
    def write(self) -> Iterator[sqlite3.Connection]:
        """Make changes that are on disk once this ends. Raises what SQLite raises, also for a commit of the group."""
        self._count(in_line=1)
        with self._writing:
            self._count(in_line=-1)
            try:
                connection, group = self._join()
                try:
                    yield connection
                except BaseException:
                    self._take_back(connection, group)
                    raise
            finally:
                if not self._in_line:
                    self.commit()
        while not group.over.wait(_LOOK):
            with self._writing:
                if self._group is group:
                    self.commit()
        if group.error:
            raise group.error

    def commit(self) -> None:
        """Commit what is open, if anything; `writing` is held by the caller. A failure is for the threads that wait."""
        if self._group is None or self._connection is None:
            return
        try:
            if self._connection.in_transaction:  # not where a Ctrl-C came right after the commit
                self._connection.execute("COMMIT")
        except sqlite3.Error as error:
            self._group.error = error
            if self._connection.in_transaction:
                self._connection.execute("ROLLBACK")
        group, self._group = self._group, None
        group.over.set()

    def close(self) -> None:
        """This thread writes no more; the last one closes the connection."""
        if not getattr(self._threads, "writes", False):
            return
        self._threads.writes = False
        with self._writing:
            self._users -= 1
            if not self._users and self._connection:
                self.commit()
                self._connection.close()
                self._connection = None

    def _count(self, *, in_line: int) -> None:
        with self._counting:
            self._in_line += in_line

    def _join(self) -> tuple[sqlite3.Connection, _Group]:
        """Begin a group, or add this thread to the one that is open."""
        if not getattr(self._threads, "writes", False):
            self._threads.writes = True
            self._users += 1
        if self._connection is None:
            self._connection = self._connect()
        if self._group is None:
            self._connection.execute("BEGIN IMMEDIATE")
            self._group = _Group()
        else:
            self._connection.execute("SAVEPOINT member")
        self._group.members += 1
        return self._connection, self._group

    def _take_back(self, connection: sqlite3.Connection, group: _Group) -> None:
        """Undo the changes of the thread that came last."""
        group.members -= 1
        if group.members and connection.in_transaction:
            connection.execute("ROLLBACK TO member")
            return
        self._group = None
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        elif group.members:  # on a full disk SQLite itself takes back the whole transaction
            group.error = sqlite3.OperationalError("the transaction was taken back with that of another thread")
        group.over.set()

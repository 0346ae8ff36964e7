"""The ledger's file: one connection per thread, every write a short transaction, never across a network call.

A commit is on disk before `write` ends, because a lost one is a forgotten paid job. SQLite itself would wait for the
disk (synchronous=FULL) while it keeps every other writer waiting. So it only writes the commit to its log here
(synchronous=NORMAL), and the thread syncs the log after it has let the next one in: threads then wait for the disk
together (16 of them: 4,000 commits a second in place of 700, 2026-11-26).
The switch to WAL does not wait for other openers, so creating and migrating happen under a lock file
(4 of 800 first opens failed without one, measured 2026-11-20).
"""

from __future__ import annotations

import os
import sqlite3
import threading
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

from imgen.errors import LedgerDamaged, LedgerUnusable
from imgen.files import make_private_folder
from imgen.ledger.backend import Dialect
from imgen.ledger.recovery.damage import check_file, damage_text, damaged, is_damage, log_of
from imgen.ledger.sqlite.file_lock import Hold
from imgen.ledger.sqlite.network_disk import network_type
from imgen.ledger.sqlite.schema import RESOLUTION, is_current, migrate
from imgen.money.budget import day_begins, local_day

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

ERRORS = (sqlite3.Error, UnicodeDecodeError)
"""What reading or writing a ledger raises. For text that is not UTF-8, sqlite3 may raise no error of its own."""

DIALECT = Dialect(
    each="SELECT value FROM json_each(?)",
    same="IS",
    like="LIKE",
    resolution=RESOLUTION,
    problem="CASE WHEN json_valid(problem) THEN json_extract(problem, '$.code') END",
    day="date(created_at, 'unixepoch', 'localtime')",
    ids="group_concat(id, ', ')",
)

_PATIENCE = 30.0  # seconds for another process to end its transaction
_ROOM = 65_536  # bytes that a few commits need
_TO_SYNC = os.O_RDWR | getattr(os, "O_BINARY", 0) | getattr(os, "O_CLOEXEC", 0)
_sync = getattr(os, "fdatasync", os.fsync)  # macOS and Windows have the second one only


class LedgerConnection(sqlite3.Connection):
    """A connection that holds the shared lock of the file, so no process replaces it meanwhile.

    `log` is its write-ahead log where a commit is not on disk before `sync`, None where SQLite syncs each by itself.
    """

    hold: Hold | None = None
    log: Path | None = None
    _descriptor: int | None = None

    def sync_apart(self, path: Path) -> None:
        """Leave it to `sync` to put commits on disk, where there is a write-ahead log."""
        if self.execute("PRAGMA journal_mode").fetchone()[0] == "wal":
            self.execute("PRAGMA synchronous = NORMAL")
            self.log = log_of(path.resolve())  # SQLite follows a link

    def sync(self) -> None:
        """Return once everything that was committed so far is on disk. Raises `OSError`."""
        if self.log is None:
            return
        if self._descriptor is None:  # the log stays the same file for as long as this connection is open
            self._descriptor = os.open(self.log, _TO_SYNC)
        _sync(self._descriptor)

    def close(self) -> None:
        """Close it and release the lock."""
        if self._descriptor is not None:  # Windows removes no file that is open
            os.close(self._descriptor)
            self._descriptor = None
        super().close()
        if self.hold:
            self.hold.release()


class Database:
    """One SQLite file, shared by every process and thread; `now` is seconds since 1970."""

    dialect = DIALECT

    def __init__(self, path: Path, now: Callable[[], float]) -> None:
        self.path = path
        self.now = now
        self.unreadable_jobs: dict[str, None] = {}
        self._threads = threading.local()
        self._lock = threading.Lock()
        # SQLite lets one write at a time and is not fair: with ten processes of twelve threads each, some were kept
        # waiting for 17 s, and past its 30 s it gives up (2026-11-21). So a process sends one of its threads at a time.
        self._writing = threading.Lock()

    @property
    def folder(self) -> Path:
        """Where the file is, and what is kept beside it."""
        return self.path.parent

    def day(self, moment: float) -> str:
        """The day of a moment in this machine's time zone."""
        return local_day(moment).isoformat()

    def day_begins(self, moment: float) -> float:
        """When the day of a moment began in this machine's time zone."""
        return day_begins(local_day(moment))

    def close(self) -> None:
        """Close this thread's connection; another thread may be at work on its own, and closes it itself."""
        mine: sqlite3.Connection | None = getattr(self._threads, "connection", None)
        if mine is not None:
            mine.close()
            self._threads.connection = None

    def read(self, statement: str, values: Sequence[object]) -> list[sqlite3.Row]:
        """The rows of one SELECT. Raises `LedgerUnusable`."""
        connection = self.connection()
        with self._in_words():
            return connection.execute(statement, values).fetchall()

    @contextmanager
    def snapshot(self) -> Iterator[sqlite3.Connection]:
        """Several reads of one moment; they neither wait for a writer nor keep one waiting. Raises `LedgerUnusable`."""
        connection = self.connection()
        with self._in_words():
            try:
                connection.execute("BEGIN")
                yield connection
            finally:
                if connection.in_transaction:
                    connection.execute("ROLLBACK")

    @contextmanager
    def write(self, *, synced: bool = True) -> Iterator[sqlite3.Connection]:
        """Changes that no other ones can interleave with, on disk once this ends. Raises `LedgerUnusable`.

        One that is not `synced` outlives this process at once, and a power failure once a later one is on disk.
        """
        connection = self.connection()
        with self._in_words(), self._writing:
            try:  # also around BEGIN: it may wait for another process, and a Ctrl-C then comes once it has begun
                connection.execute("BEGIN IMMEDIATE")
                yield connection
                connection.execute("COMMIT")
            except BaseException:
                if connection.in_transaction:
                    connection.execute("ROLLBACK")
                raise
        if not synced:
            return
        try:
            connection.sync()
        except OSError as error:
            raise self._unusable(error) from error

    @contextmanager
    def lock(self, name: str, seconds: float) -> Iterator[None]:  # noqa: ARG002  (it ends with its process)
        """No other process holds the lock file of that name meanwhile."""
        from filelock import FileLock

        with FileLock(self.folder / f"{name}.lock", mode=0o600):
            yield

    def version(self) -> tuple[int, int]:
        """Differs from an earlier one of this thread where anything was committed meanwhile, by any process.

        SQLite's `data_version` sees all commits but those of the own connection, which counts these itself.
        """
        connection = self.connection()
        with self._in_words():
            return connection.execute("PRAGMA data_version").fetchone()[0], connection.total_changes

    def change(self, statement: str, values: Sequence[object], *, synced: bool = True) -> None:
        """One write of one statement; `synced` is as for `write`. Raises `LedgerUnusable`."""
        with self.write(synced=synced) as write:
            write.execute(statement, values)

    def damaged(self, damage: str) -> LedgerDamaged:
        """The error that the ledger is damaged, noted for the next command."""
        return damaged(self.path, damage)

    def not_understood(self) -> LedgerUnusable:
        """The error that a row was written by a newer program."""
        from imgen.installation import installation

        return LedgerUnusable(
            f"The ledger {self.path} holds a job that this imgen does not understand.",
            f"Nothing was sent. Upgrade imgen:\n{installation().upgraded()}",
        )

    def unreadable(self, job_id: str) -> None:
        """Note a row that cannot be read: the rest goes on, and the next command rebuilds what there is of it."""
        self.unreadable_jobs[job_id] = None
        self.damaged(f"job {job_id} in it cannot be understood")

    def connection(self) -> LedgerConnection:
        """This thread's own connection, opened at its first use. Raises `LedgerUnusable`."""
        mine: LedgerConnection | None = getattr(self._threads, "connection", None)
        if mine is None:
            with self._lock:  # one at a time: two threads that both make a new file could drop each other's locks
                mine = self._threads.connection = self._open()
        return mine

    def _open(self) -> LedgerConnection:
        opened = open_ledger(self.path)
        try:
            with self._in_words():
                opened.sync_apart(self.path)
        except BaseException:
            opened.close()
            raise
        return opened

    @contextmanager
    def _in_words(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.IntegrityError as error:  # the file is sound: what was to be written is wrong
            raise LedgerUnusable(
                f"imgen tried to record what its ledger does not take: {error}. This is a bug.",
                f"Neither {self.path} nor its disk is the cause. Please report it.",
            ) from error
        except ERRORS as error:
            if is_damage(error):
                raise damaged(self.path, error) from error
            raise self._unusable(error) from error

    def _unusable(self, error: Exception) -> LedgerUnusable:
        return LedgerUnusable(
            f"The ledger {self.path} cannot be used: {reason(self.path, error)}.",
            "Free some space or mend the file's rights, then run the command again.",
        )


def open_ledger(path: Path) -> LedgerConnection:
    """Open the ledger at `path`, made or brought up to date first. Raises `LedgerUnusable`."""
    try:
        make_private_folder(path.parent)
        connection = _connect(path)
        try:
            connection.execute("PRAGMA synchronous = FULL")
            connection.execute("PRAGMA foreign_keys = ON")
            if not is_current(connection):
                _bring_up_to_date(connection, path)
            _leave_shared_log(connection, path)
        except BaseException:
            connection.close()
            raise
    except (*ERRORS, OSError) as error:
        if is_damage(error):
            raise damaged(path, error) from error
        raise LedgerUnusable(
            f"The ledger {path} cannot be opened: {reason(path, error)}.",
            "Nothing was sent. Free some space, mend the file or its folder, or set IMGEN_HOME to another folder.",
        ) from error
    return connection


def reason(path: Path, error: Exception) -> str:
    """Why the ledger cannot be used; on a full disk SQLite may report an I/O error only."""
    import shutil

    from imgen_providers.errors import in_words

    text = damage_text(error) if is_damage(error) else in_words(error)
    with suppress(OSError):
        if shutil.disk_usage(path.parent).free < _ROOM:
            return f"there is no space left on its disk ({text})"
    return text


def _connect(path: Path) -> LedgerConnection:
    hold = Hold(path)
    try:
        # Only a file that is not there yet is opened here, so that it never exists with wider rights than 0600.
        # Closing one that is there would drop the locks of this process's other connections (POSIX): another process
        # could then take the WAL away under them, and commits be lost (sqlite.org/howtocorrupt.html 2.2; seen,
        # 2026-11-20).
        with suppress(FileExistsError):
            os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600))
        check_file(path)
        connection = sqlite3.connect(
            path, timeout=_PATIENCE, isolation_level=None, check_same_thread=False, factory=LedgerConnection
        )
    except BaseException:
        hold.release()
        raise
    connection.hold = hold
    connection.row_factory = sqlite3.Row
    return connection


def _bring_up_to_date(connection: sqlite3.Connection, path: Path) -> None:
    from filelock import FileLock

    with FileLock(path.with_suffix(".lock"), mode=0o600):
        connection.execute(f"PRAGMA journal_mode = {'DELETE' if network_type(path.parent) else 'WAL'}")
        migrate(connection)


def _leave_shared_log(connection: sqlite3.Connection, path: Path) -> None:
    """On a network file system the users of a write-ahead log share no memory (sqlite.org/wal.html): none is kept.

    A ledger that was brought there with one leaves it here; one that comes back stays without.
    """
    if network_type(path.parent) and connection.execute("PRAGMA journal_mode").fetchone()[0] == "wal":
        connection.execute("PRAGMA journal_mode = DELETE")

"""The ledger's tables, and how a ledger file is opened and brought up to date.

synchronous=FULL, because a lost commit here is a forgotten paid job (0.24 ms a commit, measured).
The switch to WAL does not wait for other openers, so creating and migrating happen under a lock file
(4 of 800 first opens failed without one, measured 2026-11-20).
"""

from __future__ import annotations

import os
import sqlite3
from contextlib import suppress
from typing import TYPE_CHECKING

from imgen.errors import LedgerDamaged, LedgerUnusable
from imgen.files import make_private_folder
from imgen.ledger.file_lock import Hold
from imgen.ledger.network_disk import network_type

if TYPE_CHECKING:
    from pathlib import Path

_VERSION_1 = """
CREATE TABLE job (
    id           TEXT PRIMARY KEY,
    run_id       TEXT NOT NULL,
    request_key  TEXT NOT NULL,      -- hash of service, model, parameters and reference contents of the whole order
    wire_key     TEXT NOT NULL,      -- hash of what this one request asks: equal ones cannot be told apart there
    provider     TEXT NOT NULL,
    origin       TEXT NOT NULL,      -- 'sandbox', or scheme and host
    family       TEXT,
    model        TEXT NOT NULL,
    prompt       TEXT NOT NULL,
    request      TEXT NOT NULL,      -- JSON, whole
    target       TEXT NOT NULL,      -- JSON
    stage        TEXT NOT NULL CHECK (stage IN (
                   'planned', 'submitting', 'queued', 'running', 'finished', 'failed', 'cancelled', 'uncertain')),
    owner        TEXT,               -- lock file of the process that plans or submits it
    created_at   REAL NOT NULL,      -- seconds since 1970, UTC, as all times here
    submitted_at REAL,
    accepted_at  REAL,
    finished_at  REAL,
    took_seconds REAL,               -- only when watched from acceptance to end by one process
    remote_id    TEXT,
    handle       TEXT NOT NULL DEFAULT '{}',
    conversation TEXT NOT NULL DEFAULT 'null',
    cost_amount  TEXT,               -- decimal text; NULL is unknown, never 0
    cost_unit    TEXT,
    charged_amount TEXT,             -- what the service itself says; NULL where it says nothing
    charged_unit TEXT,
    project      TEXT,               -- folder of the project it was ordered in, for its budget
    problem      TEXT,               -- JSON
    forgotten_at REAL,               -- closed on a person's word
    resubmitted  INTEGER NOT NULL DEFAULT 0,  -- closed because it was ordered again: may be charged all the same
    parent_id    TEXT REFERENCES job (id)  -- whose picture it goes on from
) STRICT;
CREATE UNIQUE INDEX job_remote ON job (provider, origin, remote_id) WHERE remote_id IS NOT NULL;
CREATE INDEX job_stage ON job (stage);
CREATE INDEX job_created ON job (created_at);
-- A second copy of what guards against a second charge: for a row that becomes unreadable.
CREATE INDEX job_request_key ON job (
    request_key, provider, origin, stage, created_at, project, cost_amount, cost_unit);
CREATE INDEX job_created_at ON job (created_at);
CREATE INDEX job_project ON job (project) WHERE project IS NOT NULL;
CREATE INDEX job_parent ON job (parent_id) WHERE parent_id IS NOT NULL;

CREATE TABLE result (
    job_id      TEXT NOT NULL REFERENCES job (id),
    number      INTEGER NOT NULL,    -- from 1
    state       TEXT NOT NULL CHECK (state IN ('ready', 'saved', 'expired')),
    url         TEXT,                -- NULL when the picture came inside the answer
    expires_at  REAL,
    fetcher     TEXT,                -- lock file of the process that is saving it
    part        TEXT,                -- the unfinished file beside the target
    kept        TEXT,                -- the bytes that came inside the answer, until the picture is saved
    path        TEXT,                -- set before the picture is put in place
    format      TEXT,
    width       INTEGER,
    height      INTEGER,
    size        INTEGER,
    sha256      TEXT,
    differences TEXT NOT NULL DEFAULT '[]',
    PRIMARY KEY (job_id, number)
) STRICT;
CREATE INDEX result_unsaved ON result (state, expires_at) WHERE state <> 'saved';
CREATE INDEX result_sha256 ON result (sha256) WHERE sha256 IS NOT NULL;

CREATE TABLE upload (                -- reference pictures put somewhere for a job
    job_id      TEXT NOT NULL REFERENCES job (id),
    sha256      TEXT NOT NULL,
    link        TEXT,                -- where the service fetches it; NULL where the link is signed, so secret, and dies
    storage     TEXT,                -- the person's own object storage, without credentials; NULL: the service's
    key         TEXT,                -- its name in the storage
    uploader    TEXT,                -- lock file of the process that is putting it there
    removed_at  REAL,                -- when it was removed after that process died; what was on its way may come later
    PRIMARY KEY (job_id, sha256)
) STRICT;
CREATE INDEX upload_key ON upload (storage, key) WHERE storage IS NOT NULL;

CREATE VIEW job_with_state AS
SELECT job.rowid AS recorded, job.*, CASE
    WHEN stage <> 'finished' THEN stage
    WHEN EXISTS (SELECT 1 FROM result WHERE job_id = job.id AND state = 'ready') THEN 'ready'
    WHEN EXISTS (SELECT 1 FROM result WHERE job_id = job.id AND state = 'expired') THEN 'expired'
    ELSE 'saved' END AS state
FROM job;
"""

_TURNED_AWAY = """
CREATE TABLE turned_away (           -- submits that a service turned away, uncharged: they count for its rate limit
    provider TEXT NOT NULL,
    origin   TEXT NOT NULL,
    at       REAL NOT NULL
) STRICT;
CREATE INDEX turned_away_at ON turned_away (at);
"""

MIGRATIONS = (_VERSION_1, _TURNED_AWAY)
"""SQL steps; a ledger's `user_version` says how many of them it has seen."""


ERRORS = (sqlite3.Error, UnicodeDecodeError)
"""What reading or writing a ledger raises; of a text that is no text sometimes not SQLite's own error."""

_PATIENCE = 30.0  # seconds for another process to end its transaction
_DAMAGE = (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)
_ROOM = 65_536  # bytes that a few commits need
_LEAST = 512  # bytes of a database
_CODE = 0xFF  # the part of an extended code that names its kind


class LedgerConnection(sqlite3.Connection):
    """A connection that keeps the file in its place as long as it is open."""

    hold: Hold | None = None

    def close(self) -> None:
        """Close it; the file may be put aside then."""
        super().close()
        if self.hold:
            self.hold.release()


def open_ledger(path: Path) -> LedgerConnection:
    """Open the ledger at `path`, made or brought up to date first. Raises `LedgerUnusable`."""
    try:
        make_private_folder(path.parent)
        connection = _connect(path)
        try:
            _set_up(connection)
            if _version(connection) < len(MIGRATIONS):
                _migrate(connection, path)
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


def is_damage(error: Exception) -> bool:
    """Whether the file's content is wrong; one that is locked, full or forbidden is not damaged."""
    return _wrong_text(error) or getattr(error, "sqlite_errorcode", 0) & _CODE in _DAMAGE


def _wrong_text(error: Exception) -> bool:
    """Whether a text in the file is none; the sqlite3 module raises this itself, without a code."""
    return isinstance(error, UnicodeDecodeError) or str(error).startswith("Could not decode to UTF-8")


def reason(path: Path, error: Exception) -> str:
    """Why the ledger cannot be used; on a full disk SQLite may speak of an I/O error only."""
    import shutil

    with suppress(OSError):
        if shutil.disk_usage(path.parent).free < _ROOM:
            return f"there is no space left on its disk ({_reason_text(error)})"
    return _reason_text(error)


def _reason_text(error: Exception) -> str:
    """The error in words; never any of the ledger's own: it may be a signed link."""
    if _wrong_text(error):
        return "a text in it cannot be read"
    if is_damage(error):
        return "it is no database" if "not a database" in str(error) else "its content does not fit together"
    return str(error)


def damaged(path: Path, error: Exception | str) -> LedgerDamaged:
    """The error that a damaged ledger is, noted beside it for the next command: that one can be alone with it."""
    with suppress(OSError):
        damage_note(path).touch(mode=0o600)
    return LedgerDamaged(
        f"The ledger {path} is damaged: {error if isinstance(error, str) else _reason_text(error)}.",
        "imgen status keeps it aside and makes a new one of what can be read. Nothing is sent until then.",
    )


def damage_note(path: Path) -> Path:
    """A file that is there when a process found the ledger damaged."""
    return path.with_suffix(".damaged")


def new_ledger(path: Path) -> Path:
    """A new ledger that is whole, until it stands in the place of a damaged one."""
    return path.with_suffix(".new")


def _connect(path: Path) -> LedgerConnection:
    hold = Hold(path)
    try:
        if new_ledger(path).exists():  # whoever was about to put it here was killed
            raise damaged(path, "a new one was about to take its place")
        # Only a file that is not there yet is opened here, so that it never exists with wider rights than 0600.
        # Closing one that is there would drop the locks of this process's other connections (POSIX): another process
        # could then take the WAL away under them, and commits be lost (sqlite.org/howtocorrupt.html 2.2; seen,
        # 2026-11-20).
        with suppress(FileExistsError):
            os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600))
        size = path.stat().st_size
        if size < _LEAST and (size or _size(log_of(path))):  # SQLite would begin anew, and throw the log away
            raise damaged(path, "it was cut short")
        connection = sqlite3.connect(
            path, timeout=_PATIENCE, isolation_level=None, check_same_thread=False, factory=LedgerConnection
        )
    except BaseException:
        hold.release()
        raise
    connection.hold = hold
    connection.row_factory = sqlite3.Row
    return connection


def log_of(path: Path) -> Path:
    """The write-ahead log of a ledger."""
    return path.with_name(f"{path.name}-wal")


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return 0


def _set_up(connection: sqlite3.Connection) -> None:
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute("PRAGMA foreign_keys = ON")


def _version(connection: sqlite3.Connection) -> int:
    version: int = connection.execute("PRAGMA user_version").fetchone()[0]
    if version > len(MIGRATIONS):
        raise LedgerUnusable(
            f"The ledger was written by a newer imgen (its format is {version}, this one knows {len(MIGRATIONS)}).",
            "Nothing was sent. Upgrade imgen: pip install -U imgen",
        )
    return version


def _leave_shared_log(connection: sqlite3.Connection, path: Path) -> None:
    """On a network file system the users of a write-ahead log share no memory (sqlite.org/wal.html): none is kept.

    A ledger that was brought there with one leaves it here; one that comes back stays without.
    """
    if network_type(path.parent) and connection.execute("PRAGMA journal_mode").fetchone()[0] == "wal":
        connection.execute("PRAGMA journal_mode = DELETE")


def _migrate(connection: sqlite3.Connection, path: Path) -> None:
    from filelock import FileLock

    with FileLock(path.with_suffix(".lock"), mode=0o600):
        connection.execute(f"PRAGMA journal_mode = {'DELETE' if network_type(path.parent) else 'WAL'}")
        connection.execute("BEGIN IMMEDIATE")
        try:
            for version, statements in enumerate(MIGRATIONS[_version(connection) :], _version(connection) + 1):
                for statement in _statements(statements):
                    connection.execute(statement)
                connection.execute(f"PRAGMA user_version = {version}")
            connection.execute("COMMIT")
        except BaseException:
            connection.execute("ROLLBACK")
            raise


def _statements(script: str) -> list[str]:
    """Single statements: `executescript` would commit the transaction they must share."""
    found, pending = [], ""
    for line in script.splitlines(keepends=True):
        pending += line
        if sqlite3.complete_statement(pending):
            found.append(pending)
            pending = ""
    return found

"""The ledger's tables, and the steps that bring an older ledger's up to date."""

from __future__ import annotations

import sqlite3

from imgen.errors import LedgerUnusable

RESOLUTION = "CASE WHEN json_valid(request) THEN json_extract(request, '$.resolution') END"
"""The ordered resolution, as an index has it; of a damaged row there is none."""

# Not to be edited, not even its comments: this text stands in every ledger, and recovery lays it over damaged pages.
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

# What every command looks for is found by an index, and none stands twice.
_VERSION_2 = f"""
DROP INDEX job_created_at;
DROP INDEX upload_key;
CREATE INDEX job_remote_id ON job (remote_id) WHERE remote_id IS NOT NULL;
CREATE INDEX job_submitted ON job (provider, origin, submitted_at) WHERE submitted_at IS NOT NULL;
CREATE INDEX job_took ON job (provider, model, {RESOLUTION}, finished_at)
    WHERE took_seconds IS NOT NULL AND origin <> 'sandbox';
CREATE INDEX upload_key ON upload (key) WHERE key IS NOT NULL;
"""

_VERSION_3 = """
CREATE TABLE turned_away (           -- submits that a service turned away, uncharged: they count for its rate limit
    provider     TEXT NOT NULL,
    origin       TEXT NOT NULL,
    submitted_at REAL NOT NULL
) STRICT;
CREATE INDEX turned_away_submitted ON turned_away (provider, origin, submitted_at);
"""

_VERSION_4 = """
CREATE INDEX result_path ON result (path) WHERE path IS NOT NULL;
"""

# Whether what was charged is computed, from what the service counted and its published rates.
_VERSION_5 = """
ALTER TABLE job ADD COLUMN charge_computed INTEGER NOT NULL DEFAULT 0;
"""

MIGRATIONS = (_VERSION_1, _VERSION_2, _VERSION_3, _VERSION_4, _VERSION_5)
"""SQL steps; a ledger's `user_version` counts those it has seen."""


def is_current(connection: sqlite3.Connection) -> bool:
    """Whether every step was taken. Raises `LedgerUnusable` for the ledger of a newer program."""
    return _version(connection) == len(MIGRATIONS)


def migrate(connection: sqlite3.Connection) -> None:
    """Take the steps that are missing, all or none. Raises `sqlite3.Error`, and `LedgerUnusable` as `is_current`."""
    try:
        connection.execute("BEGIN IMMEDIATE")
        for version, statements in enumerate(MIGRATIONS[_version(connection) :], _version(connection) + 1):
            for statement in _statements(statements):
                connection.execute(statement)
            connection.execute(f"PRAGMA user_version = {version}")
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:  # not where a Ctrl-C came right after the commit
            connection.execute("ROLLBACK")
        raise


def _version(connection: sqlite3.Connection) -> int:
    version: int = connection.execute("PRAGMA user_version").fetchone()[0]
    if version > len(MIGRATIONS):
        from imgen.installation import installation

        raise LedgerUnusable(
            f"The ledger was written by a newer imgen (its format is {version}, this one knows {len(MIGRATIONS)}).",
            f"Nothing was sent. Upgrade imgen:\n{installation().upgraded()}",
        )
    return version


def _statements(script: str) -> list[str]:
    """Single statements: `executescript` would commit the transaction they must share."""
    found, pending = [], ""
    for line in script.splitlines(keepends=True):
        pending += line
        if sqlite3.complete_statement(pending):
            found.append(pending)
            pending = ""
    return found

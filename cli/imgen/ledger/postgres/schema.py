"""The ledger's tables on PostgreSQL, the steps that bring an older ledger's up to date, and which program fits.

The same columns as SQLite's, and what many machines need: leases and claims that expire.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from imgen import __version__
from imgen.ledger.postgres import trouble

if TYPE_CHECKING:
    import psycopg

    from imgen.ledger.postgres.address import Address

    Raw = psycopg.Connection[dict[str, Any]]

_VERSION_1 = """
CREATE TABLE meta (                  -- one row
    format         INTEGER NOT NULL, -- how many of these steps were taken
    engine_version TEXT,             -- of the job queue whose tables stand in the other schema
    least_program  TEXT NOT NULL,    -- older ones are refused
    time_zone      TEXT NOT NULL     -- whose calendar days budgets and costs go by
);
CREATE TABLE owner (                 -- a process at work on jobs: alive while its lease is renewed
    name    TEXT PRIMARY KEY,
    seen    TIMESTAMPTZ NOT NULL DEFAULT clock_timestamp(),
    host    TEXT NOT NULL,
    version TEXT NOT NULL
);
CREATE TABLE service (               -- the row that paces all machines' submits to one service
    provider    TEXT NOT NULL,
    origin      TEXT NOT NULL,
    pause_until DOUBLE PRECISION,    -- the end of the longest Retry-After
    PRIMARY KEY (provider, origin)
);
CREATE TABLE job (
    rowid        BIGINT GENERATED ALWAYS AS IDENTITY UNIQUE,
    id           TEXT PRIMARY KEY,
    run_id       TEXT NOT NULL,
    request_key  TEXT NOT NULL,
    wire_key     TEXT NOT NULL,
    provider     TEXT NOT NULL,
    origin       TEXT NOT NULL,
    family       TEXT,
    model        TEXT NOT NULL,
    prompt       TEXT NOT NULL,
    request      TEXT NOT NULL,      -- JSON, as a text: jsonb takes no half surrogate
    target       TEXT NOT NULL,
    stage        TEXT NOT NULL CHECK (stage IN (
                   'planned', 'submitting', 'queued', 'running', 'finished', 'failed', 'cancelled', 'uncertain')),
    owner        TEXT,
    created_at   DOUBLE PRECISION NOT NULL,
    submitted_at DOUBLE PRECISION,
    accepted_at  DOUBLE PRECISION,
    finished_at  DOUBLE PRECISION,
    took_seconds DOUBLE PRECISION,
    remote_id    TEXT,
    handle       TEXT NOT NULL DEFAULT '{}',
    conversation TEXT NOT NULL DEFAULT 'null',
    cost_amount  TEXT,
    cost_unit    TEXT,
    charged_amount TEXT,
    charged_unit TEXT,
    charge_computed BOOLEAN NOT NULL DEFAULT FALSE,
    project      TEXT,
    problem      TEXT,
    forgotten_at DOUBLE PRECISION,
    resubmitted  BOOLEAN NOT NULL DEFAULT FALSE,
    parent_id    TEXT REFERENCES job (id),
    engine_id    BIGINT              -- of the job queue's job that carries this one; NULL: it was never queued
);
CREATE UNIQUE INDEX job_remote ON job (provider, origin, remote_id) WHERE remote_id IS NOT NULL;
CREATE INDEX job_stage ON job (stage);
CREATE INDEX job_created ON job (created_at);
CREATE INDEX job_request_key ON job (request_key, provider, origin);
CREATE INDEX job_wire_key ON job (wire_key) WHERE stage = 'submitting';
CREATE INDEX job_project ON job (project) WHERE project IS NOT NULL;
CREATE INDEX job_parent ON job (parent_id) WHERE parent_id IS NOT NULL;
CREATE INDEX job_remote_id ON job (remote_id) WHERE remote_id IS NOT NULL;
CREATE INDEX job_submitted ON job (provider, origin, submitted_at) WHERE submitted_at IS NOT NULL;
CREATE INDEX job_took ON job (provider, model, finished_at) WHERE took_seconds IS NOT NULL AND origin <> 'sandbox';
CREATE INDEX job_engine ON job (engine_id) WHERE engine_id IS NOT NULL;

CREATE TABLE result (
    job_id      TEXT NOT NULL REFERENCES job (id),
    number      INTEGER NOT NULL,
    state       TEXT NOT NULL CHECK (state IN ('ready', 'saved', 'expired')),
    url         TEXT,
    expires_at  DOUBLE PRECISION,
    fetcher     TEXT,
    claim_until DOUBLE PRECISION,    -- when the fetcher's claim ends, unless it is renewed
    part        TEXT,
    kept        TEXT,
    path        TEXT,
    object      TEXT,                -- its key in the object storage
    format      TEXT,
    width       INTEGER,
    height      INTEGER,
    size        BIGINT,
    sha256      TEXT,
    differences TEXT NOT NULL DEFAULT '[]',
    PRIMARY KEY (job_id, number)
);
CREATE INDEX result_unsaved ON result (state, expires_at) WHERE state <> 'saved';
CREATE INDEX result_claimed ON result (fetcher) WHERE fetcher IS NOT NULL;
CREATE INDEX result_sha256 ON result (sha256) WHERE sha256 IS NOT NULL;
CREATE INDEX result_path ON result (path) WHERE path IS NOT NULL;

CREATE TABLE upload (
    job_id      TEXT NOT NULL REFERENCES job (id),
    sha256      TEXT NOT NULL,
    link        TEXT,
    storage     TEXT,
    key         TEXT,
    uploader    TEXT,
    removed_at  DOUBLE PRECISION,
    PRIMARY KEY (job_id, sha256)
);
CREATE INDEX upload_key ON upload (key) WHERE key IS NOT NULL;

CREATE TABLE turned_away (
    provider     TEXT NOT NULL,
    origin       TEXT NOT NULL,
    submitted_at DOUBLE PRECISION NOT NULL
);
CREATE INDEX turned_away_submitted ON turned_away (provider, origin, submitted_at);

CREATE TABLE conversation (          -- by the sha256 of what it holds
    name    TEXT PRIMARY KEY,
    content TEXT NOT NULL
);

CREATE VIEW job_with_state AS
SELECT job.rowid AS recorded, job.*, CASE
    WHEN stage <> 'finished' THEN stage
    WHEN EXISTS (SELECT 1 FROM result WHERE job_id = job.id AND state = 'ready') THEN 'ready'
    WHEN EXISTS (SELECT 1 FROM result WHERE job_id = job.id AND state = 'expired') THEN 'expired'
    ELSE 'saved' END AS state
FROM job;
"""

_VERSION_2 = """
CREATE TABLE writer (                -- a thread that writes, and the last of its transactions that was committed
    name   TEXT PRIMARY KEY,
    number BIGINT NOT NULL,
    seen   TIMESTAMPTZ NOT NULL DEFAULT clock_timestamp()
) WITH (fillfactor = 50);
"""

_TEXT = 'TEXT COLLATE "C"'
"""Texts are compared by their bytes, as in SQLite: a collation of the server's would put ids into another order."""

MIGRATIONS = tuple(each.replace("TEXT", _TEXT) for each in (_VERSION_1, _VERSION_2))
"""SQL steps; `meta.format` counts those a ledger has seen."""

_LEAST_PROGRAM = "0.1.0"
"""The oldest program that may use a ledger of this format."""


def check(raw: Raw, address: Address) -> None:
    """Raises `LedgerUnusable` where there is no ledger yet, or it and this program do not fit."""
    from psycopg import errors

    try:
        found = raw.execute(f"SELECT format, least_program FROM {address.schema}.meta").fetchone()  # noqa: S608
    except (errors.UndefinedTable, errors.InvalidSchemaName):
        found = None
    if found is None:
        raise trouble.not_initialised(address)
    if found["format"] > len(MIGRATIONS):
        raise trouble.newer(address, found["format"], len(MIGRATIONS))
    if found["format"] < len(MIGRATIONS):
        raise trouble.older(address, found["format"], len(MIGRATIONS))
    if _numbers(__version__) < _numbers(found["least_program"]):
        raise trouble.too_old(address, found["least_program"], __version__)


def bring_up_to_date(raw: Raw, address: Address, time_zone: str) -> int:
    """Take the steps that are missing, all or none, and return how many; `time_zone` is for a new ledger.

    The transaction is the caller's. Raises `psycopg.Error`, and `LedgerUnusable` for the ledger of a newer program.
    """
    raw.execute(f"CREATE SCHEMA IF NOT EXISTS {address.schema}")
    raw.execute(f"SET LOCAL search_path TO {address.schema}")
    found = raw.execute("SELECT to_regclass('meta') IS NOT NULL AS there").fetchone()
    known = found is not None and found["there"]
    row = raw.execute("SELECT format FROM meta FOR UPDATE").fetchone() if known else None
    taken = row["format"] if row else 0
    if taken > len(MIGRATIONS):
        raise trouble.newer(address, taken, len(MIGRATIONS))
    for statements in MIGRATIONS[taken:]:
        raw.execute(statements)
    if row is None:
        values = (len(MIGRATIONS), _LEAST_PROGRAM, time_zone)
        raw.execute("INSERT INTO meta (format, least_program, time_zone) VALUES (%s, %s, %s)", values)
    elif taken < len(MIGRATIONS):
        raw.execute("UPDATE meta SET format = %s, least_program = %s", (len(MIGRATIONS), _LEAST_PROGRAM))
    return len(MIGRATIONS) - taken


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.split(".") if part.isdecimal())

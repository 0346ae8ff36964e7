"""What the ledger needs of the queue's own tables (Procrastinate's): which jobs it carries, and which it has dropped.

That no open job is forgotten is decided here, from the ledger's rows: the queue may lose a job with its worker.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, NamedTuple

from imgen.ledger.postgres.leases import alive

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Sequence

    from imgen.ledger.postgres.address import Address
    from imgen.ledger.postgres.database import PostgresDatabase
    from imgen.ledger.postgres.schema import Raw

_STALLED = (
    "SELECT engine.id FROM procrastinate_jobs AS engine LEFT JOIN procrastinate_workers AS worker"
    " ON worker.id = engine.worker_id WHERE engine.status = 'doing' AND (worker.id IS NULL"
    " OR greatest(worker.last_heartbeat, pg_postmaster_start_time()) < clock_timestamp() - make_interval(secs => ?))"
)
_RELEASE = (
    "SELECT procrastinate_retry_job_v2(id, now(), NULL, NULL, NULL) FROM (SELECT id FROM procrastinate_jobs"
    " WHERE id IN (SELECT CAST(value AS bigint) FROM jsonb_array_elements_text(CAST(? AS jsonb)))"
    " AND status = 'doing' FOR UPDATE SKIP LOCKED) AS stalled"
)
_OPEN = (
    "job.forgotten_at IS NULL AND (job.stage IN ('planned', 'submitting', 'queued', 'running')"
    " OR (job.stage = 'finished' AND EXISTS"
    " (SELECT 1 FROM result WHERE result.job_id = job.id AND result.state = 'ready')))"
)
_UNATTENDED = (
    f"SELECT job.id, provider, origin FROM job WHERE engine_id IS NOT NULL AND {_OPEN} AND NOT EXISTS"  # noqa: S608
    " (SELECT 1 FROM procrastinate_jobs AS engine"
    " WHERE engine.id = job.engine_id AND engine.status IN ('todo', 'doing')) ORDER BY job.rowid LIMIT ?"
)
_FIRST = 10  # the priority of a job whose link expires; others have 0
_PUT_FIRST = (
    f"UPDATE procrastinate_jobs SET priority = {_FIRST} WHERE status = 'todo' AND priority < {_FIRST} AND id IN"  # noqa: S608
    " (SELECT engine_id FROM job JOIN result ON result.job_id = job.id"
    " WHERE result.state = 'ready' AND result.url IS NOT NULL AND engine_id IS NOT NULL)"
)
_PENDING = (
    "SELECT count(*) AS jobs FROM procrastinate_jobs WHERE status IN ('todo', 'doing') AND queue_name IN"
    " (SELECT jsonb_array_elements_text(CAST(? AS jsonb))) AND args->>'job_id' NOT IN"
    " (SELECT jsonb_array_elements_text(CAST(? AS jsonb)))"
)
_COUNTS = (
    "SELECT queue_name AS queue, count(*) FILTER (WHERE status = 'todo') AS waiting,"
    " count(*) FILTER (WHERE status = 'doing') AS taken FROM procrastinate_jobs"
    " WHERE status IN ('todo', 'doing') GROUP BY 1 ORDER BY 1"
)
_WORKERS = (
    "SELECT name, host, version, CAST(extract(epoch FROM clock_timestamp() - seen) AS double precision) AS seconds,"  # noqa: S608  (our own)
    f" {alive('mine.name')} AS alive, (SELECT count(*) FROM job WHERE job.owner = mine.name"
    " AND stage IN ('planned', 'submitting')) AS submits FROM owner AS mine ORDER BY alive DESC, seen DESC"
)


class QueueCount(NamedTuple):
    """One queue: how many jobs wait in it, and how many workers have in hand."""

    queue: str
    waiting: int
    taken: int


class WorkerRow(NamedTuple):
    """A process that works on the ledger, or did in the last day: when its lease was renewed, in seconds ago.

    `submits` are its jobs that are about to be sent, or on their way.
    """

    name: str
    host: str
    version: str
    seconds: float
    alive: bool
    submits: int


def making_tables(address: Address, statements: str, version: str) -> Callable[[Raw], None]:
    """The part of `set_up` that makes the queue's tables, by its own statements, and notes their version."""

    def make(raw: Raw) -> None:
        raw.execute(f"SET LOCAL search_path TO {address.engine_schema}")
        there = raw.execute("SELECT to_regclass('procrastinate_jobs') IS NOT NULL AS there").fetchone()
        if not (there and there["there"]):
            raw.execute(statements)
        raw.execute(f"UPDATE {address.schema}.meta SET engine_version = %s", (version,))  # noqa: S608

    return make


class EngineRows:
    """The queue's jobs, as far as they carry jobs of the ledger."""

    def __init__(self, database: PostgresDatabase) -> None:
        self._database = database

    def version(self) -> str | None:
        """The version of Procrastinate that its tables are of; None where they were never made."""
        version: str | None = self._database.read("SELECT engine_version FROM meta", ())[0]["engine_version"]
        return version

    def release_stalled(self, seconds: float) -> int:
        """Give back what workers held that sent no heartbeat for so long; returns how many jobs that were."""
        stalled = [row["id"] for row in self._database.read(_STALLED, (seconds,))]
        if stalled:
            self._database.touch(_RELEASE, (json.dumps(stalled),))
        return len(stalled)

    def unattended(self, limit: int) -> list[tuple[str, str, str]]:
        """Open jobs that were queued and that the queue does not carry any more: id, provider and origin."""
        rows = self._database.read(_UNATTENDED, (limit,))
        return [(row["id"], row["provider"], row["origin"]) for row in rows]

    def put_first_what_expires(self) -> None:
        """Jobs with a finished picture go before those that are not sent yet: their links expire."""
        self._database.touch(_PUT_FIRST, ())

    def pending(self, queues: Sequence[str], but_for: Collection[str]) -> int:
        """How many jobs the queues have, those in hand among them, but for some by their ids in the ledger."""
        rows = self._database.read(_PENDING, (json.dumps(list(queues)), json.dumps(sorted(but_for))))
        return int(rows[0]["jobs"])

    def counts(self) -> list[QueueCount]:
        """Every queue that has jobs."""
        return [QueueCount(**row) for row in self._database.read(_COUNTS, ())]

    def workers(self) -> list[WorkerRow]:
        """Every process with a lease, and those whose lease ended within a day."""
        return [WorkerRow(**row) for row in self._database.read(_WORKERS, ())]

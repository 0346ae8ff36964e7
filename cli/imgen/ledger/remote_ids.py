"""Which of a service's jobs each of ours is: told when it was accepted, found in a list, or named by a person."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from imgen.ledger.database import Store

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Sequence

    from imgen_providers.base import Job

_CONTESTED = (
    "SELECT 1 FROM job AS other JOIN job AS mine ON mine.id = ? AND other.id <> mine.id"
    " AND other.wire_key = mine.wire_key AND other.provider = mine.provider AND other.origin = mine.origin"
    " WHERE other.stage = 'submitting'"
)


class RemoteIds(Store):
    """The remote ids of jobs; one belongs to one row only."""

    def accepted(self, job_id: str, job: Job) -> None:
        """The service took the job: its remote id is known, and nothing may lose it again.

        A job that was given up as uncertain or closed meanwhile is open again. Raises `IdTaken`.
        """
        with self._write() as write:
            other = self._holder(write, job_id, job.remote_id)
            if other is not None:
                raise IdTaken(other)
            write.execute(
                "UPDATE job SET stage = CASE WHEN remote_id = ?1 AND stage = 'running' THEN stage ELSE 'queued' END,"
                " accepted_at = ?2, finished_at = NULL, forgotten_at = NULL, remote_id = ?1, handle = ?3,"
                " problem = NULL"
                " WHERE id = ?4 AND stage <> 'finished'",
                (job.remote_id, self._now(), json.dumps(dict(job.handle)), job_id),
            )

    def is_ambiguous(self, job_id: str) -> bool:
        """Whether the same request is on its way right now in another job, whose answer is still to come."""
        with self._write() as write:
            return write.execute(_CONTESTED, (job_id,)).fetchone() is not None

    def reconcile(self, job_id: str, candidates: Sequence[Job]) -> Job | None:
        """Give an uncertain job the first of the service's jobs that no row has; None where none is left.

        `candidates` are jobs with the very same request. While another such submit is on its way, nothing is given
        away, because one of them may be its.
        """
        with self._write() as write:
            mine = write.execute("SELECT stage, remote_id FROM job WHERE id = ?", (job_id,)).fetchone()
            if mine["remote_id"] is not None:  # somebody was quicker
                return next((job for job in candidates if job.remote_id == mine["remote_id"]), None)
            if mine["stage"] != "uncertain" or write.execute(_CONTESTED, (job_id,)).fetchone():
                return None
            for job in candidates:
                if self._holder(write, job_id, job.remote_id) is None:
                    write.execute(
                        "UPDATE job SET stage = 'queued', accepted_at = submitted_at, finished_at = NULL,"
                        " remote_id = ?, handle = ?, problem = NULL WHERE id = ?",
                        (job.remote_id, json.dumps(dict(job.handle)), job_id),
                    )
                    return job
        return None

    def _holder(self, write: sqlite3.Connection, job_id: str, remote_id: str) -> str | None:
        """The other job at the same service that has this remote id."""
        row = write.execute(
            "SELECT other.id FROM job AS other JOIN job AS mine ON mine.id = ? AND other.id <> mine.id"
            " AND other.provider = mine.provider AND other.origin = mine.origin WHERE other.remote_id = ?",
            (job_id, remote_id),
        ).fetchone()
        return row["id"] if row else None

    def attach(self, job_id: str, job: Job) -> bool:
        """A person found the job whose reply was lost: it is `job`. False when it is not in doubt. Raises `IdTaken`."""
        with self._write() as write:
            other = self._holder(write, job_id, job.remote_id)
            if other is not None:
                raise IdTaken(other)
            changed = write.execute(
                "UPDATE job SET stage = 'queued', accepted_at = submitted_at, finished_at = NULL, forgotten_at = NULL,"
                " remote_id = ?, handle = ?, problem = NULL"
                " WHERE id = ? AND stage = 'uncertain' AND remote_id IS NULL",
                (job.remote_id, json.dumps(dict(job.handle)), job_id),
            )
            return changed.rowcount > 0


class IdTaken(Exception):
    """The service's id belongs to another job already; `job_id` is that one."""

    def __init__(self, job_id: str) -> None:
        super().__init__(job_id)
        self.job_id = job_id

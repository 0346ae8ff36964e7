"""The state changes of jobs: planned, submitted, accepted, ended. Each is one transaction."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from imgen.ledger.codec import problem_text, request_text, target_text, wire_key
from imgen.ledger.queries import JobQueries
from imgen.ledger.spending import reserve
from imgen.money.budget import NO_BUDGET, Budget

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Sequence

    from imgen.errors import Problem
    from imgen.records import Draft, State
    from imgen_providers.base import Job, Json

_SOON = 0.01  # seconds: times since 1970 are too coarse for less
_DAY = 86_400.0  # seconds; longer than the window of any rate limit
_PLANNED_AGAIN = "UPDATE job SET stage = 'planned', submitted_at = NULL WHERE id = ? AND stage = 'submitting'"


@dataclass(frozen=True, slots=True)
class Limit:
    """At most `most` submits in any `window` seconds; `most` None is no limit.

    A window and not a bucket that refills: after a burst of three, a refilling bucket lets six out within a minute.
    """

    most: int | None
    window: float


class TooSoon(Exception):
    """The limit is used up; the next submit may go in `seconds`."""

    def __init__(self, seconds: float) -> None:
        super().__init__(seconds)
        self.seconds = seconds


UNLIMITED = Limit(None, 0.0)

_CONTESTED = (
    "SELECT 1 FROM job AS other JOIN job AS mine ON mine.id = ? AND other.id <> mine.id"
    " AND other.wire_key = mine.wire_key AND other.provider = mine.provider AND other.origin = mine.origin"
    " WHERE other.stage = 'submitting'"
)


class Jobs(JobQueries):
    """The jobs of one person: recorded before a byte is sent, changed as their services report, and found again."""

    # Planning and submitting ------------------------------------------------------------------------------

    def plan(self, drafts: Sequence[Draft], owner: str, *, resubmit: bool, budget: Budget = NO_BUDGET) -> None:
        """Record a run of jobs, which reserves what they cost, or none of them. Raises `OverBudget`.

        While a job with the same request is uncertain this raises `SameRequestUncertain`, unless `resubmit`
        accepts a second charge; the old rows are then closed.
        """
        with self._database.write() as write:
            for key, origin in {(draft.request_key, draft.origin) for draft in drafts}:
                doubtful = [
                    row["id"]
                    for row in write.execute(
                        "SELECT id FROM job WHERE request_key = ? AND origin = ? AND stage = 'uncertain'"
                        " AND forgotten_at IS NULL ORDER BY rowid",
                        (key, origin),
                    )
                ]
                if doubtful and not resubmit:
                    raise SameRequestUncertain(doubtful)
                self._forget(write, doubtful, resubmitted=True)
            now = self._database.now()
            reserve(write, now, drafts, budget)
            write.executemany(
                "INSERT INTO job (id, run_id, request_key, provider, origin, family, model, prompt, request, target,"
                " parent_id, wire_key, project, stage, owner, created_at, cost_amount, cost_unit)"
                " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 'planned', ?, ?, ?, ?)",
                [(*self._draft_row(draft), owner, now, draft.cost.amount, draft.cost.unit) for draft in drafts],
            )

    def submitting(self, job_id: str, limit: Limit = UNLIMITED) -> bool:
        """The submit is about to leave: from here on the job may be charged.

        False when the job is not `planned` any more, or was closed: then it must not be sent. Raises `TooSoon`, and
        changes nothing, while all processes together have used up the limit of the service.
        """
        with self._database.write() as write:
            now = self._database.now()
            if limit.most is not None:
                latest = write.execute(
                    "SELECT at FROM (SELECT provider, origin, submitted_at AS at FROM job WHERE submitted_at > :since"
                    " UNION ALL SELECT provider, origin, at FROM turned_away WHERE at > :since) AS other"
                    " JOIN job AS mine ON mine.id = :id AND other.provider = mine.provider"
                    " AND other.origin = mine.origin WHERE at <= :now ORDER BY at DESC LIMIT :most",
                    {"id": job_id, "since": now - limit.window, "now": now, "most": limit.most},
                ).fetchall()
                if len(latest) == limit.most:
                    raise TooSoon(max(_SOON, latest[-1]["at"] + limit.window - now))
            marked = write.execute(
                "UPDATE job SET stage = 'submitting', submitted_at = ?"
                " WHERE id = ? AND stage = 'planned' AND forgotten_at IS NULL",
                (now, job_id),
            )
            return marked.rowcount > 0

    def not_sent(self, job_id: str) -> None:
        """The submit provably arrived nowhere: it may go again."""
        self._database.change(_PLANNED_AGAIN, (job_id,))

    def turned_away(self, job_id: str) -> None:
        """The service turned the submit away, uncharged: it may go again, and it counts for the rate limit."""
        with self._database.write() as write:
            write.execute("DELETE FROM turned_away WHERE at < ?", (self._database.now() - _DAY,))
            write.execute(
                "INSERT INTO turned_away (provider, origin, at) SELECT provider, origin, submitted_at FROM job"
                " WHERE id = ? AND stage = 'submitting'",
                (job_id,),
            )
            write.execute(_PLANNED_AGAIN, (job_id,))

    def never_sent(self, job_id: str, problem: Problem) -> None:
        """Nobody is going to send the job: a `planned` one is `cancelled`."""
        self._database.change(
            "UPDATE job SET stage = 'cancelled', finished_at = ?, problem = ? WHERE id = ? AND stage = 'planned'",
            (self._database.now(), problem_text(problem), job_id),
        )

    def mark_uncertain(self, job_id: str, problem: Problem) -> None:
        """No answer to the submit is going to come: a `submitting` job is `uncertain`."""
        self._database.change(
            "UPDATE job SET stage = 'uncertain', finished_at = ?, problem = ? WHERE id = ? AND stage = 'submitting'",
            (self._database.now(), problem_text(problem), job_id),
        )

    def adopt(self, draft: Draft, job: Job) -> str:
        """Record a job that was submitted elsewhere and has just been asked about; returns the id of its row."""
        with self._database.write() as write:
            known = write.execute(
                "SELECT id FROM job WHERE provider = ? AND origin = ? AND remote_id = ?",
                (draft.provider, draft.origin, job.remote_id),
            ).fetchone()
            if known:
                return str(known["id"])
            write.execute(
                "INSERT INTO job (id, run_id, request_key, provider, origin, family, model, prompt, request, target,"
                " parent_id, wire_key, project, stage, created_at, accepted_at, remote_id, handle)"
                " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 'queued', ?, ?, ?, ?)",
                (
                    *self._draft_row(draft),
                    self._database.now(),
                    self._database.now(),
                    job.remote_id,
                    json.dumps(dict(job.handle)),
                ),
            )
        return draft.id

    # What became of it ------------------------------------------------------------------------------------

    def running(self, job_id: str) -> None:
        """The service is at work on it."""
        self._database.change("UPDATE job SET stage = 'running' WHERE id = ? AND stage = 'queued'", (job_id,))

    def finished(
        self,
        job_id: str,
        places: Sequence[str | Path],
        *,
        link_seconds: float | None,
        took_seconds: float | None,
        conversation: Json,
        unfinished_at: float | None = None,
    ) -> None:
        """The pictures exist, at a link or in a file of ours. A later call renews those not saved yet.

        `link_seconds` is how long a link lives, None where unknown. `took_seconds` is None unless one process
        watched the job from acceptance to end. `unfinished_at` is when it was last known not to have ended.
        """
        if self._shows(job_id, places, conversation):
            return  # many may ask about the same job, and each write keeps all others waiting
        with self._database.write() as write:
            # Its links may be as old as the last moment without them, however long we slept since then.
            row = write.execute("SELECT accepted_at FROM job WHERE id = ?", (job_id,)).fetchone()
            since = row["accepted_at"] if unfinished_at is None else unfinished_at
            ended = self._database.now() if since is None else min(since, self._database.now())
            expires_at = None if link_seconds is None else ended + link_seconds
            write.execute(
                "UPDATE job SET stage = 'finished', finished_at = coalesce(finished_at, ?),"
                " took_seconds = coalesce(took_seconds, ?), conversation = ? WHERE id = ?",
                (self._database.now(), took_seconds, json.dumps(conversation), job_id),
            )
            write.executemany(
                "INSERT INTO result (job_id, number, state, url, kept, expires_at) VALUES (?, ?, 'ready', ?, ?, ?)"
                " ON CONFLICT (job_id, number) DO UPDATE SET url = excluded.url, kept = excluded.kept"
                " WHERE state = 'ready'",
                [
                    (job_id, number, *((None, str(place)) if isinstance(place, Path) else (place, None)), expires_at)
                    for number, place in enumerate(places, 1)
                ],
            )

    def _shows(self, job_id: str, places: Sequence[str | Path], conversation: Json) -> bool:
        """Whether all of this is known already."""
        rows = self._database.read(
            "SELECT coalesce(url, kept) AS place FROM result JOIN job ON job.id = job_id"
            " WHERE job_id = ? AND stage = 'finished' AND conversation = ? ORDER BY number",
            (job_id, json.dumps(conversation)),
        )
        return [row["place"] for row in rows] == [str(place) for place in places]

    def ended(self, job_id: str, state: State, problem: Problem) -> None:
        """The service said that the job is over without a picture: `failed` or `cancelled`."""
        self._database.change(
            "UPDATE job SET stage = ?, finished_at = ?, problem = ? WHERE id = ? AND stage <> 'finished'",
            (state.value, self._database.now(), problem_text(problem), job_id),
        )

    def finished_without_links(self, job_id: str, problem: Problem) -> None:
        """The service reports the job as finished and shows no picture: one that is paid counts as expired.

        It is polled for again like any expired one.
        """
        with self._database.write() as write:
            now = self._database.now()
            ended = write.execute(
                "UPDATE job SET stage = 'finished', finished_at = ?, problem = ? WHERE id = ? AND stage <> 'finished'",
                (now, problem_text(problem), job_id),
            )
            if ended.rowcount:
                write.execute("INSERT INTO result (job_id, number, state) VALUES (?, 1, 'expired')", (job_id,))

    def set_problem(self, job_id: str, problem: Problem) -> None:
        """Why the job is not further, while its state stays as it is."""
        self._database.change("UPDATE job SET problem = ? WHERE id = ?", (problem_text(problem), job_id))

    def forget(self, job_ids: Sequence[str]) -> None:
        """Close rows on a person's word; they stay in the history."""
        with self._database.write() as write:
            self._forget(write, job_ids, resubmitted=False)

    # Remote ids -------------------------------------------------------------------------------------------

    def accepted(self, job_id: str, job: Job) -> None:
        """The service took the job: its remote id is known, and nothing may lose it again.

        A job that was given up as uncertain or closed meanwhile is open again. Raises `IdTaken`.
        """
        with self._database.write() as write:
            other = self._holder(write, job_id, job.remote_id)
            if other is not None:
                raise IdTaken(other)
            write.execute(
                "UPDATE job SET stage = CASE WHEN remote_id = ?1 AND stage = 'running' THEN stage ELSE 'queued' END,"
                " accepted_at = ?2, finished_at = NULL, forgotten_at = NULL, remote_id = ?1, handle = ?3,"
                " problem = NULL"
                " WHERE id = ?4 AND stage <> 'finished'",
                (job.remote_id, self._database.now(), json.dumps(dict(job.handle)), job_id),
            )

    def is_ambiguous(self, job_id: str) -> bool:
        """Whether the same request is on its way right now in another job, whose answer is still to come."""
        with self._database.write() as write:
            return write.execute(_CONTESTED, (job_id,)).fetchone() is not None

    def reconcile(self, job_id: str, candidates: Sequence[Job]) -> Job | None:
        """Give an uncertain job the first of the service's jobs that no row has; None where none is left.

        `candidates` are jobs with the very same request. While another such submit is on its way, nothing is given
        away, because one of them may be its.
        """
        with self._database.write() as write:
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
        with self._database.write() as write:
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

    # Writing ----------------------------------------------------------------------------------------------

    def _draft_row(self, draft: Draft) -> tuple[str | None, ...]:
        return (
            *(draft.id, draft.run_id, draft.request_key, draft.provider, draft.origin, draft.family),
            *(
                draft.request.model,
                draft.request.prompt,
                request_text(draft.request),
                target_text(draft.target),
                draft.parent_id,
                wire_key(draft.request),
                draft.project,
            ),
        )

    def _forget(self, write: sqlite3.Connection, job_ids: Sequence[str], *, resubmitted: bool) -> None:
        write.executemany(
            "UPDATE job SET forgotten_at = ?, resubmitted = ? WHERE id = ?",
            [(self._database.now(), resubmitted, job_id) for job_id in job_ids],
        )


class IdTaken(Exception):
    """The service's id belongs to another job already; `job_id` is that one."""

    def __init__(self, job_id: str) -> None:
        super().__init__(job_id)
        self.job_id = job_id


class SameRequestUncertain(Exception):
    """The same request was sent before, and nobody knows whether it was charged; `job_ids` are those rows."""

    def __init__(self, job_ids: Sequence[str]) -> None:
        super().__init__(", ".join(job_ids))
        self.job_ids = tuple(job_ids)

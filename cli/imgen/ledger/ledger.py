"""The ledger: every job, committed to disk before a byte of it is sent, and everything learned since.

Whose remote id is whose, and its rows of pictures and of uploads, have files of their own; the SQLite file itself is
`store`.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from imgen.ledger.codec import problem_text, request_text, target_text, wire_key
from imgen.ledger.queries import HistoryRows
from imgen.ledger.remote_ids import RemoteIds
from imgen.ledger.results import ResultRows
from imgen.ledger.spending import CostRows
from imgen.ledger.uploads import UploadRows
from imgen.money.budget import NO_BUDGET, Budget
from imgen.records import OPEN, Draft, JobRecord, State

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Sequence

    from imgen.errors import Problem
    from imgen_providers.base import Job, Json


_SOON = 0.01  # seconds: times since 1970 are too coarse for less


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


class Ledger(RemoteIds, ResultRows, UploadRows, HistoryRows, CostRows):
    """The jobs of one person on one machine, shared by every process and thread; `now` is seconds since 1970."""

    # Planning and submitting ------------------------------------------------------------------------------

    def plan(self, drafts: Sequence[Draft], owner: str, *, resubmit: bool, budget: Budget = NO_BUDGET) -> None:
        """Record a run of jobs, which reserves what they cost, or none of them. Raises `OverBudget`.

        While a job with the same request is uncertain this raises `SameRequestUncertain`, unless `resubmit`
        accepts a second charge; the old rows are then closed.
        """
        with self._write() as write:
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
            self._reserve(write, drafts, budget)
            write.executemany(
                "INSERT INTO job (id, run_id, request_key, provider, origin, family, model, prompt, request, target,"
                " parent_id, wire_key, project, stage, owner, created_at, cost_amount, cost_unit)"
                " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 'planned', ?, ?, ?, ?)",
                [(*self._draft_row(draft), owner, self._now(), draft.cost.amount, draft.cost.unit) for draft in drafts],
            )

    def submitting(self, job_id: str, limit: Limit = UNLIMITED) -> bool:
        """The submit is about to leave: from here on the job may be charged.

        False when the job is not `planned` any more, or was closed: then it must not be sent. Raises `TooSoon`, and
        changes nothing, while all processes together have used up the limit of the service.
        """
        with self._write() as write:
            now = self._now()
            if limit.most is not None:
                latest = write.execute(
                    "SELECT other.submitted_at FROM job AS other JOIN job AS mine"
                    " ON mine.id = ? AND other.provider = mine.provider AND other.origin = mine.origin"
                    " WHERE other.submitted_at > ? AND other.submitted_at <= ?"
                    " ORDER BY other.submitted_at DESC LIMIT ?",
                    (job_id, now - limit.window, now, limit.most),
                ).fetchall()
                if len(latest) == limit.most:
                    raise TooSoon(max(_SOON, latest[-1]["submitted_at"] + limit.window - now))
            marked = write.execute(
                "UPDATE job SET stage = 'submitting', submitted_at = ?"
                " WHERE id = ? AND stage = 'planned' AND forgotten_at IS NULL",
                (now, job_id),
            )
            return marked.rowcount > 0

    def not_sent(self, job_id: str) -> None:
        """The submit provably arrived nowhere, or was turned away uncharged: it may go again."""
        self._set(
            "UPDATE job SET stage = 'planned', submitted_at = NULL WHERE id = ? AND stage = 'submitting'",
            (job_id,),
        )

    def never_sent(self, job_id: str, problem: Problem) -> None:
        """Nobody is going to send the job: a `planned` one is `cancelled`."""
        self._set(
            "UPDATE job SET stage = 'cancelled', finished_at = ?, problem = ? WHERE id = ? AND stage = 'planned'",
            (self._now(), problem_text(problem), job_id),
        )

    def mark_uncertain(self, job_id: str, problem: Problem) -> None:
        """No answer to the submit is going to come: a `submitting` job is `uncertain`."""
        self._set(
            "UPDATE job SET stage = 'uncertain', finished_at = ?, problem = ? WHERE id = ? AND stage = 'submitting'",
            (self._now(), problem_text(problem), job_id),
        )

    def adopt(self, draft: Draft, job: Job) -> str:
        """Record a job that was submitted elsewhere and has just been asked about; returns the id of its row."""
        with self._write() as write:
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
                    self._now(),
                    self._now(),
                    job.remote_id,
                    json.dumps(dict(job.handle)),
                ),
            )
        return draft.id

    # What became of it ------------------------------------------------------------------------------------

    def running(self, job_id: str) -> None:
        """The service is at work on it."""
        self._set("UPDATE job SET stage = 'running' WHERE id = ? AND stage = 'queued'", (job_id,))

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
        with self._write() as write:
            # Its links may be as old as the last moment without them, however long we slept since then.
            row = write.execute("SELECT accepted_at FROM job WHERE id = ?", (job_id,)).fetchone()
            since = row["accepted_at"] if unfinished_at is None else unfinished_at
            ended = self._now() if since is None else min(since, self._now())
            expires_at = None if link_seconds is None else ended + link_seconds
            write.execute(
                "UPDATE job SET stage = 'finished', finished_at = coalesce(finished_at, ?),"
                " took_seconds = coalesce(took_seconds, ?), conversation = ? WHERE id = ?",
                (self._now(), took_seconds, json.dumps(conversation), job_id),
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
        rows = self._read(
            "SELECT coalesce(url, kept) AS place FROM result JOIN job ON job.id = job_id"
            " WHERE job_id = ? AND stage = 'finished' AND conversation = ? ORDER BY number",
            (job_id, json.dumps(conversation)),
        )
        return [row["place"] for row in rows] == [str(place) for place in places]

    def ended(self, job_id: str, state: State, problem: Problem) -> None:
        """The service said that the job is over without a picture: `failed` or `cancelled`."""
        self._set(
            "UPDATE job SET stage = ?, finished_at = ?, problem = ? WHERE id = ? AND stage <> 'finished'",
            (state.value, self._now(), problem_text(problem), job_id),
        )

    def set_problem(self, job_id: str, problem: Problem) -> None:
        """Why the job is not further, while its state stays as it is."""
        self._set("UPDATE job SET problem = ? WHERE id = ?", (problem_text(problem), job_id))

    def forget(self, job_ids: Sequence[str]) -> None:
        """Close rows on a person's word; they stay in the history."""
        with self._write() as write:
            self._forget(write, job_ids, resubmitted=False)

    # Reading ----------------------------------------------------------------------------------------------

    def job(self, job_id: str) -> JobRecord:
        """One job by its id. Raises `KeyError`."""
        found = self._select("id = ?", (job_id,))
        if not found:
            raise KeyError(job_id)
        return found[0]

    def jobs(self, job_ids: Sequence[str]) -> list[JobRecord]:
        """Several jobs, in the order asked for."""
        return [self.job(job_id) for job_id in job_ids]

    def open_jobs(self) -> list[JobRecord]:
        """Every job that still needs somebody, the oldest first."""
        return self._in_states(OPEN)

    def uncertain_jobs(self) -> list[JobRecord]:
        """Every job that may have been charged and that nobody has closed, the oldest first."""
        return self._in_states({State.UNCERTAIN})

    def expired_jobs(self) -> list[JobRecord]:
        """Every job with a picture that was paid for and never saved, and that nobody has closed, the oldest first."""
        lost = "SELECT job_id FROM result WHERE state <> 'saved' AND state = 'expired' AND size IS NULL"
        return self._select(f"forgotten_at IS NULL AND id IN ({lost})", ())

    def find(self, text: str) -> list[JobRecord]:
        """The jobs that `text` names: a local id, a prefix of one, or a remote id."""
        text = text.encode(errors="replace").decode()  # an argument may hold bytes that are no text
        exact = self._select("id = ? OR remote_id = ?", (text, text))
        return exact or self._select("substr(id, 1, length(?)) = ?", (text, text))

    def job_with_picture(self, sha256: str) -> str | None:
        """The job that made exactly this picture, the latest if there are several."""
        rows = self._read(
            "SELECT job_id FROM result JOIN job ON job.id = job_id WHERE sha256 = ? AND state = 'saved'"
            " ORDER BY job.rowid DESC LIMIT 1",
            (sha256,),
        )
        return rows[0]["job_id"] if rows else None

    def family(self, job_id: str) -> list[JobRecord]:
        """A job, what it goes on from up to the first one, and everything that goes on from any of them."""
        return self._select(
            "id IN (WITH RECURSIVE up (id, parent_id) AS (SELECT id, parent_id FROM job WHERE id = ? UNION"
            " SELECT job.id, job.parent_id FROM job JOIN up ON job.id = up.parent_id),"
            " down (id) AS (SELECT id FROM up WHERE parent_id IS NULL UNION"
            " SELECT job.id FROM job JOIN down ON job.parent_id = down.id) SELECT id FROM down)",
            (job_id,),
        )

    def seconds_taken(self, provider: str, model: str, resolution: str | None, limit: int = 50) -> list[float]:
        """How long the latest jobs like this took from acceptance to end; never the sandbox's."""
        rows = self._read(
            "SELECT took_seconds FROM job WHERE provider = ? AND model = ? AND origin <> 'sandbox'"
            " AND json_extract(request, '$.resolution') IS ? AND took_seconds IS NOT NULL"
            " ORDER BY finished_at DESC LIMIT ?",
            (provider, model, resolution, limit),
        )
        return [row["took_seconds"] for row in rows]

    def _in_states(self, states: frozenset[State] | set[State]) -> list[JobRecord]:
        marks = ", ".join("?" * len(states))
        return self._select(f"forgotten_at IS NULL AND state IN ({marks})", tuple(states))

    def _select(self, where: str, values: Sequence[str]) -> list[JobRecord]:
        # Not by time: a clock that was set back would put a job before the one it goes on from.
        statement = f"SELECT * FROM job_with_state WHERE {where} ORDER BY recorded"  # noqa: S608  (our own)
        return self._records(self._read(statement, values))

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
            [(self._now(), resubmitted, job_id) for job_id in job_ids],
        )


class SameRequestUncertain(Exception):
    """The same request was sent before, and nobody knows whether it was charged; `job_ids` are those rows."""

    def __init__(self, job_ids: Sequence[str]) -> None:
        super().__init__(", ".join(job_ids))
        self.job_ids = tuple(job_ids)

"""The state changes of jobs: planned, submitted, accepted, ended. Each is one transaction."""

from __future__ import annotations

import json
from dataclasses import replace
from itertools import repeat
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from imgen.errors import LedgerUnusable, OverBudget
from imgen.ledger.codec import path_text, problem_text, stored, target_text
from imgen.ledger.pacing import UNLIMITED, Pacing, SubmitLimit
from imgen.ledger.planning import (
    NotPlanned,
    OrderedElsewhere,
    Planning,
    SameRequestUncertain,
    ToPlan,
    insert,
    with_free_ids,
)
from imgen.ledger.queries import JobQueries
from imgen.ledger.spending import charge
from imgen.ledger.transitions import Stage, change_job
from imgen.money.amounts import is_amount
from imgen.money.budget import NO_BUDGET, Budget
from imgen.pictures.target import Stored

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from imgen.errors import Problem
    from imgen.ledger.backend import Backend, Connection, Row
    from imgen.ledger.conversations import Conversations
    from imgen.pictures.target import Target
    from imgen.records import Draft, State
    from imgen_providers.base import Job, Json


class IdTaken(Exception):
    """The service's id belongs to another job already; `job_id` is that one."""

    def __init__(self, job_id: str) -> None:
        super().__init__(job_id)
        self.job_id = job_id


Place = str | Path | Stored
"""Where a picture is that is still to be saved."""


class Claim(NamedTuple):
    """The process that is about to save the pictures of a job: its owner's name, and for each its unfinished file.

    Recorded together with where the pictures are, it needs no commit of its own.
    """

    owner: str
    parts: Sequence[Path]


class Brought(NamedTuple):
    """What the answer to a submit brought: its pictures, each at a link, in a file of ours, or in a fleet's storage.

    `link_seconds` is how long a link lives, None where unknown; `watched` is whether how long it took is known. `claim`
    is the process that saves them.
    """

    places: Sequence[Place]
    link_seconds: float | None
    conversation: Json
    watched: bool
    claim: Claim | None = None


_OF_OWNER = "(CAST(? AS TEXT) IS NULL OR owner = ?)"
# A change, for that keeps a fleet's other machines from taking the job before the commit.
_MAY_BE_SENT = f"UPDATE job SET owner = owner WHERE id = ? AND forgotten_at IS NULL AND {_OF_OWNER}"  # noqa: S608  (our own)
_MAY_GO_AGAIN = (
    f"SELECT 1 FROM job WHERE id = ? AND remote_id IS NULL AND {_OF_OWNER}"  # noqa: S608  (our own)
    " AND (stage = 'submitting' OR (stage = 'uncertain' AND forgotten_at IS NULL))"
)
_NOT_SENT = {"submitted_at": None, "finished_at": None, "problem": None}
_SAME_REQUEST_SUBMITTING = (
    "SELECT 1 FROM job AS mine JOIN job AS other ON other.id <> mine.id AND other.wire_key = mine.wire_key"
    " AND other.provider = mine.provider AND other.origin = mine.origin"
    " WHERE mine.id = ? AND other.stage = 'submitting'"
)
_HOLDER = (
    "SELECT other.id FROM job AS mine JOIN job AS other ON other.id <> mine.id AND other.provider = mine.provider"
    " AND other.origin = mine.origin WHERE mine.id = ? AND other.remote_id = ?"
)
_SHOWN = (
    "SELECT url, kept FROM result JOIN job ON job.id = job_id"
    " WHERE job_id = ? AND stage = 'finished' AND conversation = ? ORDER BY number"
)


class Jobs(JobQueries):
    """The jobs of one person: recorded before a byte is sent, changed as their services report, and found again."""

    def __init__(self, database: Backend, conversations: Conversations, pacing: Pacing) -> None:
        super().__init__(database)
        self._conversations = conversations
        self._pacing = pacing

    # Planning and submitting ------------------------------------------------------------------------------

    def plan(
        self,
        drafts: Sequence[Draft],
        owner: str | None,
        *,
        resubmit: bool,
        budget: Budget = NO_BUDGET,
        known: Collection[str] | None = None,
    ) -> list[str]:
        """Record a run of jobs, which reserves what they cost, or none of them; returns their ids.

        `owner` is the process that is going to send them, None where a queue is to hand them out.

        A draft whose id is taken gets another one. While a job with the same request is uncertain this raises
        `SameRequestUncertain`, unless `resubmit` accepts a second charge; the old rows are then closed.
        Raises `OverBudget`. Where `known` is given, at most one order of this request is to be under way or paid beside
        the jobs it names: `OrderedElsewhere` names any other.
        """
        [found] = self.plan_all([ToPlan(drafts, resubmit, budget, known)], owner)
        if isinstance(found, Exception):
            raise found
        return found

    def plan_all(self, orders: Sequence[ToPlan], owner: str | None) -> list[list[str] | NotPlanned]:
        """Record several orders in one commit; each is as in `plan`, and what one raises is in its place.

        A limit counts those before it.
        """
        orders = [order._replace(drafts=[*map(self._without_conversation, order.drafts)]) for order in orders]
        with self._database.write(synced=False) as write:  # on disk with `submitting`: nothing is sent before
            planning, now = Planning(self._database, write, orders), self._database.now()
            found: list[list[Draft] | NotPlanned] = []
            for order in orders:
                try:
                    self._close(write, planning.admit(order), resubmitted=True)
                    found.append(list(order.drafts))
                except (SameRequestUncertain, OrderedElsewhere, OverBudget) as error:
                    found.append(error)
            wanted = (draft for each in found if isinstance(each, list) for draft in each)
            drafts = with_free_ids(self._database, write, wanted)
            insert(write, drafts, stage=Stage.PLANNED, owner=owner, created_at=now)
            ids = iter([draft.id for draft in drafts])
            return [[next(ids) for _ in each] if isinstance(each, list) else each for each in found]

    def submitting(self, job_id: str, limit: SubmitLimit = UNLIMITED, owner: str | None = None) -> bool:
        """The submit is about to leave: from here on the job may be charged.

        False when the job is not `planned` any more, was closed, or where an `owner` is given belongs to another: then
        it must not be sent. Raises `TooSoon`, and changes nothing, while all processes together have used up the limit
        of the service.
        """
        with self._database.write() as write:
            now = self._database.now()
            self._pacing.check(write, job_id, limit, now)
            may = write.execute(_MAY_BE_SENT, (job_id, owner, owner)).rowcount > 0
            return may and change_job(write, job_id, "submitting", submitted_at=now)

    def not_sent(self, job_id: str, owner: str | None = None) -> None:
        """The submit of `owner` provably arrived nowhere: the job is `planned` again.

        Also where another machine took the owner for gone meanwhile, and called the job uncertain. What another one has
        taken since stays as it is, and so does an uncertain job that a person has decided about.
        """
        with self._database.write() as write:
            if _may_go_again(write, job_id, owner):
                change_job(write, job_id, "not_sent", **_NOT_SENT)

    def turned_away(self, job_id: str, retry_after: float | None = None, owner: str | None = None) -> None:
        """The service turned the submit of `owner` away, uncharged: as `not_sent`, and it counts for the rate limit.

        `retry_after` is how many seconds the service wants to be left alone.
        """
        with self._database.write() as write:
            now = self._database.now()
            if retry_after is not None:
                self._pacing.pause(write, job_id, retry_after, now)
            if _may_go_again(write, job_id, owner):
                self._pacing.count_turned_away(write, job_id, now)
                change_job(write, job_id, "not_sent", **_NOT_SENT)

    def never_sent(self, job_id: str, problem: Problem) -> None:
        """The job is not going to be sent: a `planned` one is `cancelled`."""
        self._change(job_id, "never_sent", finished_at=self._database.now(), problem=problem_text(problem))

    def mark_uncertain(self, job_id: str, problem: Problem) -> None:
        """No answer to the submit is going to come: a `submitting` job is `uncertain`."""
        self._change(job_id, "mark_uncertain", finished_at=self._database.now(), problem=problem_text(problem))

    def adopt(self, draft: Draft, job: Job) -> str:
        """Record a job that was submitted elsewhere and has just been polled; returns the id of its row."""
        with self._database.write() as write:
            known = write.execute(
                "SELECT id FROM job WHERE provider = ? AND origin = ? AND remote_id = ?",
                (draft.provider, draft.origin, stored(job.remote_id)),
            ).fetchone()
            if known:
                return str(known["id"])
            now = self._database.now()
            [draft] = with_free_ids(self._database, write, [draft])
            insert(write, [draft], stage=Stage.QUEUED, created_at=now, accepted_at=now, **_remote(job))
            return draft.id

    # What became of it ------------------------------------------------------------------------------------

    def accepted(self, job_id: str, job: Job) -> None:
        """The service took the job: its remote id is known, and nothing may lose it again.

        A job that was given up as uncertain or closed meanwhile is open again. Raises `IdTaken`.
        """
        with self._database.write() as write:
            self._accept(write, job_id, job)

    def answered(self, job_id: str, job: Job, end: Brought | tuple[State, Problem]) -> None:
        """The answer to the submit was also the end of the job: accepted, finished and charged in one commit.

        Raises `IdTaken`.
        """
        turn = json.dumps(self._conversations.put(end.conversation) if isinstance(end, Brought) else None)
        with self._database.write() as write:
            self._accept(write, job_id, job)
            now = self._database.now()
            match end:
                case Brought(places, link_seconds, _, watched, claim):
                    submitted_at = _submitted_at(write, job_id)
                    change_job(write, job_id, "finished", finished_at=now, conversation=turn)
                    if watched and isinstance(submitted_at, float):
                        took = (max(0.0, now - submitted_at), job_id)
                        write.execute("UPDATE job SET took_seconds = ? WHERE id = ?", took)
                    expires_at = None if link_seconds is None else now + link_seconds
                    self._show(write, job_id, places, expires_at, claim)
                case (state, problem):
                    change_job(write, job_id, state.value, finished_at=now, problem=problem_text(problem))
            if job.charged and is_amount(job.charged.amount):
                charge(write, job_id, job.charged)

    def _accept(self, write: Connection, job_id: str, job: Job) -> None:
        other = self._holder(write, job_id, job.remote_id)
        if other is not None:
            raise IdTaken(other)
        mine = _own(write, job_id)
        if (mine["stage"], mine["remote_id"]) == (Stage.RUNNING, stored(job.remote_id)):
            return  # a second report of the same; the first was followed since
        now = self._database.now()
        change_job(write, job_id, "accepted", accepted_at=now, forgotten_at=None, **_found(job))

    def running(self, job_id: str) -> None:
        """The service is at work on it."""
        if self._database.read("SELECT 1 FROM job WHERE id = ? AND stage = 'queued'", (job_id,)):
            with self._database.write(synced=False) as write:
                change_job(write, job_id, "running")

    def finished(
        self,
        job_id: str,
        places: Sequence[Place],
        *,
        link_seconds: float | None,
        took_seconds: float | None,
        conversation: Json,
        unfinished_at: float | None = None,
        claim: Claim | None = None,
    ) -> None:
        """The pictures exist, each in its place. A later call renews those not saved yet.

        `link_seconds` is how long a link lives, None where unknown. `took_seconds` is None unless one process
        watched the job from acceptance to end. `unfinished_at` is when it was last known not to have ended. `claim`
        takes the pictures that were not known before, as `Results.claim` does.
        """
        turn = json.dumps(self._conversations.put(conversation))
        shown = self._database.read(_SHOWN, (job_id, turn))
        if [(row["url"], row["kept"]) for row in shown] == [_columns(place) for place in places]:
            return  # several processes may poll the same job, and each write keeps all others waiting
        with self._database.write(synced=False) as write:  # the next poll would show the same
            now = self._database.now()
            row = _own(write, job_id)
            # Its links may be as old as the last moment without them, however long this machine slept since then.
            since = row["accepted_at"] if unfinished_at is None else unfinished_at
            ended = now if since is None else min(since, now)
            change_job(
                write,
                job_id,
                "finished",
                finished_at=now if row["finished_at"] is None else row["finished_at"],
                took_seconds=took_seconds if row["took_seconds"] is None else row["took_seconds"],
                conversation=turn,
            )
            self._show(write, job_id, places, None if link_seconds is None else ended + link_seconds, claim)

    def _show(
        self, write: Connection, job_id: str, places: Sequence[Place], expires_at: float | None, claim: Claim | None
    ) -> None:
        """The pictures of a job are there; those that are saved already stay as they are, and each with its claim."""
        owner = claim and claim.owner
        parts = map(path_text, claim.parts) if claim else repeat(None, len(places))
        write.executemany(
            "INSERT INTO result (job_id, number, state, url, kept, expires_at, fetcher, part)"
            " VALUES (?, ?, 'ready', ?, ?, ?, ?, ?)"
            " ON CONFLICT (job_id, number) DO UPDATE SET url = excluded.url, kept = excluded.kept"
            " WHERE result.state = 'ready'",
            [
                (job_id, number, *_columns(place), expires_at, owner, part)
                for number, (place, part) in enumerate(zip(places, parts, strict=True), 1)
            ],
        )

    def ended(self, job_id: str, state: State, problem: Problem) -> None:
        """The service reported that the job is over without a picture: `failed` or `cancelled`."""
        self._change(job_id, state.value, finished_at=self._database.now(), problem=problem_text(problem))

    def finished_without_links(self, job_id: str, problem: Problem) -> None:
        """The service reports the job as finished and shows no picture: one more that is paid counts as expired.

        It is polled for again like any expired one.
        """
        with self._database.write() as write:
            finished = {"finished_at": self._database.now(), "problem": problem_text(problem)}
            if change_job(write, job_id, "finished_without_links", **finished):
                # After those that are there: a rebuilt ledger opens a job again whose other pictures are saved.
                write.execute(
                    "INSERT INTO result (job_id, number, state)"
                    " SELECT ?, coalesce(max(number), 0) + 1, 'expired' FROM result WHERE job_id = ?",
                    (job_id, job_id),
                )

    def retarget(self, job_id: str, target: Target) -> None:
        """The pictures of the job that are not saved yet go somewhere else."""
        self._database.change("UPDATE job SET target = ? WHERE id = ?", (target_text(target), job_id))

    def set_problem(self, job_id: str, problem: Problem) -> None:
        """Why the job is not further, while its state stays as it is."""
        text, same = problem_text(problem), self._database.dialect.same
        if self._database.read(f"SELECT 1 FROM job WHERE id = ? AND NOT (problem {same} ?)", (job_id, text)):  # noqa: S608
            self._database.change("UPDATE job SET problem = ? WHERE id = ?", (text, job_id))

    def forget(self, job_ids: Sequence[str]) -> None:
        """Close rows on a person's word; they stay in the history."""
        with self._database.write() as write:
            self._close(write, job_ids, resubmitted=False)

    # Whose a service's job is -----------------------------------------------------------------------------

    def is_ambiguous(self, job_id: str) -> bool:
        """Whether the same request is on its way right now in another job, whose answer is still to come."""
        return bool(self._database.read(_SAME_REQUEST_SUBMITTING, (job_id,)))

    def reconcile(self, job_id: str, candidates: Sequence[Job]) -> Job | None:
        """Give an uncertain job the first of the service's jobs that no row has; None where none is left.

        `candidates` are jobs with the very same request. While another such submit is on its way, nothing is given
        away, because one of them may be its.
        """
        with self._database.write() as write:
            mine = _own(write, job_id)
            if mine["remote_id"] is not None:  # another process was quicker
                return next((job for job in candidates if stored(job.remote_id) == mine["remote_id"]), None)
            if mine["stage"] != Stage.UNCERTAIN or write.execute(_SAME_REQUEST_SUBMITTING, (job_id,)).fetchone():
                return None
            for job in candidates:
                if self._holder(write, job_id, job.remote_id) is None:
                    change_job(write, job_id, "reconcile", accepted_at=_submitted_at(write, job_id), **_found(job))
                    return job
        return None

    def attach(self, job_id: str, job: Job) -> bool:
        """A person found the job of an uncertain row: it is `job`. False when it is not uncertain. Raises `IdTaken`."""
        with self._database.write() as write:
            other = self._holder(write, job_id, job.remote_id)
            if other is not None:
                raise IdTaken(other)
            known = write.execute("SELECT 1 FROM job WHERE id = ? AND remote_id IS NOT NULL", (job_id,)).fetchone()
            accepted_at = _submitted_at(write, job_id)
            return known is None and change_job(
                write, job_id, "attach", accepted_at=accepted_at, forgotten_at=None, **_found(job)
            )

    def _holder(self, write: Connection, job_id: str, remote_id: str) -> str | None:
        """The other job at the same service that has this remote id."""
        row = write.execute(_HOLDER, (job_id, stored(remote_id))).fetchone()
        return row["id"] if row else None

    def _without_conversation(self, draft: Draft) -> Draft:
        kept = self._conversations.put(draft.request.conversation)
        return draft._replace(request=replace(draft.request, conversation=kept))

    def _change(self, job_id: str, name: str, **columns: object) -> None:
        with self._database.write() as write:
            change_job(write, job_id, name, **columns)

    def _close(self, write: Connection, job_ids: Sequence[str], *, resubmitted: bool) -> None:
        write.executemany(
            "UPDATE job SET forgotten_at = ?, resubmitted = ? WHERE id = ?",
            [(self._database.now(), resubmitted, job_id) for job_id in job_ids],
        )


def _remote(job: Job) -> dict[str, object]:
    return {"remote_id": stored(job.remote_id), "handle": json.dumps(dict(job.handle))}


def _found(job: Job) -> dict[str, object]:
    """What is set with a remote id: the job is open again, and nothing is wrong with it."""
    return {**_remote(job), "finished_at": None, "problem": None}


def _columns(place: Place) -> tuple[str | None, str | None]:
    """Where a picture is, as the columns `url` and `kept`; what a fleet has stored has columns of its own."""
    match place:
        case Stored():
            return None, None
        case Path():
            return None, path_text(place)
        case str():
            return stored(place), None


def _may_go_again(write: Connection, job_id: str, owner: str | None) -> bool:
    """Whether nothing has become of the job but the submit of `owner`."""
    return write.execute(_MAY_GO_AGAIN, (job_id, owner, owner)).fetchone() is not None


def _submitted_at(write: Connection, job_id: str) -> object:
    return _own(write, job_id)["submitted_at"]


def _own(write: Connection, job_id: str) -> Row:
    """The row of a job that this process recorded. Raises `LedgerUnusable`."""
    row: Row | None = write.execute(
        "SELECT stage, remote_id, submitted_at, accepted_at, finished_at, took_seconds FROM job WHERE id = ?", (job_id,)
    ).fetchone()
    if row is None:
        raise LedgerUnusable(
            f"The ledger does not hold {job_id} any more: it was removed or replaced while imgen ran.",
            "A job that was accepted can be taken over by the service's own id:\nimgen wait -p PROVIDER REMOTE_ID",
        )
    return row

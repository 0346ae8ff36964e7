"""Polling an accepted job: a thread polls once and commits the status, then the main thread decides what comes next.

An answer to a submit is read in the same way. A picture's link goes one way: the answer puts it into the ledger, and
saving reads it from there. A poll that fails never ends the job.
"""

from __future__ import annotations

import random
from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple

from imgen.files import discard
from imgen.jobs.poll_placement import ENOUGH, placement
from imgen.jobs.problems import comes_back, no_links, of_end, of_poll
from imgen.jobs.report import Goal
from imgen.jobs.save import claimed
from imgen.jobs.tracked import Done, Go, Next, Phase, Tracked
from imgen.ledger.jobs import Brought, IdTaken
from imgen.records import JobRecord, State
from imgen_providers.base import (
    Cancelled,
    Failed,
    InlineAsset,
    Job,
    LinkedAsset,
    Queued,
    Running,
    Succeeded,
    Unrecognised,
)
from imgen_providers.catalog import SERVICES
from imgen_providers.errors import JobNotFound, KeyRefused, RateLimited, ServiceError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from imgen.jobs.save import Saver
    from imgen.ledger.ledger import Ledger
    from imgen.pictures.target import Stored
    from imgen_providers.base import Service

_EXTRA = 3  # pictures beyond the order that are saved; what an order costs bounds what an answer may make us fetch
_UNKNOWN_ORDER = 16  # pictures of a job that was ordered elsewhere: as many as one order of ours can make
_LINKS_APPEAR_WITHIN = 300.0  # seconds after a service first reported a job finished without showing its links
_JUST_ACCEPTED = 120.0  # seconds in which a service may not know its own job yet


class Polled(NamedTuple):
    """How the job stands, which is in the ledger now."""

    job: Job


class PollFailed(NamedTuple):
    """The service did not answer."""

    error: ServiceError


def poll(
    ledger: Ledger,
    service: Service,
    record: JobRecord,
    job: Job,
    *,
    took_seconds: float | None,
    unfinished_at: float | None,
    saver: Saver | None,
) -> Polled | PollFailed:
    """Poll once and record the status. Runs in a thread; the last three are those of `record_status`."""
    try:
        polled = service.refresh(job)
    except ServiceError as error:
        return PollFailed(error)
    record_status(ledger, record, polled, took_seconds=took_seconds, unfinished_at=unfinished_at, saver=saver)
    return Polled(polled)


def most_pictures(record: JobRecord) -> int:
    """How many of the pictures that an answer lists are saved."""
    return record.ordered + _EXTRA if record.ordered else _UNKNOWN_ORDER


def record_status(
    ledger: Ledger,
    record: JobRecord,
    job: Job,
    *,
    took_seconds: float | None,
    unfinished_at: float | None = None,
    saver: Saver | None = None,
) -> None:
    """Commit what the service reported; bytes that came with it are kept before that. Raises `LedgerUnusable`.

    `took_seconds` is the job's age where it was watched all along, `unfinished_at` when it was last seen unfinished.
    `saver` is this process where it goes on to save the pictures.
    """
    match job.status:
        case Running() if record.state is not State.RUNNING:
            ledger.jobs.running(record.id)
        case Succeeded(assets, conversation) if assets:
            assets = assets[: most_pictures(record)]
            ledger.jobs.finished(
                record.id,
                [_stored(ledger, record, number, asset) for number, asset in enumerate(assets, 1)],
                link_seconds=_link_seconds(record),
                took_seconds=took_seconds,
                conversation=conversation,
                unfinished_at=unfinished_at,
                claim=claimed(saver, record, len(assets)) if saver else None,
            )
            if any(isinstance(asset, InlineAsset) for asset in assets):
                _drop_saved(ledger, record)
        case Failed() | Cancelled() as end:
            state, problem = of_end(end)
            ledger.jobs.ended(record.id, state, problem)
        case Queued() | Running() | Succeeded() | Unrecognised():
            pass
    # After the pictures, so that an amount that cannot be stored costs no picture. Before the end it may still change.
    if job.charged and isinstance(job.status, Succeeded | Failed | Cancelled):
        ledger.spending.charged(record.id, job.charged)


def record_answer(ledger: Ledger, record: JobRecord, job: Job, *, saver: Saver | None = None) -> None:
    """Commit a job together with what the answer to its submit brought; bytes are kept before that.

    `saver` is this process where the answer came to it, so that how long it took is known, and it goes on to save the
    pictures. Raises `IdTaken` and `LedgerUnusable`.
    """
    try:
        _record_answer(ledger, record, job, saver)
    except IdTaken:
        if comes_back(record):
            raise
        # Nothing is asked by this name, and the pictures are here.
        _record_answer(ledger, record, replace(job, remote_id=record.id), saver)


def _record_answer(ledger: Ledger, record: JobRecord, job: Job, saver: Saver | None) -> None:
    match job.status:
        case Succeeded(assets, conversation) if assets:
            assets = assets[: most_pictures(record)]
            brought = Brought(
                [_stored(ledger, record, number, asset) for number, asset in enumerate(assets, 1)],
                link_seconds=_link_seconds(record),
                conversation=conversation,
                watched=saver is not None and not comes_back(record),
                claim=claimed(saver, record, len(assets)) if saver else None,
            )
            ledger.jobs.answered(record.id, job, brought)
            if any(isinstance(asset, InlineAsset) for asset in assets):
                _drop_saved(ledger, record)
        case Failed() | Cancelled() as end:
            ledger.jobs.answered(record.id, job, of_end(end))
        case _:
            ledger.jobs.accepted(record.id, job)
            record_status(ledger, record, job, took_seconds=None)


def after_status(
    ledger: Ledger, job: Tracked, reported: Job, *, goal: Goal, now: float, say: Callable[[str], None]
) -> Next:
    """What comes next of a job whose status was just recorded; `now` is monotonic."""
    before = job.job
    job.job, job.unanswered, job.activity, job.problem = reported, 0, None, None
    if not (ledger.is_shared and _goes_on(before, reported)):
        job.refresh(ledger)
    match reported.status:
        case Succeeded(assets=()) if job.record.state is not State.READY:
            return _without_links(ledger, job, reported.status.answered_keys, goal=goal, now=now)
        case Succeeded(assets=assets):
            most = most_pictures(job.record)
            if len(assets) > most and not (before and isinstance(before.status, Succeeded)):
                say(f"{job.record.id}: the service lists {len(assets)} pictures; the first {most} are saved.")
        case Unrecognised(state=state):
            job.activity = f"reports {state!r}, which no document explains"
            return _poll_later(job, goal, now, first=before is None)
        case Queued() | Running():
            return _poll_later(job, goal, now, first=before is None)
        case Failed() | Cancelled() if job.record.state is not State.READY:
            return Done()
        case Failed() | Cancelled():
            pass  # links that were shown before may still work
    return Done() if goal is Goal.ANSWER else Go(Phase.SAVE)


def _goes_on(before: Job | None, now: Job) -> bool:
    """Whether a job still stands as it did, so that a thousand that wait need not be read with each poll."""
    waits = isinstance(now.status, Queued | Running)
    return waits and before is not None and type(before.status) is type(now.status)


def _without_links(ledger: Ledger, job: Tracked, keys: tuple[str, ...], *, goal: Goal, now: float) -> Next:
    """Finished, but no links yet: they may come later. After some minutes they count as expired, until polled again."""
    if job.no_links_since is None:
        job.no_links_since = now
    if goal is Goal.PICTURES and now - job.no_links_since >= _LINKS_APPEAR_WITHIN * job.connection.pace:
        ledger.jobs.finished_without_links(job.record.id, no_links(job.record, keys))
        return Done()
    job.activity = "finished there, links not shown yet"
    return _poll_later(job, goal, now, first=False)


def _poll_later(job: Tracked, goal: Goal, now: float, *, first: bool) -> Next:
    if job.record.state is State.READY and goal in (Goal.WHAT_IS_READY, Goal.FINISHED):
        return Go(Phase.SAVE)  # this answer is older than what another process has learned since
    if goal is not Goal.PICTURES:
        return Done()
    age = job.age(now)
    schedule = job.connection.schedule
    if schedule.learns and len(job.past) >= ENOUGH:
        return Go(Phase.POLL, placement(schedule, tuple(job.past)).delay(age, random.random()))
    if first and age < schedule.first:
        return Go(Phase.POLL, schedule.first - age)
    return Go(Phase.POLL, schedule.interval(age, random.random()))


def after_failure(job: Tracked, error: ServiceError, *, goal: Goal, now: float) -> Next:
    """What comes next after a poll that failed; `now` is monotonic."""
    problem = of_poll(error, job.record)
    not_found = isinstance(error, JobNotFound)
    if not_found and job.record.state is State.READY and goal is not Goal.ANSWER:
        return Go(Phase.SAVE)  # the service has deleted the job; the links it gave before may still work
    gone = not_found and job.age(now) > _JUST_ACCEPTED
    if gone or isinstance(error, KeyRefused) or goal is not Goal.PICTURES:
        return Done(problem)
    job.unanswered += 1
    job.problem = problem
    schedule, wait = job.connection.schedule, error.retry_after
    if isinstance(error, RateLimited):
        job.activity = "rate limited, polling more slowly"
        wait = schedule.after_rate_limit if wait is None else wait
    else:
        job.activity = "no answer, polling again"
    return Go(Phase.POLL, schedule.after_trouble(job.unanswered, wait, random.random()))


def _stored(ledger: Ledger, record: JobRecord, number: int, asset: LinkedAsset | InlineAsset) -> str | Path | Stored:
    """A picture's link, or where its bytes are kept."""
    return asset.url if isinstance(asset, LinkedAsset) else ledger.results.keep(record, number, asset.data)


def _drop_saved(ledger: Ledger, record: JobRecord) -> None:
    """Remove the bytes of pictures that another process saved meanwhile."""
    for result in ledger.jobs.get(record.id).results:
        if result.kept is None:
            discard(ledger.results.inline_path(record.id, result.index))


def _link_seconds(record: JobRecord) -> float | None:
    model = SERVICES[record.provider].model(record.request.model)
    return model.link_seconds if model else None

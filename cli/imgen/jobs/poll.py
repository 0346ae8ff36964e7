"""Polling an accepted job: the thread asks once how it stands, and a failed question never ends the job."""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import TYPE_CHECKING

from imgen.jobs.problems import of_poll
from imgen.jobs.report import Goal
from imgen.jobs.status import record_status
from imgen.jobs.tracked import Done, Go, Next, Phase, Tracked
from imgen.records import State
from imgen_providers.errors import JobNotFound, KeyRefused, RateLimited, ServiceError

if TYPE_CHECKING:
    from imgen.ledger.ledger import Ledger
    from imgen.records import JobRecord
    from imgen_providers.base import Job, Service

_JUST_ACCEPTED = 120.0  # seconds in which a service may not know its own job yet


@dataclass(frozen=True, slots=True)
class Polled:
    """How the job stands, which is in the ledger now."""

    job: Job


@dataclass(frozen=True, slots=True)
class PollFailed:
    """The question was not answered."""

    error: ServiceError


def poll(
    ledger: Ledger,
    service: Service,
    record: JobRecord,
    job: Job,
    *,
    took_seconds: float | None,
    unfinished_at: float | None,
) -> Polled | PollFailed:
    """Ask once how the job stands. Runs in a thread; the two times are those of `record_status`."""
    try:
        polled = service.refresh(job)
    except ServiceError as error:
        return PollFailed(error)
    record_status(ledger, record, polled, took_seconds=took_seconds, unfinished_at=unfinished_at)
    return Polled(polled)


def after_failure(job: Tracked, error: ServiceError, *, goal: Goal, now: float) -> Next:
    """What comes next after a question that was not answered; `now` is monotonic."""
    problem = of_poll(error, job.record)
    not_found = isinstance(error, JobNotFound)
    if not_found and job.record.state is State.READY and goal is not Goal.ANSWER:
        return Go(Phase.SAVE)  # the service has let go of the job; the links it gave before may still work
    gone = not_found and job.age(now) > _JUST_ACCEPTED
    if gone or isinstance(error, KeyRefused) or goal is not Goal.PICTURES:
        return Done(problem)
    job.unanswered += 1
    job.problem = problem
    schedule, wait = job.connection.schedule, error.retry_after
    if isinstance(error, RateLimited):
        job.activity = "asked to slow down"
        wait = schedule.after_rate_limit if wait is None else wait
    else:
        job.activity = "no answer, asking again"
    return Go(Phase.POLL, schedule.after_trouble(job.unanswered, wait, random.random()))

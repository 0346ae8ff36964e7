"""Reconciling a job whose reply was lost: an answer that came may be on this disk, or the service may list the job."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from imgen.errors import LedgerUnusable, Problem
from imgen.files import discard
from imgen.jobs.poll import record_answer, record_status
from imgen.jobs.problems import kept_as, of_submit
from imgen.jobs.report import Goal
from imgen.jobs.tracked import Done, Go, Phase
from imgen.jobs.uploads import sent
from imgen.ledger.answer_file import kept_path, read_file, set_aside
from imgen.ledger.jobs import IdTaken
from imgen.records import State
from imgen_providers import connect
from imgen_providers.base import Account, Cancelled, Failed, ListsRecent, ReadsAnswers
from imgen_providers.catalog import SERVICES
from imgen_providers.errors import ServiceError, Uncertain

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from imgen.config.config import Config
    from imgen.jobs.tracked import Next, Tracked
    from imgen.ledger.ledger import Ledger
    from imgen.records import JobRecord
    from imgen_providers.base import Job, Service

AMBIGUOUS_AGAIN = 1.0
"""Seconds until the next try."""

_LOOKS = 5  # after the first: at fal 2, 4, 8, 16 and 32 seconds later
_ENDS_WITHIN = 600.0  # seconds; a request that was sent earlier has ended, and was not listed


class Found(NamedTuple):
    """The service lists the job, and the ledger has its remote id now."""

    job: Job


class WasKept(NamedTuple):
    """The whole answer was on this disk, and the ledger has what it brought."""

    job: Job


class Ambiguous:
    """A listed job may be another row's: the same request is still on its way in another process."""


class NotFound:
    """The service does not list the job, does not answer, or has no list of jobs."""


Outcome = Found | WasKept | Ambiguous | NotFound


def reconcile(ledger: Ledger, service: Service | ListsRecent, record: JobRecord) -> Outcome:
    """Look for the job on this disk, then among those the service lists, one for one. Runs in a thread."""
    kept = read_kept(ledger, service, record)
    if kept:
        return WasKept(kept)
    if not isinstance(service, ListsRecent) or record.submitted_at is None:
        return NotFound()
    # Twice: a list may be older than an equal job that has since taken ours, and whose own is then free.
    for _ in range(2):
        if ledger.jobs.is_ambiguous(record.id):
            return Ambiguous()
        try:
            listed = service.recent(sent(ledger, record), record.submitted_at)
        except ServiceError:
            return NotFound()
        candidates = [one.job for one in listed]
        candidates.sort(key=lambda job: isinstance(job.status, Failed | Cancelled))  # stable: else by time
        job = ledger.jobs.reconcile(record.id, candidates)
        if job is not None:
            record_status(ledger, record, job, took_seconds=None)
            return Found(job)
    return Ambiguous() if ledger.jobs.is_ambiguous(record.id) else NotFound()


def after_not_found(job: Tracked, wall: float) -> Next:
    """What comes next of a job that its service does not list; `wall` is in seconds since 1970.

    Some services list a request only once it has ended: there it is looked for a few times more before it stays
    uncertain, with growing intervals, unless it was sent long ago.
    """
    record, schedule = job.record, job.connection.schedule
    sent_at = record.submitted_at
    is_late = sent_at is None or wall - sent_at > _ENDS_WITHIN
    if job.goal is not Goal.PICTURES or is_late or not SERVICES[record.provider].lists_when_ended:
        return Done()
    if job.looks == _LOOKS:
        return Done()
    job.looks += 1
    job.activity = "no reply came, looking for it in the service's list"
    return Go(Phase.RECONCILE, schedule.interval(0.0, 0.5) * 2.0 ** (job.looks - 1))


def read_kept(ledger: Ledger, service: Service | ListsRecent, record: JobRecord) -> Job | None:
    """Read and commit what an ended process left of the answer to an uncertain job, then remove the file.

    None where there is nothing, or not enough: then the job's problem has how much came. Sends nothing.
    """
    if not isinstance(service, ReadsAnswers) or not (record.state is State.UNCERTAIN or record.is_from_storage):
        return None
    path = kept_path(ledger, record)
    if path is None:
        return None
    kept = read_file(path)
    try:
        if kept.cut:
            raise Uncertain(f"The process ended while the answer was arriving. {kept.cut}")
        job = service.read_answer(sent(ledger, record), kept.body, kept.headers)
    except ServiceError as error:
        problem = of_submit(error, record)
        if kept.is_part:
            ledger.jobs.set_problem(record.id, problem)
            discard(kept.path)
        else:
            ledger.jobs.set_problem(record.id, kept_as(problem, set_aside(kept.path)))
        return None
    try:
        record_answer(ledger, record, job)
    except IdTaken as taken:
        problem = Problem("uncertain", f"Its answer names {job.remote_id}, which is {taken.job_id}.")
        ledger.jobs.set_problem(record.id, kept_as(problem, set_aside(kept.path)))
        return None
    discard(kept.path)
    return job


def read_all_kept(ledger: Ledger, config: Config, records: Sequence[JobRecord], say: Callable[[str], None]) -> None:
    """Read what ended processes left of the answers to these uncertain jobs; asks no service for anything."""
    network = config.network.open()
    for record in records:
        entry = SERVICES[record.provider]
        # Nothing is sent, so any key will do; the true one is taken out of the answer where it is at hand.
        key = config.accounts.key_at_hand(entry) or "no-key-at-hand"
        origin = entry.origin if record.sandbox else record.origin
        try:
            read_kept(ledger, connect(record.provider, Account(origin, key), network), record)
        except LedgerUnusable as error:  # it stays where it is
            say(" ".join(filter(None, (error.message, error.hint))))

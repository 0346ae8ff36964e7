"""The two things done with a service, each in a worker thread: send a job once, ask how it stands.

The thread that learns something commits it before anybody else hears of it.
"""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from typing import TYPE_CHECKING

from imgen.errors import LedgerDamaged, LedgerUnusable, Problem
from imgen.files import discard, make_private_folder, write
from imgen.jobs.problems import of_end, of_error, uncertain_hint
from imgen.jobs.uploads import UploadFailed, sent
from imgen.ledger.ledger import TooSoon
from imgen.ledger.remote_ids import IdTaken
from imgen.records import JobRecord, State
from imgen_providers.base import (
    Cancelled,
    Failed,
    InlineAsset,
    Job,
    LinkedAsset,
    ListsRecent,
    Queued,
    Running,
    Service,
    Succeeded,
    Unrecognised,
)
from imgen_providers.catalog import SERVICES
from imgen_providers.errors import Busy, NotSent, RateLimited, Refused, ServiceError, Uncertain, Unreachable

if TYPE_CHECKING:
    from pathlib import Path

    from imgen.jobs.connections import Connection
    from imgen.jobs.uploads import Uploads
    from imgen.ledger.ledger import Ledger


@dataclass(frozen=True, slots=True)
class Accepted:
    """The service took the job; it may already be done."""

    job: Job


@dataclass(frozen=True, slots=True)
class Retryable:
    """The submit cost nothing and may go again; the job is `planned` as before."""

    error: ServiceError


@dataclass(frozen=True, slots=True)
class SubmitEnded:
    """The submit is over and will not go again: refused, uncertain, or closed before it left, as the ledger says."""


@dataclass(frozen=True, slots=True)
class Polled:
    """The service said how the job stands."""

    job: Job


@dataclass(frozen=True, slots=True)
class PollFailed:
    """The question about a job was not answered."""

    error: ServiceError


@dataclass(frozen=True, slots=True)
class Paced:
    """Our own pacing holds the submit back for `seconds`; `most` a minute may go."""

    seconds: float
    most: int


@dataclass(frozen=True, slots=True)
class Unrecorded:
    """The ledger failed at this job; the problem names the remote id, where there is one."""

    problem: Problem


@dataclass(frozen=True, slots=True)
class Ambiguous:
    """Whose a listed job is cannot be told yet: the same request is still on its way elsewhere."""


Submitted = Accepted | Retryable | SubmitEnded | Paced | Unrecorded


def submit(ledger: Ledger, uploads: Uploads, connection: Connection, record: JobRecord) -> Submitted:
    """Send the job exactly once, after its pictures where the service fetches them."""
    try:
        return _submit(ledger, uploads, connection, record)
    except LedgerUnusable as error:
        return Unrecorded(error.problem)


def _submit(ledger: Ledger, uploads: Uploads, connection: Connection, record: JobRecord) -> Submitted:
    service, pacing = connection.service, connection.pacing
    try:
        request = uploads.sendable(record, connection)
    except (NotSent, RateLimited, Busy) as error:
        return Retryable(error)
    except Unreachable as error:
        return Retryable(NotSent(error.message))
    except ServiceError as error:
        ledger.never_sent(record.id, of_error(error, record))
        return SubmitEnded()
    except UploadFailed as error:
        ledger.never_sent(record.id, error.problem)
        return SubmitEnded()
    try:
        if not ledger.submitting(record.id, pacing.limit):
            return SubmitEnded()
    except TooSoon as early:
        # The account may allow more than the document says: then it goes at once.
        seconds = 0.0 if pacing.learn(service) else early.seconds
        return Paced(seconds, pacing.limit.most or 0)
    try:
        job = service.submit(request)
    except (NotSent, RateLimited, Busy) as error:
        ledger.not_sent(record.id)
        return Retryable(error)
    except Refused as error:
        ledger.ended(record.id, State.FAILED, of_error(error, record))
        return SubmitEnded()
    except Uncertain as error:
        ledger.mark_uncertain(record.id, of_error(error, record))
        return SubmitEnded()
    return _accepted(ledger, record, job)


def _accepted(ledger: Ledger, record: JobRecord, job: Job) -> Accepted | SubmitEnded | Unrecorded:
    title = SERVICES[record.provider].title
    try:
        ledger.accepted(record.id, job)
    except IdTaken as taken:
        message = (
            f"{title} answered with {job.remote_id}, which is the id of {taken.job_id}: one of them may be charged."
        )
        ledger.mark_uncertain(record.id, Problem("uncertain", message, uncertain_hint(record)))
        return SubmitEnded()
    except (LedgerUnusable, OSError) as error:
        message = f"{title} accepted the job as {job.remote_id}, but it could not be recorded: {error}"
        remote = shlex.quote(job.remote_id)
        if isinstance(error, LedgerDamaged):  # of the row there may be nothing left
            back = f"It is paid. imgen status mends the ledger, then: imgen wait -p {record.provider} {remote}"
        else:
            back = f"It is paid. Once there is space again: imgen wait {record.id} --remote {remote}"
        return Unrecorded(Problem("ledger", message, back))
    record_status(ledger, record, job, took_seconds=None)
    return Accepted(job)


def reconcile(ledger: Ledger, service: Service | ListsRecent, record: JobRecord) -> Accepted | Ambiguous | SubmitEnded:
    """Look for a job whose reply was lost among those the service lists, one for one."""
    if not isinstance(service, ListsRecent) or record.submitted_at is None:
        return SubmitEnded()
    # Twice: a list may be older than an equal job that has since taken ours, and whose own is then free.
    for _ in range(2):
        if ledger.is_ambiguous(record.id):
            return Ambiguous()
        try:
            listed = service.recent(sent(ledger, record), record.submitted_at)
        except ServiceError:
            return SubmitEnded()
        candidates = [one.job for one in listed]
        candidates.sort(key=lambda job: isinstance(job.status, Failed | Cancelled))  # stable: else by time
        job = ledger.reconcile(record.id, candidates)
        if job is not None:
            record_status(ledger, record, job, took_seconds=None)
            return Accepted(job)
    return Ambiguous() if ledger.is_ambiguous(record.id) else SubmitEnded()


def poll(
    ledger: Ledger,
    service: Service,
    record: JobRecord,
    job: Job,
    *,
    took_seconds: float | None,
    unfinished_at: float | None,
) -> Polled | PollFailed:
    """Ask once how the job stands.

    `took_seconds` is its age where it was watched all along, `unfinished_at` when it was last seen not to have ended.
    """
    try:
        polled = service.refresh(job)
    except ServiceError as error:
        return PollFailed(error)
    record_status(ledger, record, polled, took_seconds=took_seconds, unfinished_at=unfinished_at)
    return Polled(polled)


def record_status(
    ledger: Ledger, record: JobRecord, job: Job, *, took_seconds: float | None, unfinished_at: float | None = None
) -> None:
    """Commit what the service said of the job; bytes that came with it are on disk before that.

    Raises `LedgerUnusable`.
    """
    if job.charged and isinstance(job.status, Succeeded | Failed | Cancelled):  # before the end it may still change
        ledger.charged(record.id, job.charged)
    match job.status:
        case Running():
            ledger.running(record.id)
        case Succeeded(assets, conversation) if assets:
            ledger.finished(
                record.id,
                [_kept(ledger, record, number, asset) for number, asset in enumerate(assets, 1)],
                link_seconds=_link_seconds(record),
                took_seconds=took_seconds,
                conversation=conversation,
                unfinished_at=unfinished_at,
            )
            if any(isinstance(asset, InlineAsset) for asset in assets):
                _drop_saved(ledger, record)
        case Failed() | Cancelled() as end:
            state, problem = of_end(end)
            ledger.ended(record.id, state, problem)
        case Queued() | Succeeded() | Unrecognised():
            pass


def no_pictures(ledger: Ledger, record: JobRecord) -> None:
    """The service keeps saying that the job is finished, and shows no picture."""
    ledger.ended(
        record.id,
        State.FAILED,
        Problem(
            "no_pictures",
            "The service says the job is finished, but it shows no picture, however often it is asked.",
            f"It may have been charged: ask {SERVICES[record.provider].title} about {record.remote_id}.",
        ),
    )


def _kept(ledger: Ledger, record: JobRecord, number: int, asset: LinkedAsset | InlineAsset) -> str | Path:
    if isinstance(asset, LinkedAsset):
        return asset.url
    path = ledger.place_for(record.id, number)
    try:
        make_private_folder(path.parent)
        write(path, asset.data)  # another process may be given the same bytes at the same time
    except OSError as error:
        raise LedgerUnusable(
            f"The picture came, and {path.parent} cannot take it: {error.strerror or error}.",
            f"Free some space or mend the folder, then: imgen wait {record.id}",
        ) from error
    return path


def _drop_saved(ledger: Ledger, record: JobRecord) -> None:
    """Bytes that came with an answer are of no use where somebody saved the picture meanwhile."""
    for result in ledger.job(record.id).results:
        if result.kept is None:
            discard(ledger.place_for(record.id, result.index))


def _link_seconds(record: JobRecord) -> float | None:
    model = SERVICES[record.provider].model(record.request.model)
    return model.link_seconds if model else None

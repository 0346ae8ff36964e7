"""Submitting a job: the thread sends it exactly once, and its answer decides whether it goes again."""

from __future__ import annotations

import random
import shlex
import shutil
from contextlib import nullcontext, suppress
from typing import TYPE_CHECKING, NamedTuple

from imgen.errors import BadConfiguration, LedgerDamaged, LedgerUnusable, Problem
from imgen.jobs.clock import boot_seconds
from imgen.jobs.poll import record_answer
from imgen.jobs.problems import comes_back, kept_as, of_submit
from imgen.jobs.tracked import Done, Go, Next, Phase, Tracked, Unrecorded
from imgen.jobs.uploads import UploadFailed
from imgen.ledger.answer_file import AnswerFile, places
from imgen.ledger.jobs import IdTaken
from imgen.ledger.orphans import uncertain_hint
from imgen.ledger.pacing import TooSoon
from imgen.ledger.results import PictureNotKept
from imgen.records import JobRecord, State
from imgen_providers.base import ReadsAnswers, Succeeded
from imgen_providers.catalog import SERVICES
from imgen_providers.errors import Busy, KeyRefused, NotSent, RateLimited, Refused, ServiceError, Uncertain, Unreachable

if TYPE_CHECKING:
    from imgen.jobs.connections import Connection
    from imgen.jobs.save import Saver
    from imgen.jobs.uploads import Uploads
    from imgen.ledger.ledger import Ledger
    from imgen.ledger.pacing import SubmitLimit
    from imgen_providers.base import Job

_TRIES = 4  # of a request that provably never left
_LATEST = 5.0  # seconds from the commit to the request, on a ledger where an owner may be taken for gone
_ROOM = 32 * 1024 * 1024  # bytes for each picture: the largest ones in base64, and once more as a picture
_FIRST_DELAY = 0.5  # seconds before the second of them; each further one waits twice as long


class Accepted(NamedTuple):
    """The service took the job; it may already be done."""

    job: Job


class Retryable(NamedTuple):
    """The submit cost nothing and may go again; the job is `planned` as before."""

    error: ServiceError


class Ended:
    """The submit is over and will not go again: refused, uncertain, or closed before it left, as the ledger has it."""


class Paced(NamedTuple):
    """Our own rate limit holds the submit back for `seconds`; `most` a minute may go."""

    seconds: float
    most: int


class CannotSend(NamedTuple):
    """This machine lacks what it takes to send the job; another one of a fleet may have it."""

    problem: Problem


Outcome = Accepted | Retryable | Ended | Paced | CannotSend | Unrecorded


def begin(job: Tracked) -> None:
    """Show the job as being submitted; the thread commits that before it sends a byte."""
    job.activity = None
    job.submit_tries += 1
    job.record, job.read_at = job.record._replace(state=State.SUBMITTING), None


def send(saver: Saver, uploads: Uploads, connection: Connection, record: JobRecord) -> Outcome:
    """Send the job exactly once, after its pictures where the service fetches them. Runs in a thread."""
    try:
        return _send(saver, uploads, connection, record)
    except LedgerUnusable as error:
        if saver.ledger.is_shared:
            raise
        return Unrecorded(error.problem)


def _send(saver: Saver, uploads: Uploads, connection: Connection, record: JobRecord) -> Outcome:
    ledger, service, rate_limit = saver.ledger, connection.service, connection.rate_limit
    try:
        request = uploads.sendable(record, connection)
        connection.network.prepare(connection.origin)  # here, so that little time is left for a kill after the commit
    except (NotSent, RateLimited, Busy) as error:
        return Retryable(error)
    except Unreachable as error:
        return Retryable(NotSent(error.message))
    except ServiceError as error:
        ledger.jobs.never_sent(record.id, of_submit(error, record))
        return Ended()
    except UploadFailed as error:
        ledger.jobs.never_sent(record.id, error.problem)
        return Ended()
    except BadConfiguration as error:
        return CannotSend(error.problem)
    if not comes_back(record) and (full := _no_room(ledger, record)):
        return CannotSend(full)
    begun = boot_seconds()
    try:
        if not _begun(saver, record, rate_limit.limit):
            return Ended()
    except TooSoon as early:
        # The account may allow more than the document states: then it goes at once.
        seconds = 0.0 if rate_limit.learn(service) else early.seconds
        return Paced(seconds, rate_limit.limit.most or 0)
    answer = AnswerFile(places(ledger, record))
    if ledger.is_shared and boot_seconds() - begun > _LATEST:
        ledger.insist(lambda: ledger.jobs.not_sent(record.id, saver.owner.name))
        return Retryable(NotSent("This process stood still for so long that another one may have taken the job."))
    try:
        with connection.network.keeping(answer) if isinstance(service, ReadsAnswers) else nullcontext():
            job = service.submit(request)
    except NotSent as error:
        ledger.insist(lambda: ledger.jobs.not_sent(record.id, saver.owner.name))
        return Retryable(error)
    except (RateLimited, Busy) as error:
        pause = error.retry_after if isinstance(error, RateLimited) else None
        ledger.insist(lambda: ledger.jobs.turned_away(record.id, pause, saver.owner.name))
        return Retryable(error)
    except Refused as error:
        return _refused(saver, record, error)
    except Uncertain as error:
        _not_understood(ledger, record, of_submit(error, record), answer)
        return Ended()
    return _accepted(saver, record, job, answer)


def _refused(saver: Saver, record: JobRecord, error: Refused) -> Ended | Retryable:
    """The service refused the job, or only this machine's key: then another worker of a fleet may have a good one."""
    ledger, owner = saver.ledger, saver.owner.name
    if isinstance(error, KeyRefused) and record.engine_id is not None:
        # It arrived, and counts for the rate limit.
        ledger.insist(lambda: ledger.jobs.turned_away(record.id, owner=owner))
        return Retryable(error)
    refused = of_submit(error, record)
    ledger.insist(lambda: ledger.jobs.ended(record.id, State.FAILED, refused))
    return Ended()


def _not_understood(ledger: Ledger, record: JobRecord, problem: Problem, answer: AnswerFile) -> None:
    """No answer decides the submit: what came of one is counted, and a whole one is kept and named."""
    aside = answer.set_aside()
    if aside:
        problem = kept_as(problem, aside)
    elif cut := answer.cut():
        problem = problem._replace(message=f"{problem.message} {cut}")
    ledger.insist(lambda: ledger.jobs.mark_uncertain(record.id, problem))
    if not aside:
        answer.discard()


def _accepted(saver: Saver, record: JobRecord, job: Job, answer: AnswerFile) -> Accepted | Ended | Unrecorded:
    """Commit the remote id, with the pictures that came along, before anything else is done with the answer."""
    ledger, title = saver.ledger, SERVICES[record.provider].title
    try:
        ledger.insist(
            lambda: record_answer(ledger, record, job, saver=saver), lambda error: _note(ledger, record, job, error)
        )
    except IdTaken as taken:
        message = (
            f"{title} answered with {job.remote_id}, which is the id of {taken.job_id}: one of them may be charged."
        )
        ledger.jobs.mark_uncertain(record.id, Problem("uncertain", message, uncertain_hint(record)))
        return Ended()
    except (LedgerUnusable, OSError) as error:
        return _unrecorded(ledger, record, job, answer, error)
    answer.discard()
    return Accepted(job)


def _note(ledger: Ledger, record: JobRecord, job: Job, error: LedgerUnusable) -> None:
    """An answer cannot be recorded yet: why not, or what a later process on this disk needs."""
    if isinstance(error, PictureNotKept):
        with suppress(LedgerUnusable):
            ledger.jobs.set_problem(record.id, error.problem)
    if comes_back(record):  # else the whole answer is on this disk, and says more than its id
        ledger.keep_accepted(record.id, job)


def _unrecorded(
    ledger: Ledger, record: JobRecord, job: Job, answer: AnswerFile, error: LedgerUnusable | OSError
) -> Unrecorded:
    """The ledger or its disk failed at an answer that is paid: where the job, or the answer, is found again."""
    title = SERVICES[record.provider].title
    message = f"{title} accepted the job as {job.remote_id}, but it could not be recorded: {error}"
    if answer.whole and not (comes_back(record) and isinstance(error, LedgerDamaged)):
        back = f"It is paid. Once there is space again:\nimgen wait {record.id}"
        return Unrecorded(kept_as(Problem("ledger", message, back), answer.whole))
    if not comes_back(record):
        return Unrecorded(Problem("ledger", message, "It is paid, and no disk took the answer. Free some space."))
    if isinstance(error, LedgerUnusable) and isinstance(job.status, Succeeded):
        with suppress(LedgerUnusable, IdTaken, OSError):  # the disk may take the id, if not the picture
            ledger.jobs.accepted(record.id, job)
            return Unrecorded(error.problem)
    remote = shlex.quote(job.remote_id)
    if isinstance(error, LedgerDamaged):  # of the row there may be nothing left
        back = f"It is paid. Mend the ledger, then go on:\nimgen status\nimgen wait -p {record.provider} {remote}"
    else:
        back = f"It is paid. Once there is space again:\nimgen wait {record.id} --remote {remote}"
    return Unrecorded(Problem("ledger", message, back))


def after(saver: Saver, job: Tracked, outcome: Retryable | Ended | Paced | CannotSend | Unrecorded) -> Next:
    """What comes next of a job that was not accepted this time."""
    ledger = saver.ledger
    match outcome:
        case Unrecorded():
            return outcome
        case Paced(seconds, most):
            job.submit_tries -= 1
            job.refresh(ledger)
            job.activity = f"next in {seconds:.0f} s ({most} a minute)" if seconds else None
            return Go(Phase.SUBMIT, seconds)
        case Retryable(error):
            return _retry(saver, job, error)
        case CannotSend(problem):
            job.refresh(ledger)
            ledger.unsent(job.record, saver.owner.name, problem)
            return Done(problem)
        case Ended():
            job.refresh(ledger)
            return Go(Phase.RECONCILE) if job.record.state is State.UNCERTAIN else Done()


def _retry(saver: Saver, job: Tracked, error: ServiceError) -> Next:
    """Not sent, 429, or busy: retried with backoff, and not before the service's Retry-After. A refused key is not."""
    job.problem = of_submit(error, job.record)
    job.refresh(saver.ledger)
    if isinstance(error, KeyRefused):
        saver.ledger.unsent(job.record, saver.owner.name, job.problem)
        return Done(job.problem)
    if isinstance(error, NotSent):
        if job.submit_tries >= _TRIES:
            saver.ledger.unsent(job.record, saver.owner.name, job.problem)
            return Done(job.problem)
        job.activity = "not reached, trying again"
        return Go(Phase.SUBMIT, _FIRST_DELAY * 2.0 ** (job.submit_tries - 1))
    delay = job.connection.schedule.after_turned_away(job.submit_tries, error.retry_after, random.random())
    reason = "rate limited" if isinstance(error, RateLimited) else "service busy"
    job.activity = f"{reason}, again in {delay:.0f} s"
    return Go(Phase.SUBMIT, delay)


def close(saver: Saver, record: JobRecord, never_sent: Problem, no_answer: str) -> None:
    """Close a job of ours whose submit does not go on: `planned` was never sent, `submitting` may have been charged.

    `no_answer` is why no answer to it is known. What was accepted stays as it is.
    """
    if record.state is State.PLANNED:
        saver.ledger.unsent(record, saver.owner.name, never_sent)
    elif record.state is State.SUBMITTING:
        saver.ledger.jobs.mark_uncertain(record.id, of_submit(Uncertain(no_answer), record))


def _begun(saver: Saver, record: JobRecord, limit: SubmitLimit) -> bool:
    """Commit that the submit is about to leave; False where it must not. Raises `TooSoon`.

    A commit to a file may be made and not be on disk. Nothing was sent, so it is taken back; a server settles itself.
    """
    ledger, owner = saver.ledger, saver.owner.name
    try:
        return ledger.jobs.submitting(record.id, limit, owner)
    except LedgerUnusable:
        if not ledger.is_shared:
            with suppress(LedgerUnusable):
                ledger.jobs.not_sent(record.id, owner)
        raise


def _no_room(ledger: Ledger, record: JobRecord) -> Problem | None:
    """Why a submit whose answer brings the pictures is not sent: there is no disk to keep them on."""
    folder = ledger.results.answer_path(record.id).parent
    needed = _ROOM * record.request.count
    for each in (folder.parent, record.target.folder):
        with suppress(OSError):
            if shutil.disk_usage(each).free >= needed:
                return None
    return Problem(
        "disk_full",
        f"The answer brings the picture and comes once, and neither {folder.parent} nor {record.target.folder} has"
        f" {needed // 1024**2} MB left to keep it.",
        "Free some space and run the command again. Nothing was sent.",
    )

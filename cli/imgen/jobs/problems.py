"""What a failure means for the user: its stable code, the sentence, the next step, and the exit code it leads to."""

from __future__ import annotations

from typing import TYPE_CHECKING

from imgen.errors import ExitCode, Problem
from imgen.ledger.orphans import uncertain_hint
from imgen.records import JobRecord, State
from imgen_providers.base import Cancelled, Failed
from imgen_providers.catalog import SERVICES
from imgen_providers.errors import (
    Busy,
    ContentRefused,
    InvalidRequest,
    JobNotFound,
    KeyRefused,
    NoCredit,
    NotSent,
    NotUnderstood,
    RateLimited,
    Refused,
    ServiceError,
    Uncertain,
    Unreachable,
)

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from imgen_providers.catalog import ServiceEntry

_CODES: dict[type[ServiceError], str] = {
    NotSent: "unreachable",
    Uncertain: "uncertain",
    Refused: "refused",
    KeyRefused: "key_refused",
    NoCredit: "no_credit",
    InvalidRequest: "invalid_request",
    ContentRefused: "content_refused",
    JobNotFound: "job_not_found",
    RateLimited: "rate_limited",
    Busy: "busy",
    Unreachable: "unreachable",
    NotUnderstood: "not_understood",
}

EXIT_CODES: dict[str, ExitCode] = {
    "key_missing": ExitCode.KEY,
    "configuration": ExitCode.KEY,
    "key_refused": ExitCode.KEY,
    "refused": ExitCode.REFUSED,
    "invalid_request": ExitCode.REFUSED,
    "content_refused": ExitCode.REFUSED,
    "job_not_found": ExitCode.UNFINISHED,
    "job_failed": ExitCode.FAILED,
    "job_refused": ExitCode.REFUSED,
    "job_rate_limited": ExitCode.FAILED,
    "job_cancelled": ExitCode.FAILED,
    "no_pictures": ExitCode.FAILED,
    "interrupted": ExitCode.INTERRUPTED,
    "unreachable": ExitCode.UNREACHABLE,
    "rate_limited": ExitCode.UNREACHABLE,
    "busy": ExitCode.UNREACHABLE,
    "never_sent": ExitCode.UNREACHABLE,
    "upload_failed": ExitCode.UNREACHABLE,
    "upload_refused": ExitCode.KEY,
    "no_credit": ExitCode.NO_CREDIT,
    "uncertain": ExitCode.UNCERTAIN,
    "expired": ExitCode.EXPIRED,
    "not_saved": ExitCode.NOT_SAVED,
    "ledger": ExitCode.NOT_SAVED,
    "disk_full": ExitCode.NOT_SAVED,
    "not_understood": ExitCode.BUG,
    "bug": ExitCode.BUG,
}
"""The exit code that each code of a job's problem leads to, where the job's state alone does not decide it."""


def comes_back(record: JobRecord) -> bool:
    """Whether a job's service can be asked for it once its submit was answered."""
    entry = SERVICES.get(record.provider)  # a newer imgen may know more services
    return entry is None or entry.comes_back(record.request.model)


def never_sent(record: JobRecord, *, by_user: bool) -> Problem:
    """The problem of a job that was planned when the waiting ended: by the user's Ctrl-C, or by its time."""
    if by_user:
        message = "You stopped it before it was sent, so nothing was charged."
        return Problem("never_sent", message, f"To send it after all:\nimgen again {record.id}")
    return Problem(
        "never_sent",
        "The waiting ended before anything was sent, so nothing was charged.",
        "Run the command again; a longer --timeout leaves time to send it.",
    )


def of_question(error: ServiceError) -> Problem:
    """The problem for a failed request that concerns no job."""
    hint = "imgen doctor" if isinstance(error, NotSent | Unreachable) else None
    return Problem(_CODES[type(error)], error.message + _named(error), hint)


def of_submit(error: ServiceError, record: JobRecord) -> Problem:
    """The problem of a job whose submit failed."""
    named = f" It names {error.remote_id}, which may be the job." if error.remote_id else ""
    return Problem(_CODES[type(error)], _message(error, record) + named, _after_submit(error, record))


def of_poll(error: ServiceError, record: JobRecord) -> Problem:
    """The problem of an accepted job whose poll failed: it is paid, and goes on."""
    match error:
        case KeyRefused():
            first = f"imgen keys check {record.provider}\n"
        case JobNotFound() if not record.results:
            first = "If it was just accepted, or made with another key:\n"
        case _:
            first = ""
    return Problem(_CODES[type(error)], _message(error, record), f"{first}imgen wait {record.id}")


def not_stopped(record: JobRecord, here: Problem | None) -> Problem | None:
    """Why a job that was to be stopped goes on, or is paid; None for one that is over. `here` is what was met."""
    match record.state:
        case State.CANCELLED | State.SAVED | State.FAILED | State.EXPIRED:
            return None
        case State.QUEUED | State.RUNNING:
            message = "It was asked to stop, and goes on so far: it may have begun before, and is paid then."
            return here or Problem("unfinished", message, f"imgen status {record.id}")
        case State.READY:
            message = "It had ended before it could be stopped, so it is paid."
            return Problem("not_saved", message, f"imgen download {record.id}")
        case _:
            return record.problem


def _message(error: ServiceError, record: JobRecord) -> str:
    return error.message + _named(error, f"; ours: {record.id}")


def _named(error: ServiceError, ours: str = "") -> str:
    """What the service's support needs to know, where the service gave the exchange a name."""
    return f" Its name for this exchange: {error.request_id}{ours}." if error.request_id else ""


def _after_submit(error: ServiceError, record: JobRecord) -> str | None:
    entry = SERVICES[record.provider]
    match error:
        case Uncertain():
            return uncertain_hint(record, error.remote_id)
        case KeyRefused():
            return f"imgen keys check {entry.name}\nIts account must be allowed to use this model."
        case NoCredit():
            return f"Top up at {entry.title}, or choose a smaller resolution or another service with -p."
        case NotSent():
            return "Nothing was sent and nothing was charged. Check the connection and run the command again."
        case RateLimited() | Busy():
            return "Nothing was charged. Run the command again in a few minutes."
        case InvalidRequest():
            return f"What the model takes:\nimgen models {record.family or ''}".rstrip()
        case ContentRefused():
            return "Change the prompt or the reference pictures."
        case _:
            return None


def of_unrecorded(error: ServiceError, entry: ServiceEntry) -> Problem:
    """The problem of a job that is not recorded, because its service did not confirm it."""
    match error:
        case JobNotFound():
            hint = "Check the id and the key."
        case KeyRefused():
            hint = f"Check {entry.key_variable}."
        case _:
            hint = "Run the command again in a few minutes."
    return Problem(_CODES[type(error)], error.message + _named(error), f"{hint} Nothing was recorded.")


def of_end(status: Failed | Cancelled) -> tuple[State, Problem]:
    """The state and the problem of a job that ended there without a picture."""
    match status:
        case Failed(kind="refused"):
            return State.FAILED, Problem("job_refused", _reason(status), "Change the prompt or the reference pictures.")
        case Failed(kind="rate_limited"):
            return State.FAILED, Problem("job_rate_limited", _reason(status), "Run the command again in a few minutes.")
        case Failed():
            return State.FAILED, Problem("job_failed", _reason(status), "Run the command again to try once more.")
        case Cancelled():
            return State.CANCELLED, Problem("job_cancelled", status.reason or "The job was cancelled at the service.")


def no_links(record: JobRecord, keys: Sequence[str]) -> Problem:
    """The service keeps reporting that the job is finished, and shows no picture; `keys` are what it shows instead."""
    title = SERVICES[record.provider].title
    shown = f" The answer has only: {', '.join(keys)}." if keys else ""
    return Problem(
        "no_pictures",
        f"{title} reports {record.remote_id} as finished, but shows no picture.{shown}",
        f"It is paid. To ask once more:\nimgen download {record.id}",
    )


def not_saved(record: JobRecord, reason: str, *, elsewhere: bool = False) -> Problem:
    """A picture that is paid and not here; `elsewhere` is whether another folder would help."""
    way = " -o ELSEWHERE" if elsewhere else ""
    message = f"The picture is paid but not saved yet. {reason.rstrip('.')}."
    return Problem("not_saved", message, f"imgen download {record.id}{way}")


def kept_as(problem: Problem, path: Path) -> Problem:
    """The problem, with where the whole answer is."""
    return problem._replace(message=f"{problem.message} The whole answer is kept as {path}.")


def with_link(problem: Problem, link: str) -> Problem:
    """The same with the picture's link as it came: what is left where it cannot be fetched from here."""
    return problem._replace(message=f"{problem.message} Its link, for a browser: {link}")


def _reason(status: Failed) -> str:
    code = f" ({status.code})" if status.code and status.code not in status.reason else ""
    return f"The job failed at the service: {(status.reason or 'it gave no reason').rstrip('.')}{code}."

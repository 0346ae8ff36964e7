"""Orphans: jobs whose process ended before they were sent or answered. The next command closes them."""

from __future__ import annotations

import re
import shlex
from typing import TYPE_CHECKING

from imgen.errors import Problem
from imgen.files import discard
from imgen.records import JobRecord, State
from imgen_providers.catalog import SERVICES

if TYPE_CHECKING:
    from pathlib import Path

    from imgen.ledger.backend import Owners
    from imgen.ledger.jobs import Jobs
    from imgen.ledger.results import Results

_NO_ANSWER = frozenset((State.PLANNED, State.SUBMITTING, State.UNCERTAIN))
"""States of a job whose answer is not in the ledger."""

_NOT_SAVED = frozenset(State) - {State.SAVED}
"""States of a job whose pictures may be in no place but beside the ledger."""


def close_orphans(jobs: Jobs, results: Results, owners: Owners) -> None:
    """Close what ended processes left: `planned` was never sent, `submitting` may have been charged.

    Their unfinished files are removed, and those whose content is in the ledger or saved; what was accepted stays open.
    """
    for record in jobs.open():
        close_orphan(jobs, owners, record)
        clear_parts(results, owners, record)
    clear_kept(jobs, results)


def close_orphan(jobs: Jobs, owners: Owners, record: JobRecord) -> None:
    """Close one job if its owner has ended before its answer came; one that moved on meanwhile stays as it is."""
    if record.state not in (State.PLANNED, State.SUBMITTING) or (record.owner and owners.is_alive(record.owner)):
        return
    if record.state is State.PLANNED:
        jobs.never_sent(record.id, Problem("never_sent", "It was never sent: imgen ended before."))
        return
    message = "imgen ended while the request was on its way, before an answer came."
    jobs.mark_uncertain(record.id, Problem("uncertain", message, uncertain_hint(record)))


def uncertain_hint(record: JobRecord, remote_id: str | None = None) -> str:
    """What to do about a job that may have been charged; `remote_id` is what may be its id at the service."""
    entry = SERVICES.get(record.provider)
    if entry and not entry.comes_back(record.request.model):
        return (
            f"{entry.title} sends the picture with its answer only, so it cannot be asked for. Look at your usage"
            f" there, then:\nimgen forget {record.id}\n"
            "Or run the same command with --resubmit, which may charge a second time."
        )
    first = f"imgen wait {record.id} --remote {shlex.quote(remote_id)}\n" if remote_id else ""
    return (
        f"{first}Look at your jobs at {entry.title if entry else record.provider}. "
        f"If it is there:\nimgen wait {record.id} --remote ITS_ID\n"
        f"If it is not:\nimgen forget {record.id}\n"
        "Or run the same command with --resubmit, which may charge a second time."
    )


def clear_parts(results: Results, owners: Owners, record: JobRecord) -> None:
    """Remove the unfinished files of a job that ended processes were saving, and let others save it."""
    for result in record.results:
        if result.fetcher and not owners.is_alive(result.fetcher):
            if result.part:
                discard(result.part)
            results.unclaim(record.id, result.index, result.fetcher)


def clear_kept(jobs: Jobs, results: Results) -> None:
    """Remove what came with answers and is needed no more: a process may end before it removes that itself."""
    for path in _files(results.answers_folder):
        record = _job_of(jobs, path)
        if record and record.state not in _NO_ANSWER and not record.is_from_storage:
            discard(path)
    for path in _files(results.inline_folder):
        record = _job_of(jobs, path)
        if record and record.state not in _NOT_SAVED:
            discard(path)


def answered_late(jobs: Jobs, results: Results) -> list[JobRecord]:
    """Jobs whose pictures were found in a storage, while their answer was on a disk that was away."""
    kept = [record for path in _files(results.answers_folder) if (record := _job_of(jobs, path))]
    return [record for record in kept if record.is_from_storage]


def _job_of(jobs: Jobs, path: Path) -> JobRecord | None:
    """The job to whose answer a file belongs."""
    match = re.fullmatch(r"\.?(\w+)(?:-\d+)?(?:\..*part)?", path.name)
    found = jobs.find(match[1]) if match else []
    return next((record for record in found if match and record.id == match[1]), None)


def _files(folder: Path) -> list[Path]:
    try:
        return list(folder.iterdir())
    except OSError:  # as long as no answer had a picture, there is no such folder
        return []

"""Reconciling an uncertain job, whose submit got no reply: a service that lists its jobs may list ours."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from imgen.jobs.poll import record_status
from imgen.jobs.uploads import sent
from imgen_providers.base import Cancelled, Failed, ListsRecent
from imgen_providers.errors import ServiceError

if TYPE_CHECKING:
    from imgen.ledger.ledger import Ledger
    from imgen.records import JobRecord
    from imgen_providers.base import Job, Service

AMBIGUOUS_AGAIN = 1.0
"""Seconds until the next try."""


@dataclass(frozen=True, slots=True)
class Found:
    """The service lists the job, and the ledger has its remote id now."""

    job: Job


@dataclass(frozen=True, slots=True)
class Ambiguous:
    """A listed job may be another row's: the same request is still on its way in another process."""


@dataclass(frozen=True, slots=True)
class NotFound:
    """The service does not list the job, does not answer, or has no list of jobs."""


Outcome = Found | Ambiguous | NotFound


def reconcile(ledger: Ledger, service: Service | ListsRecent, record: JobRecord) -> Outcome:
    """Look for the job in the service's list, each entry for one row at most. Runs in a thread."""
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

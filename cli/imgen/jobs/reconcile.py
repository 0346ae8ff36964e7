"""Reconciling a job whose reply was lost: where the service lists its jobs, ours may be among them."""

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
"""Seconds until it may be clear whose a listed job is."""


@dataclass(frozen=True, slots=True)
class Found:
    """The service lists the job, and the ledger has its remote id now."""

    job: Job


@dataclass(frozen=True, slots=True)
class Ambiguous:
    """Whose a listed job is cannot be known yet: the same request is still on its way elsewhere."""


@dataclass(frozen=True, slots=True)
class NotFound:
    """The service does not list the job, cannot be asked, or lists nothing at all."""


Outcome = Found | Ambiguous | NotFound


def reconcile(ledger: Ledger, service: Service | ListsRecent, record: JobRecord) -> Outcome:
    """Look for the job among those the service lists, one for one. Runs in a thread."""
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

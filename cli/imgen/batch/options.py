"""How a run of `imgen batch` goes, as its command line says."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from imgen.jobs.report import Goal
from imgen_providers.catalog import SERVICES
from imgen_providers.rows import BATCH

if TYPE_CHECKING:
    from collections.abc import Collection

    from imgen.records import JobRecord


@dataclass(frozen=True, slots=True)
class BatchOptions:
    """`selected` are the paths that a run is limited to, `resubmit` accepts a second charge.

    `retry_failed` limits it to what failed before. `fail_fast` begins nothing more once something failed. `wait` False
    submits and ends; None leaves to a later run what a service makes hours later, and waits for the rest. `timeout` and
    `poll_every` are in seconds.
    """

    selected: Collection[str] | None = None
    sandbox: bool = False
    allow_unknown_cost: bool = False
    resubmit: bool = False
    retry_failed: bool = False
    fail_fast: bool = False
    wait: bool | None = None
    timeout: float | None = None
    poll_every: float | None = None

    def goal(self, record: JobRecord) -> Goal:
        """How far a job is followed: what comes hours later is saved by the run that finds it ready."""
        match self.wait:
            case False:
                return Goal.ACCEPTANCE
            case None if comes_later(record.provider, record.request.model):
                return Goal.WHAT_IS_READY
            case _:
                return Goal.PICTURES


def comes_later(service: str, model: str) -> bool:
    """Whether a service makes pictures of this model when it has time, hours later and cheaper (channel "batch")."""
    entry = SERVICES.get(service)
    row = entry.model(model) if entry else None
    return row is not None and row.channel == BATCH

"""What a run of `imgen batch` is given: its options, what it needs of this process, and an observer."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING, Protocol

from imgen.jobs.report import Goal
from imgen_providers.catalog import SERVICES
from imgen_providers.rows import BATCH

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Sequence
    from pathlib import Path

    from imgen.batch.asset import Asset
    from imgen.batch.report import AssetResult
    from imgen.fleet.ordering import NotQueued, Queueing
    from imgen.jobs.clock import Clock
    from imgen.jobs.run_order import OrderPlan, OrderSetup
    from imgen.jobs.session import Session
    from imgen.orders.limits import Candidate
    from imgen.orders.references import Basis
    from imgen.records import JobRecord


class Mode(Enum):
    """What is done about an asset that is missing or changed."""

    MAKE = "make"  # followed to its file
    QUEUE = "queue"  # ordered by way of a fleet's queue, and left to its workers
    COLLECT = "collect"  # its file is made where its picture is there; nothing is ordered


@dataclass(frozen=True, slots=True)
class BatchOptions:
    """`selected` are the paths that a run is limited to, `resubmit` accepts a second charge.

    `retry_failed` limits it to what failed before. `fail_fast` begins nothing more once something failed. `wait` False
    submits and ends; None leaves to a later run what a service makes hours later, and waits for the rest. `timeout` and
    `poll_every` are in seconds.
    """

    mode: Mode = Mode.MAKE
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


@dataclass(frozen=True, slots=True)
class Means:
    """What a run needs of this process; `originals` is the folder for pictures as they came.

    `basis` finds the pictures that an asset goes on from, `place` records the job of an asset at a service, to be
    followed by this process, and `queue` those of many, for a fleet's workers. `fetched` is the picture of a job that
    was saved in an object storage, None for another one.
    """

    session: Session
    setup: OrderSetup
    clock: Clock
    originals: Path
    basis: Callable[[Asset], Basis]
    place: Callable[[OrderPlan, Candidate, Collection[str]], list[JobRecord]]
    queue: Callable[[Sequence[Queueing]], list[JobRecord | NotQueued]]
    fetched: Callable[[JobRecord], Path | None]


class Observer(Protocol):
    """Shows how a run goes; it decides nothing."""

    def ended(self, result: AssetResult) -> None:
        """An asset is as it will be after this run."""
        ...

    def note(self, sentence: str) -> None:
        """Something that a user has to know."""
        ...


def comes_later(service: str, model: str) -> bool:
    """Whether a service makes pictures of this model when it has time, hours later and cheaper (channel "batch")."""
    entry = SERVICES.get(service)
    row = entry.model(model) if entry else None
    return row is not None and row.channel == BATCH

"""What a run of `imgen batch` is given: its options, the project, what it needs of this process, and an observer."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable, Collection
    from pathlib import Path

    from imgen.batch.asset import Asset
    from imgen.batch.lock import LockFile
    from imgen.batch.manifest import Manifest
    from imgen.batch.report import AssetResult
    from imgen.batch.standing import Standings
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
    """How a run goes: `selected` are the paths it is limited to, `resubmit` accepts a second charge.

    `retry_failed` limits it to what failed before. `fail_fast` begins nothing more once something failed. `no_wait`
    submits and ends. `timeout` and `poll_every` are in seconds.
    """

    mode: Mode = Mode.MAKE
    selected: Collection[str] | None = None
    sandbox: bool = False
    allow_unknown_cost: bool = False
    resubmit: bool = False
    retry_failed: bool = False
    fail_fast: bool = False
    no_wait: bool = False
    timeout: float | None = None
    poll_every: float | None = None


@dataclass(frozen=True, slots=True)
class Project:
    """What a run is about: the manifest, its lock, and how every asset stands."""

    manifest: Manifest
    lock: LockFile
    found: Standings


@dataclass(frozen=True, slots=True)
class Means:
    """What a run needs of this process; `originals` is the folder for pictures as they came.

    `basis` finds the pictures that an asset goes on from, `place` records the job of an asset at a service, and
    `fetched` is the picture of a job that was saved in an object storage, None for another one.
    """

    session: Session
    setup: OrderSetup
    clock: Clock
    originals: Path
    basis: Callable[[Asset], Basis]
    place: Callable[[OrderPlan, Candidate, Collection[str]], list[JobRecord]]
    fetched: Callable[[JobRecord], Path | None]


class Observer(Protocol):
    """Shows how a run goes; it decides nothing."""

    def ended(self, result: AssetResult) -> None:
        """An asset is as it will be after this run."""
        ...

    def note(self, sentence: str) -> None:
        """Something that a user has to know."""
        ...

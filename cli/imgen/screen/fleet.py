"""A fleet in words: how it stands, and what a trial of one came to."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from imgen.money.report import Use
from imgen.screen.columns import Column, table
from imgen.screen.costs import use_line
from imgen.screen.durations import span
from imgen.screen.text import plain

if TYPE_CHECKING:
    from collections.abc import Iterator

    from imgen.fleet.status import FleetStatus
    from imgen.fleet.trial import Counted


@dataclass(frozen=True, slots=True)
class WorkerEntry:
    """A process with a lease; `renewed` is when that was renewed, in seconds ago."""

    name: str
    host: str
    version: str
    renewed: float
    alive: bool
    submits: int


@dataclass(frozen=True, slots=True)
class QueueEntry:
    """A queue of one service's jobs."""

    queue: str
    waiting: int
    taken: int


@dataclass(frozen=True, slots=True)
class FleetEntry:
    """A fleet as `--json` has it: open jobs by state, and the ids of jobs that are uncertain or expire soon.

    `weaknesses` says in sentences how the database may forget what it commits.
    """

    ledger: str
    workers: tuple[WorkerEntry, ...]
    queues: tuple[QueueEntry, ...]
    waiting: dict[str, int]
    uncertain: tuple[str, ...]
    expiring: tuple[str, ...]
    limits: tuple[Use, ...]
    weaknesses: tuple[str, ...]


def status_entry(status: FleetStatus) -> FleetEntry:
    """How a fleet stands, for programs."""
    return FleetEntry(
        ledger=status.ledger,
        workers=tuple(WorkerEntry(*row) for row in status.workers),
        queues=tuple(QueueEntry(*row) for row in status.queues),
        waiting=status.waiting,
        uncertain=tuple(record.id for record in status.uncertain),
        expiring=tuple(record.id for record in status.expiring),
        limits=status.uses,
        weaknesses=tuple(weakness.message for weakness in status.weaknesses),
    )


def status_lines(status: FleetStatus) -> Iterator[str]:
    """How a fleet stands, for people."""
    yield f"Ledger: {status.ledger}"
    if status.workers:
        rows = status.workers
        yield from table(
            [
                Column("WORKER", tuple(row.name for row in rows)),
                Column("HOST", tuple(plain(row.host) for row in rows)),
                Column("LEASE", tuple("lives" if row.alive else f"ended {span(row.seconds)} ago" for row in rows)),
                Column("SUBMITTING", tuple(str(row.submits) for row in rows)),
                Column("VERSION", tuple(plain(row.version) for row in rows)),
            ],
            None,
        )
    else:
        yield "No worker runs: imgen work starts one."
    if status.queues:
        queues = status.queues
        yield from table(
            [
                Column("QUEUE", tuple(queue.queue for queue in queues)),
                Column("WAITING", tuple(str(queue.waiting) for queue in queues)),
                Column("TAKEN", tuple(str(queue.taken) for queue in queues)),
            ],
            None,
        )
    else:
        yield "The queues are empty."
    if status.waiting:
        yield "Open jobs: " + ", ".join(f"{jobs} {state}" for state, jobs in status.waiting.items())
    if status.uncertain:
        yield f"{len(status.uncertain)} may have been charged: imgen status lists them."
    if status.expiring:
        yield f"{len(status.expiring)} have a link that expires within an hour: imgen wait"
    for use in status.uses:
        yield use_line(use)
    for weakness in status.weaknesses:
        yield weakness.message
        yield f"  try: {weakness.hint}"


def trial_lines(counted: Counted) -> Iterator[str]:
    """What a trial came to, as a table of one column."""
    rows = {
        "assets": counted.assets,
        "made": counted.made,
        "workers killed": counted.kills,
        "submits, counted on the far side": counted.submits,
        "doubled": counted.doubled,
        "lost": counted.lost,
        "uncertain, and reported as such": counted.uncertain,
    }
    width = max(map(len, rows))
    for name, number in rows.items():
        yield f"{name:<{width}}  {number:>5,}"

"""How a fleet stands: its workers, its queues, and the money and pictures that need a person."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from imgen.ledger.postgres.durability import weaknesses
from imgen.money.budget import local_day
from imgen.money.report import used

if TYPE_CHECKING:
    from collections.abc import Sequence

    from imgen.ledger.postgres.address import Address
    from imgen.ledger.postgres.durability import Weakness
    from imgen.ledger.postgres.engine_rows import QueueCount, WorkerRow
    from imgen.ledger.postgres.ledger import PostgresLedger
    from imgen.money.budget import Limit
    from imgen.money.report import Use
    from imgen.records import JobRecord

SOON = 3600.0  # seconds in which a link expires soon


@dataclass(frozen=True, slots=True)
class FleetStatus:
    """`ledger` is where it is, without secrets. `waiting` counts open jobs by their state.

    `expiring` are those with a link that expires within an hour. `uses` is what the standing limits have left.
    `weaknesses` are the ways in which the database may forget what it commits.
    """

    ledger: str
    workers: tuple[WorkerRow, ...]
    queues: tuple[QueueCount, ...]
    waiting: dict[str, int]
    uncertain: tuple[JobRecord, ...]
    expiring: tuple[JobRecord, ...]
    uses: tuple[Use, ...]
    weaknesses: tuple[Weakness, ...]


def fleet_status(ledger: PostgresLedger, address: Address, limits: Sequence[Limit], project: str | None) -> FleetStatus:
    """How the fleet stands now. Raises `LedgerUnusable`."""
    now = ledger.now()
    opened, spendings, today = ledger.jobs.open(), ledger.spending.totals(), local_day(now).isoformat()
    waiting: dict[str, int] = {}
    for record in opened:
        waiting[record.state.value] = waiting.get(record.state.value, 0) + 1
    expiring = [record for record in opened if record.expires_at is not None and record.expires_at < now + SOON]
    return FleetStatus(
        ledger=address.shown,
        workers=tuple(ledger.engine.workers()),
        queues=tuple(ledger.engine.counts()),
        waiting=waiting,
        uncertain=tuple(ledger.jobs.uncertain()),
        expiring=tuple(sorted(expiring, key=lambda record: record.expires_at or now)),
        uses=tuple(use for limit in limits for use in used(limit, spendings, today, project)),
        weaknesses=tuple(weaknesses(address)),
    )

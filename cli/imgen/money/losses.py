"""Paid pictures whose links expire soon, those whose links have expired, and what they cost.

Times are seconds since 1970. Light to import, since `main` looks here after every command on a terminal.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING

from imgen.records import UNKNOWN, Cost, State
from imgen_providers.catalog import SERVICES

if TYPE_CHECKING:
    from collections.abc import Iterable

    from imgen.records import JobRecord

_LAST_DIGIT = Decimal("0.0001")  # of a share of a cost


@dataclass(frozen=True, slots=True)
class Unsaved:
    """Pictures of one job that were paid for and are not saved; `expires_at` is None while the job is under way."""

    job_id: str
    provider: str
    model: str
    accepted_at: float | None
    expires_at: float | None
    pictures: int


@dataclass(frozen=True, slots=True)
class Expiring:
    """How many pictures expire soon, and when the first of them does."""

    pictures: int
    first: float


def expiring(unsaved: Iterable[Unsaved], now: float, until: float) -> Expiring | None:
    """What of it expires between `now` and `until`; None where nothing does."""
    found: list[tuple[float, int]] = []
    for each in unsaved:
        expires_at = each.expires_at
        if expires_at is None and each.accepted_at is not None:
            # A job that was last seen unfinished may have ended at once: its links live that long from its acceptance.
            expires_at = _at_the_earliest(each.provider, each.model, each.accepted_at)
        if expires_at is not None and now < expires_at <= until:
            found.append((expires_at, each.pictures))
    return Expiring(sum(pictures for _, pictures in found), min(found)[0]) if found else None


def may_expire_by(record: JobRecord, until: float) -> bool:
    """Whether some link of the job may have expired at `until`; a link whose expiry is unknown may."""
    if record.state in (State.QUEUED, State.RUNNING) and record.accepted_at is not None:
        times = [_at_the_earliest(record.provider, record.request.model, record.accepted_at)]
    else:
        times = [result.expires_at for result in record.results if result.behind_link]
    return any(at is None or at <= until for at in times)


def soonest_first(records: Iterable[JobRecord]) -> list[JobRecord]:
    """The jobs by when their first link expires; after them unknown ones, then those without a link, oldest first."""
    return sorted(records, key=_urgency)


def _urgency(record: JobRecord) -> tuple[int, float]:
    if record.expires_at is not None:
        return 0, record.expires_at
    return (1 if record.state is State.READY else 2), record.created_at


def _at_the_earliest(provider: str, model: str, accepted_at: float) -> float | None:
    entry = SERVICES.get(provider)  # a newer imgen may know more services
    row = entry.model(model) if entry else None
    return None if row is None or row.link_seconds is None else accepted_at + row.link_seconds


@dataclass(frozen=True, slots=True)
class Loss:
    """Pictures that were paid for and never saved, at one service; `amount` is a decimal text, None where unknown."""

    provider: str
    pictures: int
    amount: str | None
    unit: str | None


def losses(records: Iterable[JobRecord]) -> list[Loss]:
    """What expired, by service and unit, which are not added up across services; the sandbox's cost nothing."""
    pictures: defaultdict[tuple[str, str | None], int] = defaultdict(int)
    amounts: defaultdict[tuple[str, str | None], Decimal] = defaultdict(Decimal)
    for record in records:
        if record.never_saved and not record.sandbox:
            cost = expired_cost(record)
            pictures[record.provider, cost.unit] += record.never_saved
            amounts[record.provider, cost.unit] += Decimal(cost.amount or 0)
    return [
        Loss(provider, number, _text(amounts[provider, unit]) if unit else None, unit)
        for (provider, unit), number in pictures.items()
    ]


def expired_cost(record: JobRecord) -> Cost:
    """What the expired pictures of a job cost: their share of the whole."""
    from imgen.money.amounts import known
    from imgen.money.budget import best_known

    cost = best_known(record)
    amount = known(cost)
    if amount is None or amount.unit is None:
        return UNKNOWN
    return Cost(_text(amount.value * record.never_saved / len(record.results)), amount.unit)


def _text(amount: Decimal) -> str:
    return f"{amount.quantize(_LAST_DIGIT).normalize():f}"

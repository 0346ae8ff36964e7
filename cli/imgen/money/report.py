"""What was spent, added up by day, month, service, model or project: one line for each unit, nothing converted."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from typing import TYPE_CHECKING

from imgen.money.amounts import decimal_text, known
from imgen.money.budget import Limit, Span, Spending, Standing, counted, spent

if TYPE_CHECKING:
    from collections.abc import Sequence

    from imgen.records import Cost


class By(StrEnum):
    """What costs are added up by."""

    DAY = "day"
    MONTH = "month"
    SERVICE = "service"
    MODEL = "model"
    PROJECT = "project"


@dataclass(frozen=True, slots=True)
class CostLine:
    """What the jobs under one heading cost in one unit, as decimal texts; None is unknown or not reported, never 0.

    `unit` None holds jobs of unknown cost. `provider` is the service whose credits they are. `estimated` is by the
    prices when they were ordered; `charged` is what services report of `charged_jobs` of them, of which the amounts of
    `computed_jobs` are what was used times published rates. `doubtful` (so it is named in `--json`) is what may have
    been charged, and is in none of the two. `key` None stands for no project.
    """

    key: str | None
    unit: str | None
    provider: str | None
    jobs: int
    estimated: str | None
    charged: str | None
    charged_jobs: int
    computed_jobs: int
    doubtful: str | None
    doubtful_jobs: int


@dataclass(frozen=True, slots=True)
class Use:
    """How much of a limit is used up in one unit, as decimal texts; `provider` is set where that is credits."""

    span: Span
    source: str
    unit: str
    provider: str | None
    spent: str
    most: str


@dataclass(frozen=True, slots=True)
class CostReport:
    """The lines by key, and all of them together; `since` and `until` are local days, None where there is no end.

    `limits` are those that the configuration sets, as they stand now.
    """

    by: By
    since: str | None
    until: str | None
    rows: tuple[CostLine, ...]
    total: tuple[CostLine, ...]
    limits: tuple[Use, ...]


@dataclass(slots=True)
class _Sum:
    jobs: int = 0
    estimated: Decimal | None = None
    charged: Decimal | None = None
    charged_jobs: int = 0
    computed_jobs: int = 0
    doubtful: Decimal | None = None
    doubtful_jobs: int = 0


_Currency = tuple[str | None, str | None]


def cost_report(
    spendings: Sequence[Spending], by: By, since: str | None, until: str | None, limits: Sequence[Use] = ()
) -> CostReport:
    """Add up what the jobs cost that were ordered from `since` to `until`; those that cost nothing are left out."""
    asked = [one for one in spendings if (since or "") <= one.day and (until is None or one.day <= until)]
    keyed: dict[str | None, list[Spending]] = {}
    for one in asked:
        keyed.setdefault(_key(one, by), []).append(one)
    ordered = sorted(keyed.items(), key=lambda item: (item[0] is None, item[0]))
    rows = [line for key, group in ordered for line in _lines(key, group)]
    return CostReport(by, since, until, tuple(rows), tuple(_lines(None, asked)), tuple(limits))


def _key(spending: Spending, by: By) -> str | None:
    match by:
        case By.DAY:
            return spending.day
        case By.MONTH:
            return spending.day[:7]
        case By.SERVICE:
            return spending.provider
        case By.MODEL:
            return f"{spending.provider}/{spending.model}"
        case By.PROJECT:
            return spending.project


def _lines(key: str | None, spendings: Sequence[Spending]) -> list[CostLine]:
    sums: dict[_Currency, _Sum] = {}
    for one in spendings:
        if one.standing is not Standing.NOTHING:
            _add(sums, one)
    # Money first, then each service's credits, then unknown costs.
    ordered = sorted(sums.items(), key=lambda item: (item[0][0] is None, item[0][1] or "", item[0][0] or ""))
    return [
        CostLine(
            key,
            unit,
            provider,
            found.jobs,
            _text(found.estimated),
            _text(found.charged),
            found.charged_jobs,
            found.computed_jobs,
            _text(found.doubtful),
            found.doubtful_jobs,
        )
        for (unit, provider), found in ordered
    ]


def _add(sums: dict[_Currency, _Sum], one: Spending) -> None:
    each, charged = known(one.each), known(one.charged)
    if each or not charged:
        found = sums.setdefault(_currency(one.each, one.provider), _Sum())
        found.jobs += one.jobs
        amount = each.value * one.jobs if each else None
        if one.standing is Standing.UNCERTAIN:
            found.doubtful_jobs += one.jobs
            found.doubtful = _plus(found.doubtful, amount)
        else:
            found.estimated = _plus(found.estimated, amount)
    if charged:
        currency = _currency(one.charged, one.provider)
        found = sums.setdefault(currency, _Sum())
        if not each or currency != _currency(one.each, one.provider):
            found.jobs += one.jobs
        found.charged_jobs += one.jobs
        found.computed_jobs += one.jobs if one.charged.computed else 0
        found.charged = _plus(found.charged, charged.value * one.jobs)


def _currency(cost: Cost, provider: str) -> _Currency:
    return cost.unit, provider if cost.unit == "credits" else None


def _plus(sum_: Decimal | None, amount: Decimal | None) -> Decimal | None:
    return sum_ if amount is None else (sum_ or Decimal(0)) + amount


def _text(amount: Decimal | None) -> str | None:
    return None if amount is None else decimal_text(amount)


def used(limit: Limit, spendings: Sequence[Spending], today: str, project: str | None) -> list[Use]:
    """What counts against a limit by now: of a day, today's; of a project, that of the one we are in."""
    if limit.span is Span.PROJECT and project is None:
        return []
    if limit.span is Span.DAY:
        counting = [one for one in spendings if one.day >= today]
    else:
        counting = [one for one in spendings if one.project == project]
    uses = []
    for amount in limit.most:
        unit = amount.unit or ""
        with_credits = sorted({one.provider for one in counting if counted(one).unit == unit})
        for provider in with_credits if unit == "credits" else ("",):
            so_far = spent(counting, provider, unit).amount.value
            most = decimal_text(amount.value)
            uses.append(Use(limit.span, limit.source, unit, provider or None, decimal_text(so_far), most))
    return uses

"""What may be spent, what counts against it, and whether an order is within: rules only, in exact decimal amounts.

Amounts of different units are never converted, and credits are those of one service: with a limit of 100 credits,
each service has 100 of its own.
"""

from __future__ import annotations

from datetime import date, datetime, time
from decimal import Decimal
from enum import StrEnum
from typing import TYPE_CHECKING, NamedTuple

from imgen.errors import OverBudget
from imgen.money.amounts import Amount, decimal_text, known
from imgen.records import Cost, JobRecord, State
from imgen_providers.catalog import SERVICES

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence


class Span(StrEnum):
    """What a limit counts: one order, one run of many orders, a local calendar day, or everything in one project."""

    ORDER = "order"
    RUN = "run"
    DAY = "day"
    PROJECT = "project"


class Limit(NamedTuple):
    """The most that may be spent, in one or more units; `source` is where it was set."""

    span: Span
    most: tuple[Amount, ...]
    source: str


class Budget(NamedTuple):
    """Every limit on an order; `allow_unknown` sends what cannot be compared with them."""

    limits: tuple[Limit, ...] = ()
    allow_unknown: bool = False


NO_BUDGET = Budget()


def day_begins(day: date) -> float:
    """When the local calendar day begins, by this machine's clock and time zone, in seconds since 1970."""
    return datetime.combine(day, time()).astimezone().timestamp()


def local_day(moment: float) -> date:
    """The local calendar day of a moment in seconds since 1970."""
    return datetime.fromtimestamp(moment).astimezone().date()


# What counts -------------------------------------------------------------------------------------------------


class Standing(StrEnum):
    """What is known of a job's charge."""

    COUNTS = "counts"  # paid for, or about to be
    UNCERTAIN = "uncertain"  # may have been charged; unknown
    NOTHING = "nothing"  # never sent, refused, failed where that is free, or released by `imgen forget`


class Spending(NamedTuple):
    """Jobs of the ledger that are alike in everything that matters to money; `each` and `charged` are of one job.

    `each` is the catalogue's price when it was ordered, `charged` what the service reported; both may be unknown.
    `day` is the local day on which they were ordered.
    """

    day: str
    provider: str
    model: str
    project: str | None
    standing: Standing
    each: Cost
    charged: Cost
    jobs: int


def standing(
    state: State, provider: str, charged: Cost, *, accepted: bool, released: bool, problem: str | None
) -> Standing:
    """What is known of a job's charge; `problem` is the code of why it is where it is.

    What the service reports of the charge decides. `released` is true after `imgen forget`. A job that failed after it
    was accepted cost nothing only where a document of the service states that.
    """
    if reported := known(charged):
        return Standing.COUNTS if reported.value else Standing.NOTHING
    match state:
        case State.READY | State.SAVED | State.EXPIRED:
            return Standing.COUNTS
        case _ if released:
            return Standing.NOTHING
        case State.PLANNED | State.SUBMITTING | State.QUEUED | State.RUNNING:
            return Standing.COUNTS
        case State.UNCERTAIN:
            return Standing.UNCERTAIN
        case State.FAILED | State.CANCELLED if not accepted:
            return Standing.NOTHING
        case State.FAILED if problem != "no_pictures" and provider in SERVICES and SERVICES[provider].failure_is_free:
            return Standing.NOTHING
        case _:
            return Standing.UNCERTAIN


def best_known(record: JobRecord) -> Cost:
    """The best known cost of a job: what the service reports, nothing, or else the price it had."""
    found = standing(
        record.state,
        record.provider,
        record.charged,
        accepted=record.remote_id is not None,
        released=record.released,
        problem=record.problem.code if record.problem else None,
    )
    if known(record.charged):
        return record.charged
    return Cost("0", record.cost.unit) if found is Standing.NOTHING else record.cost


def counted(spending: Spending) -> Cost:
    """What each of these jobs counts against a limit; the service's report wins where it is in the same unit."""
    in_the_same_unit = spending.each.unit in (None, spending.charged.unit)
    return spending.charged if known(spending.charged) and in_the_same_unit else spending.each


class Spent(NamedTuple):
    """What was spent at one service's prices in one unit, as far as it is known."""

    amount: Amount
    uncertain: Decimal = Decimal(0)
    unknown_jobs: int = 0


def spent(spendings: Iterable[Spending], provider: str, unit: str) -> Spent:
    """What counts in this unit; of credits, those of this service alone. Amounts that are uncertain are counted too."""
    total, uncertain, unknown = Decimal(0), Decimal(0), 0
    for one in spendings:
        if one.standing is Standing.NOTHING:
            continue
        each = known(counted(one))
        if each is None:
            unknown += one.jobs
        elif each.unit == unit and (unit != "credits" or one.provider == provider):
            total += each.value * one.jobs
            uncertain += each.value * one.jobs if one.standing is Standing.UNCERTAIN else 0
    return Spent(Amount(total, unit), uncertain, unknown)


# Whether an order is within ----------------------------------------------------------------------------------


class Verdict(NamedTuple):
    """Whether an order is within one limit, in a sentence, and what to type where it is not."""

    limit: Limit
    within: bool
    message: str
    hint: str | None = None


def order_cost(costs: Sequence[Cost]) -> Amount | None:
    """What several jobs cost together; None where that of one is not known."""
    amounts = [amount for amount in map(known, costs) if amount]
    units = {amount.unit for amount in amounts}
    if len(amounts) < len(costs) or len(units) != 1:
        return None
    return Amount(sum((amount.value for amount in amounts), Decimal(0)), units.pop())


def assess(order: Amount | None, limit: Limit, spendings: Iterable[Spending], provider: str, budget: Budget) -> Verdict:
    """Whether the order, at a service, is within the limit after what was spent already."""
    most = next((amount for amount in limit.most if order and amount.unit in (None, order.unit)), None)
    if order is None or most is None:
        reason = "This order's cost is unknown" if order is None else f"This order costs {order}"
        amounts = " or ".join(map(str, limit.most))
        message = f"{reason}, which cannot be compared with the limit of {amounts}{_EACH[limit.span]} ({limit.source})."
        if budget.allow_unknown:
            return Verdict(limit, within=True, message=f"{message} --allow-unknown-cost lets it through.")
        return Verdict(limit, within=False, message=message, hint=_compare_hint(order))
    before = spent(spendings, provider, order.unit or "")
    allowed = f"{most}{_EACH[limit.span]} ({limit.source})"
    whole = before.amount.value + order.value
    if whole <= most.value:
        left = Amount(most.value - whole, order.unit)
        return Verdict(limit, within=True, message=f"Within the limit of {allowed}: {left} would be left.")
    message = f"This order costs {order}, and the limit is {allowed}{_so_far(limit.span, before)}."
    return Verdict(limit, within=False, message=message, hint=_over_hint(limit, order, before))


_EACH = {Span.ORDER: "", Span.RUN: " for this run", Span.DAY: " a day", Span.PROJECT: " for this project"}


def _so_far(span: Span, before: Spent) -> str:
    if span is Span.ORDER:
        return ""
    where = {Span.RUN: "in this run", Span.DAY: "today"}.get(span, "in this project")
    unknown = f", and {jobs_text(before.unknown_jobs)} of unknown cost" if before.unknown_jobs else ""
    went = before.amount if before.amount.value else "nothing"
    return f", of which {went} went {where}{unknown}"


def _compare_hint(order: Amount | None) -> str:
    also = ", and a limit may name several units: '5 usd, 200 credits'" if order else ""
    return f"--allow-unknown-cost sends it all the same{also}."


def _over_hint(limit: Limit, order: Amount, before: Spent) -> str:
    if limit.span is Span.ORDER:
        return f"{limit.source} {decimal_text(order.value)}{order.unit}, or order less (-n, -r, another -m or -p)."
    if limit.span is Span.RUN:
        return f"Raise {limit.source}, and run it again: what is made stays made."
    by = "day" if limit.span is Span.DAY else "project"
    hint = f"Raise {limit.source}, or order less (-n, -r, another -m or -p). Where it went:\nimgen costs --by {by}"
    if before.uncertain:
        uncertain = Amount(before.uncertain, order.unit)
        hint += f"\n{uncertain} of it may not have been charged: close the jobs that were not.\nimgen status"
    return hint


def check(verdicts: Iterable[Verdict]) -> None:
    """Raises `OverBudget` for the first limit that an order is not within."""
    over = next((verdict for verdict in verdicts if not verdict.within), None)
    if over:
        raise OverBudget(f"{over.message} Nothing was sent.", over.hint)


def jobs_text(jobs: int) -> str:
    """The number of jobs in words."""
    return f"{jobs:,} job{'' if jobs == 1 else 's'}"

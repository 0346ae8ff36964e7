"""What `imgen batch` prints: how a project differs from its manifest, and what a run would make for how much."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from imgen.batch.offers import in_words
from imgen.batch.options import comes_later
from imgen.batch.report import TROUBLED, Outcome, spent
from imgen.money.amounts import in_money
from imgen.screen.durations import span
from imgen.screen.envelope import CostEntry, ErrorEntry, cost_entry, error_entry
from imgen.screen.text import for_log, padded

if TYPE_CHECKING:
    from collections.abc import Sequence

    from imgen.batch.check import CheckReport
    from imgen.batch.plan import Plan
    from imgen.batch.report import AssetResult, RunReport, Tally


@dataclass(frozen=True, slots=True)
class DifferenceEntry:
    """An asset that is not what the manifest says; `line` is its line there, 0 for one that only the lock has."""

    path: str
    kind: str
    reason: str
    line: int


@dataclass(frozen=True, slots=True)
class OrderEntry:
    """An asset that is to be made, by which service and for how much; a null amount is unknown, never 0."""

    path: str
    kind: str
    reason: str
    provider: str
    model: str
    cost: CostEntry


@dataclass(frozen=True, slots=True)
class LeftEntry:
    """An asset that a run leaves to a person, or makes of what is here."""

    path: str
    kind: str
    reason: str


@dataclass(frozen=True, slots=True)
class TotalEntry:
    """What one service is to make; `unknown_costs` of its assets have no known price and are not in `cost`."""

    provider: str
    assets: int
    cost: CostEntry
    unknown_costs: int


@dataclass(frozen=True, slots=True)
class CheckEntry:
    """What `imgen batch --check` found."""

    manifest: str
    assets: int
    differences: tuple[DifferenceEntry, ...]


@dataclass(frozen=True, slots=True)
class PlanEntry:
    """What a run of `imgen batch` would do; `orphans` are the paths of the lock that are not in the manifest."""

    manifest: str
    current: int
    unselected: int
    orders: tuple[OrderEntry, ...]
    conversions: tuple[LeftEntry, ...]
    left: tuple[LeftEntry, ...]
    orphans: tuple[str, ...]
    totals: tuple[TotalEntry, ...]


@dataclass(frozen=True, slots=True)
class AssetEntry:
    """One asset after a run; `cost` is that of its job, in this run or before (a null amount is unknown, never 0).

    `line` is its line in the manifest, 0 where it has none; `bytes` is the size of its file.
    """

    path: str
    outcome: Outcome
    line: int
    job: str | None
    provider: str | None
    model: str | None
    bytes: int | None
    seconds: float
    cost: CostEntry
    error: ErrorEntry | None


@dataclass(frozen=True, slots=True)
class RunEntry:
    """What a run of `imgen batch` did; `spent` is by unit, and credits are of one service each."""

    manifest: str
    sandbox: bool
    seconds: float
    counts: dict[str, int]
    spent: dict[str, str]
    unknown_costs: int
    assets: tuple[AssetEntry, ...]


@dataclass(frozen=True, slots=True)
class InitEntry:
    """The files that `imgen batch --init` wrote."""

    files: tuple[str, ...]


def asset_entry(result: AssetResult) -> AssetEntry:
    """One asset after a run, for programs."""
    return AssetEntry(
        path=result.path,
        outcome=result.outcome,
        line=result.line,
        job=result.job_id,
        provider=result.service,
        model=result.model,
        bytes=result.size,
        seconds=round(result.seconds, 3),
        cost=cost_entry(result.cost),
        error=error_entry(result.problem),
    )


def run_entry(report: RunReport) -> RunEntry:
    """What a run did, for programs; assets that were right already are only counted."""
    sums, unknown = spent(report.assets)
    return RunEntry(
        manifest=report.manifest,
        sandbox=report.sandbox,
        seconds=round(report.seconds, 3),
        counts={outcome.value: count for outcome, count in report.counts.items()},
        spent={unit: f"{amount:f}" for unit, amount in sums.items()},
        unknown_costs=unknown,
        assets=tuple(asset_entry(each) for each in report.assets if each.outcome is not Outcome.CURRENT),
    )


COLLECT = "What is waiting goes on at its service: the next imgen batch collects it, and buys nothing twice."
"""What to do about assets that are under way at the end of a run."""


def run_sentence(report: RunReport) -> str:
    """A whole run in one sentence."""
    counts = ", ".join(f"{count:,} {outcome.value}" for outcome, count in report.counts.items()) or "nothing to do"
    sums, unknown = spent(report.assets)
    costs = [in_money(amount, unit) for unit, amount in sums.items()]
    costs += [f"{unknown:,} at an unknown cost"] if unknown else []
    where = " in the sandbox, which costs nothing" if report.sandbox else f" for {' + '.join(costs) or 'nothing'}"
    return for_log(f"{report.manifest}: {counts}{where}.")


def result_line(result: AssetResult) -> str:
    """One asset that ended, in a line for a log."""
    made = [result.service or "", f"job {result.job_id}" if result.job_id else "", _cost(result)]
    what = result.problem.message if result.problem else ", ".join(part for part in made if part)
    path = for_log(result.path)
    if what.startswith(f"{result.path} "):  # a sentence on an asset begins with its path
        return f"{padded(result.outcome.value, 9)} {for_log(what)}"
    return f"{padded(result.outcome.value, 9)} {path}" + (f": {for_log(what)}" if what else "")


def tally_line(tally: Tally) -> str:
    """How far a run is, in a line for a terminal or a log."""
    counts = tally.counts
    made = sum(counts.get(outcome, 0) for outcome in _ARE_HERE)
    failed = sum(counts.get(outcome, 0) for outcome in TROUBLED)
    parts = [f"{made:,} of {tally.total:,} made", f"{tally.waiting:,} under way"]
    parts += [f"{failed:,} failed"] if failed else []
    parts += [f"{counts[Outcome.LEFT]:,} left"] if counts.get(Outcome.LEFT) else []
    parts.append(f"{tally.spent} of {tally.budget}" if tally.budget else tally.spent)
    parts += [f"about {span(tally.remaining)} to go"] if tally.remaining is not None else []
    return " · ".join(parts)


_ARE_HERE = (Outcome.CURRENT, Outcome.MADE, Outcome.FOUND, Outcome.CONVERTED)


def _cost(result: AssetResult) -> str:
    if result.outcome is not Outcome.MADE:
        return "paid before" if result.outcome is Outcome.FOUND else ""
    return in_money(result.cost.amount, result.cost.unit, "unknown price")


def check_entry(manifest: str, report: CheckReport) -> CheckEntry:
    """What a check found, for programs."""
    entries = (DifferenceEntry(each.path, each.kind, each.reason, each.line) for each in report.differences)
    return CheckEntry(manifest, report.assets, tuple(entries))


def plan_entry(manifest: str, plan: Plan) -> PlanEntry:
    """What a run would do, for programs."""
    return PlanEntry(
        manifest=manifest,
        current=plan.current,
        unselected=plan.unselected,
        orders=tuple(
            OrderEntry(
                planned.item.asset.path,
                planned.item.standing.value,
                planned.item.reason,
                planned.offer.service,
                planned.offer.model,
                cost_entry(planned.offer.cost),
            )
            for planned in plan.orders
        ),
        conversions=tuple(LeftEntry(item.asset.path, item.standing.value, item.reason) for item in plan.conversions),
        left=tuple(LeftEntry(each.item.asset.path, each.item.standing.value, each.reason) for each in plan.left),
        orphans=tuple(orphan.path for orphan in plan.orphans),
        totals=tuple(
            TotalEntry(
                total.service,
                total.assets,
                CostEntry(f"{total.amount:f}" if total.unit else None, total.unit),
                total.unknown,
            )
            for total in plan.totals
        ),
    )


def check_lines(report: CheckReport) -> list[str]:
    """One line a difference: what kind it is, its path, and why."""
    return [f"{padded(each.kind, 9)} {for_log(each.path)}: {for_log(each.reason)}" for each in report.differences]


def check_sentence(manifest: str, report: CheckReport) -> str:
    """The whole check in one sentence."""
    if not report.differences:
        return f"All {report.assets:,} assets are what {manifest} says."
    return f"{len(report.differences):,} differences among {report.assets:,} assets of {manifest}."


def plan_lines(plan: Plan) -> list[str]:
    """One line for each asset that a run would touch, and for each that it would not dare to."""
    lines = []
    for planned in plan.orders:
        cost = planned.offer.cost
        price = in_money(cost.amount, cost.unit, "unknown price")
        path, reason = for_log(planned.item.asset.path), for_log(planned.item.reason)
        lines.append(f"{padded('make', 9)} {path}: {reason} ({planned.offer.service}, {price})")
    lines += [f"{padded('convert', 9)} {for_log(i.asset.path)}: {for_log(i.reason)}" for i in plan.conversions]
    lines += [f"{padded('leave', 9)} {for_log(left.item.asset.path)}: {for_log(left.reason)}" for left in plan.left]
    lines += [f"{padded('orphan', 9)} {for_log(each.path)}: is no longer in the manifest" for each in plan.orphans]
    return lines


def plan_sentences(plan: Plan, *, sandbox: bool) -> list[str]:
    """The price for each service and in all; what it would be for real, in the sandbox."""
    if not plan.orders:
        return [f"Nothing is to be bought: {_current(plan)}."]
    lines = [f"{total.service}: {_pictures(total.assets)} for {in_words([total])}" for total in plan.totals]
    later = sum(comes_later(order.offer.service, order.offer.model) for order in plan.orders)
    if later:
        lines.append(
            f"By channel batch: {_pictures(later)}, hours later. One run submits them, a later one collects them."
        )
    price = in_words(plan.totals)
    most = f"free in the sandbox (at most {price} for real)" if sandbox else f"for at most {price}"
    return [*lines, f"In all: {_pictures(len(plan.orders))} {most}; {_current(plan)}."]


def _current(plan: Plan) -> str:
    current = f"{plan.current:,} up to date"
    return f"{current}, {plan.unselected:,} not selected" if plan.unselected else current


def _pictures(count: int) -> str:
    return "1 picture" if count == 1 else f"{count:,} pictures"


def finding_lines(findings: Sequence[object]) -> list[str]:
    """Everything that is wrong in a manifest or lock, one line each, as compilers write it."""
    return [for_log(str(finding)) for finding in findings]

"""What `imgen batch` prints: how a project differs from its manifest, and what a run would make for how much."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from imgen.batch.offers import in_words
from imgen.screen.envelope import CostEntry, cost_entry
from imgen.screen.text import for_log, padded

if TYPE_CHECKING:
    from collections.abc import Sequence

    from imgen.batch.check import CheckReport
    from imgen.batch.plan import Plan


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
class InitEntry:
    """The files that `imgen batch --init` wrote."""

    files: tuple[str, ...]


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
        price = f"{cost.amount} {cost.unit}" if cost.amount is not None else "unknown price"
        path, reason = for_log(planned.item.asset.path), for_log(planned.item.reason)
        lines.append(f"{padded('make', 9)} {path}: {reason} ({planned.offer.service}, {price})")
    lines += [f"{padded('convert', 9)} {for_log(i.asset.path)}: {for_log(i.reason)}" for i in plan.conversions]
    lines += [f"{padded('leave', 9)} {for_log(left.item.asset.path)}: {for_log(left.reason)}" for left in plan.left]
    lines += [f"{padded('orphan', 9)} {for_log(each.path)}: is no longer in the manifest" for each in plan.orphans]
    return lines


def plan_sentences(plan: Plan) -> list[str]:
    """The price for each service and in all."""
    if not plan.orders:
        return [f"Nothing is to be bought: {_current(plan)}."]
    lines = [f"{total.service}: {_pictures(total.assets)} for {in_words([total])}" for total in plan.totals]
    return [*lines, f"In all: {_pictures(len(plan.orders))} for at most {in_words(plan.totals)}; {_current(plan)}."]


def _current(plan: Plan) -> str:
    current = f"{plan.current:,} are what their recipe says"
    return f"{current}, {plan.unselected:,} are not selected" if plan.unselected else current


def _pictures(count: int) -> str:
    return "1 picture" if count == 1 else f"{count:,} pictures"


def finding_lines(findings: Sequence[object]) -> list[str]:
    """Everything that is wrong in a manifest or lock, one line each, as compilers write it."""
    return [for_log(str(finding)) for finding in findings]

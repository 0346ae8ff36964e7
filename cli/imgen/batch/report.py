"""What came of a run of `imgen batch`, as JSON for programs and as JUnit XML for build servers."""

from __future__ import annotations

import json
import re
from dataclasses import asdict, dataclass
from decimal import Decimal
from enum import StrEnum
from typing import TYPE_CHECKING

from imgen.money.amounts import in_money

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from xml.etree.ElementTree import Element

    from imgen.errors import Problem
    from imgen.records import Cost

# XML 1.0, 2.2: the characters that no XML text can hold, not even escaped.
_NOT_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


class Outcome(StrEnum):
    """What came of one asset in a run."""

    CURRENT = "current"  # nothing to do
    MADE = "made"
    FOUND = "found"  # paid for before, and only fetched
    CONVERTED = "converted"  # made from the original that is here
    ADOPTED = "adopted"  # locked as it stood
    PRUNED = "pruned"  # no longer in the manifest
    WAITING = "waiting"  # submitted, to be collected by the next run
    LEFT = "left"  # for a person to decide
    SKIPPED = "skipped"  # not begun, as the options say
    FAILED = "failed"
    UNCERTAIN = "uncertain"  # the reply was lost; may be charged


TROUBLED = frozenset({Outcome.FAILED, Outcome.UNCERTAIN})


@dataclass(frozen=True, slots=True)
class AssetResult:
    """One asset after a run; `line` is its line in the manifest, 0 where it has none.

    `size` is in bytes, `seconds` what it took in this run, `cost` what its job cost (unknown is never 0), and
    `ordered_before` whether that was in an earlier run.
    """

    path: str
    line: int
    outcome: Outcome
    cost: Cost
    seconds: float = 0.0
    size: int | None = None
    service: str | None = None
    model: str | None = None
    job_id: str | None = None
    ordered_before: bool = False
    problem: Problem | None = None


@dataclass(frozen=True, slots=True)
class RunReport:
    """A whole run: `started` is in ISO 8601, UTC; `seconds` is how long it took."""

    manifest: str
    started: str
    seconds: float
    exit_code: int
    sandbox: bool
    assets: Sequence[AssetResult]

    @property
    def counts(self) -> dict[Outcome, int]:
        """How many assets ended in each way, without those that none did."""
        found = [result.outcome for result in self.assets]
        return {outcome: found.count(outcome) for outcome in Outcome if outcome in found}


@dataclass(frozen=True, slots=True)
class Tally:
    """How far a run is: `total` assets are to be looked at, `remaining` is in seconds, None where not known."""

    total: int
    counts: Mapping[Outcome, int]
    waiting: int
    spent: str
    budget: str | None
    remaining: float | None


# What makes or may make a charge; the others cost nothing, whatever they cost before.
_CHARGED = frozenset({Outcome.MADE, Outcome.WAITING, Outcome.FAILED, Outcome.UNCERTAIN})


def spent(results: Iterable[AssetResult]) -> tuple[dict[str, Decimal], int]:
    """What a run paid, by unit, and how many of its assets have a cost that is not known.

    Credits are of one service each: theirs is the unit "credits of NAME".
    """
    sums: dict[str, Decimal] = {}
    unknown = 0
    for result in results:
        if result.outcome not in _CHARGED or result.ordered_before or result.job_id is None:
            continue
        if result.cost.amount is None or result.cost.unit is None:
            unknown += 1
            continue
        unit = result.cost.unit if result.cost.unit == "usd" else f"{result.cost.unit} of {result.service}"
        sums[unit] = sums.get(unit, Decimal(0)) + Decimal(result.cost.amount)
    return sums, unknown


def as_json(report: RunReport) -> str:
    """The report as one JSON object, in pure ASCII."""
    sums, unknown = spent(report.assets)
    data = {
        "version": 1,
        "manifest": report.manifest,
        "started": report.started,
        "seconds": round(report.seconds, 3),
        "exit_code": report.exit_code,
        "sandbox": report.sandbox,
        "counts": {outcome.value: count for outcome, count in report.counts.items()},
        "spent": {unit: f"{amount:f}" for unit, amount in sums.items()},
        "unknown_costs": unknown,
        "assets": [_entry(result) for result in report.assets],
    }
    return json.dumps(data, indent=2) + "\n"


def _entry(result: AssetResult) -> dict[str, object]:
    problem = result.problem._asdict() if result.problem else None
    return {**asdict(result), "seconds": round(result.seconds, 3), "problem": problem}


def as_junit(report: RunReport) -> str:
    """The report as JUnit XML: a test case an asset, a failure for what is not made, an error for what is uncertain.

    What a run leaves for later or for a person is skipped. The form is the one of the JUnit Ant task, which GitLab,
    Jenkins and others read.
    """
    from xml.etree.ElementTree import Element, SubElement, indent, tostring

    outcomes = [result.outcome for result in report.assets]
    skipped = (Outcome.LEFT, Outcome.WAITING, Outcome.SKIPPED)
    suite = Element(
        "testsuite",
        name=_xml(report.manifest),
        timestamp=report.started.removesuffix("Z"),
        time=f"{report.seconds:.3f}",
        tests=str(len(outcomes)),
        failures=str(outcomes.count(Outcome.FAILED)),
        errors=str(outcomes.count(Outcome.UNCERTAIN)),
        skipped=str(sum(outcome in skipped for outcome in outcomes)),
    )
    for result in report.assets:
        case = SubElement(
            suite,
            "testcase",
            classname=_xml(report.manifest),
            name=_xml(result.path),
            file=_xml(report.manifest),
            line=str(result.line),
            time=f"{result.seconds:.3f}",
        )
        _add_outcome(case, result)
    suites = Element("testsuites")
    suites.append(suite)
    indent(suites)
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + tostring(suites, encoding="unicode") + "\n"


def _add_outcome(case: Element, result: AssetResult) -> None:
    from xml.etree.ElementTree import SubElement

    kinds = {Outcome.FAILED: "failure", Outcome.UNCERTAIN: "error"}
    kinds |= dict.fromkeys((Outcome.LEFT, Outcome.WAITING, Outcome.SKIPPED), "skipped")
    kind = kinds.get(result.outcome)
    if kind:
        problem = result.problem
        ended = SubElement(case, kind, message=_xml(problem.message if problem else result.outcome.value))
        if kind != "skipped":
            ended.set("type", _xml(problem.code if problem else result.outcome.value))
        ended.text = _xml(problem.hint) if problem and problem.hint else None
    known = [("service", result.service), ("model", result.model), ("job", result.job_id), ("cost", _cost(result.cost))]
    said = [f"{name}: {value}" for name, value in known if value]
    SubElement(case, "system-out").text = _xml("\n".join([f"outcome: {result.outcome.value}", *said]))


def _cost(cost: Cost) -> str | None:
    return in_money(cost.amount, cost.unit) if cost.amount else None


def _xml(text: str) -> str:
    """The text with what no XML can hold shown as `\\x1b`; the rest is escaped as it is written."""
    return _NOT_XML.sub(lambda found: f"\\x{ord(found[0]):02x}", text)

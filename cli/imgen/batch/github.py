"""What a run or a check says on GitHub Actions: a summary of the step, and annotations on the manifest's lines.

Every text is made harmless: a prompt, a path or a service's message starts no workflow command, no table cell, no link
and no markup. Sources: GitHub's "Workflow commands for GitHub Actions" and "Adding a job summary" (1 MiB a step, ten
annotations of a kind a step), read 2026-11-26.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from imgen.batch.report import TROUBLED, AssetResult, Outcome, RunReport, spent
from imgen.money.amounts import in_money

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from imgen.batch.check import CheckReport
    from imgen.batch.reading.findings import Finding

MOST_ANNOTATIONS = 10
_MOST_SUMMARY_BYTES = 900_000
_BESIDE_ROWS = 2_000  # bytes that the summary takes beside its rows
_CONTROL = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\u200b-\u200f\u202a-\u202e\u2066-\u2069\ufeff\ud800-\udfff]+")
_COMMAND = re.compile(r"##\[")  # the older form of a workflow command, which is read anywhere in a line
_MARKUP = re.compile(r"([!-/:-@\[-`{-~])")  # CommonMark 0.31, 2.4: every one of these may be escaped


@dataclass(frozen=True, slots=True)
class Annotation:
    """A sentence on a line of a file; `line` 0 is the file as a whole."""

    file: str
    line: int
    title: str
    message: str


@dataclass(frozen=True, slots=True)
class Actions:
    """The runner that a program finds itself on; `summary_file` is where its step's summary is appended."""

    summary_file: str | None


def found(environ: Mapping[str, str]) -> Actions | None:
    """The runner, by its own variables; None where this is none."""
    if environ.get("GITHUB_ACTIONS") != "true":
        return None
    return Actions(environ.get("GITHUB_STEP_SUMMARY") or None)


# Annotations ----------------------------------------------------------------------------------------------------


def of_findings(findings: Iterable[Finding]) -> list[Annotation]:
    """What is wrong in a manifest or lock."""
    return [Annotation(each.file, each.line, each.field or "manifest", _joined(each)) for each in findings]


def of_check(report: CheckReport, manifest: str) -> list[Annotation]:
    """What a check found, each on the line of its asset."""
    return [Annotation(manifest, each.line, each.path, str(each)) for each in report.differences]


def of_run(report: RunReport) -> list[Annotation]:
    """What was not made, each on the line of its asset."""
    return [
        Annotation(report.manifest, each.line, each.path, each.problem.message if each.problem else each.outcome.value)
        for each in report.assets
        if each.outcome in TROUBLED
    ]


def commands(annotations: Sequence[Annotation]) -> list[str]:
    """The lines that make a runner show them; of more than it takes, the last says how many are left out."""
    shown = list(annotations[:MOST_ANNOTATIONS])
    more = len(annotations) - len(shown)
    if more:
        last = shown.pop()
        shown.append(Annotation(last.file, 0, "more", f"{more + 1:,} more are in the log and in the summary."))
    return [_command(each) for each in shown]


def _command(annotation: Annotation) -> str:
    line = f",line={annotation.line}" if annotation.line else ""
    place = f"file={_property(annotation.file)}{line},title={_property(annotation.title)}"
    return f"::error {place}::{_data(annotation.message)}"


def _data(text: str) -> str:
    """A message as a workflow command holds it: on one line, its line ends written as `%0A`."""
    lines = text.replace("%", "%25").splitlines()
    return "%0A".join(_COMMAND.sub("# #[", _CONTROL.sub(" ", line)) for line in lines)


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")


def _joined(finding: Finding) -> str:
    return f"{finding.message} {finding.hint}" if finding.hint else finding.message


# Summary --------------------------------------------------------------------------------------------------------


def check_summary(report: CheckReport, manifest: str) -> str:
    """What a check found, as Markdown."""
    if not report.differences:
        return f"### imgen batch: all {report.assets:,} assets are what {_plain(manifest)} says\n\n"
    title = f"### imgen batch: {len(report.differences):,} of {report.assets:,} assets differ"
    rows = ([_code(each.path), _plain(each.reason)] for each in report.differences)
    return "\n".join([title, "", *_table(["asset", "why"], rows)]) + "\n\n"


def run_summary(report: RunReport) -> str:
    """What came of a run, as Markdown: what went wrong first, then what was made."""
    counts = ", ".join(f"{count:,} {outcome.value}" for outcome, count in report.counts.items())
    sums, unknown = spent(report.assets)
    costs = [in_money(amount, unit) for unit, amount in sums.items()]
    costs += [f"{unknown:,} at an unknown cost"] if unknown else []
    sandbox = " (sandbox)" if report.sandbox else ""
    lines = [f"### imgen batch: {_plain(report.manifest)}{sandbox}", "", f"{counts or 'no assets'}", ""]
    lines += [f"Cost: {_plain(' + '.join(costs) or 'nothing')}. Time: {_seconds(report.seconds)}.", ""]
    shown = [result for result in report.assets if result.outcome is not Outcome.CURRENT]
    shown.sort(key=lambda result: result.outcome not in TROUBLED)
    if shown:
        lines += _table(["asset", "outcome", "service", "size", "cost", "time", "why"], map(_row, shown))
    return "\n".join(lines) + "\n\n"


def _row(result: AssetResult) -> list[str]:
    cost = in_money(result.cost.amount, result.cost.unit)
    return [
        _code(result.path),
        result.outcome.value,
        _plain(result.service or ""),
        f"{result.size:,}" if result.size is not None else "",
        _plain(cost),
        _seconds(result.seconds),
        _plain(result.problem.message) if result.problem else "",
    ]


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    """A Markdown table, cut where a summary would be larger than GitHub takes (it would drop all of it)."""
    lines = [f"| {' | '.join(head)} |", f"|{' --- |' * len(head)}"]
    left = _MOST_SUMMARY_BYTES - _BESIDE_ROWS
    cut = 0
    for row in rows:
        line = f"| {' | '.join(row)} |"
        left -= len(line.encode()) + 1
        if left < 0:
            cut += 1
        else:
            lines.append(line)
    return [*lines, "", f"{cut:,} more are in the log."] if cut else lines


def _plain(text: str) -> str:
    """A text that Markdown shows as it is, on one line."""
    return _MARKUP.sub(r"\\\1", " ".join(_CONTROL.sub(" ", text).split()))


def _code(text: str) -> str:
    """A text as code: GitHub makes no mention or link of what stands in there."""
    return f"<code>{_plain(text)}</code>"


def _seconds(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest} s" if minutes else f"{seconds:.1f} s"

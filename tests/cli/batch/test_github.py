"""GitHub Actions shows what a run says, and acts on none of it."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest

from imgen.batch.check import CheckReport, Difference
from imgen.batch.github import (
    Actions,
    Annotation,
    check_summary,
    commands,
    found,
    of_check,
    of_findings,
    of_run,
    run_summary,
)
from imgen.batch.reading.findings import Finding
from imgen.batch.report import AssetResult, Outcome, RunReport
from imgen.errors import Problem
from imgen.records import Cost

HOSTILE = (
    "x\n::error::y\r\n##[error]z|`rm`<img src=x>%0A::set-output\u202e @someone [a](http://b)\x1b]52;c\x07 https://e.com"
)
MADE = AssetResult("art/a|b.png", 3, Outcome.MADE, Cost("0.134", "usd"), 65.4, 1234567, "gmicloud", "m", "abc234")
FAILED = AssetResult("b.png", 9, Outcome.FAILED, Cost("0", "usd"), 2.0, problem=Problem("failed", HOSTILE, "hint"))


def report(*results: AssetResult) -> RunReport:
    return RunReport("assets.toml", "2026-11-26T03:00:00Z", 70.0, 8, sandbox=False, assets=results)


@pytest.mark.parametrize(
    ("environ", "actions"),
    [
        ({}, None),
        ({"CI": "true", "GITHUB_STEP_SUMMARY": "/tmp/x"}, None),
        ({"GITHUB_ACTIONS": "true"}, Actions(None)),
        ({"GITHUB_ACTIONS": "true", "GITHUB_STEP_SUMMARY": "/tmp/x"}, Actions("/tmp/x")),
    ],
)
def test_a_runner_is_found_by_its_own_variables(environ: dict[str, str], actions: Actions | None) -> None:
    assert found(environ) == actions


def test_an_annotation_stands_on_its_line() -> None:
    findings = [
        Finding("art, v2/assets.toml", 4, "path", "'a:b' is no name.", "Choose another."),
        Finding("a", 0, None, "x"),
    ]

    assert commands(of_findings(findings)) == [
        "::error file=art%2C v2/assets.toml,line=4,title=path::'a:b' is no name. Choose another.",
        "::error file=a,title=manifest::x",
    ]


def test_no_text_becomes_a_command_of_its_own() -> None:
    lines = commands([Annotation("a.toml", 1, HOSTILE, HOSTILE), *of_run(report(MADE, FAILED))])

    assert len(lines) == 2
    for line in lines:
        assert line.startswith("::error file=")
        assert len(line.splitlines()) == 1
        assert "##[" not in line
        assert "\x1b" not in line
        assert "\u202e" not in line
        assert "%250A::set-output" in line
        assert re.match(r"::error file=[^:]*,line=\d+,title=[^:]*::", line)
    assert lines[1].startswith("::error file=assets.toml,line=9,title=b.png::x%0A::error::y%0A# #[error]z")


def test_more_annotations_than_a_runner_takes_are_counted() -> None:
    lines = commands([Annotation("a.toml", n, "x", "y") for n in range(1, 100)])

    assert len(lines) == 10
    assert lines[-1] == "::error file=a.toml,title=more::90 more are in the log and in the summary."
    assert len(commands([Annotation("a.toml", n, "x", "y") for n in range(1, 11)])) == 10


def test_the_summary_of_a_run_is_a_table_with_what_went_wrong_first() -> None:
    lines = run_summary(report(MADE, replace(MADE, path="c.png", outcome=Outcome.CURRENT), FAILED)).splitlines()

    assert lines[0] == "### imgen batch: assets\\.toml"
    assert "1 current, 1 made, 1 failed" in lines
    assert "Cost: \\$0\\.134. Time: 1 min 10 s." in lines
    rows = [line for line in lines if line.startswith("|")]
    assert rows[0] == "| asset | outcome | service | size | cost | time | why |"
    assert [row.split(" | ")[0] for row in rows[2:]] == [r"| <code>b\.png</code>", r"| <code>art\/a\|b\.png</code>"]
    assert rows[3].endswith(r"| made | gmicloud | 1,234,567 | \$0\.134 | 1 min 5 s |  |")


def test_nothing_in_a_summary_is_markup() -> None:
    summary = run_summary(report(FAILED)) + check_summary(
        CheckReport(1, (Difference(HOSTILE, "x", HOSTILE, 1),)), HOSTILE
    )

    bare = re.sub(r"\\[!-/:-@\[-`{-~]", "", summary.replace("<code>", "").replace("</code>", ""))
    assert not re.search(r"[`<>\[\]()@]|https:", bare)
    assert all(line.count("|") in (0, 3, 8) for line in bare.splitlines())
    assert "\x1b" not in summary


def test_a_cost_that_is_not_known_is_said_as_such() -> None:
    unknown = replace(MADE, cost=Cost(None, None))

    assert "\\$0\\.134 \\+ 1 at an unknown cost" in run_summary(
        report(MADE, unknown, replace(unknown, outcome=Outcome.FOUND))
    )


def test_the_summary_of_a_check() -> None:
    fine = check_summary(CheckReport(200, ()), "assets.toml")
    bad = check_summary(CheckReport(200, (Difference("a.png", "missing", "was never made", 1),)), "assets.toml")

    assert fine == "### imgen batch: all 200 assets are what assets\\.toml says\n\n"
    assert "### imgen batch: 1 of 200 assets differ" in bad
    assert r"| <code>a\.png</code> | was never made |" in bad


def test_a_summary_is_never_larger_than_the_runner_takes() -> None:
    many = tuple(Difference(f"art/{n}.png", "missing", "was never made " * 10, n) for n in range(20_000))

    summary = check_summary(CheckReport(20_000, many), "assets.toml")

    assert 800_000 < len(summary.encode()) < 1_048_576
    assert re.search(r"^[\d,]+ more are in the log\.$", summary, re.MULTILINE)


def test_what_a_check_finds_is_annotated_on_the_lines_of_the_assets() -> None:
    checked = CheckReport(
        3, (Difference("a.png", "missing", "was never made", 7), Difference("b.png", "orphan", "is x", 0))
    )

    assert commands(of_check(checked, "assets.toml")) == [
        "::error file=assets.toml,line=7,title=a.png::a.png was never made",
        "::error file=assets.toml,title=b.png::b.png is x",
    ]

"""The report of a run is true, and whole for every reader."""

from __future__ import annotations

import json
from xml.etree.ElementTree import fromstring

from imgen.batch.report import AssetResult, Outcome, RunReport, as_json, as_junit, spent
from imgen.errors import Problem
from imgen.records import Cost

HOSTILE = 'x\x1b[31m ]]> <a&"b"> \ufffe \ud800'
RESULTS = (
    AssetResult(
        "a.png", 3, Outcome.MADE, Cost("0.134", "usd"), 12.3456, 99, "gmicloud", "gemini-3-pro-image", "abc234"
    ),
    AssetResult("b.png", 6, Outcome.CURRENT, Cost("9", "usd")),
    AssetResult(
        "c.png", 9, Outcome.FAILED, Cost("0", "usd"), problem=Problem("refused", HOSTILE, "Change the prompt.")
    ),
    AssetResult(
        *("d.png", 12, Outcome.UNCERTAIN, Cost(None, None)),
        job_id="def567",
        problem=Problem("uncertain", "May be charged."),
    ),
    AssetResult("e.png", 15, Outcome.LEFT, Cost(None, None), problem=Problem("edited", "was changed by hand")),
    AssetResult("f.png", 18, Outcome.MADE, Cost("15", "credits"), service="3daistudio", job_id="ghj789"),
    AssetResult("g.png", 21, Outcome.WAITING, Cost("15", "credits"), service="3daistudio", job_id="kmn234"),
    AssetResult("h.png", 0, Outcome.FOUND, Cost("7", "usd"), service="reapi"),
)
BEFORE = (
    AssetResult("i.png", 24, Outcome.WAITING, Cost("3", "usd"), service="gemini", job_id="pqr567", ordered_before=True),
    AssetResult(
        "j.png", 27, Outcome.WAITING, Cost(None, None), problem=Problem("unfinished", "It was not ordered yet.")
    ),
)
REPORT = RunReport("assets.toml", "2026-11-26T03:00:00Z", 61.5, 10, sandbox=False, assets=RESULTS)


def test_what_a_run_paid_is_added_up_by_unit() -> None:
    sums, unknown = spent(RESULTS)

    assert {unit: str(amount) for unit, amount in sums.items()} == {"usd": "0.134", "credits of 3daistudio": "30"}
    assert unknown == 1


def test_what_an_earlier_run_ordered_or_none_did_costs_a_run_nothing() -> None:
    assert spent([*RESULTS, *BEFORE]) == spent(RESULTS)


def test_the_json_report_holds_every_asset() -> None:
    text = as_json(REPORT)
    data = json.loads(text)

    assert text.isascii()
    assert (data["version"], data["exit_code"], data["unknown_costs"]) == (1, 10, 1)
    assert data["spent"] == {"usd": "0.134", "credits of 3daistudio": "30"}
    assert data["counts"] == {
        "current": 1, "made": 2, "found": 1, "waiting": 1, "left": 1, "failed": 1, "uncertain": 1,
    }  # fmt: skip
    assert data["assets"][0] == {
        "path": "a.png",
        "line": 3,
        "outcome": "made",
        "cost": {"amount": "0.134", "unit": "usd", "computed": False},
        "seconds": 12.346,
        "size": 99,
        "service": "gmicloud",
        "model": "gemini-3-pro-image",
        "job_id": "abc234",
        "ordered_before": False,
        "problem": None,
    }
    assert data["assets"][3]["cost"] == {"amount": None, "unit": None, "computed": False}
    assert data["assets"][3]["problem"] == {"code": "uncertain", "message": "May be charged.", "hint": None}


def test_the_junit_report_is_whole_xml_with_a_case_an_asset() -> None:
    root = fromstring(as_junit(REPORT))
    (suite,) = root
    cases = {case.get("name"): case for case in suite}

    assert root.tag == "testsuites"
    assert {name: suite.get(name) for name in ("tests", "failures", "errors", "skipped", "time", "timestamp")} == {
        "tests": "8",
        "failures": "1",
        "errors": "1",
        "skipped": "2",
        "time": "61.500",
        "timestamp": "2026-11-26T03:00:00",
    }
    assert [[each.tag for each in case] for case in suite] == [
        ["system-out"],
        ["system-out"],
        ["failure", "system-out"],
        ["error", "system-out"],
        ["skipped", "system-out"],
        ["system-out"],
        ["skipped", "system-out"],
        ["system-out"],
    ]
    failure = cases["c.png"].find("failure")
    assert failure is not None
    assert failure.get("message") == 'x\\x1b[31m ]]> <a&"b"> \\xfffe \\xd800'
    assert (failure.get("type"), failure.text) == ("refused", "Change the prompt.")
    assert (cases["a.png"].get("line"), cases["a.png"].get("time")) == ("3", "12.346")
    out = cases["a.png"].findtext("system-out")
    assert out == "outcome: made\nservice: gmicloud\nmodel: gemini-3-pro-image\njob: abc234\ncost: $0.134"

"""Is an order that a limit forbids refused before anything is sent, with what to type, in text and in JSON?"""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from cli.program.program import Ended, Program, served
from imgen.errors import ExitCode

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

NO_SERVER = "http://127.0.0.1:9"
FOX = ("generate", "a fox")
STUDIO = (*FOX, "-p", "3daistudio", "-n", "3")
PRO = (*FOX, "-m", "gemini-3-pro")
DAY = {"IMGEN_BUDGET_DAY": "0.5 usd, 30 credits"}

Line = tuple["Sequence[str]", "Mapping[str, str]", ExitCode, str]

LINES: dict[str, Line] = {
    "too dear": (
        (*STUDIO, "--max-cost", "44"),
        {},
        ExitCode.NO_CREDIT,
        "This order costs 45 credits, and the limit is 44 credits (--max-cost). Nothing was sent.",
    ),
    "what to type": ((*STUDIO, "--max-cost", "44"), {}, ExitCode.NO_CREDIT, "try: --max-cost 45credits, or order less"),
    "too dear today": (STUDIO, DAY, ExitCode.NO_CREDIT, "30 credits a day (IMGEN_BUDGET_DAY), of which nothing went"),
    "another unit": ((*STUDIO, "--max-cost", "9 usd"), {}, ExitCode.NO_CREDIT, "cannot be compared with the limit"),
    "no price": ((*FOX, "-p", "gmicloud"), DAY, ExitCode.NO_CREDIT, "--allow-unknown-cost sends it all the same"),
    "nowhere cheap enough": (
        (*PRO, "--max-cost", "0.001usd"),
        {},
        ExitCode.NO_CREDIT,
        "gptproto: This order costs $0.0804, and the limit is $0.001 (--max-cost). gmicloud: This order costs",
    ),
    "four by an option": (
        (*PRO, "-p", "gptproto", "--option", "n=4", "--max-cost", "0.2usd"),
        {},
        ExitCode.NO_CREDIT,
        "This order costs $0.3216, and the limit is $0.20",
    ),
    "any number by an option": (
        (*PRO, "-p", "gptproto", "--option", "number_of_images=many", "--max-cost", "0.2usd"),
        {},
        ExitCode.NO_CREDIT,
        "This order's cost is unknown",
    ),
    "which unit": ((*PRO, "--max-cost", "1"), {}, ExitCode.USAGE, "in credits (3daistudio) and usd (openrouter)"),
    "no amount": ((*FOX, "--max-cost", "much"), {}, ExitCode.USAGE, "--max-cost: 'much' is not an amount of money"),
    "no unit": (FOX, {"IMGEN_BUDGET_PROJECT": "5"}, ExitCode.KEY, "IMGEN_BUDGET_PROJECT is '5', which has no unit"),
    "no amount a day": (FOX, {"IMGEN_BUDGET_DAY": "5 euro"}, ExitCode.KEY, "IMGEN_BUDGET_DAY: '5 euro' is not"),
    "no day": (("costs", "--since", "someday"), {}, ExitCode.USAGE, "--since"),
    "nothing yet": (("costs",), {"IMGEN_BUDGET_DAY": "5 usd"}, ExitCode.DONE, "Today: $0 of $5 (IMGEN_BUDGET_DAY)."),
}
COSTS = ("costs", "--json")
OVER_IN_JSON = (*STUDIO, "--max-cost", "44", "--json")
DRY = (*STUDIO, "--dry-run", "--json")
TWO = ("costs", "--csv", "--json")
DRY_AUTO = (*PRO, "--dry-run", "--max-cost", "0.2usd")


@pytest.fixture(scope="module")
def answers(tmp_path_factory: pytest.TempPathFactory) -> dict[object, Ended]:
    """Every line's answer, with keys of services that do not answer; one process, since a start costs more."""
    folder = tmp_path_factory.mktemp("limits")
    there = Program(folder / "home", folder).at(NO_SERVER)
    lines = {name: (line, variables, b"") for name, (line, variables, _, _) in LINES.items()}
    more = {line: (line, DAY, b"") for line in (OVER_IN_JSON, DRY)}
    everything: dict[Any, Any] = {**lines, **more, DRY_AUTO: (DRY_AUTO, {}, b""), TWO: (TWO, {}, b"")}
    return dict(zip(everything, there.run_lines(list(everything.values())), strict=True))


@pytest.mark.parametrize("name", LINES)
def test_a_limit_is_said_before_anything_is_sent(answers: dict[object, Ended], name: str) -> None:
    _, _, code, says = LINES[name]

    assert (answers[name].code, answers[name].stdout) == (code, b"")
    assert says in answers[name].stderr


def test_a_refusal_has_its_code_in_json(answers: dict[object, Ended]) -> None:
    refused, twice = answers[OVER_IN_JSON].json, answers[TWO].json

    assert (refused["exit_code"], refused["error"]["code"], refused["jobs"]) == (9, "over_budget", [])
    assert (twice["exit_code"], twice["error"]["message"]) == (2, "--csv and --json both want standard output.")


def test_a_dry_run_says_whether_the_order_would_be_within(answers: dict[object, Ended]) -> None:
    dry, text = answers[DRY].json, answers[DRY_AUTO].stdout.decode()

    assert dry["exit_code"] == 0
    [limit] = dry["requests"][0]["limits"]
    assert (limit["span"], limit["source"], limit["within"]) == ("day", "IMGEN_BUDGET_DAY", False)
    assert "Within the limit of $0.20 (--max-cost): $0.17 would be left." in text
    assert "3daistudio is left out: This order costs 50 credits" in answers[DRY_AUTO].stderr


def test_what_one_service_never_got_is_there_for_the_next(imgen: Program, tmp_path: Path) -> None:
    """The first does not answer; its part of the day's limit goes to the second, whose price is not known."""
    log: list[str] = []
    with served(tmp_path / "far", log) as origin:
        there = imgen.at(origin)
        keys = dict.fromkeys(("GPTPROTO_API_KEY", "REAPI_API_KEY"), "")
        there = replace(there, variables={**there.variables, **keys, "THREEDAISTUDIO_BASE_URL": NO_SERVER, **DAY})
        line = (*FOX, "-p", "auto", "--allow-unknown-cost", "--no-wait", "--json")
        ordered, costs = (json.loads(one.stdout) for one in there.run_lines([(line, {}, b""), (COSTS, {}, b"")]))

    assert [job["provider"] for job in ordered["jobs"]] == ["gmicloud"]
    assert [(row["provider"], row["unit"], row["jobs"]) for row in costs["costs"]["rows"]] == [(None, None, 1)]
    assert [limit["spent"] for limit in costs["costs"]["limits"]] == ["0", "0"]

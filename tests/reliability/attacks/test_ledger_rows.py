"""Rows that no imgen wrote, ids that a service chooses, and orders that only look different."""

from __future__ import annotations

import sqlite3
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import replace
from decimal import Decimal
from typing import TYPE_CHECKING

import pytest

from cli.program.program import KEY, OFTEN, SMALL, Ended, Program
from imgen.errors import ExitCode
from imgen_providers.sandbox.exchange import Reply
from reliability.attacks.attempt import HELD, attempt, plain, rows
from reliability.attacks.hostile import edited, hostile

if TYPE_CHECKING:
    from pathlib import Path

    from imgen_providers.sandbox.exchange import Call
    from reliability.attacks.hostile import Answer


def craft(imgen: Program, statement: str, *values: object) -> None:
    with closing(sqlite3.connect(imgen.home / "ledger.sqlite3")) as ledger, ledger:
        assert ledger.execute(statement, values).rowcount > 0


@pytest.mark.parametrize(
    "column",
    [
        pytest.param("part", marks=attempt(15, "a `part` that names a file of the user", "the file is as it was")),
        pytest.param("kept", marks=attempt(15, "a `kept` that names a file of the user", "the file is as it was")),
    ],
)
def test_a_row_removes_no_file_of_the_user(imgen: Program, tmp_path: Path, column: str) -> None:
    mine = imgen.cwd.parent / "thesis.txt"
    mine.write_text("mine")
    with hostile(tmp_path / "far side", seconds=0.05) as services:
        here = imgen.at(services.services.origin)
        services.twist = lambda at, call, reply: Reply(500, b"") if at == "picture" else reply
        assert here.run("generate", "a fox", "-p", "gptproto", *OFTEN, "--timeout", "2").code == ExitCode.NOT_SAVED
        craft(imgen, f"UPDATE result SET {column} = ?, fetcher = 'gone'", str(mine))
        services.twist = lambda at, call, reply: reply
        ended = [here.run(*command) for command in (("status",), ("wait", *OFTEN), ("download", "--all"))]

    assert all(map(plain, ended)), ended
    assert mine.read_text() == "mine"


@pytest.mark.parametrize(
    "amount",
    rows(
        15,
        {f"a cost of `{amount}` in the ledger": amount for amount in ("-1000", "NaN", "1e-999999999", "Infinity")},
        "no limit is lifted, no bug",
        ("a cost of `-1000` in the ledger", "a cost of `NaN` in the ledger"),
    ),
)
def test_a_cost_that_is_none_lifts_no_limit(imgen: Program, tmp_path: Path, amount: str) -> None:
    with hostile(tmp_path / "far side", seconds=0.05) as services:
        here = imgen.at(services.services.origin)
        assert here.run("generate", "a fox", "-p", "gmicloud", *OFTEN, "-q").code == ExitCode.DONE
        craft(imgen, "UPDATE job SET cost_amount = ?", amount)
        limited = replace(here, variables={**here.variables, "IMGEN_BUDGET_DAY": "0.01 usd"})
        ended = [limited.run("generate", "an owl", "-p", "gmicloud", *OFTEN)]
        answer = [here.run(*command) for command in (("history",), ("costs",), ("status",))]
        ended.append(limited.run("generate", "an owl", "-p", "gmicloud", *OFTEN))

    assert {each.code for each in ended} <= {ExitCode.NO_CREDIT, ExitCode.NOT_SAVED}, (
        ended
    )  # or not before it is mended
    assert services.counts["submit"] == 1
    assert all(map(plain, [*ended, *answer])), answer


@attempt(22, "a service's id that is another job's own id", "the own id names the own job")
def test_a_remote_id_shadows_no_local_one(imgen: Program, tmp_path: Path) -> None:
    shadow = ""

    def twist(at: str, call: Call, reply: Reply) -> Answer:
        if at == "submit" and shadow:
            return edited(reply, lambda body: {**body, "data": {**body["data"], "id": shadow}})
        return reply

    with hostile(tmp_path / "far side", twist, seconds=0.05) as services:
        here = imgen.at(services.services.origin)
        assert here.run("generate", "mine", "-p", "gptproto", *OFTEN, "-q").code == ExitCode.DONE
        [mine] = here.jobs()
        shadow = mine.id
        here.run("generate", "theirs", "-p", "gptproto", *OFTEN, "--timeout", "1")
        asked = here.run("history", "--json"), here.run("status", mine.id, "--json")
        forgotten = here.run("forget", mine.id)

    assert [job["prompt"] for job in asked[1].json["jobs"]] == ["mine"]
    assert plain(forgotten)
    assert [job.id for job in here.jobs() if job.request.prompt == "mine"] == [mine.id]


LIKE = {
    "composed another way": ("a caf\u00e9", "a cafe\u0301"),
    "with a wide letter": ("a fox", "a \uff46ox"),
    "with what is not seen": ("a fox", "a f\u200box"),
    "with another space": ("a fox", "a\u00a0fox"),
}


@pytest.mark.parametrize(
    ("prompt", "like"),
    [
        pytest.param(*pair, marks=attempt(25, f"an uncertain order again, {how}", "refused until `--resubmit`"), id=how)
        for how, pair in LIKE.items()
    ],
)
def test_a_prompt_that_reads_alike_is_not_paid_twice(imgen: Program, tmp_path: Path, prompt: str, like: str) -> None:
    with hostile(
        tmp_path / "far side", lambda at, call, reply: Reply(500, b"") if at == "submit" else reply
    ) as services:
        here = imgen.at(services.services.origin)
        first = here.run("generate", prompt, "-p", "reapi", *OFTEN)
        again = here.run("generate", like, "-p", "reapi", *OFTEN)

    assert (first.code, again.code) == (ExitCode.UNCERTAIN, ExitCode.UNCERTAIN), again
    assert services.counts["submit"] == 1


COUNTS = {
    "gmicloud": ("number_of_images=4", "n=4", "num_images=4", 'parameters={"n": 4}'),
    "gptproto": ("n=4", "num_images=4", 'options={"max_images": 4}'),
    "3daistudio": ("num_images=4", "n=4"),
    "reapi": ("n=4",),
}


@pytest.mark.parametrize(
    ("service", "option"),
    [
        pytest.param(name, option, marks=attempt(26, f"`--option {option}` at {name}", "refused, or in the price"))
        for name, options in COUNTS.items()
        for option in options
    ],
)
def test_a_count_by_another_name_is_in_the_price(imgen: Program, tmp_path: Path, service: str, option: str) -> None:
    with hostile(tmp_path / "far side", seconds=0.05) as services:
        here = imgen.at(services.services.origin)
        order = ("generate", "a fox", "-p", service, "-m", "gemini-3-pro", "--dry-run", "--json")
        one, four = here.run(*order), here.run(*order, "--option", option)

    assert services.counts["submit"] == 0
    assert four.code in (ExitCode.USAGE, ExitCode.DONE), four
    if four.code == ExitCode.DONE:
        assert amount(four) == 4 * amount(one), four


def amount(ended: Ended) -> Decimal:
    (request,) = ended.json["requests"]
    return Decimal(request["cost"]["amount"])


@pytest.mark.whole
@attempt(HELD, "16 processes at once against a budget for 5", "5 orders, and no more")
@pytest.mark.timeout(120)
def test_processes_that_race_stay_within_a_budget(imgen: Program, tmp_path: Path) -> None:
    with hostile(tmp_path / "far side", seconds=0.05) as services:
        here = imgen.at(services.services.origin)
        price = amount(here.run("generate", "a fox", "-p", "gmicloud", "-m", "gemini-3-pro", "--dry-run", "--json"))
        limited = replace(here, variables={**here.variables, "IMGEN_BUDGET_DAY": f"{price * 5} usd"})

        def order(number: int) -> int:
            with limited.start(
                "generate", f"fox {number}", "-p", "gmicloud", "-m", "gemini-3-pro", *OFTEN, "-q"
            ) as process:
                return process.wait(60)

        with ThreadPoolExecutor(16) as threads:
            codes = list(threads.map(order, range(16)))

    assert (codes.count(ExitCode.DONE), codes.count(ExitCode.NO_CREDIT)) == (5, 11), codes
    assert services.counts["submit"] == 5


NASTY = (
    "</script><script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "javascript:alert(1)",
    "{{ 7*7 }}",
    "<!--",
)


@pytest.mark.parametrize(
    "prompt",
    rows(
        HELD,
        {f"a prompt of `{prompt}` in a gallery": prompt for prompt in NASTY},
        "it stands there as text",
        (f"a prompt of `{NASTY[0]}` in a gallery",),
    ),
)
def test_a_prompt_is_text_in_a_gallery(imgen: Program, prompt: str) -> None:
    assert imgen.run("generate", prompt, "--sandbox", *SMALL, "-q", "-o", "fox.png").code == ExitCode.DONE

    assert imgen.run("gallery").code == ExitCode.DONE
    page = (imgen.cwd / "gallery.html").read_text(encoding="utf-8")

    assert "<script>alert(1)" not in page
    assert "<img src=x" not in page
    assert 'href="javascript:' not in page
    assert "Content-Security-Policy" in page
    assert KEY not in page


@attempt(27, "a gallery of pictures in other folders", "no path of this disk is on the page")
def test_a_page_holds_no_path_of_this_disk(imgen: Program) -> None:
    assert imgen.run("generate", "a fox", "--sandbox", *SMALL, "-q", "-o", "shots/fox.png").code == ExitCode.DONE
    elsewhere = imgen.elsewhere(imgen.cwd.parent / "elsewhere")
    assert elsewhere.run("generate", "an owl", "--sandbox", *SMALL, "-q", "-o", "owl.png").code == ExitCode.DONE

    assert imgen.run("gallery").code == ExitCode.DONE
    page = (imgen.cwd / "gallery.html").read_text(encoding="utf-8")

    assert str(imgen.cwd.parent) not in page
    assert "./shots/fox.png" in page

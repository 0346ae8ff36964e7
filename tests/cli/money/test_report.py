"""Are costs added up exactly, unit by unit, with what is unknown or in doubt beside them and never in them?"""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imgen.money.amounts import Amount
from imgen.money.budget import Limit, Span, Spending, Standing
from imgen.money.report import By, CostLine, Use, cost_report, used
from imgen.records import UNKNOWN, Cost

GMI = Spending("2027-01-15", "gmicloud", "pro", "/work", Standing.COUNTS, Cost("0.134", "usd"), UNKNOWN, 3)
STUDIO = GMI._replace(provider="3daistudio", project=None, each=Cost("15", "credits"), jobs=1)
REAPI = GMI._replace(
    day="2027-02-01", provider="reapi", each=Cost("0.03", "usd"), charged=Cost("30", "credits"), jobs=2
)
KNOWN = [
    GMI,
    STUDIO,
    REAPI,
    STUDIO._replace(standing=Standing.UNCERTAIN),
    GMI._replace(standing=Standing.NOTHING),
    GMI._replace(provider="gptproto", each=UNKNOWN, jobs=3),
]


def line(key: str | None, unit: str | None, jobs: int, estimated: str | None = None, **fields: object) -> CostLine:
    return replace(CostLine(key, unit, None, jobs, estimated, None, 0, 0, None, 0), **fields)  # type: ignore[arg-type]


def test_each_unit_has_its_line_and_credits_are_one_services() -> None:
    report = cost_report(KNOWN, By.SERVICE, None, None)

    assert report.rows == (
        line("3daistudio", "credits", 2, "15", provider="3daistudio", doubtful="15", doubtful_jobs=1),
        line("gmicloud", "usd", 3, "0.402"),
        line("gptproto", None, 3),
        line("reapi", "usd", 2, "0.06"),
        line("reapi", "credits", 2, provider="reapi", charged="60", charged_jobs=2),
    )
    assert [(total.unit, total.provider, total.jobs) for total in report.total] == [
        ("usd", None, 5),
        ("credits", "3daistudio", 2),
        ("credits", "reapi", 2),
        (None, None, 3),
    ]


@pytest.mark.parametrize(
    ("by", "keys"),
    [
        (By.DAY, ["2027-01-15", "2027-02-01"]),
        (By.MONTH, ["2027-01", "2027-02"]),
        (By.MODEL, ["3daistudio/pro", "gmicloud/pro", "gptproto/pro", "reapi/pro"]),
        (By.PROJECT, ["/work", None]),
    ],
)
def test_costs_are_added_up_by_what_is_asked_for(by: By, keys: list[str | None]) -> None:
    assert list(dict.fromkeys(row.key for row in cost_report(KNOWN, by, None, None).rows)) == keys


@pytest.mark.parametrize(
    ("since", "until", "jobs"),
    [
        (None, "2027-01-31", 3),
        ("2027-01-16", None, 2),
        ("2027-01-15", "2027-02-01", 5),
        ("2027-02-02", None, 0),
    ],
)
def test_days_are_counted_from_the_first_to_the_last(since: str | None, until: str | None, jobs: int) -> None:
    total = cost_report(KNOWN, By.DAY, since, until).total

    assert sum(row.jobs for row in total if row.unit == "usd") == jobs


@given(st.lists(st.tuples(st.decimals(0, 1000, places=4), st.integers(1, 50), st.sampled_from(Standing)), min_size=1))
def test_nothing_is_lost_or_rounded(spendings: list[tuple[Decimal, int, Standing]]) -> None:
    made = [GMI._replace(each=Cost(str(each), "usd"), jobs=jobs, standing=how) for each, jobs, how in spendings]

    [*total] = cost_report(made, By.DAY, None, None).total

    found = sum((Decimal(row.estimated or 0) + Decimal(row.doubtful or 0) for row in total), Decimal(0))
    assert found == sum(each * jobs for each, jobs, how in spendings if how is not Standing.NOTHING)


def test_how_much_of_a_limit_is_used_up() -> None:
    most = (Amount(Decimal(5), "usd"), Amount(Decimal(100), "credits"))
    day, project = Limit(Span.DAY, most, "here"), Limit(Span.PROJECT, most[:1], "there")

    assert used(day, KNOWN, "2027-01-15", None) == [
        Use(Span.DAY, "here", "usd", None, "0.462", "5"),
        Use(Span.DAY, "here", "credits", "3daistudio", "30", "100"),
    ]
    assert used(project, KNOWN, "2027-02-01", "/work") == [Use(Span.PROJECT, "there", "usd", None, "0.462", "5")]
    assert used(project, KNOWN, "2027-02-01", "/play") == [Use(Span.PROJECT, "there", "usd", None, "0", "5")]
    assert used(project, KNOWN, "2027-02-01", None) == []

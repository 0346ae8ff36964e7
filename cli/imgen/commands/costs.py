"""imgen costs: what was spent, by the ledger."""

from __future__ import annotations

from time import time
from typing import TYPE_CHECKING, Annotated

import typer

from imgen.commands import options
from imgen.config.config import load
from imgen.errors import UsageProblem
from imgen.money.report import By

if TYPE_CHECKING:
    from imgen.config.config import Config
    from imgen.money.budget import Spending

_INSTANT = 0.001  # seconds: the day that ends at midnight is the one before


def costs(
    by: Annotated[By, typer.Option("--by", help="day, month, service, model or project.")] = By.DAY,
    since: Annotated[
        str | None,
        typer.Option(
            "--since", metavar="DATE", help="The first day: 2026-11-01, or 7d for a week back.", show_default=False
        ),
    ] = None,
    until: Annotated[
        str | None,
        typer.Option("--until", metavar="DATE", help="The last day.", show_default=False),
    ] = None,
    csv: Annotated[bool, typer.Option("--csv", help="Print CSV, for a spreadsheet.")] = False,
    json: options.Json = False,
    sandbox: options.Sandbox = False,
    profile: options.Profile = None,
) -> int:
    """Add up what was spent.

    Amounts are estimated from the prices of the day; what a service itself reports stands beside them, and is marked as
    computed where it reports only what it counted.
    Dollars and the credits of each service are added up separately. The sandbox costs nothing.

    Examples:
        imgen costs
        imgen costs --by service --since 30d
    """
    from imgen.commands.reporting import standard_streams
    from imgen.commands.times import span
    from imgen.money.report import cost_report, used
    from imgen.orders.limits import standing_limits
    from imgen.screen.console import err_sentence, out
    from imgen.screen.costs import cost_csv, cost_lines, use_line
    from imgen.screen.envelope import envelope

    if csv and json:
        raise UsageProblem("--csv and --json both want standard output.", "Leave one of them out.")
    now = time()
    begin, end = span(since, until, now)
    config = load(profile)
    spendings, today = _spendings(config, now)
    spendings = [] if sandbox else spendings  # what the sandbox makes costs nothing
    uses = [use for limit in standing_limits(config) for use in used(limit, spendings, today, config.project)]
    report = cost_report(spendings, by, _day(begin), _day(None if end is None else end - _INSTANT), uses)
    if json:
        out(envelope("costs", exit_code=0, data=("costs", report)))
        return 0
    if csv:
        out(cost_csv(report))
    elif report.rows:
        streams = standard_streams(config)
        out("\n".join(cost_lines(report, width=streams.stdout_width, color=streams.stdout_color)))
    elif sandbox:
        err_sentence("The sandbox costs nothing. imgen history --sandbox lists what was made there.")
    else:
        err_sentence("Nothing was spent then." if since or until else "Nothing was spent yet.")
    for use in uses:
        err_sentence(use_line(use))
    return 0


def _spendings(config: Config, now: float) -> tuple[list[Spending], str]:
    """What the ledger has, and the calendar day it is by it."""
    from imgen.jobs.session import session
    from imgen.money.budget import local_day
    from imgen.screen.console import err

    with session(config, err) as opened:
        if opened.is_new:
            return [], local_day(now).isoformat()
        return opened.ledger.spending.totals(), opened.ledger.spending.today()


def _day(moment: float | None) -> str | None:
    from imgen.money.budget import local_day

    return None if moment is None else local_day(moment).isoformat()

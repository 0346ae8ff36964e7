"""imgen costs: what was spent, by the ledger."""

from __future__ import annotations

from datetime import datetime
from time import time
from typing import TYPE_CHECKING, Annotated

import typer

from imgen.commands import options
from imgen.config import load
from imgen.errors import UsageProblem
from imgen.jobs.cost_report import By

if TYPE_CHECKING:
    from imgen.config import Config
    from imgen.jobs.budget import Spending


def costs(
    by: Annotated[By, typer.Option("--by", help="What to add up by.")] = By.DAY,
    since: Annotated[
        datetime | None,
        typer.Option("--since", metavar="DATE", formats=["%Y-%m-%d"], help="The first day.", show_default=False),
    ] = None,
    until: Annotated[
        datetime | None,
        typer.Option("--until", metavar="DATE", formats=["%Y-%m-%d"], help="The last day.", show_default=False),
    ] = None,
    csv: Annotated[bool, typer.Option("--csv", help="Print it as CSV.")] = False,
    json: options.Json = False,
) -> int:
    """Say what was spent: estimated by the prices of the day, and charged where a service says it.

    Days are those of this machine's clock. The sandbox costs nothing, and nothing is converted.
    """
    from imgen.commands.telling import surroundings
    from imgen.jobs.budget import local_day
    from imgen.jobs.cost_report import cost_report, used
    from imgen.jobs.limits import standing_limits
    from imgen.screen.console import err, out
    from imgen.screen.costs import cost_csv, cost_lines, use_line
    from imgen.screen.envelope import envelope

    if csv and json:
        raise UsageProblem("--csv and --json both want standard output.", "Leave one of them out.")
    config = load()
    spendings = _spendings(config)
    today = local_day(time()).isoformat()
    uses = [use for limit in standing_limits(config) for use in used(limit, spendings, today, config.project)]
    report = cost_report(spendings, by, _day(since), _day(until), uses)
    if json:
        out(envelope("costs", exit_code=0, data=("costs", report)))
        return 0
    if csv:
        out(cost_csv(report))
    elif report.rows:
        around = surroundings(config)
        out("\n".join(cost_lines(report, width=around.stdout_width, color=around.stdout_color)))
    else:
        err("Nothing was spent then." if since or until else "Nothing was spent yet.")
    for use in uses:
        err(use_line(use))
    return 0


def _spendings(config: Config) -> list[Spending]:
    from imgen.jobs.run import session

    if not config.ledger_path.exists():
        return []
    with session(config) as opened:
        return opened.ledger.spendings()


def _day(moment: datetime | None) -> str | None:
    return moment.date().isoformat() if moment else None

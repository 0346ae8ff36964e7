"""imgen history: what was made, found again."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Annotated

import typer

from imgen.commands import options
from imgen.config.config import SANDBOX, load

if TYPE_CHECKING:
    from imgen.money.amounts import Amount
    from imgen.records import State


def history(
    words: Annotated[
        list[str] | None,
        typer.Argument(metavar="[WORDS]...", help="Words of the prompt; each must be in it.", show_default=False),
    ] = None,
    provider: options.Provider = None,
    model: Annotated[
        str | None,
        typer.Option("-m", "--model", metavar="MODEL", help="Such as gemini-3-pro.", show_default=False),
    ] = None,
    state: Annotated[
        str | None,
        typer.Option("--state", metavar="STATE", help="Such as saved, failed or uncertain.", show_default=False),
    ] = None,
    since: Annotated[
        str | None,
        typer.Option(
            "--since", metavar="DATE", help="From this day on: 2026-11-01, or 7d for a week back.", show_default=False
        ),
    ] = None,
    until: Annotated[
        str | None,
        typer.Option("--until", metavar="DATE", help="Up to this day.", show_default=False),
    ] = None,
    least: Annotated[
        str | None,
        typer.Option(
            "--cost-from", metavar="AMOUNT", help="Jobs that cost at least this, such as 0.10usd.", show_default=False
        ),
    ] = None,
    most: Annotated[
        str | None, typer.Option("--cost-to", metavar="AMOUNT", help="Jobs that cost at most this.", show_default=False)
    ] = None,
    limit: Annotated[int, typer.Option("-n", "--limit", min=0, metavar="N", help="How many; 0: all.")] = 20,
    paths: Annotated[bool, typer.Option("--paths", help="Print where the pictures of each job are.")] = False,
    sandbox: options.Sandbox = False,
    json: options.Json = False,
    profile: options.Profile = None,
) -> int:
    """Search all past jobs.

    The latest comes first. imgen again JOB makes one of them once more.

    Examples:
        imgen history
        imgen history red fox --since 7d
        imgen history --state uncertain
    """
    from imgen.commands.reporting import Reporter, standard_streams
    from imgen.commands.times import span
    from imgen.errors import ExitCode
    from imgen.jobs.report import Report
    from imgen.jobs.session import session
    from imgen.ledger.queries import Wanted
    from imgen.orders.matching import find_service
    from imgen.screen.console import Form, err, err_sentence, out
    from imgen.screen.tables import history_lines

    now = time.time()
    begin, end = span(since, until, now)
    lowest, highest = _amount("--cost-from", least), _amount("--cost-to", most)
    wanted = Wanted(
        words=tuple(words or ()),
        provider=find_service(provider).name if provider else None,
        model=model,
        state=_state(state),
        origin=SANDBOX if sandbox else None,
        since=begin,
        until=end,
        least=lowest.value if lowest else None,
        most=highest.value if highest else None,
        cost_unit=_unit(lowest, highest),
    )
    config = load(profile)
    with session(config, err) as opened:
        records, every = ([], 0) if opened.is_new else opened.ledger.jobs.history(wanted, limit)
    streams = standard_streams(config)
    if json:
        out(Reporter("history", streams, Form.JSON).envelope(Report(tuple(records), {}), ExitCode.DONE))
        return 0
    if records:
        out("\n".join(history_lines(records, now, width=streams.stdout_width, paths=paths, color=streams.stdout_color)))
    if every > len(records):
        err_sentence(f"These are the latest {len(records)} of {every:,}; -n 0 lists all.")
    elif not records:
        err_sentence("No job matches." if wanted != Wanted() else "Nothing was made yet.")
    return 0


def _state(name: str | None) -> State | None:
    from imgen.orders.matching import no_such
    from imgen.records import State

    if name is None:
        return None
    try:
        return State(name.lower())
    except ValueError:
        raise no_such("state", name, State, "States") from None


def _amount(option: str, text: str | None) -> Amount | None:
    from imgen.errors import UsageProblem
    from imgen.money.amounts import BadAmount, parse_amounts

    if text is None:
        return None
    try:
        amount, *more = parse_amounts(text)
    except BadAmount as error:
        raise UsageProblem(f"{option}: {error}.") from error
    if more:
        raise UsageProblem(f"{option} takes one amount.", f"{option} {amount}")
    return amount


def _unit(*amounts: Amount | None) -> str | None:
    """The unit that is asked for. Raises `UsageProblem` where there are two: nothing is converted."""
    from imgen.errors import UsageProblem

    units = sorted({amount.unit for amount in amounts if amount and amount.unit})
    if len(units) > 1:
        raise UsageProblem(f"--cost-from and --cost-to are in {' and in '.join(units)}.", "Name one unit in both.")
    return units[0] if units else None

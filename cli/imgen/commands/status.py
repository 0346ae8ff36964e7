"""imgen status: how jobs stand, asked once."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import TYPE_CHECKING, Annotated

import typer

from imgen.commands import options
from imgen.config.config import load
from imgen.errors import ExitCode, UsageProblem

if TYPE_CHECKING:
    from collections.abc import Sequence

    from imgen.records import JobRecord
    from imgen.screen.console import Streams


def status(
    jobs: options.Ids = None,
    provider: options.Provider = None,
    tree: Annotated[
        bool, typer.Option("--tree", help="Show what each job goes on from, and what goes on from it.")
    ] = False,
    lost: Annotated[
        bool, typer.Option("--lost", help="List what was paid for and died before it was saved, with its cost.")
    ] = False,
    json: options.Json = False,
    verbose: options.Verbose = False,
    sandbox: options.Sandbox = False,
    profile: options.Profile = None,
) -> int:
    """Say how jobs stand, asking each open one once and saving nothing.

    Without ids, all that is open, and of that first whose links die soonest.
    """
    from imgen.commands.reporting import families, follow, named_jobs, print_states, standard_streams
    from imgen.jobs.goals import Goal
    from imgen.jobs.worker import report, session, work
    from imgen.money.losses import losses, soonest_first
    from imgen.records import OPEN, State

    if lost and (jobs or tree):
        raise UsageProblem(
            "--lost lists every lost picture; it goes with neither jobs nor --tree.", "imgen status --lost"
        )
    asked = OPEN | {State.UNCERTAIN}  # one whose reply was lost may be in the service's list by now
    config = load(profile)
    streams = standard_streams(config)
    in_sandbox = sandbox or config.sandbox
    with session(config) as opened:
        gone = opened.expired_jobs(provider, sandbox=in_sandbox)
        if lost:
            return _tell_lost(gone, streams, json=json)
        if not jobs and not named_jobs(opened, None, (), provider, config, sandbox=in_sandbox):
            return _nothing_open(provider, gone, json=json)
        known = (
            None if provider and jobs else named_jobs(opened, None, jobs or (), provider, config, sandbox=in_sandbox)
        )
        if known is not None and tree:
            known = families(opened, known)
        if known is not None and not any(record.state in asked for record in known):
            return print_states(
                report(known, {}, Goal.ANSWER), streams, time.time(), losses(gone), json=json, tree=tree
            )
        with work(opened, config) as working:
            records = named_jobs(opened, working, jobs or (), provider, config, sandbox=in_sandbox)
            if tree:
                records = families(opened, records)
            outcome = follow(opened, working, records, Goal.ANSWER, streams, quiet=True, timeout=60.0)
    if not jobs:
        outcome = replace(outcome, records=tuple(soonest_first(outcome.records)))
    code = print_states(outcome, streams, time.time(), losses(gone), json=json, tree=tree)
    if not (jobs or json):
        _tell_losses(gone)
    return code


def _tell_lost(gone: Sequence[JobRecord], streams: Streams, *, json: bool) -> int:
    """Every job with lost pictures, the oldest first."""
    from imgen.commands.reporting import envelope_of
    from imgen.jobs.worker import Report
    from imgen.money.losses import losses
    from imgen.screen.console import err, out
    from imgen.screen.tables import losses_line, lost_lines

    if json:
        out(envelope_of("status", Report(tuple(gone), {}, ExitCode.DONE), data=("lost", losses(gone))))
        return ExitCode.DONE
    if gone:
        out("\n".join(lost_lines(gone, time.time(), width=streams.stdout_width)))
        err("imgen download --all asks for them once more; imgen forget JOB closes one.")
    if paid := losses(gone):
        err(losses_line(paid))
    elif not gone:
        err("Nothing was lost.")
    return ExitCode.DONE


def _nothing_open(provider: str | None, gone: Sequence[JobRecord], *, json: bool) -> int:
    from imgen.commands.reporting import nothing_open
    from imgen.money.losses import losses

    code = nothing_open("status", provider, options.answer_form(json=json, events=False), data=("lost", losses(gone)))
    if not json:
        _tell_losses(gone)
    return code


def _tell_losses(gone: Sequence[JobRecord]) -> None:
    """The closing line about what is dead already."""
    from imgen.money.losses import losses
    from imgen.screen.console import err
    from imgen.screen.tables import losses_line

    if paid := losses(gone):
        err(f"{losses_line(paid)} imgen status --lost lists them.")

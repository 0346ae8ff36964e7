"""imgen download: save what is finished, now."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Annotated

import typer

from imgen.commands import options
from imgen.config.config import load
from imgen.errors import ExitCode, UsageProblem
from imgen.screen.envelope import Form

if TYPE_CHECKING:
    from collections.abc import Sequence

    from imgen.records import JobRecord


def download(
    jobs: options.Ids = None,
    provider: options.Provider = None,
    all: Annotated[
        bool,
        typer.Option(
            "--all",
            help="All that is finished and not saved, found dead before or not; unfinished jobs are no failure.",
        ),
    ] = False,
    expiring: options.Expiring = None,
    strict: options.Strict = False,
    json: options.Json = False,
    events: options.Events = False,
    show: options.Show = False,
    verbose: options.Verbose = False,
    quiet: options.Quiet = False,
    sandbox: options.Sandbox = False,
    profile: options.Profile = None,
) -> int:
    """Save the pictures of finished jobs without waiting for others; without ids, of everything that is open.

    A job that is named is fetched again where its link was found dead, or its saved file was deleted since.
    """
    from imgen.commands.reporting import follow, named_jobs, print_report, standard_streams
    from imgen.jobs.goals import Goal
    from imgen.jobs.worker import session, work
    from imgen.money.losses import may_expire_by, soonest_first

    if (all or expiring is not None) and (jobs or (all and expiring is not None)):
        raise UsageProblem("Name jobs, or use --all, or --expiring: one of the three.", "imgen download --help")
    form = options.answer_form(json=json, events=events)
    config = load(profile)
    streams = standard_streams(config)
    in_sandbox = sandbox or config.sandbox
    with session(config) as opened:
        found = named_jobs(opened, None, (), provider, config, sandbox=in_sandbox) if not jobs else []
        if all:
            found = [*found, *(lost for lost in opened.expired_jobs(provider, sandbox=in_sandbox) if lost not in found)]
        if expiring is not None:
            found = [record for record in found if may_expire_by(record, time.time() + expiring)]
        if not (jobs or found):
            return _nothing(expiring, provider, form)
        goal = Goal.FINISHED if all or expiring is not None else Goal.WHAT_IS_READY
        with work(opened, config) as working:
            if jobs:
                found = named_jobs(opened, working, jobs, provider, config, sandbox=in_sandbox)
            # Who moved saved pictures elsewhere does not want them all again.
            records = opened.reopen_deleted(found) if jobs else opened.reopen_expired(soonest_first(found))
            outcome = follow(
                opened, working, records, goal, streams, quiet=quiet, timeout=None, strict=strict, form=form
            )
    code = print_report("download", outcome, streams, form=form, quiet=quiet, show=show)
    if goal is Goal.FINISHED and form is Form.TEXT and not quiet and code != ExitCode.INTERRUPTED:
        _tell_unfinished(outcome.records)
    return code


def _nothing(within: float | None, provider: str | None, form: Form) -> int:
    from imgen.commands.reporting import nothing_open
    from imgen.screen.console import err
    from imgen.screen.durations import span

    if within is None or form is not Form.TEXT:
        return nothing_open("download", provider, form)
    err(f"Nothing dies within {span(within)}.")
    return ExitCode.DONE


def _tell_unfinished(records: Sequence[JobRecord]) -> None:
    from imgen.records import State
    from imgen.screen.console import err

    number = sum(record.state in (State.QUEUED, State.RUNNING, State.SUBMITTING) for record in records)
    if number:
        err(f"{number} {'job is' if number == 1 else 'jobs are'} not finished yet: imgen wait")

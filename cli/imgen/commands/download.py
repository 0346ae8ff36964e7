"""imgen download: save what is finished, now."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Annotated

import typer

from imgen.commands import options
from imgen.config.config import load
from imgen.errors import ExitCode, UsageProblem
from imgen.screen.console import Form

if TYPE_CHECKING:
    from collections.abc import Sequence

    from imgen.commands.reporting import Reporter
    from imgen.records import JobRecord


def download(
    jobs: options.Ids = None,
    provider: options.Provider = None,
    all: Annotated[
        bool,
        typer.Option(
            "--all",
            help="All finished pictures; unfinished jobs are no failure.",
        ),
    ] = False,
    expiring: options.Expiring = None,
    output: options.Elsewhere = None,
    strict: options.Strict = False,
    json: options.Json = False,
    events: options.Events = False,
    show: options.Show = False,
    open: options.Open = False,
    notify: options.Notify = False,
    verbose: options.Verbose = False,
    quiet: options.Quiet = False,
    sandbox: options.Sandbox = False,
    profile: options.Profile = None,
) -> int:
    """Save finished pictures now, without waiting.

    With a job's id it also downloads files again that were deleted, and asks once more for a new link where one
    expired. What a fleet saved in its storage comes from there. It costs nothing.

    Examples:
        imgen download --all
        imgen download --expiring 6h
        imgen download JOB
    """
    from imgen.commands.named_jobs import copied, jobs_of, retargeted
    from imgen.commands.reporting import Reporter, standard_streams
    from imgen.fleet.collecting import Collector
    from imgen.jobs.report import Goal
    from imgen.jobs.session import session
    from imgen.jobs.worker import work
    from imgen.money.losses import may_expire_by, soonest_first
    from imgen.screen.console import err

    if (all or expiring is not None) and (jobs or (all and expiring is not None)):
        raise UsageProblem("Name jobs, or use --all, or --expiring: one of the three.", "imgen download --help")
    if output is not None and not jobs:
        raise UsageProblem("-o says where the pictures of named jobs go.", "imgen download JOB -o FOLDER")
    config = load(profile)
    form = options.answer_form(json=json, events=events)
    reporter = Reporter("download", standard_streams(config), form, quiet, show, strict, open, notify)
    in_sandbox = sandbox or config.sandbox
    with session(config, err) as opened, work(opened, config) as worker:
        records = jobs_of(opened, worker, jobs, provider, config, sandbox=in_sandbox)
        if all:
            expired = opened.expired_jobs(provider, sandbox=in_sandbox)
            records = [*records, *(record for record in expired if record not in records)]
        if expiring is not None:
            records = [record for record in records if may_expire_by(record, time.time() + expiring)]
        if not records:
            return _nothing(expiring, provider, reporter)
        # Saved pictures that were moved elsewhere are not fetched again, unless their job is named.
        records = opened.reopen_deleted(records) if jobs else opened.reopen_expired(soonest_first(records))
        if output is not None:
            records = retargeted(opened, records, output, config)
        goal = Goal.FINISHED if all or expiring is not None else Goal.WHAT_IS_READY
        report = worker.follow(records, goal, reporter.display(opened), timeout=None)
        report = Collector.of(opened, config).report(report)
        if output is not None:
            report = copied(report)
    code = reporter.report(report)
    if goal is Goal.FINISHED and form is Form.TEXT and not report.interrupted:
        _note_unfinished(report.records, reporter)
    return code


def _nothing(within: float | None, provider: str | None, reporter: Reporter) -> ExitCode:
    from imgen.screen.console import err_sentence
    from imgen.screen.durations import span

    if within is None or reporter.form is not Form.TEXT:
        return reporter.nothing_open(provider)
    err_sentence(f"Nothing expires within {span(within)}.")
    return ExitCode.DONE


def _note_unfinished(records: Sequence[JobRecord], reporter: Reporter) -> None:
    from imgen.records import State

    number = sum(record.state in (State.QUEUED, State.RUNNING, State.SUBMITTING) for record in records)
    if number:
        reporter.note(f"{number} {'job is' if number == 1 else 'jobs are'} not finished yet.")
        reporter.note("  imgen wait")

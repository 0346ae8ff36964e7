"""imgen wait: follow jobs to their end and save their pictures."""

from __future__ import annotations

from typing import Annotated

import typer

from imgen.commands import options
from imgen.config.config import load
from imgen.errors import UsageProblem


def wait(
    jobs: options.Ids = None,
    provider: options.Provider = None,
    remote: Annotated[
        str | None,
        typer.Option(
            "--remote", metavar="ITS_ID", help="The service's own id of an uncertain JOB.", show_default=False
        ),
    ] = None,
    output: options.Elsewhere = None,
    timeout: options.Timeout = None,
    poll_every: options.PollEvery = None,
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
    """Wait for jobs and save their pictures.

    Without ids it waits for all open jobs. A job that was sent elsewhere is taken over with -p PROVIDER and the
    service's own id.

    Examples:
        imgen wait
        imgen wait JOB
    """
    from imgen.commands.named_jobs import jobs_of, retargeted
    from imgen.commands.reporting import Reporter, standard_streams
    from imgen.jobs.report import Goal
    from imgen.jobs.session import session
    from imgen.jobs.worker import work
    from imgen.screen.console import err

    if output is not None and not jobs:
        raise UsageProblem("-o says where the pictures of named jobs go.", "imgen wait JOB -o FOLDER")
    form = options.answer_form(json=json, events=events)
    config = load(profile)
    reporter = Reporter("wait", standard_streams(config), form, quiet, show, strict, open, notify)
    timeout = config.timeout if timeout is None else timeout
    with session(config, err) as opened, work(opened, config, poll_every=poll_every) as worker:
        records = jobs_of(opened, worker, jobs, provider, config, sandbox=sandbox or config.sandbox)
        if remote is not None:
            if len(records) != 1 or not jobs:
                raise UsageProblem("--remote is for one job.", "imgen wait JOB --remote ITS_ID")
            records = [worker.attach(records[0], remote)]
        if not records:
            return reporter.nothing_open(provider)
        if jobs:
            records = opened.reopen_deleted(records)
        if output is not None:
            records = retargeted(opened, records, output, config)
        report = worker.follow(records, Goal.PICTURES, reporter.display(opened), timeout=timeout)
    return reporter.report(report)

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
            "--remote", metavar="ITS_ID", help="The one uncertain JOB is this job of its service.", show_default=False
        ),
    ] = None,
    timeout: options.Timeout = None,
    poll_every: options.PollEvery = None,
    strict: options.Strict = False,
    json: options.Json = False,
    events: options.Events = False,
    show: options.Show = False,
    verbose: options.Verbose = False,
    quiet: options.Quiet = False,
    sandbox: options.Sandbox = False,
    profile: options.Profile = None,
) -> int:
    """Wait for jobs and save their pictures; without ids, for everything that is open.

    A job that was submitted elsewhere is taken over with: imgen wait -p PROVIDER REMOTE_ID
    """
    from imgen.commands.reporting import follow, named_jobs, nothing_open, print_report, standard_streams
    from imgen.jobs.goals import Goal
    from imgen.jobs.worker import session, work

    form = options.answer_form(json=json, events=events)
    config = load(profile)
    streams = standard_streams(config)
    in_sandbox = sandbox or config.sandbox
    with session(config) as opened:
        if not jobs and not named_jobs(opened, None, (), provider, config, sandbox=in_sandbox):
            return nothing_open("wait", provider, form)
        timeout = config.timeout if timeout is None else timeout
        with work(opened, config, poll_every=poll_every) as working:
            named = named_jobs(opened, working, jobs or (), provider, config, sandbox=in_sandbox)
            if remote is not None:
                if len(named) != 1 or not jobs:
                    raise UsageProblem("--remote is for one job.", "imgen wait JOB --remote ITS_ID")
                named = [working.attach(named[0], remote)]
            records = opened.reopen_deleted(named) if jobs else named
            outcome = follow(
                opened, working, records, Goal.PICTURES, streams, quiet=quiet, timeout=timeout, strict=strict, form=form
            )
    return print_report("wait", outcome, streams, form=form, quiet=quiet, show=show)

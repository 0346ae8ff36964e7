"""imgen work: a worker of a fleet, which takes queued jobs and follows each to its end."""

from __future__ import annotations

import time
from typing import Annotated

import typer

from imgen.commands import options
from imgen.config.config import load
from imgen.errors import ExitCode


def work(
    until_idle: Annotated[
        bool, typer.Option("--until-idle", help="End once no job is left in the queues, with the code of them all.")
    ] = False,
    queue: Annotated[
        list[str] | None,
        typer.Option("--queue", metavar="NAME", help="Only jobs of this service; else of all with a key here."),
    ] = None,
    concurrency: Annotated[
        int, typer.Option("--concurrency", min=1, max=2000, metavar="N", help="How many jobs are followed at a time.")
    ] = 100,
    poll_every: options.PollEvery = None,
    verbose: options.Verbose = False,
    quiet: options.Quiet = False,
    sandbox: options.Sandbox = False,
    profile: options.Profile = None,
) -> int:
    """Take jobs from a fleet's queue and save their pictures.

    `imgen batch --queue` puts them there. The ledger is the PostgreSQL that IMGEN_LEDGER names, and the pictures go to
    the storage that IMGEN_STORE names. Keys of services are needed here only.

    Examples:
        imgen work --until-idle
    """
    from imgen.commands.fleet import check_durability, fleet_ledger
    from imgen.fleet.engine import Engine
    from imgen.fleet.working import WorkOptions, queues_of, work_through
    from imgen.jobs.session import session
    from imgen.jobs.worker import work as at_work
    from imgen.screen.console import err
    from imgen.screen.display import SilentDisplay
    from imgen.screen.lines import LineDisplay

    config = load(profile)
    queues = queues_of(queue or (), config.accounts, sandbox=sandbox or config.sandbox)
    with session(config, err) as opened, at_work(opened, config, poll_every=poll_every) as worker:
        ledger, address = fleet_ledger(opened, config)
        worker.check_store()
        check_durability(address, queues)
        if not quiet:
            err(f"Worker {worker.owner.name} takes jobs of {', '.join(queues)} from {address.shown}.")
        display = SilentDisplay() if quiet else LineDisplay(time.monotonic)
        wanted = WorkOptions(queues, concurrency, until_idle)
        try:
            code = work_through(ledger, worker, Engine(address), wanted, display)
        except KeyboardInterrupt:
            err("imgen: Stopped. What was not finished is in the queue again, for another worker.")
            return ExitCode.INTERRUPTED
    if not quiet:
        err(f"The queues are empty: {code.meaning}.")
    return code

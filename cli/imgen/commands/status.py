"""imgen status: how jobs stand, asked once."""

from __future__ import annotations

import time
from typing import Annotated

import typer

from imgen.commands import options
from imgen.config import load


def status(
    jobs: options.Ids = None,
    provider: options.Provider = None,
    tree: Annotated[
        bool, typer.Option("--tree", help="Show what each job goes on from, and what goes on from it.")
    ] = False,
    json: options.Json = False,
    verbose: options.Verbose = False,
    sandbox: options.Sandbox = False,
) -> int:
    """Say how jobs stand, asking each open one once and saving nothing; without ids, all that is open."""
    from imgen.commands.telling import families, follow, named_jobs, nothing_open, surroundings, tell_states
    from imgen.jobs.goals import Goal
    from imgen.jobs.records import OPEN, State
    from imgen.jobs.run import report, session, work

    asked = OPEN | {State.UNCERTAIN}  # one whose reply was lost may be in the service's list by now
    config = load()
    around = surroundings(config)
    in_sandbox = sandbox or config.sandbox
    with session(config) as opened:
        if not jobs and not named_jobs(opened, None, (), provider, config, sandbox=in_sandbox):
            return nothing_open("status", provider, json=json)
        known = (
            None if provider and jobs else named_jobs(opened, None, jobs or (), provider, config, sandbox=in_sandbox)
        )
        if known is not None and tree:
            known = families(opened, known)
        if known is not None and not any(record.state in asked for record in known):
            return tell_states(report(known, {}, Goal.ANSWER), around, time.time(), json=json, tree=tree)
        with work(opened, config) as working:
            records = named_jobs(opened, working, jobs or (), provider, config, sandbox=in_sandbox)
            if tree:
                records = families(opened, records)
            told = follow(opened, working, records, Goal.ANSWER, around, quiet=True, timeout=60.0)
    return tell_states(told, around, time.time(), json=json, tree=tree)

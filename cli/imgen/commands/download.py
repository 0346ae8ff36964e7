"""imgen download: save what is finished, now."""

from __future__ import annotations

from imgen.commands import options
from imgen.config import load


def download(
    jobs: options.Ids = None,
    provider: options.Provider = None,
    strict: options.Strict = False,
    json: options.Json = False,
    verbose: options.Verbose = False,
    quiet: options.Quiet = False,
    sandbox: options.Sandbox = False,
) -> int:
    """Save the pictures of finished jobs without waiting for others; without ids, of everything that is open.

    A picture whose saved file was deleted since is fetched again.
    """
    from imgen.commands.telling import follow, named_jobs, nothing_open, surroundings, tell
    from imgen.jobs.goals import Goal
    from imgen.jobs.run import session, work

    config = load()
    around = surroundings(config)
    in_sandbox = sandbox or config.sandbox
    with session(config) as opened:
        if not jobs and not named_jobs(opened, None, (), provider, config, sandbox=in_sandbox):
            return nothing_open("download", provider, json=json)
        with work(opened, config) as working:
            named = named_jobs(opened, working, jobs or (), provider, config, sandbox=in_sandbox)
            records = opened.reopen_deleted(named)
            told = follow(
                opened, working, records, Goal.WHAT_IS_READY, around, quiet=quiet, timeout=None, strict=strict
            )
    return tell("download", told, around, json=json, quiet=quiet)

"""imgen forget: close jobs on a person's word."""

from __future__ import annotations

from typing import Annotated

import typer

from imgen.commands import options
from imgen.config import load


def forget(
    jobs: Annotated[list[str], typer.Argument(metavar="JOB...", help="Ids of jobs.", show_default=False)],
    json: options.Json = False,
) -> int:
    """Close jobs that nothing more will come of, such as one that may have been charged and was not.

    They stay in the history, and count against no limit any more; nothing is cancelled at the service.
    """
    from imgen.errors import ExitCode
    from imgen.jobs.run import Report, session
    from imgen.screen.console import err, out

    config = load()
    with session(config) as opened:
        records = opened.find(jobs)
        opened.ledger.forget([record.id for record in records])
        closed = opened.ledger.jobs([record.id for record in records])
    if json:
        from imgen.commands.telling import envelope_of

        out(envelope_of("forget", Report(tuple(closed), {}, ExitCode.DONE)))
    else:
        err(f"Closed: {', '.join(record.id for record in closed)}.")
    return 0

"""imgen forget: close jobs on a person's word."""

from __future__ import annotations

from typing import Annotated

import typer

from imgen.commands import options
from imgen.config.config import load


def forget(
    jobs: Annotated[list[str], typer.Argument(metavar="JOB...", help="Ids of jobs.", show_default=False)],
    json: options.Json = False,
) -> int:
    """Close jobs that nothing more will come of, such as one that may have been charged and was not.

    They stay in the history, and count against no limit any more; nothing is cancelled at the service.
    """
    from imgen.errors import ExitCode
    from imgen.jobs.worker import Report, session
    from imgen.records import State
    from imgen.screen.console import err, out

    config = load()
    with session(config) as opened:
        records = opened.find(jobs)
        closing = [record for record in records if record.state is not State.SAVED]
        opened.ledger.forget([record.id for record in closing])
        found = opened.ledger.jobs([record.id for record in records])
    if json:
        from imgen.commands.reporting import envelope_of

        out(envelope_of("forget", Report(tuple(found), {}, ExitCode.DONE)))
        return 0
    if closing:
        err(f"Closed: {', '.join(record.id for record in closing)}.")
    for record in found:
        if record.state is State.SAVED:
            err(f"{record.id} is saved: there is nothing to close.")
    return 0

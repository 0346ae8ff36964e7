"""imgen forget: close jobs because the user says that nothing more comes of them."""

from __future__ import annotations

from typing import Annotated

import typer

from imgen.commands import options
from imgen.config.config import load


def forget(
    jobs: Annotated[list[str], typer.Argument(metavar="JOB...", help="Ids of jobs.", show_default=False)],
    json: options.Json = False,
    sandbox: options.Sandbox = False,
    profile: options.Profile = None,
) -> int:
    """Mark jobs as closed, so that imgen stops asking about them.

    Use it for an uncertain job that was not charged. A closed job stays in the history and no longer counts against
    a limit. Nothing is cancelled at the service.

    Examples:
        imgen forget JOB
    """
    from imgen.commands.named_jobs import find_jobs
    from imgen.commands.reporting import Reporter, standard_streams
    from imgen.errors import ExitCode
    from imgen.jobs.report import Report
    from imgen.jobs.session import session
    from imgen.records import State
    from imgen.screen.console import Form, err, err_sentence, out

    config = load(profile)
    with session(config, err) as opened:
        records = find_jobs(opened, jobs, sandbox=sandbox or config.sandbox)
        closing = [record.id for record in records if record.state is not State.SAVED]
        opened.ledger.jobs.forget(closing)
        found = opened.ledger.jobs.get_many([record.id for record in records])
    if json:
        out(Reporter("forget", standard_streams(config), Form.JSON).envelope(Report(tuple(found), {}), ExitCode.DONE))
        return 0
    if closing:
        err_sentence(f"Closed: {', '.join(closing)}.")
    for record in found:
        if record.state is State.SAVED:
            err_sentence(f"{record.id} is saved: there is nothing to close.")
    return 0

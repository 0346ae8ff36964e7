"""imgen cancel: ask services to stop jobs that they have accepted."""

from __future__ import annotations

from typing import Annotated

import typer

from imgen.commands import options
from imgen.config.config import load

_PATIENCE = 60.0  # seconds for all answers


def cancel(
    jobs: Annotated[list[str], typer.Argument(metavar="JOB...", help="Ids of jobs.", show_default=False)],
    json: options.Json = False,
    profile: options.Profile = None,
) -> int:
    """Ask services to stop jobs that have not begun.

    Google Gemini can be asked to stop a batch, fal a job in its queue; the other services cannot be asked. Neither
    documents what a stopped job costs, so imgen counts it as uncertain until `imgen forget JOB`.

    Examples:
        imgen cancel JOB
    """
    from imgen.commands.named_jobs import find_jobs
    from imgen.commands.reporting import Reporter, standard_streams
    from imgen.jobs.session import session
    from imgen.jobs.worker import work
    from imgen.records import OPEN, State
    from imgen.screen.console import Form, err, out

    form = options.answer_form(json=json, events=False)
    config = load(profile)
    reporter = Reporter("cancel", standard_streams(config), form, quiet=True)
    with session(config, err) as opened, work(opened, config) as worker:
        records = find_jobs(opened, jobs)
        before = {record.id: record.state for record in records}
        report = worker.stop(records, reporter.display(opened), timeout=_PATIENCE)
    code = reporter.exit_code(report)
    if form is not Form.TEXT:
        out(reporter.envelope(report, code))
        return code
    for record in report.records:
        if before[record.id] is record.state and record.state not in OPEN:
            err(f"{record.id} is {record.state}: there is nothing to stop.")
    stopped = [r for r in report.records if r.state is State.CANCELLED and before[r.id] is not State.CANCELLED]
    if stopped:
        err(f"Cancelled: {', '.join(record.id for record in stopped)}.")
    if paid := [record.id for record in stopped if not record.sandbox]:
        err(f"If the service shows no charge for it:\n  imgen forget {' '.join(paid)}")
    reporter.problems(report)
    return code

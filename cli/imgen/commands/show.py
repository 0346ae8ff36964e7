"""imgen show: everything about a job."""

from __future__ import annotations

import time

from imgen.commands import options
from imgen.config.config import load


def show(
    jobs: options.Ids = None,
    json: options.Json = False,
    quiet: options.Quiet = False,
    sandbox: options.Sandbox = False,
    profile: options.Profile = None,
) -> int:
    """Show everything about a job, with its picture.

    Without an id: the last order. The picture is drawn where the terminal can (extra preview).

    Examples:
        imgen show
        imgen show JOB
    """
    from imgen.commands.named_jobs import find_jobs
    from imgen.commands.reporting import Reporter, report_not_fetched, saved_paths, standard_streams
    from imgen.errors import ExitCode
    from imgen.fleet.collecting import Collector
    from imgen.jobs.report import Report
    from imgen.jobs.session import session
    from imgen.screen.console import err, out
    from imgen.screen.details import detail_lines
    from imgen.screen.envelope import Form
    from imgen.screen.preview import can_draw
    from imgen.screen.preview import show as draw

    config = load(profile)
    streams = standard_streams(config)
    with session(config, err) as opened:
        records = find_jobs(opened, jobs or ["last"], sandbox=sandbox or config.sandbox)
        families = {record.id: opened.ledger.jobs.family(record.id) for record in records}
        if not json:
            records, problems = Collector.of(opened, config).fetched_all(records)
            report_not_fetched(problems.values(), streams)
    if json:
        out(Reporter("show", streams, Form.JSON).envelope(Report(tuple(records), {}), ExitCode.DONE))
        return 0
    now = time.time()
    for number, record in enumerate(records):
        if number:
            out("")
        here = [path for path in saved_paths([record]) if path.is_file()]
        width, color = streams.stdout_width, streams.stdout_color
        lines = detail_lines(record, families[record.id], now, width=width, color=color)
        if here and can_draw() and not quiet:
            draw(here, streams, below=len(lines) + 1)
        out("\n".join(lines))
    return 0

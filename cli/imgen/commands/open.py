"""imgen open: pictures in the system's viewer."""

from __future__ import annotations

from imgen.commands import options
from imgen.config.config import load
from imgen.errors import UsageProblem


def open(
    jobs: options.Ids = None,
    json: options.Json = False,
    sandbox: options.InSandbox = False,
    profile: options.Profile = None,
) -> int:
    """Open pictures in the viewer of your system.

    Without ids: those of the last order; -2 is the order before it.

    Examples:
        imgen open
        imgen open JOB
    """
    from imgen.commands.named_jobs import find_jobs
    from imgen.commands.reporting import Reporter, saved_paths, standard_streams
    from imgen.errors import ExitCode
    from imgen.fleet.collecting import Collector
    from imgen.jobs.report import Report
    from imgen.jobs.session import session
    from imgen.screen.console import err, out, out_path
    from imgen.screen.envelope import Form
    from imgen.screen.viewer import open_pictures

    config = load(profile)
    with session(config, err) as opened:
        records = find_jobs(opened, jobs or ["last"], sandbox=sandbox or config.sandbox)
        collector = Collector(lambda: opened.store, config.folders.originals)
        records = [collector.fetched(record) for record in records]
    here = [path for path in saved_paths(records) if path.is_file()]
    if not here:
        ids = " ".join(record.id for record in records)
        raise UsageProblem("There is no saved picture to open.", f"imgen show {ids}")
    if not open_pictures(here):
        raise UsageProblem("This system has no program that opens pictures (xdg-open).", f"imgen show {records[0].id}")
    if json:
        out(Reporter("open", standard_streams(config), Form.JSON).envelope(Report(tuple(records), {}), ExitCode.DONE))
    else:
        for path in here:
            out_path(path)
    return 0

"""imgen open: pictures in the system's viewer."""

from __future__ import annotations

from typing import TYPE_CHECKING

from imgen.commands import options
from imgen.config.config import SANDBOX, load
from imgen.errors import UsageProblem

if TYPE_CHECKING:
    from imgen.jobs.session import Session
    from imgen.records import JobRecord

_MOST = 100  # jobs of one order


def open(
    jobs: options.Ids = None,
    json: options.Json = False,
    sandbox: options.Sandbox = False,
    profile: options.Profile = None,
) -> int:
    """Open pictures in the viewer of your system.

    Without ids: those of the last order that has some; -2 is the order before the last.

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
    from imgen.screen.viewer import has_viewer, open_pictures

    config = load(profile)
    with session(config, err) as opened:
        in_sandbox = sandbox or config.sandbox
        records = find_jobs(opened, jobs or ["last"], sandbox=in_sandbox)
        if not (jobs or saved_paths(records)):
            records = _last_saved(opened, sandbox=in_sandbox) or records
        collector = Collector.of(opened, config)
        records = [collector.fetched(record) for record in records]
    streams = standard_streams(config)
    here = [path for path in saved_paths(records) if path.is_file()]
    if not here:
        ids = " ".join(record.id for record in records)
        raise UsageProblem("There is no saved picture to open.", f"imgen show {ids}")
    if not has_viewer():
        raise UsageProblem("This system has no program that opens pictures (xdg-open).", f"imgen show {records[0].id}")
    if streams.has_display:
        open_pictures(here)
    else:
        these = "picture is" if len(here) == 1 else "pictures are"
        err(f"No viewer could be opened without a display; the {these}:")
    if json:
        out(Reporter("open", streams, Form.JSON).envelope(Report(tuple(records), {}), ExitCode.DONE))
    else:
        for path in here:
            out_path(path)
    return 0


def _last_saved(opened: Session, *, sandbox: bool) -> list[JobRecord]:
    """The jobs of the last order that has a saved picture: the last order of all may have none."""
    from imgen.commands.reporting import saved_paths
    from imgen.ledger.queries import Wanted
    from imgen.records import State

    saved = opened.ledger.jobs.history(Wanted(state=State.SAVED, origin=SANDBOX if sandbox else None), _MOST)[0]
    with_files = [record for record in saved if saved_paths([record])]
    return [record for record in with_files if record.run_id == with_files[0].run_id]

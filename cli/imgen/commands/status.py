"""imgen status: how jobs stand, polled once."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Annotated

import typer

from imgen.commands import options
from imgen.config.config import load
from imgen.errors import ExitCode, UsageProblem
from imgen.screen.console import Form, err, err_sentence

if TYPE_CHECKING:
    from collections.abc import Sequence

    from imgen.commands.reporting import Reporter
    from imgen.config.config import Config
    from imgen.records import JobRecord

_PATIENCE = 60.0  # seconds for all answers


def status(
    jobs: options.Ids = None,
    provider: options.Provider = None,
    tree: Annotated[bool, typer.Option("--tree", help="Show which job came from which.")] = False,
    lost: Annotated[
        bool, typer.Option("--lost", help="List paid pictures whose links expired, with their cost.")
    ] = False,
    json: options.Json = False,
    verbose: options.Verbose = False,
    sandbox: options.Sandbox = False,
    profile: options.Profile = None,
) -> int:
    """Show the state of open jobs and when links expire.

    Each open job is polled once, and nothing is saved. The most urgent comes first.

    Examples:
        imgen status
        imgen status JOB --tree
    """
    if lost and (jobs or tree):
        raise UsageProblem(
            "--lost lists every lost picture; it goes with neither jobs nor --tree.", "imgen status --lost"
        )
    config = load(profile)
    form = options.answer_form(json=json, events=False)
    if not (jobs or provider or lost) and form is Form.TEXT and _is_settled(config):
        err_sentence("Nothing is open: every job is saved or closed.")
        return ExitCode.DONE

    from imgen.commands.named_jobs import families, jobs_of
    from imgen.commands.reporting import Reporter, standard_streams
    from imgen.jobs.report import Goal, report
    from imgen.jobs.session import session
    from imgen.jobs.worker import work
    from imgen.money.losses import losses, soonest_first
    from imgen.records import OPEN, State

    reporter = Reporter("status", standard_streams(config), form, quiet=True)
    in_sandbox = sandbox or config.sandbox
    with session(config, err) as opened, work(opened, config) as worker:
        expired = opened.expired_jobs(provider, sandbox=in_sandbox)
        if lost:
            return _print_lost(expired, reporter)
        records = jobs_of(opened, worker, jobs, provider, config, sandbox=in_sandbox)
        if not records:
            return _nothing_open(provider, expired, reporter)
        if tree:
            records = families(opened, records)
        found = report(records, {}, Goal.ANSWER)
        # One whose reply was lost may be in the service's list by now.
        if any(record.state in OPEN | {State.UNCERTAIN} for record in records):
            found = worker.follow(records, Goal.ANSWER, reporter.display(opened), timeout=_PATIENCE)
    if not jobs:
        found = found._replace(records=tuple(soonest_first(found.records)))
    code = reporter.states(found, losses(expired), tree=tree)
    if not (jobs or json):
        _note_losses(expired)
    return code


def _is_settled(config: Config) -> bool:
    """Whether one look at the ledger shows that nothing is open or lost; most of the program is not imported then."""
    from imgen.ledger.sqlite.peek import peek_settled

    if "IMGEN_SANDBOX" in config.environ or config.ledger_url is not None:
        return False
    return peek_settled(config.folders.ledger)


def _print_lost(expired: Sequence[JobRecord], reporter: Reporter) -> ExitCode:
    """Every job with pictures that were paid for and never saved, the oldest first."""
    from imgen.jobs.report import Report
    from imgen.money.losses import losses
    from imgen.screen.console import out
    from imgen.screen.tables import losses_line, lost_lines

    if reporter.form is not Form.TEXT:
        out(reporter.envelope(Report(tuple(expired), {}), ExitCode.DONE, ("lost", losses(expired))))
        return ExitCode.DONE
    if expired:
        out("\n".join(lost_lines(expired, time.time(), width=reporter.streams.stdout_width)))
        err_sentence("To ask for them once more:\n  imgen download --all")
    if paid := losses(expired):
        err_sentence(losses_line(paid))
    elif not expired:
        err_sentence("Nothing was lost.")
    return ExitCode.DONE


def _nothing_open(provider: str | None, expired: Sequence[JobRecord], reporter: Reporter) -> ExitCode:
    from imgen.money.losses import losses

    code = reporter.nothing_open(provider, ("lost", losses(expired)))
    if reporter.form is Form.TEXT:
        _note_losses(expired)
    return code


def _note_losses(expired: Sequence[JobRecord]) -> None:
    """The closing line about pictures that were paid for and never saved."""
    from imgen.money.losses import losses
    from imgen.screen.tables import losses_line

    if paid := losses(expired):
        err_sentence(f"{losses_line(paid)} To list them:\n  imgen status --lost")

"""What commands about jobs share: following with the right display, and telling what came of it."""

from __future__ import annotations

import sys
import time
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING

from imgen.commands.expiry_notice import mark_shown
from imgen.config.config import SANDBOX
from imgen.errors import ExitCode, Problem, UsageProblem
from imgen.jobs.goals import Goal
from imgen.jobs.report import combined, headline
from imgen.jobs.worker import Report, going_on_there, report
from imgen.records import OPEN, JobRecord, ResultState, State
from imgen.screen.console import Streams, err, out, out_path
from imgen.screen.display import display_for, draws_live
from imgen.screen.envelope import Form, envelope
from imgen.screen.failure import failure_lines, hint_lines
from imgen.screen.text import for_log

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from imgen.config.config import Config
    from imgen.jobs.worker import Session, Work
    from imgen.money.losses import Loss
    from imgen.orders.ranking import Ranked


def standard_streams(config: Config) -> Streams:
    """What this process is connected to."""
    return Streams.of(sys.stdin, sys.stdout, sys.stderr, config.environ)


@contextmanager
def bad_targets() -> Iterator[None]:
    """A place where pictures cannot go is a usage problem."""
    from imgen.pictures.template import BadTarget

    try:
        yield
    except BadTarget as error:
        raise UsageProblem(error.message, error.hint, about="output") from error


def follow(
    opened: Session,
    working: Work,
    records: Sequence[JobRecord],
    goal: Goal,
    streams: Streams,
    *,
    quiet: bool,
    timeout: float | None,
    strict: bool = False,
    form: Form = Form.TEXT,
) -> Report:
    """Follow the jobs on the right display; Ctrl-C ends the waiting, not the jobs."""
    # On a terminal, bars and events would tear each other apart.
    silent = quiet or (form is Form.EVENTS and streams.stdout_is_terminal)
    display = display_for(streams, quiet=silent, clock=time.monotonic)
    if form is Form.EVENTS:
        from imgen.screen.events import EventDisplay

        display = EventDisplay(display, opened.ledger.job, time.time)
    try:
        return working.follow(records, goal, display, timeout=timeout, strict=strict)
    except KeyboardInterrupt:
        left = opened.ledger.jobs([record.id for record in records])
        stopped = report(left, {}, Goal.PICTURES)
        return replace(stopped, exit_code=ExitCode.INTERRUPTED, displayed=frozenset(stopped.problems.values()))
    finally:
        display.close()


def print_report(command: str, outcome: Report, streams: Streams, *, form: Form, quiet: bool, show: bool) -> int:
    """Paths (or the envelope) to stdout, what went wrong to stderr; returns the exit code."""
    saved = [r.path for record in outcome.records for r in record.results if r.state is ResultState.SAVED and r.path]
    # On a terminal that shows both streams, the live view has just ended in these very paths.
    if form is Form.TEXT and not (streams.stdout_is_terminal and draws_live(streams, quiet=quiet)):
        for path in saved:
            out_path(path)
    if show:
        from imgen.screen.preview import show as draw

        draw(saved, streams)
    print_problems(outcome, streams, quiet=quiet)
    if form is not Form.TEXT:
        out(envelope_of(command, outcome, form))
    return outcome.exit_code


def print_choice(candidate: Ranked, *, alone: bool, sized: bool) -> None:
    """Which service takes the order and why, and what will come of a size; nothing where there was no choice."""
    choice = candidate.choice
    if not alone:
        err(f"{choice.entry.name} takes it: {candidate.why}.")
    if not choice.listed:
        unknown = f"{choice.entry.name}/{choice.model.remote_id} is not in the catalogue"
        nearest = f" Did you mean {choice.nearest}?" if choice.nearest else ""
        err(for_log(f"{unknown}: nothing is checked, no price known.{nearest}"))
    size = choice.model.size(choice.request.aspect, choice.request.resolution)
    if sized and size:
        err(f"It will come as {size[0]}x{size[1]}: {choice.request.aspect} at {choice.request.resolution}.")


def print_ids(outcome: Report, streams: Streams, *, quiet: bool) -> int:
    """The ids of the jobs that were accepted to stdout, what went wrong to stderr; returns the exit code."""
    for record in outcome.records:
        if record.remote_id:
            out(record.id)
    print_problems(outcome, streams, quiet=quiet)
    return outcome.exit_code


def print_problems(outcome: Report, streams: Streams, *, quiet: bool) -> None:
    """What went wrong and what to do, each problem once, and how to come back to the jobs that go on.

    A problem that a display has shown (none, when `quiet`) is left at its hint.
    """
    mark_shown(outcome.records)
    going_on = going_on_there(outcome.records)
    seen: set[Problem] = set()
    for record in outcome.records:
        problem = outcome.problems.get(record.id)
        if problem is None or problem in seen:
            continue
        if outcome.exit_code is ExitCode.INTERRUPTED and record in going_on:
            continue
        seen.add(problem)
        if problem in outcome.displayed and not quiet:
            if problem.hint:
                err(hint_lines(problem, color=streams.stderr_color))
        else:
            err(failure_lines(_named(problem, record, outcome.records), color=streams.stderr_color))
    if outcome.exit_code is ExitCode.INTERRUPTED and going_on:
        err(failure_lines(interrupted(going_on), color=streams.stderr_color))


def interrupted(going_on: Sequence[JobRecord]) -> Problem:
    """The one thing to know after Ctrl-C."""
    ids = " ".join(record.id for record in going_on)
    several = len(going_on) > 1
    message = f"Stopped waiting; {len(going_on)} jobs go on." if several else "Stopped waiting; the job goes on."
    return Problem("interrupted", message, f"imgen wait {ids}")


def envelope_of(command: str, outcome: Report, form: Form = Form.JSON, data: tuple[str, object] | None = None) -> str:
    """The report as the JSON envelope, each job with the problem this run met; `data` is a noun and what it holds."""
    records = [replace(record, problem=outcome.problems.get(record.id)) for record in outcome.records]
    going_on = going_on_there(outcome.records)
    if outcome.exit_code is ExitCode.INTERRUPTED and going_on:
        problem: Problem | None = interrupted(going_on)
    else:
        problem = headline(outcome.exit_code, outcome.problems.values())
    return envelope(command, exit_code=outcome.exit_code, jobs=records, data=data, problem=problem, form=form)


def _named(problem: Problem, record: JobRecord, records: Sequence[JobRecord]) -> Problem:
    """With several jobs, a problem says whose it is."""
    if len(records) == 1 or record.state is State.SAVED:
        return problem
    return replace(problem, message=f"{record.id}: {problem.message}")


def named_jobs(
    opened: Session,
    working: Work | None,
    ids: Sequence[str],
    provider: str | None,
    config: Config,
    *,
    sandbox: bool,
) -> list[JobRecord]:
    """The jobs a command is about: those named, or all that is open; with a provider, its unknown ids are adopted."""
    if not ids:
        return [r for r in opened.open_jobs(sandbox=sandbox) if provider in (None, r.provider)]
    if provider is None or working is None:
        return opened.find(ids)
    from imgen.orders.order import find_service
    from imgen.pictures.naming import parse_output

    entry = find_service(provider)
    origin = SANDBOX if sandbox else config.account(entry).origin
    target = parse_output(None, cwd=config.cwd, pictures=1, overwrite=False, format=None, kept=config.kept_folder)
    return [working.adopt(entry, origin, name, target) for name in dict.fromkeys(ids)]


def nothing_open(command: str, provider: str | None, form: Form, data: tuple[str, object] | None = None) -> int:
    """There is nothing to do, which is fine; with a provider, at that one."""
    from imgen.orders.order import find_service

    there = f" at {find_service(provider).name}" if provider else ""
    if form is not Form.TEXT:
        out(envelope_of(command, Report((), {}, ExitCode.DONE), form, data))
    else:
        err(f"Nothing is open{there}: every job is saved or closed.")
    return 0


def families(opened: Session, records: Sequence[JobRecord]) -> list[JobRecord]:
    """The jobs with all that they go on from and all that goes on from them, each once, the oldest first."""
    found = {relative.id: relative for record in records for relative in opened.ledger.family(record.id)}
    return sorted(found.values(), key=lambda record: record.created_at)


def print_states(
    outcome: Report, streams: Streams, now: float, lost: Sequence[Loss], *, json: bool, tree: bool = False
) -> int:
    """How the jobs stand, as lines or as the envelope; the exit code is 0 once every question was answered."""
    from imgen.jobs.problems import EXIT_CODES
    from imgen.screen.family import family_lines
    from imgen.screen.tables import job_lines

    unanswered = {r.id: outcome.problems[r.id] for r in outcome.records if r.state in OPEN and r.id in outcome.problems}
    answered = Report(
        outcome.records,
        outcome.problems,
        combined(EXIT_CODES.get(p.code, ExitCode.DONE) for p in unanswered.values()),
    )
    if json:
        out(envelope_of("status", answered, data=("lost", lost)))
    else:
        lines = family_lines if tree else job_lines
        out("\n".join(lines(outcome.records, now, width=streams.stdout_width)))
        uncertain = {r.id for r in outcome.records if r.state is State.UNCERTAIN}
        doubtful = {job_id: problem for job_id, problem in outcome.problems.items() if job_id in uncertain}
        print_problems(replace(answered, problems=unanswered | doubtful), streams, quiet=True)
    return answered.exit_code

"""How a command answers: progress while it works, results to stdout, problems to stderr, and the exit code."""

from __future__ import annotations

import sys
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from imgen.commands.expiry_notice import mark_shown
from imgen.errors import ExitCode, Problem
from imgen.jobs.report import Report, combined, headline
from imgen.records import OPEN, JobRecord, ResultState, State
from imgen.screen.console import Form, Streams, err, err_sentence, out, out_path
from imgen.screen.display import display_for, draws_live
from imgen.screen.failure import failure_lines, hint_lines
from imgen.screen.prices import total_line
from imgen.screen.text import for_log, wrapped

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

    from imgen.config.config import Config
    from imgen.jobs.progress import Display
    from imgen.jobs.run_order import OrderPlan
    from imgen.jobs.session import Session
    from imgen.money.losses import Loss
    from imgen.orders.limits import Candidate


_LONG = 10.0  # seconds; a shorter wait is not notified
_ITS_ID = "\0"  # stands for a job's id in a hint, which no text has


def report_left_out() -> None:
    """Write to stderr which services of installed packages are left out, and why."""
    from imgen.config.keys import without_keys
    from imgen_providers.catalog import LEFT_OUT

    for left_out in LEFT_OUT:
        err(for_log(without_keys(left_out.sentence)))


def standard_streams(config: Config) -> Streams:
    """What this process is connected to."""
    return Streams.of(sys.stdin, sys.stdout, sys.stderr, config.environ)


@dataclass(frozen=True, slots=True)
class Reporter:
    """One command's way to answer: in which form, and how much of it.

    `quiet` leaves progress out, `show` draws the pictures, `strict` counts what differs from the order as a failure,
    `open` shows them in the system's viewer, and `notify` calls the user when a long wait has ended.
    """

    command: str
    streams: Streams
    form: Form = Form.TEXT
    quiet: bool = False
    show: bool = False
    strict: bool = False
    open: bool = False
    notify: bool = False
    began: float = field(default_factory=time.monotonic)

    def note(self, sentence: str) -> None:
        """Print one sentence about the work on stderr, unless `quiet`."""
        if not self.quiet:
            err("\n".join(wrapped(for_log(sentence), self.streams.stderr_width)))

    def chosen(self, plan: OrderPlan, candidate: Candidate) -> None:
        """Print which service takes the order and why, where there was a choice, and what will come of a size."""
        from imgen.orders.matching import format_note
        from imgen.screen.prices import order_line
        from imgen_providers.rows import BATCH

        choice = candidate.choice
        if self.form is Form.TEXT:
            self.note(order_line(candidate))
        if choice.model.channel == BATCH and not plan.options.no_wait:
            self.note("A batch can take 24 hours. Ctrl-C ends the waiting only: imgen wait saves the picture later.")
        if plan.options.max_cost is not None and plan.order.sandbox:
            self.note("--max-cost limits nothing in the sandbox, where nothing is charged.")
        if len(plan.candidates) > 1:
            self.note(f"{choice.entry.name} takes it: {candidate.why}.")
        if not choice.listed:
            unknown = f"{choice.entry.name}/{choice.model.remote_id} is not in the catalogue"
            nearest = f" Did you mean {choice.nearest}?" if choice.nearest else ""
            self.note(f"{unknown}: nothing is checked, no price known.{nearest}")
        size = choice.model.size(choice.request.aspect, choice.request.resolution)
        if plan.order.size and size:
            self.note(f"It will come as {size[0]}x{size[1]}: {choice.request.aspect} at {choice.request.resolution}.")
        if note := format_note(choice, plan.order.wished_format):
            self.note(note)
        for sentence in choice.notes:
            self.note(sentence)

    def display(self, session: Session) -> Display:
        """What shows jobs while they are followed, and writes their events where these are wanted."""
        if self.form is not Form.EVENTS:
            return self.plain_display()
        from imgen.screen.events import EventDisplay

        return EventDisplay(self.plain_display(), session.ledger.jobs.get, time.time)

    def plain_display(self) -> Display:
        """What shows jobs to a person: on one terminal, bars and events would tear each other apart."""
        silent = self.quiet or (self.form is Form.EVENTS and self.streams.stdout_is_terminal)
        return display_for(self.streams, quiet=silent, clock=time.monotonic)

    @property
    def draws_live(self) -> bool:
        """Whether jobs are bars on a terminal."""
        return draws_live(self.streams, quiet=self.quiet)

    def report(self, report: Report) -> ExitCode:
        """Print paths (or the envelope) to stdout, what went wrong to stderr; returns the exit code."""
        saved = saved_paths(report.records)
        # On a terminal that shows both streams, the live view has just ended in these very paths.
        if self.form is Form.TEXT and not (self.streams.stdout_is_terminal and self.draws_live):
            for path in saved:
                out_path(path)
            for url in stored_objects([record for record in report.records if record.id not in report.problems]):
                out(url)
        if self.show:
            from imgen.screen.preview import show

            show(saved, self.streams)
        self.problems(report)
        if len(saved) > 1 and self.form is Form.TEXT:
            self.note(total_line(report.records, time.monotonic() - self.began))
        self._present(saved)
        code = self.exit_code(report)
        if self.form is not Form.TEXT:
            out(self.envelope(report, code))
        return code

    def _present(self, saved: Sequence[Path]) -> None:
        """Open the pictures, and call the user back, where that is wanted."""
        if self.open and saved:
            from imgen.screen.viewer import open_pictures

            if not self.streams.has_display:
                err("--open: no viewer could be opened without a display.")
            elif not open_pictures(saved):
                err("--open: this system has no program that opens pictures (xdg-open).")
        if self.notify and time.monotonic() - self.began > _LONG:
            from imgen.screen.viewer import notify

            notify("imgen", f"{len(saved)} saved" if saved else "ended without a picture", self.streams)

    def ids(self, report: Report) -> ExitCode:
        """Print the ids of the jobs that were accepted to stdout, what went wrong to stderr; returns the exit code."""
        for record in report.records:
            if record.remote_id:
                out(record.id)
        self.problems(report)
        if report.going_on:
            self.hint("To wait for the picture and save it:\nimgen wait")
        return self.exit_code(report)

    def hint(self, text: str) -> None:
        """Print what to type next, where a person looks on."""
        streams = self.streams
        if streams.stderr_is_terminal and self.form is Form.TEXT:
            err(hint_lines([text], color=streams.stderr_color, width=streams.stderr_width))

    def exit_code(self, report: Report) -> ExitCode:
        """The exit code of the command."""
        return report.strict_exit_code if self.strict else report.exit_code

    def problems(self, report: Report) -> None:
        """Print what went wrong and what to do, each problem once, and how to come back to the jobs that go on.

        A problem that a display has shown is left at its hint; a quiet display has shown none.
        """
        mark_shown(report.records)
        seen: set[Problem] = set()
        hints: dict[str, list[str]] = {}
        for record in report.records:
            problem = report.problems.get(record.id)
            if problem is None or problem in seen or (report.interrupted and record in report.going_on):
                continue
            seen.add(problem)
            if problem.hint:
                hints.setdefault(problem.hint.replace(record.id, _ITS_ID), []).append(record.id)
            if problem not in report.displayed or self.quiet:
                self._fail(_named(problem, record, report.records)._replace(hint=None))
        if hints:
            streams = self.streams
            shared = [_of_all(hint, ids) for hint, ids in hints.items()]
            err(hint_lines(shared, color=streams.stderr_color, width=streams.stderr_width))
        if report.interrupted and report.going_on:
            self._fail(_interrupted(report.going_on))

    def envelope(self, report: Report, code: ExitCode, data: tuple[str, object] | None = None) -> str:
        """The report in JSON, each job with the problem this run met; `data` is a noun and what it holds."""
        from imgen.screen.envelope import envelope

        records = [record._replace(problem=report.problems.get(record.id)) for record in report.records]
        if report.interrupted and report.going_on:
            problem: Problem | None = _interrupted(report.going_on)
        else:
            problem = headline(code, report.problems.values())
        return envelope(self.command, exit_code=code, jobs=records, data=data, problem=problem, form=self.form)

    def nothing_open(self, provider: str | None, data: tuple[str, object] | None = None) -> ExitCode:
        """Answer that there is nothing to do, which is no failure; with a provider, at that one."""
        from imgen.orders.matching import find_service

        there = f" at {find_service(provider).name}" if provider else ""
        if self.form is Form.TEXT:
            err_sentence(f"Nothing is open{there}: every job is saved or closed.")
        else:
            out(self.envelope(Report((), {}), ExitCode.DONE, data))
        return ExitCode.DONE

    def states(self, report: Report, lost: Sequence[Loss], *, tree: bool = False) -> ExitCode:
        """Print how jobs stand, as lines or the envelope; the exit code is 0 once every question was answered."""
        from imgen.jobs.problems import EXIT_CODES
        from imgen.screen.family import family_lines
        from imgen.screen.tables import job_lines

        unanswered = _those_in(report, OPEN)
        asked = (unanswered.get(record.id) for record in report.records)
        code = combined(EXIT_CODES.get(problem.code, ExitCode.DONE) if problem else ExitCode.DONE for problem in asked)
        if self.form is not Form.TEXT:
            out(self.envelope(report, code, ("lost", lost)))
            return code
        width, color = self.streams.stdout_width, self.streams.stdout_color
        if tree:
            lines = family_lines(report.records, time.time(), width=width)
        else:
            lines = job_lines(report.records, time.time(), width=width, color=color)
        out("\n".join(lines))
        uncertain = _those_in(report, {State.UNCERTAIN})
        self.problems(report._replace(problems=unanswered | uncertain))
        if report.going_on and not unanswered:
            ready = any(record.state is State.READY for record in report.going_on)
            what = (
                "To fetch what is ready, and wait for the rest" if ready else "To wait for them and save their pictures"
            )
            self.hint(f"{what}:\nimgen wait")
        return code

    def _fail(self, problem: Problem) -> None:
        err(failure_lines(problem, color=self.streams.stderr_color, width=self.streams.stderr_width))


def _of_all(hint: str, ids: Sequence[str]) -> str:
    """One hint for several jobs; a command that takes one job is printed for each."""
    lines = []
    for line in hint.splitlines():
        each = "--remote" in line
        lines += [line.replace(_ITS_ID, id) for id in ids] if each else [line.replace(_ITS_ID, " ".join(ids))]
    return "\n".join(dict.fromkeys(lines))


def saved_paths(records: Sequence[JobRecord]) -> list[Path]:
    """The files of these jobs' saved pictures."""
    return [r.path for record in records for r in record.results if r.state is ResultState.SAVED and r.path]


def stored_objects(records: Sequence[JobRecord]) -> list[str]:
    """The URLs of these jobs' pictures that were saved in an object storage, and are not on this disk."""
    saved = (r for record in records for r in record.results if r.state is ResultState.SAVED)
    return [result.object for result in saved if result.object and not result.path]


def report_not_fetched(problems: Iterable[Problem], streams: Streams) -> None:
    """Write to stderr why pictures of a fleet's storage are not here, each reason once."""
    for problem in dict.fromkeys(problems):
        err(failure_lines(problem, color=streams.stderr_color, width=streams.stderr_width))


def _those_in(report: Report, states: frozenset[State] | set[State]) -> dict[str, Problem]:
    """The problems of the jobs in these states, by job id."""
    return {r.id: report.problems[r.id] for r in report.records if r.state in states and r.id in report.problems}


def _interrupted(going_on: Sequence[JobRecord]) -> Problem:
    """The one thing to know after Ctrl-C."""
    ids = " ".join(record.id for record in going_on)
    several = len(going_on) > 1
    message = f"Stopped waiting; {len(going_on)} jobs go on." if several else "Stopped waiting; the job goes on."
    return Problem("interrupted", message, f"imgen wait {ids}")


def _named(problem: Problem, record: JobRecord, records: Sequence[JobRecord]) -> Problem:
    """With several jobs, a problem begins with the id of its job."""
    if len(records) == 1 or record.state is State.SAVED:
        return problem
    return problem._replace(message=f"{record.id}: {problem.message}")

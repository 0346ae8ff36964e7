"""Where jobs were to go, where they were left, and the one exit code of it all."""

from __future__ import annotations

from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, Protocol

from imgen.errors import ExitCode, Problem
from imgen.jobs.problems import EXIT_CODES, comes_back
from imgen.records import JobRecord, ResultState, State

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence


class Goal(Enum):
    """How far jobs are to be followed."""

    ACCEPTANCE = "acceptance"  # submitted; pictures that came with the answer are saved
    ANSWER = "answer"  # polled once, nothing saved
    WHAT_IS_READY = "what is ready"  # polled once, and saved if finished
    FINISHED = "finished"  # the same, and what is not finished is no problem
    PICTURES = "pictures"  # to the end


class Feed(Protocol):
    """Jobs that are followed one after the other, for runs of thousands of which a few are under way at a time."""

    @property
    def over(self) -> bool:
        """Whether no more jobs will come."""
        ...

    @property
    def waits(self) -> bool:
        """Whether none can come until a job ends."""
        ...

    def more(self, room: int) -> Sequence[JobRecord]:
        """At most `room` further jobs, each of them in the ledger; none where there is none at the moment."""
        ...

    def goal(self, record: JobRecord) -> Goal:
        """How far a job of it is to be followed."""
        ...

    def ended(self, record: JobRecord, problem: Problem | None) -> None:
        """A job is followed no further; `problem` is why it is not where it was to go."""
        ...


class Report(NamedTuple):
    """What became of jobs: their records, and by id why each is not where it was to go.

    `displayed` are the problems that a display has shown already. `in_time` is False when the time to wait ended
    first; `interrupted` is True when the user stopped the waiting, and the jobs go on.
    """

    records: tuple[JobRecord, ...]
    problems: Mapping[str, Problem]
    displayed: frozenset[Problem] = frozenset()
    in_time: bool = True
    interrupted: bool = False

    @property
    def going_on(self) -> list[JobRecord]:
        """The jobs that go on without this process: those that a command to come back is printed for."""
        states = (State.QUEUED, State.RUNNING, State.READY, State.SUBMITTING)
        return [record for record in self.records if record.state in states]

    @property
    def exit_code(self) -> ExitCode:
        """The one exit code of all the jobs."""
        return self._exit_code(strict=False)

    @property
    def strict_exit_code(self) -> ExitCode:
        """The same, where a picture that differs from the order is a failure."""
        return self._exit_code(strict=True)

    def _exit_code(self, *, strict: bool) -> ExitCode:
        if self.interrupted:
            return ExitCode.INTERRUPTED
        problems = [(record, self.problems.get(record.id)) for record in self.records]
        return combined(exit_code(record, problem, strict=strict) for record, problem in problems)


def report(records: Sequence[JobRecord], met: Mapping[str, Problem], goal: Goal) -> Report:
    """What became of the jobs on their way to the goal; `met` are the problems that this process met, by job id."""
    found = {record.id: problem_of(record, met.get(record.id), goal) for record in records}
    return Report(tuple(records), {job_id: problem for job_id, problem in found.items() if problem})


def problem_of(record: JobRecord, here: Problem | None, goal: Goal) -> Problem | None:
    """Why a job is not where it was to go, or None when it is; `here` is what this process met."""
    match record.state:
        case State.SAVED:
            return None if goal is Goal.ANSWER else _not_replaced(record)
        case State.PLANNED | State.SUBMITTING | State.QUEUED | State.RUNNING:
            if here is None and goal in (Goal.ACCEPTANCE, Goal.ANSWER, Goal.FINISHED):
                return None
            return here or Problem(
                "unfinished",
                "Not finished yet: this stopped waiting, the job goes on.",
                f"imgen wait {record.id}",
            )
        case State.READY:
            if here is None and goal is Goal.ANSWER:
                return None
            return (
                here
                or record.problem
                or Problem("not_saved", "The picture is paid but not saved yet.", f"imgen download {record.id}")
            )
        case State.EXPIRED if record.problem and record.problem.code == "no_pictures":
            return record.problem
        case State.EXPIRED if not comes_back(record):
            lost = "was not saved" if record.never_saved else "was saved once and is gone"
            message = f"The picture {lost}, and it came with an answer that comes once: it cannot be asked for again."
            return Problem("expired", message, f"To close it:\nimgen forget {record.id}")
        case State.EXPIRED if not record.never_saved:
            gone = [result for result in record.results if result.state is ResultState.EXPIRED]
            came_inline = all(result.url is None for result in gone)
            why = (
                "it came with the answer itself, so the service has no link to it"
                if came_inline
                else "its link has expired"
            )
            message = f"The picture was saved once and is gone, and {why}."
            return Problem("expired", message, f"To close it:\nimgen forget {record.id}")
        case State.EXPIRED:
            message = "It was paid, and its link expired before the picture was saved."
            return Problem("expired", message, f"To close it:\nimgen forget {record.id}")
        case State.FAILED | State.CANCELLED | State.UNCERTAIN:
            return record.problem or Problem("job_failed", "The job ended without a picture.")


def _not_replaced(record: JobRecord) -> Problem | None:
    """A file that was to be overwritten and is still the old one, because the picture came in another format."""
    if not record.target.replaces:
        return None
    from imgen.pictures.place import fingerprint

    saved = [result.path for result in record.results if result.path]
    left = {path: mark for path, mark in record.target.replaces.items() if Path(path) not in saved}
    old = [path for path, mark in left.items() if fingerprint(Path(path)) == mark]
    if not old:
        return None
    return Problem(
        "not_replaced",
        f"{', '.join(old)} is the old picture still: the new one came in another format.",
        f"Use {', '.join(map(str, saved))}",
    )


def exit_code(record: JobRecord, problem: Problem | None, *, strict: bool = False) -> ExitCode:
    """The exit code of one job; `strict` also counts a picture that differs from the order."""
    if problem is None:
        too_few = record.state is State.SAVED and len(record.results) < (record.ordered or record.request.count)
        return ExitCode.PARTIAL if too_few or (strict and record.differences) else ExitCode.DONE
    match record.state:
        case State.SAVED:
            return EXIT_CODES.get(problem.code, ExitCode.PARTIAL)
        case State.UNCERTAIN:
            return ExitCode.UNCERTAIN
        case State.EXPIRED:
            return ExitCode.EXPIRED
        case State.READY:
            return ExitCode.BUG if problem.code == "bug" else ExitCode.NOT_SAVED
        case State.QUEUED | State.RUNNING | State.SUBMITTING | State.PLANNED:
            kept = (ExitCode.KEY, ExitCode.BUG, ExitCode.NOT_SAVED)
            code = EXIT_CODES.get(problem.code, ExitCode.UNFINISHED)
            return code if code in kept else ExitCode.UNFINISHED
        case _:
            return EXIT_CODES.get(problem.code, ExitCode.FAILED)


def combined(codes: Iterable[ExitCode]) -> ExitCode:
    """The exit code of several jobs: all alike give that one, else what matters most to the user's money."""
    found = set(codes)
    if len(found) <= 1:
        return found.pop() if found else ExitCode.DONE
    for grave in (ExitCode.UNCERTAIN, ExitCode.EXPIRED):
        if grave in found:
            return grave
    return ExitCode.PARTIAL


_COST_NOTHING = frozenset(
    {"unreachable", "key_refused", "no_credit", "rate_limited", "busy", "never_sent", "upload_failed", "upload_refused"}
)


def may_move_on(records: Sequence[JobRecord]) -> bool:
    """Whether another service may get the order: nothing was accepted, and nothing can have been charged."""
    return all(
        record.remote_id is None
        and record.state in (State.FAILED, State.CANCELLED)
        and record.problem is not None
        and record.problem.code in _COST_NOTHING
        for record in records
    )


def headline(exit_code: ExitCode, problems: Iterable[Problem]) -> Problem | None:
    """The one problem that stands for the whole command: a job's where there is one, else the code's own meaning."""
    if exit_code is ExitCode.DONE:
        return None
    return next(iter(problems), None) or Problem("partial", f"{exit_code.meaning[0].upper()}{exit_code.meaning[1:]}.")

"""One command's work with jobs: settle what died, record, follow, and say where everything was left.

Light to import: what talks to services is imported when there is something to ask.
"""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cache
from statistics import median
from typing import TYPE_CHECKING

from imgen.errors import ExitCode, NotAdopted, Problem, StillUncertain, UsageProblem
from imgen.jobs.clock import Clock, SystemClock
from imgen.jobs.problems import EXIT_CODES, of_unrecorded
from imgen.jobs.report import combined, exit_code, problem_of
from imgen.jobs.session import open_sound
from imgen.jobs.timings import ENOUGH
from imgen.ledger.ledger import SameRequestUncertain
from imgen.ledger.remote_ids import IdTaken
from imgen.money.budget import NO_BUDGET, Budget
from imgen.records import Cost, Draft, JobRecord, ResultState, State

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from imgen.config.config import Config
    from imgen.jobs.goals import Goal
    from imgen.jobs.progress import Display
    from imgen.money.budget import Verdict
    from imgen.orders.order import Choice
    from imgen.pictures.target import Target
    from imgen_providers.base import Job
    from imgen_providers.catalog import ServiceEntry


@dataclass(frozen=True, slots=True)
class Report:
    """Where the jobs were left, why each is not where it was to go, and the exit code of it all.

    `displayed` are the problems that a display has shown already; `in_time` is False when the waiting ended first.
    """

    records: tuple[JobRecord, ...]
    problems: dict[str, Problem]
    exit_code: ExitCode
    displayed: frozenset[Problem] = frozenset()
    in_time: bool = True


class Session:
    """The ledger, opened and settled, and what can be done with its jobs."""

    def __init__(self, config: Config, clock: Clock, say: Callable[[str], None]) -> None:
        self._config = config
        self._clock = clock
        self.ledger = open_sound(config, clock, say)

    def close(self) -> None:
        """Close the ledger."""
        self.ledger.close()

    def record(
        self, drafts: Sequence[Draft], owner: str, *, resubmit: bool, budget: Budget = NO_BUDGET
    ) -> list[JobRecord]:
        """Commit the jobs before anything is sent. Raises `StillUncertain` and `OverBudget`."""
        try:
            self.ledger.plan(self._here(drafts), owner, resubmit=resubmit, budget=budget)
        except SameRequestUncertain as error:
            raise StillUncertain(
                f"The same request was sent before as {', '.join(error.job_ids)}, and may have been charged.",
                f"Settle it first: imgen wait {' '.join(error.job_ids)}. --resubmit accepts a second charge.",
            ) from error
        return self.ledger.jobs([draft.id for draft in drafts])

    def verdicts(self, drafts: Sequence[Draft], budget: Budget) -> list[Verdict]:
        """Whether the jobs would be within each limit, were they recorded now."""
        return self.ledger.verdicts(self._here(drafts), budget)

    def _here(self, drafts: Sequence[Draft]) -> list[Draft]:
        """The jobs as those of the project we are in."""
        return [replace(draft, project=self._config.project) for draft in drafts]

    def find(self, names: Sequence[str]) -> list[JobRecord]:
        """The jobs a person names: local ids, unique prefixes of them, or remote ids. Raises `UsageProblem`."""
        return [self._find(name) for name in dict.fromkeys(names)]

    def open_jobs(self, *, sandbox: bool) -> list[JobRecord]:
        """What still needs somebody, and what may have been charged; `sandbox` keeps to the sandbox's."""
        records = [*self.ledger.open_jobs(), *self.ledger.uncertain_jobs()]
        return [record for record in records if record.sandbox or not sandbox]

    def expired_jobs(self, provider: str | None, *, sandbox: bool) -> list[JobRecord]:
        """What was paid for and died before it was saved; with a provider, there; `sandbox` keeps to the sandbox's."""
        records = self.ledger.expired_jobs()
        return [r for r in records if provider in (None, r.provider) and (r.sandbox or not sandbox)]

    def reopen_expired(self, records: Sequence[JobRecord]) -> list[JobRecord]:
        """Pictures that were never saved because their link was found dead are to be asked for again."""
        for record in records:
            for result in record.results:
                if result.never_saved:
                    self.ledger.reopen(record.id, result.index)
        return self.ledger.jobs([record.id for record in records])

    def reopen_deleted(self, records: Sequence[JobRecord]) -> list[JobRecord]:
        """Pictures whose saved file is gone, or whose link was found dead, are to be fetched again."""
        for record in records:
            for result in record.results:
                gone = result.state is ResultState.SAVED and not (result.path and result.path.exists())
                if gone or result.state is ResultState.EXPIRED:
                    self.ledger.reopen(record.id, result.index)
        return self.ledger.jobs([record.id for record in records])

    def _find(self, name: str) -> JobRecord:
        found = self.ledger.find(name) if name else []
        if not found:
            raise UsageProblem(
                f"There is no job {name!r} in the ledger.",
                f"If a service gave you that id, name the service: imgen wait -p PROVIDER {name or 'REMOTE_ID'}",
            )
        if len(found) > 1:
            raise UsageProblem(
                f"{name!r} is the start of {len(found)} jobs: {', '.join(record.id for record in found[:8])}.",
                "Type one letter more.",
            )
        return found[0]


@cache
def _print_once(text: str) -> None:
    """A command may open the ledger several times."""
    from imgen.screen.console import err

    err(text)


@contextmanager
def session(config: Config) -> Iterator[Session]:
    """A session on this machine's own clock, which says on stderr what a person has to know of the ledger."""
    opened = Session(config, SystemClock(), _print_once)
    try:
        yield opened
    finally:
        opened.close()


class Work:
    """This process as the owner of jobs, with its connections to services; made only when there is something to ask."""

    def __init__(self, session: Session, config: Config, clock: Clock, poll_every: float | None = None) -> None:
        from imgen.jobs.connections import Services
        from imgen.jobs.save import Saver
        from imgen.jobs.uploads import Uploads
        from imgen.ledger.owners import Owner

        self._session = session
        self._project = config.project
        self._clock = clock
        self._services = Services(config, poll_every)
        self.owner = Owner(config.owners_folder)
        self._saver = Saver(session.ledger, self._services.network, self.owner)
        self._uploads = Uploads(session.ledger, self._services.network, self.owner, config)

    def close(self) -> None:
        """Close the connections; nothing is owned any more."""
        self._services.close()
        self.owner.release()

    def reach(self, entry: ServiceEntry, origin: str) -> None:
        """Make sure that the service can be asked at all. Raises `KeyMissing` or `BadConfiguration`."""
        self._services.connection(entry.name, origin)

    def follow(
        self,
        records: Sequence[JobRecord],
        goal: Goal,
        display: Display,
        *,
        timeout: float | None,
        strict: bool = False,
    ) -> Report:
        """Follow the jobs towards the goal and report. Raises `KeyboardInterrupt`; every job is then in the ledger."""
        from imgen.jobs.follow import Follower

        follower = Follower(self._saver, self._uploads, self._services, display, self._clock, goal, timeout)
        followed = follower.follow(records)
        if not all(record.sandbox for record in records):  # the sandbox does nothing outside of this machine
            for left in self._uploads.clean():
                display.say(left)
        polled = report(followed.records, followed.problems, goal, strict=strict)
        return replace(polled, displayed=followed.displayed, in_time=followed.in_time)

    def attach(self, record: JobRecord, remote_id: str) -> JobRecord:
        """Say which of the service's jobs one is whose reply was lost.

        Raises `UsageProblem`, `NotAdopted`, `KeyMissing` or `BadConfiguration`.
        """
        from imgen.jobs.connections import known

        if record.state is not State.UNCERTAIN:
            raise UsageProblem(f"{record.id} is {record.state}; --remote is for a job that is uncertain.")
        job = self._polled_elsewhere(known(record.provider), record.origin, remote_id)
        try:
            self._session.ledger.attach(record.id, job)
        except IdTaken as taken:
            raise UsageProblem(f"{remote_id} is {taken.job_id} already.", f"imgen wait {taken.job_id}") from taken
        return self._session.ledger.job(record.id)

    def adopt(self, entry: ServiceEntry, origin: str, remote_id: str, target: Target) -> JobRecord:
        """Record a job that was submitted elsewhere, once its service says that it is there. Raises `NotAdopted`."""
        from imgen.orders.drafts import new_id
        from imgen_providers.base import Request

        for known in self._session.ledger.find(remote_id):
            if known.provider == entry.name and known.origin == origin and remote_id in (known.id, known.remote_id):
                return known
        job = self._polled_elsewhere(entry, origin, remote_id)
        draft = Draft(
            id=new_id(),
            run_id=new_id(),
            request_key="",
            provider=entry.name,
            origin=origin,
            family=None,
            request=Request(model="", prompt=""),
            target=target,
            cost=Cost(None, None),
            project=self._project,
        )
        return self._session.ledger.job(self._session.ledger.adopt(draft, job))

    def _polled_elsewhere(self, entry: ServiceEntry, origin: str, remote_id: str) -> Job:
        """The service's job of that id. Raises `NotAdopted` when the service does not know it, or cannot be asked."""
        from imgen_providers.base import Job, Queued
        from imgen_providers.errors import ServiceError

        connection = self._services.connection(entry.name, origin)
        try:
            return connection.service.refresh(Job(entry.name, remote_id, Queued()))
        except ServiceError as error:
            problem = of_unrecorded(error, entry)
            unknown = problem.code == "job_not_found"
            raise NotAdopted(problem, ExitCode.REFUSED if unknown else EXIT_CODES[problem.code]) from error


@contextmanager
def work(opened: Session, config: Config, *, poll_every: float | None = None) -> Iterator[Work]:
    """The means to follow jobs, closed at the end."""
    working = Work(opened, config, SystemClock(), poll_every)
    try:
        yield working
    finally:
        working.close()


def report(records: Sequence[JobRecord], here: dict[str, Problem], goal: Goal, *, strict: bool = False) -> Report:
    """What became of the jobs, for the person and the shell."""
    found = {record.id: problem_of(record, here.get(record.id), goal) for record in records}
    codes = [exit_code(record, found[record.id], strict=strict) for record in records]
    problems = {job_id: problem for job_id, problem in found.items() if problem}
    return Report(tuple(records), problems, combined(codes))


def past_speed(config: Config) -> Callable[[Choice], float | None]:
    """How many seconds jobs like a choice took so far, by the ledger; None where there are too few."""

    def seconds(choice: Choice) -> float | None:
        if not config.ledger_path.exists():
            return None
        with session(config) as opened:
            taken = opened.ledger.seconds_taken(choice.entry.name, choice.model.remote_id, choice.request.resolution)
        return median(taken) if len(taken) >= ENOUGH else None

    return seconds


def going_on_there(records: Sequence[JobRecord]) -> list[JobRecord]:
    """The jobs that go on without this process: those a recovery command is printed for."""
    return [r for r in records if r.state in (State.QUEUED, State.RUNNING, State.READY, State.SUBMITTING)]

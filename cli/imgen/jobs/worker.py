"""This process at work on jobs: their owner, its connections to services, and what it does with both.

Light to import: what talks to services is imported when there is something to send or to poll.
"""

from __future__ import annotations

import gc
from contextlib import closing, contextmanager
from functools import cached_property
from typing import TYPE_CHECKING

from imgen.config.config import SANDBOX
from imgen.errors import BadConfiguration, ExitCode, NotAdopted, StillUncertain, UsageProblem
from imgen.jobs.clock import Clock, SystemClock
from imgen.jobs.problems import EXIT_CODES, not_stopped, of_poll, of_unrecorded
from imgen.jobs.report import Feed, Goal, Report, report
from imgen.ledger.jobs import IdTaken
from imgen.ledger.planning import SameRequestUncertain
from imgen.money.budget import NO_BUDGET, Budget
from imgen.records import OPEN, UNKNOWN, Draft, JobRecord, State

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Sequence

    from imgen.config.config import Config
    from imgen.errors import Problem
    from imgen.jobs.connections import Services
    from imgen.jobs.follow import Follower
    from imgen.jobs.loop import Inbox
    from imgen.jobs.progress import Display
    from imgen.jobs.save import Saver
    from imgen.jobs.session import Session
    from imgen.jobs.uploads import Uploads
    from imgen.ledger.sqlite.owners import Owner
    from imgen.pictures.store import PictureStore
    from imgen.pictures.target import Target
    from imgen_providers.base import Job, StopsJobs
    from imgen_providers.catalog import ServiceEntry

_GARBAGE = 10_000  # objects between two collections, which look at what is new since jobs are followed


class Worker:
    """This process as the owner of jobs, with its connections to services; each is made when it is first needed."""

    def __init__(self, session: Session, config: Config, clock: Clock, poll_every: float | None = None) -> None:
        self._session = session
        self._config = config
        self._clock = clock
        self._poll_every = poll_every

    @cached_property
    def owner(self) -> Owner:
        """The lock file that shows other processes that this one runs."""
        return self._session.ledger.new_owner()

    @cached_property
    def _services(self) -> Services:
        from imgen.jobs.connections import Services

        return Services(self._config, self._poll_every)

    @cached_property
    def _saver(self) -> Saver:
        from imgen.jobs.save import Saver

        parts = self._config.folders.data / "parts"
        return Saver(self._session.ledger, self._services.network, self.owner, parts, self._store)

    @cached_property
    def _store(self) -> PictureStore | None:
        """Where a fleet's pictures go. Raises `BadConfiguration`."""
        store = self._session.store
        if store and not self._session.ledger.is_shared:
            raise BadConfiguration(
                "IMGEN_STORE is for a fleet, and this ledger is a file of this machine.",
                "Set IMGEN_LEDGER to the fleet's PostgreSQL, or unset IMGEN_STORE. Nothing was sent.",
            )
        return store

    @cached_property
    def _uploads(self) -> Uploads:
        """One for all that is followed: a picture that several services fetch is uploaded once."""
        from imgen.jobs.uploads import Uploads

        ledger, network = self._session.ledger, self._services.network
        return Uploads(ledger, network, self.owner, self._config, lambda: self._session.store)

    def _record_crash(self, error: Exception) -> Problem:
        from imgen.crash import crash_problem

        return crash_problem(error, self._config.folders.state, self._config.key_store.known())

    def close(self) -> None:
        """Close the connections; nothing is owned any more."""
        if "_services" in self.__dict__:
            self._services.close()
        if "owner" in self.__dict__:
            self.owner.release()

    def check_store(self) -> None:
        """Prove that the storage for a fleet's pictures can be written. Raises `BadConfiguration`."""
        from imgen.pictures.storage import StorageTrouble

        if self._store is None:
            raise BadConfiguration(
                "A worker saves pictures where the other machines can read them, and IMGEN_STORE is not set.",
                "export IMGEN_STORE=s3://bucket/art\nOr file:// and a folder that all of them share.",
            )
        try:
            self._store.check()
        except StorageTrouble as error:
            raise BadConfiguration(error.message, "Check IMGEN_STORE and its credentials. Nothing was sent.") from error

    def check(self, entry: ServiceEntry, origin: str) -> None:
        """Raises `KeyMissing` or `BadConfiguration` where no request can be made there; connects to nothing."""
        if origin == SANDBOX:
            _ = self._config.sandbox_seconds, self._config.sandbox_faults
        else:
            self._config.accounts.account(entry)

    def own(self, entry: ServiceEntry, origin: str) -> None:
        """Become an owner, and report where the service's key would go to another place than the service itself.

        Raises `LedgerUnusable`, and `BadConfiguration` for a storage that cannot be used here.
        """
        _ = self._store, self.owner
        if origin != SANDBOX:
            self._config.accounts.report_origin(entry)

    def reach(self, entry: ServiceEntry, origin: str) -> None:
        """Open the connection to a service: for an owner, only a submit is missing from here on.

        Raises `LedgerUnusable`, `KeyMissing` or `BadConfiguration`.
        """
        self._services.connection(entry.name, origin)

    def record(
        self,
        drafts: Sequence[Draft],
        *,
        resubmit: bool,
        budget: Budget = NO_BUDGET,
        known: Collection[str] | None = None,
    ) -> list[JobRecord]:
        """Commit jobs of ours before anything is sent; `known` is as for `Jobs.plan`.

        Raises `StillUncertain`, `OverBudget` and `OrderedElsewhere`.
        """
        jobs = self._session.ledger.jobs
        with uncertain_twin():
            planned = jobs.plan(drafts, self.owner.name, resubmit=resubmit, budget=budget, known=known)
        return jobs.get_many(planned)

    def follow(self, records: Sequence[JobRecord], goal: Goal, display: Display, *, timeout: float | None) -> Report:
        """Follow jobs towards the goal, in `timeout` seconds if given, and close the display.

        Ctrl-C ends the waiting, not the jobs: the report is then `interrupted`, and every job is in the ledger.
        """
        with closing(display):
            try:
                return self._follow(records, goal, display, timeout)
            except KeyboardInterrupt:
                left = self._session.ledger.jobs.get_many([record.id for record in records])
                stopped = report(left, {}, Goal.PICTURES)
                return stopped._replace(displayed=frozenset(stopped.problems.values()), interrupted=True)

    def follow_feed(
        self,
        feed: Feed,
        most: int,
        display: Display,
        *,
        timeout: float | None,
        inbox: Inbox | None = None,
    ) -> bool:
        """Follow what the feed hands over, at most `most` at a time, and close the display; whether all was in time.

        The feed has their goals, and is asked for more whenever something is put into the
        `inbox`. Ctrl-C raises `KeyboardInterrupt`: the jobs go on, and every one is in the ledger.
        """
        with closing(display):
            in_time = self._follower(display, timeout, inbox).follow_feed(feed, most)
            for left in self._uploads.clean() if "_uploads" in self.__dict__ else ():
                display.say(left)
        return in_time

    def _follow(self, records: Sequence[JobRecord], goal: Goal, display: Display, timeout: float | None) -> Report:
        found = self._follower(display, timeout).follow(records, goal)
        if not all(record.sandbox for record in records):  # the sandbox does nothing outside of this machine
            for left in self._uploads.clean():
                display.say(left)
        return found

    def _follower(self, display: Display, timeout: float | None, inbox: Inbox | None = None) -> Follower:
        from imgen.jobs.follow import Follower

        gc.freeze()  # what is in memory by now stays; from here on, each answer leaves some garbage
        gc.set_threshold(_GARBAGE)
        parts = (self._saver, self._uploads, self._services, display, self._clock, self._record_crash)
        return Follower(*parts, timeout, inbox)

    def stop(self, records: Sequence[JobRecord], display: Display, *, timeout: float) -> Report:
        """Ask the services not to go on with jobs, then poll each once; one that goes on all the same is a problem.

        Raises `UsageProblem` for a job that cannot be stopped, before any service is asked, `KeyMissing` and
        `BadConfiguration`.
        """
        from imgen.jobs.tracked import remote_job
        from imgen_providers.errors import InvalidRequest, JobNotFound, ServiceError

        met: dict[str, Problem] = {}
        going_on = [record for record in records if record.state in (OPEN - {State.READY}) | {State.UNCERTAIN}]
        for record, service in [(record, self._stoppable(record)) for record in going_on]:
            try:
                service.stop(remote_job(record))
            except (InvalidRequest, JobNotFound):
                pass  # it is too late, which the poll shows
            except ServiceError as error:
                met[record.id] = of_poll(error, record)
        found = (
            self.follow(records, Goal.ANSWER, display, timeout=timeout)
            if going_on
            else report(records, {}, Goal.ANSWER)
        )
        problems = {record.id: not_stopped(record, met.get(record.id)) for record in found.records}
        return found._replace(problems={job_id: problem for job_id, problem in problems.items() if problem})

    def _stoppable(self, record: JobRecord) -> StopsJobs:
        """The service of a job, which can be asked to stop it. Raises as `stop`."""
        from imgen.jobs.connections import known
        from imgen_providers.base import StopsJobs

        if record.state not in (State.QUEUED, State.RUNNING):
            raise UsageProblem(f"Job {record.id} is {record.state}, so no service can be asked.", "imgen status")
        service = self._services.connection(record.provider, record.origin).service
        if not isinstance(service, StopsJobs):
            title = known(record.provider).title
            raise UsageProblem(
                f"{title} cannot be asked to stop a job: {record.id} goes on, and is paid.", f"imgen wait {record.id}"
            )
        return service

    def attach(self, record: JobRecord, remote_id: str) -> JobRecord:
        """Record which of the service's jobs an uncertain one is.

        Raises `UsageProblem`, `NotAdopted`, `KeyMissing` or `BadConfiguration`.
        """
        from imgen.jobs.connections import known

        if record.state is not State.UNCERTAIN:
            raise UsageProblem(f"{record.id} is {record.state}; --remote is for a job that is uncertain.")
        if not known(record.provider).comes_back(record.request.model):
            raise _never_asked_again(known(record.provider), f"To close the job:\nimgen forget {record.id}")
        job = self._polled_elsewhere(known(record.provider), record.origin, remote_id)
        jobs = self._session.ledger.jobs
        try:
            jobs.attach(record.id, job)
        except IdTaken as taken:
            raise UsageProblem(f"{remote_id} is {taken.job_id} already.", f"imgen wait {taken.job_id}") from taken
        return jobs.get(record.id)

    def adopt(self, entry: ServiceEntry, origin: str, remote_id: str, target: Target) -> JobRecord:
        """Record a job that was submitted elsewhere, once its service confirms that it exists. Raises `NotAdopted`."""
        from imgen.records import new_id
        from imgen_providers.base import Request

        if not any(model.comes_back for model in entry.models):
            raise _never_asked_again(entry, "To list what was made here:\nimgen history")
        jobs = self._session.ledger.jobs
        known = jobs.at_service(entry.name, origin, remote_id)
        if known is not None:
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
            cost=UNKNOWN,
            project=self._config.project,
        )
        return jobs.get(jobs.adopt(draft, job))

    def _polled_elsewhere(self, entry: ServiceEntry, origin: str, remote_id: str) -> Job:
        """The service's job of that id. Raises `NotAdopted` when the service does not know it, or does not answer."""
        from imgen_providers.base import Job, Queued
        from imgen_providers.errors import ServiceError

        connection = self._services.connection(entry.name, origin)
        try:
            return connection.service.refresh(Job(entry.name, remote_id, Queued()))
        except ServiceError as error:
            problem = of_unrecorded(error, entry)
            unknown = problem.code == "job_not_found"
            raise NotAdopted(problem, ExitCode.REFUSED if unknown else EXIT_CODES[problem.code]) from error


def _never_asked_again(entry: ServiceEntry, hint: str) -> UsageProblem:
    return UsageProblem(
        f"{entry.title} sends a picture with its answer only, and cannot be asked for it by an id.", hint
    )


@contextmanager
def uncertain_twin() -> Iterator[None]:
    """A request that was sent before, and may have been charged, is `StillUncertain`: what to do is in its hint."""
    try:
        yield
    except SameRequestUncertain as error:
        raise still_uncertain(error) from error


def still_uncertain(error: SameRequestUncertain) -> StillUncertain:
    """The same, with what to do."""
    return StillUncertain(
        f"The same request was sent before as {', '.join(error.job_ids)}, and may have been charged.",
        f"Resolve it first, or accept a second charge with --resubmit.\nimgen wait {' '.join(error.job_ids)}",
    )


@contextmanager
def work(opened: Session, config: Config, *, poll_every: float | None = None) -> Iterator[Worker]:
    """The means to work on jobs, closed at the end; `poll_every` in seconds overrides the poll schedule."""
    worker = Worker(opened, config, SystemClock(), poll_every)
    try:
        yield worker
    finally:
        worker.close()

"""Following jobs to where the user wants them: the one place that starts each phase of a job.

Every phase returns what comes next as a value, and this dispatches it. A waiting job is an entry in the loop's heap,
not a thread, so a thousand jobs in flight cost a thousand small records.
"""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, TypeVar

from imgen.errors import ImgenError, LedgerUnusable, Problem
from imgen.jobs import poll, reconcile, save, submit
from imgen.jobs.loop import Loop, Workers
from imgen.jobs.problems import comes_back
from imgen.jobs.report import Followed, Goal
from imgen.jobs.tracked import Done, Go, Next, Pending, Phase, Tracked, Unrecorded
from imgen.records import JobRecord, ResultState, State
from imgen_providers.base import Job, Queued, Running
from imgen_providers.catalog import SERVICES

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from imgen.jobs.clock import Clock
    from imgen.jobs.connections import Services
    from imgen.jobs.progress import Display, JobView
    from imgen.jobs.save import Saver
    from imgen.jobs.uploads import Uploads

_GRACE = 3.0  # seconds for a submit under way to learn its remote id when the waiting ends

_NEVER_SENT = Problem(
    "never_sent",
    "The waiting ended before anything was sent, so nothing was charged.",
    "Run the command again; a longer --timeout leaves time to send it.",
)

Outcome = TypeVar("Outcome")


class Follower:
    """Follows jobs towards a goal until they are there or `timeout` seconds of awake time are over.

    `record_crash` keeps the trace of an exception that is not ours, and returns the problem it is for its job.
    """

    def __init__(
        self,
        saver: Saver,
        uploads: Uploads,
        services: Services,
        display: Display,
        clock: Clock,
        record_crash: Callable[[Exception], Problem],
        goal: Goal,
        timeout: float | None = None,
    ) -> None:
        self._saver = saver
        self._ledger = saver.ledger
        self._uploads = uploads
        self._services = services
        self._display = display
        self._clock = clock
        self._record_crash = record_crash
        self._goal = goal
        self._timeout = timeout
        self._loop = Loop(clock, self._show, display.interval, on_close=self._close_connections)
        self._jobs: dict[str, Tracked] = {}
        self._unreached: dict[str, Problem] = {}
        self._unrecorded: list[Problem] = []

    def follow(self, records: Sequence[JobRecord]) -> Followed:
        """Follow the jobs; Ctrl-C raises `KeyboardInterrupt` once a submit under way had time to be answered."""
        try:
            return self._follow(records)
        except (LedgerUnusable, KeyboardInterrupt) as end:
            if not self._unrecorded:
                raise
            # The remote ids of what was paid are in no other place, also when the user has had enough.
            messages = " ".join(dict.fromkeys(problem.message for problem in self._unrecorded))
            hints = " ".join(dict.fromkeys(problem.hint for problem in self._unrecorded if problem.hint))
            raise LedgerUnusable(messages, hints or (end.hint if isinstance(end, LedgerUnusable) else None)) from end

    def _follow(self, records: Sequence[JobRecord]) -> Followed:
        try:
            for record in records:
                self._track(record)
            patience = self._timeout if self._timeout is not None else self._usual_timeout()
            deadline = self._clock.monotonic() + patience
            in_time = self._loop.run(lambda: all(job.done for job in self._jobs.values()), deadline)
        except (KeyboardInterrupt, ImgenError) as end:
            try:
                self._stop_waiting(by_user=isinstance(end, KeyboardInterrupt))
            finally:
                self._show()
            raise
        if not in_time:
            self._stop_waiting(by_user=False)
        self._show()
        self._loop.close(grace=1.0 if in_time else 0.0)
        problems = {job.record.id: job.problem for job in self._jobs.values() if job.problem}
        final = tuple(self._ledger.jobs.get_many([record.id for record in records]))
        displayed = frozenset(view.problem for view in self._views() if view.problem)
        return Followed(final, problems | self._unreached, displayed, in_time)

    def _close_connections(self) -> None:
        self._ledger.close()
        self._saver.network.close()

    def _track(self, record: JobRecord) -> None:
        try:
            job = self._tracked(record)
        except ImgenError as error:
            self._unreached[record.id] = error.problem
        except Exception as error:  # noqa: BLE001  the edge of one job: the others go on
            self._unreached[record.id] = self._bug(record, error)
        else:
            self._jobs[record.id] = job
            self._dispatch(job, Go(Phase.START))

    def _tracked(self, record: JobRecord) -> Tracked:
        connection = self._services.connection(record.provider, record.origin)
        request = record.request
        model = SERVICES[record.provider].model(request.model)
        typical = model.typical_seconds(request.resolution) if model else None
        past = self._ledger.jobs.seconds_taken(record.provider, request.model, request.resolution)
        age = 0.0 if record.accepted_at is None else max(0.0, self._clock.wall() - record.accepted_at)
        return Tracked(
            record=record,
            connection=connection,
            since=self._clock.monotonic() - age,
            watched=False,
            past=[] if record.sandbox else past,
            documented=typical and typical * connection.pace,
        )

    def _usual_timeout(self) -> float:
        """Five times the documented duration, at least ten minutes; in seconds."""
        usual = (5 * job.documented for job in self._jobs.values() if job.documented)
        once = (SERVICES[job.record.provider] for job in self._jobs.values() if not comes_back(job.record))
        return max([600.0, *usual, *(entry.submit_seconds for entry in once)])

    def _show(self) -> None:
        self._display.show(self._views())

    def _views(self) -> list[JobView]:
        now = self._clock.monotonic()
        return [job.view(now) for job in self._jobs.values()]

    # What comes next of a job -----------------------------------------------------------------------------

    def _dispatch(self, job: Tracked, step: Next) -> None:
        match step:
            case Go(phase, delay):
                self._loop.after(delay, lambda: self._enter(job, phase))
            case Done(problem):
                job.refresh(self._ledger)
                job.problem, job.activity, job.done = problem, None, True
            case Pending():
                pass
            case Unrecorded(problem):
                self._unrecorded.append(problem)
                # Without a look at the ledger: if that fails too, the others under way would not be heard any more.
                job.problem, job.activity, job.done = problem, None, True

    def _enter(self, job: Tracked, phase: Phase) -> None:
        with self._own_trouble(job):
            match phase:
                case Phase.START:
                    self._dispatch(job, self._start(job))
                case Phase.SUBMIT if self._unrecorded:
                    self._dispatch(job, Done())  # what cannot be recorded is not sent
                case Phase.SUBMIT:
                    self._submit(job)
                case Phase.RECONCILE:
                    self._reconcile(job)
                case Phase.POLL:
                    self._poll(job)
                case Phase.SAVE:
                    self._save(job)

    def _start(self, job: Tracked) -> Next:
        """The first phase of a job, from what the ledger has of it."""
        match job.record.state:
            case State.PLANNED | State.SUBMITTING if not self._is_ours(job.record):
                return self._leave_to_owner(job)
            case State.PLANNED:
                return Go(Phase.SUBMIT)
            case State.READY if self._goal is not Goal.ANSWER and all(
                result.kept for result in job.record.results if result.state is ResultState.READY
            ):
                return Go(Phase.SAVE)  # the bytes came with an answer: there is nothing to ask
            case State.QUEUED | State.RUNNING | State.READY:
                return Go(Phase.POLL)
            case State.UNCERTAIN if job.record.forgotten_at is None:
                return Go(Phase.RECONCILE)
            case _:
                return Done()

    def _leave_to_owner(self, job: Tracked) -> Next:
        """Only the process that planned a job submits it; once it has, any process may follow."""
        if self._goal is not Goal.PICTURES:
            return Done()
        if job.activity is None:
            job.activity = "another imgen is submitting it"
            return Go(Phase.START, save.SAVED_ELSEWHERE_AGAIN)
        job.activity = None
        self._ledger.close_orphan(job.record)
        job.refresh(self._ledger)
        return self._start(job)

    def _submit(self, job: Tracked) -> None:
        def after(outcome: submit.Outcome) -> Next:
            if not isinstance(outcome, submit.Accepted):
                return submit.after(self._ledger, job, outcome)
            job.since, job.watched = self._clock.monotonic(), True
            return self._after_status(job, outcome.job)

        submit.begin(job)
        record, connection = job.record, job.connection
        self._run(self._loop.submits, job, lambda: submit.send(self._ledger, self._uploads, connection, record), after)

    def _reconcile(self, job: Tracked) -> None:
        def after(outcome: reconcile.Outcome) -> Next:
            match outcome:
                case reconcile.Found(found):
                    lost = f"The reply to {job.record.id} was lost, but the service lists it: {found.remote_id}."
                    self._display.say(lost)
                    return self._after_status(job, found)
                case reconcile.WasKept(found):
                    return self._after_status(job, found)
                case reconcile.Ambiguous():
                    self._ledger.close_orphans()  # the process of the other one may have ended
                    return Go(Phase.RECONCILE, reconcile.AMBIGUOUS_AGAIN)
                case reconcile.NotFound():
                    return Done()

        record, service = job.record, job.connection.service
        self._run(self._loop.polls, job, lambda: reconcile.reconcile(self._ledger, service, record), after)

    def _poll(self, job: Tracked) -> None:
        record, service, remote = job.record, job.connection.service, job.remote()
        asked_at, unfinished_at = self._clock.wall(), job.unfinished_at
        took = job.took(self._clock.monotonic(), asked_at)

        def after(outcome: poll.Polled | poll.PollFailed) -> Next:
            match outcome:
                case poll.Polled(polled):
                    if isinstance(polled.status, Queued | Running):
                        job.unfinished_at = asked_at
                    return self._after_status(job, polled)
                case poll.PollFailed(error):
                    return poll.after_failure(job, error, goal=self._goal, now=self._clock.monotonic())

        self._run(
            self._loop.polls,
            job,
            lambda: poll.poll(self._ledger, service, record, remote, took_seconds=took, unfinished_at=unfinished_at),
            after,
        )

    def _save(self, job: Tracked) -> None:
        def start(number: int) -> None:
            def after(outcome: save.Outcome) -> Next:
                return save.after(self._ledger, job, number, outcome, self._clock.wall(), self._display.say)

            self._run(
                self._loop.downloads,
                job,
                lambda: save.save(self._saver, job, number),
                after,
                crashed=lambda bug: after(save.NotSaved(bug)),
            )

        numbers = save.begin(self._ledger, job)
        for number in numbers:
            start(number)
        if not numbers:
            self._dispatch(job, Done(job.problem))

    def _after_status(self, job: Tracked, reported: Job) -> Next:
        now = self._clock.monotonic()
        return poll.after_status(self._ledger, job, reported, goal=self._goal, now=now, say=self._display.say)

    # At the edges -----------------------------------------------------------------------------------------

    def _run(
        self,
        workers: Workers,
        job: Tracked,
        task: Callable[[], Outcome],
        after: Callable[[Outcome], Next],
        crashed: Callable[[Problem], Next] | None = None,
    ) -> None:
        """Run a phase's half in a thread, then dispatch what its other half makes of the outcome."""

        def then(outcome: Outcome) -> None:
            with self._own_trouble(job):
                self._dispatch(job, after(outcome))

        def failed(error: Exception) -> None:
            if isinstance(error, LedgerUnusable):
                raise error
            with self._own_trouble(job):
                problem = error.problem if isinstance(error, ImgenError) else self._bug(job.record, error)
                self._dispatch(job, crashed(problem) if crashed else self._after_crash(job, problem))

        workers.start(task, then, failed)

    @contextmanager
    def _own_trouble(self, job: Tracked) -> Iterator[None]:
        """An exception that is not ours is the trouble of one job: the others go on."""
        try:
            yield
        except ImgenError:
            raise
        except Exception as error:  # noqa: BLE001  the edge of one job
            self._dispatch(job, self._after_crash(job, self._bug(job.record, error)))

    def _bug(self, record: JobRecord, error: Exception) -> Problem:
        bug = self._record_crash(error)
        return replace(bug, hint=" ".join([f"The job is kept: imgen wait {record.id}.", bug.hint or ""]).strip())

    def _after_crash(self, job: Tracked, bug: Problem) -> Next:
        """A job is kept as the ledger has it; one whose submit crashed may have been charged."""
        record = self._close_unsent(job, bug, f"{bug.message} That was while the request was on its way.")
        if record.state is State.UNCERTAIN and job.record.state is State.SUBMITTING:
            job.record = record
            return Go(Phase.RECONCILE)
        if record.state is State.READY and not job.crashed and self._goal is not Goal.ANSWER:
            job.record, job.crashed = record, True  # what is in the ledger of its pictures may be saved all the same
            self._display.say(f"{bug.message} {bug.hint}")
            return Go(Phase.SAVE)
        return Done(bug)

    def _stop_waiting(self, *, by_user: bool) -> None:
        """The waiting is over: a submit under way may still learn its remote id, what was not sent is closed.

        An answer that brings the pictures comes once: after a first Ctrl-C it is waited for until a second one.
        """
        self._goal = Goal.ACCEPTANCE
        for job in self._jobs.values():
            job.stopped = True
        try:
            once = self._answers_once() if by_user and self._loop.submits.pending else 0.0
            if once:
                self._display.say(
                    "The answer under way brings the picture and comes once, so it is waited for."
                    " Ctrl-C again leaves it, and it may be charged."
                )
            elif self._loop.submits.pending:
                self._display.say(f"Waiting up to {_GRACE:.0f} s for the answer to what is being sent...")
            self._loop.finish(self._loop.submits, once or _GRACE)
        finally:
            for job in self._jobs.values():
                lost = "The waiting ended while the request was on its way, before an answer came."
                job.record = self._close_unsent(job, job.problem or _NEVER_SENT, lost)
        uncertain = [job for job in self._jobs.values() if job.record.state is State.UNCERTAIN and not job.done]
        for job in uncertain:
            self._enter(job, Phase.RECONCILE)
        if uncertain:
            self._loop.finish(self._loop.polls, _GRACE)

    def _answers_once(self) -> float:
        """How many seconds the answers under way may take that bring pictures and come once; 0 where there is none."""
        under_way = [job.record for job in self._jobs.values() if job.record.state is State.SUBMITTING]
        once = [SERVICES[record.provider] for record in under_way if not comes_back(record)]
        return max((entry.submit_seconds for entry in once), default=0.0)

    def _close_unsent(self, job: Tracked, never_sent: Problem, lost: str) -> JobRecord:
        record = self._ledger.jobs.get(job.record.id)
        if not self._is_ours(record):
            return record
        submit.close(self._ledger, record, never_sent, lost)
        return self._ledger.jobs.get(record.id)

    def _is_ours(self, record: JobRecord) -> bool:
        return record.owner == self._saver.owner.name

"""Following jobs to where the user wants them: the one place that starts each phase of a job.

Every phase returns what comes next as a value, and this dispatches it. A waiting job is an entry in the loop's heap,
not a thread, so a thousand jobs in flight cost a thousand small records.
"""

from __future__ import annotations

import math
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, TypeVar

from imgen.errors import ImgenError, LedgerUnusable, Problem
from imgen.jobs import poll, save, submit
from imgen.jobs.loop import FEW, Inbox, Loop, Threads, Workers
from imgen.jobs.problems import never_sent
from imgen.jobs.report import Feed, Goal, Report, problem_of, report
from imgen.jobs.tracked import (
    Done,
    Go,
    Next,
    Pending,
    Phase,
    Tracked,
    Unrecorded,
    answers_once,
    tracked,
    usual_timeout,
)
from imgen.ledger.results import PictureNotKept
from imgen.records import JobRecord, State
from imgen_providers.base import Job, Queued, Running

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from imgen.jobs.clock import Clock
    from imgen.jobs.connections import Services
    from imgen.jobs.progress import Display, JobView
    from imgen.jobs.save import Saver
    from imgen.jobs.uploads import Uploads

_QUICK = 0.002  # seconds in which jobs are shown after every change
_GRACE = 3.0  # seconds for a submit under way to learn its remote id when the waiting ends
_LEDGER_AGAIN = 1.0  # seconds until a job goes on whose ledger was away
_LAST_BYTES = 1.0  # seconds for downloads to end and to remove their unfinished files, once their deadline is over

_HELD_BACK = Problem(
    "never_sent", "The ledger could not be written, so nothing more was sent.", "Run the command again."
)

Outcome = TypeVar("Outcome")


class Follower:
    """Follows jobs towards their goals until they are there or `timeout` seconds of awake time are over.

    `record_crash` keeps the trace of an exception that is not ours, and returns the problem it is for its job. What is
    put into the `inbox` makes it ask its feed for more.
    """

    def __init__(
        self,
        saver: Saver,
        uploads: Uploads,
        services: Services,
        display: Display,
        clock: Clock,
        record_crash: Callable[[Exception], Problem],
        timeout: float | None = None,
        inbox: Inbox | None = None,
    ) -> None:
        self._saver = saver
        self._ledger = saver.ledger
        self._uploads = uploads
        self._services = services
        self._display = display
        self._clock = clock
        self._record_crash = record_crash
        self._timeout = timeout
        self._next_show = clock.monotonic() if math.isfinite(display.interval) else math.inf
        threads, inbox = FEW if self._ledger.is_shared else Threads(), Inbox() if inbox is None else inbox
        self._loop = Loop(clock, self._tick, display.interval, self._close_connections, inbox, threads)
        self._jobs: dict[str, Tracked] = {}
        self._unreached: dict[str, Problem] = {}
        self._unrecorded: list[Problem] = []
        self._patient_until = 0.0  # monotonic seconds
        self._awake = False  # whether the feed is asked again at once

    def follow(self, records: Sequence[JobRecord], goal: Goal) -> Report:
        """Follow the jobs to the goal.

        Ctrl-C raises `KeyboardInterrupt` once a submit under way had time to be answered.
        """
        with self._naming_unrecorded():
            in_time = self._wait(lambda: all(job.done for job in self._jobs.values()), records, goal)
            problems = {job.record.id: job.problem for job in self._jobs.values() if job.problem}
            final = self._ledger.jobs.get_many([record.id for record in records])
            displayed = frozenset(view.problem for view in self._views() if view.problem)
            found = report(final, problems | self._unreached, goal)
            return found._replace(displayed=displayed, in_time=in_time)

    def follow_feed(self, feed: Feed, most: int) -> bool:
        """Follow what the feed hands over, at most `most` jobs at a time; returns whether all ended in time.

        Without a timeout the time to wait begins anew with each job that is handed over. Ctrl-C is as in `follow`.
        """

        def done() -> bool:
            self._pass_on(feed)
            if self._unrecorded:
                return not self._jobs
            room = most - len(self._jobs)
            for record in feed.more(room) if room > 0 else ():
                self._track(record, feed.goal(record))
                self._patient_until = self._clock.monotonic() + self._patience()
            self._pass_on(feed)
            if not feed.waits and not self._awake:
                self._awake = True
                self._loop.after(0.0, self._sleep)
            return not self._jobs and feed.over

        with self._naming_unrecorded():
            in_time = self._wait(done)
            for job in self._jobs.values():
                job.done = True
            self._pass_on(feed)
            if self._unrecorded:
                raise LedgerUnusable("The ledger could not be written.")
            return in_time

    def _sleep(self) -> None:
        self._awake = False

    def _pass_on(self, feed: Feed) -> None:
        """Give the jobs that ended back to their feed, and keep nothing of them."""
        if ended := [job for job in self._jobs.values() if job.done]:
            self._show()  # the last time that they are seen
        for job in ended:
            del self._jobs[job.record.id]
        met = {job.record.id: job.problem for job in ended if job.problem} | self._unreached
        self._unreached = {}
        ids = dict.fromkeys([*(job.record.id for job in ended), *met])
        for record in self._ledger.jobs.get_many(list(ids)) if ids and not self._unrecorded else ():
            feed.ended(record, problem_of(record, met.get(record.id), feed.goal(record)))

    @contextmanager
    def _naming_unrecorded(self) -> Iterator[None]:
        """The remote ids of what was paid and not recorded are in no other place, also when the user has had enough."""
        try:
            yield
        except (LedgerUnusable, KeyboardInterrupt) as end:
            if not self._unrecorded:
                raise
            # The remote ids of paid jobs are in no other place, so they are printed also after a Ctrl-C.
            messages = " ".join(dict.fromkeys(problem.message for problem in self._unrecorded))
            hints = " ".join(dict.fromkeys(problem.hint for problem in self._unrecorded if problem.hint))
            raise LedgerUnusable(messages, hints or (end.hint if isinstance(end, LedgerUnusable) else None)) from end

    def _wait(self, done: Callable[[], bool], records: Sequence[JobRecord] = (), goal: Goal = Goal.PICTURES) -> bool:
        """Begin with the records and run until `done`; False when the time to wait was over before."""
        try:
            for record in records:
                self._track(record, goal)
            self._patient_until = self._clock.monotonic() + self._patience()
            while not (in_time := self._loop.run(done, until := self._patient_until)):
                if self._timeout is not None or self._patient_until <= until:
                    break
        except (KeyboardInterrupt, ImgenError) as end:
            try:
                self._stop_waiting(by_user=isinstance(end, KeyboardInterrupt))
            finally:
                self._show()
                self._loop.close(grace=0.0)
            raise
        if not in_time:
            self._stop_waiting(by_user=False)
            self._loop.finish(self._loop.downloads, _LAST_BYTES)
        self._show()
        self._loop.close(grace=1.0 if in_time else 0.0)
        return in_time

    def _patience(self) -> float:
        return self._timeout if self._timeout is not None else usual_timeout(self._jobs.values())

    def _close_connections(self) -> None:
        self._ledger.close()
        self._saver.network.close()

    def _track(self, record: JobRecord, goal: Goal) -> None:
        try:
            self._saver.check(record, goal)
            connection = self._services.connection(record.provider, record.origin)
            job = tracked(self._ledger, connection, self._clock, record, goal)
        except ImgenError as error:
            self._unreached[record.id] = error.problem
        except Exception as error:  # noqa: BLE001  the edge of one job: the others go on
            self._unreached[record.id] = self._bug(record, error)
        else:
            self._jobs[record.id] = job
            self._dispatch(job, Go(Phase.START))

    def _tick(self) -> None:
        """Show the jobs; a thousand are many, so this takes a fiftieth of the time at most."""
        begin = self._clock.monotonic()
        if begin < self._next_show:
            return
        self._show()
        took = self._clock.monotonic() - begin
        if took > _QUICK:
            self._next_show = begin + 50 * took

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
                # The ledger is not read here: if that failed too, the answers to other submits would not be taken.
                job.problem, job.activity, job.done = problem, None, True

    def _enter(self, job: Tracked, phase: Phase) -> None:
        with self._contained(job):
            match phase:
                case Phase.START:
                    self._dispatch(job, self._start(job))
                case Phase.RESUME:
                    job.read_at = None
                    job.refresh(self._ledger)
                    self._dispatch(job, self._start(job))
                case Phase.SUBMIT if self._unrecorded:
                    self._dispatch(job, self._hold_back(job))
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
            case State.READY if job.record.is_kept:  # the bytes came with an answer: there is nothing to poll for
                return Done() if job.goal is Goal.ANSWER else Go(Phase.SAVE)
            case State.QUEUED | State.RUNNING | State.READY:
                return Go(Phase.POLL)
            case State.UNCERTAIN if job.record.forgotten_at is None:
                return Go(Phase.RECONCILE)
            case _:
                return Done()

    def _leave_to_owner(self, job: Tracked) -> Next:
        """Only the process that planned a job submits it; once it has, any process may follow."""
        if job.goal is not Goal.PICTURES:
            return Done()
        if job.activity is None:
            job.activity = "another imgen is submitting it"
            return Go(Phase.START, save.SAVED_ELSEWHERE_AGAIN)
        job.activity = None
        self._ledger.close_orphan(job.record)
        job.refresh(self._ledger)
        return self._start(job)

    def _hold_back(self, job: Tracked) -> Next:
        """What cannot be recorded is not sent. Where the ledger cannot even close the job, the next command does."""
        with suppress(LedgerUnusable):
            self._close_unsent(job, _HELD_BACK, _HELD_BACK.message)
        return Unrecorded(_HELD_BACK)

    def _submit(self, job: Tracked) -> None:
        def after(outcome: submit.Outcome) -> Next:
            if not isinstance(outcome, submit.Accepted):
                return submit.after(self._saver, job, outcome)
            job.since, job.watched = self._clock.monotonic(), True
            return self._after_status(job, outcome.job)

        submit.begin(job)
        record, connection = job.record, job.connection
        self._run(self._loop.submits, job, lambda: submit.send(self._saver, self._uploads, connection, record), after)

    def _reconcile(self, job: Tracked) -> None:
        from imgen.jobs import reconcile  # only after a reply was lost

        def after(outcome: reconcile.Outcome) -> Next:
            match outcome:
                case reconcile.Found(found):
                    listed = f"No reply to {job.record.id} came, but the service lists it: {found.remote_id}."
                    self._display.say(listed)
                    return self._after_listed(job, found)
                case reconcile.WasKept(found):
                    return self._after_status(job, found)
                case reconcile.Ambiguous():
                    self._ledger.close_orphans()  # the process of the other one may have ended
                    return Go(Phase.RECONCILE, reconcile.AMBIGUOUS_AGAIN)
                case reconcile.NotFound():
                    return reconcile.after_not_found(job, self._clock.wall())

        record, service = job.record, job.connection.service
        self._run(self._loop.polls, job, lambda: reconcile.reconcile(self._ledger, service, record), after)

    def _after_listed(self, job: Tracked, found: Job) -> Next:
        """What comes next of a job that a list showed: it may be over for hours, and some lists show no state."""
        if isinstance(found.status, Queued | Running) and job.goal not in (Goal.ACCEPTANCE, Goal.ANSWER):
            job.job = found
            job.refresh(self._ledger)
            return Go(Phase.POLL)
        return self._after_status(job, found)

    def _poll(self, job: Tracked) -> None:
        record, service, remote = job.record, job.connection.service, job.remote()
        asked_at, unfinished_at = self._clock.wall(), job.unfinished_at
        took = job.took(self._clock.monotonic(), asked_at)
        saver = None if job.goal is Goal.ANSWER else self._saver
        times = {"took_seconds": took, "unfinished_at": unfinished_at}

        def after(outcome: poll.Polled | poll.PollFailed) -> Next:
            match outcome:
                case poll.Polled(polled):
                    if isinstance(polled.status, Queued | Running):
                        job.unfinished_at = asked_at
                    return self._after_status(job, polled)
                case poll.PollFailed(error):
                    return poll.after_failure(job, error, goal=job.goal, now=self._clock.monotonic())

        self._run(
            self._loop.polls,
            job,
            lambda: poll.poll(self._ledger, service, record, remote, saver=saver, **times),
            after,
        )

    def _save(self, job: Tracked) -> None:
        def start(number: int) -> None:
            def after(outcome: save.Outcome) -> Next:
                return save.after(self._ledger, job, number, outcome, self._clock.wall(), self._display.say)

            self._run(
                self._loop.downloads,
                job,
                lambda: save.save(self._saver, job, number, seconds),
                after,
                crashed=lambda bug: after(save.NotSaved(bug, again=bug.code == LedgerUnusable.code)),
            )

        seconds = self._patient_until - self._clock.monotonic()
        numbers = save.begin(self._ledger, job)
        for number in numbers:
            start(number)
        if not numbers:
            self._dispatch(job, Done(job.problem))

    def _after_status(self, job: Tracked, reported: Job) -> Next:
        now = self._clock.monotonic()
        return poll.after_status(self._ledger, job, reported, goal=job.goal, now=now, say=self._display.say)

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
            with self._contained(job):
                self._dispatch(job, after(outcome))

        def failed(error: Exception) -> None:
            away = isinstance(error, LedgerUnusable)
            if away and not self._ledger.is_shared:
                raise error
            with self._contained(job):
                problem = error.problem if isinstance(error, ImgenError) else self._bug(job.record, error)
                if crashed:
                    self._dispatch(job, crashed(problem))
                elif away and not (job.goal is Goal.ANSWER and isinstance(error, PictureNotKept)):
                    self._dispatch(job, Go(Phase.RESUME, _LEDGER_AGAIN))
                else:
                    self._dispatch(job, self._after_crash(job, problem))

        workers.start(task, then, failed)

    @contextmanager
    def _contained(self, job: Tracked) -> Iterator[None]:
        """Turn an exception that is not ours into the problem of one job: the others go on.

        A ledger on a server comes back, and the job then goes on from what it has.
        """
        try:
            yield
        except LedgerUnusable:
            if not self._ledger.is_shared:
                raise
            self._dispatch(job, Go(Phase.RESUME, _LEDGER_AGAIN))
        except ImgenError:
            raise
        except Exception as error:  # noqa: BLE001  the edge of one job
            self._dispatch(job, self._after_crash(job, self._bug(job.record, error)))

    def _bug(self, record: JobRecord, error: Exception) -> Problem:
        bug = self._record_crash(error)
        return bug._replace(hint="\n".join(filter(None, ["The job is kept:", f"imgen wait {record.id}", bug.hint])))

    def _after_crash(self, job: Tracked, bug: Problem) -> Next:
        """A job is kept as the ledger has it; one whose submit crashed may have been charged."""
        record = self._close_unsent(job, bug, f"{bug.message} That was while the request was on its way.")
        if record.state is State.UNCERTAIN and job.record.state is State.SUBMITTING:
            job.record, job.read_at = record, None
            return Go(Phase.RECONCILE)
        if record.state is State.READY and not job.crashed and job.goal is not Goal.ANSWER:
            # What is in the ledger of its pictures may be saved all the same.
            job.record, job.read_at, job.crashed = record, None, True
            self._display.say(f"{bug.message} {bug.hint}")
            return Go(Phase.SAVE)
        return Done(bug)

    def _stop_waiting(self, *, by_user: bool) -> None:
        """The waiting is over: what was not sent is closed, and a submit under way may still learn its remote id.

        An answer that brings the pictures comes once, and is paid: it is waited for and saved, until the next Ctrl-C.
        """
        self._loop.submits.withdraw()
        for job in self._jobs.values():
            job.stopped, job.goal = True, Goal.ACCEPTANCE
        try:
            self._hold_back_planned(by_user=by_user)
            once = answers_once(self._jobs.values()) if self._loop.submits.pending else 0.0
            if once:
                self._display.say(
                    f"The answer under way brings the picture and comes once, so it is waited for, up to {once:.0f} s."
                    f" Ctrl-C{' again' if by_user else ''} leaves it, and it may be charged."
                )
            elif self._loop.submits.pending:
                self._display.say(f"Waiting up to {_GRACE:.0f} s for the answer to what is being sent...")
            self._loop.finish(self._loop.submits, once or _GRACE)
            self._save_what_is_here()
        finally:
            for job in self._jobs.values():
                no_answer = "The waiting ended while the request was on its way, before an answer came."
                unsent = job.problem or never_sent(job.record, by_user=by_user)
                job.record, job.read_at = self._close_unsent(job, unsent, no_answer), None
        uncertain = [job for job in self._jobs.values() if job.record.state is State.UNCERTAIN and not job.done]
        for job in uncertain:
            self._enter(job, Phase.RECONCILE)
        if uncertain:
            self._loop.finish(self._loop.polls, _GRACE)

    def _hold_back_planned(self, *, by_user: bool) -> None:
        """Close what is planned, so that no thread sends it: it may be uploading its pictures, or about to begin."""
        with suppress(LedgerUnusable):  # what was sent is still to be answered, and the next command closes the others
            for job in self._jobs.values():
                if job.record.state in (State.PLANNED, State.SUBMITTING) and self._is_ours(job.record):
                    problem = job.problem or never_sent(job.record, by_user=by_user)
                    self._ledger.unsent(job.record, self._saver.owner.name, problem)
                    job.record, job.read_at = self._ledger.jobs.get(job.record.id), None

    def _save_what_is_here(self) -> None:
        """Save pictures that came with an answer after the waiting was over: they need no service."""
        came = [job for job in self._jobs.values() if job.record.state is State.READY and job.record.is_kept]
        came = [job for job in came if not job.done and not job.saving]
        for job in came:
            self._enter(job, Phase.SAVE)
        if came:
            self._loop.finish(self._loop.downloads, _GRACE)

    def _close_unsent(self, job: Tracked, never_sent: Problem, no_answer: str) -> JobRecord:
        record = self._ledger.jobs.get(job.record.id)
        if not self._is_ours(record):
            return record
        submit.close(self._saver, record, never_sent, no_answer)
        return self._ledger.jobs.get(record.id)

    def _is_ours(self, record: JobRecord) -> bool:
        return record.owner == self._saver.owner.name

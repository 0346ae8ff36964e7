"""Following jobs to where the person wants them: what to do next with each, and when.

A waiting job is an entry in the loop's heap, not a thread, so a thousand jobs in flight cost a thousand small records.
"""

from __future__ import annotations

import random
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING

from imgen.errors import ImgenError, LedgerUnusable, Problem
from imgen.jobs import steps
from imgen.jobs.collect import BUSY_ELSEWHERE, Collector
from imgen.jobs.goals import Followed, Goal
from imgen.jobs.loop import Loop
from imgen.jobs.orphans import close, close_orphans
from imgen.jobs.problems import of_error
from imgen.jobs.tracked import Tracked
from imgen.records import JobRecord, Result, ResultState, State
from imgen_providers.base import InlineAsset, Job, LinkedAsset, Queued, Running, Succeeded, Unrecognised
from imgen_providers.catalog import SERVICES
from imgen_providers.errors import JobNotFound, KeyRefused, NotSent, RateLimited, ServiceError, Uncertain

if TYPE_CHECKING:
    from collections.abc import Sequence

    from imgen.jobs.clock import Clock
    from imgen.jobs.connections import Services
    from imgen.jobs.progress import Display, JobView
    from imgen.jobs.save import Saver
    from imgen.jobs.uploads import Uploads
    from imgen_providers.base import Asset

_SUBMIT_TRIES = 4  # of a request that provably never left
_EMPTY_ANSWERS = 6  # a public client asks six times when a finished job shows no link (reference 2.3, 2026-11-20)
_AMBIGUOUS_AGAIN = 1.0  # seconds until it may be clear whose a listed job is
_JUST_ACCEPTED = 120.0  # seconds in which a service may not know its own job yet
_GRACE = 3.0  # seconds for a submit under way to learn its remote id when the waiting ends

_NEVER_SENT = Problem(
    "never_sent",
    "The waiting ended before anything was sent, so nothing was charged.",
    "Run the command again; a longer --timeout leaves time to send it.",
)


class Follower:
    """Follows jobs towards a goal until they are there or `timeout` seconds of awake time are over."""

    def __init__(
        self,
        saver: Saver,
        uploads: Uploads,
        services: Services,
        display: Display,
        clock: Clock,
        goal: Goal,
        timeout: float | None = None,
    ) -> None:
        self._saver = saver
        self._ledger = saver.ledger
        self._uploads = uploads
        self._services = services
        self._display = display
        self._clock = clock
        self._goal = goal
        self._timeout = timeout
        self._loop = Loop(clock, self._show, display.interval, on_close=self._close_connections)
        self._collector = Collector(saver, self._loop, display, clock, poll=self._poll, close_orphans=self._finish)
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
            # The remote ids of what was paid are known to nobody else any more, also where the person has had enough.
            polled = " ".join(dict.fromkeys(problem.message for problem in self._unrecorded))
            hints = " ".join(dict.fromkeys(problem.hint for problem in self._unrecorded if problem.hint))
            raise LedgerUnusable(polled, hints or (end.hint if isinstance(end, LedgerUnusable) else None)) from end

    def _follow(self, records: Sequence[JobRecord]) -> Followed:
        try:
            for record in records:
                self._begin(record)
            patience = self._timeout if self._timeout is not None else self._usual_timeout()
            deadline = self._clock.monotonic() + patience
            in_time = self._loop.run(lambda: all(job.done for job in self._jobs.values()), deadline)
        except (KeyboardInterrupt, LedgerUnusable):
            try:
                self._stop_waiting()
            finally:
                self._show()
            raise
        if not in_time:
            self._stop_waiting()
        self._show()
        self._loop.close(grace=1.0 if in_time else 0.0)
        problems = {job.record.id: job.problem for job in self._jobs.values() if job.problem}
        final = tuple(self._ledger.jobs([record.id for record in records]))
        displayed = frozenset(view.problem for view in self._views() if view.problem)
        return Followed(final, problems | self._unreached, displayed, in_time)

    def _close_connections(self) -> None:
        self._ledger.close()
        self._saver.network.close()

    def _begin(self, record: JobRecord) -> None:
        try:
            connection = self._services.connection(record.provider, record.origin)
        except ImgenError as error:
            self._unreached[record.id] = error.problem
            return
        request = record.request
        model = SERVICES[record.provider].model(request.model)
        typical = model.typical_seconds(request.resolution) if model else None
        past = self._ledger.seconds_taken(record.provider, request.model, request.resolution)
        age = 0.0 if record.accepted_at is None else max(0.0, self._clock.wall() - record.accepted_at)
        job = Tracked(
            record=record,
            connection=connection,
            since=self._clock.monotonic() - age,
            watched=False,
            past=[] if record.sandbox else past,
            documented=typical and typical * connection.pace,
        )
        self._jobs[record.id] = job
        self._first_step(job)

    def _first_step(self, job: Tracked) -> None:
        """The first thing to do with a job, from what the ledger says of it."""
        match job.record.state:
            case State.PLANNED | State.SUBMITTING if not self._is_ours(job.record):
                self._leave_to_owner(job)
            case State.PLANNED:
                self._loop.after(0.0, lambda: self._submit(job))
            case State.READY if self._goal is not Goal.ANSWER and all(r.kept for r in self._unsaved(job.record)):
                self._loop.after(0.0, lambda: self._pictures_exist(job, self._known_assets(job.record)))
            case State.QUEUED | State.RUNNING | State.READY:
                self._loop.after(0.0, lambda: self._poll(job))
            case State.UNCERTAIN if job.record.forgotten_at is None:
                self._loop.after(0.0, lambda: self._reconcile(job))
            case _:
                job.done = True

    def _unsaved(self, record: JobRecord) -> list[Result]:
        return [result for result in record.results if result.state is ResultState.READY]

    def _known_assets(self, record: JobRecord) -> list[Asset | None]:
        """The pictures where the ledger last knew them: in a file of ours, or behind a link that may still live."""
        return [_known_asset(result) for result in record.results]

    def _is_ours(self, record: JobRecord) -> bool:
        return record.owner == self._saver.owner.name

    def _leave_to_owner(self, job: Tracked) -> None:
        """Only the process that planned a job submits it; once it has, anybody may follow."""
        if self._goal is Goal.PICTURES:
            job.activity = "another imgen is submitting it"
            self._loop.after(BUSY_ELSEWHERE, lambda: self._look_again(job))
        else:
            self._finish(job)

    def _look_again(self, job: Tracked) -> None:
        if job.record.owner is None or not self._saver.owner.is_alive(job.record.owner):
            close(self._ledger, job.record)
        self._refresh(job)
        job.activity = None
        self._first_step(job)

    def _usual_timeout(self) -> float:
        """Five times the documented duration, at least ten minutes; in seconds."""
        return max([600.0, *(5 * job.documented for job in self._jobs.values() if job.documented)])

    def _stop_waiting(self) -> None:
        """Nobody waits any more: a submit under way may still learn its remote id, what was not sent is closed."""
        self._goal = Goal.ACCEPTANCE
        try:
            if self._loop.submits.pending:
                self._display.say(f"Waiting up to {_GRACE:.0f} s for the answer to what is being sent...")
            self._loop.finish(self._loop.submits, _GRACE)
        finally:
            for job in self._jobs.values():
                self._close_unsent(job)
        doubtful = [job for job in self._jobs.values() if job.record.state is State.UNCERTAIN and not job.done]
        for job in doubtful:
            self._reconcile(job)
        if doubtful:
            self._loop.finish(self._loop.polls, _GRACE)

    def _close_unsent(self, job: Tracked) -> None:
        record = self._ledger.job(job.record.id)
        if not self._is_ours(record):
            pass
        elif record.state is State.PLANNED:
            problem = job.problem or _NEVER_SENT
            self._ledger.never_sent(record.id, problem)
        elif record.state is State.SUBMITTING:
            lost = Uncertain("The waiting ended while the request was on its way, before an answer came.")
            self._ledger.mark_uncertain(record.id, of_error(lost, record))
        self._refresh(job)

    def _show(self) -> None:
        self._display.show(self._views())

    def _views(self) -> list[JobView]:
        now = self._clock.monotonic()
        return [job.view(now) for job in self._jobs.values()]

    def _refresh(self, job: Tracked) -> None:
        job.record = self._ledger.job(job.record.id)

    def _finish(self, job: Tracked, problem: Problem | None = None) -> None:
        self._refresh(job)
        job.problem = problem
        job.activity = None
        job.done = True

    # Submitting -------------------------------------------------------------------------------------------

    def _submit(self, job: Tracked) -> None:
        if self._unrecorded:
            self._finish(job)  # what cannot be recorded is not sent
            return
        job.activity = None
        job.submit_tries += 1
        job.record = replace(job.record, state=State.SUBMITTING)  # shown from now on; the thread commits it
        record, connection = job.record, job.connection
        self._loop.submits.start(
            lambda: steps.submit(self._ledger, self._uploads, connection, record),
            lambda outcome: self._submitted(job, outcome),
        )

    def _submitted(self, job: Tracked, outcome: steps.Submitted) -> None:
        match outcome:
            case steps.Paced(seconds, most):
                job.submit_tries -= 1
                self._refresh(job)
                title = SERVICES[job.record.provider].title
                job.activity = f"{title} takes {most} a minute, again in {seconds:.0f} s" if seconds else None
                self._loop.after(seconds, lambda: self._submit(job))
            case steps.Accepted(polled):
                job.since, job.watched = self._clock.monotonic(), True
                self._polled(job, polled)
            case steps.Retryable(error):
                self._retry_submit(job, error)
            case steps.Unrecorded(problem):
                self._unrecorded.append(problem)
                # Without a look at the ledger: if that fails too, the others under way would not be heard any more.
                job.problem, job.activity, job.done = problem, None, True
            case steps.SubmitEnded():
                self._refresh(job)
                if job.record.state is State.UNCERTAIN:
                    self._reconcile(job)
                else:
                    self._finish(job)

    def _reconcile(self, job: Tracked) -> None:
        """The reply was lost: where the service lists its jobs, ours may be among them."""
        record, service = job.record, job.connection.service
        self._loop.polls.start(
            lambda: steps.reconcile(self._ledger, service, record), lambda outcome: self._reconciled(job, outcome)
        )

    def _reconciled(self, job: Tracked, outcome: steps.Accepted | steps.Ambiguous | steps.SubmitEnded) -> None:
        match outcome:
            case steps.Accepted(polled):
                self._display.say(
                    f"The reply to {job.record.id} was lost, but the service lists it: {polled.remote_id}."
                )
                self._polled(job, polled)
            case steps.Ambiguous():
                close_orphans(self._ledger, self._saver.owner.folder)  # the other one may have died
                self._loop.after(_AMBIGUOUS_AGAIN, lambda: self._reconcile(job))
            case steps.SubmitEnded():
                self._finish(job)

    def _retry_submit(self, job: Tracked, error: ServiceError) -> None:
        job.problem = of_error(error, job.record)
        if isinstance(error, NotSent):
            delay = 0.5 * 2.0 ** (job.submit_tries - 1)
            job.activity = "not reached, trying again"
        else:
            delay = job.connection.schedule.after_too_fast(error.retry_after)
            reason = "rate limited" if isinstance(error, RateLimited) else "service busy"
            job.activity = f"{reason}, again in {delay:.0f} s"
        self._refresh(job)
        if isinstance(error, NotSent) and job.submit_tries >= _SUBMIT_TRIES:
            self._ledger.never_sent(job.record.id, job.problem)
            self._finish(job)
        else:
            self._loop.after(delay, lambda: self._submit(job))

    # Asking -----------------------------------------------------------------------------------------------

    def _poll(self, job: Tracked) -> None:
        record, service, remote = job.record, job.connection.service, job.remote()
        asked_at, unfinished_at = self._clock.wall(), job.unfinished_at
        took = job.took(self._clock.monotonic(), asked_at)
        self._loop.polls.start(
            lambda: steps.poll(self._ledger, service, record, remote, took_seconds=took, unfinished_at=unfinished_at),
            lambda outcome: self._answered(job, outcome, asked_at),
        )

    def _answered(self, job: Tracked, outcome: steps.Polled | steps.PollFailed, asked_at: float) -> None:
        match outcome:
            case steps.Polled(polled):
                if isinstance(polled.status, Queued | Running):
                    job.unfinished_at = asked_at
                self._polled(job, polled)
            case steps.PollFailed(error):
                self._poll_failed(job, error)

    def _polled(self, job: Tracked, polled: Job) -> None:
        first_word = job.job is None
        job.job, job.unanswered, job.activity, job.problem = polled, 0, None, None
        self._refresh(job)
        match polled.status:
            case Succeeded(assets=()):
                self._no_links_yet(job)
            case Succeeded(assets=assets):
                self._pictures_exist(job, assets)
            case Unrecognised(state=state):
                job.activity = f"says {state!r}, which no document explains"
                self._poll_later(job, first_word=first_word)
            case Queued() | Running():
                self._poll_later(job, first_word=first_word)
            case _:
                self._finish(job)

    def _no_links_yet(self, job: Tracked) -> None:
        job.empty_answers += 1
        if job.empty_answers > _EMPTY_ANSWERS and self._goal is Goal.PICTURES:
            steps.no_pictures(self._ledger, job.record)
            self._finish(job)
        else:
            job.activity = "finished there, links not shown yet"
            self._poll_later(job, first_word=False)

    def _poll_later(self, job: Tracked, *, first_word: bool) -> None:
        if job.record.state is State.READY and self._goal in (Goal.WHAT_IS_READY, Goal.FINISHED):
            # This answer is older than what another process has been told since.
            self._pictures_exist(job, self._known_assets(job.record))
            return
        if self._goal is not Goal.PICTURES:
            self._finish(job)
            return
        age = job.age(self._clock.monotonic())
        schedule = job.connection.schedule
        just_accepted = first_word and age < schedule.first
        delay = schedule.first - age if just_accepted else schedule.interval(age, random.random())
        self._loop.after(delay, lambda: self._poll(job))

    def _poll_failed(self, job: Tracked, error: ServiceError) -> None:
        problem = of_error(error, job.record)
        if isinstance(error, JobNotFound) and job.record.state is State.READY and self._goal is not Goal.ANSWER:
            # The service has let go of the job; the links it gave before may still live.
            self._pictures_exist(job, self._known_assets(job.record))
            return
        lost = isinstance(error, JobNotFound) and job.age(self._clock.monotonic()) > _JUST_ACCEPTED
        if lost or isinstance(error, KeyRefused) or self._goal is not Goal.PICTURES:
            self._finish(job, problem)
            return
        job.unanswered += 1
        job.problem = problem
        schedule = job.connection.schedule
        if isinstance(error, RateLimited):
            job.activity = "asked to slow down"
            wait: float | None = schedule.after_too_fast(error.retry_after)
        else:
            job.activity = "no answer, asking again"
            wait = error.retry_after
        self._loop.after(schedule.after_trouble(job.unanswered, wait, random.random()), lambda: self._poll(job))

    def _pictures_exist(self, job: Tracked, assets: Sequence[Asset | None]) -> None:
        if self._goal is Goal.ANSWER:
            self._finish(job)
        else:
            self._collector.collect(job, assets)


def _known_asset(result: Result) -> Asset | None:
    if result.kept:
        with suppress(FileNotFoundError):
            return InlineAsset(result.kept.read_bytes())
    return LinkedAsset(result.url) if result.url else None

"""Collecting the pictures of finished jobs: again after damage, on a fresh link after a dead one, never twice."""

from __future__ import annotations

from typing import TYPE_CHECKING

from imgen.jobs import save as saving

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from imgen.errors import Problem
    from imgen.jobs.clock import Clock
    from imgen.jobs.loop import Loop
    from imgen.jobs.progress import Display
    from imgen.jobs.tracked import Tracked
    from imgen_providers.base import Asset

BUSY_ELSEWHERE = 0.5
"""Seconds between two looks at a job or a picture that another process has in hand."""

_SAVE_TRIES = 5
_DEAD_LINKS = 5  # in a row, of a picture whose link should still live


class Collector:
    """Saves pictures in the loop's download threads.

    `poll` asks the service about a job again, for fresh links; `close_orphans` ends the following of one.
    """

    def __init__(
        self,
        saver: saving.Saver,
        loop: Loop,
        display: Display,
        clock: Clock,
        *,
        poll: Callable[[Tracked], None],
        close_orphans: Callable[[Tracked, Problem | None], None],
    ) -> None:
        self._saver = saver
        self._ledger = saver.ledger
        self._loop = loop
        self._display = display
        self._clock = clock
        self._poll = poll
        self._finish = close_orphans

    def collect(self, job: Tracked, assets: Sequence[Asset | None]) -> None:
        """Save every picture of the job that is still to be saved; `assets` are what the service shows of them."""
        job.assets = assets
        job.save_again_in = None
        for number in job.unsaved():
            asset = assets[number - 1] if number <= len(assets) else None
            if asset is not None:
                self._save_one(job, number, asset)
        if not job.saving:
            self._finish(job, job.problem)

    def _save_one(self, job: Tracked, number: int, asset: Asset) -> None:
        job.saving.add(number)
        record, connection = job.record, job.connection

        def on_bytes(received: int, total: int | None) -> None:  # noqa: ARG001
            job.received[number] = received

        self._loop.downloads.start(
            lambda: saving.save(self._saver, connection, record, number, asset, on_bytes),
            lambda ending: self._save_ended(job, number, ending),
        )

    def _save_ended(self, job: Tracked, number: int, ending: saving.Ending) -> None:
        self._refresh(job)
        job.saving.discard(number)
        match ending:
            case saving.Saved(path=path, moved=moved):
                if moved:
                    self._display.say(f"The name was taken meanwhile, so it is saved as {path.name}.")
            case saving.NotSaved():
                self._not_saved(job, number, ending)
            case saving.LinkExpired():
                self._link_expired(job, number)
            case saving.ClaimedElsewhere():
                job.activity = "another imgen is saving it"
                job.save_again_in = BUSY_ELSEWHERE
        if not job.saving:
            self._go_on_saving(job)

    def _go_on_saving(self, job: Tracked) -> None:
        """All downloads of the job have ended: those that failed go again together, on fresh links."""
        if not job.unsaved():
            self._finish(job, job.problem if job.given_up else None)
            return
        delay = job.save_again_in or 0.0
        if job.save_tries or job.dead_links:
            self._loop.after(delay, lambda: self._poll(job))
        else:
            self._loop.after(delay, lambda: self.collect(job, job.assets))

    def _not_saved(self, job: Tracked, number: int, ending: saving.NotSaved) -> None:
        job.problem = ending.problem
        job.save_tries[number] += 1
        tries = job.save_tries[number]
        if ending.again and tries < _SAVE_TRIES:
            job.activity = "download broken, trying again"
            wait = max(0.5 * job.connection.pace * 2.0 ** (tries - 1), ending.retry_after or 0.0)
            job.save_again_in = max(job.save_again_in or 0.0, wait)
        else:
            job.given_up.add(number)
            self._ledger.set_problem(job.record.id, ending.problem)
            self._refresh(job)

    def _link_expired(self, job: Tracked, number: int) -> None:
        job.dead_links[number] += 1
        deaths = job.dead_links[number]
        if deaths > (_DEAD_LINKS if self._should_live(job, number) else 1):
            self._ledger.expired(job.record.id, number)
            self._refresh(job)
            return
        job.activity = "link dead, asking for a fresh one"
        if deaths > 1:  # a fresh link may take its time to work everywhere
            job.save_again_in = max(job.save_again_in or 0.0, job.connection.pace * 2.0**deaths)

    def _should_live(self, job: Tracked, number: int) -> bool:
        """Whether the service's own word says that a link cannot be dead yet."""
        expires_at = job.record.results[number - 1].expires_at
        return expires_at is not None and self._clock.wall() < expires_at

    def _refresh(self, job: Tracked) -> None:
        job.record = self._ledger.job(job.record.id)

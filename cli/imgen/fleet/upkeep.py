"""What every worker does for the whole fleet each few seconds: settle, heal, and put first what expires soon.

Each worker does all of it from a thread of its own, so that no single one is needed. Whatever is interrupted in the
middle is done by the next: each step is a transaction, or idempotent.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from imgen.errors import LedgerUnusable
from imgen.fleet.engine import STALLED, queue_of

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

    from imgen.fleet.engine import Engine
    from imgen.fleet.feed import QueueFeed
    from imgen.ledger.postgres.ledger import PostgresLedger

_EVERY = 5.0  # seconds
_LOOK = 1.0  # seconds between two looks at whether there is nothing left to do
_MOST = 500  # jobs that are put into the queue again at once


def keep_up(ledger: PostgresLedger, engine: Engine) -> None:
    """Close what ended processes left, and make sure that every open job is in the queue. Raises `LedgerUnusable`."""
    ledger.close_orphans()
    ledger.engine.release_stalled(STALLED)
    heal(ledger, engine)
    ledger.engine.put_first_what_expires()


def heal(ledger: PostgresLedger, engine: Engine) -> int:
    """Put open jobs into the queue again that are not in it, as after a lost or failed job of the queue; how many."""
    if not ledger.engine.unattended(1):
        return 0
    with ledger.write() as write:
        lost = ledger.engine.unattended(_MOST)
        queues: dict[str, list[str]] = {}
        for job_id, provider, origin in lost:
            queues.setdefault(queue_of(provider, origin), []).append(job_id)
        ledger.queue.deferred(write, engine.defer_all(write.raw, queues))
    return len(lost)


class Upkeep:
    """The thread that keeps up the fleet while this worker runs.

    With `on_idle`, that is called once there is nothing left in the `queues` but what this worker has given back.
    """

    def __init__(
        self,
        ledger: PostgresLedger,
        engine: Engine,
        feed: QueueFeed,
        queues: Collection[str],
        on_idle: Callable[[], None] | None,
    ) -> None:
        self._ledger = ledger
        self._engine = engine
        self._feed = feed
        self._queues = sorted(queues)
        self._on_idle = on_idle
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, name="upkeep", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self) -> None:
        """End with what is under way."""
        self._stopped.set()
        self._thread.join(_EVERY)

    def _run(self) -> None:
        left = 0.0
        while not self._stopped.is_set():
            try:
                if left <= 0.0:
                    keep_up(self._ledger, self._engine)
                    left = _EVERY
                if self._on_idle and self._is_idle():
                    self._on_idle()
                    break
            except LedgerUnusable:  # it comes back, and so does the next turn
                pass
            pause = _LOOK if self._on_idle else _EVERY
            left -= pause
            self._stopped.wait(pause)
        self._ledger.close()

    def _is_idle(self) -> bool:
        return not self._feed.holds and not self._ledger.engine.pending(self._queues, self._feed.given_back)

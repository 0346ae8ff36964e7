"""A worker of a fleet: it takes jobs from the queue, and follows each to its end in one follower."""

from __future__ import annotations

import math
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from imgen.config.config import SANDBOX
from imgen.errors import ExitCode, KeyMissing, LedgerUnusable, UsageProblem
from imgen.fleet.engine import FORMAT
from imgen.fleet.feed import QueueFeed
from imgen.fleet.upkeep import Upkeep
from imgen.jobs.loop import Inbox
from imgen.jobs.report import combined
from imgen_providers.catalog import SERVICES

if TYPE_CHECKING:
    from collections.abc import Collection

    from imgen.config.accounts import Accounts
    from imgen.fleet.engine import Engine
    from imgen.jobs.progress import Display
    from imgen.jobs.worker import Worker
    from imgen.ledger.postgres.ledger import PostgresLedger

_RECONNECT = 0.5  # seconds until a new follower begins, after the ledger was away


@dataclass(frozen=True, slots=True)
class WorkOptions:
    """What a worker takes: from which queues, and how many jobs at a time; `until_idle` ends it when none is left."""

    queues: tuple[str, ...]
    concurrency: int
    until_idle: bool = False


def queues_of(named: Collection[str], accounts: Accounts, *, sandbox: bool) -> tuple[str, ...]:
    """The queues that a worker takes from: those named, else those of every service that it has a key for.

    Raises `UsageProblem` for a name that is no service's, and `KeyMissing` where there is no key at all.
    """
    unknown = [name for name in named if name not in SERVICES and name != SANDBOX]
    if unknown:
        raise UsageProblem(
            f"There is no queue {unknown[0]!r}: each is named after its service.",
            f"One of {', '.join(SERVICES)}, or {SANDBOX}.",
        )
    if named:
        names = list(dict.fromkeys(named))
    elif sandbox:
        names = [SANDBOX]
    else:
        names = [name for name, entry in SERVICES.items() if accounts.has_key(entry)]
    if not names:
        raise KeyMissing(
            "A worker needs the keys of the services whose jobs it takes, and none is set.",
            "imgen keys set PROVIDER\nFor jobs of the sandbox no key is needed:\nimgen work --sandbox",
        )
    return tuple(f"{name}/{FORMAT}" for name in names)


def work_through(
    ledger: PostgresLedger, worker: Worker, engine: Engine, options: WorkOptions, display: Display
) -> ExitCode:
    """Take jobs until Ctrl-C, or until none is left; returns what became of those that ended here.

    Ctrl-C raises `KeyboardInterrupt` once every job is given back to the queue.
    """
    inbox = Inbox()

    def wake() -> None:
        inbox.put(_nothing)

    def end() -> None:
        feed.over = True
        wake()

    feed = QueueFeed(ledger, worker.owner.name, wake, display.say)
    taking = engine.worker(options.queues, feed.take, options.concurrency)
    upkeep = Upkeep(ledger, engine, feed, options.queues, end if options.until_idle else None)
    taking.start()
    upkeep.start()
    try:
        while not feed.over:
            try:
                worker.follow_feed(feed, options.concurrency, display, timeout=math.inf, inbox=inbox)
            except LedgerUnusable as error:
                display.say(f"{error.message} The worker goes on once it is there again.")
                feed.close()
                time.sleep(_RECONNECT)
    finally:
        taking.stop()
        feed.over = True
        feed.close()
        upkeep.stop()
        taking.join()
    return combined([*feed.codes, *feed.given_back.values()])


def _nothing() -> None:
    """What wakes the follower, and is all that it does."""

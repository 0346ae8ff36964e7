"""A worker that stops, or whose network is cut, in the middle of what Procrastinate does for it."""

from __future__ import annotations

import asyncio
import threading
from concurrent.futures import Future
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

import psycopg

from cli.drafts import draft
from cli.fleet.test_feed import queued
from cli.program.program import until
from imgen.fleet.engine import Engine, _open_app, queue_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from imgen.ledger.postgres.address import Address
    from imgen.ledger.postgres.ledger import PostgresLedger


@contextmanager
def stopped_in_a_fetch(address: Address) -> Iterator[None]:
    """A worker that has just fetched a job, whose connection stays as it is, and which does nothing more."""
    fetched, ends = threading.Event(), threading.Event()

    async def fetch() -> None:
        app = _open_app(address)
        async with app.open_async():
            worker = await app.job_manager.register_worker()
            async with app.connector._get_cursor() as cursor:  # type: ignore[attr-defined]
                await cursor.execute("SELECT procrastinate_fetch_job_v2(NULL, %s)", (worker,))
                fetched.set()
                await asyncio.to_thread(ends.wait)

    def run() -> None:
        with suppress(psycopg.Error):  # the server has ended it
            asyncio.run(fetch())

    thread = threading.Thread(target=run)
    thread.start()
    assert fetched.wait(10.0)
    try:
        yield
    finally:
        ends.set()
        thread.join()


def test_a_worker_that_stops_in_the_middle_of_a_fetch_holds_up_no_other_one(ledger: PostgresLedger) -> None:
    queued(ledger, "one", "two")
    taken: list[str] = []

    def take(job_id: str) -> Future[None]:
        taken.append(job_id)
        done: Future[None] = Future()
        done.set_result(None)
        return done

    with stopped_in_a_fetch(ledger.address):
        stalled = "UPDATE {}.procrastinate_workers SET last_heartbeat = now() - interval '1 hour'"
        ledger._fleet.change(stalled.format(ledger.address.engine_schema), ())
        one = draft("one")
        other = Engine(ledger.address).worker([queue_of(one.provider, one.origin)], take, 1)
        other.start()
        until(lambda: "two" in taken)
        other.stop()
        other.join()

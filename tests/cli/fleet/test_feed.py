"""What a worker takes from the queue, and what it gives back, on a real ledger."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from cli.drafts import draft, taken
from imgen.errors import ExitCode, Problem
from imgen.fleet.engine import Again, Engine, queue_of
from imgen.fleet.feed import QueueFeed
from imgen.fleet.upkeep import heal, keep_up
from imgen.records import State

if TYPE_CHECKING:
    from imgen.ledger.postgres.ledger import PostgresLedger
    from imgen.records import Draft


def queued(ledger: PostgresLedger, *jobs: str | Draft) -> Engine:
    """Jobs in the queue of one service, as `imgen batch --queue` puts them there."""
    engine = Engine(ledger.address)
    drafts = [draft(job, prompt=job) if isinstance(job, str) else job for job in jobs]
    with ledger.write() as write:
        planned = ledger.jobs.plan(drafts, None, resubmit=False)
        queues = {queue_of(drafts[0].provider, drafts[0].origin): planned}
        ledger.queue.deferred(write, engine.defer_all(write.raw, queues))
    return engine


@pytest.fixture
def said() -> list[str]:
    """What the worker printed."""
    return []


@pytest.fixture
def feed(ledger: PostgresLedger, said: list[str]) -> QueueFeed:
    """The feed of one worker."""
    return QueueFeed(ledger, ledger.new_owner().name, lambda: said.append("woken"), said.append)


def test_a_job_is_held_until_it_is_over(ledger: PostgresLedger, feed: QueueFeed, said: list[str]) -> None:
    queued(ledger, "k3f9xy")
    future = feed.take("k3f9xy")

    [record] = feed.more(5)
    assert (record.state, record.owner) == (State.PLANNED, feed._owner)
    assert said == ["woken"]
    assert not future.done()
    ledger.jobs.never_sent("k3f9xy", Problem("refused", "No."))
    feed.ended(ledger.jobs.get("k3f9xy"), Problem("refused", "No."))

    assert future.result(0) is None
    assert feed.codes == {ExitCode.REFUSED}


FORGETTING = """
CREATE FUNCTION forget() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN NEW.owner = NULL; RETURN NEW; END';
CREATE TRIGGER forgets BEFORE UPDATE OF owner ON job FOR EACH ROW EXECUTE FUNCTION forget();
"""


def test_a_job_whose_taking_a_crash_of_the_database_forgot_is_taken_again(
    ledger: PostgresLedger, feed: QueueFeed
) -> None:
    """The taking does not wait for the server's disk; a trigger stands for the crash right after it."""
    queued(ledger, "k3f9xy")
    with ledger.write() as write:
        write.raw.execute(FORGETTING)
    future = feed.take("k3f9xy")

    assert feed.more(5) == []

    with pytest.raises(Again):
        future.result(0)
    with ledger.write() as write:
        write.raw.execute("DROP TRIGGER forgets ON job")
    feed.take("k3f9xy")
    assert [record.owner for record in feed.more(5)] == [feed._owner]


def test_a_planned_job_is_of_the_worker_that_the_queue_gave_it_to_last(ledger: PostgresLedger, feed: QueueFeed) -> None:
    """A worker that the queue has lost may live on, so its lease is no reason to leave its jobs unsent."""
    queued(ledger, "k3f9xy")
    other = ledger.new_owner()
    assert ledger.queue.take("k3f9xy", other.name)

    future = feed.take("k3f9xy")

    assert [record.owner for record in feed.more(5)] == [feed._owner]
    assert not ledger.jobs.submitting("k3f9xy", owner=other.name)
    assert ledger.jobs.submitting("k3f9xy", owner=feed._owner)
    assert not future.done()


def test_a_job_that_another_worker_is_sending_is_left_to_it(ledger: PostgresLedger, feed: QueueFeed) -> None:
    queued(ledger, "k3f9xy")
    other = ledger.new_owner()
    assert ledger.queue.take("k3f9xy", other.name)
    assert ledger.jobs.submitting("k3f9xy", owner=other.name)

    future = feed.take("k3f9xy")

    assert feed.more(5) == []
    with pytest.raises(Again):
        future.result(0)


def test_a_job_that_cannot_be_sent_here_is_given_back_and_that_is_printed_once(
    ledger: PostgresLedger, feed: QueueFeed, said: list[str]
) -> None:
    queued(ledger, "k3f9xy")
    no_key = Problem("key_missing", "reAPI needs a key.")
    for _ in range(2):
        future = feed.take("k3f9xy")
        [record] = feed.more(1)
        feed.ended(record, no_key)
        with pytest.raises(Again) as again:
            future.result(0)
        assert again.value.seconds > 5

    assert ledger.jobs.get("k3f9xy").owner is None
    assert [line for line in said if line != "woken"] == ["k3f9xy is given back to the queue: reAPI needs a key."]
    assert feed.given_back == {"k3f9xy": ExitCode.KEY}


def test_a_job_that_is_over_is_done_at_once(ledger: PostgresLedger, feed: QueueFeed) -> None:
    queued(ledger, "k3f9xy")
    ledger.jobs.never_sent("k3f9xy", Problem("never_sent", "Closed."))

    future = feed.take("k3f9xy")

    assert feed.more(1) == []
    assert future.result(0) is None


def test_what_comes_twice_is_followed_once(ledger: PostgresLedger, feed: QueueFeed) -> None:
    queued(ledger, "k3f9xy")
    futures = [feed.take("k3f9xy"), feed.take("k3f9xy")]

    assert len(feed.more(5)) == 1
    feed.close()

    for future in futures:
        with pytest.raises(Again):
            future.result(0)


def test_a_job_that_no_queue_carries_is_put_there_again(ledger: PostgresLedger) -> None:
    engine = queued(ledger, "k3f9xy", "m4g8wz")
    ledger.jobs.never_sent("m4g8wz", Problem("never_sent", "Closed."))
    assert heal(ledger, engine) == 0
    with ledger.write() as write:
        write.raw.execute("DELETE FROM procrastinate_jobs")

    keep_up(ledger, engine)

    assert [(each.queue, each.waiting) for each in ledger.engine.counts()] == [("3daistudio/1", 1)]
    assert heal(ledger, engine) == 0


def test_a_finished_picture_goes_before_what_is_not_sent(ledger: PostgresLedger) -> None:
    engine = queued(ledger, "k3f9xy", "m4g8wz")
    ledger.jobs.submitting("m4g8wz")
    ledger.jobs.accepted("m4g8wz", taken("remote"))
    ledger.jobs.finished(
        "m4g8wz", ["https://cdn.example/1.png"], link_seconds=600.0, took_seconds=None, conversation=None
    )

    keep_up(ledger, engine)

    with ledger.write() as write:
        first = write.execute("SELECT args->>'job_id' AS id FROM procrastinate_jobs ORDER BY priority DESC").fetchone()
    assert first
    assert first["id"] == "m4g8wz"

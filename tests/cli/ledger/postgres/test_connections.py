"""Connections that are lost: what is recorded is recorded once, what is not is said, and none is used again."""

from __future__ import annotations

import threading
import time
from contextlib import closing
from typing import TYPE_CHECKING

import psycopg
import pytest

from cli.drafts import draft, taken
from cli.ledger.postgres.proxy import Cut, Proxy
from imgen.errors import LedgerUnusable
from imgen.ledger.queries import Wanted
from imgen.records import State
from reliability.fleet.wire import Loss, Wire

if TYPE_CHECKING:
    import postgres
    from cli.ledger.postgres.conftest import Fleet
    from imgen.ledger.postgres.ledger import PostgresLedger


def through(proxy: Proxy, url: str) -> str:
    head, _, database = url.rpartition("/")
    return f"{head.rpartition(':')[0]}:{proxy.port}/{database}?sslmode=disable"


def test_a_commit_whose_answer_is_lost_counts_and_is_made_once(
    machine: Fleet, postgres_server: postgres.Server, postgres_url: str
) -> None:
    with Proxy(postgres_server.port) as proxy:
        ledger = machine(through(proxy, postgres_url))
        ledger.jobs.plan([draft("one")], "me", resubmit=False)
        for cut in [Cut.BEFORE_ANSWER] * 3:
            proxy.cut = cut
            assert ledger.jobs.submitting("one"), "the server knows that it was committed"
            ledger.jobs.not_sent("one")
        proxy.cut = Cut.BEFORE_ANSWER
        assert ledger.jobs.plan([draft("two", prompt="2")], "me", resubmit=False) == ["two"]

        assert [job.id for job in ledger.jobs.open()] == ["one", "two"]


def test_a_commit_that_never_arrives_is_an_error_and_records_nothing(
    machine: Fleet, postgres_server: postgres.Server, postgres_url: str
) -> None:
    with Proxy(postgres_server.port) as proxy:
        ledger = machine(through(proxy, postgres_url))
        ledger.jobs.plan([draft("one")], "me", resubmit=False)
        proxy.cut = Cut.BEFORE_COMMIT

        with pytest.raises(LedgerUnusable, match="recorded nothing"):
            ledger.jobs.submitting("one")

        assert ledger.jobs.get("one").state is State.PLANNED
        assert ledger.jobs.submitting("one")


def test_an_acceptance_is_recorded_once_however_often_it_is_reported(fleet: PostgresLedger) -> None:
    """And a job that was given up meanwhile is open again."""
    fleet.jobs.plan([draft("one")], "me", resubmit=False)
    fleet.jobs.submitting("one")
    fleet.close_orphans()
    assert fleet.jobs.get("one").state is State.UNCERTAIN

    for _ in range(3):
        fleet.jobs.accepted("one", taken("remote"))

    assert (fleet.jobs.get("one").state, fleet.jobs.get("one").remote_id) == (State.QUEUED, "remote")


def end_all(url: str) -> None:
    """As an administrator, or a restart, ends connections."""
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )


def test_a_connection_that_was_ended_is_dropped_and_not_used_again(fleet: PostgresLedger, postgres_url: str) -> None:
    fleet.jobs.plan([draft("one")], "me", resubmit=False)
    end_all(postgres_url)
    assert fleet.jobs.get("one").state is State.PLANNED
    end_all(postgres_url)
    assert fleet.jobs.submitting("one")
    end_all(postgres_url)
    assert [job.id for job in fleet.jobs.history(Wanted(), 0)[0]] == ["one"]


def test_one_that_is_ended_in_a_transaction_undoes_it_and_says_so(fleet: PostgresLedger, postgres_url: str) -> None:
    fleet.jobs.plan([draft("one")], "me", resubmit=False)

    def ended_in_the_middle() -> None:
        with fleet.write() as write:
            write.execute("UPDATE job SET prompt = 'half'")
            end_all(postgres_url)
            write.execute("UPDATE job SET model = 'half'")

    with pytest.raises(LedgerUnusable, match="cannot be used"):
        ended_in_the_middle()

    assert fleet.jobs.get("one").request.prompt == "a red fox in the snow"


def test_a_process_has_eight_connections_however_many_threads(fleet: PostgresLedger, postgres_url: str) -> None:
    fleet.jobs.plan([draft(f"job{n}", prompt=str(n)) for n in range(40)], "me", resubmit=False)
    failed: list[Exception] = []

    def work(number: int) -> None:
        try:
            assert fleet.jobs.submitting(f"job{number}")
            fleet.jobs.get(f"job{number}")
        except Exception as error:  # noqa: BLE001  (shown by the assertion below)
            failed.append(error)

    threads = [threading.Thread(target=work, args=(n,)) for n in range(40)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert failed == []
    with psycopg.connect(postgres_url) as connection:
        (open_now,) = connection.execute(
            "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
        ).fetchone() or (None,)
    assert open_now <= 8


def test_a_frozen_writer_keeps_others_waiting_for_seconds_only(machine: Fleet) -> None:
    """The server ends what is idle in a transaction after ten seconds: the frozen one has recorded nothing."""
    frozen, other = machine(), machine()
    frozen.jobs.plan([draft("one")], "me", resubmit=False)
    began = time.monotonic()

    def frozen_in_the_middle() -> None:
        with frozen.write() as write:
            write.execute("UPDATE job SET prompt = 'frozen'")
            assert other.jobs.submitting("one")
            write.execute("UPDATE job SET prompt = 'later'")

    with pytest.raises(LedgerUnusable, match="cannot be used"):
        frozen_in_the_middle()

    assert 8.0 < time.monotonic() - began < 25.0
    assert frozen.jobs.get("one").state is State.SUBMITTING


@pytest.mark.parametrize("how", ["fast", "immediate"])
def test_a_server_that_restarts_is_waited_for(machine: Fleet, own_server: postgres.Server, how: str) -> None:
    database = f"restart_{how}"
    ledger = machine(own_server.make(database))
    ledger.jobs.plan([draft("one")], "me", resubmit=False)

    own_server.control("-m", how, "stop")
    start = threading.Timer(1.0, own_server.control, ("start",))
    start.start()
    try:
        assert ledger.jobs.submitting("one")
    finally:
        start.join()
    assert ledger.jobs.get("one").state is State.SUBMITTING


def test_a_server_that_stays_away_is_an_error_of_its_own(machine: Fleet, own_server: postgres.Server) -> None:
    ledger = machine(own_server.make("away"), patience=0.5)
    ledger.jobs.plan([draft("one")], "me", resubmit=False)
    own_server.control("-m", "fast", "stop")
    try:
        with pytest.raises(LedgerUnusable, match="nothing answers there"):
            ledger.jobs.submitting("one")
        never = machine(own_server.url("away"))
        began = time.monotonic()
        with pytest.raises(LedgerUnusable, match="nothing answers there"):
            never.jobs.open()
        assert time.monotonic() - began < 5.0, "a process that never reached it ends at once"
    finally:
        own_server.control("start")
    assert ledger.jobs.get("one").state is State.PLANNED


def test_a_crash_that_gives_its_number_to_another_transaction_does_not_make_a_commit_of_it(
    machine: Fleet, own_server: postgres.Server
) -> None:
    """After a crash PostgreSQL gives the numbers of transactions that were not on disk to others, which commit."""
    url = own_server.make("numbers")

    def crash(said: str) -> Loss | None:
        if "SET stage = 'submitting'" not in said or wire.lost:
            return None
        own_server.control("-m", "immediate", "stop")
        own_server.control("start")
        with closing(psycopg.connect(url, autocommit=True)) as other:
            for _ in range(50):
                other.execute("SELECT pg_current_xact_id()")
        return Loss.COMMIT

    with Wire(own_server.port, crash) as wire:
        ledger = machine(wire.through(url))
        ledger.jobs.plan([draft("one")], "me", resubmit=False)
        with pytest.raises(LedgerUnusable, match="recorded nothing"):
            ledger.jobs.submitting("one")

    assert machine(url).jobs.get("one").state is State.PLANNED

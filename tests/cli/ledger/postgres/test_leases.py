"""Owners are leases by the database's clock, and claims end where a process is gone or gave none back."""

from __future__ import annotations

import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from cli.drafts import draft, taken
from cli.states import JOB, bring_to, save
from imgen.ledger.jobs import Claim
from imgen.ledger.pacing import SubmitLimit, TooSoon
from imgen.records import State

if TYPE_CHECKING:
    import postgres
    from cli.ledger.postgres.conftest import Fleet
    from imgen.ledger.ledger import Ledger
    from imgen.ledger.postgres.ledger import PostgresLedger

LATER = "UPDATE owner SET seen = seen - INTERVAL '11 seconds' WHERE name = ?"
OLD_SERVER = "SELECT pg_postmaster_start_time() < clock_timestamp() - INTERVAL '11 seconds' AS old"


def let_lease_end(ledger: Ledger, name: str) -> None:
    """As if nothing had renewed it; of a server that was just started, every lease lives for one lease more."""
    while not ledger._database.read(OLD_SERVER, ())[0]["old"]:
        time.sleep(0.1)
    ledger._database.change(LATER, (name,))


def test_an_owner_is_alive_until_it_is_released_or_its_lease_ends(machine: Fleet) -> None:
    one, other = machine(), machine()
    owner, second = one.new_owner(), one.new_owner()

    assert other.is_alive(owner.name)
    assert owner.name != second.name
    second.release()
    assert not other.is_alive(second.name)
    assert not other.is_alive("never there")
    let_lease_end(other, owner.name)
    assert not other.is_alive(owner.name)
    owner.release()


def test_a_lease_is_renewed_by_a_thread_and_a_late_one_begins_anew(fleet: PostgresLedger) -> None:
    owner = fleet.new_owner()
    let_lease_end(fleet, owner.name)
    assert not fleet.is_alive(owner.name)

    end = time.monotonic() + 10.0
    while not fleet.is_alive(owner.name) and time.monotonic() < end:
        time.sleep(0.1)

    assert fleet.is_alive(owner.name), "the thread renewed it within three seconds"
    owner.release()


def test_a_submit_renews_the_lease_of_its_owner_in_the_same_transaction(fleet: PostgresLedger) -> None:
    owner = fleet.new_owner()
    fleet.jobs.plan([draft("one")], owner.name, resubmit=False)
    fleet._database.change("DELETE FROM owner WHERE name = ?", (owner.name,))

    assert fleet.jobs.submitting("one", owner=owner.name)

    assert fleet.is_alive(owner.name)
    fleet.close_orphans()
    assert fleet.jobs.get("one").state is State.SUBMITTING
    owner.release()


def test_another_owner_cannot_send_it(fleet: PostgresLedger) -> None:
    fleet.jobs.plan([draft("one")], "me", resubmit=False)

    assert not fleet.jobs.submitting("one", owner="another")
    assert fleet.jobs.submitting("one", owner="me")


def test_after_the_database_was_away_every_owner_has_one_lease_to_come_back(
    machine: Fleet, own_server: postgres.Server
) -> None:
    ledger = machine(own_server.make("leases"))
    ledger._database.change("INSERT INTO owner (name, host, version) VALUES ('worker', 'there', '1')", ())
    let_lease_end(ledger, "worker")
    assert not ledger.is_alive("worker")
    own_server.control("-m", "fast", "restart")

    assert ledger.is_alive("worker"), "its lease ended while nothing could renew it"


def test_a_claim_that_was_never_given_back_ends_by_itself(machine: Fleet) -> None:
    """Of a process that lives: its release failed once."""
    one, other = machine(), machine()
    bring_to(one, State.READY)
    owner, second = one.new_owner(), other.new_owner()
    assert one.results.claim(JOB, 1, Path("/pictures/.1.part"), owner.name)
    assert not other.results.claim(JOB, 1, Path("/pictures/.2.part"), second.name)

    one.results._leases.let_go(JOB, 1)  # type: ignore[attr-defined]
    other._database.change("UPDATE result SET claim_until = claim_until - 11", ())

    assert one.is_alive(owner.name)
    assert other.results.claim(JOB, 1, Path("/pictures/.2.part"), second.name)
    assert not one.results.claim(JOB, 1, Path("/pictures/.1.part"), owner.name)
    owner.release()
    second.release()


def test_a_claim_in_hand_is_renewed_with_the_lease(fleet: PostgresLedger) -> None:
    bring_to(fleet, State.READY)
    owner = fleet.new_owner()
    fleet.results.claim(JOB, 1, Path("/pictures/.1.part"), owner.name)
    ends = "SELECT claim_until FROM result WHERE job_id = ? AND number = 1"
    first = fleet._database.read(ends, (JOB,))[0]["claim_until"]

    end = time.monotonic() + 10.0
    while fleet._database.read(ends, (JOB,))[0]["claim_until"] == first and time.monotonic() < end:
        time.sleep(0.1)

    assert fleet._database.read(ends, (JOB,))[0]["claim_until"] > first
    save(fleet, 1)
    owner.release()


def test_a_claim_that_was_recorded_with_its_link_ends_too(machine: Fleet) -> None:
    one, other = machine(), machine()
    bring_to(one, State.RUNNING)
    owner, second = one.new_owner(), other.new_owner()
    claim = Claim(owner.name, [Path("/pictures/.1.part")])
    one.jobs.finished(JOB, ["https://x/1"], link_seconds=None, took_seconds=None, conversation=None, claim=claim)

    assert not other.results.claim(JOB, 1, Path("/pictures/.2.part"), second.name)
    assert one.results.claim(JOB, 1, claim.parts[0], owner.name)
    other._database.change("UPDATE result SET claim_until = claim_until - 11", ())
    assert other.results.claim(JOB, 1, Path("/pictures/.2.part"), second.name)
    owner.release()
    second.release()


def test_a_retry_after_pauses_the_service_for_every_machine(machine: Fleet) -> None:
    one, other = machine(), machine()
    one.jobs.plan(
        [draft("one"), draft("two", prompt="2"), draft("else", prompt="3", provider="reapi")], "me", resubmit=False
    )
    one.jobs.submitting("one")

    one.jobs.turned_away("one", 30.0)

    for ledger, job in ((one, "one"), (other, "two")):
        with pytest.raises(TooSoon) as early:
            ledger.jobs.submitting(job)
        assert 25.0 < early.value.seconds <= 30.0
    assert other.jobs.submitting("else")
    one.jobs.submitting("else")
    other._database.change("UPDATE service SET pause_until = pause_until - 31", ())
    assert other.jobs.submitting("two")


def test_a_shorter_retry_after_does_not_end_a_longer_pause(fleet: PostgresLedger) -> None:
    fleet.jobs.plan([draft("one"), draft("two", prompt="2")], "me", resubmit=False)
    for job in ("one", "two"):
        fleet.jobs.submitting(job)
    fleet.jobs.turned_away("one", 60.0)
    fleet.jobs.turned_away("two", 1.0)

    with pytest.raises(TooSoon) as early:
        fleet.jobs.submitting("two")
    assert early.value.seconds > 50.0


def test_the_window_is_one_of_all_machines_and_a_second_longer(machine: Fleet) -> None:
    ledgers = [machine() for _ in range(3)]
    ledgers[0].jobs.plan([draft(f"job{n}", prompt=str(n)) for n in range(3)], "me", resubmit=False)
    limit = SubmitLimit(2, 60.0)

    assert [ledgers[n].jobs.submitting(f"job{n}", limit) for n in range(2)] == [True, True]
    with pytest.raises(TooSoon) as early:
        ledgers[2].jobs.submitting("job2", limit)
    assert 60.0 < early.value.seconds <= 61.0


def test_orphans_are_closed_by_any_machine_but_for_what_a_queue_hands_out(machine: Fleet) -> None:
    one, other = machine(), machine()
    owner = one.new_owner()
    names = ["planned", "queued", "sent", "accepted"]
    one.jobs.plan([draft(name, prompt=name) for name in names], owner.name, resubmit=False)
    with one.write() as write:
        one.queue.deferred(write, {"queued": 7})
    for name in names[2:]:
        one.jobs.submitting(name, owner=owner.name)
    one.jobs.accepted("accepted", taken("remote"))
    other.close_orphans()
    states = [job.state for job in other.jobs.get_many(names)]
    assert states == [State.PLANNED, State.PLANNED, State.SUBMITTING, State.QUEUED], "its lease lives"
    owner.release()

    other.close_orphans()

    states = [job.state for job in other.jobs.get_many(names)]
    assert states == [State.CANCELLED, State.PLANNED, State.UNCERTAIN, State.QUEUED]


@pytest.mark.parametrize("turned_away", [False, True])
def test_a_frozen_worker_that_wakes_up_reports_that_its_submit_cost_nothing(machine: Fleet, turned_away: bool) -> None:
    frozen, other = machine(), machine()
    owner = frozen.new_owner()
    names = ["one", "two", "three"]
    frozen.jobs.plan([draft(name, prompt=name) for name in names], owner.name, resubmit=False)
    for job in names:
        frozen.jobs.submitting(job, owner=owner.name)
    other.jobs.forget(["three"])
    other._database.change("DELETE FROM owner", ())
    other.close_orphans()
    other.jobs.forget(["two"])
    report = frozen.jobs.turned_away if turned_away else frozen.jobs.not_sent

    report("one", owner="another")
    assert frozen.jobs.get("one").state is State.UNCERTAIN
    for job in names:
        report(job, owner=owner.name)

    # A person has decided about the second, when it was uncertain; the third is closed in any case.
    assert [job.state for job in frozen.jobs.get_many(names)] == [State.PLANNED, State.UNCERTAIN, State.PLANNED]
    one = frozen.jobs.get("one")
    assert (one.submitted_at, one.finished_at, one.problem) == (None, None, None)
    owner.release()


def test_a_plan_that_fails_within_a_larger_one_is_undone_alone(fleet: PostgresLedger) -> None:
    def fails() -> None:
        with fleet.write():
            fleet.jobs.plan([draft("two", prompt="2")], None, resubmit=False)
            raise ValueError("the second")

    with fleet.write():
        fleet.jobs.plan([draft("one")], None, resubmit=False)
        with pytest.raises(ValueError, match="the second"):
            fails()
        fleet.jobs.plan([draft("three", prompt="3")], None, resubmit=False)

    assert [job.id for job in fleet.jobs.find("")] == ["one", "three"]


def test_one_machine_at_a_time_records_uploads_and_removes_them(machine: Fleet) -> None:
    one, other = machine(), machine()
    order: list[str] = []

    def clean_up() -> None:
        with other.uploads.alone():
            order.append("other")

    with one.uploads.alone():
        thread = threading.Thread(target=clean_up)
        thread.start()
        one.jobs.plan([draft("one")], "me", resubmit=False)  # who holds it goes on writing
        time.sleep(0.3)  # in which the other would have come
        order.append("one")
    thread.join()

    assert order == ["one", "other"]

"""Which pictures are about to die, which have died, and what those cost."""

from __future__ import annotations

import sqlite3
from typing import TYPE_CHECKING, Any

from cli.drafts import draft, record, taken
from cli.states import bring_to, finish, save
from imgen.ledger.sqlite import peek
from imgen.ledger.sqlite.peek import peek_unsaved
from imgen.money.losses import Expiring, Loss, expired_cost, expiring, losses, may_expire_by, soonest_first
from imgen.records import Cost, JobRecord, Result, ResultState, State
from imgen_providers.base import Request

if TYPE_CHECKING:
    from pathlib import Path

    from cli.clock import FakeClock
    from imgen.ledger.ledger import Ledger

HOUR = 3600.0
NOW = 1_800_000_000.0


def ready(*times: float | None, **fields: Any) -> JobRecord:
    """A finished job whose pictures' links die at these times."""
    results = [Result("k3f9xy", n, ResultState.READY, expires_at=at) for n, at in enumerate(times, 1)]
    return record(State.READY, results=tuple(results), **fields)


def lost(expired: int, saved: int = 0, **fields: Any) -> JobRecord:
    """A job some of whose pictures were never saved."""
    states = [ResultState.EXPIRED] * expired + [ResultState.SAVED] * saved
    results = [Result("k3f9xy", number, state) for number, state in enumerate(states, 1)]
    return record(State.EXPIRED, results=tuple(results), **fields)


def expiring_within(ledger_path: Path, clock: FakeClock, hours: float, *ended: str) -> Expiring | None:
    now, until = clock.wall(), clock.wall() + hours * HOUR
    return expiring([each for each in peek_unsaved(ledger_path, now, until) if each.job_id not in ended], now, until)


def test_what_dies_soon_is_counted_until_it_is_saved_or_closed(
    ledger: Ledger, ledger_path: Path, clock: FakeClock
) -> None:
    for job_id in ("first", "second"):
        bring_to(ledger, State.QUEUED, job_id)
        finish(ledger, job_id, [f"https://x/{job_id}/1", f"https://x/{job_id}/2"])
        clock.time += HOUR
    clock.time = 22 * HOUR
    died = clock.wall() + 2 * HOUR

    assert expiring_within(ledger_path, clock, 1) is None
    assert expiring_within(ledger_path, clock, 2) == Expiring(2, died)
    assert expiring_within(ledger_path, clock, 3) == Expiring(4, died)
    assert expiring_within(ledger_path, clock, 3, "first") == Expiring(2, died + HOUR)
    save(ledger, 1, "first")
    assert expiring_within(ledger_path, clock, 3) == Expiring(3, died)
    ledger.jobs.forget(["first"])
    assert expiring_within(ledger_path, clock, 3) == Expiring(2, died + HOUR)


def test_a_job_that_was_not_asked_about_since_may_have_ended_at_once(
    ledger: Ledger, ledger_path: Path, clock: FakeClock
) -> None:
    request = Request("gemini/3.1/flash", "foxes", count=3)
    ledger.jobs.plan([draft("asleep", request=request)], "me", resubmit=False)
    ledger.jobs.submitting("asleep")
    ledger.jobs.accepted("asleep", taken("remote"))
    dies = clock.wall() + 24 * HOUR
    clock.time = 22 * HOUR

    assert expiring_within(ledger_path, clock, 3) == Expiring(3, dies)
    assert may_expire_by(ledger.jobs.get("asleep"), dies)
    assert not may_expire_by(ledger.jobs.get("asleep"), dies - 1)


def test_what_cost_nothing_or_has_expired_already_or_came_with_the_answer_is_not_about_to_expire(
    ledger: Ledger, ledger_path: Path, clock: FakeClock
) -> None:
    jobs = [draft("toy", origin="sandbox"), draft("asleep", origin="sandbox"), draft("dead"), draft("here")]
    ledger.jobs.plan(jobs, "me", resubmit=True)
    for job in jobs:
        ledger.jobs.submitting(job.id)
        ledger.jobs.accepted(job.id, taken(f"remote {job.id}"))
    for name in ("toy", "dead"):
        finish(ledger, name)
    ledger.jobs.finished(
        "here", [ledger.results.inline_path("here", 1)], link_seconds=HOUR, took_seconds=None, conversation=None
    )
    assert expiring_within(ledger_path, clock, 23) is None

    clock.time = 24 * HOUR

    assert expiring_within(ledger_path, clock, 3) is None
    assert not may_expire_by(ledger.jobs.get("here"), clock.wall())
    assert may_expire_by(ledger.jobs.get("dead"), clock.wall())


def test_the_question_reads_no_row_that_is_saved(ledger: Ledger, ledger_path: Path) -> None:
    bring_to(ledger, State.SAVED)
    connection = sqlite3.connect(ledger_path)
    asked = {"now": 0.0, "until": 1.0}

    plan = [row[3] for row in connection.execute(f"EXPLAIN QUERY PLAN {peek._UNSAVED}", asked)]

    connection.close()
    assert [line for line in plan if line.startswith("SCAN")] == []
    assert any("result_unsaved" in line for line in plan)


def test_a_ledger_that_is_none_shows_nothing_and_is_left_alone(tmp_path: Path) -> None:
    broken = tmp_path / "ledger.sqlite3"
    broken.write_bytes(b"no database, however hard you look at it")

    assert peek_unsaved(broken, 0.0, 1.0) == []

    assert [path.name for path in tmp_path.iterdir()] == ["ledger.sqlite3"]


def test_a_link_of_which_nothing_is_known_may_die_at_any_time() -> None:
    assert may_expire_by(ready(NOW + HOUR, None), NOW)
    assert may_expire_by(ready(NOW + HOUR), NOW + HOUR)
    assert not may_expire_by(ready(NOW + HOUR), NOW)
    assert not may_expire_by(record(State.SAVED, pictures=1), NOW)


def test_the_soonest_death_comes_first_and_what_has_no_link_last() -> None:
    running = record(State.RUNNING, id="running")
    unknown, late, soon = ready(None, id="unknown"), ready(NOW + 2, id="late"), ready(NOW + 3, NOW + 1, id="soon")

    assert [job.id for job in soonest_first([running, unknown, late, soon])] == ["soon", "late", "unknown", "running"]


def test_a_picture_that_was_saved_once_is_not_lost(ledger: Ledger) -> None:
    for name in ("saved once", "lost"):
        bring_to(ledger, State.SAVED if name == "saved once" else State.READY, name)
        ledger.results.reopen(name, 1)
        ledger.results.expired(name, 1)

    assert [(job.id, job.never_saved) for job in ledger.jobs.expired()] == [("lost", 1)]
    ledger.jobs.forget(["lost"])
    assert ledger.jobs.expired() == []


def test_lost_pictures_cost_their_share() -> None:
    assert expired_cost(lost(1, saved=3, cost=Cost("60", "credits"))) == Cost("15", "credits")
    assert expired_cost(lost(2, saved=1, cost=Cost("0.402", "usd"))) == Cost("0.268", "usd")
    assert expired_cost(lost(1, saved=2, cost=Cost("0.1", "usd"))) == Cost("0.0333", "usd")
    assert expired_cost(lost(1, cost=Cost(None, None))) == Cost(None, None)


def test_losses_are_added_up_by_service_and_unit_and_the_sandbox_loses_nothing() -> None:
    jobs = [
        lost(2, cost=Cost("30", "credits")),
        lost(1, cost=Cost("15", "credits")),
        lost(1, cost=Cost(None, None)),
        lost(1, cost=Cost("0.134", "usd"), provider="gmicloud"),
        lost(4, cost=Cost("60", "credits"), origin="sandbox"),
        record(State.SAVED, pictures=1, cost=Cost("15", "credits")),
    ]

    assert losses(jobs) == [
        Loss("3daistudio", 3, "45", "credits"),
        Loss("3daistudio", 1, None, None),
        Loss("gmicloud", 1, "0.134", "usd"),
    ]

"""Does the ledger move a job only where it may go, and never forget one that may have been paid?"""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from cli.jobs.drafts import draft, taken

from imgen.errors import LedgerUnusable
from imgen.jobs.ledger import Ledger, SameRequestUncertain
from imgen.jobs.records import Cost, Problem, ResultState, State
from imgen_providers.base import Request

if TYPE_CHECKING:
    from cli.jobs.clock import FakeClock
    from cli.jobs.conftest import Children

JOB = "k3f9xy"
TROUBLE = Problem("trouble", "Something went wrong.", "Do something.")
LINKS = ["https://x/1", "https://x/2"]


def finish(ledger: Ledger, job_id: str = JOB, links: list[str] = LINKS, took: float | None = None) -> None:
    ledger.finished(job_id, links, link_seconds=86_400.0, took_seconds=took, conversation={"turn": 1})


def bring_to(ledger: Ledger, state: State, job_id: str = JOB) -> None:
    """A job as it is after the usual way to a state."""
    ledger.plan([draft(job_id, prompt=job_id)], "me", resubmit=False)
    if state is State.PLANNED:
        return
    if state is State.CANCELLED:
        ledger.never_sent(job_id, TROUBLE)
        return
    ledger.submitting(job_id)
    if state is State.UNCERTAIN:
        ledger.lost(job_id, TROUBLE)
    if state in (State.SUBMITTING, State.UNCERTAIN):
        return
    ledger.accepted(job_id, taken(f"remote {job_id}"))
    if state is State.FAILED:
        ledger.ended(job_id, State.FAILED, TROUBLE)
    if state is State.RUNNING:
        ledger.running(job_id)
    if state in (State.READY, State.SAVED, State.EXPIRED):
        finish(ledger, job_id)
    for number in (1, 2):
        if state is State.SAVED:
            save(ledger, number, job_id)
        if state is State.EXPIRED:
            ledger.expired(job_id, number)


def save(ledger: Ledger, number: int, job_id: str = JOB, differences: list[str] | None = None) -> None:
    from imgen.pictures.verify import Picture

    picture = Picture("png", 1024, 768, 1_234_567, "ab" * 32)
    ledger.saved(job_id, number, Path(f"/pictures/{number}.png"), picture, differences or [])


# Moving from state to state ---------------------------------------------------------------------------------

P, S, Q, R = State.PLANNED, State.SUBMITTING, State.QUEUED, State.RUNNING
READY, SAVED, EXPIRED = State.READY, State.SAVED, State.EXPIRED
FAILED, CANCELLED, UNCERTAIN = State.FAILED, State.CANCELLED, State.UNCERTAIN
FINISHED = (READY, SAVED, EXPIRED)

MOVES: dict[str, tuple[Callable[[Ledger], object], dict[State, State]]] = {
    "submitting": (lambda ledger: ledger.submitting(JOB), {P: S}),
    "not sent": (lambda ledger: ledger.not_sent(JOB), {S: P}),
    "never sent": (lambda ledger: ledger.never_sent(JOB, TROUBLE), {P: CANCELLED}),
    "lost": (lambda ledger: ledger.lost(JOB, TROUBLE), {S: UNCERTAIN}),
    "running": (lambda ledger: ledger.running(JOB), {Q: R}),
    "accepted": (
        lambda ledger: ledger.accepted(JOB, taken("remote")),
        dict.fromkeys((P, S, Q, R, FAILED, CANCELLED, UNCERTAIN), Q),
    ),
    "failed there": (
        lambda ledger: ledger.ended(JOB, FAILED, TROUBLE),
        dict.fromkeys((P, S, Q, R, CANCELLED, UNCERTAIN), FAILED),
    ),
    "cancelled there": (
        lambda ledger: ledger.ended(JOB, CANCELLED, TROUBLE),
        dict.fromkeys((P, S, Q, R, FAILED, UNCERTAIN), CANCELLED),
    ),
    "finished": (finish, dict.fromkeys((P, S, Q, R, FAILED, CANCELLED, UNCERTAIN), READY)),
    "link died": (lambda ledger: ledger.expired(JOB, 1), {}),  # one of two: the other is still ready
    "file gone": (lambda ledger: ledger.reopen(JOB, 1), {SAVED: READY}),
    "troubled": (lambda ledger: ledger.troubled(JOB, TROUBLE), {}),
    "forgotten": (lambda ledger: ledger.forget([JOB]), {}),
}


@pytest.mark.parametrize("before", State)
@pytest.mark.parametrize("move", MOVES)
def test_a_job_moves_only_where_it_may_go(ledger: Ledger, move: str, before: State) -> None:
    bring_to(ledger, before)
    assert ledger.job(JOB).state is before
    change, allowed = MOVES[move]

    change(ledger)

    assert ledger.job(JOB).state is allowed.get(before, before)


def test_a_job_is_sent_by_whoever_says_so_first(ledger: Ledger, ledger_path: Path, clock: FakeClock) -> None:
    """Two processes that both found it planned: only one of them may send it."""
    bring_to(ledger, P)
    other = Ledger(ledger_path, clock.wall)

    assert [ledger.submitting(JOB), other.submitting(JOB), ledger.submitting(JOB)] == [True, False, False]
    other.close()


@pytest.mark.parametrize("close", ["forgotten", "never sent"])
def test_a_job_that_was_closed_meanwhile_is_not_sent(ledger: Ledger, close: str) -> None:
    bring_to(ledger, P)
    MOVES[close][0](ledger)

    assert not ledger.submitting(JOB)
    assert ledger.job(JOB).submitted_at is None


def test_what_is_recorded_before_a_byte_leaves(ledger: Ledger, clock: FakeClock) -> None:
    request = Request("gemini/3.1/flash", "a fox", aspect="16:9", extras={"seed": 7}, idempotency_key="run-job")
    drawn = draft(JOB, request=request)

    ledger.plan([drawn], "me", resubmit=False)

    found = ledger.job(JOB)
    assert found.request == request
    assert (found.owner, found.created_at) == ("me", clock.wall())
    assert (found.target, found.cost) == (drawn.target, Cost("15", "credits"))
    assert (found.request_key, found.provider, found.origin) == (drawn.request_key, drawn.provider, drawn.origin)
    assert (found.submitted_at, found.accepted_at, found.finished_at, found.remote_id) == (None, None, None, None)
    assert found.results == ()


def test_times_say_what_happened_when(ledger: Ledger, clock: FakeClock) -> None:
    bring_to(ledger, P)
    clock.time = 1.0
    ledger.submitting(JOB)
    clock.time = 2.0
    ledger.not_sent(JOB)
    assert ledger.job(JOB).submitted_at is None
    clock.time = 3.0
    ledger.submitting(JOB)
    clock.time = 4.0
    ledger.lost(JOB, TROUBLE)
    assert ledger.job(JOB).finished_at == clock.wall()
    clock.time = 5.0
    ledger.accepted(JOB, taken("remote"))
    assert ledger.job(JOB).finished_at is None
    clock.time = 9.0
    finish(ledger)

    found = ledger.job(JOB)
    start = clock.wall() - 9.0
    assert [found.created_at, found.submitted_at, found.accepted_at, found.finished_at] == [
        *(start, start + 3.0, start + 5.0, start + 9.0)
    ]


def test_a_late_acceptance_overrides_the_doubt(ledger: Ledger) -> None:
    """The waiting ended, the row is uncertain, and then the answer does come."""
    bring_to(ledger, UNCERTAIN)

    ledger.accepted(JOB, taken("remote", url="https://x/status"))

    found = ledger.job(JOB)
    assert (found.remote_id, found.handle, found.problem) == ("remote", {"url": "https://x/status"}, None)
    assert ledger.uncertain_jobs() == []


def test_a_failure_keeps_its_reason(ledger: Ledger) -> None:
    bring_to(ledger, FAILED)

    assert ledger.job(JOB).problem == TROUBLE


# Pictures ---------------------------------------------------------------------------------------------------


def test_pictures_are_numbered_from_one_with_their_links(ledger: Ledger, clock: FakeClock) -> None:
    bring_to(ledger, Q)
    accepted = clock.wall()
    clock.time = 50.0

    ledger.finished(JOB, ["https://x/1", None], link_seconds=60.0, took_seconds=50.0, conversation=["opaque"])

    found = ledger.job(JOB)
    assert [(r.index, r.url, r.state) for r in found.results] == [
        (1, "https://x/1", ResultState.READY),
        (2, None, ResultState.READY),
    ]
    assert found.expires_at == accepted + 50.0 + 60.0
    assert found.conversation == ["opaque"]


def test_links_of_a_job_nobody_watched_may_be_as_old_as_its_acceptance(ledger: Ledger, clock: FakeClock) -> None:
    bring_to(ledger, Q)
    accepted = clock.wall()
    clock.time = 5_000.0

    finish(ledger, took=None)

    assert ledger.job(JOB).expires_at == accepted + 86_400.0


def test_where_nothing_is_known_of_links_nothing_is_claimed(ledger: Ledger) -> None:
    bring_to(ledger, Q)

    ledger.finished(JOB, LINKS, link_seconds=None, took_seconds=3.0, conversation=None)

    assert ledger.job(JOB).expires_at is None


def test_a_second_finish_renews_the_links_of_ready_pictures_only(ledger: Ledger, clock: FakeClock) -> None:
    bring_to(ledger, Q)
    finish(ledger, links=["https://x/1", "https://x/2", "https://x/3"], took=4.0)
    save(ledger, 1)
    ledger.expired(JOB, 2)
    first = ledger.job(JOB)
    clock.time = 100.0

    finish(ledger, links=["https://new/1", "https://new/2", "https://new/3", "https://new/4"], took=104.0)

    found = ledger.job(JOB)
    assert [(r.state, r.url) for r in found.results] == [
        (ResultState.SAVED, "https://x/1"),
        (ResultState.EXPIRED, "https://x/2"),
        (ResultState.READY, "https://new/3"),
        (ResultState.READY, "https://new/4"),
    ]
    assert found.finished_at == first.finished_at
    assert ledger.seconds_taken("3daistudio", "gemini/3.1/flash", "1K") == [4.0]
    assert found.results[0].path == Path("/pictures/1.png")


def test_a_saved_picture_is_recorded_whole(ledger: Ledger) -> None:
    bring_to(ledger, READY)
    ledger.troubled(JOB, TROUBLE)
    ledger.claim(JOB, 1, Path("/pictures/.1.part"), "me", lambda _: True)
    ledger.placing(JOB, 1, Path("/pictures/planned.png"), "cd" * 32)
    placing = ledger.job(JOB).results[0]
    assert (placing.path, placing.sha256, placing.state) == (
        Path("/pictures/planned.png"),
        "cd" * 32,
        ResultState.READY,
    )

    save(ledger, 1, differences=["format: ordered jpeg, got png"])

    found = ledger.job(JOB)
    result = found.results[0]
    assert (result.state, result.path, result.format) == (ResultState.SAVED, Path("/pictures/1.png"), "png")
    assert (result.width, result.height, result.size, result.sha256) == (1024, 768, 1_234_567, "ab" * 32)
    assert (result.fetcher, result.part) == (None, None)
    assert found.differences == ("format: ordered jpeg, got png",)
    assert found.problem == TROUBLE, "the other picture is still missing"
    save(ledger, 2)
    assert ledger.job(JOB).problem is None
    assert ledger.job(JOB).state is SAVED


def test_a_job_with_a_dead_link_is_expired_once_the_others_are_saved(ledger: Ledger) -> None:
    bring_to(ledger, READY)
    ledger.expired(JOB, 2)
    assert ledger.job(JOB).state is READY

    save(ledger, 1)

    assert ledger.job(JOB).state is EXPIRED


def test_a_picture_is_saved_by_one_living_process(ledger: Ledger) -> None:
    bring_to(ledger, READY)
    living = {"a", "b"}

    def claim(owner: str, number: int = 1) -> bool:
        return ledger.claim(JOB, number, Path(f"/pictures/.{owner}.part"), owner, living.__contains__)

    assert claim("a")
    assert claim("a"), "again by the same"
    assert not claim("b")
    assert claim("b", number=2), "the other picture is free"
    living.remove("a")
    assert claim("b"), "its fetcher is dead"
    result = ledger.job(JOB).results[0]
    assert (result.fetcher, result.part) == ("b", Path("/pictures/.b.part"))


@pytest.mark.parametrize("state", [SAVED, EXPIRED])
def test_a_picture_that_is_settled_is_not_fetched_again(ledger: Ledger, state: State) -> None:
    bring_to(ledger, state)

    assert not ledger.claim(JOB, 1, Path("/pictures/.part"), "me", lambda _: False)


def test_only_its_fetcher_gives_a_picture_back(ledger: Ledger) -> None:
    """Somebody cleaning up after a dead fetcher must not free what a living one has claimed meanwhile."""
    bring_to(ledger, READY)
    ledger.claim(JOB, 1, Path("/pictures/.part"), "living", lambda _: False)

    ledger.unclaim(JOB, 1, "dead")
    assert ledger.job(JOB).results[0].fetcher == "living"

    ledger.unclaim(JOB, 1, "living")
    result = ledger.job(JOB).results[0]
    assert (result.fetcher, result.part, result.state) == (None, None, ResultState.READY)


def test_a_saved_picture_whose_file_is_gone_is_ready_again(ledger: Ledger) -> None:
    bring_to(ledger, SAVED)

    ledger.reopen(JOB, 1)

    result = ledger.job(JOB).results[0]
    assert (result.state, result.path, result.url) == (ResultState.READY, None, "https://x/1")


# The same request again -------------------------------------------------------------------------------------


def test_a_request_that_may_have_been_charged_is_not_recorded_again(ledger: Ledger) -> None:
    bring_to(ledger, UNCERTAIN)
    again = [draft("another", prompt="another"), draft("second", prompt=JOB)]

    with pytest.raises(SameRequestUncertain) as refused:
        ledger.plan(again, "me", resubmit=False)

    assert refused.value.job_ids == (JOB,)
    assert ledger.find("another") == ledger.find("second") == []
    assert [job.id for job in ledger.uncertain_jobs()] == [JOB]


def test_resubmit_closes_the_old_rows_and_records_the_new(ledger: Ledger, clock: FakeClock) -> None:
    run = [draft(name, prompt="fox") for name in ("one", "two")]
    ledger.plan(run, "me", resubmit=False)
    for name in ("one", "two"):
        ledger.submitting(name)
        ledger.lost(name, TROUBLE)
    clock.time = 60.0

    ledger.plan([draft("three", prompt="fox")], "me", resubmit=True)

    assert ledger.uncertain_jobs() == []
    assert [job.forgotten_at for job in ledger.jobs(["one", "two", "three"])] == [clock.wall(), clock.wall(), None]
    assert [job.id for job in ledger.open_jobs()] == ["three"]


def test_a_resubmit_that_cannot_be_recorded_keeps_the_old_rows_open(ledger: Ledger) -> None:
    bring_to(ledger, UNCERTAIN)
    bring_to(ledger, Q, "taken")

    with pytest.raises(LedgerUnusable):
        ledger.plan([draft("new", prompt=JOB), draft("taken", prompt=JOB)], "me", resubmit=True)

    assert [job.id for job in ledger.uncertain_jobs()] == [JOB]
    assert ledger.find("new") == []
    assert ledger.job("taken").state is Q


@pytest.mark.parametrize("state", [state for state in State if state is not UNCERTAIN])
def test_the_same_request_may_be_made_twice_while_nothing_is_in_doubt(ledger: Ledger, state: State) -> None:
    bring_to(ledger, state)

    ledger.plan([draft("second", prompt=JOB)], "me", resubmit=False)

    assert ledger.job("second").state is P


def test_doubt_in_one_place_does_not_block_another(ledger: Ledger) -> None:
    ledger.plan([draft(JOB, origin="sandbox")], "me", resubmit=False)
    ledger.submitting(JOB)
    ledger.lost(JOB, TROUBLE)

    ledger.plan([draft("real")], "me", resubmit=False)

    assert ledger.job("real").state is P


def test_doubt_that_a_person_has_settled_does_not_block(ledger: Ledger) -> None:
    bring_to(ledger, UNCERTAIN)

    ledger.forget([JOB])
    ledger.plan([draft("second", prompt=JOB)], "me", resubmit=False)

    assert ledger.job("second").state is P
    assert ledger.job(JOB).state is UNCERTAIN


def test_all_rows_of_a_run_are_recorded_or_none(ledger: Ledger) -> None:
    with pytest.raises(LedgerUnusable):
        ledger.plan([draft("one"), draft("two"), draft("one")], "me", resubmit=False)

    assert ledger.open_jobs() == []


# Finding ----------------------------------------------------------------------------------------------------


def test_jobs_are_found_by_id_by_its_start_and_by_remote_id(ledger: Ledger) -> None:
    ledger.plan([draft("abc234", prompt="1"), draft("abd567", prompt="2")], "me", resubmit=False)
    ledger.submitting("abd567")
    ledger.accepted("abd567", taken("abc-remote"))

    def found(text: str) -> list[str]:
        return [job.id for job in ledger.find(text)]

    assert found("abc234") == ["abc234"]
    assert found("ab") == ["abc234", "abd567"]
    assert found("abc") == ["abc234"]
    assert found("abc-remote") == ["abd567"]
    assert found("abc-rem") == []
    assert found("bc2") == []
    assert found("a%") == found("a_c") == []
    assert found("abc\udcff") == found("\0") == []


def test_a_whole_id_is_meant_even_where_it_is_the_start_of_another(ledger: Ledger) -> None:
    ledger.plan([draft("abc"), draft("abcdef")], "me", resubmit=False)

    assert [job.id for job in ledger.find("abc")] == ["abc"]


def test_a_job_that_is_not_there_is_a_key_error(ledger: Ledger) -> None:
    with pytest.raises(KeyError):
        ledger.job("nobody")


def test_open_jobs_are_those_that_need_somebody_in_the_order_they_were_made(ledger: Ledger) -> None:
    for state in State:
        bring_to(ledger, state, f"{10 - list(State).index(state):02} {state}")
    forgotten = "00 forgotten"
    bring_to(ledger, Q, forgotten)
    ledger.forget([forgotten])

    assert [job.state for job in ledger.open_jobs()] == [P, S, Q, R, READY]
    assert [job.state for job in ledger.uncertain_jobs()] == [UNCERTAIN]
    assert ledger.job(forgotten).forgotten_at is not None


def test_a_remote_id_belongs_to_one_job_of_a_service_at_an_origin(ledger: Ledger) -> None:
    places = [
        {"provider": "3daistudio", "origin": "https://api.3daistudio.com"},
        {"provider": "3daistudio", "origin": "sandbox"},
        {"provider": "reapi", "origin": "https://api.3daistudio.com"},
    ]
    for number, place in enumerate(places):
        ledger.plan([draft(f"job{number}", **place)], "me", resubmit=False)
        ledger.submitting(f"job{number}")
        ledger.accepted(f"job{number}", taken("same"))
    ledger.plan([draft("double", **places[0])], "me", resubmit=False)
    ledger.submitting("double")

    with pytest.raises(LedgerUnusable, match="UNIQUE"):
        ledger.accepted("double", taken("same"))

    assert ledger.job("double").state is S
    assert [job.id for job in ledger.find("same")] == ["job0", "job1", "job2"]


def test_a_job_from_elsewhere_is_taken_over_once(ledger: Ledger) -> None:
    ledger.adopt(draft(JOB, request=Request("", ""), cost=Cost(None, None)), taken("far", url="u"))

    found = ledger.job(JOB)
    assert (found.state, found.remote_id, found.handle, found.owner) == (Q, "far", {"url": "u"}, None)
    assert found.accepted_at == found.created_at
    assert found.cost == Cost(None, None)
    with pytest.raises(LedgerUnusable):
        ledger.adopt(draft("second"), taken("far"))


# Past times -------------------------------------------------------------------------------------------------


def test_past_times_are_of_the_same_service_model_and_resolution_and_never_the_sandboxs(
    ledger: Ledger, clock: FakeClock
) -> None:
    def done(name: str, took: float | None, *, resolution: str | None = "1K", **place: str) -> None:
        request = Request(place.pop("model", "m"), name, resolution=resolution)
        ledger.plan([draft(name, prompt=name, request=request, **place)], "me", resubmit=False)
        ledger.submitting(name)
        ledger.accepted(name, taken(f"remote {name}"))
        clock.time += 1.0
        finish(ledger, name, took=took)

    done("first", 10.0)
    done("second", 20.0)
    done("third", 30.0)
    done("sandbox", 1.0, origin="sandbox")
    done("gateway", 40.0, origin="https://gateway.example")
    done("unwatched", None)
    done("large", 90.0, resolution="4K")
    done("unsaid", 70.0, resolution=None)
    done("other model", 80.0, model="other")
    done("other service", 60.0, provider="reapi")

    assert ledger.seconds_taken("3daistudio", "m", "1K") == [40.0, 30.0, 20.0, 10.0]
    assert ledger.seconds_taken("3daistudio", "m", "1K", limit=2) == [40.0, 30.0]
    assert ledger.seconds_taken("3daistudio", "m", None) == [70.0]
    assert ledger.seconds_taken("3daistudio", "m", "0.5K") == []


# When the file gives trouble --------------------------------------------------------------------------------


def break_tables(path: Path) -> None:
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("DROP VIEW job_with_state")
        connection.execute("ALTER TABLE job RENAME TO gone")


USES: dict[str, Callable[[Ledger], object]] = {
    "plan": lambda ledger: ledger.plan([draft("new")], "me", resubmit=False),
    "submitting": lambda ledger: ledger.submitting(JOB),
    "accepted": lambda ledger: ledger.accepted(JOB, taken("remote")),
    "job": lambda ledger: ledger.job(JOB),
    "open jobs": lambda ledger: ledger.open_jobs(),
    "past times": lambda ledger: ledger.seconds_taken("3daistudio", "m", "1K"),
}


@pytest.mark.parametrize("use", USES)
def test_a_ledger_that_breaks_in_use_is_told_with_its_path(ledger: Ledger, ledger_path: Path, use: str) -> None:
    bring_to(ledger, P)
    break_tables(ledger_path)

    with pytest.raises(LedgerUnusable, match="cannot be used") as broken:
        USES[use](ledger)

    assert str(ledger_path) in broken.value.message


def test_an_interrupted_write_leaves_nothing_and_the_ledger_usable(ledger: Ledger) -> None:
    def interrupted(owner: str) -> bool:
        raise KeyboardInterrupt

    bring_to(ledger, READY)
    ledger.claim(JOB, 1, Path("/pictures/.part"), "other", lambda _: True)

    with pytest.raises(KeyboardInterrupt):
        ledger.claim(JOB, 1, Path("/pictures/.mine"), "me", interrupted)

    assert ledger.job(JOB).results[0].fetcher == "other"
    save(ledger, 1)
    assert ledger.job(JOB).results[0].state is ResultState.SAVED


def test_a_full_disk_is_told_and_nothing_is_half_recorded(ledger: Ledger) -> None:
    """SQLite's own limit on the file stands for a disk without space."""
    bring_to(ledger, P)
    connection = ledger._connection()
    pages = connection.execute("PRAGMA page_count").fetchone()[0]
    connection.execute(f"PRAGMA max_page_count = {pages}")

    with pytest.raises(LedgerUnusable, match="full"):
        ledger.plan([draft(f"job{n}", prompt="x" * 5_000) for n in range(20)], "me", resubmit=False)

    assert [job.id for job in ledger.open_jobs()] == [JOB]
    assert ledger.submitting(JOB)


def test_each_thread_has_its_own_connection_and_close_ends_them_all(ledger_path: Path, clock: FakeClock) -> None:
    ledger = Ledger(ledger_path, clock.wall)
    ledger.plan([draft(f"job{n}", prompt=str(n)) for n in range(8)], "me", resubmit=False)
    moved: list[bool] = []

    def submit(number: int) -> None:
        moved.extend(ledger.submitting(f"job{number}") for _ in range(2))

    threads = [threading.Thread(target=submit, args=(n,)) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(moved) == [False] * 8 + [True] * 8

    ledger.close()

    with pytest.raises(LedgerUnusable, match="closed"):
        ledger.open_jobs()


def test_eight_processes_write_at_once_and_nothing_is_lost(ledger: Ledger, ledger_path: Path, child: Children) -> None:
    writers = [child("write", ledger_path, f"writer{n}", "10") for n in range(8)]

    assert [writer.wait(timeout=30) for writer in writers] == [0] * 8
    jobs = ledger.open_jobs()
    assert {job.id for job in jobs} == {f"writer{n}-{k}" for n in range(8) for k in range(10)}
    assert {job.state for job in jobs} == {Q}
    assert all(job.remote_id == f"remote {job.id}" for job in jobs)

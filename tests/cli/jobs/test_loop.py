"""Does everything happen when it is due, in the main thread, and does waiting end whatever the threads do?"""

from __future__ import annotations

import queue
import threading
import time
from typing import TYPE_CHECKING

import pytest

from imgen.errors import LedgerUnusable
from imgen.jobs.clock import SystemClock
from imgen.jobs.loop import Inbox, Loop, Workers

if TYPE_CHECKING:
    from collections.abc import Iterator

    from cli.clock import FakeClock

INTERVAL = 10.0
LIMIT = 3
PATIENCE = 5.0  # real seconds; nothing here takes as long unless it is broken


def unexpected(outcome: object) -> None:
    """A task that does not end this way."""
    raise AssertionError(outcome)


class Ticks:
    """When the loop asked for the screen to be drawn."""

    def __init__(self, clock: FakeClock) -> None:
        self._clock = clock
        self.times: list[float] = []

    def __call__(self) -> None:
        self.times.append(self._clock.monotonic())


@pytest.fixture
def ticks(clock: FakeClock) -> Ticks:
    return Ticks(clock)


@pytest.fixture
def loop(clock: FakeClock, ticks: Ticks) -> Iterator[Loop]:
    made = Loop(clock, ticks, INTERVAL, on_close=lambda: None, inbox=Inbox())
    yield made
    made.close(grace=5.0)


def test_it_ends_with_the_action_that_was_waited_for(loop: Loop, clock: FakeClock) -> None:
    done: list[str] = []
    loop.after(0.0, lambda: done.append("saved"))

    assert loop.run(lambda: bool(done), deadline=100.0)

    assert clock.monotonic() == 0.0  # and not an interval later


def test_actions_happen_in_the_order_they_are_due(loop: Loop, clock: FakeClock) -> None:
    done: list[tuple[str, float]] = []
    for name, delay in (("late", 9.0), ("soon", 1.0), ("also soon", 1.0), ("now", 0.0)):
        loop.after(delay, lambda name=name: done.append((name, clock.monotonic())))  # type: ignore[misc]

    assert loop.run(lambda: len(done) == 4, deadline=100.0)

    assert done == [("now", 0.0), ("soon", 1.0), ("also soon", 1.0), ("late", 9.0)]


def test_an_action_may_ask_for_the_next(loop: Loop, clock: FakeClock) -> None:
    times: list[float] = []

    def again() -> None:
        times.append(clock.monotonic())
        loop.after(2.5, again)

    loop.after(1.0, again)

    assert loop.run(lambda: len(times) == 3, deadline=100.0)
    assert times == [1.0, 3.5, 6.0]


def test_nothing_is_done_where_nothing_is_to_be_done(loop: Loop, ticks: Ticks) -> None:
    assert loop.run(lambda: True, deadline=0.0)
    assert ticks.times == []


def test_waiting_ends_at_the_deadline(loop: Loop, clock: FakeClock) -> None:
    late: list[str] = []
    loop.after(31.0, lambda: late.append("too late"))

    assert not loop.run(lambda: False, deadline=30.0)

    assert clock.monotonic() == 30.0
    assert late == []


def test_the_screen_is_drawn_at_least_every_interval(loop: Loop, ticks: Ticks) -> None:
    loop.after(12.0, lambda: None)

    loop.run(lambda: False, deadline=35.0)

    assert ticks.times == [0.0, 10.0, 12.0, 22.0, 32.0]


def test_what_threads_have_done_arrives_in_the_main_thread(loop: Loop, ticks: Ticks) -> None:
    seen: list[tuple[int, str]] = []
    for workers in (loop.submits, loop.polls, loop.downloads):
        for number in range(20):
            workers.start(
                lambda number=number: number,  # type: ignore[misc]
                lambda outcome: seen.append((outcome, threading.current_thread().name)),
                unexpected,
            )

    assert loop.run(lambda: len(seen) == 60, deadline=100.0)

    assert sorted(outcome for outcome, _ in seen) == sorted(list(range(20)) * 3)
    assert {name for _, name in seen} == {threading.current_thread().name}
    assert ticks.times[-1] == 0.0, "no time passes while work is under way"


def test_what_threads_have_done_is_taken_only_until_the_deadline(loop: Loop, clock: FakeClock) -> None:
    taken: list[int] = []

    def take(number: int) -> None:
        taken.append(number)
        clock.time += 1.0

    for number in range(60):
        loop.downloads.start(lambda number=number: number, take, unexpected)  # type: ignore[misc]
    while len(loop._inbox) < 60:
        time.sleep(0.001)

    assert not loop.run(lambda: False, deadline=10.0)

    assert len(taken) == 10


def test_submits_under_way_are_given_their_time_and_nothing_else_is_begun(loop: Loop) -> None:
    answered: list[str] = []
    loop.after(0.0, lambda: answered.append("this was due"))
    gate = threading.Event()

    def submit() -> str:
        gate.wait(5.0)
        return "remote id"

    loop.submits.start(submit, answered.append, unexpected)
    threading.Timer(0.05, gate.set).start()

    loop.finish(loop.submits, grace=3.0)

    assert answered == ["remote id"]


def test_a_submit_without_an_answer_is_not_waited_for_longer_than_its_grace() -> None:
    loop = Loop(SystemClock(), lambda: None, interval=0.01, on_close=lambda: None, inbox=Inbox())
    gate = threading.Event()
    loop.submits.start(lambda: gate.wait(5.0), lambda _: None, unexpected)

    began = time.monotonic()
    loop.finish(loop.submits, grace=0.05)

    assert 0.05 <= time.monotonic() - began < 2.0
    assert loop.submits.pending == 1
    gate.set()
    loop.close(grace=5.0)


def test_a_submit_whose_outcome_ctrl_c_cut_short_is_still_finished(loop: Loop) -> None:
    seen: list[str] = []

    def deal(remote_id: str) -> None:
        if not seen:
            seen.append("cut short")
            raise KeyboardInterrupt
        seen.append(remote_id)

    loop.submits.start(lambda: "remote id", deal, unexpected)
    with pytest.raises(KeyboardInterrupt):
        loop.run(lambda: False, deadline=100.0)

    loop.finish(loop.submits, grace=3.0)

    assert seen == ["cut short", "remote id"]


def test_a_ledger_that_fails_hides_no_answer_of_the_other_submits(loop: Loop) -> None:
    seen: list[str] = []

    def deal(remote_id: str) -> None:
        if remote_id.startswith("not recorded"):
            raise LedgerUnusable(remote_id)
        seen.append(remote_id)

    for remote_id in ("not recorded 1", "not recorded 2", "third", "fourth"):
        loop.submits.start(lambda remote_id=remote_id: remote_id, deal, unexpected)  # type: ignore[misc]
    while len(loop._inbox) < 4:
        time.sleep(0.001)

    with pytest.raises(LedgerUnusable, match="not recorded"):
        loop.finish(loop.submits, grace=3.0)

    assert sorted(seen) == ["fourth", "third"]


def test_the_machines_own_clock_waits_for_an_item_or_the_time() -> None:
    clock = SystemClock()
    inbox: queue.SimpleQueue[str] = queue.SimpleQueue()

    assert clock.receive(inbox, 0.01, busy=False) is None
    assert clock.receive(inbox, -1.0, busy=True) is None
    inbox.put("item")
    assert clock.receive(inbox, 5.0, busy=True) == "item"
    assert abs(clock.wall() - time.time()) < 60.0
    assert clock.monotonic() <= clock.monotonic()


# The threads ---------------------------------------------------------------------------------------------------


@pytest.fixture
def inbox() -> Inbox:
    return Inbox()


def deal_with_next(inbox: Inbox) -> None:
    inbox.wait(SystemClock(), PATIENCE, busy=True)
    inbox.deal_with_next()


@pytest.fixture
def workers(inbox: Inbox) -> Iterator[Workers]:
    made = Workers("test", LIMIT, inbox, lambda: None)
    yield made
    made.close(PATIENCE)
    assert not threads()


def threads() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name.startswith("test-")]


def test_a_task_runs_elsewhere_and_its_outcome_arrives_here(workers: Workers, inbox: Inbox) -> None:
    seen: list[tuple[str, str]] = []
    workers.start(
        lambda: threading.current_thread().name,
        lambda name: seen.append((name, threading.current_thread().name)),
        unexpected,
    )
    assert workers.pending == 1
    inbox.wait(SystemClock(), PATIENCE, busy=True)
    assert seen == [], "nothing happens before the main thread takes it"

    inbox.deal_with_next()

    assert seen == [("test-0", threading.current_thread().name)]
    assert workers.pending == 0


def test_no_more_threads_than_the_limit_and_no_more_than_needed(workers: Workers, inbox: Inbox) -> None:
    for _ in range(2):
        workers.start(lambda: None, lambda _: None, unexpected)
        deal_with_next(inbox)
    assert len(threads()) == 1

    gate = threading.Event()
    for _ in range(10):
        workers.start(lambda: gate.wait(PATIENCE), lambda _: None, unexpected)
    assert len(threads()) == LIMIT
    assert all(thread.daemon for thread in threads())
    assert workers.pending == 10
    gate.set()
    for _ in range(10):
        deal_with_next(inbox)
    assert workers.pending == 0


def test_an_exception_of_a_task_is_handed_over_here_and_its_thread_lives_on(workers: Workers, inbox: Inbox) -> None:
    error = ValueError("broken")
    failures: list[tuple[Exception, str]] = []

    def fail() -> None:
        raise error

    workers.start(fail, unexpected, lambda failure: failures.append((failure, threading.current_thread().name)))
    deal_with_next(inbox)
    assert failures == [(error, threading.current_thread().name)]
    assert workers.pending == 0

    workers.start(lambda: 7, lambda outcome: None, unexpected)
    deal_with_next(inbox)
    assert len(threads()) == 1


@pytest.mark.parametrize("error", [KeyboardInterrupt(), SystemExit(3)], ids=repr)
def test_an_end_of_the_program_in_a_thread_is_one_here(workers: Workers, inbox: Inbox, error: BaseException) -> None:
    def fail() -> None:
        raise error

    workers.start(fail, unexpected, unexpected)
    with pytest.raises(type(error)) as raised:
        deal_with_next(inbox)
    assert raised.value is error
    assert workers.pending == 0


def test_an_outcome_that_ctrl_c_cut_short_is_dealt_with_once_more(workers: Workers, inbox: Inbox) -> None:
    seen: list[str] = []

    def deal(remote_id: str) -> None:
        seen.append(remote_id)
        if len(seen) == 1:
            raise KeyboardInterrupt

    workers.start(lambda: "remote id", deal, unexpected)
    with pytest.raises(KeyboardInterrupt):
        deal_with_next(inbox)
    assert len(inbox) == 1

    inbox.deal_with_next()

    assert seen == ["remote id"] * 2
    assert len(inbox) == 0


def test_a_failure_is_dealt_with_once_and_the_next_outcome_is_met(workers: Workers, inbox: Inbox) -> None:
    def refuse(outcome: object) -> None:
        raise ValueError(outcome)

    workers.start(lambda: 1, refuse, unexpected)
    with pytest.raises(ValueError, match="1"):
        deal_with_next(inbox)

    seen: list[int] = []
    workers.start(lambda: 2, seen.append, unexpected)
    deal_with_next(inbox)
    assert seen == [2]


def test_closing_does_not_wait_for_a_long_request(inbox: Inbox) -> None:
    gate = threading.Event()
    workers = Workers("test", LIMIT, inbox, lambda: None)
    workers.start(lambda: gate.wait(PATIENCE), lambda _: None, unexpected)

    workers.close(grace=0.0)

    (thread,) = threads()
    assert thread.daemon
    gate.set()
    thread.join(PATIENCE)
    assert not thread.is_alive()


def test_closing_begins_nothing_more(inbox: Inbox) -> None:
    gate, begun = threading.Event(), threading.Event()
    workers = Workers("test", 1, inbox, lambda: None)
    workers.start(lambda: gate.wait(PATIENCE), lambda _: None, unexpected)
    workers.start(begun.set, lambda _: None, unexpected)

    workers.close(grace=0.0)
    gate.set()
    workers.close(grace=PATIENCE)

    assert not threads()
    assert not begun.is_set()

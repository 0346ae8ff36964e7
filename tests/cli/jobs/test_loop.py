"""Does everything happen when it is due, in the main thread, and does waiting end?"""

from __future__ import annotations

import queue
import threading
import time
from typing import TYPE_CHECKING

import pytest

from imgen.jobs.clock import SystemClock
from imgen.jobs.loop import Loop

if TYPE_CHECKING:
    from collections.abc import Iterator

    from cli.clock import FakeClock

INTERVAL = 10.0


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
    made = Loop(clock, ticks, INTERVAL, on_close=lambda: None)
    yield made
    made.close(grace=5.0)


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
            )

    assert loop.run(lambda: len(seen) == 60, deadline=100.0)

    assert sorted(outcome for outcome, _ in seen) == sorted(list(range(20)) * 3)
    assert {name for _, name in seen} == {threading.current_thread().name}
    assert ticks.times[-1] == 0.0, "no time passes while somebody is at work"


def test_an_error_of_a_thread_ends_the_waiting(loop: Loop) -> None:
    def fail() -> None:
        raise ValueError("broken")

    loop.polls.start(fail, lambda _: None)

    with pytest.raises(ValueError, match="broken"):
        loop.run(lambda: False, deadline=100.0)


def test_submits_under_way_are_given_their_time_and_nothing_else_is_begun(loop: Loop) -> None:
    answered: list[str] = []
    loop.after(0.0, lambda: answered.append("this was due"))
    gate = threading.Event()

    def submit() -> str:
        gate.wait(5.0)
        return "remote id"

    loop.submits.start(submit, answered.append)
    threading.Timer(0.05, gate.set).start()

    loop.finish(loop.submits, grace=3.0)

    assert answered == ["remote id"]


def test_a_submit_without_an_answer_is_not_waited_for_longer_than_its_grace() -> None:
    loop = Loop(SystemClock(), lambda: None, interval=0.01, on_close=lambda: None)
    gate = threading.Event()
    loop.submits.start(lambda: gate.wait(5.0), lambda _: None)

    began = time.monotonic()
    loop.finish(loop.submits, grace=0.05)

    assert 0.05 <= time.monotonic() - began < 2.0
    assert loop.submits.pending == 1
    gate.set()
    loop.close(grace=5.0)


def test_the_machines_own_clock_waits_for_an_item_or_the_time() -> None:
    clock = SystemClock()
    inbox: queue.SimpleQueue[str] = queue.SimpleQueue()

    assert clock.receive(inbox, 0.01, busy=False) is None
    assert clock.receive(inbox, -1.0, busy=True) is None
    inbox.put("item")
    assert clock.receive(inbox, 5.0, busy=True) == "item"
    assert abs(clock.wall() - time.time()) < 60.0
    assert clock.monotonic() <= clock.monotonic()

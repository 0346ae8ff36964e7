"""Is work done by a few threads, handed over in the main thread, and never in the way of an end?"""

from __future__ import annotations

import queue
import threading
from typing import TYPE_CHECKING

import pytest

from imgen.jobs.workers import Action, Workers

if TYPE_CHECKING:
    from collections.abc import Iterator

LIMIT = 3
PATIENCE = 5.0  # real seconds; nothing here takes as long unless it is broken


@pytest.fixture
def inbox() -> queue.SimpleQueue[Action]:
    return queue.SimpleQueue()


@pytest.fixture
def workers(inbox: queue.SimpleQueue[Action]) -> Iterator[Workers]:
    made = Workers("test", LIMIT, inbox, lambda: None)
    yield made
    made.close(PATIENCE)
    assert not threads()


def threads() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name.startswith("test-")]


def test_a_task_runs_elsewhere_and_its_outcome_arrives_here(workers: Workers, inbox: queue.SimpleQueue[Action]) -> None:
    seen: list[tuple[str, str]] = []
    workers.start(
        lambda: threading.current_thread().name,
        lambda name: seen.append((name, threading.current_thread().name)),
    )
    assert workers.pending == 1
    action = inbox.get(timeout=PATIENCE)
    assert seen == [], "nothing happens before the main thread takes it"

    action()

    assert seen == [("test-0", threading.current_thread().name)]
    assert workers.pending == 0


def test_no_more_threads_than_the_limit_and_no_more_than_needed(
    workers: Workers, inbox: queue.SimpleQueue[Action]
) -> None:
    for _ in range(2):
        workers.start(lambda: None, lambda _: None)
        inbox.get(timeout=PATIENCE)()
    assert len(threads()) == 1

    gate = threading.Event()
    for _ in range(10):
        workers.start(lambda: gate.wait(PATIENCE), lambda _: None)
    assert len(threads()) == LIMIT
    assert all(thread.daemon for thread in threads())
    assert workers.pending == 10
    gate.set()
    for _ in range(10):
        inbox.get(timeout=PATIENCE)()
    assert workers.pending == 0


@pytest.mark.parametrize("error", [ValueError("broken"), KeyboardInterrupt(), SystemExit(3)], ids=repr)
def test_an_error_of_a_task_is_raised_here_and_its_thread_lives_on(
    workers: Workers, inbox: queue.SimpleQueue[Action], error: BaseException
) -> None:
    def fail() -> None:
        raise error

    workers.start(fail, lambda _: None)
    action = inbox.get(timeout=PATIENCE)
    with pytest.raises(type(error)) as raised:
        action()
    assert raised.value is error
    assert workers.pending == 0

    workers.start(lambda: 7, lambda outcome: None)
    inbox.get(timeout=PATIENCE)()
    assert len(threads()) == 1


def test_closing_does_not_wait_for_a_long_request(inbox: queue.SimpleQueue[Action]) -> None:
    gate = threading.Event()
    workers = Workers("test", LIMIT, inbox, lambda: None)
    workers.start(lambda: gate.wait(PATIENCE), lambda _: None)

    workers.close(grace=0.0)

    (thread,) = threads()
    assert thread.daemon
    gate.set()
    thread.join(PATIENCE)
    assert not thread.is_alive()

"""A worker that reaches its services and not the database: it stops submitting, and its jobs move to another one."""

from __future__ import annotations

import time
from contextlib import ExitStack, contextmanager
from dataclasses import asdict
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import urlsplit

import pytest

from imgen.ledger.postgres.leases import LEASE
from imgen.records import State
from reliability.fleet.fleet import Count, Fleet, count, fleet, until
from reliability.fleet.gate import Gate
from reliability.fleet.network import other_machine
from reliability.fleet.test_kills import check

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from contextlib import AbstractContextManager
    from pathlib import Path


class Partition(NamedTuple):
    """A worker whose way to the database can be cut and mended."""

    start: Callable[[], object]
    cut: Callable[[], None]
    mend: Callable[[], None]


@contextmanager
def behind_a_gate(here: Fleet) -> Iterator[Partition]:
    """Between it and the database is a program that passes nothing on any more."""
    with Gate(here.server.port) as gate:
        behind = here.url.replace(f":{here.server.port}/", f":{gate.port}/")
        yield Partition(lambda: here.start(IMGEN_LEDGER=behind), gate.shut, gate.open)


@contextmanager
def in_a_namespace(here: Fleet) -> Iterator[Partition]:
    """It is on a machine of its own, whose only cable loses each packet; its services it still reaches."""
    with other_machine() as machine, ExitStack() as stack:
        here.listen_on(machine.here)
        for origin in (here.far.origin, here.far.pictures):
            port = urlsplit(origin).port
            assert port
            stack.enter_context(Gate(port, machine.listener(port)))
        url = f"{here.url.replace('127.0.0.1', machine.here)}?sslmode=disable"
        yield Partition(lambda: here.start(within=machine.within, IMGEN_LEDGER=url), machine.lose_packets, machine.mend)


class Seen(NamedTuple):
    """What came of it: `last` is how many seconds after the cut the last submit arrived before others took over.

    `left` are jobs that the worker had in hand then and had not sent, `moved` those saved before the way was mended.
    """

    last: float
    left: int
    moved: int
    found: Count


def cut_off(here: Fleet, partition: Partition, jobs: int, seconds: float) -> Seen:
    """Cut the only worker off in the middle of its jobs; after so many seconds another one begins."""
    here.order([f"fox {number}" for number in range(jobs)])
    partition.start()
    until(lambda: len(here.far.arrivals()) >= jobs // 10)
    partition.cut()
    cut_at = time.time()
    time.sleep(seconds)  # in which nothing may be sent
    left = sum(job.state is State.PLANNED and job.owner is not None for job in here.jobs())
    late = [moment - cut_at for each in here.far.arrivals().values() for moment in each if moment > cut_at]
    here.start()
    until(lambda: all(job.state in (State.SAVED, State.UNCERTAIN) for job in here.jobs()), 200.0)
    moved = sum(job.state is State.SAVED for job in here.jobs())
    partition.mend()
    # It reports what its services had answered.
    until(lambda: all(job.state is not State.UNCERTAIN for job in here.jobs()))
    here.until_idle(100.0)
    return Seen(max(late, default=0.0), left, moved, count(here))


@pytest.mark.timeout(180)  # leases have to end
def test_the_jobs_of_a_worker_that_is_cut_off_move(tmp_path: Path) -> None:
    with fleet(tmp_path, seconds=0.5) as here, in_a_namespace(here) as partition:
        seen = cut_off(here, partition, 40, LEASE)

    assert seen.last <= LEASE
    assert seen.moved >= seen.left > 0
    check(seen.found, 40)


@pytest.mark.fleet
@pytest.mark.timeout(500)
@pytest.mark.parametrize("form", [in_a_namespace, behind_a_gate])
def test_a_worker_without_the_database_sends_nothing_more(
    tmp_path: Path,
    form: Callable[[Fleet], AbstractContextManager[Partition]],
    print_report: Callable[[str, object], None],
) -> None:
    with fleet(tmp_path, seconds=2.0) as here, form(here) as partition:
        seen = cut_off(here, partition, 200, 2 * LEASE)

    what = f"cut off {form.__name__}: last submit {seen.last:.1f} s later, {seen.left} jobs left to others"
    print_report("fleet", (what.replace("_", " "), 0, asdict(seen.found)))
    assert seen.last <= LEASE
    assert seen.moved >= seen.left > 50, "it had jobs in hand that it could have sent"
    check(seen.found, 200)
    assert seen.found.uncertain == 0

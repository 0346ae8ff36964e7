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
from reliability.fleet.fleet import Fleet, count, fleet, until
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


@pytest.mark.fleet
@pytest.mark.timeout(500)
@pytest.mark.parametrize("form", [in_a_namespace, behind_a_gate])
def test_a_worker_without_the_database_sends_nothing_more(
    tmp_path: Path,
    form: Callable[[Fleet], AbstractContextManager[Partition]],
    print_report: Callable[[str, object], None],
) -> None:
    jobs = 200
    with fleet(tmp_path, seconds=2.0) as here, form(here) as partition:
        here.order([f"fox {number}" for number in range(jobs)])
        partition.start()
        until(lambda: len(here.far.arrivals()) >= 8)
        partition.cut()
        cut_at = time.time()
        time.sleep(2 * LEASE)  # what it holds is the other ones' to take from now on
        left = sum(job.state is State.PLANNED and job.owner is not None for job in here.jobs())
        late = [moment - cut_at for each in here.far.arrivals().values() for moment in each if moment > cut_at]
        here.start()
        until(lambda: all(job.state in (State.SAVED, State.UNCERTAIN) for job in here.jobs()), 200.0)
        moved = sum(job.state is State.SAVED for job in here.jobs())
        partition.mend()
        until(lambda: count(here).uncertain == 0, 60.0)  # it reports what its services had answered
        here.until_idle(100.0)
        found = count(here)

    last = max(late, default=0.0)
    print_report("fleet", (f"{form.__name__}: last submit {last:.1f} s after, {left} left to others", 0, asdict(found)))
    assert left > 50, "it had jobs in hand that it could have sent"
    assert last <= LEASE
    assert moved >= left
    check(found, jobs)
    assert found.uncertain == 0

"""Workers that stand still for four leases, as a laptop that sleeps or a machine that pages, and then go on."""

from __future__ import annotations

import os
import signal
import time
from dataclasses import asdict
from typing import TYPE_CHECKING

import pytest

from imgen.ledger.postgres.leases import LEASE
from imgen.records import State
from reliability.fleet.fleet import count, fleet
from reliability.fleet.test_kills import check

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

LATEST = 5.0  # seconds from the commit of a submit's start to the request
MOMENTS = (
    "before the submit's start is committed",
    "after the submit's start is committed",  # between the commit and the request
    "before the remote id is committed",  # after the reply
    "before the end is committed",  # while saving
)


@pytest.mark.fleet
@pytest.mark.timeout(600)
def test_a_worker_that_stood_still_sends_nothing_late(
    tmp_path: Path, print_report: Callable[[str, object], None]
) -> None:
    with fleet(tmp_path, seconds=0.5) as here:
        here.order(list(MOMENTS))
        frozen = [here.start("--concurrency", "1", until=("SIGSTOP", moment)) for moment in MOMENTS]
        for worker in frozen:
            _until_stopped(worker.process.pid)
        here.start()
        time.sleep(4 * LEASE)
        for worker in frozen:
            worker.signal(signal.SIGCONT)
        time.sleep(LEASE)
        here.until_idle(120.0)
        found = count(here)
        jobs, arrivals = here.jobs(), here.far.arrivals()

    assert all(job.submitted_at for job in jobs)
    after = {job.request.prompt: arrivals[job.request.prompt][0] - (job.submitted_at or 0.0) for job in jobs}
    latest = f"4 workers frozen for 4 leases; the latest submit {max(after.values()):.1f} s after its commit"
    print_report("fleet", (latest, 0, asdict(found)))
    check(found, len(MOMENTS))
    assert {job.state for job in jobs} == {State.SAVED}
    assert max(after.values()) <= LATEST, "sent long after its commit"


def _until_stopped(pid: int) -> None:
    """Wait until a process of ours stands still."""
    deadline = time.monotonic() + 60.0
    while not os.WIFSTOPPED(os.waitpid(pid, os.WUNTRACED | os.WNOHANG)[1]):
        assert time.monotonic() < deadline
        time.sleep(0.05)

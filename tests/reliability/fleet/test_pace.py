"""One rate limit for all workers: what arrives at the service in any window, and a 429 that stops them all."""

from __future__ import annotations

import time
from dataclasses import asdict
from typing import TYPE_CHECKING

import pytest

from reliability.fleet.fleet import count, fleet
from reliability.fleet.test_kills import check

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path


def most_within(moments: Sequence[float], window: float) -> int:
    """The most arrivals in any window."""
    ordered = sorted(moments)
    return max(sum(begin <= moment < begin + window for moment in ordered) for begin in ordered)


@pytest.mark.fleet
@pytest.mark.timeout(900)
def test_sixty_a_minute_from_eight_workers(tmp_path: Path, print_report: Callable[[str, object], None]) -> None:
    with fleet(tmp_path, seconds=0.5, IMGEN_SUBMITS_PER_MINUTE="60") as here:
        here.order([f"fox {number}" for number in range(200)])
        for _ in range(8):
            here.start("--until-idle")
        here.until_idle()
        found, arrivals = count(here), [each[0] for each in here.far.arrivals().values()]

    most = most_within(arrivals, 60.0)
    print_report("fleet", (f"60 a minute from 8 workers: {most} at most", 0, asdict(found)))
    assert most <= 60
    assert most >= 55, "the limit was not used"
    check(found, 200)


@pytest.mark.fleet
@pytest.mark.timeout(300)
def test_a_retry_after_stops_every_worker(tmp_path: Path) -> None:
    seconds = 6.0
    with fleet(tmp_path, seconds=0.5) as here:
        here.order([f"fox {number}" for number in range(60)])
        here.far.play("429 with seconds", "submit")
        for _ in range(4):
            here.start()
        while not here.far.counts().get("submit"):
            time.sleep(0.05)
        time.sleep(seconds)
        asked = here.far.counts()["submit"]
        here.far.play(None, None)
        here.until_idle(120.0)
        found = count(here)

    # One second is asked for each time: all workers together try that often, and what was on its way.
    assert asked <= seconds + 2 + 16
    check(found, 60)

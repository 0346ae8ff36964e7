"""Workers killed at random with their disks, and PostgreSQL restarted under them: each asset is bought once."""

from __future__ import annotations

import random
import time
from dataclasses import asdict
from typing import TYPE_CHECKING

import pytest

from reliability.fleet.fleet import Count, Fleet, count, fleet

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path


def work_under_fire(
    here: Fleet, workers: int, kills: int, restarts: Sequence[str], chance: random.Random, gap: tuple[float, float]
) -> int:
    """Keep so many workers running and kill them, restart the database on the way; returns the kills made.

    Every fifth that is killed is not replaced, as long as one is left.
    """
    for _ in range(workers):
        here.start()
    moments = sorted(chance.sample(range(1, kills), min(len(restarts), kills - 1)))
    due = dict(zip(moments, restarts, strict=False))
    made = 0
    while made < kills and here.open_jobs():
        time.sleep(chance.uniform(*gap))
        alive = [worker for worker in here.workers if worker.runs]
        while len(alive) < 2:  # one that found no database ends, and its supervisor starts it again
            alive.append(here.start())
        chance.choice(alive).kill()
        made += 1
        if made % 5 or len(alive) <= 2:
            here.start()
        if made in due:
            here.restart(due[made])
    here.start()
    return made


def check(found: Count, assets: int) -> None:
    """What must hold, whatever was killed."""
    assert found.assets == assets
    assert found.doubled == 0
    assert found.lost == 0
    assert found.open == 0
    assert found.saved + found.uncertain == assets
    assert found.objects == found.saved


@pytest.mark.timeout(240)  # few seconds of work, and leases that have to end
def test_workers_are_killed_with_their_disks(tmp_path: Path, print_report: Callable[[str, object], None]) -> None:
    assets, chance = 12, random.Random(7)
    with fleet(tmp_path) as here:
        here.order([f"fox {number}" for number in range(assets)])
        kills = work_under_fire(here, 2, 3, ["immediate"], chance, (0.5, 1.5))
        here.until_idle(200.0)
        found = count(here)

    print_report("fleet", ("killed with their disks", kills, asdict(found)))
    check(found, assets)


@pytest.mark.fleet
@pytest.mark.timeout(1800)
def test_thirty_kills_and_three_ways_to_lose_the_database(
    tmp_path: Path, print_report: Callable[[str, object], None]
) -> None:
    assets, chance = 600, random.Random(26)
    with fleet(tmp_path, seconds=3.0) as here:
        here.order([f"fox {number}" for number in range(assets)])
        kills = work_under_fire(here, 4, 30, ["fast", "immediate", "kill"], chance, (0.3, 1.8))
        here.until_idle()
        found = count(here)

    print_report("fleet", ("600 assets, 30 kills", kills, asdict(found)))
    assert kills == 30
    check(found, assets)

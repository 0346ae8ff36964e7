"""Many order at once: one manifest from two CI runs, one asset from ten laptops, one budget among ten planners."""

from __future__ import annotations

import subprocess
from dataclasses import asdict, replace
from decimal import Decimal
from typing import TYPE_CHECKING

import pytest

from cli.program.program import IMGEN
from imgen.records import State
from reliability.fleet.fleet import Fleet, count, fleet, write_manifest
from reliability.fleet.test_kills import check

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


def order_at_once(here: Fleet, manifests: list[list[str]], **variables: str) -> list[int]:
    """Queue each manifest from a laptop of its own, all at once; returns their exit codes."""
    runs = []
    for number, prompts in enumerate(manifests):
        desk = here.folder / f"desk {number}"
        desk.mkdir()
        write_manifest(desk / "assets.toml", prompts, "3daistudio")
        laptop = replace(here.laptop, home=here.folder / f"laptop {number}", cwd=desk)
        runs.append(
            subprocess.Popen(
                [*IMGEN, "batch", "assets.toml", "--queue"],
                cwd=desk,
                env={**laptop.environ, **variables},
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
            )
        )
    return [run.wait(120.0) for run in runs]


@pytest.mark.fleet
@pytest.mark.timeout(600)
def test_two_runs_of_one_manifest_and_ten_laptops_with_one_asset(
    tmp_path: Path, print_report: Callable[[str, object], None]
) -> None:
    with fleet(tmp_path, seconds=0.5) as here:
        foxes = [f"fox {number}" for number in range(20)]
        codes = order_at_once(here, [foxes, foxes, *([["one asset"]] * 10)])
        here.start("--until-idle")
        here.until_idle(120.0)
        found, jobs = count(here), here.jobs()

    print_report("fleet", ("2 runs of a manifest, 10 laptops", 0, asdict(found)))
    assert set(codes) == {0}
    assert len(jobs) == 21
    assert found.charged == 21
    check(found, 21)


@pytest.mark.fleet
@pytest.mark.timeout(600)
def test_ten_planners_do_not_exceed_the_budget_of_the_day(tmp_path: Path) -> None:
    with fleet(tmp_path, seconds=0.5) as here:
        manifests = [[f"fox {planner} {number}" for number in range(5)] for planner in range(10)]
        codes = order_at_once(here, manifests, IMGEN_BUDGET_DAY="45credits")
        planned = [Decimal(job.cost.amount or "0") for job in here.jobs() if job.state is State.PLANNED]

    each = planned[0]
    assert sum(planned) <= 45
    assert sum(planned) + each > 45, "less was ordered than the budget allows"
    assert any(codes), "some planner met the limit"

"""Many order at once: one manifest from two CI runs, one asset from ten laptops, one budget among ten planners."""

from __future__ import annotations

import json
import subprocess
from dataclasses import asdict, replace
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest

from cli.program.program import IMGEN
from imgen.errors import ExitCode
from reliability.fleet.fleet import Fleet, count, fleet, write_manifest
from reliability.fleet.test_kills import check

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from imgen.records import JobRecord


def order_at_once(here: Fleet, manifests: list[list[str]], *options: str, **variables: str) -> list[dict[str, Any]]:
    """Queue each manifest from a laptop of its own, all at once; returns their reports."""
    runs = []
    for number, prompts in enumerate(manifests):
        desk = here.folder / f"desk {number}"
        desk.mkdir()
        write_manifest(desk / "assets.toml", prompts, "3daistudio")
        laptop = replace(here.laptop, home=here.folder / f"laptop {number}", cwd=desk)
        run = subprocess.Popen(
            [*IMGEN, "batch", "assets.toml", "--queue", "--report", "report.json", *options],
            cwd=desk,
            env={**laptop.environ, **variables},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        runs.append((run, desk / "report.json"))
    reports = []
    for run, path in runs:
        code = run.wait(240.0)
        reports.append(json.loads(path.read_bytes()))
        assert reports[-1]["exit_code"] == code
    return reports


def codes(reports: list[dict[str, Any]]) -> set[int]:
    """How the runs ended."""
    return {report["exit_code"] for report in reports}


def cost(jobs: list[JobRecord]) -> Decimal:
    """What these jobs cost together."""
    return sum((Decimal(job.cost.amount or "NaN") for job in jobs), Decimal(0))


@pytest.mark.timeout(120)
def test_three_laptops_order_one_asset(tmp_path: Path) -> None:
    with fleet(tmp_path, seconds=0.2) as here:
        reports = order_at_once(here, [["one asset"]] * 3)
        here.start("--until-idle")
        here.until_idle(60.0)
        found = count(here)

    assert codes(reports) == {ExitCode.DONE}
    assert found.charged == 1
    check(found, 1)


@pytest.mark.fleet
@pytest.mark.timeout(600)
def test_two_runs_of_one_manifest_and_ten_laptops_with_one_asset(
    tmp_path: Path, print_report: Callable[[str, object], None]
) -> None:
    with fleet(tmp_path, seconds=0.5) as here:
        foxes = [f"fox {number}" for number in range(20)]
        reports = order_at_once(here, [foxes, foxes, *([["one asset"]] * 10)])
        here.start("--until-idle")
        here.until_idle(120.0)
        found, jobs = count(here), here.jobs()

    print_report("fleet", ("2 runs of a manifest, 10 laptops with one asset", 0, asdict(found)))
    assert codes(reports) == {ExitCode.DONE}
    assert len(jobs) == 21
    assert found.charged == 21
    check(found, 21)
    bought = [sum(not asset["ordered_before"] for asset in report["assets"]) for report in reports]
    assert sum(bought) == 21, "each run knows what it bought, and what another one had"
    assert sum(bought[2:]) == 1


@pytest.mark.fleet
@pytest.mark.timeout(600)
def test_ten_planners_do_not_exceed_the_budget_of_the_day(
    tmp_path: Path, print_report: Callable[[str, object], None]
) -> None:
    """Fifty different assets; the budget is the fleet's, and what is charged at the far side is within it."""
    with fleet(tmp_path, seconds=0.5, IMGEN_BUDGET_DAY="45credits") as here:
        reports = order_at_once(here, [[f"fox {planner} {number}" for number in range(5)] for planner in range(10)])
        planned = here.jobs()
        here.start("--until-idle")
        here.until_idle(120.0)
        found = count(here)

    each = cost(planned[:1])
    print_report("fleet", (f"10 planners, 45 credits a day, {each} an asset", 0, asdict(found)))
    assert cost(planned) <= 45
    assert cost(planned) + each > 45, "less was ordered than the budget allows"
    assert found.charged * each <= 45
    assert codes(reports) & {ExitCode.NO_CREDIT, ExitCode.PARTIAL}, "some planner met the limit"
    check(found, len(planned))


@pytest.mark.fleet
@pytest.mark.timeout(600)
def test_ten_planners_with_a_limit_of_their_run(tmp_path: Path, print_report: Callable[[str, object], None]) -> None:
    """One manifest of forty assets; each run may buy three of them, and pays for none that another one bought.

    A run that finds its three bought by another one buys no others in their place: the next run does.
    """
    with fleet(tmp_path, seconds=0.5) as here:
        here.order(["the price of one"], name="one.toml")
        each = cost(here.jobs())
        foxes = [f"fox {number}" for number in range(40)]
        reports = order_at_once(here, [foxes] * 10, "--max-cost", f"{3 * each}credits")
        here.start("--until-idle")
        here.until_idle(120.0)
        found = count(here)

    spent = [Decimal(report["spent"].get("credits of 3daistudio", "0")) for report in reports]
    print_report("fleet", (f"10 runs of one manifest, at most {3 * each} credits each", 0, asdict(found)))
    assert max(spent) <= 3 * each
    assert sum(spent) == each * (found.charged - 1)
    assert 4 <= found.charged <= 31, "the first, three of one run, and at most three of each"
    check(found, found.charged)

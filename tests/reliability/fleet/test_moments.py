"""SIGKILL at every moment of a job's life, before and after each commit, each in a ledger of its own."""

from __future__ import annotations

import re
import subprocess
import sys
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from imgen.records import State
from reliability.fleet.fleet import MORTAL, Fleet, fleet

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

SAVED, UNCERTAIN = State.SAVED, State.UNCERTAIN

MOMENTS = {
    "before the submit's start is committed": (SAVED, 1),
    "after the submit's start is committed": (UNCERTAIN, 0),
    "before the remote id is committed": (UNCERTAIN, 1),
    "after the remote id is committed": (SAVED, 1),
    "before the links are committed": (SAVED, 1),
    "after the links are committed": (SAVED, 1),
    "before the object is committed": (SAVED, 1),
    "after the object is committed": (SAVED, 1),
    "before the end is committed": (SAVED, 1),
    "after the end is committed": (SAVED, 1),
}
"""Where a worker dies, what another one makes of its job, and how often that is charged."""


def in_schema(here: Fleet, moment: str) -> Fleet:
    """The same with a ledger and a store of its own in the same database."""
    name = re.sub(r"[^a-z]+", "_", moment.removesuffix(" is committed").removesuffix(" are committed"))
    folder = here.folder / name
    folder.mkdir()
    url = f"{here.url}?schema={name}"
    variables = {**here.variables, "IMGEN_LEDGER": url, "IMGEN_STORE": f"file://{folder / 'store'}"}
    made = replace(here, folder=folder, url=url, variables=variables, workers=[])
    assert made.laptop.run("fleet", "init").code == 0
    return made


def states(here: Fleet, moment: str) -> tuple[State, int]:
    """What became of the one job, and how often it was charged."""
    [job] = here.jobs()
    assert len(list(here.store.rglob("1-*"))) == (job.state is SAVED)
    return job.state, here.far.charges(moment)


@pytest.mark.fleet
@pytest.mark.timeout(900)
def test_a_worker_dies_at_every_moment(tmp_path: Path, print_report: Callable[[str, object], None]) -> None:
    with fleet(tmp_path, seconds=0.5) as here:
        fleets = {moment: in_schema(here, moment) for moment in MOMENTS}
        for moment, each in fleets.items():
            each.order([moment])
            ending = each.start("--until-idle", until=("SIGKILL", moment))
            assert ending.process.wait(60.0) == -9, moment
            ending.kill()
        for each in fleets.values():
            each.start("--until-idle")
        found = {}
        for moment, each in fleets.items():
            each.until_idle(120.0)
            found[moment] = states(each, moment)
            print_report("fleet moment", (moment, str(found[moment][0]), found[moment][1]))
            each.end()

    assert found == MOMENTS


@pytest.mark.fleet
@pytest.mark.timeout(300)
@pytest.mark.parametrize(
    ("moment", "planned"), [("before the plan is committed", 0), ("after the plan is committed", 1)]
)
def test_a_laptop_dies_while_it_orders(tmp_path: Path, moment: str, planned: int) -> None:
    with fleet(tmp_path, seconds=0.5) as here:
        here.write(["a fox"])
        laptop = here.laptop
        command = [sys.executable, "-P", str(MORTAL), "SIGKILL", moment, "batch", "assets.toml", "--queue"]
        died = subprocess.run(command, cwd=laptop.cwd, env=laptop.environ, capture_output=True)
        assert died.returncode == -9, died.stderr
        assert len(here.jobs()) == planned
        here.order(["a fox"])
        here.start("--until-idle")
        here.until_idle(60.0)

        assert [job.state for job in here.jobs()] == [SAVED]
        assert here.far.charges("a fox") == 1

"""COMMIT is sent and its answer is lost: each worker is behind a wire that cuts its connection there.

Nothing is bought twice, and nothing is uncertain: the worker asks the server what became of the transaction.
"""

from __future__ import annotations

import random
import subprocess
from contextlib import ExitStack
from dataclasses import asdict
from typing import TYPE_CHECKING

import pytest

from cli.program.program import IMGEN
from imgen.records import State
from reliability.fleet.fleet import count, fleet
from reliability.fleet.mortal import COMMITS
from reliability.fleet.test_kills import check
from reliability.fleet.test_moments import in_schema, states
from reliability.fleet.wire import Loss, Wire

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

WORKERS_OWN = ("the submit's start", "the remote id", "the links", "the object", "the end")
TIMES = {Loss.COMMIT: 2, Loss.ANSWER: 1, Loss.LATE: 1}  # what was not made is tried again, and lost once more


def losing(what: str, loss: Loss, times: int) -> Callable[[str], Loss | None]:
    """Lose the first so many commits of the transactions that do this."""
    left = times

    def decide(said: str) -> Loss | None:
        nonlocal left
        if COMMITS[what] not in said or not left:
            return None
        left -= 1
        return loss

    return decide


def lost_at(tmp_path: Path, moments: list[tuple[str, Loss]]) -> dict[tuple[str, Loss], tuple[State, int, int]]:
    """What became of a job each, how often it was charged, and how many commits were lost on its way."""
    found = {}
    with fleet(tmp_path, seconds=0.5) as here:
        for what, loss in moments:
            prompt = f"{what}, {loss.name}"
            each = in_schema(here, prompt.lower())
            each.order([prompt])
            with Wire(here.server.port, losing(what, loss, TIMES[loss])) as wire:
                worker = each.start("--until-idle", IMGEN_LEDGER=wire.through(each.url))
                assert worker.process.wait(60.0) == 0, prompt
                found[what, loss] = (*states(each, prompt), wire.lost)
            each.end()
    return found


@pytest.mark.timeout(120)
def test_an_answer_to_a_commit_is_lost(tmp_path: Path) -> None:
    moment = ("the submit's start", Loss.ANSWER)

    assert lost_at(tmp_path, [moment]) == {moment: (State.SAVED, 1, 1)}


@pytest.mark.fleet
@pytest.mark.timeout(900)
def test_a_commit_is_lost_or_its_answer_at_every_moment(
    tmp_path: Path, print_report: Callable[[str, object], None]
) -> None:
    moments = [(what, loss) for what in WORKERS_OWN for loss in Loss]

    found = lost_at(tmp_path, moments)

    for (what, loss), (state, charges, lost) in found.items():
        print_report("fleet moment", (f"{lost} times, {what}: {loss.value}", str(state), charges))
    assert found == {(what, loss): (State.SAVED, 1, TIMES[loss]) for what, loss in moments}


@pytest.mark.fleet
@pytest.mark.timeout(300)
@pytest.mark.parametrize("loss", Loss)
def test_a_laptop_orders_once_whatever_it_hears(tmp_path: Path, loss: Loss) -> None:
    with fleet(tmp_path, seconds=0.5) as here:
        here.write(["a fox"])
        laptop = here.laptop
        with Wire(here.server.port, losing("the plan", loss, 1)) as wire:
            queued = subprocess.run(
                [*IMGEN, "batch", "assets.toml", "--queue"],
                cwd=laptop.cwd,
                env={**laptop.environ, "IMGEN_LEDGER": wire.through(here.url)},
                capture_output=True,
                timeout=120.0,
            )
            assert wire.lost == 1
        assert (queued.returncode == 0) == bool(here.jobs()), queued.stderr
        assert len(here.jobs()) == (loss is not Loss.COMMIT)
        here.order(["a fox"])
        here.start("--until-idle")
        here.until_idle(60.0)

        assert [job.state for job in here.jobs()] == [State.SAVED]
        assert here.far.charges("a fox") == 1


@pytest.mark.fleet
@pytest.mark.timeout(900)
def test_a_network_that_loses_every_tenth_commit(tmp_path: Path, print_report: Callable[[str, object], None]) -> None:
    """Whichever it is, of three workers."""
    chance = random.Random(5)

    def decide(said: str) -> Loss | None:
        return chance.choice(list(Loss)) if chance.random() < 0.1 else None

    with fleet(tmp_path, seconds=1.0) as here, ExitStack() as stack:
        here.order([f"fox {number}" for number in range(60)])
        wires = [stack.enter_context(Wire(here.server.port, decide)) for _ in range(3)]
        for wire in wires:
            here.start(IMGEN_LEDGER=wire.through(here.url))
        here.until_idle(400.0)
        lost, found = sum(wire.lost for wire in wires), count(here)

    print_report("fleet", (f"{lost} commits lost, or their answers", 0, asdict(found)))
    check(found, 60)
    assert lost > 40
    assert found.uncertain == 0

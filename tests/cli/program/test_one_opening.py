"""The ledger is opened and its orphans are closed once a command, whatever its options, and drafts are made once."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from cli.program.program import OFTEN, SMALL, Program, served

if TYPE_CHECKING:
    from pathlib import Path

FOX = ("generate", "a fox", *SMALL)
EVERY_OPTION = ("-p", "auto", "-n", "2", "--max-cost", "10usd,1000credits", "--allow-unknown-cost")


def counted(imgen: Program, counts: Path, *line: str) -> tuple[int, int, int, int, int]:
    """The exit code; openings, closings of orphans and connections of the main thread; orders split into drafts."""
    ended = imgen.run_script("counting", str(counts), *line)
    assert ended.code == 0, ended.stderr
    code, *found = json.loads(counts.read_text())
    assert code == 0, ended.stderr
    openings, closings, connections, splits = found
    return code, openings, closings, connections, splits


@pytest.mark.parametrize(
    ("line", "candidates"),
    [
        ((*FOX, "--sandbox"), 1),
        ((*FOX, "--sandbox", *EVERY_OPTION), 5),
        ((*FOX, "--sandbox", *EVERY_OPTION, "--dry-run"), 5),
        ((*FOX, "--sandbox", "--no-wait"), 1),
        (("edit", "at night", "-i", "fox.png", *SMALL, "--sandbox", *EVERY_OPTION), 5),
        (("edit", "at night", "--from", "JOB", "--max-cost", "1000credits"), 1),
        (("again", "JOB", "--max-cost", "1000credits"), 1),
        (("again", "JOB", "--set", "provider=auto", "--dry-run"), 4),
        (("wait",), 0),
        (("wait", "JOB"), 0),
        (("download", "--all"), 0),
        (("status", "--json"), 0),
        (("status", "--lost"), 0),
        (("history",), 0),
        (("costs",), 0),
        (("gallery", "-q"), 0),
        (("cancel", "JOB"), 0),
        (("forget", "JOB"), 0),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else str(value),
)
def test_the_ledger_is_opened_once_a_command(
    imgen: Program, tmp_path: Path, line: tuple[str, ...], candidates: int
) -> None:
    assert imgen.run(*FOX, "--sandbox", "-o", "fox.png").code == 0
    (job,) = imgen.jobs()
    words = [job.id if word == "JOB" else word for word in line]

    _, openings, closings, connections, splits = counted(imgen, tmp_path / "counts.json", *words)

    assert (openings, closings, connections) == (1, 1, 1)
    assert splits == candidates


def test_an_order_that_moves_on_to_the_next_service_still_opens_it_once(imgen: Program, tmp_path: Path) -> None:
    with served(tmp_path / "far", []) as origin:
        program = imgen.at(origin)
        program = replace(program, variables={**program.variables, "THREEDAISTUDIO_BASE_URL": "http://127.0.0.1:9"})
        line = ("generate", "a fox", "-p", "auto", "-m", "gemini-3-pro", *OFTEN)
        _, openings, closings, connections, splits = counted(program, tmp_path / "counts.json", *line)

    assert (openings, closings, connections) == (1, 0, 1)  # a new ledger has no orphans
    assert splits == 7
    assert {job.provider for job in program.jobs()} == {"3daistudio", "reapi"}


@pytest.mark.parametrize(
    "line", [(*FOX, "-p", "nowhere"), (*FOX, "-a", "17:3", "--sandbox"), ("generate", "")], ids=str
)
def test_a_line_that_cannot_be_meant_opens_nothing(imgen: Program, line: tuple[str, ...]) -> None:
    assert imgen.run(*line).code == 2
    assert not imgen.home.exists()

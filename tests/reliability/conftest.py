"""The fault server of each test process, and the table that the whole proof ends with."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest

from cli.program.program import Program
from reliability import tables
from reliability.far_side import fault_server

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from reliability.far_side import FarSide


Tell = Callable[[str, object], None]
"""Notes something for the tables at the end: what kind of row, and its fields."""


@pytest.fixture
def print_report(record_property: Tell) -> Tell:
    """Note it with the test's own report, which travels to the process that prints."""
    return record_property


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """What was measured, as tables."""
    if not any(map(config.getoption, ("--all", "--fleet", "--fuzz"))):
        return
    kinds = ("passed", "failed", "skipped")
    reports = [report for kind in kinds for report in terminalreporter.stats.get(kind, [])]
    ended = [(each, row, report.outcome) for report in reports for each, row in report.user_properties]
    deaths, cells = (
        [row for each, row, outcome in ended if each == kind and outcome != "skipped"] for kind in ("death", "ending")
    )
    if deaths:
        terminalreporter.write_line(tables.deaths(deaths))
    if cells:
        terminalreporter.write_line(tables.endings(cells))
    if deaths or cells:
        terminalreporter.write_line(tables.channels(deaths, cells))
    for what, kills, found in [row for each, row, _ in ended if each == "fleet"]:
        counts = ", ".join(f"{number} {name}" for name, number in found.items())
        terminalreporter.write_line(f"{what}: {kills} kills; {counts}")
    for moment, state, charges in [row for each, row, _ in ended if each == "fleet moment"]:
        terminalreporter.write_line(f"{moment}: charged {charges} times, {state}")
    for name, examples in [row for each, row, _ in ended if each == "fuzzed"]:
        terminalreporter.write_line(f"{examples:>9,} cases of {name}")
    if attempts := [(*row, outcome) for each, row, outcome in ended if each == "attempt"]:
        terminalreporter.write_line(tables.attempts(attempts))


@pytest.fixture(scope="session")
def far_side(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FarSide]:
    """The services with faults, in a process of their own."""
    with fault_server(tmp_path_factory.mktemp("far side")) as running:
        yield running


@pytest.fixture
def imgen(tmp_path: Path) -> Program:
    """imgen in an empty folder, with a sandbox that is quick."""
    desk = tmp_path / "desk"
    desk.mkdir()
    return Program(tmp_path / "home", desk, {"IMGEN_SANDBOX_SECONDS": "0.1"})

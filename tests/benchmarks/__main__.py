"""Every measured figure beside its goal: a table to the terminal, and a JSON file.

    uv run python tests/benchmarks
    uv run python tests/benchmarks start one_picture --runs 15 --json figures.json

Nothing here fails on a clock: a goal that is missed is printed as missed. What is not installed is skipped, in words.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import sys
import tempfile
from dataclasses import asdict
from datetime import UTC, datetime
from importlib import import_module
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from benchmarks.measure import Figure

SUITES = ("start", "plugin", "one_picture", "seeing_it_done", "many_jobs", "bytes", "ledger", "fleet", "screens")


def main() -> None:
    """Run the suites that are named, or all."""
    parser = argparse.ArgumentParser(prog="python tests/benchmarks", description="Measure imgen beside its goals.")
    parser.add_argument("suites", nargs="*", metavar="SUITE", help=f"one of: {', '.join(SUITES)}; all without a name")
    parser.add_argument("--runs", type=int, default=7, help="counted runs of each pair of commands (default: 7)")
    parser.add_argument("--table", type=Path, help="write the table as Markdown too, such as .readme/benchmarks.md")
    parser.add_argument("--json", type=Path, default=Path("figures.json"), help="the file (default: figures.json)")
    wanted = parser.parse_args()
    unknown = set(wanted.suites) - set(SUITES)
    if unknown:
        parser.error(f"there is no suite {', '.join(sorted(unknown))}; there are: {', '.join(SUITES)}")
    found: list[Figure] = []
    machine = _machine()
    for suite in wanted.suites or SUITES:
        with tempfile.TemporaryDirectory() as folder:
            for figure in import_module(f"benchmarks.{suite}").figures(Path(folder), wanted.runs):
                print(_line(figure), flush=True)
                found.append(figure)
    wanted.json.write_text(json.dumps(_report(found, machine), indent=2) + "\n", encoding="utf-8")
    if wanted.table:
        wanted.table.parent.mkdir(exist_ok=True)
        wanted.table.write_text(_table(found, machine), encoding="utf-8")
    print(f"{wanted.json}: {sum(figure.met is False for figure in found)} goals missed of {len(found)} figures")


def _line(figure: Figure) -> str:
    value, goal, verdict = _cells(figure)
    return f"{figure.name:<42} {value:>9} {figure.unit:<18} {goal:<14} {verdict:<7} {figure.note}"


def _cells(figure: Figure) -> tuple[str, str, str]:
    """The value, the goal and whether it is met, in words."""
    value = "--" if figure.value is None else f"{figure.value:.2f}"
    goal = ""
    if figure.most is not None:
        goal = f"at most {figure.most:g}"
    elif figure.least is not None:
        goal = f"at least {figure.least:g}"
    return value, goal, {True: "met", False: "MISSED", None: ""}[figure.met]


def _table(found: list[Figure], machine: str) -> str:
    """The figures as Markdown, with the date, the machine and the command that repeats them."""
    rows = []
    for figure in found:
        value, goal, verdict = _cells(figure)
        rows.append(f"| {figure.name} | {value} {figure.unit} | {goal} | {verdict} | {figure.note} |")
    return "\n".join(
        [
            "# Benchmarks",
            "",
            f"Measured on {datetime.now(UTC):%Y-%m-%d} with {machine}; medians of ratios, both sides run in turn.",
            "Repeat them with `uv run python tests/benchmarks --table .readme/benchmarks.md`.",
            "",
            "| what | figure | goal | | how |",
            "| --- | --- | --- | --- | --- |",
            *rows,
            "",
        ]
    )


def _machine() -> str:
    """The machine in plain words, and how busy it is with other work."""
    cores = os.cpu_count() or 1
    words = f"{platform.system()} {platform.machine()}, {cores} cores, Python {platform.python_version()}"
    busy = os.getloadavg()[0] if hasattr(os, "getloadavg") else 0.0
    return f"{words}, busy with {busy:.0f} other processes at the same time" if busy > 0.5 * cores else words


def _report(found: list[Figure], machine: str) -> dict[str, object]:
    return {
        "measured_at": datetime.now(UTC).isoformat(timespec="seconds"),
        "machine": machine,
        "figures": [asdict(figure) | {"met": figure.met} for figure in found],
    }


if __name__ == "__main__":
    main()

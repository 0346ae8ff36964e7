"""Start-up is a feature: what costs time is imported by what needs it, and by nothing before."""

from __future__ import annotations

import subprocess
import sys
import time
from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from benchmarks.instant_service import instant_service
from imgen.ledger.ledger import Ledger
from imgen_providers.catalog import SERVICES

if TYPE_CHECKING:
    from pathlib import Path

HEAVY = {
    "httpx",
    "pydantic",
    "rich",
    "PIL",
    "stamina",
    "asyncio",
    "click",
    "keyring",
    "psycopg",
    "psycopg_pool",
    "procrastinate",
    "obstore",
    "tomlkit",
    "trustme",
    "cryptography",
}


OURS_FOR_ANY_LINE = {
    "commands",
    "commands.expiry_notice",
    "commands.hyphens",
    "commands.latest",
    "commands.several_files",
    "commands.options",
    "commands.panels",
    "commands.program",
    "commands.times",
    "config",
    "config.config",
    "config.folders",
    "config.service_cache",
    "errors",
    "files",
    "screen",
    "screen.console",
}
"""The modules of `imgen` behind a line that typer reads, beside the command's own."""

OURS_FOR_A_HELP = {"commands.pages", "screen.help_page"}
OURS_FOR_A_MISTAKE = {
    *("commands.corrections", "completion", "completion.tree"),
    *("config.keys", "redact_arguments", "screen.failure", "screen.text"),
}
OURS_FOR_TAB = {
    *("completion", "completion.answer", "completion.line", "completion.tree", "completion.values"),
    *("config", "config.service_cache", "errors", "files", "screen", "screen.console"),
}
LIGHT = {"dataclasses", "inspect", "pathlib", "hashlib", "logging", "ipaddress"}
"""Of the standard library: each takes more of a TAB than its answer."""


NOT_FOR_AN_ORDER = {
    *(HEAVY - {"httpx"}),
    *("psycopg", "psycopg_pool", "procrastinate", "obstore"),
    *("tenacity", "statistics", "fractions", "filecmp", "html", "importlib.metadata", "multiprocessing", "sysconfig"),
}
OURS_NOT_FOR_AN_ORDER = {
    *("fleet", "ledger.postgres", "pictures.store"),
    *("jobs.reconcile", "jobs.reimport", "ledger.recovery.note", "ledger.recovery.rebuild", "ledger.recovery.salvage"),
    *("screen.envelope", "screen.events", "screen.live", "screen.tables", "money.losses", "money.report"),
    *("orders.changes", "orders.references", "pictures.references", "pictures.fit", "pictures.provenance"),
    *("commands.corrections", "commands.going_on", "completion", "completion.tree", "crash", "batch"),
    *("ledger.postgres", "fleet"),
}
"""Behind an order that goes well: what only a lost reply, a picture to send, JSON, or a mistake needs."""


def loaded_by(*arguments: str) -> set[str]:
    """The modules that a run of the program imports, as Python itself reports them."""
    run = subprocess.run(
        [sys.executable, "-X", "importtime", "-m", "imgen", *arguments],
        capture_output=True,
        text=True,
        timeout=30,
    )
    return {line.rsplit("|", 1)[1].strip() for line in run.stderr.splitlines() if line.startswith("import time:")}


def held_after(*arguments: str) -> set[str]:
    """The modules in memory when a command has ended; `loaded_by` does not name what is imported by its name."""
    program = "import sys; from imgen.__main__ import run; run(sys.argv[1:]); print(*sys.modules, file=sys.stderr)"
    run = subprocess.run([sys.executable, "-c", program, *arguments], capture_output=True, text=True, timeout=30)
    return set(run.stderr.splitlines()[-1].split())


@pytest.fixture
def home(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """The folder of a program with a ledger and nothing open in it."""
    monkeypatch.setenv("IMGEN_HOME", str(tmp_path))
    with closing(Ledger(tmp_path / "ledger.sqlite3", time.time)) as ledger:
        assert ledger.jobs.open() == []
    return tmp_path


@pytest.mark.parametrize(
    "arguments",
    [
        pytest.param(["--version"], id="version"),
        pytest.param([], id="the first page"),
        pytest.param(["generate", "--help"], id="a help page"),
        pytest.param(["status"], id="status with nothing open"),
        pytest.param(["generate"], id="no prompt"),
        pytest.param(["generate", "a fox", "--nope"], id="unknown option"),
        pytest.param(["generate", "a fox", "-n", "many"], id="not a number"),
        pytest.param(["generate", "a fox", "-p", "unknown"], id="unknown provider"),
        pytest.param(["edit", "at night"], id="no picture"),
        pytest.param(["nonsense"], id="unknown command"),
        pytest.param(["status", "zzz"], id="unknown job"),
        pytest.param(["models", "--json"], id="models as JSON"),
        pytest.param(["completions", "zsh"], id="a completion script"),
        pytest.param(["config"], id="every setting"),
        pytest.param(["keys", "list"], id="where keys come from"),
    ],
)
def test_a_quick_answer_imports_nothing_heavy(arguments: list[str]) -> None:
    loaded = {name.split(".")[0] for name in loaded_by(*arguments)}

    assert "imgen" in loaded
    assert not loaded & HEAVY


@pytest.mark.parametrize(
    "arguments",
    [
        pytest.param(["--version"], id="version"),
        pytest.param(["_complete", "bash", "imgen generate -p gmicloud -a 16:"], id="TAB at an aspect"),
        pytest.param(["_complete", "zsh", "wait", "="], id="TAB at a job"),
    ],
)
def test_what_people_wait_for_without_thinking_needs_no_typer(arguments: list[str]) -> None:
    loaded = {name.split(".")[0] for name in loaded_by(*arguments)}

    assert "imgen" in loaded
    assert not loaded & {"typer", *HEAVY}


@pytest.mark.parametrize(
    ("arguments", "ours"),
    [
        pytest.param(["--version"], {"errors", "screen", "screen.console"}, id="version"),
        pytest.param(["_complete", "bash", "imgen generate -m "], OURS_FOR_TAB, id="TAB at a model"),
        pytest.param(
            ["generate", "a fox", "--nope"],
            {*OURS_FOR_ANY_LINE, *OURS_FOR_A_MISTAKE, "commands.generate"},
            id="a usage error",
        ),
        pytest.param(
            ["status"],
            {
                *OURS_FOR_ANY_LINE,
                "commands.status",
                "ledger",
                "ledger.sqlite",
                "ledger.sqlite.peek",
                "ledger.sqlite.schema",
                "ledger.sqlite.network_disk",
            },
            id="status with nothing open",
        ),
        pytest.param(
            ["--help"],
            {*OURS_FOR_ANY_LINE, *OURS_FOR_A_HELP, "completion", "completion.tree"} - {"commands.options"},
            id="help",
        ),
        pytest.param(
            ["generate", "--help"], {*OURS_FOR_ANY_LINE, *OURS_FOR_A_HELP, "commands.generate"}, id="a command's help"
        ),
    ],
)
def test_a_line_imports_its_own_command_and_no_more_of_ours_than_it_needs(
    home: Path, arguments: list[str], ours: set[str]
) -> None:
    loaded = {name.removeprefix("imgen.") for name in loaded_by(*arguments) if name.startswith("imgen.")}

    assert loaded - {"__main__"} <= ours


def test_an_order_that_goes_well_imports_neither_what_only_trouble_needs_nor_another_service(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with instant_service(quiet=True) as service:
        monkeypatch.setenv("REAPI_API_KEY", "not-a-real-key")
        monkeypatch.setenv("REAPI_BASE_URL", service.origin)

        loaded = held_after(
            "generate", "a fox", "-p", "reapi", "-q", "--poll-every", "0.01", "-o", f"{home / 'pictures'}/"
        )

    assert len(list((home / "pictures").iterdir())) == 1
    assert loaded & NOT_FOR_AN_ORDER == set()
    assert {name.removeprefix("imgen.") for name in loaded} & OURS_NOT_FOR_AN_ORDER == set()
    services = {entry.implementation.partition(":")[0] for entry in SERVICES.values()}
    assert loaded & services == {"imgen_providers.reapi"}
    assert not any(name.startswith("imgen_providers.sandbox") for name in loaded)


@pytest.mark.parametrize("line", [["--version"], ["_complete", "bash", "imgen generate -m "]], ids=lambda line: line[0])
def test_what_people_wait_for_without_thinking_needs_little_of_the_standard_library(line: list[str]) -> None:
    assert not LIGHT & loaded_by(*line)

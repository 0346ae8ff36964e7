"""Start-up is a feature: what costs time is imported by what needs it, and by nothing before."""

from __future__ import annotations

import subprocess
import sys

import pytest

HEAVY = {
    "httpx",
    "pydantic",
    "rich",
    "PIL",
    "stamina",
    "asyncio",
    "click",
    "keyring",
    "tomlkit",
    "trustme",
    "cryptography",
}


def loaded_by(*arguments: str) -> set[str]:
    """The modules that a run of the program imports, as Python itself reports them."""
    run = subprocess.run(
        [sys.executable, "-X", "importtime", "-m", "imgen", *arguments],
        capture_output=True,
        text=True,
        timeout=30,
    )
    return {line.rsplit("|", 1)[1].strip() for line in run.stderr.splitlines() if line.startswith("import time:")}


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
        pytest.param(["generate", "a fox", "-p", "nobody"], id="unknown provider"),
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

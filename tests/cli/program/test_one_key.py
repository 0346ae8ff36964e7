"""One key of a service that answers a submit with its pictures is enough, and what came is what is said."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from cli.program.program import KEY, served
from imgen.errors import ExitCode
from imgen_providers.catalog import SERVICES

if TYPE_CHECKING:
    from pathlib import Path

    from cli.program.program import Program


def with_one_key(imgen: Program, service: str, origin: str, variable: str | None = None) -> Program:
    """Nothing but the key of one service, which is at another address."""
    entry = SERVICES[service]
    return replace(imgen, variables={variable or entry.key_variable: KEY, entry.origin_variable: origin})


@pytest.mark.parametrize("variable", ["GEMINI_API_KEY", "GOOGLE_API_KEY"])
def test_the_first_picture_of_the_readme_needs_no_more_than_a_gemini_key(
    imgen: Program, tmp_path: Path, variable: str
) -> None:
    log: list[str] = []
    with served(tmp_path / "far", log) as origin:
        made = with_one_key(imgen, "gemini", origin, variable).run("generate", "a red fox in the snow", "--json")

    assert made.code == ExitCode.DONE, made.stderr
    [job] = made.json["jobs"]
    assert (job["provider"], job["model"]) == ("gemini", "gemini-nano-banana-2.1")
    assert [file["state"] for file in job["files"]] == ["saved"]
    assert len([line for line in log if "POST" in line]) == 1


def test_fewer_pictures_than_asked_is_exit_8_and_those_that_came_are_saved(imgen: Program, tmp_path: Path) -> None:
    with served(tmp_path / "far", [], faults="fewer-pictures") as origin:
        order = ("generate", "a fox", "-p", "openai", "-m", "gpt-image-2", "-n", "3", "--quality", "low", "--json")
        made = with_one_key(imgen, "openai", origin).run(*order)

    assert made.code == ExitCode.PARTIAL, made.stderr
    [job] = made.json["jobs"]
    assert len([file for file in job["files"] if file["state"] == "saved"]) == 2


def test_openrouter_says_what_it_has_what_it_cost_and_what_is_left(imgen: Program, tmp_path: Path) -> None:
    with served(tmp_path / "far", []) as origin:
        keyed = with_one_key(imgen, "openrouter", origin)
        made = keyed.run("generate", "a fox", "--max-cost", "0.05usd", "--json")
        checked = keyed.run("keys", "check", "--json")
        listed = keyed.run("models", "--live", "--json")

    assert made.code == ExitCode.DONE, made.stderr
    cost = made.json["jobs"][0]["cost"]
    assert (cost["amount"], cost["estimated"]["amount"]) == ("0.04", "0.0336")
    assert checked.json["keys"][0]["balance"] == {"amount": "24.96", "unit": "usd"}
    prices = {model["remote_id"]: model["price"] for model in listed.json["models"]}
    assert prices["google/gemini-nano-banana-2.1"] == "$0.04 per image"

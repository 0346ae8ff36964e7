"""What a service counted gives a computed cost, which stands beside the estimate and is marked."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from cli.program.program import OFTEN, Program, served

if TYPE_CHECKING:
    from pathlib import Path

COMPUTED = {"gemini": "nano-banana-2.1", "openai": "gpt-image-2"}


@pytest.mark.parametrize(("provider", "model"), COMPUTED.items())
def test_a_computed_cost_is_marked_wherever_costs_are_shown(
    tmp_path: Path, imgen: Program, provider: str, model: str
) -> None:
    with served(tmp_path / "far side", []) as origin:
        order = ("generate", "a fox", "-p", provider, "-m", model, *OFTEN, "-o", "fox.{ext}", "--json")
        [job] = imgen.at(origin).run(*order).json["jobs"]

    cost = job["cost"]
    [row] = imgen.run("costs", "--json").json["costs"]["rows"]
    assert (cost["unit"], cost["computed"]) == ("usd", True)
    assert (row["charged"], row["estimated"]) == (cost["amount"], cost["estimated"]["amount"])
    assert (row["charged_jobs"], row["computed_jobs"]) == (1, 1)
    shown = imgen.run("show", job["id"]).stdout.decode()
    assert f"${cost['amount']}, computed from what the service counted" in shown
    assert f"${cost['amount']} (1 job, computed)" in imgen.run("costs").stdout.decode()


def test_a_cost_that_the_service_itself_reports_is_not_marked(tmp_path: Path, imgen: Program) -> None:
    with served(tmp_path / "far side", []) as origin:
        order = ("generate", "a fox", "-p", "openrouter", "-m", "gemini-3-pro", "-o", "fox.{ext}", "--json")
        [job] = imgen.at(origin).run(*order).json["jobs"]

    assert job["cost"]["computed"] is False
    assert ", charged by the service" in imgen.run("show", job["id"]).stdout.decode()
    assert "computed" not in imgen.run("costs").stdout.decode()

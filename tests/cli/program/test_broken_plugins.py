"""A broken package that adds a service stops no command; a bug of one that works costs no second charge."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from imgen.errors import ExitCode
from imgen.installation import installation
from imgen.records import State
from imgen_providers.testing.wire import WireServer, reply
from providers.packages import install, row_of

if TYPE_CHECKING:
    from pathlib import Path

    from cli.program.program import Program

KEY = "a-key-of-the-buggy-0123456789"
BUGGY = """
from imgen_providers.client import Api

class Works:
    def __init__(self, account, network):
        self._api = Api("buggy", account, network, headers={"Authorization": f"Bearer {account.key}"})
    def submit(self, request):
        return self._api.post_once("/jobs", {}).json()["no such field"]
    def refresh(self, job): ...
    def preview(self, request): return "/jobs", {}
"""


@pytest.fixture
def with_packages(imgen: Program, tmp_path: Path) -> Program:
    """imgen beside a folder of installed packages: one is broken, and one has a bug."""
    site = tmp_path / "site"
    install(site, "imgen-broken", "import no_such_module", "broken")
    install(site, "imgen-buggy", row_of("buggy").replace("class Works:", "class Row:") + BUGGY, "buggy")
    return replace(imgen, variables={**imgen.variables, "PYTHONPATH": str(site)})


def test_a_broken_package_is_named_where_services_are_listed(with_packages: Program) -> None:
    models = with_packages.run("models", "-p", "buggy")
    keys = with_packages.run("keys", "list", "--json")
    order = with_packages.run("generate", "a fox", "-p", "broken")
    made = with_packages.run("generate", "a fox", "--sandbox", "-q")
    checked = with_packages.run("doctor", "--json")

    sentence = "imgen-broken 1.0 adds the service broken, which is left out: imgen_broken:ROW cannot be imported"
    assert models.code == keys.code == made.code == ExitCode.DONE
    assert sentence in models.stderr
    assert sentence in keys.stderr
    assert "buggy" in [each["provider"] for each in keys.json["keys"]]
    assert order.code == ExitCode.USAGE
    assert sentence in order.stderr
    assert sentence not in made.stderr
    [packages] = [each for each in checked.json["checks"] if each["name"] == "packages"]
    assert not packages["ok"]
    assert "buggy (imgen-buggy 1.0)" in packages["found"]
    assert packages["next"] == installation().package_upgraded("imgen-broken")


def test_a_bug_of_a_package_after_its_request_left_is_no_second_charge(with_packages: Program) -> None:
    with WireServer(reply({"id": "job-1"})) as server:
        keyed = replace(
            with_packages,
            variables={**with_packages.variables, "BUGGY_API_KEY": KEY, "BUGGY_BASE_URL": server.origin},
        )
        order = ("generate", "a fox", "-p", "buggy", "-o", "fox.png")
        first, second = keyed.run(*order), keyed.run(*order)

        assert len(server.requests) == 1
    assert (first.code, second.code) == (ExitCode.UNCERTAIN, ExitCode.UNCERTAIN)
    assert [job.state for job in keyed.jobs()] == [State.UNCERTAIN]
    assert KEY not in first.stderr

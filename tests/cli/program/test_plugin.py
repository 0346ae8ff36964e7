"""A service that an installed package adds is used as ours are, and touches nothing of ours."""

from __future__ import annotations

import io
import shutil
import subprocess
import zipfile
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from PIL import Image

from cli.program.installed import EXAMPLE, Environment, Installed, built, environment
from imgen.errors import ExitCode
from imgen_providers.testing.wire import Reply, WireServer, reply

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = pytest.mark.timeout(180)  # an environment is made, and pip runs in it

KEY = "a-key-of-the-example-0123456789"
NEVER_FOR_A_TAB = {"imgen_example", "importlib.metadata", "subprocess", "httpx", "pydantic", "imgen_providers.client"}


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The example as a package."""
    return built(EXAMPLE, tmp_path_factory.mktemp("wheels"))


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory, wheel: Path) -> Environment:
    """imgen and the example, installed."""
    return environment(tmp_path_factory.mktemp("installed"), wheel)


@pytest.fixture
def imgen(installed: Environment, tmp_path: Path) -> Installed:
    """imgen with the example, without a key."""
    desk = tmp_path / "desk"
    desk.mkdir()
    return Installed(installed, tmp_path / "home", desk)


@contextmanager
def far_side(imgen: Installed) -> Iterator[tuple[Installed, WireServer]]:
    """The example's own server: it accepts, has drawn, and hands over a picture."""
    drawn = io.BytesIO()
    Image.new("RGB", (1024, 1024), "orange").save(drawn, "PNG")
    with WireServer() as server:
        server.script[:] = [
            reply({"id": "job-1"}, 202),
            reply({"state": "done", "pictures": [f"{server.origin}/fox.png"]}),
            Reply(200, drawn.getvalue(), {"Content-Type": "image/png"}),
        ]
        yield replace(imgen, variables={"EXAMPLE_API_KEY": KEY, "EXAMPLE_BASE_URL": server.origin}), server


def offered(imgen: Installed, line: str) -> list[str]:
    """What TAB offers at the end of a line."""
    return imgen.run("_complete", "bash", line).lines


def test_a_picture_is_ordered_paid_and_saved(imgen: Installed) -> None:
    with far_side(imgen) as (keyed, server):
        made = keyed.run("generate", "a fox", "-p", "example", "-o", "fox.png", "--poll-every", "0.05", "--json")

    assert made.code == ExitCode.DONE, made.stderr
    [job] = made.json["jobs"]
    assert (job["provider"], job["model"], job["state"]) == ("example", "fox-1", "saved")
    assert (job["cost"]["amount"], job["cost"]["unit"]) == ("0.04", "usd")
    assert (keyed.cwd / "fox.png").exists()
    submit, poll, picture = server.requests
    assert submit.path == "/jobs"
    assert [each.headers.get("authorization") for each in (submit, poll)] == [f"Bearer {KEY}"] * 2
    assert "authorization" not in picture.headers
    assert keyed.run("costs", "--json").json["costs"] != []


def test_the_one_service_with_a_key_is_the_default(imgen: Installed) -> None:
    with far_side(imgen) as (keyed, _):
        made = keyed.run("generate", "a fox", "-o", "fox.png", "--poll-every", "0.05")

    assert made.code == ExitCode.DONE, made.stderr


def test_its_price_counts_against_a_limit(imgen: Installed) -> None:
    with far_side(imgen) as (keyed, server):
        dear = keyed.run("generate", "a fox", "-p", "example", "--max-cost", "0.03usd")
        unknown = keyed.run("generate", "a fox", "-p", "example", "-r", "2K", "--max-cost", "1usd")

        assert (dear.code, unknown.code) == (ExitCode.NO_CREDIT, ExitCode.NO_CREDIT)
        assert "--allow-unknown-cost" in unknown.stderr
        assert server.requests == []


def test_its_row_stands_where_ours_stand(imgen: Installed) -> None:
    listed = imgen.run("models", "-p", "example", "--json").json["models"]
    assert [(row["service"], row["family"], row["prices"]["1K"]["amount"]) for row in listed] == [
        ("example", "fox-1", "0.04")
    ]
    assert offered(imgen, "imgen generate -p ex") == ["example"]
    assert offered(imgen, "imgen generate -m fox") == ["fox-1"]
    assert offered(imgen, "imgen generate -p example -r ") == ["1K", "2K"]
    assert offered(imgen, "imgen config get base_url.ex") == ["base_url.example"]

    assert imgen.run("keys", "set", "example", "--file", stdin=KEY.encode()).code == 0
    kept = {each["provider"]: each["source"] for each in imgen.run("keys", "list", "--json").json["keys"]}
    assert kept["example"] == "file"
    assert kept["openai"] == "none"

    assert imgen.run("config", "set", "base_url.example", "https://gateway.example").code == 0
    assert imgen.run("config", "get", "base_url.example").lines == ["https://gateway.example"]
    assert imgen.run("config", "set", "provider", "example").code == 0


def test_the_sandbox_says_that_it_does_not_play_it(imgen: Installed) -> None:
    ended = imgen.run("generate", "a fox", "-p", "example", "--sandbox")

    assert ended.code == ExitCode.USAGE
    assert "The sandbox does not play Example" in ended.stderr
    assert imgen.run("models", "--live", "-p", "example", "--sandbox").code == ExitCode.USAGE
    assert imgen.run("generate", "a fox", "--sandbox", "-q", IMGEN_SANDBOX_SECONDS="0.1").code == ExitCode.DONE


def test_a_tab_runs_no_code_of_the_package(imgen: Installed, tmp_path: Path) -> None:
    line = ("_complete", "bash", "imgen generate -p ex")
    before = imgen.run(*line)
    assert before.lines == []  # no command has asked the package yet, and a TAB asks none
    assert not (imgen.home / "cache").exists()

    imgen.run("models")
    after = imgen.run(*line, PYTHONPROFILEIMPORTTIME="1")

    assert after.lines == ["example"]
    loaded = {each.rsplit("|", 1)[1].strip() for each in after.stderr.splitlines() if "|" in each}
    assert "imgen_providers.registry" in loaded
    assert not loaded & NEVER_FOR_A_TAB


def test_it_goes_as_it_came_and_its_jobs_stay(imgen: Installed, wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        assert {name.split("/")[0] for name in archive.namelist()} == {
            "imgen_example.py",
            "imgen_example-1.0.dist-info",
        }
    with far_side(imgen) as (keyed, server):
        server.script[1:] = [reply({"state": "drawing"})]
        assert keyed.run("generate", "a fox", "-p", "example", "--no-wait").code == ExitCode.DONE
        with_it = imgen.environment.files()

        imgen.environment.uninstall("imgen-example")
        try:
            without = imgen.environment.files()
            left = [keyed.run(line) for line in ("status", "wait", "history", "costs")]
            unknown = keyed.run("generate", "a fox", "-p", "example")
        finally:
            imgen.environment.install(wheel)
        back = keyed.run("status")

    assert without < with_it
    assert all("imgen_example" in name for name in with_it - without)
    assert unknown.code == ExitCode.USAGE
    assert not [ended.stderr for ended in left if "bug" in ended.stderr or "Traceback" in ended.stderr]
    assert "install the package that adds the service" in left[1].stderr
    assert back.code == ExitCode.DONE


def test_our_contract_passes_as_tests_of_the_package(imgen: Installed) -> None:
    shutil.copy(EXAMPLE / "test_example.py", imgen.cwd)
    command = [str(imgen.environment.python), "-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "no:xdist"]
    ran = subprocess.run(command, capture_output=True, text=True, cwd=imgen.cwd, timeout=55)

    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert "passed" in ran.stdout

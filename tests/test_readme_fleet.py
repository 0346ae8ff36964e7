"""What the README and its page on fleets show: the trial, the six lines of a real fleet, the worker of a workflow."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import yaml

from cli.program.program import KEY
from imgen.errors import ExitCode

if TYPE_CHECKING:
    from collections.abc import Mapping

ROOT = Path(__file__).parent.parent
SECTION = (ROOT / "README.md").read_text(encoding="utf-8").partition("## Many machines")[2].partition("\n## ")[0]
PAGE = (ROOT / ".readme" / "fleet.md").read_text(encoding="utf-8")
[TRIAL] = re.findall(r"^```sh\n(.*?)^```$", SECTION, re.MULTILINE | re.DOTALL)
[SIX_LINES] = re.findall(r"^```sh\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
[WORKFLOW] = re.findall(r"^```yaml\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
[COUNTS] = re.findall(r"^```text\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
ASSETS = '[defaults]\nresolution = "0.5K"\n' + "".join(
    f'[[asset]]\npath = "{name}.png"\nprompt = "{name}"\n' for name in ("fox", "owl", "cat")
)

pytestmark = pytest.mark.skipif(shutil.which("bash") is None, reason="the lines are written for a POSIX shell")


def in_a_shell(
    lines: str, folder: Path, variables: Mapping[str, str], seconds: float
) -> subprocess.CompletedProcess[str]:
    """Run lines, in which `imgen` is this very program, in a folder with a manifest; each must succeed."""
    program = folder / "bin" / "imgen"
    program.parent.mkdir(exist_ok=True)
    program.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m imgen "$@"\n')
    program.chmod(0o755)
    desk = folder / "desk"
    desk.mkdir(exist_ok=True)
    (desk / "assets.toml").write_text(ASSETS)
    environ = {**os.environ, "PATH": f"{program.parent}{os.pathsep}{os.environ['PATH']}", **variables}
    return subprocess.run(
        ["bash", "-e", "-c", lines], cwd=desk, env=environ, capture_output=True, text=True, timeout=seconds
    )


@pytest.mark.timeout(300)
def test_the_trial_counts_what_the_page_shows(tmp_path: Path) -> None:
    first, second = (line.partition(" #")[0].rstrip() for line in TRIAL.splitlines())
    ended = in_a_shell(second, tmp_path, {}, 280.0)

    assert second == f"{first} --kill 5"
    # A worker that was killed with a request on its way leaves an uncertain job, and the exit code says so.
    assert ended.returncode in (ExitCode.DONE, ExitCode.UNCERTAIN), ended.stderr
    assert re.sub(r" +\d+", " 0", ended.stdout) == re.sub(r" +\d+", " 0", COUNTS)
    found = {name: int(number) for name, number in re.findall(r"^(.*?) +(\d+)$", ended.stdout, re.MULTILINE)}
    # The three assets of the manifest are repeated, so that five kills find work.
    assert found["made"] + found["uncertain, and reported as such"] == found["assets"] == 42
    assert found["made"] <= found["submits, counted on the far side"] <= 42
    assert (found["doubled"], found["lost"], found["workers killed"]) == (0, 0, 5)
    assert "The 3 assets of assets.toml are repeated" in ended.stderr
    assert {path.name for path in (tmp_path / "desk").iterdir()} == {"assets.toml"}, "the project stays as it is"


@pytest.mark.timeout(120)
def test_the_six_lines_make_the_assets(tmp_path: Path, postgres_url: str) -> None:
    lines = SIX_LINES.splitlines()
    assert len(lines) == 6
    here = SIX_LINES.replace("postgresql://imgen@db.example.com/imgen", postgres_url)
    here = here.replace("s3://bucket/art", f"file://{tmp_path}/store").replace(
        "imgen work", "imgen work --poll-every 0.05"
    )
    variables = {"IMGEN_SANDBOX": "1", "IMGEN_SANDBOX_SECONDS": "0.2"}

    ended = in_a_shell(here, tmp_path, variables, 110.0)

    assert ended.returncode == 0, ended.stderr
    assert len(list((tmp_path / "desk").glob("*.png"))) == 3


def test_the_workflow_runs_a_worker_with_what_it_needs(tmp_path: Path, postgres_url: str) -> None:
    [job] = yaml.safe_load(WORKFLOW)["jobs"].values()
    install, work = job["steps"]
    secrets = {"IMGEN_LEDGER": postgres_url, "IMGEN_STORE": f"file://{tmp_path}/store", "REAPI_API_KEY": KEY}
    given = {name: secrets.get(name, KEY) for name in work["env"]}

    ended = in_a_shell(f"imgen fleet init\n{work['run']}", tmp_path, given, 55.0)

    assert install["run"] == "pip install 'imgen[fleet] @ git+https://github.com/YOU/imgen'"
    assert work["run"] == "imgen work --until-idle"
    assert ended.returncode == 0, ended.stderr

"""The README's section on batches: its five lines as they stand, and its workflow as a runner runs it."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import yaml

from cli.program.program import KEY, served
from imgen_providers.catalog import SERVICES

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")
PAGE = (ROOT / ".readme" / "batch.md").read_text(encoding="utf-8")
SECTION = README.partition("## A project's pictures in git")[2].partition("\n## ")[0]
[LINES] = re.findall(r"^```sh\n(.*?)^```$", SECTION, re.MULTILINE | re.DOTALL)
[WORKFLOW] = re.findall(r"^```yaml\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
EXPRESSION = re.compile(r"\$\{\{ (.+?) \}\}")
BRANCH = "more-pictures"
SOURCE = "git+https://github.com/YOU/imgen"

pytestmark = pytest.mark.skipif(shutil.which("bash") is None or shutil.which("git") is None, reason="needs bash, git")


def with_imgen(folder: Path) -> dict[str, str]:
    """An environment in which `imgen` is this very program, and installing it has nothing to do."""
    folder.mkdir()
    for name, line in (("imgen", f'exec "{sys.executable}" -m imgen "$@"'), ("pip", f'[ "$*" = "install {SOURCE}" ]')):
        script = folder / name
        script.write_text(f"#!/bin/sh\n{line}\n")
        script.chmod(0o755)
    return {**os.environ, "PATH": f"{folder}{os.pathsep}{os.environ['PATH']}", "IMGEN_SANDBOX_SECONDS": "0.1"}


def test_the_five_lines_make_three_pictures(tmp_path: Path) -> None:
    environ = with_imgen(tmp_path / "bin")

    ended = subprocess.run(
        ["bash", "-e", "-c", LINES], cwd=tmp_path, env=environ, capture_output=True, text=True, timeout=50
    )

    assert len(LINES.splitlines()) == 5
    assert SECTION.lstrip().partition("\n")[2].startswith("```sh"), "the section starts with them"
    assert ended.returncode == 0, ended.stderr
    assert len(list((tmp_path / "game/art").iterdir())) == 3


@dataclass
class Runner:
    """What GitHub gives to the steps of a job: files for the environment and the summary, and a cache of folders."""

    desk: Path
    environ: dict[str, str]
    values: dict[str, str]
    log: str = ""
    saved: list[str] = field(default_factory=list)

    def run(self, job: dict[str, Any]) -> bool:
        """Run the steps of a job, those with `always()` after a failure too; whether none failed."""
        fine = True
        for step in job["steps"]:
            if not fine and step.get("if") != "always()":
                continue
            fine = (self._uses(step) if "uses" in step else self._runs(step)) and fine
        return fine

    def _uses(self, step: dict[str, Any]) -> bool:
        name = step["uses"]
        given = {key: self._filled(str(value)) for key, value in step.get("with", {}).items()}
        if name == "actions/checkout@v4":
            origin = self.values["origin"]
            where = ("--branch", given["ref"]) if "ref" in given else ()
            subprocess.run(["git", "clone", "--quiet", *where, origin, str(self.desk)], check=True, env=self.environ)
        elif name == "actions/cache/save@v4":
            self.saved.append(given["path"])
        else:
            assert name == "actions/cache/restore@v4"
        return True

    def _runs(self, step: dict[str, Any]) -> bool:
        extra = {key: self._filled(str(value)) for key, value in step.get("env", {}).items()}
        given = self.desk.parent / "github_env"
        given.touch()
        ended = subprocess.run(
            ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", self._filled(step["run"])],
            cwd=self.desk,
            env={**self.environ, **extra, "GITHUB_ENV": str(given)},
            capture_output=True,
            text=True,
            timeout=50,
        )
        self.environ |= dict(line.split("=", 1) for line in given.read_text().splitlines())
        self.log += ended.stdout + ended.stderr
        return ended.returncode == 0

    def _filled(self, text: str) -> str:
        return EXPRESSION.sub(lambda found: self.values[found[1]], text)


def repository(tmp_path: Path, environ: dict[str, str]) -> Path:
    """A repository with a manifest of two pictures and nothing made, on a branch."""
    work, bare = tmp_path / "work", tmp_path / "origin.git"
    manifest = "".join(
        f'[[asset]]\npath = "art/{name}.png"\nprompt = "{name}"\nprovider = "reapi"\n' for name in ("cat", "dog")
    )
    work.mkdir()
    (work / "assets.toml").write_text(manifest)
    who = ("-c", "user.name=a", "-c", "user.email=a@example.com")
    for command in (
        ("init", "--quiet", "--initial-branch", BRANCH),
        ("add", "."),
        (*who, "commit", "--quiet", "-m", "Begin"),
        ("clone", "--quiet", "--bare", ".", str(bare)),
    ):
        subprocess.run(["git", *command], cwd=work, env=environ, check=True)
    return bare


def test_the_workflow_checks_makes_within_a_budget_and_keeps_the_ledger(tmp_path: Path) -> None:
    jobs = yaml.safe_load(WORKFLOW)["jobs"]
    log: list[str] = []
    environ = with_imgen(tmp_path / "bin")
    bare = repository(tmp_path, environ)
    home = tmp_path / "runner"
    home.mkdir()
    summary = home / "summary"
    with served(tmp_path / "far", log) as origin:
        service = SERVICES["reapi"]
        environ |= {
            "HOME": str(home),
            "GITHUB_ACTIONS": "true",
            "CI": "true",
            "GITHUB_STEP_SUMMARY": str(summary),
            service.origin_variable: origin,
            "IMGEN_SUBMITS_PER_MINUTE": "0",
        }
        values = {
            "origin": str(bare),
            "github.head_ref": BRANCH,
            "github.run_id": "1",
            "github.run_attempt": "1",
            "secrets.REAPI_API_KEY": KEY,
        }

        def runner(name: str) -> Runner:
            return Runner(home / name, dict(environ), values)

        before, made, after, broken = runner("before"), runner("made"), runner("after"), runner("broken")
        found = [before.run(jobs["check"]), made.run(jobs["make"]), after.run(jobs["check"])]
        values["secrets.REAPI_API_KEY"] = ""
        again = broken.run(jobs["make"])

    assert found == [False, True, True], made.log + after.log
    assert before.log.count("::error file=assets.toml,line=") == 2
    assert made.saved == broken.saved == ["~/imgen"]
    assert made.environ["IMGEN_HOME"] == str(home / "imgen")
    assert (home / "imgen/ledger.sqlite3").exists()
    assert again, "with everything made, no key is needed"
    assert sum("POST" in line for line in log) == 2
    assert "### imgen batch: assets\\.toml" in summary.read_text()
    assert (home / "made/pictures.xml").exists()
    assert KEY not in made.log


def test_the_ledger_is_kept_when_a_run_fails(tmp_path: Path) -> None:
    job = yaml.safe_load(WORKFLOW)["jobs"]["make"]
    environ = with_imgen(tmp_path / "bin")
    bare = repository(tmp_path, environ)
    home = tmp_path / "runner"
    home.mkdir()
    environ |= {"HOME": str(home), "GITHUB_ACTIONS": "true", "CI": "true"}
    values = {"origin": str(bare), "github.head_ref": BRANCH, "github.run_id": "1", "github.run_attempt": "1"}
    runner = Runner(home / "desk", environ, {**values, "secrets.REAPI_API_KEY": ""})

    fine = runner.run(job)

    assert not fine
    assert "::error file=assets.toml,line=1,title=art/cat.png::" in runner.log
    assert runner.saved == ["~/imgen"]

"""Every command on a ledger in PostgreSQL, as the installed program: what it does with a file, it does there."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from cli.program.program import Program
from imgen.errors import ExitCode

if TYPE_CHECKING:
    from pathlib import Path


SECRET = "not-a-real-password"  # of a user that this run of PostgreSQL has


@pytest.fixture
def imgen(tmp_path: Path, postgres_url: str) -> Program:
    """imgen on one machine of several, with a ledger behind a password."""
    url = postgres_url.replace("//imgen@", f"//member:{SECRET}@")
    desk = tmp_path / "desk"
    desk.mkdir()
    return Program(tmp_path / "home", desk, {"IMGEN_SANDBOX_SECONDS": "0.1", "IMGEN_LEDGER": url})


def test_a_picture_is_ordered_followed_found_and_gone_on_from(imgen: Program, tmp_path: Path) -> None:
    ordered = imgen.run("generate", "a red fox", "--sandbox", "--json", "-o", "fox.png")
    assert ordered.code == 0, ordered.stderr
    (job,) = ordered.json["jobs"]
    assert (imgen.cwd / "fox.png").exists()
    assert not (imgen.home / "ledger.sqlite3").exists()
    other = replace(imgen, home=tmp_path / "other home")  # another machine

    for command in (
        ["status", "--json"],
        ["history", "--json", "fox"],
        ["show", job["id"], "--json"],
        ["costs", "--json"],
        ["wait", job["id"]],
        ["download", job["id"]],
        ["gallery", "--sandbox", "-o", str(tmp_path / "gallery.html")],
        ["again", "last", "--sandbox", "-o", "again.png"],
        ["edit", "with a hat", "-i", "fox.png", "--sandbox", "-o", "hat.png"],
        ["generate", "an owl", "--sandbox", "--no-wait"],
        ["wait"],
    ):
        ended = other.run(*command)
        assert ended.code == 0, (command, ended.stderr)
    assert "ok  ledger    4 jobs" in other.run("doctor").stdout.decode()
    history = other.run("history", "--json", "--sandbox").json["jobs"]
    assert len(history) == 4
    assert {each["state"] for each in history} == {"saved"}
    assert (imgen.cwd / "hat.png").exists()


def test_a_manifest_is_made_once_by_two_machines(imgen: Program, tmp_path: Path) -> None:
    (imgen.cwd / "assets.toml").write_text('[[asset]]\npath = "fox.png"\nprompt = "a red fox"\n')

    made = imgen.run("batch", "assets.toml", "--sandbox")
    assert made.code == 0, made.stderr
    (imgen.cwd / "fox.png").unlink()
    again = replace(imgen, home=tmp_path / "other home").run("batch", "assets.toml", "--sandbox")

    assert again.code == 0, again.stderr
    assert (imgen.cwd / "fox.png").exists()
    assert len(imgen.run("history", "--json", "--sandbox").json["jobs"]) == 1, "the paid one was used"


def test_an_uncertain_job_is_closed_on_a_persons_word(imgen: Program) -> None:
    lost = replace(imgen, variables={**imgen.variables, "IMGEN_SANDBOX_FAULTS": "lost-reply"})
    ended = lost.run("generate", "a red fox", "--sandbox", "-p", "reapi", "--json")
    assert ended.code == ExitCode.UNCERTAIN, ended.stderr
    (job,) = ended.json["jobs"]

    assert imgen.run("generate", "a red fox", "--sandbox", "-p", "reapi").code == ExitCode.UNCERTAIN
    assert imgen.run("forget", job["id"]).code == 0
    assert imgen.run("generate", "a red fox", "--sandbox", "-p", "reapi").code == 0


def test_the_ledger_stands_in_the_users_own_file_and_in_no_projects(imgen: Program) -> None:
    url = imgen.variables["IMGEN_LEDGER"]
    bare = replace(imgen, variables={"IMGEN_SANDBOX_SECONDS": "0.1"})

    assert bare.run("config", "set", "ledger", url).code == 0
    shown = bare.run("config")
    assert bare.run("status").code == 0
    (imgen.cwd / "imgen.toml").write_text(f'ledger = "{url}"\n')
    (bare.home / "config.toml").unlink()
    refused = bare.run("generate", "a red fox", "--sandbox")

    assert "postgresql://***@" in shown.stdout.decode()
    assert refused.code == ExitCode.KEY
    assert "a project must not set ledger: it would decide where your jobs and prompts are recorded." in refused.stderr
    for ended in (shown, refused):
        assert SECRET not in ended.stdout.decode() + ended.stderr


@pytest.mark.parametrize(
    "url",
    [
        f"postgresql://member:{SECRET}@127.0.0.1:1/imgen",
        f"postgresql://member:{SECRET}%40@no-such-host.invalid/imgen?sslmode=disable",
        f"mysql://member:{SECRET}@127.0.0.1/imgen",
        f"postgresql://member:{SECRET}@127.0.0.1/imgen?nope=1",
    ],
)
def test_a_password_is_printed_nowhere(imgen: Program, url: str) -> None:
    away = replace(imgen, variables={**imgen.variables, "IMGEN_LEDGER": url})

    for command in (
        ["generate", "a red fox", "--sandbox", "--verbose"],
        ["generate", "a red fox", "--sandbox", "--dry-run", "--json"],
        ["status", "--json"],
        ["config", "--json"],
        ["doctor"],
    ):
        ended = away.run(*command)
        assert SECRET not in ended.stdout.decode() + ended.stderr, command
    assert away.run("_complete", "bash", "imgen show ").stderr == "", "TAB opens no connection"
    crash = imgen.home / "crash.txt"
    assert not crash.exists() or SECRET not in crash.read_text()
    kept = [path for path in imgen.home.rglob("*") if path.is_file()]
    assert not [path for path in kept if SECRET.encode() in path.read_bytes()]


def test_no_database_is_said_with_the_next_step_and_nothing_is_sent(imgen: Program) -> None:
    away = replace(imgen, variables={**imgen.variables, "IMGEN_LEDGER": "postgresql://imgen@127.0.0.1:1/imgen"})

    ended = away.run("generate", "a red fox", "--sandbox")

    assert ended.code == ExitCode.NOT_SAVED
    assert "postgresql://127.0.0.1:1/imgen cannot be reached: nothing answers there." in ended.stderr
    assert "Nothing was sent." in ended.stderr
    assert not list((imgen.home / "sandbox").rglob("*.json"))
    assert list(imgen.cwd.iterdir()) == []

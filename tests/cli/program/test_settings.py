"""`imgen config`, and orders that take from it what the command line leaves open."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import pytest

from imgen.config.settings import SETTINGS
from imgen.errors import ExitCode

if TYPE_CHECKING:
    from cli.program.program import Ended, Program

FOX = ("generate", "a fox", "--sandbox", "-p", "3daistudio")


def lines(imgen: Program, *each: tuple[str, ...]) -> list[Ended]:
    return imgen.run_lines([(line, {}, b"") for line in each])


def test_settings_are_written_shown_and_used(imgen: Program) -> None:
    mine, theirs = imgen.home / "config.toml", imgen.cwd / "imgen.toml"

    mine_set, theirs_set, budget, shown, wrong, right, flagged, gone, left = lines(
        imgen,
        ("config", "set", "model", "gemini-3-pro"),
        ("config", "set", "resolution", "0.5K", "--project"),
        ("config", "set", "budget.day", "5 usd", "--profile", "work", "--json"),
        ("config", "--json", "--profile", "work"),
        (*FOX, "--dry-run"),
        (*FOX, "--dry-run", "-r", "2K"),
        (*FOX, "--dry-run", "-r", "2K", "-m", "gemini-2.5-flash"),
        ("config", "unset", "resolution", "--project"),
        ("config", "unset", "resolution", "--project"),
    )

    assert (mine_set.code, mine_set.stdout, mine_set.stderr) == (0, b"", f"model is set in {mine}.\n")
    assert theirs_set.stderr == f"resolution is set in {theirs}.\n"
    assert [entry["value"] for entry in budget.json["settings"]] == ["5 usd"]
    found = {entry["name"]: entry for entry in shown.json["settings"]}
    assert list(found) == list(SETTINGS)
    assert found["model"] == {
        "name": "model",
        "value": "gemini-3-pro",
        "source": "user",
        "variable": "IMGEN_MODEL",
        "file": str(mine),
        "line": 1,
    }
    assert [found[name]["source"] for name in ("resolution", "budget.day", "profile", "home", "count")] == [
        "project",
        "profile",
        "flag",
        "environment",
        "default",
    ]
    assert wrong.code == ExitCode.USAGE
    sentence = f"does not have the resolution '0.5K' (resolution = 0.5K, says {theirs}, line 1)."
    assert wrong.stderr.splitlines()[0] == f"imgen: gemini-3-pro at 3D AI Studio {sentence}"
    assert right.stderr.splitlines()[0] == f"model = gemini-3-pro, says {mine}, line 1."
    assert b"gemini/3/pro" in right.stdout
    assert flagged.stderr.startswith("imgen: gemini-2.5-flash at 3D AI Studio does not have the resolution '2K'.")
    assert (gone.code, gone.stderr) == (0, f"resolution is removed from {theirs}.\n")
    assert (left.code, left.stderr) == (0, f"resolution is not set in {theirs}.\n")


def test_a_project_says_what_it_decides_before_it_is_paid_for(imgen: Program) -> None:
    (imgen.cwd / "imgen.toml").write_text('count = 2\noutput = "pictures/"\nresolution = "0.5K"\n')

    made = imgen.run(*FOX, "-q")

    assert made.code == 0, made.stderr
    assert made.stderr.splitlines()[:3] == [
        f"output = pictures/, says {imgen.cwd / 'imgen.toml'}, line 2.",
        f"count = 2, says {imgen.cwd / 'imgen.toml'}, line 1.",
        f"resolution = 0.5K, says {imgen.cwd / 'imgen.toml'}, line 3.",
    ]
    assert len(list((imgen.cwd / "pictures").iterdir())) == 2

    (job,) = imgen.jobs()
    again = imgen.run("again", job.id, "--set", "count=1", "-q")

    assert again.stderr.splitlines()[0] == f"output = pictures/, says {imgen.cwd / 'imgen.toml'}, line 2."
    assert len(list((imgen.cwd / "pictures").iterdir())) == 3


def test_a_key_that_only_a_setting_asks_for_names_the_setting(imgen: Program) -> None:
    (imgen.cwd / "imgen.toml").write_text('provider = "reapi"\n')

    answer = imgen.run("generate", "a fox")

    assert answer.code == ExitCode.KEY
    sentence = f"is not set (provider = reapi, says {imgen.cwd / 'imgen.toml'}, line 1)."
    assert answer.stderr.splitlines()[0].endswith(sentence)


def test_waiting_ends_when_the_settings_say(imgen: Program) -> None:
    slow = {"IMGEN_SANDBOX_SECONDS": "60"}

    sent, waited = imgen.run_lines(
        [((*FOX, "--no-wait"), slow, b""), (("wait", "--sandbox"), {**slow, "IMGEN_TIMEOUT": "0.1"}, b"")]
    )

    assert (sent.code, waited.code) == (ExitCode.DONE, ExitCode.UNFINISHED)


def test_what_cannot_be_set_is_said(imgen: Program) -> None:
    mistakes = {
        ("modl", "x"): "Did you mean model?",
        ("reapi_api_key", "sesame"): "imgen keys list",
        ("count", "many"): "imgen config set count 4",
        ("count", "99"): "not a whole number from 1 to 16",
        ("timeout", "-1"): "timeout is '-1', which is not a number of seconds.",
        ("sandbox", "1"): "export IMGEN_SANDBOX=",
        ("count", "2", "--project", "--profile", "work"): "two places",
        ("provider", "reapy"): "Did you mean reapi?",
        ("model", ""): "model is empty.",
        ("model", "gemini-3-por"): "Did you mean gemini-3-pro?",
        ("model", "reapy/x"): "Did you mean reapi?",
        ("aspect", "foo"): "imgen config set aspect 16:9",
        ("ca_file", "nope.pem"): f"There is no file {imgen.home / 'nope.pem'}.",
        ("upload", "s3://bucket", "--project"): "try: imgen config set upload s3://bucket",
        ("base_url.reapi", "https://user:sesame@gateway.example"): "base_url.reapi must be a scheme and a host",
        ("upload", "s3://user:sesame@bucket", "--project"): "has a user name or password in it",
    }

    answer = lines(imgen, *(("config", "set", *words) for words in mistakes))

    for ended, said in zip(answer, mistakes.values(), strict=True):
        assert (ended.code, said in ended.stderr) == (ExitCode.USAGE, True), ended.stderr
        assert "sesame" not in ended.stderr
    assert list(imgen.cwd.iterdir()) == []
    assert not imgen.home.exists()


@pytest.fixture
def broken(imgen: Program) -> Program:
    """imgen with settings that cannot be read."""
    imgen.home.mkdir()
    (imgen.home / "config.toml").write_text("model = \n")
    return imgen


def test_a_broken_file_is_named_and_in_the_way_of_nothing_that_needs_none(broken: Program) -> None:
    ordered, shown, version, help, topic, status = lines(
        broken, FOX, ("config", "--json"), ("--version",), ("--help",), ("generate", "--help"), ("status",)
    )

    assert ordered.code == shown.code == ExitCode.KEY
    assert f"{broken.home / 'config.toml'}:1:9: invalid value." in ordered.stderr
    assert shown.json["error"]["code"] == "configuration"
    assert [each.code for each in (version, help, topic)] == [0, 0, 0]
    assert status.code == ExitCode.KEY, "the file may name the ledger"
    shutil.rmtree(broken.home)

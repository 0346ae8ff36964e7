"""A bug of our own ends in one sentence too, with a file to report; and what looks like one but is no bug."""

from __future__ import annotations

import json
import os
import shutil
import stat
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from cli.program.program import IMGEN, KEY, Ended, Program
from imgen.errors import ExitCode

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

# A bug planted where every command comes by, with everything in its message that no other person may read.
PLANTED = """
import os
import imgen.jobs.session
def session(config, say):
    key, prompt = os.environ["GMI_API_KEY"], " ".join(["a", "secret", "prompt"])
    try:
        raise KeyError(key)
    except KeyError:
        raise ZeroDivisionError(f"{key} {prompt}")
imgen.jobs.session.session = session
from imgen.__main__ import main
main()
"""


def with_a_bug(imgen: Program, *arguments: str) -> Ended:
    ended = subprocess.run(
        [sys.executable, "-c", PLANTED, *arguments],
        capture_output=True,
        cwd=imgen.cwd,
        env={**imgen.environ, "GMI_API_KEY": KEY},
        timeout=30,
    )
    return Ended(ended.returncode, ended.stdout, ended.stderr.decode())


def in_shell(imgen: Program, script: str, *arguments: str) -> Ended:
    if shutil.which("sh") is None:
        pytest.skip("there is no POSIX shell")
    ended = subprocess.run(
        ["sh", "-c", script, "sh", *IMGEN, *arguments],
        capture_output=True,
        cwd=imgen.cwd,
        env=imgen.environ,
        timeout=30,
    )
    return Ended(ended.returncode, ended.stdout, ended.stderr.decode())


def test_a_bug_is_one_sentence_and_a_file_to_report(imgen: Program) -> None:
    printed = with_a_bug(imgen, "wait")

    report = imgen.home / "crash.txt"
    assert (printed.code, printed.stdout) == (ExitCode.BUG, b"")
    sentence, hint = printed.stderr.splitlines()
    assert sentence.startswith("imgen: imgen met a bug of its own: ZeroDivisionError at imgen.commands.wait:")
    assert sentence.endswith("; please report it.")
    assert hint.endswith(str(report))
    assert "ZeroDivisionError" in report.read_text(encoding="utf-8")
    assert "KeyError" in report.read_text(encoding="utf-8")


def test_a_bug_is_said_to_a_program_in_the_envelope(imgen: Program) -> None:
    printed = with_a_bug(imgen, "wait", "--json")

    answer = printed.json
    assert (printed.code, printed.stderr) == (ExitCode.BUG, "")
    assert (answer["ok"], answer["exit_code"], answer["error"]["code"]) == (False, 1, "bug")
    assert str(imgen.home / "crash.txt") in answer["error"]["hint"]


def test_the_report_of_a_bug_holds_no_key_and_no_prompt(imgen: Program) -> None:
    printed = with_a_bug(imgen, "wait")

    for text in (printed.stderr, (imgen.home / "crash.txt").read_text(encoding="utf-8")):
        assert KEY not in text
        assert "a secret prompt" not in text


@pytest.mark.skipif(os.name == "nt", reason="Windows has no file modes")
def test_the_report_is_for_its_owner_and_replaces_the_last_one(imgen: Program, tmp_path: Path) -> None:
    imgen.home.mkdir()
    mine = tmp_path / "mine"
    mine.write_text("mine")
    (imgen.home / "crash.txt").symlink_to(mine)

    with_a_bug(imgen, "wait")

    assert stat.S_IMODE((imgen.home / "crash.txt").stat().st_mode) == 0o600
    assert mine.read_text() == "mine"


def test_a_bug_where_nothing_can_be_written_is_said_all_the_same(imgen: Program) -> None:
    imgen.home.write_text("a file where the folder should be")

    printed = with_a_bug(imgen, "wait")

    assert printed.code == ExitCode.BUG
    assert len(printed.stderr.splitlines()) == 1


@pytest.mark.parametrize("line", [(), ("--help",), ("generate", "--help"), ("sandbox", "-h")], ids=str)
def test_help_on_a_full_disk_is_no_bug(imgen: Program, line: Sequence[str]) -> None:
    if not os.path.exists("/dev/full"):  # noqa: PTH110
        pytest.skip("there is no /dev/full")

    printed = in_shell(imgen, '"$@" >/dev/full', *line)

    assert printed.code == ExitCode.NOT_SAVED
    assert printed.stderr.splitlines()[0] == "imgen: Standard output cannot be written: no space left on device."


def test_a_mistake_on_a_full_disk_is_no_bug(imgen: Program) -> None:
    if not os.path.exists("/dev/full"):  # noqa: PTH110
        pytest.skip("there is no /dev/full")

    printed = in_shell(imgen, '"$@" >/dev/full', "status", "unknown", "--json")

    assert printed.code == ExitCode.NOT_SAVED
    assert printed.stderr.startswith("imgen: Standard output cannot be written")


def test_an_answer_that_cannot_be_written_is_said(imgen: Program) -> None:
    if not os.path.exists("/dev/full"):  # noqa: PTH110
        pytest.skip("there is no /dev/full")

    printed = in_shell(imgen, '"$@" >/dev/full', "models", "--json")

    assert printed.code == ExitCode.NOT_SAVED
    assert printed.stderr == "imgen: Standard output cannot be written: no space left on device.\n"


@pytest.mark.parametrize("line", [("--help",), ("generate", "--help")], ids=str)
def test_help_that_is_not_read_to_its_end_is_no_bug(imgen: Program, line: Sequence[str]) -> None:
    printed = in_shell(imgen, '{ "$@"; echo "$?" >&2; } | true', *line)

    assert printed.stderr == "0\n"


def test_help_is_whole(imgen: Program) -> None:
    printed = imgen.run("generate", "--help")

    assert (printed.code, printed.stderr) == (0, "")
    assert "--poll-every" in printed.stdout.decode()


def test_a_folder_that_was_deleted_under_the_shell_is_no_bug(imgen: Program) -> None:
    gone = '{ mkdir gone && cd gone && rmdir ../gone; } && "$@"'

    printed = in_shell(imgen, gone, "status")
    answered = in_shell(imgen, f"IMGEN_HOME=here; export IMGEN_HOME; {gone}", "status", "--json")

    assert (printed.code, printed.stdout) == (0, b"")
    assert printed.stderr == "Nothing is open: every job is saved or closed.\n"
    assert (answered.code, json.loads(answered.stdout)["ok"]) == (ExitCode.KEY, False), answered.stderr

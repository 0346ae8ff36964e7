"""What dies soon is said, and fetched in time; what is dead is listed with its cost."""

from __future__ import annotations

import json
import os
import sqlite3
import sys
import time
from contextlib import closing
from typing import TYPE_CHECKING, Any

import pytest

from cli.program.program import KEY, SMALL, served
from imgen.__main__ import run
from imgen.errors import ExitCode
from imgen_providers.catalog import SERVICES

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

HOUR = 3600.0
ORDER = ("generate", "a red fox", "-p", "3daistudio", *SMALL)


@pytest.fixture
def log() -> list[str]:
    """A line for every request that reached the services."""
    return []


@pytest.fixture(autouse=True)
def there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, log: list[str], request: Any) -> Iterator[None]:
    """Services whose jobs are done at once, and a key for each; a test's parameter is their faults."""
    monkeypatch.chdir(tmp_path)
    with served(tmp_path / "far side", log, faults=getattr(request, "param", ""), seconds=0.0) as origin:
        for entry in SERVICES.values():
            monkeypatch.setenv(entry.origin_variable, origin)
            monkeypatch.setenv(entry.key_variable, KEY)
        yield


@pytest.fixture
def typed(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., str]]:
    """A command on a terminal; what its stderr shows, without colours."""
    termios = pytest.importorskip("termios")  # a terminal of this kind is POSIX's
    master, slave = os.openpty()
    attributes = termios.tcgetattr(slave)
    attributes[1] &= ~termios.OPOST  # line ends as they are written
    termios.tcsetattr(slave, termios.TCSANOW, attributes)
    monkeypatch.setenv("NO_COLOR", "1")

    def run_there(*arguments: str) -> str:
        with os.fdopen(os.dup(slave), "w", encoding="utf-8") as terminal, monkeypatch.context() as here:
            here.setattr(sys, "stderr", terminal)
            run(arguments)
            terminal.write("\0")
        shown = b""
        while not shown.endswith(b"\0"):
            shown += os.read(master, 65536)
        return shown[:-1].decode()

    yield run_there
    os.close(slave)
    os.close(master)


def ledger(tmp_path: Path) -> Path:
    return tmp_path / "home" / "ledger.sqlite3"


def leave(tmp_path: Path, seconds: float | None) -> None:
    """The links known so far die this many seconds from now, or it is not known when."""
    with closing(sqlite3.connect(ledger(tmp_path))) as connection, connection:
        dies_at = None if seconds is None else time.time() + seconds
        connection.execute("UPDATE result SET expires_at = ? WHERE state = 'ready'", (dies_at,))


def left_ready(tmp_path: Path, seconds: float | None, *order: str) -> None:
    """Pictures that exist there and not here, whose links live this long."""
    assert run([*(order or ORDER), "--no-wait"]) == 0
    assert run(["status"]) == 0
    leave(tmp_path, seconds)


def answer(capsys: pytest.CaptureFixture[str], *arguments: str) -> dict[str, Any]:
    """What a command answers in JSON."""
    capsys.readouterr()
    run([*arguments, "--json"])
    ended = json.loads(capsys.readouterr().out)
    assert isinstance(ended, dict)
    return ended


def test_any_command_on_a_terminal_ends_with_what_dies_soon(tmp_path: Path, typed: Callable[..., str]) -> None:
    left_ready(tmp_path, 0.7 * HOUR, *ORDER, "-n", "2")
    line = (
        "imgen: 2 pictures you paid for are not saved yet, and the first link expires in\n  41 min.\n"
        "  try: imgen download --expiring 3h\n"
    )

    assert typed("models", "gemini-3-pro") == line
    assert typed("status", "unknown").endswith(f"imgen wait -p PROVIDER unknown\n{line}")
    for silent in (["status"], ["models", "--json"], ["download", "-q", "--expiring", "1m"], ["--version"]):
        assert "you paid for" not in typed(*silent), silent
    leave(tmp_path, 3.1 * HOUR)
    assert typed("models", "gemini-3-pro") == ""


def test_the_line_is_for_terminals_only(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    left_ready(tmp_path, 60.0)
    capsys.readouterr()

    assert run(["models", "gemini-3-pro"]) == 0

    assert capsys.readouterr().err == ""


def test_the_command_it_names_saves_them_and_then_it_is_silent(
    tmp_path: Path, typed: Callable[..., str], log: list[str]
) -> None:
    left_ready(tmp_path, 0.7 * HOUR)
    command = typed("models", "gemini-3-pro").rsplit("\n  try: ", 1)[1].split()

    assert run(command[1:]) == 0

    assert len(list(tmp_path.glob("*.png"))) == 1
    assert typed("models", "gemini-3-pro") == ""
    assert sum("/sandbox/pictures/" in line for line in log) == 1


@pytest.mark.parametrize("content", [None, b"", b"no database at all, not even a little"])
def test_a_ledger_that_cannot_be_read_is_no_trouble_of_other_commands(
    tmp_path: Path, typed: Callable[..., str], content: bytes | None
) -> None:
    if content is not None:
        ledger(tmp_path).parent.mkdir()
        ledger(tmp_path).write_bytes(content)

    assert typed("models", "gemini-3-pro") == ""

    assert ledger(tmp_path).exists() is (content is not None)


def test_only_what_expires_in_time_is_fetched_and_unknown_counts_as_expiring(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], log: list[str]
) -> None:
    left_ready(tmp_path, None)
    left_ready(tmp_path, 7 * HOUR)  # the first one, too
    leave(tmp_path, 7 * HOUR)
    capsys.readouterr()

    assert run(["download", "--expiring", "6h59m"]) == 0
    assert capsys.readouterr().err == "Nothing expires within 6 h 59 min.\n"
    with closing(sqlite3.connect(ledger(tmp_path))) as connection, connection:
        connection.execute("UPDATE result SET expires_at = NULL WHERE rowid = 1")
    ended = answer(capsys, "download", "--expiring", "1d6h59m", "-p", "reapi")
    assert (ended["exit_code"], ended["jobs"]) == (0, [])
    ended = answer(capsys, "download", "--expiring", "30m")

    assert [job["state"] for job in ended["jobs"]] == ["saved"]
    assert sum("/sandbox/pictures/" in line for line in log) == 1


def test_all_leaves_what_is_unfinished_in_peace(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    left_ready(tmp_path, HOUR)
    with served(tmp_path / "slow side", [], seconds=600.0) as slow:
        monkeypatch.setenv(SERVICES["reapi"].origin_variable, slow)
        assert run(["generate", "a slow fox", "-p", "reapi", *SMALL, "--no-wait"]) == 0
        capsys.readouterr()

        assert run(["download", "--all"]) == ExitCode.DONE
        shown = capsys.readouterr()
        assert run(["download"]) == ExitCode.UNFINISHED

    assert shown.out.splitlines() == [str(path) for path in tmp_path.glob("*.png")]
    assert shown.err.endswith("1 job is not finished yet.\n  imgen wait\n")


@pytest.mark.parametrize("there", ["dead-link*7"], indirect=True)
def test_what_was_lost_is_listed_with_its_cost_until_it_is_found_again_or_forgotten(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    left_ready(tmp_path, -60.0, *ORDER, "-n", "2")
    assert run(["download", "--expiring", "1m"]) == ExitCode.EXPIRED  # two links, each asked for anew once
    (job,) = answer(capsys, "status", "--lost")["jobs"]
    summed = [{"provider": "3daistudio", "pictures": 2, "amount": "20", "unit": "credits"}]
    assert answer(capsys, "status")["lost"] == summed

    assert run(["status"]) == run(["status", "--lost"]) == 0
    shown = capsys.readouterr()
    assert shown.out.startswith(f"{job['id']}  2 of 2 lost  3daistudio/gemini/3.1/flash  ")
    assert "  20 credits  a red fox\n" in shown.out
    assert shown.err.startswith(
        "Nothing is open: every job is saved or closed.\n"
        "Lost: 2 pictures, for 20 credits at 3D AI Studio. To list them:\n  imgen status --lost\n"
    )
    assert run(["download", "--all"]) == ExitCode.EXPIRED  # one of them was found again
    assert answer(capsys, "status")["lost"] == [{**summed[0], "pictures": 1, "amount": "10"}]
    assert run(["forget", job["id"]]) == 0
    assert answer(capsys, "status", "--lost")["lost"] == []


@pytest.mark.parametrize(
    "line",
    [
        ["download", "--all", "--expiring", "1h"],
        ["download", "--all", "k3f9"],
        ["download", "--expiring", "1h", "k3f9"],
        ["download", "--expiring", "6"],
        ["download", "--expiring", "soon"],
        ["download", "--expiring", "0m"],
        ["download", "--expiring", "400d"],
        ["status", "--lost", "k3f9"],
        ["status", "--lost", "--tree"],
    ],
    ids=" ".join,
)
def test_what_cannot_be_meant_is_said(line: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert run(line) == ExitCode.USAGE
    assert "try: imgen " in capsys.readouterr().err

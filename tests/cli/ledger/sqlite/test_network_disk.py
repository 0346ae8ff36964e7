"""A ledger on a network file system: noticed, said in one line, and kept without memory that its users would share."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

import pytest

from cli.drafts import draft
from cli.sqlite import connection_of
from imgen.config.config import Config
from imgen.jobs.session import open_sound
from imgen.ledger.sqlite import network_disk
from imgen.ledger.sqlite.network_disk import is_network, mounted, network_type
from imgen.records import State

if TYPE_CHECKING:
    from cli.clock import FakeClock
    from cli.conftest import Children
    from imgen.ledger.ledger import Ledger

MOUNTS = r"""
22 27 0:21 / /proc rw,relatime - proc proc rw
27 1 8:1 / / rw,relatime shared:1 - ext4 /dev/sda1 rw
31 27 0:40 / /home rw,relatime shared:9 master:2 - nfs4 server:/export/home rw,vers=4.2
32 31 8:2 / /home/fox/local rw,relatime - xfs /dev/sdb1 rw
33 27 0:41 / /mnt/two\040words rw - cifs //server/share rw
34 27 0:42 / /mnt/remote rw,nosuid - fuse.sshfs fox@server:/ rw
35 27 0:43 / /mnt/windows rw - fuseblk /dev/sdc1 rw
36 27 8:3 / /covered rw - ext4 /dev/sdd1 rw
37 36 0:44 / /covered rw - 9p share rw
a line of another kind
"""


@pytest.fixture
def ledger(sqlite_ledger: Ledger) -> Ledger:
    """What follows is about SQLite's file."""
    return sqlite_ledger


@pytest.mark.parametrize(
    ("folder", "kind", "network"),
    [
        ("/var/lib/imgen", "ext4", False),
        ("/home/fox/.local/state/imgen", "nfs4", True),
        ("/home/fox/local/imgen", "xfs", False),
        ("/homeless", "ext4", False),
        ("/mnt/two words/imgen", "cifs", True),
        ("/mnt/remote", "fuse.sshfs", True),
        ("/mnt/windows/imgen", "fuseblk", False),
        ("/covered/imgen", "9p", True),
    ],
)
def test_the_innermost_mount_that_lies_on_top_says_what_a_folder_is_on(folder: str, kind: str, network: bool) -> None:
    assert mounted(MOUNTS, PurePosixPath(folder)) == kind
    assert is_network(kind) is network


def test_a_link_to_a_network_folder_is_followed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    table = tmp_path / "mountinfo"
    monkeypatch.setattr(network_disk, "_MOUNTS", table)
    assert network_type(tmp_path) is None, "there is no such table"
    there = tmp_path / "there"
    there.mkdir()
    (tmp_path / "here").symlink_to(there)
    table.write_text(f"1 0 8:1 / / rw - ext4 /dev/sda1 rw\n2 1 0:9 / {there} rw - nfs4 server:/ rw\n")

    assert network_type(tmp_path / "here" / "imgen") == "nfs4"
    assert network_type(tmp_path) is None


@pytest.fixture
def on_network(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The folders of this test are on one, by the word of a table as Linux has it."""
    table = tmp_path / "mountinfo"
    table.write_text("1 0 0:9 / / rw - nfs4 server:/ rw\n")
    monkeypatch.setattr(network_disk, "_MOUNTS", table)


def mode(path: Path) -> str:
    with closing(sqlite3.connect(path)) as connection:
        return str(connection.execute("PRAGMA journal_mode").fetchone()[0])


@pytest.mark.usefixtures("on_network")
def test_a_ledger_there_has_no_shared_log_and_that_is_said(ledger_path: Path, clock: FakeClock, tmp_path: Path) -> None:
    said: list[str] = []

    ledger = open_sound(Config({"IMGEN_HOME": str(ledger_path.parent)}, tmp_path), clock, said.append)
    ledger.jobs.plan([draft("k3f9xy")], "me", resubmit=False)

    assert mode(ledger_path) == "delete"
    assert connection_of(ledger).execute("PRAGMA synchronous").fetchone()[0] == 2
    assert said == ["The ledger is on a network file system (nfs4); a local disk is safer: set IMGEN_HOME to one."]
    ledger.close()


def test_a_ledger_that_is_brought_there_leaves_its_log(
    ledger: Ledger, ledger_path: Path, request: pytest.FixtureRequest
) -> None:
    ledger.jobs.plan([draft("k3f9xy")], "me", resubmit=False)
    ledger.close()
    assert mode(ledger_path) == "wal"

    request.getfixturevalue("on_network")
    assert ledger.jobs.get("k3f9xy").state is State.PLANNED

    assert mode(ledger_path) == "delete"


def test_without_that_log_too_processes_write_at_once_and_lose_nothing(
    ledger: Ledger, ledger_path: Path, child: Children
) -> None:
    ledger.jobs.plan([draft("k3f9xy")], "me", resubmit=False)
    ledger.close()
    with closing(sqlite3.connect(ledger_path)) as connection:
        connection.execute("PRAGMA journal_mode = DELETE")

    writers = [child("write", ledger_path, f"writer{n}", "5") for n in range(3)]

    assert [writer.wait(timeout=30) for writer in writers] == [0] * 3
    jobs = [job for job in ledger.jobs.open() if job.id != "k3f9xy"]
    assert {job.id for job in jobs} == {f"writer{n}-{k}" for n in range(3) for k in range(5)}
    assert {job.state for job in jobs} == {State.QUEUED}
    assert mode(ledger_path) == "delete", "no connection went back"

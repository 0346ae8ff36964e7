"""Is a process known to be dead once it is, and never before?"""

from __future__ import annotations

import stat
import sys
from typing import TYPE_CHECKING

import pytest
from filelock import FileLock, Timeout

from imgen.errors import ExitCode, LedgerUnusable
from imgen.ledger.sqlite.owners import Owners

if TYPE_CHECKING:
    from pathlib import Path

    from cli.conftest import Children


def test_a_process_is_alive_until_it_is_killed(tmp_path: Path, ledger_path: Path, child: Children) -> None:
    folder = ledger_path.with_name("owners")
    owners = Owners(folder)
    other = child("leave", ledger_path, tmp_path / "part")
    assert other.stdout is not None
    name = other.stdout.readline().strip()

    assert [owners.is_alive(name) for _ in range(3)] == [True] * 3
    other.kill()
    other.wait()

    assert not owners.is_alive(name)
    assert list(folder.iterdir()) == []


def test_two_owners_of_one_process_are_two(tmp_path: Path) -> None:
    owners = Owners(tmp_path)
    one, two = owners.enter(), owners.enter()

    assert one.name != two.name
    assert owners.is_alive(two.name)
    two.release()
    assert not owners.is_alive(two.name)
    assert owners.is_alive(one.name)
    one.release()
    assert list(tmp_path.iterdir()) == []


def test_an_unknown_owner_is_not_alive(tmp_path: Path) -> None:
    assert not Owners(tmp_path / "missing").is_alive("unknown")
    assert not (tmp_path / "missing").exists()


def test_a_name_that_leads_out_of_the_folder_removes_nothing(tmp_path: Path) -> None:
    other = tmp_path / "other.lock"
    other.touch()
    (tmp_path / "owners").mkdir()

    assert not Owners(tmp_path / "owners").is_alive("../other")
    assert other.exists()


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such modes")
def test_folders_and_lock_are_for_this_person_only(tmp_path: Path) -> None:
    """The lock may be taken before the ledger is made, and must not make its folder for everybody."""
    owner = Owners(tmp_path / "state" / "owners").enter()

    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in (tmp_path / "state").rglob("*")}
    assert modes == {"owners": 0o700, f"{owner.name}.lock": 0o600}
    assert stat.S_IMODE((tmp_path / "state").stat().st_mode) == 0o700
    owner.release()


def test_a_place_that_takes_no_folder_is_said(tmp_path: Path) -> None:
    (tmp_path / "state").write_text("not a folder")

    with pytest.raises(LedgerUnusable, match="cannot be used") as refused:
        Owners(tmp_path / "state" / "owners").enter()

    assert refused.value.exit_code is ExitCode.NOT_SAVED


def test_an_imgen_that_locks_by_filelock_and_one_that_does_not_see_each_other(tmp_path: Path) -> None:
    owners = Owners(tmp_path)
    theirs = FileLock(tmp_path / "0123456789abcdef.lock", timeout=0)
    mine = owners.enter()

    with theirs:
        assert owners.is_alive("0123456789abcdef")
    with pytest.raises(Timeout):
        FileLock(tmp_path / f"{mine.name}.lock", timeout=0).acquire()
    mine.release()
    assert not owners.is_alive("0123456789abcdef")


def test_to_give_back_twice_is_to_give_back_once(tmp_path: Path) -> None:
    owner = Owners(tmp_path).enter()
    owner.release()
    with (tmp_path / "another file").open("wb") as file:  # it gets the number of the descriptor that was closed
        owner.release()
        file.write(b"still open")

    assert (tmp_path / "another file").read_bytes() == b"still open"

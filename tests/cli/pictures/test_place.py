"""Putting files in place: never over another one, never half, never nowhere."""

from __future__ import annotations

import errno
import os
import stat
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest

from imgen.files import discard, new_part, part_path
from imgen.pictures.place import fingerprint, place

if TYPE_CHECKING:
    from pathlib import Path


def made(wanted: Path, data: bytes = b"picture") -> Path:
    part = part_path(wanted)
    with new_part(part) as file:
        file.write(data)
    return part


def names(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


@pytest.fixture(params=[True, False], ids=["with hard links", "without hard links"])
def folder(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Folders of a file system with hard links, and of one without (FAT on Linux says EPERM)."""
    if not request.param:

        def link(*args: object, **options: object) -> None:
            raise PermissionError(errno.EPERM, os.strerror(errno.EPERM))

        monkeypatch.setattr(os, "link", link)
    return tmp_path


def test_a_free_name_is_taken(folder: Path) -> None:
    wanted = folder / "cat.png"
    assert place(made(wanted), wanted, replaces=None) == wanted
    assert wanted.read_bytes() == b"picture"
    assert names(folder) == {"cat.png"}


def test_a_taken_name_is_left_alone_and_the_next_free_number_used(folder: Path) -> None:
    wanted = folder / "cat.v2.png"
    wanted.write_bytes(b"mine")
    (folder / "cat.v2-2.png").mkdir()
    (folder / "cat.v2-3.png").symlink_to(folder / "nowhere")
    assert place(made(wanted), wanted, replaces=None) == folder / "cat.v2-4.png"
    assert wanted.read_bytes() == b"mine"
    assert names(folder) == {"cat.v2.png", "cat.v2-2.png", "cat.v2-3.png", "cat.v2-4.png"}


def test_many_pictures_of_one_name_all_stay(folder: Path) -> None:
    wanted = folder / "cat.png"
    parts = [made(wanted, b"%d" % number) for number in range(40)]
    with ThreadPoolExecutor(8) as pool:
        placed = list(pool.map(lambda part: place(part, wanted, replaces=None), parts))
    assert len(set(placed)) == 40
    assert sorted(int(path.read_bytes()) for path in folder.iterdir()) == list(range(40))


def test_overwriting_replaces_the_file(folder: Path) -> None:
    wanted = folder / "cat.png"
    wanted.write_bytes(b"old")
    assert place(made(wanted), wanted, replaces=fingerprint(wanted)) == wanted
    assert wanted.read_bytes() == b"picture"
    assert names(folder) == {"cat.png"}


def test_overwriting_replaces_a_link_and_not_what_it_points_to(folder: Path) -> None:
    wanted, other = folder / "cat.png", folder / "other.png"
    other.write_bytes(b"other")
    wanted.symlink_to(other)
    place(made(wanted), wanted, replaces=fingerprint(wanted))
    assert not wanted.is_symlink()
    assert other.read_bytes() == b"other"


def test_a_folder_is_never_overwritten(folder: Path) -> None:
    wanted = folder / "cat.png"
    wanted.mkdir()
    assert place(made(wanted), wanted, replaces=fingerprint(wanted)) == folder / "cat-2.png"
    assert wanted.is_dir()


def test_a_file_that_came_later_is_not_replaced(folder: Path) -> None:
    """The consent was for the file of then, and may be days old."""
    wanted = folder / "cat.png"
    wanted.write_bytes(b"old")
    consent = fingerprint(wanted)
    place(made(wanted, b"paid1"), wanted, replaces=consent)

    assert place(made(wanted, b"paid2"), wanted, replaces=consent) == folder / "cat-2.png"
    assert wanted.read_bytes() == b"paid1"


def test_a_file_that_was_written_to_since_is_not_replaced(folder: Path) -> None:
    wanted = folder / "cat.png"
    wanted.write_bytes(b"old")
    consent = fingerprint(wanted)
    wanted.write_bytes(b"older")

    assert place(made(wanted), wanted, replaces=consent) == folder / "cat-2.png"
    assert wanted.read_bytes() == b"older"


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="makes a named pipe")
def test_only_files_and_links_can_be_replaced(folder: Path) -> None:
    pipe = folder / "cat.png"
    os.mkfifo(pipe)

    assert fingerprint(pipe) is fingerprint(folder) is fingerprint(folder / "nowhere") is None
    assert place(made(pipe), pipe, replaces=fingerprint(pipe)) == folder / "cat-2.png"


def test_a_part_that_vanished_leaves_nothing_in_its_place(folder: Path) -> None:
    wanted = folder / "cat.png"
    with pytest.raises(FileNotFoundError):
        place(part_path(wanted), wanted, replaces=None)
    assert names(folder) == set()


@pytest.mark.skipif(os.name == "nt", reason="Windows has no file modes")
def test_a_picture_has_the_mode_of_any_new_file(folder: Path) -> None:
    ordinary = folder / "ordinary"
    ordinary.touch()
    wanted = folder / "cat.png"
    for replaces in (None, fingerprint(wanted)):
        placed = place(made(wanted), wanted, replaces=replaces)
        assert stat.S_IMODE(placed.stat().st_mode) == stat.S_IMODE(ordinary.stat().st_mode)


@pytest.mark.skipif(os.name == "nt", reason="Windows opens no folders")
@pytest.mark.parametrize("taken", [False, True])
def test_the_new_name_is_put_on_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, taken: bool) -> None:
    wanted = tmp_path / "cat.png"
    if taken:
        wanted.touch()
    part = made(wanted)
    synced: list[bool] = []
    monkeypatch.setattr(os, "fsync", lambda descriptor: synced.append(stat.S_ISDIR(os.fstat(descriptor).st_mode)))
    place(part, wanted, replaces=fingerprint(wanted))
    assert synced == [True]


@pytest.mark.skipif(os.name == "nt", reason="Windows opens no folders")
@pytest.mark.parametrize(("number", "fails"), [(errno.EINVAL, False), (errno.EIO, True)])
def test_only_a_failing_disk_is_an_error_when_the_folder_is_synced(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int, fails: bool
) -> None:
    part = made(tmp_path / "cat.png")

    def fsync(descriptor: int) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(os, "fsync", fsync)
    if fails:
        with pytest.raises(OSError, match=os.strerror(number)):
            place(part, tmp_path / "cat.png", replaces=None)
    else:
        place(part, tmp_path / "cat.png", replaces=None)
    assert names(tmp_path) == {"cat.png"}


def test_discarding_twice_is_no_error(tmp_path: Path) -> None:
    part = made(tmp_path / "cat.png")
    discard(part)
    discard(part)
    assert names(tmp_path) == set()

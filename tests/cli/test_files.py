"""Writing files of ours: whole or not at all, through no link, for their owner only; and whose files are believed."""

from __future__ import annotations

import errno
import os
import stat
from typing import TYPE_CHECKING

import pytest

from imgen.errors import BadConfiguration
from imgen.files import (
    SHARED,
    discard,
    is_own,
    make_private_folder,
    new_part,
    part_path,
    replacement,
    require_private,
    write,
)

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

POSIX = pytest.mark.skipif(os.name == "nt", reason="Windows has no modes and owners of this kind")
ROOT = pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() != 0, reason="only root can give a file away")
ANOTHER = 12_345  # a user that is not this one


@pytest.fixture
def umask() -> Iterator[None]:
    """The loosest umask, which hides no wrong mode."""
    before = os.umask(0)
    yield
    os.umask(before)


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def names(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


def made(wanted: Path, data: bytes = b"picture") -> Path:
    part = part_path(wanted)
    with new_part(part) as file:
        file.write(data)
    return part


def test_a_part_lies_hidden_beside_its_target_under_a_new_name(tmp_path: Path) -> None:
    wanted = tmp_path / "cat.png"
    first, second = part_path(wanted), part_path(wanted)
    assert first.parent == tmp_path
    assert first.name.startswith(".cat.png.")
    assert first.suffix == ".part"
    assert first != second


def test_the_name_of_a_part_fits_however_long_the_target(tmp_path: Path) -> None:
    part = made(tmp_path / ("猫" * 66 + ".png"))
    assert len(part.name.encode()) <= 120


def test_a_part_that_fails_is_gone(tmp_path: Path) -> None:
    part = tmp_path / ".cat.png.part"

    def interrupted() -> None:
        with new_part(part) as file:
            file.write(b"half")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert names(tmp_path) == set()


def test_a_part_on_a_full_disk_is_gone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(descriptor: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space left"):
        made(tmp_path / "cat.png")
    assert names(tmp_path) == set()


def test_a_part_follows_no_link(tmp_path: Path) -> None:
    part = tmp_path / ".cat.png.part"
    part.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(FileExistsError), new_part(part):
        pass
    assert names(tmp_path) == {part.name}


@POSIX
def test_a_part_whose_name_is_no_text_can_be_made(tmp_path: Path) -> None:
    part = made(tmp_path / os.fsdecode(b"caf\xe9.png"))

    assert part.read_bytes() == b"picture"


@POSIX
@pytest.mark.usefixtures("umask")
def test_what_is_written_is_private_unless_it_is_made_to_be_shared(tmp_path: Path) -> None:
    write(tmp_path / "key", b"secret")
    write(tmp_path / "page.html", b"page", mode=SHARED)

    assert mode(tmp_path / "key") == 0o600
    assert mode(tmp_path / "page.html") == 0o666


def test_writing_replaces_a_file_and_leaves_nothing_beside_it(tmp_path: Path) -> None:
    path = tmp_path / "note"
    path.write_bytes(b"old")

    write(path, b"new")

    assert path.read_bytes() == b"new"
    assert names(tmp_path) == {"note"}


def test_writing_replaces_a_link_and_not_what_it_points_to(tmp_path: Path) -> None:
    target, path = tmp_path / "bashrc", tmp_path / "note"
    target.write_bytes(b"mine")
    path.symlink_to(target)

    write(path, b"new")

    assert target.read_bytes() == b"mine"
    assert path.read_bytes() == b"new"
    assert not path.is_symlink()


def test_a_replacement_that_fails_changes_nothing(tmp_path: Path) -> None:
    path = tmp_path / "note"
    path.write_bytes(b"old")

    def interrupted() -> None:
        with replacement(path) as file:
            file.write(b"half")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert path.read_bytes() == b"old"
    assert names(tmp_path) == {"note"}


def test_what_cannot_take_its_place_is_removed(tmp_path: Path) -> None:
    (tmp_path / "folder" / "within").mkdir(parents=True)

    with pytest.raises(OSError, match="folder"):
        write(tmp_path / "folder", b"new")

    assert names(tmp_path) == {"folder"}


def test_discarding_what_is_gone_is_no_error(tmp_path: Path) -> None:
    discard(tmp_path / "nothing")

    assert not names(tmp_path)


@POSIX
@pytest.mark.usefixtures("umask")
def test_every_folder_that_is_made_is_for_its_owner_only(tmp_path: Path) -> None:
    make_private_folder(tmp_path / "config" / "imgen" / "keys")

    assert {mode(tmp_path / each) for each in ("config", "config/imgen", "config/imgen/keys")} == {0o700}


@POSIX
def test_a_folder_that_is_there_keeps_its_mode(tmp_path: Path) -> None:
    tmp_path.chmod(0o755)

    make_private_folder(tmp_path / "new")

    assert mode(tmp_path) == 0o755


def test_a_file_where_a_folder_should_be_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")

    with pytest.raises(NotADirectoryError):
        make_private_folder(tmp_path / "file")
    with pytest.raises(OSError, match="file"):
        make_private_folder(tmp_path / "file" / "below")


@POSIX
@pytest.mark.parametrize("bits", [0o622, 0o620, 0o602, 0o666])
def test_what_others_may_write_is_refused_with_the_command_that_mends_it(tmp_path: Path, bits: int) -> None:
    path = tmp_path / "config.toml"
    path.write_bytes(b"")
    path.chmod(bits)

    with pytest.raises(BadConfiguration) as caught:
        require_private(path)

    assert caught.value.hint == f"chmod go-w {path}"


@POSIX
def test_what_others_may_only_read_passes_and_so_does_nothing_at_all(tmp_path: Path) -> None:
    path = tmp_path / "config.toml"
    path.write_bytes(b"")
    path.chmod(0o644)

    require_private(path)
    require_private(tmp_path / "missing")

    assert is_own(path)


@ROOT
def test_what_another_user_owns_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "config.toml"
    path.write_bytes(b"")
    os.chown(path, ANOTHER, ANOTHER)

    with pytest.raises(BadConfiguration, match="belongs to another user") as caught:
        require_private(path)

    assert not is_own(path)
    assert f"chown 0 {path}" in (caught.value.hint or "")


@ROOT
def test_a_link_that_another_user_made_is_not_ours_whatever_it_points_to(tmp_path: Path) -> None:
    (tmp_path / "mine").write_bytes(b"")
    link = tmp_path / "link"
    link.symlink_to(tmp_path / "mine")
    os.lchown(link, ANOTHER, ANOTHER)

    assert not is_own(link)

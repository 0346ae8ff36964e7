"""Putting a verified picture in its place, so that a crash or another program never costs a file."""

from __future__ import annotations

import errno
import itertools
import os
import re
import secrets
import stat
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, BinaryIO

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_PART_NAME_BYTES = 100  # of the wanted name that a part's name shows
_PART = re.compile(r"\..*\.[0-9a-f]{8}\.part", re.ASCII | re.DOTALL)


def part_path(wanted: Path) -> Path:
    """A new hidden name beside `wanted`, for the bytes until they are verified; at most 120 bytes long."""
    shown = wanted.name.encode()[:_PART_NAME_BYTES].decode(errors="ignore")
    return wanted.with_name(f".{shown}.{secrets.token_hex(4)}.part")


def is_part(path: Path) -> bool:
    """Whether the path has a name that `part_path` makes; no other file is removed as a part."""
    return path.is_absolute() and _PART.fullmatch(path.name) is not None


@contextmanager
def new_part(part: Path) -> Iterator[BinaryIO]:
    """Write a file that must not exist yet: on disk (fsync) once the block ends, gone if the block fails.

    It gets the mode that any new file gets here, since `place` keeps it. Raises `FileExistsError`, also for a
    symbolic link of that name, and any other `OSError` of the disk.
    """
    file = part.open("xb")
    try:
        with file:
            yield file
            file.flush()
            os.fsync(file.fileno())
    except BaseException:
        discard(part)
        raise


def fingerprint(path: Path) -> str | None:
    """What tells the file or link at `path` from any other that comes to stand there; None where neither stands."""
    try:
        found = path.lstat()
    except OSError:
        return None
    if not (stat.S_ISREG(found.st_mode) or stat.S_ISLNK(found.st_mode)):
        return None
    return f"{found.st_ino}:{found.st_size}:{found.st_mtime_ns}"


def place(part: Path, wanted: Path, *, replaces: str | None) -> Path:
    """Move `part` to `wanted`, or to the next free "name-2.png" when that is taken; returns where it lies.

    Another file is replaced only when its fingerprint is `replaces`; a symbolic link is replaced itself, never
    what it points to, and a folder never. The new name is on disk when this returns. Raises `OSError`.
    """
    if replaces is not None and fingerprint(wanted) == replaces:
        part.replace(wanted)
        placed = wanted
    else:
        placed = next(path for path in _numbered(wanted) if _take(part, path))
    sync_folder(placed.parent)
    return placed


def discard(part: Path) -> None:
    """Remove a part that is not wanted any more; one that cannot be removed stays hidden, and is no picture."""
    with suppress(OSError):
        part.unlink()


def _numbered(wanted: Path) -> Iterator[Path]:
    yield wanted
    for number in itertools.count(2):
        yield wanted.with_name(f"{wanted.stem}-{number}{wanted.suffix}")


def _take(part: Path, path: Path) -> bool:
    """Move `part` to `path` unless something is there, in one step that no other program can come between."""
    try:
        path.hardlink_to(part)
    except FileExistsError:
        return False
    except OSError:
        # FAT and some network and container file systems have no hard links; each says so in its own way.
        return _take_without_links(part, path)
    discard(part)
    return True


def _take_without_links(part: Path, path: Path) -> bool:
    try:
        path.touch(exist_ok=False)
    except FileExistsError:
        return False
    try:
        part.replace(path)
    except OSError:
        path.unlink()
        raise
    return True


def sync_folder(folder: Path) -> None:
    """Make sure that the names in a folder are on disk. Raises `OSError` where the disk fails."""
    if os.name == "nt":
        return  # Windows opens no folders; NTFS keeps a journal of names
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    except OSError as error:
        # File systems that cannot sync a folder say so in many ways; only a failing disk says EIO.
        if error.errno == errno.EIO:
            raise
    finally:
        os.close(descriptor)

"""Putting a verified picture in its place, so that a crash or another program never costs a file."""

from __future__ import annotations

import itertools
import stat
from typing import TYPE_CHECKING

from imgen.files import discard, open_regular, sync_folder
from imgen.pictures.formats import EXTENSIONS, HEAD, other_format, sniff

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


def fingerprint(path: Path) -> str | None:
    """Names the file or link at `path`, so that one put there later has another name; None where there is neither."""
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


def keep_unverified(part: Path, wanted: Path) -> Path:
    """Put a file that could not be verified beside its place, as "fox.unverified.avif"; returns where it lies.

    The extension is what its bytes look like. Never replaces a file; one with the same bytes is enough. Raises
    `OSError`.
    """
    with open_regular(part) as file:
        head = file.read(HEAD)
    format = sniff(head)
    extension = EXTENSIONS[format] if format else other_format(head).extension
    kept = wanted.with_name(f"{wanted.stem}.unverified.{extension}")
    if kept.is_file():
        import filecmp

        if filecmp.cmp(part, kept, shallow=False):
            return kept
    return place(part, kept, replaces=None)


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

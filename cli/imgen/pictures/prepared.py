"""Copies of pictures made to be sent, in a folder of ours, each named by its sha256."""

from __future__ import annotations

import hashlib
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from imgen.errors import LedgerUnusable
from imgen.files import PRIVATE, discard, make_private_folder, new_part, part_path, sync_folder

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

KEPT_SECONDS = 7 * 86_400.0
"""How long a copy stays after its last use."""


@dataclass(frozen=True, slots=True)
class Copy:
    """A file of ours: `size` in bytes, `sha256` in hexadecimal."""

    path: Path
    size: int
    sha256: str


def keep(pieces: Iterable[bytes | memoryview], folder: Path, extension: str) -> Copy:
    """Write a copy, or find the same one there already. Raises `LedgerUnusable`, and what `pieces` raises."""
    digest = hashlib.sha256()
    size = 0
    with usable(folder):
        part = part_path(folder / extension)
        with new_part(part, mode=PRIVATE) as file:
            for piece in pieces:
                file.write(piece)
                digest.update(piece)
                size += len(piece)
        path = folder / f"{digest.hexdigest()}.{extension}"
        if path.exists():
            discard(part)  # another process may be sending that file: Windows would not let it be replaced
            path.touch()
        else:
            part.replace(path)
            sync_folder(folder)
    return Copy(path, size, digest.hexdigest())


@contextmanager
def usable(folder: Path) -> Iterator[None]:
    """Make the folder of copies and write there. Raises `LedgerUnusable` where it is full, closed or another user's."""
    try:
        make_private_folder(folder)
        yield
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise LedgerUnusable(
            f"No copy of a picture can be kept in {folder}: {reason}.",
            "Nothing was sent. Free some space, mend the folder, or set IMGEN_HOME to another one.",
        ) from error


def clear(folder: Path, now: float) -> None:
    """Remove the copies that were not used for `KEPT_SECONDS`; `now` is seconds since 1970."""
    with suppress(OSError):
        for path in folder.iterdir():
            if path.stat().st_mtime < now - KEPT_SECONDS:
                path.unlink()

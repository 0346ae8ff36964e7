"""Files: written privately, in one step and on disk before anything relies on them; opened only if regular.

Everything imgen writes goes through here, so no file is ever seen half written, no link or pipe that another program
put in the way is written through, and no folder is open to other users. Functions raise `OSError` where a disk fails.
"""

from __future__ import annotations

import errno
import os
import stat
from contextlib import contextmanager, suppress
from itertools import takewhile
from typing import TYPE_CHECKING, BinaryIO

if TYPE_CHECKING:
    from collections.abc import Iterator
    from io import BufferedReader
    from pathlib import Path

PRIVATE = 0o600
"""The mode of a file for its owner only."""

SHARED = 0o666
"""The mode of a file that is made for the user, such as a picture: what their umask leaves of it."""

_PART_NAME_BYTES = 100  # of the wanted name that a part's name shows
_PART = r"(?as)\..*\.[0-9a-f]{8}\.part"
_OTHERS_WRITE = 0o022
_TO_READ = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0) | getattr(os, "O_CLOEXEC", 0)


def write(path: Path, data: bytes, *, mode: int = PRIVATE) -> None:
    """Put a whole file at `path` in one step, in place of a file or link of that name."""
    with replacement(path, mode=mode) as file:
        file.write(data)


@contextmanager
def replacement(path: Path, *, mode: int = PRIVATE) -> Iterator[BinaryIO]:
    """A new file that takes the place of `path` once the block ends; where the block fails, nothing has changed.

    A link at `path` is replaced itself, never what it points to. `mode` is as for `new_part`.
    """
    part = part_path(path)
    with new_part(part, mode=mode) as file:
        yield file
    try:
        put_in_place(part, path)
    except BaseException:
        discard(part)
        raise


def part_path(wanted: Path) -> Path:
    """A new hidden name beside `wanted`, for the bytes until they are whole; at most 120 bytes long."""
    import secrets  # 5 ms, and TAB reads this file

    shown = wanted.name.encode(errors="surrogateescape")[:_PART_NAME_BYTES].decode(errors="ignore")
    return wanted.with_name(f".{shown}.{secrets.token_hex(4)}.part")


def is_part(path: Path) -> bool:
    """Whether the path has a name that `part_path` makes; no other file is removed as a part."""
    import re

    return path.is_absolute() and re.fullmatch(_PART, path.name) is not None


@contextmanager
def new_part(part: Path, *, mode: int = SHARED) -> Iterator[BinaryIO]:
    """Write a file that must not exist yet: on disk (fsync) once the block ends, gone if the block fails.

    It is made with `mode`, less the umask. Raises `FileExistsError`, also for a symbolic link of that name.
    """
    with open_new(part, mode=mode) as file:
        try:
            yield file
            file.flush()
            os.fsync(file.fileno())
        except BaseException:
            discard(part)
            raise


def open_new(path: Path, *, mode: int = PRIVATE, buffering: int = -1) -> BinaryIO:
    """A file that must not exist yet, to be written; as `new_part`, but what is in it stays where a write fails."""
    return open(path, "xb", buffering, opener=lambda name, flags: os.open(name, flags, mode))


def put_in_place(part: Path, path: Path) -> None:
    """Give a file that is whole and synced its final name, in place of a file or link of that name."""
    part.replace(path)
    sync_folder(path.parent)


def discard(part: Path) -> None:
    """Remove a file that is not needed any more; one that cannot be removed stays."""
    with suppress(OSError):
        part.unlink()


def make_private_folder(folder: Path) -> None:
    """Make a folder and the missing ones above it, each for its owner only; one that exists stays as it is."""
    missing = takewhile(lambda each: not each.exists(), (folder, *folder.parents))
    for each in reversed(list(missing)):
        each.mkdir(mode=0o700, exist_ok=True)
        sync_folder(each.parent)
    if not folder.is_dir():
        raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR), str(folder))


def sync_folder(folder: Path) -> None:
    """Make sure that the names in a folder are on disk."""
    if os.name == "nt":
        return  # Windows opens no folders; NTFS keeps a journal of names
    try:
        descriptor = os.open(folder, os.O_RDONLY)
    except PermissionError:
        return  # one that may be written and not read cannot be synced
    try:
        os.fsync(descriptor)
    except OSError as error:
        # File systems that cannot sync a folder report it in many ways; only a failing disk reports EIO.
        if error.errno == errno.EIO:
            raise
    finally:
        os.close(descriptor)


def is_own(path: Path) -> bool:
    """Whether this user or root owns a file or folder, and the link of that name; there are no owners on Windows."""
    return os.name == "nt" or {path.lstat().st_uid, path.stat().st_uid} <= {os.geteuid(), 0}


def require_private(path: Path) -> None:
    """Refuse a file or folder that another user owns or may write, as ssh does with its own; a missing one passes.

    Raises `BadConfiguration` with the command that mends it.
    """
    if os.name == "nt":
        return
    from imgen.errors import BadConfiguration  # TAB reads this file

    try:
        own, mode = is_own(path), path.stat().st_mode
    except (FileNotFoundError, NotADirectoryError):
        return
    except OSError as error:
        raise BadConfiguration(f"{path} cannot be used: {(error.strerror or str(error)).lower()}.") from error
    if own and not mode & _OTHERS_WRITE:
        return
    from shlex import quote

    if not own:
        owner = path.stat().st_uid
        raise BadConfiguration(
            f"{path} belongs to another user (number {owner}), so nothing is read from it.",
            f"chown {os.geteuid()} {quote(str(path))}, if what is there is yours; or set IMGEN_HOME to another folder.",
        )
    raise BadConfiguration(
        f"{path} can be changed by other users, so nothing is read from it.", f"chmod go-w {quote(str(path))}"
    )


def open_regular(path: Path | str) -> BufferedReader:
    """Open a file for reading, which another program may have put there: never a pipe, a device or a socket.

    It never waits, as opening a pipe would. A link is followed. Raises `OSError`.
    """
    descriptor = os.open(path, _TO_READ)
    try:
        mode = os.fstat(descriptor).st_mode
        if stat.S_ISDIR(mode):
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
        if not stat.S_ISREG(mode):
            raise OSError(errno.EINVAL, "it is no file but a pipe or a device")
        return os.fdopen(descriptor, "rb")
    except BaseException:
        os.close(descriptor)
        raise

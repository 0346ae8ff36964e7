"""Who is alive: a process holds a lock file as long as it lives, so an obtainable lock means it is dead.

Process ids are not used: they are recycled, and they lie across containers.
"""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING

from imgen.errors import LedgerUnusable
from imgen.files import make_private_folder

if TYPE_CHECKING:
    from pathlib import Path


class Owner:
    """This process, as long as it holds its lock file below `folder`. Raises `LedgerUnusable`."""

    def __init__(self, folder: Path) -> None:
        from filelock import FileLock

        self.name = secrets.token_hex(8)
        self.folder = folder
        self._path = _lock_path(folder, self.name)
        self._lock = FileLock(self._path, mode=0o600)
        try:
            make_private_folder(folder)
            self._lock.acquire()
        except OSError as error:
            raise LedgerUnusable(
                f"The folder {folder} cannot be used: {error}.",
                "Nothing was sent. Mend the folder, or set IMGEN_HOME to another one.",
            ) from error

    def is_alive(self, name: str) -> bool:
        """Whether the process behind another owner's name still lives (or is this one)."""
        return name == self.name or is_alive(self.folder, name)

    def release(self) -> None:
        """Nothing of this process is under way any more."""
        self._lock.release()
        self._path.unlink(missing_ok=True)


def is_alive(folder: Path, name: str) -> bool:
    """Whether somebody holds the lock `name`; the file of a dead one is cleared away."""
    from filelock import FileLock, Timeout

    path = _lock_path(folder, name)
    if not path.exists():
        return False
    lock = FileLock(path, timeout=0)
    try:
        lock.acquire()
    except Timeout:
        return True
    lock.release()
    path.unlink(missing_ok=True)
    return False


def _lock_path(folder: Path, name: str) -> Path:
    return folder / f"{name}.lock"

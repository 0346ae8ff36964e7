"""The owners of jobs: a process holds a lock file while it runs, so a lock that can be taken means it has ended.

Process ids are not used: they are recycled, and they lie across containers.
"""

from __future__ import annotations

import os
import re
import secrets
import sys
from typing import TYPE_CHECKING

from imgen.errors import LedgerUnusable
from imgen.files import make_private_folder

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


_NAME = re.compile(r"[0-9a-f]{16}", re.ASCII)


class Owner:
    """A running process; jobs and pictures carry its name while it is at work on them."""

    def __init__(self, name: str, give_back: Callable[[], None]) -> None:
        self.name = name
        self._give_back = give_back

    def release(self) -> None:
        """Nothing of this process is under way any more."""
        self._give_back()


class Owners:
    """The processes at work on one ledger, each with a lock file below `folder`."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def enter(self) -> Owner:
        """A new owner, held by this process. Raises `LedgerUnusable`."""
        from imgen_providers.errors import in_words

        name = secrets.token_hex(8)
        path = self._path(name)
        try:
            make_private_folder(self._folder)
            unlock = _locked(path)
        except OSError as error:
            raise LedgerUnusable(
                f"The folder {self._folder} cannot be used: {in_words(error)}.",
                "Nothing was sent. Mend the folder, or set IMGEN_HOME to another one.",
            ) from error

        assert unlock, "no other process knows the name"

        def give_back() -> None:
            unlock()
            path.unlink(missing_ok=True)

        return Owner(name, give_back)

    def is_alive(self, name: str) -> bool:
        """Whether a process holds the lock of that name; the file of one that ended is removed."""
        path = self._path(name)
        if not _NAME.fullmatch(name) or not path.exists():  # a name of another form may lead to any file
            return False
        unlock = _locked(path)
        if unlock is None:
            return True
        unlock()
        path.unlink(missing_ok=True)
        return False

    def _path(self, name: str) -> Path:
        return self._folder / f"{name}.lock"


def _locked(path: Path) -> Callable[[], object] | None:
    """Lock a file, made where there is none; returns what unlocks it, None while another process has it locked.

    To unlock it once more does nothing. It is the lock that filelock takes, whose import would be a twentieth of a
    short run. Raises `OSError`.
    """
    if sys.platform == "win32":
        from filelock import FileLock, Timeout

        lock = FileLock(path, timeout=0)
        try:
            lock.acquire()
        except Timeout:
            return None
        return lock.release
    import fcntl

    file = os.fdopen(os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600), "rb")
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BaseException as error:
        file.close()
        if isinstance(error, BlockingIOError):
            return None
        raise

    def unlock() -> None:
        if not file.closed:
            fcntl.flock(file, fcntl.LOCK_UN)  # also for a child that has the file open between its fork and its exec
            file.close()

    return unlock

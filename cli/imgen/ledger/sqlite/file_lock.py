"""A read-write lock on the ledger's file: shared by the processes that have it open, exclusive to replace it.

SQLite opens its write-ahead log by name. A file that is moved away while another process has it open takes the log
of the new one with it when that process ends, and with the log what was committed (sqlite.org/howtocorrupt.html 4.2).
Windows itself moves no file that is open, so there is no lock there.
"""

from __future__ import annotations

import os
import sys
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_RETRY = 0.02  # seconds between two tries to take the exclusive lock


class InUse(Exception):
    """Another process has the ledger open."""


class Hold:
    """The shared lock: until it is released the file is not replaced. Waits for an exclusive one. Raises `OSError`."""

    def __init__(self, ledger: Path) -> None:
        self._descriptor: int | None = _opened(ledger)
        try:
            _lock(self._descriptor, alone=False)
        except BaseException:
            self.release()
            raise

    def release(self) -> None:
        """The file is not open here any more."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None


@contextmanager
def alone(ledger: Path, patience: float) -> Iterator[None]:
    """The exclusive lock: no process has the ledger open. Raises `InUse` after `patience` seconds, and `OSError`."""
    end = time.monotonic() + patience
    descriptor = _opened(ledger)
    try:
        while True:
            try:
                _lock(descriptor, alone=True)
                break
            except BlockingIOError:
                if time.monotonic() > end:
                    raise InUse from None
                time.sleep(_RETRY)
        yield
    finally:
        os.close(descriptor)


def _opened(ledger: Path) -> int:
    return os.open(ledger.with_suffix(".in-use"), os.O_RDWR | os.O_CREAT, 0o600)


def _lock(descriptor: int, *, alone: bool) -> None:
    """Waits for the shared lock; for the other one raises `BlockingIOError` at once."""
    if sys.platform != "win32":
        import fcntl

        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB if alone else fcntl.LOCK_SH)

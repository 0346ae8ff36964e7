"""One run at a time on one manifest, across the processes that share a ledger."""

from __future__ import annotations

import hashlib
import os
from contextlib import contextmanager
from typing import TYPE_CHECKING

from imgen.errors import ExitCode, ImgenError, LedgerUnusable
from imgen.files import make_private_folder

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

_LOOK = 0.1  # seconds between two tries


class RunUnderWay(ImgenError):
    """Another run on the same manifest did not end in time; nothing was sent."""

    exit_code = ExitCode.UNFINISHED
    code = "run_under_way"


@contextmanager
def alone(folder: Path, manifest: Path, note: Callable[[str], None], *, timeout: float | None) -> Iterator[None]:
    """Hold the lock of a manifest, in a folder of ours, and wait for a run that holds it; at most `timeout` seconds.

    The lock ends with its process, however that ends. Raises `RunUnderWay` and `LedgerUnusable`.
    """
    from filelock import FileLock, Timeout

    name = hashlib.sha256(os.fsencode(os.path.realpath(manifest))).hexdigest()[:32]
    try:
        make_private_folder(folder)
        lock = FileLock(folder / f"{name}.lock", mode=0o600)
        try:
            lock.acquire(timeout=0)
        except Timeout:
            note(f"Another imgen batch works on {manifest.name}: waiting for it to end.")
            lock.acquire(timeout=-1 if timeout is None else timeout, poll_interval=_LOOK)
    except Timeout as error:
        raise RunUnderWay(
            f"Another imgen batch works on {manifest.name}, and did not end in {timeout:g} s. Nothing was sent.",
            "Run it again once that one has ended; a longer --timeout waits longer.",
        ) from error
    except OSError as error:
        raise LedgerUnusable(
            f"The folder {folder} cannot be used: {(error.strerror or str(error)).lower()}.",
            "Nothing was sent. Mend the folder, or set IMGEN_HOME to another one.",
        ) from error
    try:
        yield
    finally:
        lock.release()

"""Ledgers in a file and in a database: opened by their place, and kept busy by another thread."""

from __future__ import annotations

import tempfile
import threading
import time
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from imgen.ledger.ledger import Ledger
from imgen.ledger.postgres.address import parse
from imgen.ledger.postgres.ledger import PostgresLedger

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


class Opens(Protocol):
    """Opens the test's ledger once more, as another process does; `now` is its clock where it is another one."""

    def __call__(self, now: Callable[[], float] | None = None) -> Ledger:
        """A further ledger on the same database."""
        ...


def open_at(place: str, folder: Path | None = None, now: Callable[[], float] | None = None) -> Ledger:
    """The ledger in a file, or in a database by its URL; there a time is the database's unless `now` is given."""
    if "://" in place:
        return PostgresLedger(parse(place, {}), folder or Path(tempfile.gettempdir()), now)
    return Ledger(Path(place), now or time.time)


@contextmanager
def being_written(ledger: Ledger) -> Iterator[None]:
    """Another thread is in the middle of a write to this ledger, which is undone."""
    begun, over = threading.Event(), threading.Event()

    def write() -> None:
        with suppress(InterruptedError), ledger._database.write():
            begun.set()
            over.wait(30.0)
            raise InterruptedError
        ledger.close()

    thread = threading.Thread(target=write)
    thread.start()
    assert begun.wait(10.0)
    try:
        yield
    finally:
        over.set()
        thread.join()

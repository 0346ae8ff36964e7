"""The connections of one process to a ledger: a bounded number, each with a thread only while it reads or writes."""

from __future__ import annotations

import threading
import weakref
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from imgen.ledger.postgres import trouble
from imgen.ledger.postgres.schema import check

if TYPE_CHECKING:
    import psycopg

    from imgen.ledger.postgres.address import Address

    Raw = psycopg.Connection[dict[str, Any]]

MOST = 8  # of one process: a worker has thirty threads, and a server may take a hundred connections


class Pool:
    """At most `most` connections, opened when they are needed and checked to fit this program."""

    def __init__(self, address: Address, most: int = MOST) -> None:
        self._address = address
        self._free = threading.BoundedSemaphore(most)
        self._idle: list[Raw] = []
        weakref.finalize(self, _close, self._idle)  # a thread may give one back after the ledger was closed
        self.reached = False
        """Whether a connection ever came about: a server that was there is waited for."""

    def take(self) -> Raw:
        """A connection that no other thread has, until it is given back. Raises `LedgerUnusable`."""
        self._free.acquire()
        try:
            return self._idle_one() or self._new()
        except BaseException:
            self._free.release()
            raise

    def give(self, raw: Raw) -> None:
        """It is not needed any more; one that was lost, or is in the middle of a transaction, is dropped."""
        from psycopg.pq import TransactionStatus

        if raw.closed or raw.info.transaction_status is not TransactionStatus.IDLE:
            raw.close()
        else:
            self._idle.append(raw)
        self._free.release()

    def clear(self) -> None:
        """Close those that no thread has."""
        _close(self._idle)

    def _idle_one(self) -> Raw | None:
        with suppress(IndexError):
            return self._idle.pop()
        return None

    def _new(self) -> Raw:
        from psycopg import OperationalError

        raw = connect(self._address)
        try:
            check(raw, self._address)
        except OperationalError as error:
            if raw.closed:  # a pooler takes connections also while its server is away
                raise trouble.not_connected(self._address, error) from None
            raw.close()
            raise
        except BaseException:
            raw.close()
            raise
        self.reached = True
        return raw


def _close(idle: list[Raw]) -> None:
    with suppress(IndexError):
        while True:
            idle.pop().close()


def connect(address: Address) -> Raw:
    """A connection that commits each statement by itself. Raises `NotConnected`."""
    import psycopg
    from psycopg.rows import dict_row

    try:
        return psycopg.connect(
            address.conninfo,
            autocommit=True,
            prepare_threshold=None,
            row_factory=dict_row,
            cursor_factory=psycopg.ClientCursor,
        )
    except psycopg.Error as error:
        raise trouble.not_connected(address, error) from None  # its text may quote the password

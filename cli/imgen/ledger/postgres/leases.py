"""The owners of jobs on many machines: a process is alive while it renews its lease, by the database's clock alone.

An owner's name is for the life of its process, whatever becomes of its connections. After the database itself was
away, each has one lease to come back.
"""

from __future__ import annotations

import secrets
import socket
import threading
from contextlib import suppress
from typing import TYPE_CHECKING

from imgen import __version__
from imgen.errors import LedgerUnusable
from imgen.ledger.sqlite.owners import Owner

if TYPE_CHECKING:
    from imgen.ledger.postgres.database import PostgresDatabase, Transaction

LEASE = 10.0  # seconds
_RENEW = 3.0  # seconds
_KEEP = 86_400.0  # seconds that the row of an ended process stays, for `imgen fleet status`


def alive(name: str) -> str:
    """The condition that the lease of an owner has not ended; `name` is the column, or `?`, with its name."""
    return (
        f"EXISTS (SELECT 1 FROM owner WHERE owner.name = {name}"  # noqa: S608  (our own)
        f" AND greatest(owner.seen, pg_postmaster_start_time()) > clock_timestamp() - make_interval(secs => {LEASE}))"
    )


_ENTER = (
    "INSERT INTO owner (name, host, version) VALUES (?, ?, ?) ON CONFLICT (name) DO UPDATE SET seen = clock_timestamp()"
)
_RENEW_CLAIMS = "UPDATE result SET claim_until = ? WHERE job_id = ? AND number = ? AND fetcher = ?"


class Leases:
    """The processes at work on one ledger, and the pictures that this one is saving right now."""

    def __init__(self, database: PostgresDatabase, own: PostgresDatabase) -> None:
        """`own` has a connection for this alone: a lease is renewed also while all others wait for the ledger."""
        self._database = database
        self._own = own
        self._host = socket.gethostname()
        self._claims: set[tuple[str, int]] = set()

    def enter(self) -> Owner:
        """A new owner, whose lease a thread renews until it is released or the process ends."""
        name = secrets.token_hex(8)
        for table in ("owner", "writer"):
            old = f"DELETE FROM {table} WHERE seen < clock_timestamp() - make_interval(secs => ?)"  # noqa: S608
            self._own.touch(old, (_KEEP,))
        self.renew(name)
        released = threading.Event()
        threading.Thread(target=self._keep, args=(name, released), name="lease", daemon=True).start()

        def give_back() -> None:
            released.set()
            with suppress(LedgerUnusable):  # then it ends by itself
                self._own.touch("DELETE FROM owner WHERE name = ?", (name,))
            self._own.close()

        return Owner(name, give_back)

    def is_alive(self, name: str) -> bool:
        """Whether the lease of that name has not ended."""
        return bool(self._database.read(f"SELECT 1 WHERE {alive('?')}", (name,)))

    def renew(self, name: str, write: Transaction | None = None) -> None:
        """The process is at work: its lease begins anew. Raises `LedgerUnusable`."""
        values = (name, self._host, __version__)
        if write:
            write.execute(_ENTER, values)
        else:
            self._own.touch(_ENTER, values)

    # Claims ---------------------------------------------------------------------------------------------------

    def claim_ends(self) -> float:
        """When a claim of now ends, in seconds since 1970."""
        return self._database.now() + LEASE

    def hold(self, job_id: str, number: int) -> None:
        """This process is saving a picture: its claim is renewed with the lease."""
        self._claims.add((job_id, number))

    def let_go(self, job_id: str, number: int) -> None:
        """It is not saving it any more: the claim ends by itself, even where the ledger cannot be reached now."""
        self._claims.discard((job_id, number))

    def _keep(self, name: str, released: threading.Event) -> None:
        """Renew the lease, and the claims in hand, until it is released: the work of a thread of its own."""
        while not released.wait(_RENEW):
            with suppress(LedgerUnusable):  # the server is away: what it missed begins once it is back
                self.renew(name)
                for job_id, number in tuple(self._claims):
                    self._own.touch(_RENEW_CLAIMS, (self._own.now() + LEASE, job_id, number, name))

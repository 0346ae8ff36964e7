"""A ledger on PostgreSQL made or upgraded, as its owner decides; no other command changes its tables."""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING

from imgen.errors import UsageProblem
from imgen.ledger.postgres import trouble
from imgen.ledger.postgres.leases import LEASE
from imgen.ledger.postgres.pool import connect
from imgen.ledger.postgres.schema import bring_up_to_date

if TYPE_CHECKING:
    from collections.abc import Callable

    from imgen.ledger.postgres.address import Address
    from imgen.ledger.postgres.schema import Raw

_ONE_AT_A_TIME = "SELECT pg_advisory_xact_lock(hashtext('imgen'))"


def set_up(address: Address, *, time_zone: str = "UTC", also: Callable[[Raw], None] | None = None) -> int:
    """Make the ledger, or take the steps an older one has not seen; returns how many were taken.

    `also` is a part of the same transaction, in which the schema of the job queue is there. Days begin by
    `time_zone`, such as "Europe/Berlin", once the ledger is made. Raises `LedgerUnusable`, and `UsageProblem` for a
    time zone that the database does not know.
    """
    from psycopg import Error, errors

    with closing(connect(address)) as raw:
        try:
            with raw.transaction():
                raw.execute(_ONE_AT_A_TIME)
                raw.execute("SELECT now() AT TIME ZONE %s AS here", (time_zone,))
                taken = bring_up_to_date(raw, address, time_zone)
                raw.execute(f"CREATE SCHEMA IF NOT EXISTS {address.engine_schema}")
                if also:
                    also(raw)
        except errors.InvalidParameterValue:
            raise UsageProblem(
                f"The database knows no time zone {time_zone!r}.", "It has a name such as Europe/Berlin, or UTC."
            ) from None
        except Error as error:
            raise trouble.unusable(address, error) from error
    return taken


def hosts_at_work(address: Address) -> list[str]:
    """The machine of each process whose lease has not ended. Raises `LedgerUnusable`."""
    from psycopg import Error

    with closing(connect(address)) as raw:
        try:
            rows = raw.execute(
                f"SELECT host FROM {address.schema}.owner WHERE greatest(seen, pg_postmaster_start_time())"  # noqa: S608
                " > clock_timestamp() - make_interval(secs => %s)",
                (LEASE,),
            ).fetchall()
        except Error as error:
            raise trouble.unusable(address, error) from error
    return [row["host"] for row in rows]

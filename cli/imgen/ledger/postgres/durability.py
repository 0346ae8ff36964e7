"""Whether the server keeps what it commits: a job that is paid must not be forgotten by a crash, or by a failover.

https://www.postgresql.org/docs/current/runtime-config-wal.html and runtime-config-replication.html (read 2026-11-26).
"""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING, NamedTuple

from imgen.ledger.postgres import trouble
from imgen.ledger.postgres.pool import connect

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from imgen.ledger.postgres.address import Address

_NAMES = ("fsync", "full_page_writes", "synchronous_commit", "synchronous_standby_names")
_SETTINGS = "SELECT name, setting FROM pg_settings WHERE name = ANY (%s)"
_STANDBYS = "SELECT count(*) AS standbys FROM pg_stat_replication"  # each user sees that there is one


class Weakness(NamedTuple):
    """How a commit may be forgotten, in a sentence, and what to do.

    `is_grave` is whether a crash of the server is enough; otherwise it takes a failover, or no commit of imgen's own.
    """

    message: str
    hint: str
    is_grave: bool


def weaknesses(address: Address) -> list[Weakness]:
    """Every way in which the ledger's server may forget what it has committed. Raises `LedgerUnusable`."""
    from psycopg import Error

    with closing(connect(address)) as raw:
        try:
            found = {row["name"]: row["setting"] for row in raw.execute(_SETTINGS, (list(_NAMES),))}
            counted = raw.execute(_STANDBYS).fetchone()
        except Error as error:
            raise trouble.unusable(address, error) from error
    return list(_of_settings(f"The database {address.shown}", found, counted["standbys"] if counted else 0))


def _of_settings(server: str, settings: Mapping[str, str], standbys: int) -> Iterator[Weakness]:
    if settings.get("fsync") == "off":
        yield Weakness(
            f"{server} does not wait for its disk (fsync = off): after a crash of its machine, a job that is paid may"
            " be forgotten.",
            _step("fsync"),
            is_grave=True,
        )
    if settings.get("full_page_writes") == "off":
        yield Weakness(
            f"{server} writes parts of pages (full_page_writes = off): after a crash of its machine, the ledger may be"
            " damaged.",
            _step("full_page_writes"),
            is_grave=True,
        )
    if settings.get("synchronous_commit") == "off":
        yield Weakness(
            f"{server} reports a commit before it is on disk (synchronous_commit = off). imgen turns that on for each"
            " commit of its ledger; what others write there may be forgotten.",
            _step("synchronous_commit"),
            is_grave=False,
        )
    if standbys and not settings.get("synchronous_standby_names"):
        follow = "1 standby follows" if standbys == 1 else f"{standbys} standbys follow"
        yield Weakness(
            f"{follow} the database, and none is synchronous: after a failover, a job that is paid may be forgotten.",
            "Name one in synchronous_standby_names. After a failover, compare imgen status with the lists of services.",
            is_grave=False,
        )


def _step(setting: str) -> str:
    return f"As its administrator: ALTER SYSTEM SET {setting} = on; SELECT pg_reload_conf();"

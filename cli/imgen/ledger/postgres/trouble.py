"""What can go wrong with the database of a ledger, each with its own sentence; none quotes a password or a row."""

from __future__ import annotations

from typing import TYPE_CHECKING

from imgen.errors import LedgerUnusable
from imgen.installation import installation

if TYPE_CHECKING:
    import psycopg

    from imgen.ledger.postgres.address import Address

_NOTHING = "Nothing was sent."
_STARTING = "is starting up"
_POOLER_WAITS = "server login has been failing"  # pgbouncer's own words, until it asks its server again

# Of a connection that never came about there is no code, only the server's own sentence.
_REFUSED: tuple[tuple[str, str, str], ...] = (
    (
        "password authentication failed",
        "does not take the password of this user",
        "Put the right one into IMGEN_LEDGER or the password file.",
    ),
    (
        "no password supplied",
        "asks for a password, and none was given",
        "Put it into IMGEN_LEDGER, or into a password file that PGPASSFILE names.",
    ),
    ("no pg_hba.conf entry", "does not let this user in from this machine", "Mend its pg_hba.conf."),
    ("root certificate file", "cannot be verified: there is no file with certificates to trust", "Set sslrootcert."),
    ("certificate verify failed", "shows a certificate that this machine does not trust", "Set sslrootcert."),
    ("does not match host name", "shows a certificate for another host", "Use the name that the certificate has."),
    ("does not support SSL", "does not encrypt", "Turn TLS on there; only on a network you trust: sslmode=disable."),
    ("too many clients", "has no connection left", "Raise its max_connections, or put pgbouncer before it."),
    ("remaining connection slots", "has no connection left", "Raise max_connections, or put pgbouncer before it."),
    ("could not translate host name", "is at a host that is not known", "Mend the host in IMGEN_LEDGER."),
    ("failed to resolve host", "is at a host that is not known", "Mend the host in IMGEN_LEDGER."),
    (_STARTING, "is starting up", "Try again in a moment."),
    (
        _POOLER_WAITS,
        "is behind a pooler that does not reach it",
        "Is it running? Once it is, the pooler tries again by itself.",
    ),
    ("is shutting down", "is shutting down", "Try again once it runs."),
    ("Connection refused", "cannot be reached: nothing answers there", "Start the database, or mend IMGEN_LEDGER."),
    ("No such file or directory", "cannot be reached: nothing answers there", "Start it, or mend IMGEN_LEDGER."),
    ("timeout expired", "does not answer", "Is it running, and does a firewall let this machine through?"),
    ("definition of service", "is named by a service that no service file has", "Mend PGSERVICEFILE or the name."),
)


class NotConnected(LedgerUnusable):
    """No connection came about; `soon` is whether the server said that it will take one in a moment."""

    soon = False


def not_connected(address: Address, error: psycopg.Error) -> NotConnected:
    """The ledger's server let no connection come about."""
    text = " ".join(address.without_secrets(str(error)).split())
    if 'database "' in text and "does not exist" in text:
        return NotConnected(
            f"The ledger {address.shown} is in a database that does not exist there.",
            f"{_NOTHING} Make it (createdb), then:\nimgen fleet init",
        )
    for sign, meaning, step in _REFUSED:
        if sign in text:
            found = NotConnected(f"The ledger {address.shown} {meaning}.", f"{_NOTHING} {step}")
            found.soon = sign in (_STARTING, _POOLER_WAITS)
            return found
    return NotConnected(f"The ledger {address.shown} cannot be opened: {text}.", f"{_NOTHING} Mend IMGEN_LEDGER.")


def not_initialised(address: Address) -> LedgerUnusable:
    """There is a database, and no ledger in it."""
    return LedgerUnusable(
        f"There is no ledger at {address.shown} yet (no schema {address.schema}).",
        f"{_NOTHING} Once, by its owner:\nimgen fleet init",
    )


def newer(address: Address, found: int, known: int) -> LedgerUnusable:
    """The ledger was written by a newer program."""
    return LedgerUnusable(
        f"The ledger {address.shown} was written by a newer imgen (its format is {found}, this one knows {known}).",
        f"{_NOTHING} Upgrade imgen:\n{installation().upgraded()}",
    )


def older(address: Address, found: int, known: int) -> LedgerUnusable:
    """The ledger was made by an older program, and is upgraded by a person's decision alone."""
    return LedgerUnusable(
        f"The ledger {address.shown} is of an older imgen (its format is {found}, this one needs {known}).",
        f"{_NOTHING} Once every older imgen is stopped:\nimgen fleet upgrade",
    )


def too_old(address: Address, least: str, this: str) -> LedgerUnusable:
    """This program is older than the ledger takes."""
    return LedgerUnusable(
        f"The ledger {address.shown} takes imgen {least} and newer, and this is {this}.",
        f"{_NOTHING} Upgrade imgen:\n{installation().upgraded()}",
    )


def unusable(address: Address, error: psycopg.Error) -> LedgerUnusable:
    """A statement failed, or its connection was lost."""
    from psycopg import errors

    where = f"The ledger {address.shown}"
    match error:
        case errors.IntegrityError():
            said = error.diag.message_primary or "it is refused"
            return LedgerUnusable(
                f"imgen tried to record what its ledger does not take: {said}. This is a bug.",
                f"Neither {address.shown} nor its disk is the cause. Please report it.",
            )
        case errors.ReadOnlySqlTransaction():
            return LedgerUnusable(f"{where} can only be read.", f"{_NOTHING} Is it a standby, or set to read only?")
        case errors.DiskFull() | errors.OutOfMemory():
            return LedgerUnusable(f"{where} is full.", "Free some space there, then run the command again.")
        case errors.InsufficientPrivilege():
            return LedgerUnusable(
                f"{where} may not be used by this database user.", "Grant it the rights to the schema, then try again."
            )
        case errors.UndefinedTable() | errors.InvalidSchemaName() | errors.UndefinedColumn():
            return not_initialised(address)
        case errors.LockNotAvailable():
            return LedgerUnusable(f"{where} was busy for too long.", "Run the command again.")
        case _ if "recovery" in str(error):
            return LedgerUnusable(f"{where} can only be read: it is a standby.", f"{_NOTHING} Name the primary.")
        case _:
            said = error.diag.message_primary or str(error)
            text = " ".join(address.without_secrets(said).split())
            return LedgerUnusable(f"{where} cannot be used: {text}.", "Run the command again once it can be.")

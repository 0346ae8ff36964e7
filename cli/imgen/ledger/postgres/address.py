"""Where a ledger on PostgreSQL is: a URL as libpq takes it, read so that its password is never printed.

The password stands in the URL, in a password file or in a service file, all as libpq has it:
https://www.postgresql.org/docs/current/libpq-connect.html (read 2026-11-26).
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import SplitResult, parse_qsl, quote, urlencode, urlsplit

from imgen.errors import BadConfiguration
from imgen.installation import installation

if TYPE_CHECKING:
    from collections.abc import Mapping

DEFAULT_SCHEMA = "imgen"
EXAMPLE = "export IMGEN_LEDGER=postgresql://imgen@db.example.com/imgen"

_SCHEMES = ("postgresql", "postgres")
_NAME = re.compile(r"[a-z_][a-z0-9_]{0,39}", re.ASCII)
_USUAL: Mapping[str, str] = {
    "application_name": "imgen",
    "connect_timeout": "5",  # seconds
    # A peer that is gone without a word is noticed within 20 s; a query would wait for it for ever.
    "keepalives_idle": "10",
    "keepalives_interval": "5",
    "keepalives_count": "2",
    "tcp_user_timeout": "20000",  # milliseconds
}


@dataclass(frozen=True, slots=True)
class Address:
    """One ledger: what libpq needs to connect (a secret), the schema with its tables, and what may be printed of it."""

    conninfo: str = field(repr=False)
    schema: str
    shown: str
    secrets: tuple[str, ...] = field(repr=False, default=())

    @property
    def engine_schema(self) -> str:
        """The schema with the tables of the job queue."""
        return f"{self.schema}_engine"

    def without_secrets(self, text: str) -> str:
        """A text without the password, for what libpq or the server may quote."""
        for secret in sorted(self.secrets, key=len, reverse=True):
            text = text.replace(secret, "***")
        return text


def parse(url: str, environ: Mapping[str, str]) -> Address:
    """The ledger at a URL; `schema` in its query names another schema than `imgen`.

    `environ` is what libpq reads beside it. Raises `BadConfiguration`, which never quotes the URL.
    """
    try:
        from psycopg import Error
        from psycopg.conninfo import conninfo_to_dict, make_conninfo
    except ImportError:
        raise BadConfiguration(
            "A ledger on PostgreSQL needs the extra fleet, which is not installed.", installation().with_extra("fleet")
        ) from None
    parts = _split(url)
    own = dict(parse_qsl(parts.query, keep_blank_values=True))
    schema = own.pop("schema", DEFAULT_SCHEMA)
    if not _NAME.fullmatch(schema):
        raise BadConfiguration("The schema of a ledger is a short name of small letters, digits and _.", EXAMPLE)
    try:
        # libpq takes no + for a space.
        given = conninfo_to_dict(f"{url.partition('?')[0]}?{urlencode(own, quote_via=quote)}")
    except Error:
        raise BadConfiguration("The URL of the ledger is not one that PostgreSQL's library takes.", EXAMPLE) from None
    found = {name: str(value) for name, value in given.items() if value is not None}
    password = found.get("password") or environ.get("PGPASSWORD") or ""
    secrets = {password, quote(password, safe=""), found.get("sslpassword", "")} - {""}
    options = {**_USUAL, **found, **_encryption(found, environ)}
    return Address(make_conninfo("", **options), schema, _shown(found, schema), tuple(secrets))


def _split(url: str) -> SplitResult:
    try:
        parts = urlsplit(url)
    except ValueError:
        parts = None
    if parts is None or parts.scheme not in _SCHEMES:
        raise BadConfiguration("The ledger's URL is not of PostgreSQL: it begins with postgresql://", EXAMPLE)
    if parts.fragment:
        raise BadConfiguration("The ledger's URL has a # in it: in a password it is written as %23.", EXAMPLE)
    return parts


def _encryption(found: Mapping[str, str], environ: Mapping[str, str]) -> dict[str, str]:
    """The server proves who it is, unless it is on this machine or the user decided otherwise."""
    service = _service(found.get("service") or environ.get("PGSERVICE"), environ)
    if found.get("sslmode") or service.get("sslmode") or environ.get("PGSSLMODE"):
        return {}
    hosts = found.get("host") or found.get("hostaddr") or service.get("host") or service.get("hostaddr")
    hosts = hosts or environ.get("PGHOST") or environ.get("PGHOSTADDR")
    if hosts is None or all(map(_is_here, hosts.split(","))):
        return {}
    return {"sslmode": "verify-full", **_roots(found, service, environ)}


def _roots(found: Mapping[str, str], service: Mapping[str, str], environ: Mapping[str, str]) -> dict[str, str]:
    """The certificates to trust: libpq's own choice where there is one, else those that come with imgen."""
    if found.get("sslrootcert") or service.get("sslrootcert") or environ.get("PGSSLROOTCERT"):
        return {}
    if (Path(environ.get("HOME") or "/") / ".postgresql" / "root.crt").exists():
        return {}
    import certifi

    return {"sslrootcert": certifi.where()}


def _is_here(host: str) -> bool:
    from imgen_providers.addresses import is_loopback_host

    return host.startswith(("/", "@")) or not host or is_loopback_host(host)


def _service(name: str | None, environ: Mapping[str, str]) -> dict[str, str]:
    """What a service file has of a service: only where the server is and how it is reached matters here."""
    if not name:
        return {}
    from configparser import ConfigParser, Error

    named = environ.get("PGSERVICEFILE") or str(Path(environ.get("HOME") or "/") / ".pg_service.conf")
    system = Path(environ.get("PGSYSCONFDIR") or "/etc/postgresql-common") / "pg_service.conf"
    for path in (named, system):
        reader = ConfigParser(interpolation=None, strict=False, delimiters=("=",), comment_prefixes=("#",))
        try:
            reader.read(path)
        except (Error, OSError, UnicodeDecodeError):  # libpq reports what is wrong with it
            continue
        if reader.has_section(name):
            return dict(reader.items(name))
    return {}


def _shown(found: Mapping[str, str], schema: str) -> str:
    """The URL without user, password and parameters."""
    if service := found.get("service"):
        where = f"postgresql:///?service={service}"
    else:
        host, port, name = found.get("host", ""), found.get("port"), found.get("dbname", "")
        where = f"postgresql://{host}{f':{port}' if port else ''}/{name}"
    if schema == DEFAULT_SCHEMA:
        return where
    return f"{where}{'&' if '?' in where else '?'}schema={schema}"

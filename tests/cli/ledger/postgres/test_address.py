"""A ledger's URL: what libpq is given, whom it trusts, and that no part of it that is secret is printed."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from psycopg.conninfo import conninfo_to_dict

from imgen.errors import BadConfiguration
from imgen.ledger.postgres.address import parse

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

SECRET = "not-a-real-password"


def options(url: str, environ: Mapping[str, str] | None = None) -> dict[str, object]:
    return dict(conninfo_to_dict(parse(url, environ or {}).conninfo))


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://imgen@127.0.0.1/imgen",
        "postgresql://imgen@localhost:5433/imgen",
        "postgresql://imgen@[::1]/imgen",
        "postgresql:///imgen",
        "postgresql:///imgen?host=/var/run/postgresql",
        "postgres://localhost/",
    ],
)
def test_on_this_machine_nothing_is_encrypted(url: str) -> None:
    assert "sslmode" not in options(url)


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://imgen@db.example.com/imgen",
        "postgresql://imgen@127.0.0.1,db.example.com/imgen",
        "postgresql:///imgen?host=db.example.com",
        "postgresql:///imgen?hostaddr=192.0.2.7",
    ],
)
def test_elsewhere_the_server_proves_who_it_is(url: str) -> None:
    found = options(url)

    assert found["sslmode"] == "verify-full"
    assert str(found["sslrootcert"]).endswith(".pem")


def test_the_environment_and_service_files_name_a_server_elsewhere_too(tmp_path: Path) -> None:
    services = tmp_path / "services"
    services.write_text(
        "# ours\n[studio]\nhost=db.example.com\n\n[here]\nhost=localhost\n[bare]\nsslmode=disable\nhost=x\n"
    )
    environ = {"PGSERVICEFILE": str(services)}

    assert options("postgresql:///imgen", {"PGHOST": "db.example.com"})["sslmode"] == "verify-full"
    assert options("postgresql:///?service=studio", environ)["sslmode"] == "verify-full"
    assert options("postgresql:///", {**environ, "PGSERVICE": "studio"})["sslmode"] == "verify-full"
    assert "sslmode" not in options("postgresql:///?service=here", environ)
    assert "sslmode" not in options("postgresql:///?service=bare", environ)


@pytest.mark.parametrize(
    ("url", "environ"),
    [
        ("postgresql://db.example.com/imgen?sslmode=require", {}),
        ("postgresql://db.example.com/imgen", {"PGSSLMODE": "require"}),
    ],
)
def test_what_the_user_decided_stays(url: str, environ: dict[str, str]) -> None:
    assert options(url, environ).get("sslmode") in (None, "require")


def test_the_users_own_certificates_are_the_ones_to_trust(tmp_path: Path) -> None:
    (tmp_path / ".postgresql").mkdir()
    (tmp_path / ".postgresql" / "root.crt").touch()

    assert "sslrootcert" not in options("postgresql://db.example.com/imgen", {"HOME": str(tmp_path)})
    given = options("postgresql://db.example.com/imgen?sslrootcert=system")
    assert (given["sslmode"], given["sslrootcert"]) == ("verify-full", "system")


def test_a_schema_is_part_of_the_url_and_never_of_what_libpq_gets() -> None:
    address = parse("postgresql://localhost/imgen?schema=studio&connect_timeout=3", {})

    assert (address.schema, address.engine_schema) == ("studio", "studio_engine")
    assert address.shown == "postgresql://localhost/imgen?schema=studio"
    assert options("postgresql://localhost/imgen?schema=studio&connect_timeout=3")["connect_timeout"] == "3"
    assert parse("postgresql://localhost/imgen", {}).schema == "imgen"


@pytest.mark.parametrize(
    "url",
    [
        f"mysql://imgen:{SECRET}@db/imgen",
        f"imgen:{SECRET}@db",
        f"postgresql://imgen:{SECRET}@db/imgen?nope=1",
        f"postgresql://imgen:{SECRET}@db/imgen?schema=Robert'); DROP TABLE job; --",
        f"postgresql://imgen:{SECRET}@db/imgen?schema=",
        f"postgresql://imgen:{SECRET}#1@db/imgen",
        f"postgresql://imgen:{SECRET}@[db/imgen",
    ],
)
def test_one_that_is_none_is_refused_and_not_quoted(url: str) -> None:
    with pytest.raises(BadConfiguration) as refused:
        parse(url, {})

    shown_text = f"{refused.value.message} {refused.value.hint} {refused.value!r} {refused.value.__cause__}"
    assert SECRET not in shown_text
    assert "postgresql://" in shown_text


@pytest.mark.parametrize(
    "url",
    [
        f"postgresql://imgen:{SECRET}@localhost:5433/imgen",
        f"postgresql:///imgen?host=localhost&port=5433&user=imgen&password={SECRET}",
        f"postgresql://imgen:{SECRET}%2F%40%23@localhost:5433/imgen",
    ],
)
def test_a_password_is_never_printed(url: str) -> None:
    address = parse(url, {})

    assert SECRET not in f"{address} {address!r} {address.shown}"
    assert address.shown == "postgresql://localhost:5433/imgen"
    assert SECRET in address.conninfo
    assert SECRET not in address.without_secrets(f"cannot connect to {url} with {address.conninfo}")

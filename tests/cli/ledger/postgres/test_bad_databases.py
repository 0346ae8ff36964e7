"""A database that cannot be used: each with its own sentence, the next step, exit code 12, and nothing sent."""

from __future__ import annotations

import os
from contextlib import closing
from typing import TYPE_CHECKING, LiteralString

import psycopg
import pytest

from cli.drafts import draft
from imgen import __version__
from imgen.errors import ExitCode, LedgerUnusable, UsageProblem
from imgen.installation import installation
from imgen.ledger.postgres.address import parse
from imgen.ledger.postgres.schema import MIGRATIONS
from imgen.ledger.postgres.setup import set_up

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    import postgres
    from cli.ledger.postgres.conftest import Fleet

FORMAT = len(MIGRATIONS)


def change(url: str, *statements: LiteralString) -> str:
    """Do something to a database behind imgen's back; returns where it is."""
    with closing(psycopg.connect(url, autocommit=True)) as connection:
        for statement in statements:
            connection.execute(statement)
    return url


def as_user(url: str, user: str) -> str:
    return url.replace("//imgen@", f"//{user}@")


BAD: dict[str, tuple[Callable[[str], str], str, str]] = {
    "no server": (
        lambda url: "postgresql://imgen@127.0.0.1:1/imgen",
        r"cannot be reached: nothing answers there\.",
        "Start the database",
    ),
    "no host": (
        lambda url: "postgresql://imgen@no-such-host.invalid/imgen?sslmode=disable",
        r"is at a host that is not known\.",
        "Mend the host",
    ),
    "no socket": (
        lambda url: "postgresql:///imgen?host=/nonexistent",
        r"cannot be reached: nothing answers there\.",
        "Start it",
    ),
    "no such database": (
        lambda url: f"{url}_nope",
        r"is in a database that does not exist there\.",
        "imgen fleet init",
    ),
    "wrong password": (
        lambda url: as_user(url, "guarded:not-the-password"),
        r"does not take the password of this user\.",
        "IMGEN_LEDGER or the password file",
    ),
    "no password": (
        lambda url: as_user(url, "guarded"),
        r"asks for a password, and none was given\.",
        "PGPASSFILE",
    ),
    "no rights": (
        lambda url: as_user(url, "guarded:not-a-real-password"),
        r"may not be used by this database user\.",
        "Grant it the rights",
    ),
    "another schema": (
        lambda url: f"{url}?schema=studio",
        r"There is no ledger at .*schema=studio yet \(no schema studio\)\.",
        "imgen fleet init",
    ),
    "no ledger": (
        lambda url: change(url, "DROP SCHEMA imgen CASCADE"),
        r"There is no ledger at .* yet \(no schema imgen\)\.",
        "imgen fleet init",
    ),
    "half made": (
        lambda url: change(url, "DELETE FROM imgen.meta"),
        r"There is no ledger at",
        "imgen fleet init",
    ),
    "a newer format": (
        lambda url: change(url, "UPDATE imgen.meta SET format = format + 1"),
        rf"was written by a newer imgen \(its format is {FORMAT + 1}, this one knows {FORMAT}\)\.",
        f"Upgrade imgen:\n{installation().upgraded()}",
    ),
    "an older format": (
        lambda url: change(url, "UPDATE imgen.meta SET format = format - 1"),
        rf"is of an older imgen \(its format is {FORMAT - 1}, this one needs {FORMAT}\)\.",
        "imgen fleet upgrade",
    ),
    "an old program": (
        lambda url: change(url, "UPDATE imgen.meta SET least_program = '999.1'"),
        rf"takes imgen 999\.1 and newer, and this is {__version__}\.",
        installation().upgraded(),
    ),
}


@pytest.mark.parametrize("which", BAD)
def test_a_ledger_that_cannot_be_opened_has_its_own_sentence(machine: Fleet, postgres_url: str, which: str) -> None:
    bad, sentence, step = BAD[which]
    ledger = machine(bad(postgres_url))

    for use in (ledger.jobs.open, ledger.new_owner, lambda: ledger.jobs.plan([draft("one")], "me", resubmit=False)):
        with pytest.raises(LedgerUnusable, match=sentence) as refused:
            use()

        assert refused.value.exit_code is ExitCode.NOT_SAVED
        assert step in str(refused.value.hint)
        assert "Nothing was sent" in str(refused.value.hint) or which == "no rights"
        assert "password" not in refused.value.message.replace("does not take the password", "").replace(
            "asks for a password", ""
        )


def test_a_read_only_ledger_is_read_and_says_so_when_it_is_to_be_written(
    machine: Fleet, postgres_server: postgres.Server, postgres_url: str
) -> None:
    machine().jobs.plan([draft("one")], "me", resubmit=False)
    postgres_server.admin(f"ALTER DATABASE {postgres_url.rpartition('/')[2]} SET default_transaction_read_only = on")
    ledger = machine()

    assert [job.id for job in ledger.jobs.open()] == ["one"]
    with pytest.raises(LedgerUnusable, match=r"can only be read\.") as refused:
        ledger.jobs.submitting("one")
    assert "Nothing was sent" in str(refused.value.hint)


def test_a_full_disk_is_said_and_nothing_is_half_recorded(machine: Fleet, postgres_url: str) -> None:
    """A function of the database stands for its disk: PostgreSQL reports a full one as this error."""
    change(
        postgres_url,
        "CREATE FUNCTION imgen.full() RETURNS trigger LANGUAGE plpgsql AS"
        " $$ BEGIN RAISE EXCEPTION 'could not extend file' USING ERRCODE = 'disk_full'; END $$",
        "CREATE TRIGGER full_disk BEFORE INSERT ON imgen.job FOR EACH ROW WHEN (NEW.id = 'two')"
        " EXECUTE FUNCTION imgen.full()",
    )
    ledger = machine()

    with pytest.raises(LedgerUnusable, match=r"is full\.") as refused:
        ledger.jobs.plan([draft("one"), draft("two", prompt="2")], "me", resubmit=False)

    assert "Free some space" in str(refused.value.hint)
    assert ledger.jobs.open() == []


def test_two_fleets_in_one_database_know_nothing_of_each_other(machine: Fleet, postgres_url: str) -> None:
    other_url = f"{postgres_url}?schema=studio"
    set_up(parse(other_url, {}))
    ours, other = machine(), machine(other_url)

    ours.jobs.plan([draft("one")], "me", resubmit=False)
    other.jobs.plan([draft("one"), draft("two", prompt="2")], "me", resubmit=False)
    with ours.write():  # neither waits for the other
        assert other.jobs.submitting("one")

    assert [job.id for job in ours.jobs.open()] == ["one"]
    assert ours.jobs.submitting("one")


def test_setting_up_twice_changes_nothing(machine: Fleet, postgres_url: str) -> None:
    machine().jobs.plan([draft("one")], "me", resubmit=False)

    assert set_up(parse(postgres_url, {}), time_zone="Asia/Tokyo") == 0

    assert [job.id for job in machine().jobs.open()] == ["one"]
    with psycopg.connect(postgres_url) as connection:
        assert connection.execute("SELECT time_zone FROM imgen.meta").fetchone() == ("Europe/Berlin",)


def test_a_time_zone_that_does_not_exist_is_refused_and_makes_nothing(machine: Fleet, postgres_url: str) -> None:
    url = f"{postgres_url}?schema=studio"

    with pytest.raises(UsageProblem, match="no time zone 'Europe/Nowhere'"):
        set_up(parse(url, {}), time_zone="Europe/Nowhere")
    with pytest.raises(LedgerUnusable, match="There is no ledger"):
        machine(url).jobs.open()


def test_a_ledger_of_a_newer_program_is_not_set_up_again(postgres_url: str) -> None:
    change(postgres_url, "UPDATE imgen.meta SET format = format + 1")

    with pytest.raises(LedgerUnusable, match="newer imgen"):
        set_up(parse(postgres_url, {}))


@pytest.mark.parametrize("place", ["the URL", "a password file", "a service file"])
def test_a_password_is_where_libpq_takes_it(
    machine: Fleet,
    postgres_server: postgres.Server,
    postgres_url: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    place: str,
) -> None:
    change(postgres_url, "GRANT ALL ON SCHEMA imgen TO guarded", "GRANT ALL ON ALL TABLES IN SCHEMA imgen TO guarded")
    url, database = as_user(postgres_url, "guarded"), postgres_url.rpartition("/")[2]
    host, port = postgres_server.host, postgres_server.port
    match place:
        case "the URL":
            url = as_user(postgres_url, "guarded:not-a-real-password")
        case "a password file":
            (tmp_path / "passwords").write_text(f"{host}:{port}:*:guarded:not-a-real-password\n")
            (tmp_path / "passwords").chmod(0o600)
            monkeypatch.setenv("PGPASSFILE", str(tmp_path / "passwords"))
        case _:
            (tmp_path / "services").write_text(
                f"[fleet]\nhost={host}\nport={port}\ndbname={database}\nuser=guarded\npassword=not-a-real-password\n"
            )
            monkeypatch.setenv("PGSERVICEFILE", str(tmp_path / "services"))
            url = "postgresql:///?service=fleet"

    assert machine(url).jobs.open() == []


def test_a_server_elsewhere_is_believed_by_its_certificate_alone(
    machine: Fleet, postgres_server: postgres.Server, postgres_url: str
) -> None:
    """The certificate is for localhost, and of an authority of this test."""
    assert postgres_server.folder
    authority = postgres_server.folder / "ca.pem"
    by_name = postgres_url.replace("127.0.0.1", "localhost")

    assert machine(f"{by_name}?sslmode=verify-full&sslrootcert={authority}").jobs.open() == []
    for url, sentence in (
        (f"{by_name}?sslmode=verify-full&sslrootcert={os.devnull}", "cannot be|does not trust"),
        (f"{postgres_url}?sslmode=verify-full&sslrootcert={authority}", "for another host"),
        (f"{by_name}?sslmode=verify-full&sslrootcert=/nonexistent", "no file with certificates"),
    ):
        with pytest.raises(LedgerUnusable, match=sentence):
            machine(url).jobs.open()

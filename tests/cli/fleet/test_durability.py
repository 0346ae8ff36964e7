"""A database that may forget what it commits: each way with its own sentence and step, before a paid job is sent."""

from __future__ import annotations

import os
import secrets
import shutil
import subprocess
from typing import TYPE_CHECKING

import pytest

import postgres
from cli.fleet.test_program import run
from cli.program.program import KEY, Program, until
from imgen.errors import ExitCode

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture(scope="module")
def server() -> Iterator[postgres.Server]:
    """A server whose settings this test may change."""
    found = postgres.running(secrets.token_hex(6), os.getpid())
    if found.folder is None:
        pytest.skip("the server that IMGEN_TEST_POSTGRES names is not ours to change")
    yield found
    found.control("-m", "immediate", "stop")


@pytest.fixture
def here(server: postgres.Server, tmp_path: Path) -> Iterator[Program]:
    """A worker with a key of a service; the settings of its server are as they were at the end."""
    desk = tmp_path / "desk"
    desk.mkdir()
    url = server.make(f"test_{secrets.token_hex(8)}")
    variables = {"IMGEN_LEDGER": url, "IMGEN_STORE": f"file://{tmp_path / 'store'}", "REAPI_API_KEY": KEY}
    yield Program(tmp_path / "home", desk, variables)
    server.admin("ALTER SYSTEM RESET ALL")
    server.admin("SELECT pg_reload_conf()")


def configured(server: postgres.Server, setting: str, value: str) -> None:
    """The server goes by a setting."""
    server.admin(f"ALTER SYSTEM SET {setting} = {value}")
    server.admin("SELECT pg_reload_conf()")


GRAVE = {"fsync": "does not wait for its disk (fsync = off)", "full_page_writes": "(full_page_writes = off)"}


@pytest.mark.parametrize("setting", GRAVE)
def test_what_a_crash_of_the_server_may_forget_is_not_paid_for(
    server: postgres.Server, here: Program, setting: str
) -> None:
    configured(server, setting, "off")

    made = run(here, "fleet", "init")
    status = run(here, "fleet", "status")
    [weakness] = run(here, "fleet", "status", "--json").json["fleet"]["weaknesses"]
    refused = run(here, "work", "--until-idle", code=ExitCode.KEY)
    played = run(here, "work", "--until-idle", "--sandbox")

    step = f"ALTER SYSTEM SET {setting} = on; SELECT pg_reload_conf();"
    for text in (made.stderr, status.stdout.decode(), refused.stderr, played.stderr):
        assert GRAVE[setting] in text
        assert step in text
    assert GRAVE[setting] in weakness
    assert "Nothing was sent." in refused.stderr


def test_commits_that_do_not_wait_are_reported_and_imgens_own_wait(server: postgres.Server, here: Program) -> None:
    configured(server, "synchronous_commit", "off")
    run(here, "fleet", "init")

    worked = run(here, "work", "--until-idle")

    assert "(synchronous_commit = off). imgen turns that on for each commit of its ledger" in worked.stderr


def test_a_standby_that_is_not_synchronous_is_reported(server: postgres.Server, here: Program) -> None:
    run(here, "fleet", "init")
    assert "standby" not in run(here, "fleet", "status").stdout.decode()
    folder = postgres.memory() / f"imgen-standby-{secrets.token_hex(6)}"
    folder.mkdir()
    postgres.own(folder)
    stream = ["-h", server.host, "-p", str(server.port), "-U", server.user, "-D", str(folder), "--no-loop"]

    def sentence() -> bool:
        return "1 standby follows the database, and none is synchronous" in run(here, "fleet", "status").stdout.decode()

    with subprocess.Popen(postgres.as_postgres(postgres.binary("pg_receivewal"), *stream)) as standby:
        try:
            until(sentence)
            worked = run(here, "work", "--until-idle")
            configured(server, "synchronous_standby_names", "'pg_receivewal'")
            until(lambda: not sentence())
        finally:
            server.admin("ALTER SYSTEM RESET ALL")
            server.admin("SELECT pg_reload_conf()")
            standby.terminate()
    shutil.rmtree(folder)
    assert "after a failover, a job that is paid may be forgotten" in worked.stderr


def test_nothing_is_said_of_a_server_that_keeps_what_it_commits(here: Program) -> None:
    made = run(here, "fleet", "init")
    worked = run(here, "work", "--until-idle")

    assert "try:" not in made.stderr + worked.stderr

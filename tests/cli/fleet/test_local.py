"""The PostgreSQL that `imgen fleet try` brings along: it runs while it is used, and no longer."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path
from urllib.parse import urlsplit

import psycopg
import pytest

from cli.program.program import until
from imgen.errors import BadConfiguration
from imgen.fleet.local import local_postgres, require_fleet_local
from imgen.installation import installation


@pytest.mark.parametrize("package", ["psycopg", "procrastinate", "obstore"])
def test_without_its_extra_the_one_that_it_needs_is_named(package: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, package, None)

    with pytest.raises(BadConfiguration, match="needs the extra fleet-local") as refused:
        require_fleet_local()

    assert refused.value.hint == installation().with_extra("fleet-local")


_USER = """
import sys
from imgen.fleet.local import local_postgres
with local_postgres() as server:
    print(server.folder, flush=True)
    sys.stdin.read()
"""


def test_it_asks_for_its_password_and_is_gone_afterwards() -> None:
    with local_postgres() as server:
        with psycopg.connect(server.url) as connection:
            [version] = connection.execute("SELECT current_setting('fsync')").fetchone() or [None]
        password = urlsplit(server.url).password
        assert password
        with pytest.raises(psycopg.OperationalError):
            psycopg.connect(server.url.replace(password, "another"))

    assert version == "on"
    assert not server.folder.exists()
    with pytest.raises(psycopg.OperationalError):
        psycopg.connect(server.url)
    assert password not in repr(server)


@pytest.mark.parametrize("end", [signal.SIGKILL, signal.SIGINT])
def test_it_ends_with_the_process_that_uses_it(end: signal.Signals) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", _USER], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as user:
        assert user.stdout
        folder = Path(user.stdout.readline().strip())
        server = int((folder / "data" / "postmaster.pid").read_text().split()[0])
        user.send_signal(end)
        user.wait(20)

        until(lambda: not Path(f"/proc/{server}").exists())

"""PostgreSQL for tests: one server for all workers of a run, started when a test first needs it, and always stopped.

Debian's package, or the `initdb` on the PATH, run as a user without rights; or the server that IMGEN_TEST_POSTGRES
names, as a URL of a user who may create databases. A server is stopped by a small process that watches pytest's own,
so it ends also where a worker, or pytest, is killed. Its files are in memory where there is room: a killed
process loses nothing there either, and a commit waits for no disk.
"""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import psycopg
import pytest
import trustme
from filelock import FileLock

from imgen.ledger.postgres.address import parse
from imgen.ledger.postgres.setup import set_up

if TYPE_CHECKING:
    from collections.abc import Iterator

CI = os.environ.get("CI") == "true"
GIVEN = os.environ.get("IMGEN_TEST_POSTGRES")
TEMPLATE = "imgen_template"
_ROOM = 4 * 1024**3  # bytes
TIME_ZONE = "Europe/Berlin"

# Two users for whom the server asks for a password, over TCP: `guarded` has no rights, `member` those of the owner.
_HBA = "host all guarded,member 127.0.0.1/32 scram-sha-256\n"
_SETTINGS = """
listen_addresses = '127.0.0.1'
port = {port}
unix_socket_directories = '{folder}'
ssl = on
max_connections = 200
max_wal_size = 256MB
"""
_WATCH = """
import os, subprocess, sys, time
while True:
    try:
        os.kill(int(sys.argv[1]), 0)
    except ProcessLookupError:
        break
    time.sleep(0.5)
subprocess.run(sys.argv[2:])
"""
# It ends its own child, never a number: once a process is gone, its number may be another one's.
_GUARD = """
import subprocess, sys
child = subprocess.Popen(sys.argv[1:], stdin=subprocess.DEVNULL)
sys.stdin.read()
child.kill()
child.wait()
"""


@dataclass(frozen=True)
class Server:
    """A running server; `folder` is None where it is not ours to stop."""

    host: str
    port: int
    folder: Path | None
    user: str = "imgen"

    def url(self, database: str) -> str:
        """Where a database on it is."""
        return f"postgresql://{self.user}@{self.host}:{self.port}/{database}"

    @property
    def log(self) -> Path:
        """What the server printed."""
        assert self.folder
        return self.folder / "log"

    def control(self, *arguments: str) -> None:
        """Stop it, start it, or restart it: `pg_ctl` with these arguments."""
        assert self.folder
        data = str(self.folder / "data")
        subprocess.run(
            as_postgres(binary("pg_ctl"), "-D", data, "-l", str(self.log), "-w", "-s", *arguments), check=True
        )

    def make(self, database: str, template: str = TEMPLATE) -> str:
        """A new database, and its URL."""
        self.admin(f"CREATE DATABASE {database} TEMPLATE {template}")
        return self.url(database)

    def empty(self, database: str) -> None:
        """Take every job out of a ledger, and end what is connected to it: in a sixth of the time of a new database."""
        with closing(psycopg.connect(self.url(database), autocommit=True)) as connection:
            connection.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                " WHERE datname = current_database() AND pid <> pg_backend_pid()"
            )
            found = connection.execute(
                "SELECT format('DELETE FROM %I.%I', schemaname, tablename) FROM pg_tables"
                " WHERE schemaname = 'imgen' AND tablename <> 'meta' ORDER BY tablename = 'job'"
            )
            for (statement,) in found.fetchall():
                connection.execute(statement)
            connection.execute("ALTER TABLE imgen.job ALTER rowid RESTART")

    def drop(self, database: str) -> None:
        """Remove a database, whatever is connected to it."""
        self.admin(f"DROP DATABASE IF EXISTS {database} WITH (FORCE)")

    def admin(self, statement: str) -> None:
        """Run one statement outside of any test's database."""
        with closing(psycopg.connect(self.url("postgres"), autocommit=True)) as connection:
            connection.execute(statement)


def binary(name: str) -> str:
    """One of the server's programs, of the newest version that is installed."""
    versions = sorted(Path("/usr/lib/postgresql").glob(f"*/bin/{name}"), key=lambda path: float(path.parts[-3]))
    return program(name, *map(str, versions[-1:]))


def program(name: str, *places: str) -> str:
    """A program at one of the places or on the PATH; without it the test is skipped, but never on a build server."""
    found = next((place for place in places if Path(place).exists()), None) or shutil.which(name)
    if found is None:
        why = f"there is no {name}, and IMGEN_TEST_POSTGRES names no server (apt-get install postgresql pgbouncer)"
        if CI:
            pytest.fail(why)
        pytest.skip(why)
    return found


def as_postgres(*command: str) -> list[str]:
    """The command as a user without rights: neither the server nor pgbouncer runs as root."""
    if os.name == "nt" or os.getuid() != 0:
        return list(command)
    changed = ["setpriv", "--reuid=postgres", "--regid=postgres", "--init-groups", "env", "-i"]
    return [*changed, "PATH=/usr/bin:/bin", "LC_ALL=C.UTF-8", *command]


def running(run: str, pytest_id: int) -> Server:
    """The server of this run of pytest, started by the first of its workers that needs it."""
    if GIVEN:
        return _given(GIVEN)
    folder = memory() / f"imgen-postgres-{run}"
    with FileLock(f"{folder}.lock"):
        noted = folder / "server.json"
        if not noted.exists():
            server = started(folder, pytest_id)
            noted.write_text(json.dumps({"port": server.port}))
        return Server("127.0.0.1", json.loads(noted.read_text())["port"], folder)


def started(folder: Path, pytest_id: int) -> Server:
    """A new server with its files in a folder, which ends with a process of pytest."""
    server = Server("127.0.0.1", free_port(), folder)
    _start(server, pytest_id)
    server.make(TEMPLATE, "template0")
    set_up(parse(server.url(TEMPLATE), {}), time_zone=TIME_ZONE)
    return server


def memory() -> Path:
    """Where the files of a server are."""
    shared = Path("/dev/shm")
    roomy = shared.is_dir() and shutil.disk_usage(shared).free > _ROOM
    return shared if roomy else Path(tempfile.gettempdir())


def watched(pytest_id: int, *command: str) -> None:
    """Run a command once the process has ended."""
    watch = [sys.executable, "-c", _WATCH, str(pytest_id), *command]
    subprocess.run(["sh", "-c", 'setsid "$@" </dev/null >/dev/null 2>&1 &', "sh", *watch], check=True)


@contextmanager
def guarded(*command: str) -> Iterator[None]:
    """Run a program that ends with this block, and also where this process is killed within it."""
    with subprocess.Popen(
        [sys.executable, "-c", _GUARD, *command],
        stdin=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    ):
        yield


def _start(server: Server, pytest_id: int) -> None:
    folder = server.folder
    assert folder
    folder.mkdir(mode=0o700)
    own(folder)
    data = str(folder / "data")
    flags = ["-U", "imgen", "--auth=trust", "--encoding=UTF8", "--no-locale", "--no-sync"]
    subprocess.run(as_postgres(binary("initdb"), "-D", data, *flags), check=True, capture_output=True, cwd=folder)
    rules = folder / "data" / "pg_hba.conf"
    rules.write_text(_HBA + rules.read_text())
    authority = trustme.CA()
    certificate = authority.issue_cert("localhost")
    authority.cert_pem.write_to_path(folder / "ca.pem")
    certificate.private_key_pem.write_to_path(folder / "data" / "server.key")
    for number, part in enumerate(certificate.cert_chain_pems):
        part.write_to_path(folder / "data" / "server.crt", append=number > 0)
    (folder / "data" / "server.key").chmod(0o600)
    own(folder / "data" / "server.key")
    stop = as_postgres(binary("pg_ctl"), "-D", data, "-s", "-m", "immediate", "stop")
    watched(pytest_id, "sh", "-c", '"$@"; rm -rf "$0" "$0.lock"', str(folder), *stop)
    with (folder / "data" / "postgresql.conf").open("a") as settings:
        settings.write(_SETTINGS.format(port=server.port, folder=folder))
    server.control("start")
    server.admin("CREATE ROLE guarded LOGIN PASSWORD 'not-a-real-password'")
    server.admin("CREATE ROLE member LOGIN PASSWORD 'not-a-real-password' IN ROLE imgen")


def own(path: Path) -> None:
    """Give a file to the user without rights."""
    if os.name != "nt" and os.getuid() == 0:
        shutil.chown(path, "postgres", "postgres")


def _given(url: str) -> Server:
    found = psycopg.conninfo.conninfo_to_dict(url)
    return Server(str(found["host"]), int(found.get("port") or 5432), None, str(found.get("user") or "postgres"))


def free_port() -> int:
    with closing(socket.socket()) as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])

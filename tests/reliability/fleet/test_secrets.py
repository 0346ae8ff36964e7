"""Nothing that a fleet prints, keeps on its disks or gives to the queue holds a key, a password or a signed link."""

from __future__ import annotations

from contextlib import closing
from dataclasses import replace
from typing import TYPE_CHECKING

import psycopg
import pytest

from cli.program.program import Program
from imgen.errors import ExitCode
from imgen_providers.sandbox.server import SandboxServer
from reliability.fleet.fleet import keyless, write_manifest

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

KEY = "a-key-of-this-test-0123456789"
PASSWORD = "not-a-real-password"  # of a user that this run of PostgreSQL has
SIGNED = "signature="


class Machines:
    """A laptop without keys, a worker with all of them, and what they print."""

    def __init__(self, folder: Path, url: str, origin: str) -> None:
        desk = folder / "desk"
        desk.mkdir()
        variables = {
            "IMGEN_LEDGER": url.replace("//imgen@", f"//member:{PASSWORD}@"),
            "IMGEN_STORE": f"file://{folder / 'store'}",
        }
        self.worker = Program(folder / "home of the worker", desk, variables).at(origin, KEY)
        self.laptop = replace(keyless(self.worker), home=folder / "home of the laptop")
        self.printed = ""

    def run(self, here: Program, *arguments: str) -> int:
        """Run one command, and keep what it prints."""
        ended = here.run(*arguments)
        self.printed += f"$ imgen {' '.join(arguments)}\n{ended.stdout.decode()}{ended.stderr}\n"
        return ended.code


@pytest.fixture
def machines(tmp_path: Path, postgres_url: str) -> Iterator[Machines]:
    """With services that take one key alone, and sign the link of each picture with it."""
    with SandboxServer(tmp_path / "far side", seconds=0.3, key=KEY) as server:
        yield Machines(tmp_path, postgres_url, server.origin)


@pytest.mark.timeout(120)
def test_no_key_no_password_and_no_signed_link_is_printed_or_kept(
    machines: Machines, tmp_path: Path, postgres_url: str
) -> None:
    laptop, worker = machines.laptop, machines.worker
    write_manifest(laptop.cwd / "assets.toml", ["a fox", "an owl"], "3daistudio")
    work = ("work", "--until-idle", "--poll-every", "0.05", "-v")

    assert machines.run(laptop, "fleet", "init") == 0
    assert machines.run(worker, "generate", "a fox", "-p", "3daistudio", "--dry-run", "-v") == 0
    assert machines.run(laptop, "batch", "--queue", "-v") == 0
    with closing(psycopg.connect(postgres_url, autocommit=True)) as connection:
        queued = connection.execute("SELECT args FROM imgen_engine.procrastinate_jobs").fetchall()
    refused = replace(worker, variables={**worker.variables, "THREEDAISTUDIO_API_KEY": f"{KEY}-and-wrong"})
    assert machines.run(refused, *work) == ExitCode.KEY
    with closing(psycopg.connect(postgres_url, autocommit=True)) as connection:  # given back for half a minute
        connection.execute("UPDATE imgen_engine.procrastinate_jobs SET scheduled_at = NULL")
    assert machines.run(worker, *work) == 0
    for command in (["fleet", "status"], ["fleet", "status", "--json"], ["status", "--json"], ["costs", "--json"]):
        assert machines.run(laptop, *command) == 0
    assert machines.run(laptop, "batch", "--collect", "-v") == 0
    away = worker.variables["IMGEN_LEDGER"].replace(f":{PASSWORD}@", f":{PASSWORD}-and-wrong@")
    assert (
        machines.run(replace(worker, variables={**worker.variables, "IMGEN_LEDGER": away}), *work) == ExitCode.NOT_SAVED
    )

    assert [list(args) for (args,) in queued] == [["job_id"]] * 2, "the queue knows ids alone"
    assert "/sandbox/pictures/" in machines.printed, "each picture was fetched, and -v shows it"
    files = [path for path in tmp_path.rglob("*") if path.is_file() and "far side" not in path.parts]
    kept = {path: path.read_bytes() for path in files}
    assert any(path.suffix == ".png" for path in kept)
    for secret in (KEY, PASSWORD, SIGNED):
        assert secret not in machines.printed, secret
        assert [path for path, data in kept.items() if secret.encode() in data] == [], secret

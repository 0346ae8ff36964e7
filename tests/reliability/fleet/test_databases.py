"""Databases that a fleet meets: behind pgbouncer, read-only for a while, full, and made by a newer imgen."""

from __future__ import annotations

import os
import random
import shutil
import subprocess
import tempfile
import time
from contextlib import closing
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import psycopg
import pytest

import postgres
from cli.drafts import draft
from cli.ledger.postgres.test_pgbouncer import pooled
from imgen.errors import ExitCode
from imgen.fleet.engine import FORMAT, Engine
from imgen.ledger.postgres.address import parse
from imgen.ledger.postgres.leases import LEASE
from imgen.records import State
from reliability.fleet.fleet import Fleet, count, fleet, until
from reliability.fleet.test_kills import check, work_under_fire
from reliability.fleet.test_upkeep import change

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

ROOM = 200  # MiB of the disk that is filled


@pytest.mark.fleet
@pytest.mark.timeout(900)
def test_workers_are_killed_behind_pgbouncer_and_so_is_pgbouncer(
    tmp_path: Path, print_report: Callable[[str, object], None]
) -> None:
    assets, chance = 80, random.Random(11)
    with (
        fleet(tmp_path, seconds=2.0) as here,
        pooled(here.server, here.url, connections=12, login_retry=15) as (url, restart_pooler),
    ):
        here.variables["IMGEN_LEDGER"] = url
        here.order([f"fox {number}" for number in range(assets)])
        kills = work_under_fire(here, 3, 4, ["fast"], chance, (0.5, 2.0))
        restart_pooler()
        kills += work_under_fire(here, 1, 4, ["immediate"], chance, (0.5, 2.0))
        here.until_idle(300.0)
        found = count(here)

    print_report("fleet", ("behind pgbouncer in transaction mode, itself killed once", kills, asdict(found)))
    check(found, assets)


@pytest.mark.fleet
@pytest.mark.timeout(400)
def test_a_database_that_is_read_only_for_two_leases(
    tmp_path: Path, print_report: Callable[[str, object], None]
) -> None:
    """As a standby is, until it is promoted."""
    with fleet(tmp_path, seconds=1.0) as here:
        here.order([f"fox {number}" for number in range(60)])
        for _ in range(2):
            here.start("--concurrency", "4")
        until(lambda: len(here.far.arrivals()) > 12)
        _read_only(here, "on")
        time.sleep(2 * LEASE)
        asked = len(here.far.arrivals())
        refused = here.laptop.run("batch", "assets.toml", "--queue", "--force", "art/0.png")
        _read_only(here, "off")
        here.until_idle(200.0)
        found = count(here)

    print_report("fleet", (f"read-only for {2 * LEASE:.0f} s", 0, asdict(found)))
    assert asked < 60
    assert refused.code == ExitCode.NOT_SAVED
    assert "can only be read" in refused.stderr
    check(found, 60)
    assert found.uncertain == 0


def _read_only(here: Fleet, setting: str) -> None:
    """Let no session of the database write from now on, those that are there among them."""
    name = here.url.rpartition("/")[2]
    here.server.admin(f"ALTER DATABASE {name} SET default_transaction_read_only = {setting}")
    here.server.admin(
        f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{name}' AND pid <> pg_backend_pid()"
    )


@pytest.fixture
def small_disk() -> Iterator[Path]:
    """A disk of its own, which can be filled."""
    if os.name == "nt" or os.getuid() != 0:
        pytest.skip("only root makes a disk of a given size")
    disk = Path(tempfile.mkdtemp(prefix="imgen-disk-"))
    made = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={ROOM}m", "imgen", str(disk)], capture_output=True, text=True
    )
    if made.returncode:
        disk.rmdir()
        pytest.skip(f"this machine lets no disk be mounted: {made.stderr.strip()}")
    disk.chmod(0o755)
    try:
        yield disk
    finally:
        subprocess.run(["umount", "--lazy", str(disk)], check=True)
        disk.rmdir()


@pytest.mark.fleet
@pytest.mark.timeout(400)
def test_a_database_whose_disk_is_full_for_a_while(
    tmp_path: Path, small_disk: Path, print_report: Callable[[str, object], None]
) -> None:
    server = postgres.started(small_disk / "postgres", os.getpid())
    with fleet(tmp_path, server, seconds=1.0) as here:
        here.order([f"fox {number}" for number in range(60)])
        for _ in range(2):
            here.start("--concurrency", "4")
        until(lambda: len(here.far.arrivals()) > 12)
        filling = small_disk / "what fills it"
        filling.write_bytes(bytes(shutil.disk_usage(small_disk).free))
        until(lambda: not _writes(here))
        asked = len(here.far.arrivals())
        time.sleep(LEASE)
        filling.unlink()
        if not _writes(here):
            here.restart("immediate")
        here.until_idle(200.0)
        found = count(here)

    print_report("fleet", (f"a full disk of the database, {asked} sent before", 0, asdict(found)))
    assert asked < 60
    check(found, 60)


def _writes(here: Fleet) -> bool:
    """Whether the database takes a megabyte."""
    try:
        change(here, "CREATE TABLE IF NOT EXISTS public.filling (piece text)")
        change(here, "INSERT INTO public.filling SELECT md5(random()::text) FROM generate_series(1, 30000)")
    except psycopg.Error:
        return False
    return True


@pytest.mark.timeout(120)
def test_an_old_worker_sends_nothing_in_a_new_fleet(tmp_path: Path) -> None:
    """Whether it starts after the upgrade, or was there before; and it fetches no job of another format."""
    with fleet(tmp_path, seconds=0.2) as here:
        old = here.start()
        here.order(["one"])
        here.until_idle(60.0)
        change(here, "UPDATE imgen.meta SET least_program = '999.0'")
        here.server.admin(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid()"
            f" AND datname = '{here.url.rpartition('/')[2]}'"
        )
        refused = here.laptop.run("batch", "assets.toml", "--queue", "--force", "art/0.png")
        late = here.start("--until-idle")
        assert late.process.wait(60.0) == ExitCode.NOT_SAVED
        change(here, "UPDATE imgen.meta SET least_program = '0.1.0'")
        _queue_of_a_newer_program(here, "newer")
        here.order(["two"], name="two.toml")
        until(lambda: {job.request.prompt: job.state for job in here.jobs()}["two"] is State.SAVED)
        assert old.runs, "it goes on once it may"
        asked, jobs = here.far.arrivals(), here.jobs()

    assert refused.code == ExitCode.NOT_SAVED
    assert "takes imgen 999.0 and newer" in refused.stderr
    assert {prompt: len(moments) for prompt, moments in asked.items()} == {"one": 1, "two": 1}
    assert [(job.state, job.owner) for job in jobs if job.request.prompt == "newer"] == [(State.PLANNED, None)]


def _queue_of_a_newer_program(here: Fleet, prompt: str) -> None:
    """A job for workers of a later format."""
    engine, one = Engine(parse(here.url, {})), draft(prompt, prompt=prompt, origin=here.far.origin)
    with closing(here.ledger()) as ledger, ledger.write() as write:
        planned = ledger.jobs.plan([one], None, resubmit=False)
        ledger.queue.deferred(write, engine.defer_all(write.raw, {f"{one.provider}/{FORMAT + 1}": planned}))

"""The disk is full, or the ledger breaks, at the worst moments: nothing is bought twice, and every sentence helps."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
import threading
from contextlib import ExitStack, closing, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest

from cli.jobs.bench import Bench
from imgen.errors import ExitCode, LedgerDamaged, LedgerUnusable
from imgen.records import JobRecord, State

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

PICTURES = "GET /sandbox/pictures"


@dataclass(frozen=True, slots=True)
class Disk:
    """A small file system of its own."""

    folder: Path

    def fill(self) -> None:
        """Take all of its space."""
        with (self.folder / "filler").open("ab", buffering=0) as filler:
            for size in (65536, 512):
                with suppress(OSError):
                    while True:
                        filler.write(bytes(size))
        assert os.statvfs(self.folder).f_bavail == 0

    def lock(self) -> None:
        """No user may write there, not even root."""
        subprocess.check_call(["mount", "-o", "remount,ro", self.folder])

    def unlock(self) -> None:
        """Everybody may again."""
        subprocess.check_call(["mount", "-o", "remount,rw", self.folder])

    def free(self) -> None:
        """Give it back."""
        (self.folder / "filler").unlink()


@pytest.fixture
def disks(tmp_path: Path) -> Iterator[dict[str, Disk]]:
    """The folder of the ledger and the one of the pictures, each on a disk of 4 MB."""
    if sys.platform != "linux" or os.geteuid() != 0:
        pytest.skip("only root on Linux may mount a small disk")
    with ExitStack() as at_the_end:
        made = {name: Disk(tmp_path / name) for name in ("home", "out")}
        for disk in made.values():
            disk.folder.mkdir()
            mounted = subprocess.run(
                ["mount", "-t", "tmpfs", "-o", "size=4m,mode=700", "tmpfs", disk.folder], capture_output=True, text=True
            )
            if mounted.returncode:
                pytest.skip(f"this machine mounts no small disk: {mounted.stderr.strip()}")
            at_the_end.callback(subprocess.check_call, ["umount", "--lazy", disk.folder])
        yield made


@pytest.fixture
def bench(disks: dict[str, Disk], tmp_path: Path) -> Iterator[Bench]:
    """A program with its ledger and its pictures on those disks."""
    with Bench(tmp_path, seconds=1.0) as opened:
        yield opened


def order(bench: Bench) -> JobRecord:
    return bench.order("a fox")[0]


def saved_later(bench: Bench, record: JobRecord) -> None:
    """After all that, the next command saves it, and it was paid once."""
    bench.clock.time += 5.0
    found = bench.session.ledger.jobs.get(record.id)
    report = bench.follow([found])
    assert report.exit_code is ExitCode.DONE
    assert [result.path and result.path.exists() for result in report.records[0].results] == [True]
    assert len(bench.requests("POST")) == 1
    with closing(sqlite3.connect(bench.config.folders.ledger)) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchone()[0] == "ok"


def test_before_the_record_nothing_is_sent(bench: Bench, disks: dict[str, Disk]) -> None:
    working = bench.work()
    disks["home"].fill()

    with pytest.raises(LedgerUnusable) as refused:
        order(bench)

    assert "there is no space left on its disk" in refused.value.message
    assert "Free some space" in str(refused.value.hint)
    assert bench.log == []
    disks["home"].free()
    assert bench.session.ledger.jobs.open() == []
    working.close()


def test_before_the_submit_nothing_is_sent(bench: Bench, disks: dict[str, Disk]) -> None:
    record = order(bench)
    disks["home"].fill()

    report = bench.follow([record])

    assert report.exit_code is ExitCode.NOT_SAVED
    assert "cannot be used" in report.problems[record.id].message
    assert bench.log == []
    disks["home"].free()
    bench.restart()
    assert bench.session.ledger.jobs.get(record.id).state is State.CANCELLED


def test_a_remote_id_that_cannot_be_recorded_is_said_with_the_way_back(bench: Bench, disks: dict[str, Disk]) -> None:
    record = order(bench)
    bench.just_before["POST"] = disks["home"].fill

    report = bench.follow([record])

    remote = next((bench.folder / "sandbox" / "jobs").glob("*.json")).stem
    assert report.exit_code is ExitCode.NOT_SAVED
    assert f"3D AI Studio accepted the job as {remote}" in report.problems[record.id].message
    assert f"imgen wait {record.id} --remote {remote}" in str(report.problems[record.id].hint)
    disks["home"].free()
    bench.restart()
    doubtful = bench.session.ledger.jobs.get(record.id)
    assert doubtful.state is State.UNCERTAIN
    bench.work().attach(doubtful, remote)
    saved_later(bench, record)


def test_a_picture_without_room_is_saved_later(bench: Bench, disks: dict[str, Disk]) -> None:
    record = order(bench)
    bench.just_before[PICTURES] = disks["out"].fill

    report = bench.follow([record])

    assert report.exit_code is ExitCode.NOT_SAVED
    problem = report.problems[record.id]
    assert "No space left on device" in problem.message
    assert problem.hint == f"imgen download {record.id} -o ELSEWHERE"
    assert [path.name for path in disks["out"].folder.iterdir()] == ["filler"], "half a picture takes no room"
    disks["out"].free()
    bench.restart()
    saved_later(bench, record)


def test_a_picture_that_cannot_be_recorded_is_there_and_named(bench: Bench, disks: dict[str, Disk]) -> None:
    record = order(bench)
    bench.just_before[PICTURES] = disks["home"].fill

    with pytest.raises(LedgerUnusable) as polled:
        bench.follow([record])

    pictures = [path for path in disks["out"].folder.iterdir() if path.suffix == ".png"]
    assert len(pictures) == 1
    assert f"{pictures[0]} is saved" in polled.value.message
    disks["home"].free()
    bench.restart()
    saved_later(bench, record)


def test_a_folder_that_became_read_only_takes_the_picture_later(bench: Bench, disks: dict[str, Disk]) -> None:
    record = order(bench)
    disks["out"].lock()

    report = bench.follow([record])

    assert report.exit_code is ExitCode.NOT_SAVED
    assert "Read-only file system" in report.problems[record.id].message
    disks["out"].unlock()
    bench.restart()
    saved_later(bench, record)


def test_a_ledger_that_became_read_only_sends_nothing(bench: Bench, disks: dict[str, Disk]) -> None:
    bench.follow([order(bench)])
    bench.session.close()
    disks["home"].lock()
    sent = len(bench.log)

    with pytest.raises(LedgerUnusable) as refused:
        bench.restart()

    assert not isinstance(refused.value, LedgerDamaged)
    assert str(bench.config.folders.ledger) in refused.value.message
    assert "Nothing was sent" in str(refused.value.hint)
    assert len(bench.log) == sent
    disks["home"].unlock()
    bench.restart()
    assert [job.state for job in bench.session.ledger.jobs.find("")] == [State.SAVED]


def test_a_ledger_that_is_damaged_between_submit_and_reply_still_says_every_remote_id(tmp_path: Path) -> None:
    with Bench(tmp_path, seconds=1.0) as bench:
        records = bench.order("a fox", provider="gmicloud", resolution="1K", count=3)

        def tear() -> None:
            with closing(sqlite3.connect(bench.config.folders.ledger)) as other:
                other.execute("PRAGMA wal_checkpoint(TRUNCATE)")
            with bench.config.folders.ledger.open("r+b") as file:
                file.seek(4096)
                file.write(b"\xa5" * 4096)

        all_here = threading.Barrier(3, action=tear)

        def meet() -> None:
            bench.just_before["POST"] = meet
            all_here.wait(timeout=30)

        bench.just_before["POST"] = meet

        with pytest.raises(LedgerUnusable) as polled:
            bench.follow(records)

        paid = [path.stem for path in (tmp_path / "sandbox" / "jobs").glob("*.json")]
        assert len(paid) == 3
        for remote in paid:
            assert f"GMI Cloud accepted the job as {remote}" in polled.value.message
            assert f"imgen wait -p gmicloud {remote}" in str(polled.value.hint)

"""Is a commit on disk before anything relies on it, when the power fails too, and does no writer wait for another's?"""

from __future__ import annotations

import errno
import os
import shutil
import subprocess
import threading
from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from cli.drafts import draft
from cli.jobs.bench import Bench
from cli.sqlite import connection_of
from imgen.errors import LedgerUnusable
from imgen.ledger.codec import INLINE
from imgen.ledger.ledger import Ledger
from imgen.ledger.sqlite import database, network_disk
from imgen.records import State

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

PATIENCE = 20.0  # seconds


class Disk:
    """Stands before the system's own sync: notes which file is synced, and calls `meanwhile` first, `then` after it."""

    def __init__(self, sync: Callable[[int], None]) -> None:
        self.sync = sync
        self.synced: list[tuple[int, int]] = []
        self.meanwhile: Callable[[], object] = lambda: None
        self.then: Callable[[], object] = lambda: None

    def __call__(self, descriptor: int) -> None:
        found = os.fstat(descriptor)
        self.synced.append((found.st_dev, found.st_ino))
        self.meanwhile()
        self.sync(descriptor)
        self.then()


@pytest.fixture
def disk(monkeypatch: pytest.MonkeyPatch) -> Disk:
    """The disk below every ledger of the test."""
    between = Disk(database._sync)
    monkeypatch.setattr(database, "_sync", between)
    return between


def log_of(ledger_path: Path) -> tuple[int, int]:
    found = ledger_path.with_name(f"{ledger_path.name}-wal").stat()
    return found.st_dev, found.st_ino


@pytest.fixture
def ledger(sqlite_ledger: Ledger) -> Ledger:
    """What follows is about SQLite's file."""
    assert sqlite_ledger.jobs.plan([draft("k3f9xy")], "me", resubmit=False) == ["k3f9xy"]
    return sqlite_ledger


def test_a_submit_is_on_disk_before_it_may_leave(ledger: Ledger, ledger_path: Path, disk: Disk) -> None:
    seen: list[State] = []

    def look() -> None:
        with closing(Ledger(ledger_path, lambda: 0.0)) as other:
            seen.append(other.jobs.get("k3f9xy").state)

    disk.meanwhile = lambda: threaded(look)

    ledger.jobs.submitting("k3f9xy")

    assert disk.synced == [log_of(ledger_path)]
    assert seen == [State.SUBMITTING], "it was committed before it was synced"


def test_no_writer_waits_for_the_disk_of_another(ledger: Ledger, disk: Disk) -> None:
    def write() -> None:
        disk.meanwhile = lambda: None
        ledger.jobs.plan([draft("z2z2z2")], "me", resubmit=True)
        ledger.close()

    disk.meanwhile = lambda: threaded(write)

    ledger.jobs.submitting("k3f9xy")

    assert ledger.jobs.get("z2z2z2").state is State.PLANNED


def test_a_disk_that_fails_is_a_ledger_that_cannot_be_used(ledger: Ledger, disk: Disk) -> None:
    def fail() -> None:
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    disk.meanwhile = fail

    with pytest.raises(LedgerUnusable, match="Input/output error"):
        ledger.jobs.submitting("k3f9xy")


def test_what_may_not_be_on_disk_is_not_sent_and_counts_as_never_sent(tmp_path: Path, disk: Disk) -> None:
    with Bench(tmp_path, seconds=1.0) as bench:
        (record,) = bench.order("a fox")
        failures = iter([OSError(errno.EIO, os.strerror(errno.EIO))])

        def fail_once() -> None:
            for failure in failures:
                raise failure

        disk.meanwhile = fail_once

        report = bench.follow([record])

        assert "Input/output error" in report.problems[record.id].message
        assert bench.log == []
        bench.restart()
        assert bench.session.ledger.jobs.get(record.id).state is State.CANCELLED


def test_the_log_of_a_ledger_behind_a_link_is_synced(tmp_path: Path, disk: Disk) -> None:
    real, link = tmp_path / "real" / "ledger.sqlite3", tmp_path / "ledger.sqlite3"
    real.parent.mkdir()
    with closing(Ledger(real, lambda: 0.0)) as ledger:
        ledger.jobs.plan([draft("k3f9xy")], "me", resubmit=False)
    link.symlink_to(real)

    with closing(Ledger(link, lambda: 0.0)) as ledger:
        disk.synced.clear()
        assert ledger.jobs.submitting("k3f9xy")
        assert disk.synced == [log_of(real)]


@pytest.mark.usefixtures("disk")
def test_without_a_shared_log_sqlite_syncs_each_commit_itself(
    ledger_path: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    table = tmp_path / "mountinfo"
    table.write_text("1 0 0:9 / / rw - nfs4 server:/ rw\n")
    monkeypatch.setattr(network_disk, "_MOUNTS", table)

    with closing(Ledger(ledger_path, lambda: 0.0)) as ledger:
        ledger.jobs.plan([draft("k3f9xy")], "me", resubmit=False)

        assert connection_of(ledger).execute("PRAGMA synchronous").fetchone()[0] == 2
        assert not ledger_path.with_name(f"{ledger_path.name}-wal").exists()


@pytest.mark.parametrize(
    ("synced", "files", "state", "downloads"),
    [
        pytest.param(1, 1, State.UNCERTAIN, 0, id="the submit's start"),
        pytest.param(2, 2, State.SAVED, 1, id="the remote id"),
        pytest.param(3, 3, State.SAVED, 1, id="the place, and not the picture"),
        pytest.param(3, None, State.SAVED, 0, id="the picture, and not that it is saved"),
    ],
)
def test_a_power_failure_leaves_what_was_synced_and_that_is_enough(
    tmp_path: Path, disk: Disk, synced: int, files: int | None, state: State, downloads: int
) -> None:
    """The ledger as it was after one of its syncs, and the pictures as at that moment, or (None) at the end."""
    with Bench(tmp_path, seconds=1.0) as bench:
        disk.then = lambda: copy_of(tmp_path, f"after {len(disk.synced)}")

        bench.generate("a fox")

        bench.session.close()
        assert len(disk.synced) == 3, "the submit's start, the remote id, and where the picture is about to be put"
        copy_of(tmp_path, "after all")
        loaded = len(bench.requests("GET /sandbox/pictures"))
        put_back(tmp_path / f"after {synced}" / "home", tmp_path / "home")
        put_back(tmp_path / f"after {files or 'all'}" / "out", tmp_path / "out")
        bench.restart()
        report = bench.follow(bench.session.ledger.jobs.find(""))

        assert [job.state for job in bench.session.ledger.jobs.find("")] == [state]
        assert bench.submits() == 1
        assert len(bench.requests("GET /sandbox/pictures")) - loaded == downloads
        pictures = [path for path in (tmp_path / "out").glob("*") if path.suffix == ".png"]
        assert pictures == [result.path for record in report.records for result in record.results]


def test_where_a_picture_was_put_instead_is_synced_too(tmp_path: Path, disk: Disk) -> None:
    """The bytes that came with an answer are removed then, so a power failure must leave the ledger the place."""
    (tmp_path / "out").mkdir()
    with Bench(tmp_path, seconds=0.01) as bench:
        records = bench.order(provider="openai", model="openai/gpt-image-2", resolution="1K", format=None)
        wanted = tmp_path / "out" / f"a-red-fox-1-{records[0].id}.png"
        disk.then = lambda: copy_of(tmp_path, f"after {len(disk.synced)}")
        bench.just_before["POST"] = lambda: wanted.write_bytes(b"another's")

        report = bench.follow(records)

        [picture] = [result.path for record in report.records for result in record.results]
        assert picture not in (None, wanted)
        assert wanted.read_bytes() == b"another's"
        bench.session.close()
        put_back(tmp_path / f"after {len(disk.synced)}" / "home", tmp_path / "home")
        kept = [path for path in (tmp_path / "home").rglob("*") if path.parent.name == INLINE]
        assert len(kept) == 1
        kept[0].unlink()  # that it is removed may be on disk before the last commit is
        bench.restart()
        again = bench.follow(bench.session.ledger.jobs.find(""))

        assert [(job.state, job.results[0].path) for job in again.records] == [(State.SAVED, picture)]
        assert bench.submits() == 1


def copy_of(folder: Path, name: str) -> None:
    """The ledger and the pictures as they are now; by another process, whose closing of the files drops no lock."""
    (folder / name).mkdir()
    (folder / "out").mkdir(exist_ok=True)
    subprocess.check_call(["cp", "-R", folder / "home", folder / "out", folder / name])


def put_back(copy: Path, place: Path) -> None:
    """What a machine finds when it starts again: no memory that is shared, and no owner."""
    shutil.rmtree(place)
    shutil.copytree(copy, place, ignore=shutil.ignore_patterns("*-shm", "owners"))


def threaded(work: Callable[[], object]) -> None:
    """Do it in another thread, while this one waits."""
    thread = threading.Thread(target=work)
    thread.start()
    thread.join(PATIENCE)
    assert not thread.is_alive(), "it is kept waiting"

"""A damaged ledger: kept as it is, made anew of what can be read, and said; no other trouble counts as damage."""

from __future__ import annotations

import os
import shutil
import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from cli.clock import FakeClock
from cli.drafts import draft, taken
from cli.jobs.bench import Bench
from cli.sqlite import connection_of
from cli.states import finish, save
from imgen.config.config import Config
from imgen.errors import LedgerDamaged, LedgerUnusable
from imgen.jobs.report import Goal
from imgen.jobs.session import open_sound
from imgen.ledger.ledger import Ledger
from imgen.ledger.planning import SameRequestUncertain
from imgen.ledger.recovery import rebuild
from imgen.ledger.recovery.damage import damage_note, log_of, rebuilt_note
from imgen.ledger.sqlite import database, schema
from imgen.ledger.sqlite.database import open_ledger
from imgen.ledger.sqlite.file_lock import Hold
from imgen.ledger.sqlite.schema import MIGRATIONS
from imgen.records import JobRecord, State
from imgen_providers.base import Job, Queued

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from cli.conftest import Children

PAGE = 4096
JOBS = 60


@pytest.fixture
def ledger(sqlite_ledger: Ledger) -> Ledger:
    """What follows is about SQLite's file."""
    return sqlite_ledger


@pytest.fixture
def config(ledger_path: Path, tmp_path: Path) -> Config:
    """A person with this ledger and no key."""
    return Config({"IMGEN_HOME": str(ledger_path.parent)}, tmp_path)


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A ledger with many accepted jobs, one of them saved, closed by everybody."""
    path = tmp_path_factory.mktemp("original") / "ledger.sqlite3"
    ledger = Ledger(path, FakeClock().wall)
    ledger.jobs.plan([draft(f"job{n:03}", prompt=f"{n} foxes " * 30) for n in range(JOBS)], "me", resubmit=False)
    for number in range(JOBS):
        ledger.jobs.submitting(f"job{number:03}")
        ledger.jobs.accepted(f"job{number:03}", taken(f"remote{number:03}"))
    finish(ledger, "job003", ["https://x/1"])
    save(ledger, 1, "job003")
    ledger.close()
    return path


@pytest.fixture
def full(original: Path, ledger_path: Path) -> Path:
    """A copy of that ledger."""
    ledger_path.parent.mkdir()
    shutil.copy(original, ledger_path)
    return ledger_path


@pytest.fixture
def said() -> list[str]:
    """What a command said of its ledger."""
    return []


def pages_of(path: Path, name: str) -> list[int]:
    """The pages of a table or an index, the leaves last."""
    with closing(sqlite3.connect(path)) as connection:
        found = connection.execute("SELECT pageno FROM dbstat WHERE name = ? ORDER BY pagetype = 'leaf', path", (name,))
        return [row[0] for row in found]


def overwrite(path: Path, page: int, content: bytes = b"\xa5" * PAGE) -> None:
    with path.open("r+b") as file:
        file.seek((page - 1) * PAGE)
        file.write(content)


def spoil_text(path: Path) -> None:
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("UPDATE job SET target = substr(target, 5) WHERE id = 'job010'")


def spoil_name(path: Path) -> None:
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("""UPDATE job SET request = replace(request, '"model"', '"nodel"') WHERE id = 'job010'""")


def spoil_bytes(path: Path, text: bytes) -> None:
    """One bit of what is stored makes it no text."""
    content = path.read_bytes()
    assert text in content
    path.write_bytes(content.replace(text, text[:-1] + bytes([text[-1] | 0x80]), 1))


def copy_page(path: Path) -> None:
    """A page was written to the place of another one."""
    pages = pages_of(path, "job")
    overwrite(path, pages[-1], path.read_bytes()[(pages[-2] - 1) * PAGE : pages[-2] * PAGE])


def spoil_schema(path: Path) -> None:
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("PRAGMA writable_schema = ON")
        connection.execute("UPDATE sqlite_schema SET sql = 'CREATE nonsense' WHERE name = 'job_stage'")


DAMAGE: dict[str, Callable[[Path], object]] = {
    "first bytes": lambda path: overwrite(path, 1, b"\0" * 100),
    "first page": lambda path: overwrite(path, 1),
    "a name in the schema": spoil_schema,
    "a letter of the schema": lambda path: spoil_bytes(path, b"indexjob_s"),
    "a letter of a prompt": lambda path: spoil_bytes(path, b"flash31 f"),
    "a page of the index by state": lambda path: overwrite(path, pages_of(path, "job_stage")[-1]),
}
"""What costs no job at all."""

LOSS: dict[str, Callable[[Path], object]] = {
    "a page in the middle of the jobs": lambda path: overwrite(
        path, pages_of(path, "job")[len(pages_of(path, "job")) // 2]
    ),
    "the last page of the jobs": lambda path: overwrite(path, pages_of(path, "job")[-1]),
    "a letter of a row": spoil_text,
    "a letter of a name": spoil_name,
    "a page that was written over another": copy_page,
}
"""What costs rows of which the indexes still know."""


def by_id(ledger: Ledger) -> dict[str, JobRecord]:
    return {job.id: job for job in ledger.jobs.find("")}


def reopened(config: Config, clock: FakeClock, said: list[str]) -> dict[str, JobRecord]:
    ledger = open_sound(config, clock, said.append)
    with closing(ledger):
        assert connection_of(ledger).execute("PRAGMA integrity_check").fetchone()[0] == "ok"
        return by_id(ledger)


def kept_files(path: Path) -> list[Path]:
    return sorted(path.parent.glob("ledger.damaged-*"))


@pytest.mark.parametrize("name", DAMAGE)
def test_damage_outside_of_the_jobs_costs_none(
    full: Path, config: Config, clock: FakeClock, name: str, said: list[str]
) -> None:
    before = reopened(config, clock, said)
    assert said == []
    DAMAGE[name](full)
    damage_note(full).touch()  # not every command comes by the damaged page
    content = full.read_bytes()

    after = reopened(config, clock, said)

    assert after == before
    assert [path.read_bytes() for path in kept_files(full)] == [content]
    assert "is damaged" in said[0]
    assert str(kept_files(full)[0]) in said[1]
    assert f"{JOBS} jobs that could be read" in said[1]
    assert not damage_note(full).exists()
    again: list[str] = []
    reopened(config, clock, again)
    assert again == [], "it is said once"


def test_a_ledger_that_was_brought_up_to_date_since_loses_no_job_either(
    original: Path, ledger_path: Path, config: Config, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What a later format added lies between the jobs, and not where it does in a new ledger."""
    with monkeypatch.context() as older:
        older.setattr(schema, "MIGRATIONS", MIGRATIONS[:1])
        with closing(open_ledger(ledger_path)) as new, closing(sqlite3.connect(original)) as old:
            for table in ("job", "result"):
                columns = [row["name"] for row in new.execute(f"PRAGMA table_info({table})")]
                rows = old.execute(f"SELECT {', '.join(columns)} FROM {table}").fetchall()
                new.executemany(f"INSERT INTO {table} VALUES ({', '.join('?' * len(rows[0]))})", rows)
    before = reopened(config, clock, [])
    DAMAGE["first page"](ledger_path)

    assert reopened(config, clock, []) == before
    assert len(before) == JOBS


@pytest.mark.parametrize("name", LOSS)
def test_a_lost_row_keeps_its_remote_id(
    full: Path, config: Config, clock: FakeClock, name: str, said: list[str]
) -> None:
    before = reopened(config, clock, [])
    LOSS[name](full)
    damage_note(full).touch()

    after = reopened(config, clock, said)

    assert {job.id: job.remote_id for job in after.values()} == {job.id: job.remote_id for job in before.values()}
    bare = [job for job in after.values() if job != before[job.id] and not job.request.model]
    assert 0 < len(bare) < JOBS / 2
    assert {job.state for job in bare} <= {State.QUEUED}
    assert all(job == before[job.id] for job in after.values() if job not in bare)
    assert f"imgen wait {' '.join(job.id for job in bare)}" in said[2]


def test_a_lost_picture_is_asked_for_again_and_never_taken_for_saved(
    full: Path, config: Config, clock: FakeClock
) -> None:
    overwrite(full, pages_of(full, "result")[-1])
    damage_note(full).touch()

    assert reopened(config, clock, [])["job003"].state is State.RUNNING


@pytest.mark.parametrize("content", [b"this is a diary, and no ledger\n" * 100, b"x"], ids=["text", "one letter"])
def test_a_file_that_is_no_ledger_is_kept_and_said(
    ledger_path: Path, config: Config, clock: FakeClock, content: bytes, said: list[str]
) -> None:
    ledger_path.parent.mkdir()
    ledger_path.write_bytes(content)

    assert reopened(config, clock, said) == {}

    assert [path.read_bytes() for path in kept_files(ledger_path)] == [content]
    assert "0 jobs that could be read" in said[1]


def test_an_empty_ledger_begins_anew_and_says_so(full: Path, config: Config, clock: FakeClock, said: list[str]) -> None:
    os.truncate(full, 0)

    assert reopened(config, clock, said) == {}

    assert "was empty and begins anew" in said[0]
    assert "imgen wait -p PROVIDER REMOTE_ID" in said[0]


def test_of_half_a_file_every_remote_id_is_left(full: Path, config: Config, clock: FakeClock, said: list[str]) -> None:
    """The indexes were begun before most of the rows, so they lie in the first half."""
    os.truncate(full, full.stat().st_size // 2)

    after = reopened(config, clock, said)

    assert {job.remote_id for job in after.values()} == {f"remote{n:03}" for n in range(JOBS)}
    assert said[2].startswith("Of other jobs the remote id is left, and they are open again: imgen wait job")


def test_an_empty_file_beside_its_log_is_not_begun_anew_in_silence(
    full: Path, config: Config, clock: FakeClock, said: list[str]
) -> None:
    """SQLite throws the log of an empty file away."""
    os.truncate(full, 0)
    log_of(full).write_bytes(b"what was committed last")

    reopened(config, clock, said)

    assert "is damaged" in said[0]
    assert [path.read_bytes() for path in kept_files(full)] == [b"", b"what was committed last"]


def test_an_empty_ledger_that_is_just_being_made_is_no_loss(
    ledger_path: Path, config: Config, clock: FakeClock, said: list[str]
) -> None:
    ledger_path.parent.mkdir()
    maker = Hold(ledger_path)
    ledger_path.touch()

    assert reopened(config, clock, said) == {}

    maker.release()
    assert said == []


@pytest.mark.parametrize("name", ["a letter of the schema", "a letter of a prompt"])
def test_what_is_no_text_counts_as_damage_and_is_not_quoted(
    full: Path, config: Config, clock: FakeClock, said: list[str], name: str
) -> None:
    DAMAGE[name](full)

    after = reopened(config, clock, said)

    assert len(after) == JOBS
    assert "a text in it cannot be read" in said[0]
    assert "foxes" not in "".join(said)


def test_a_lost_row_that_was_on_its_way_is_not_sent_again(
    full: Path, config: Config, clock: FakeClock, said: list[str]
) -> None:
    with closing(Ledger(full, clock.wall)) as ledger:
        ledger.jobs.plan([draft("doubtful")], "dead", resubmit=False)
        ledger.jobs.submitting("doubtful")
    overwrite(full, pages_of(full, "job")[-1])

    ledger = open_sound(config, clock, said.append)

    with closing(ledger):
        with pytest.raises(SameRequestUncertain) as refused:
            ledger.jobs.plan([draft("again")], "me", resubmit=False)
        assert refused.value.job_ids == ("doubtful",)
        assert ledger.jobs.get("doubtful").cost == draft("again").cost
    assert any("may be charged: doubtful. The same order is not sent again" in text for text in said)
    assert any(text.startswith("Budgets do not count what is missing") for text in said)


class Killed(BaseException):
    """What a process does when it is killed: nothing more."""


def test_a_rebuild_that_is_killed_anywhere_loses_nothing(
    full: Path, config: Config, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each change of a name is the last thing that one of the processes does; the next job is only in the log."""
    spoil_text(full)
    log_beside(full, clock)
    damage_note(full).touch()
    files = {path: path.read_bytes() for path in (full, log_of(full), damage_note(full))}
    living = False
    for last in range(100):
        for path in full.parent.iterdir():
            shutil.rmtree(path) if path.is_dir() else path.unlink()
        for path, content in files.items():
            path.write_bytes(content)
        with monkeypatch.context() as patched:
            done = die_after(last, patched)
            try:
                reopened(config, clock, [])
                living = True
            except Killed:
                pass
        said: list[str] = []
        jobs = reopened(config, clock, said)
        assert {"newest", *(f"job{n:03}" for n in range(JOBS))} <= jobs.keys(), f"killed after {done}"
        assert files[log_of(full)] in [path.read_bytes() for path in kept_files(full)]
        assert list(full.parent.glob("ledger.rebuild-*")) == []
        if living:
            break
    assert last > 5, "of which some are the rebuild's"


def die_after(calls: int, patched: pytest.MonkeyPatch) -> list[str]:
    """Let this many names be changed; returns which they were."""
    done: list[str] = []

    def expiring(change: Callable[..., object]) -> Callable[..., object]:
        def changed(*names: object, **folders: object) -> object:
            if folders:  # of the scratch folder, file by file: nothing hangs on it
                return change(*names, **folders)
            if len(done) == calls:
                raise Killed
            done.append(f"{change.__name__} {names}")
            return change(*names, **folders)

        return changed

    for name in ("link", "replace", "rename", "unlink"):
        patched.setattr(os, name, expiring(getattr(os, name)))
    return done


def log_beside(full: Path, clock: FakeClock) -> None:
    """The newest job is in the write-ahead log only, as after a kill."""
    copy, log = full.with_name("copy"), full.with_name("copy-wal")
    living = Ledger(full, clock.wall)
    living.jobs.plan([draft("newest")], "me", resubmit=False)
    copy.write_bytes(full.read_bytes())
    log.write_bytes(log_of(full).read_bytes())
    living.close()
    copy.replace(full)
    log.replace(log_of(full))


def test_what_the_log_still_held_is_read_too(full: Path, config: Config, clock: FakeClock) -> None:
    log_beside(full, clock)
    overwrite(full, 1, b"\0" * 100)

    assert "newest" in reopened(config, clock, [])


def dump(path: Path) -> list[str]:
    with closing(sqlite3.connect(path)) as connection:
        return list(connection.iterdump())


def replace_by_folder(path: Path, other: sqlite3.Connection) -> None:
    path.unlink()
    path.mkdir()


def lock(path: Path, other: sqlite3.Connection) -> None:
    other.execute("PRAGMA journal_mode = DELETE")
    other.execute("BEGIN EXCLUSIVE")


TROUBLE: dict[str, Callable[[Path, sqlite3.Connection], object]] = {
    "locked": lock,
    "newer": lambda path, other: other.execute(f"PRAGMA user_version = {len(MIGRATIONS) + 1}"),
    "with a field of a newer program": lambda path, other: other.execute(
        "UPDATE job SET request = json_set(request, '$.mood', 'blue') WHERE id = 'job010'"
    ),
    "without a view": lambda path, other: other.execute("DROP VIEW job_with_state"),
    "a folder": replace_by_folder,
}


@pytest.mark.parametrize("name", TROUBLE)
def test_no_other_trouble_counts_as_damage(
    full: Path, config: Config, clock: FakeClock, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(database, "_PATIENCE", 0.05)
    with closing(sqlite3.connect(full, isolation_level=None)) as other:
        TROUBLE[name](full, other)
        damage_note(full).touch()

        with pytest.raises(LedgerUnusable) as refused:
            open_sound(config, clock, lambda text: None)

    assert not isinstance(refused.value, LedgerDamaged)
    assert kept_files(full) == []
    if full.is_file():
        assert sum(line.startswith('INSERT INTO "job"') for line in dump(full)) == JOBS


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may read everything")
def test_a_ledger_that_may_not_be_read_is_not_damaged(full: Path, config: Config, clock: FakeClock) -> None:
    full.chmod(0)

    with pytest.raises(LedgerUnusable) as refused:
        open_sound(config, clock, lambda text: None)

    assert not isinstance(refused.value, LedgerDamaged)
    assert kept_files(full) == []


def test_a_ledger_that_another_imgen_has_open_stays_where_it_is(
    full: Path, config: Config, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rebuild, "_PATIENCE", 0.05)
    living = open_ledger(full)
    overwrite(full, 1)

    with pytest.raises(LedgerUnusable, match="another imgen still has it open") as refused:
        open_sound(config, clock, lambda text: None)

    assert "when that one has ended" in str(refused.value.hint)
    assert kept_files(full) == []
    living.close()
    assert len(reopened(config, clock, [])) == JOBS


def test_processes_that_meet_the_damage_at_once_rebuild_once(full: Path, child: Children) -> None:
    overwrite(full, 1)
    openers = [child("sound", full.parent) for _ in range(4)]

    polled = [opener.communicate(timeout=30)[0].split() for opener in openers]

    assert [jobs for jobs, _ in polled] == [str(JOBS)] * 4
    assert sum(int(said) > 0 for _, said in polled) == 1
    assert len(kept_files(full)) == 1


def test_damage_met_in_the_middle_of_a_run_is_said_and_mended_by_the_next(tmp_path: Path) -> None:
    with Bench(tmp_path, seconds=1.0) as bench:
        records = bench.order("a fox", provider="gmicloud", resolution="1K")
        ledger = bench.session.ledger
        path = bench.config.folders.ledger
        with closing(sqlite3.connect(path)) as other:
            other.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        overwrite(path, 2)  # the table of jobs

        with pytest.raises(LedgerUnusable, match="is damaged") as met:
            bench.follow(records)

        assert "imgen status" in str(met.value.hint)
        assert bench.requests("POST") == []
        ledger.close()
        bench.session.close()
        bench.restart()
        assert any("kept as" in line for line in bench.said)


def test_what_a_service_lists_is_in_the_new_ledger(tmp_path: Path) -> None:
    with Bench(tmp_path, seconds=1.0) as bench:
        lost = bench.follow(bench.order("a fox", provider="gmicloud", resolution="1K"), Goal.ACCEPTANCE).records
        bench.session.close()
        bench.config.folders.ledger.write_bytes(b"nothing of it is left")

        bench.restart()

        found = bench.session.open_jobs(sandbox=False)
        assert {job.remote_id for job in found} == {job.remote_id for job in lost}
        assert {job.request.prompt for job in found} == {"a fox"}
        polled = "\n".join(bench.said)
        assert "GMI Cloud lists 1 of the last week" in polled
        assert "Look at your jobs at 3D AI Studio, reAPI, GPTProto" in polled
        assert "imgen wait -p PROVIDER REMOTE_ID" in polled
        bench.clock.time += 5.0
        assert {job.state for job in bench.follow(found).records} == {State.SAVED}


def test_a_listing_that_was_broken_off_is_made_up_for(tmp_path: Path) -> None:
    def leave(text: str) -> None:
        raise KeyboardInterrupt

    with Bench(tmp_path, seconds=1.0) as bench:
        bench.follow(bench.order("a fox", provider="gmicloud", resolution="1K"), Goal.ACCEPTANCE)
        bench.session.close()
        bench.config.folders.ledger.write_bytes(b"nothing of it is left")
        with pytest.raises(KeyboardInterrupt):
            open_sound(bench.config, bench.clock, leave)

        bench.restart()

        assert [job.request.prompt for job in bench.session.open_jobs(sandbox=False)] == ["a fox"]
        bench.said.clear()
        bench.session.close()
        bench.restart()
        assert bench.said == [], "it is said once"


def lost_reply(bench: Bench) -> tuple[JobRecord, str]:
    """A job the service has, and whose remote id a killed process never heard; another row is damaged."""
    record = bench.order("a fox", provider="gmicloud", resolution="1K")[0]
    ledger = bench.session.ledger
    ledger.jobs.plan([draft("job010", origin="https://elsewhere")], "dead", resubmit=False)
    ledger.jobs.submitting(record.id)
    connection = bench.work()._services.connection(record.provider, record.origin)
    remote = connection.service.submit(record.request).remote_id
    bench.session.close()
    return record, remote


def test_a_lost_reply_keeps_its_job_when_the_ledger_is_rebuilt(tmp_path: Path) -> None:
    with Bench(tmp_path, seconds=1.0) as bench:
        record, remote = lost_reply(bench)
        spoil_text(bench.config.folders.ledger)
        damage_note(bench.config.folders.ledger).touch()

        bench.die()

        assert [(job.id, job.remote_id) for job in bench.session.open_jobs(sandbox=False)] == [(record.id, remote)]
        assert f"No reply to {record.id} came, but the service lists it: {remote}." in bench.said


def test_what_may_be_a_doubtful_job_is_left_for_the_person_to_say(tmp_path: Path) -> None:
    with Bench(tmp_path, seconds=1.0) as bench:
        record, remote = lost_reply(bench)
        with closing(sqlite3.connect(bench.config.folders.ledger)) as connection, connection:
            connection.execute("UPDATE job SET request = 'x' WHERE id = ?", (record.id,))
        damage_note(bench.config.folders.ledger).touch()

        bench.die()

        ledger = bench.session.ledger
        assert [(job.id, job.state) for job in ledger.jobs.uncertain()] == [(record.id, State.UNCERTAIN)]
        assert {job.id for job in ledger.jobs.find("g")} <= {record.id}, "of what is listed no job was made"
        assert any(f"may belong to uncertain jobs: {remote}" in text for text in bench.said)
        assert ledger.jobs.attach(record.id, Job("gmicloud", remote, Queued()))
        bench.session.close()
        bench.said.clear()
        bench.restart()
        assert bench.said == ["GMI Cloud lists 0 of the last week that were not in it."]
        assert not rebuilt_note(bench.config.folders.ledger).exists()


def test_a_thread_that_meets_damage_leaves_a_note_for_the_next_command(full: Path, clock: FakeClock) -> None:
    ledger = Ledger(full, clock.wall)
    overwrite(full, pages_of(full, "job")[-1])

    with pytest.raises(LedgerDamaged):
        ledger.jobs.find("")

    assert damage_note(full).exists()
    ledger.close()

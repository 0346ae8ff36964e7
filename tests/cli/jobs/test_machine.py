"""Whatever a person does, whatever a service answers, whenever a process dies: the ledger knows of every charge.

A few runs of a state machine; many and long ones with
`pytest -n 0 --timeout 0 tests/cli/jobs/test_machine.py --hypothesis-profile whole`.
"""

from __future__ import annotations

import hashlib
import json
import secrets
import shutil
import sqlite3
import tempfile
from collections import Counter
from contextlib import closing, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

import psycopg
import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from cli.jobs.bench import Bench, Watcher
from imgen.errors import NotAdopted, StillUncertain
from imgen.jobs.follow import Follower
from imgen.jobs.report import Goal
from imgen.ledger.sqlite.database import open_ledger
from imgen.ledger.transitions import JOB_CHANGES, RESULT_CHANGES
from imgen.records import JobRecord, ResultState, State
from imgen_providers.errors import ServiceError

if TYPE_CHECKING:
    from collections.abc import Sequence

    import postgres
    from imgen.jobs.progress import JobView

WHOLE = settings.get_current_profile_name() == "whole"

SERVICES = {"3daistudio": "0.5K", "gmicloud": "1K", "reapi": "1K", "gptproto": "1K"}
FAULTS = (
    *("lost-reply*2", "garbage", "reset", "reset-after-read", "429=1", "submit-5xx", "no-credit*1"),
    *("poll-5xx*2", "garbage-poll", "odd-state", "empty-results", "rate-limit-poll", "job-failed*1"),
    *("dead-link*2", "dead-link*14", "short-picture", "truncated-picture", "fewer-pictures*1"),
)

LOG_OF_CHANGES = """
CREATE TABLE changed (what TEXT, before TEXT, after TEXT);
CREATE TRIGGER job_changed AFTER UPDATE OF stage ON job WHEN old.stage <> new.stage
    BEGIN INSERT INTO changed VALUES ('job', old.stage, new.stage); END;
CREATE TRIGGER result_changed AFTER UPDATE OF state ON result WHEN old.state <> new.state
    BEGIN INSERT INTO changed VALUES ('result', old.state, new.state); END;
"""
LOG_OF_CHANGES_ON_POSTGRES = """
CREATE TABLE imgen.changed (what TEXT, before TEXT, after TEXT);
CREATE FUNCTION imgen.note_job() RETURNS trigger LANGUAGE plpgsql AS
    $$ BEGIN INSERT INTO imgen.changed VALUES ('job', old.stage, new.stage); RETURN NEW; END $$;
CREATE FUNCTION imgen.note_result() RETURNS trigger LANGUAGE plpgsql AS
    $$ BEGIN INSERT INTO imgen.changed VALUES ('result', old.state, new.state); RETURN NEW; END $$;
CREATE TRIGGER job_changed AFTER UPDATE OF stage ON imgen.job FOR EACH ROW WHEN (old.stage <> new.stage)
    EXECUTE FUNCTION imgen.note_job();
CREATE TRIGGER result_changed AFTER UPDATE OF state ON imgen.result FOR EACH ROW WHEN (old.state <> new.state)
    EXECUTE FUNCTION imgen.note_result();
"""
ALLOWED = {
    *(("job", before.value, change.after.value) for change in JOB_CHANGES.values() for before in change.before),
    *(("result", before.value, change.after.value) for change in RESULT_CHANGES.values() for before in change.before),
}

prompts = st.sampled_from(["a fox", "an owl"])
services = st.sampled_from(list(SERVICES))
some = st.integers(0, 20)


class Killed(BaseException):
    """The process is gone, without a word."""


class Mortal(Watcher):
    """A display in whose `ticks`th moment the process dies."""

    def __init__(self, ticks: int) -> None:
        super().__init__(interval=5.0)
        self._left = ticks

    def show(self, jobs: Sequence[JobView]) -> None:
        self._left -= 1
        if self._left <= 0:
            raise Killed


@dataclass(frozen=True, slots=True)
class Charge:
    """A job that a service made, and charged for."""

    service: str
    remote_id: str
    prompt: str


class LedgerMachine(RuleBasedStateMachine):
    """One person, one ledger, four services with faults; processes come, die and go."""

    @initialize(faults=st.lists(st.sampled_from(FAULTS), max_size=5, unique=True))
    def begin(self, faults: list[str]) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="imgen-machine-"))
        Bench.ledger_url = self.make_database()
        self.bench = Bench(self.folder, faults=",".join(faults), seconds=5.0)
        self.bench.watcher.interval = 5.0
        self.deleted: set[Path] = set()
        self.log_changes()

    def teardown(self) -> None:
        if hasattr(self, "bench"):
            self.bench.__exit__(None, None, None)
            shutil.rmtree(self.folder)
            self.drop_database()
            Bench.ledger_url = None

    # Where its ledger is ----------------------------------------------------------------------------------

    def make_database(self) -> str | None:
        """The database of this run; None for a file."""
        return None

    def drop_database(self) -> None:
        pass

    def log_changes(self) -> None:
        """From now on, every change of a state is noted."""
        with closing(open_ledger(self.bench.config.folders.ledger)) as connection:
            connection.executescript(LOG_OF_CHANGES)

    def changes(self) -> set[tuple[str, str, str]]:
        """Every change that was made."""
        with closing(sqlite3.connect(self.bench.config.folders.ledger)) as connection:
            return set(connection.execute("SELECT * FROM changed"))

    # What a person does -----------------------------------------------------------------------------------

    def record(self, prompt: str, service: str, count: int, *, resubmit: bool) -> list[JobRecord]:
        """Record an order, or nothing where the same one is in doubt, which must be said."""
        try:
            return self.bench.order(
                prompt, provider=service, resolution=SERVICES[service], format=None, count=count, resubmit=resubmit
            )
        except StillUncertain:
            assert not resubmit
            assert any(self.is_open_doubt(row) and row.request.prompt == prompt for row in self.rows())
            return []

    @rule(prompt=prompts, service=services, count=st.integers(1, 2), resubmit=st.booleans(), goal=st.sampled_from(Goal))
    def order(self, prompt: str, service: str, count: int, resubmit: bool, goal: Goal) -> None:
        if records := self.record(prompt, service, count, resubmit=resubmit):
            self.bench.follow(records, goal, timeout=60.0)

    @rule(again=st.booleans())
    def wait(self, again: bool) -> None:
        if again:
            self.bench.restart()
        if found := self.bench.session.open_jobs(sandbox=False):
            self.bench.follow(found, timeout=60.0)

    @rule()
    def poll(self) -> None:
        if found := self.bench.session.open_jobs(sandbox=False):
            self.bench.follow(found, Goal.ANSWER)

    @rule()
    def download(self) -> None:
        if rows := self.rows():
            self.bench.follow(self.bench.session.reopen_deleted(rows), Goal.WHAT_IS_READY)

    @rule(which=some)
    def forget(self, which: int) -> None:
        if rows := self.rows():
            self.bench.session.ledger.jobs.forget([rows[which % len(rows)].id])

    @rule(which=some)
    def delete(self, which: int) -> None:
        if files := sorted((self.folder / "out").glob("*.*")):
            self.deleted.add(files[which % len(files)])
            files[which % len(files)].unlink()

    @rule(which=some)
    def find_at_the_service(self, which: int) -> None:
        """The person looks into the service's own list, and says which of its jobs one in doubt is."""
        doubts = [row for row in self.rows() if self.is_open_doubt(row)]
        if doubts:
            doubt = doubts[which % len(doubts)]
            lost = [
                one for one in self.unclaimed() if (one.service, one.prompt) == (doubt.provider, doubt.request.prompt)
            ]
            if lost:
                with suppress(NotAdopted):  # the service could not be asked: nothing changes
                    self.bench.work().attach(doubt, lost[0].remote_id)

    @rule(seconds=st.sampled_from([1.0, 60.0, 90_000.0, -3_600.0]))
    def time_passes(self, seconds: float) -> None:
        self.bench.clock.time += seconds

    # How a process dies -----------------------------------------------------------------------------------

    @rule(prompt=prompts, service=services, moment=st.sampled_from(["recorded", "marked", "sent"]))
    def die_while_ordering(self, prompt: str, service: str, moment: str) -> None:
        for record in self.record(prompt, service, 1, resubmit=True):
            working = self.bench.work()
            if moment != "recorded":
                assert self.bench.session.ledger.jobs.submitting(record.id)
            if moment == "sent":
                with suppress(ServiceError):
                    working._services.connection(service, record.origin).service.submit(record.request)
            self.bench.die()

    @rule(prompt=prompts, service=services, ticks=st.integers(1, 8))
    def die_while_following(self, prompt: str, service: str, ticks: int) -> None:
        if records := self.record(prompt, service, 2, resubmit=True):
            self.follow_and_die(records, ticks)

    @rule(ticks=st.integers(1, 5))
    def die_while_saving(self, ticks: int) -> None:
        if found := self.bench.session.open_jobs(sandbox=False):
            self.follow_and_die(found, ticks)

    def follow_and_die(self, records: Sequence[JobRecord], ticks: int) -> None:
        working = self.bench.work()
        parts = (
            working._saver,
            working._uploads,
            working._services,
            Mortal(ticks),
            self.bench.clock,
            working._record_crash,
        )
        follower = Follower(*parts, 60.0)
        with suppress(Killed):
            follower.follow(records, Goal.PICTURES)
        follower._loop.close(grace=5.0)  # threads die with their process
        self.bench.die()

    @rule(which=some)
    def die_between_the_picture_and_its_record(self, which: int) -> None:
        saved = [row for row in self.rows() if row.state is State.SAVED and row.results]
        if saved:
            result = saved[which % len(saved)].results[0]
            if result.path and result.sha256 and result.path.exists():
                self.bench.session.ledger.results.reopen(result.job_id, result.index)
                self.bench.session.ledger.results.placing(result.job_id, result.index, result.path, result.sha256)
                self.bench.restart()

    # What always holds ------------------------------------------------------------------------------------

    def rows(self) -> list[JobRecord]:
        return self.bench.session.ledger.jobs.find("")

    def charges(self) -> list[Charge]:
        stored = [json.loads(path.read_bytes()) for path in (self.folder / "sandbox" / "jobs").glob("*.json")]
        return [Charge(job["order"]["service"], job["id"], job["order"]["prompt"]) for job in stored]

    def unclaimed(self) -> list[Charge]:
        known = {(row.provider, row.remote_id) for row in self.rows()}
        return [one for one in self.charges() if (one.service, one.remote_id) not in known]

    def is_open_doubt(self, row: JobRecord) -> bool:
        return row.state is State.UNCERTAIN and row.forgotten_at is None

    @invariant()
    def every_charge_is_in_the_ledger(self) -> None:
        """By its remote id, or as a row in doubt: one for each, and none charged twice."""
        charges = {(one.service, one.remote_id): one.prompt for one in self.charges()}
        rows = self.rows()
        remote = [(row.provider, row.remote_id) for row in rows if row.remote_id]
        assert len(remote) == len(set(remote)), "a remote id belongs to one row"
        assert all(charges[row.provider, row.remote_id] == row.request.prompt for row in rows if row.remote_id)
        lost = Counter((one.service, one.prompt) for one in self.unclaimed())
        doubts = Counter(
            (row.provider, row.request.prompt)
            for row in rows
            if row.remote_id is None and row.state in (State.UNCERTAIN, State.SUBMITTING)
        )
        assert lost <= doubts

    @invariant()
    def states_follow_from_what_is_there(self) -> None:
        for row in self.rows():
            states = {result.state for result in row.results}
            if row.state in (State.READY, State.SAVED, State.EXPIRED):
                assert row.remote_id
                assert row.state.value in {state.value for state in states}
            if row.state is State.SAVED:
                assert states == {ResultState.SAVED}
            for result in row.results:
                if result.state is ResultState.SAVED and result.path not in self.deleted:
                    assert result.path
                    assert hashlib.sha256(result.path.read_bytes()).hexdigest() == result.sha256

    @invariant()
    def every_change_is_one_of_the_table(self) -> None:
        assert self.changes() <= ALLOWED

    @invariant()
    def the_file_is_whole(self) -> None:
        if Bench.ledger_url:
            return  # the server sees to that
        with closing(sqlite3.connect(self.bench.config.folders.ledger)) as connection:
            assert connection.execute("PRAGMA integrity_check").fetchone()[0] == "ok"


class PostgresMachine(LedgerMachine):
    """The same with the ledger in a database."""

    server: ClassVar[postgres.Server]

    def make_database(self) -> str:
        self.database = f"machine_{secrets.token_hex(8)}"
        return self.server.make(self.database)

    def drop_database(self) -> None:
        self.server.drop(self.database)

    def log_changes(self) -> None:
        with closing(psycopg.connect(self.server.url(self.database), autocommit=True)) as connection:
            connection.execute(LOG_OF_CHANGES_ON_POSTGRES)

    def changes(self) -> set[tuple[str, str, str]]:
        with closing(psycopg.connect(self.server.url(self.database))) as connection:
            return set(connection.execute("SELECT * FROM imgen.changed"))


_RUNS = settings(
    max_examples=300 if WHOLE else 6,
    stateful_step_count=30 if WHOLE else 12,
    deadline=None,
    suppress_health_check=list(HealthCheck),
)

TestLedger = LedgerMachine.TestCase
TestLedger.settings = _RUNS


TestLedgerOnPostgres = pytest.mark.usefixtures("server_of_the_machine")(PostgresMachine.TestCase)
TestLedgerOnPostgres.settings = settings(_RUNS, max_examples=100 if WHOLE else 3)


@pytest.fixture(scope="module")
def server_of_the_machine(postgres_server: postgres.Server) -> None:
    """Where the machine makes its databases."""
    PostgresMachine.server = postgres_server

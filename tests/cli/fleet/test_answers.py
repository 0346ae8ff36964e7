"""Pictures that come inside an answer: in the storage before the ledger calls their job finished."""

from __future__ import annotations

import gzip
import shutil
import signal
import subprocess
import sys
import threading
import time
from contextlib import suppress
from dataclasses import replace
from io import BytesIO
from pathlib import Path
from queue import Empty
from typing import TYPE_CHECKING

import pytest
from PIL import Image

import reliability
from cli.drafts import draft
from cli.fleet.test_feed import queued
from cli.fleet.test_program import run
from cli.jobs.bench import Bench
from cli.program.program import until
from imgen.errors import ExitCode
from imgen.jobs import submit
from imgen.jobs.poll import record_answer
from imgen.ledger.postgres.ledger import PostgresLedger
from imgen.ledger.results import PictureNotKept
from imgen.pictures.target import Target
from imgen.records import State
from imgen_providers.base import InlineAsset, Job, Request, Succeeded

if TYPE_CHECKING:
    from queue import SimpleQueue

    import postgres
    from cli.program.program import Program
    from imgen.pictures.store import PictureStore
    from imgen.records import Draft

MORTAL = Path(next(iter(reliability.__path__))) / "fleet" / "mortal.py"
ASSETS = '[[asset]]\npath = "fox.png"\nprompt = "a red fox"\nprovider = "{}"\n'
ONCE = ("gemini", "openai", "openrouter")
"""Services that send a picture with the answer to its submit, and never again."""


def killed(here: Program, moment: str, *, with_disk: bool = True) -> None:
    """A worker that is killed at a moment (`reliability/fleet/mortal.py`), and its disk is gone with it."""
    command = [sys.executable, "-P", str(MORTAL), "SIGKILL", moment, "work", "--until-idle", "--sandbox"]
    ended = subprocess.run(command, cwd=here.cwd, env=here.environ, capture_output=True, timeout=50.0)
    assert ended.returncode == -signal.SIGKILL, ended.stderr.decode()
    if with_disk:
        shutil.rmtree(here.home)


@pytest.mark.parametrize("service", ONCE)
def test_a_worker_that_vanishes_with_its_disk_takes_no_picture_along(
    laptop: Program, ledger: PostgresLedger, tmp_path: Path, service: str
) -> None:
    (laptop.cwd / "assets.toml").write_text(ASSETS.format(service))
    run(laptop, "batch", "--queue", "--sandbox")

    killed(replace(laptop, home=tmp_path / "gone"), "after the links are committed")

    [job] = ledger.jobs.find("")
    assert job.state is State.READY
    [came] = job.results
    assert came.object
    stored = Path(came.object.removeprefix("file://"))
    assert (came.kept, came.url, came.sha256) == (None, None, stored.stem.partition("-")[2])
    run(replace(laptop, home=tmp_path / "another"), "work", "--until-idle", "--sandbox")
    run(laptop, "batch", "--collect", "--sandbox")
    [job] = ledger.jobs.find("")
    assert (job.state, job.results[0].object) == (State.SAVED, came.object)
    assert (laptop.cwd / "fox.png").exists()


def test_what_the_storage_does_not_take_is_put_there_until_it_does(
    laptop: Program, ledger: PostgresLedger, tmp_path: Path
) -> None:
    (laptop.cwd / "assets.toml").write_text(ASSETS.format("openai"))
    run(laptop, "batch", "--queue", "--sandbox")
    store = tmp_path / "store"

    slow = replace(laptop, home=tmp_path / "worker", variables={**laptop.variables, "IMGEN_SANDBOX_SECONDS": "2"})
    with slow.start("work", "--sandbox"):
        until(lambda: ledger.jobs.find("")[0].state is State.SUBMITTING)
        shutil.rmtree(store)
        store.write_text("no folder")
        until(lambda: ledger.jobs.find("")[0].problem)
        [waiting] = ledger.jobs.find("")
        store.unlink()
        until(lambda: ledger.jobs.find("")[0].state is State.SAVED)

    assert waiting.state is State.SUBMITTING
    assert waiting.problem
    assert "came and is paid, and is not stored yet" in waiting.problem.message
    assert ledger.jobs.find("")[0].problem is None


def once(folder: Path) -> Draft:
    """A job of a service that answers once."""
    target = Target(folder, "{id}.{ext}")
    return draft("k3f9xy", provider="openai", origin="sandbox", request=Request("gpt-image-2", "a fox"), target=target)


def answered(ledger: PostgresLedger, data: bytes) -> None:
    """The job of a queue was sent, and these bytes came inside the answer."""
    queued(ledger, once(ledger._fleet.folder))
    assert ledger.jobs.submitting("k3f9xy")
    record_answer(ledger, ledger.jobs.get("k3f9xy"), Job("openai", "remote", Succeeded((InlineAsset(data),))))


def test_what_is_no_whole_picture_is_stored_beside_and_named(
    laptop: Program, storing: PostgresLedger, store: PictureStore
) -> None:
    answered(storing, b"\x89PNG\r\n\x1a\n and no more")

    ended = run(laptop, "work", "--until-idle", "--sandbox", code=ExitCode.NOT_SAVED)

    [job] = storing.jobs.find("")
    assert job.state is State.READY
    [came] = job.results
    assert came.object
    assert came.object.endswith(".unverified.png")
    assert store.read(came.object) == b"\x89PNG\r\n\x1a\n and no more"
    assert "What arrived cannot be verified: " in ended.stderr
    assert f"It is kept as {came.object}" in ended.stderr.replace("\n", " ")


def test_a_picture_that_came_wrapped_is_taken_out_and_saved(
    laptop: Program, storing: PostgresLedger, store: PictureStore
) -> None:
    file = BytesIO()
    Image.new("RGB", (64, 48), "orange").save(file, "PNG")
    answered(storing, gzip.compress(file.getvalue()))

    run(laptop, "work", "--until-idle", "--sandbox")

    [job] = storing.jobs.find("")
    assert (job.state, job.results[0].format) == (State.SAVED, "png")
    assert job.results[0].object
    assert store.read(job.results[0].object) == file.getvalue()


def test_the_id_of_a_job_whose_picture_is_kept_nowhere_yet_outlives_this_process(
    ledger: PostgresLedger, tmp_path: Path
) -> None:
    queued(
        ledger,
        replaced := once(tmp_path)._replace(provider="reapi", request=Request("gemini-3-pro-image-preview", "a fox")),
    )
    assert ledger.jobs.submitting(replaced.id)
    came = Job("reapi", "remote", Succeeded((InlineAsset(b"a picture"),)))

    submit._note(ledger, ledger.jobs.get(replaced.id), came, PictureNotKept("It is not stored yet.", "Wait."))
    ledger.close_orphans()

    assert ledger.jobs.get(replaced.id).remote_id == "remote"


def test_bytes_that_are_kept_nowhere_do_not_finish_a_job(ledger: PostgresLedger) -> None:
    with pytest.raises(PictureNotKept, match="IMGEN_STORE is not set here"):
        answered(ledger, b"a picture")

    assert ledger.jobs.get("k3f9xy").state is State.SUBMITTING


@pytest.mark.parametrize("command", ["wait", "download"])
def test_a_queued_picture_is_saved_by_none_that_knows_no_storage(
    laptop: Program, ledger: PostgresLedger, command: str
) -> None:
    (laptop.cwd / "assets.toml").write_text(ASSETS.format("reapi"))
    run(laptop, "batch", "--queue", "--sandbox")
    bare = replace(laptop, variables={n: v for n, v in laptop.variables.items() if n != "IMGEN_STORE"})

    refused = run(bare, command, ledger.jobs.find("")[0].id, code=ExitCode.KEY)

    assert "goes to the storage of the fleet, and IMGEN_STORE is not set here" in refused.stderr


def test_status_asks_once_for_a_picture_that_it_has_no_storage_for(laptop: Program) -> None:
    (laptop.cwd / "assets.toml").write_text(ASSETS.format("gmicloud"))
    run(laptop, "batch", "--queue", "--sandbox")
    far = {**laptop.variables, "IMGEN_SANDBOX_FAULTS": "gmi-inline", "IMGEN_SANDBOX_SECONDS": "0.01"}
    killed(replace(laptop, variables=far), "after the remote id is committed", with_disk=False)
    bare = replace(laptop, variables={name: value for name, value in far.items() if name != "IMGEN_STORE"})

    asked = run(bare, "status", code=ExitCode.NOT_SAVED)

    assert "IMGEN_STORE is not set here" in asked.stderr.replace("\n", " ")


def test_a_picture_on_another_machines_disk_is_not_given_up(
    laptop: Program, ledger: PostgresLedger, tmp_path: Path
) -> None:
    ledger.jobs.plan([once(tmp_path)], ledger.new_owner().name, resubmit=False)
    assert ledger.jobs.submitting("k3f9xy")
    came = Job("openai", "remote", Succeeded((InlineAsset(b"a picture"),)))
    record_answer(ledger, ledger.jobs.get("k3f9xy"), came)
    shutil.rmtree(tmp_path / "state" / "inline")  # it is another machine's

    refused = run(laptop, "wait", "k3f9xy", code=ExitCode.NOT_SAVED)

    assert "is on the disk of the machine that ordered it" in refused.stderr.replace("\n", " ")
    assert ledger.jobs.get("k3f9xy").state is State.READY


class _Killed(BaseException):
    """This process ends here."""


def test_an_answer_that_no_database_took_is_read_by_the_next_process_on_its_disk(
    fleet_url: str, postgres_server: postgres.Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    database = fleet_url.rpartition("/")[2]
    monkeypatch.setattr(Bench, "ledger_url", fleet_url)

    def away() -> None:
        postgres_server.admin(f"ALTER DATABASE {database} WITH ALLOW_CONNECTIONS false")
        postgres_server.admin(f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{database}'")

    real_sleep, insisting = time.sleep, threading.Event()

    def sleep(seconds: float) -> None:
        if threading.current_thread() is threading.main_thread():
            raise _Killed
        if threading.current_thread().name.startswith("submit"):
            insisting.set()
        real_sleep(seconds)

    def receive(inbox: SimpleQueue[str], timeout: float, *, busy: bool) -> str | None:
        while not insisting.is_set():
            with suppress(Empty):
                return inbox.get(timeout=0.05)
        raise _Killed

    with Bench(tmp_path, seconds=0.01) as bench:
        records = bench.order(provider="openai", model="openai/gpt-image-2", resolution="1K", format=None)
        ledger = bench.session.ledger
        assert isinstance(ledger, PostgresLedger)
        ledger._fleet._patience = 0.0
        bench.just_before["POST"] = away
        with monkeypatch.context() as patched:
            patched.setattr(time, "sleep", sleep)
            patched.setattr(bench.clock, "receive", receive)
            with pytest.raises(_Killed):
                bench.follow(records)
        postgres_server.admin(f"ALTER DATABASE {database} WITH ALLOW_CONNECTIONS true")
        with ledger.write() as write:
            write.execute("DELETE FROM owner")
        bench.restart()

        report = bench.follow(bench.session.ledger.jobs.get_many([records[0].id]))
        submits = bench.submits()

    assert [job.state for job in report.records] == [State.SAVED]
    assert submits == 1

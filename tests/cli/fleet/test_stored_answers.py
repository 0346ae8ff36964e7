"""Pictures in the storage whose job was never called finished: found there again, and never taken for another's."""

from __future__ import annotations

import hashlib
import os
import shutil
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from cli.fleet.test_answers import ASSETS, ONCE, killed, once
from cli.fleet.test_feed import queued
from cli.fleet.test_program import run
from cli.program.editing import png
from imgen.jobs.poll import record_answer
from imgen.ledger.postgres.address import parse
from imgen.ledger.postgres.ledger import PostgresLedger
from imgen.records import State
from imgen_providers.base import Charge, InlineAsset, Job, Queued, Request, Succeeded

if TYPE_CHECKING:
    from collections.abc import Callable

    from cli.program.program import Program
    from imgen.pictures.store import PictureStore
    from imgen.pictures.target import Stored
    from imgen.records import JobRecord

ID = "k3f9xy"
FOX = png("orange", (64, 48))


def sent(ledger: PostgresLedger, folder: Path) -> JobRecord:
    """The job of a queue whose worker sent it, and vanished."""
    queued(ledger, once(folder))
    assert ledger.jobs.submitting(ID)
    return ledger.jobs.get(ID)


def uncertain(ledger: PostgresLedger, folder: Path) -> JobRecord:
    """Such a job, settled by a machine that found nothing."""
    sent(ledger, folder)
    ledger.close_orphans()
    record = ledger.jobs.get(ID)
    assert record.state is State.UNCERTAIN
    return record


def file_of(stored: Stored) -> Path:
    """The object of a storage that is a folder."""
    return Path(stored.url.removeprefix("file://"))


@pytest.mark.parametrize("service", ONCE)
def test_the_picture_that_a_vanished_worker_put_there_is_found_when_its_job_is_named(
    laptop: Program, ledger: PostgresLedger, tmp_path: Path, service: str
) -> None:
    (laptop.cwd / "assets.toml").write_text(ASSETS.format(service))
    run(laptop, "batch", "--queue", "--sandbox")
    killed(replace(laptop, home=tmp_path / "gone"), "before the links are committed")
    [job] = ledger.jobs.find("")
    [came] = (tmp_path / "store" / job.id).iterdir()
    run(replace(laptop, home=tmp_path / "another"), "work", "--until-idle", "--sandbox")
    assert ledger.jobs.get(job.id).state is State.UNCERTAIN

    found = run(laptop, "wait", job.id, "--sandbox")
    run(laptop, "batch", "--collect", "--sandbox")

    assert f"No answer to {job.id} was recorded, but the picture that it brought is in the storage." in found.stderr
    [job] = ledger.jobs.find("")
    assert (job.state, job.problem, job.results[0].object) == (State.SAVED, None, f"file://{came}")
    assert list(came.parent.iterdir()) == [came]
    assert (laptop.cwd / "fox.png").exists()


@pytest.mark.parametrize("command", ["status", "download"])
def test_each_command_that_names_the_job_finds_it(
    laptop: Program, ledger: PostgresLedger, store: PictureStore, tmp_path: Path, command: str
) -> None:
    uncertain(ledger, tmp_path)
    stored = store.put_answered(ID, 1, FOX)

    found = run(laptop, command, ID)

    assert f"No answer to {ID} was recorded" in found.stderr
    assert [result.object for result in ledger.jobs.get(ID).results] == [stored.url]


def test_the_answer_on_a_disk_that_comes_back_adds_its_charge(
    laptop: Program, ledger: PostgresLedger, tmp_path: Path
) -> None:
    (laptop.cwd / "assets.toml").write_text(ASSETS.format("openrouter"))
    run(laptop, "batch", "--queue", "--sandbox")
    away = replace(laptop, home=tmp_path / "away")
    killed(away, "before the links are committed", with_disk=False)
    run(replace(laptop, home=tmp_path / "another"), "work", "--until-idle", "--sandbox")
    [job] = ledger.jobs.find("")
    run(laptop, "wait", job.id, "--sandbox")
    [found] = ledger.jobs.find("")
    assert (found.state, found.charged.amount) == (State.SAVED, None)

    run(away, "status", "--sandbox")

    [job] = ledger.jobs.find("")
    assert (job.state, str(job.charged.amount)) == (State.SAVED, "0.04")
    assert list((away.home / "answers").iterdir()) == []


def test_every_picture_of_an_answer_is_found_in_its_order(
    storing: PostgresLedger, store: PictureStore, tmp_path: Path
) -> None:
    record = uncertain(storing, tmp_path)
    stored = [store.put_answered(ID, number, png(color)) for number, color in enumerate(("teal", "red"), 1)]

    assert storing.finish_stored([record]) == [ID]

    job = storing.jobs.get(ID)
    assert (job.state, job.is_kept, job.charged.amount) == (State.READY, True, None)
    assert [(result.object, result.sha256) for result in job.results] == stored


def _of_another_job(store: PictureStore) -> None:
    store.put_answered(f"{ID}z", 1, FOX)
    store.put_answered(ID[:-1], 1, FOX)


def _older_than_the_submit(store: PictureStore) -> None:
    path = file_of(store.put_answered(ID, 1, FOX))
    os.utime(path, (0.0, path.stat().st_mtime - 400.0))


def _not_whole(store: PictureStore) -> None:
    file_of(store.put_answered(ID, 1, FOX)).write_bytes(FOX[:-1])


def _of_no_answer(store: PictureStore) -> None:
    path = file_of(store.put_answered(ID, 1, FOX))
    path.rename(path.with_name(f"notes-{hashlib.sha256(FOX).hexdigest()}.png"))


def _cannot_be_listed(store: PictureStore) -> None:
    folder = file_of(store.put_answered(ID, 1, FOX)).parent.parent
    shutil.rmtree(folder)
    folder.write_text("no folder")


@pytest.mark.parametrize(
    "there", [_of_another_job, _older_than_the_submit, _not_whole, _of_no_answer, _cannot_be_listed]
)
def test_what_is_not_its_picture_leaves_a_job_uncertain(
    storing: PostgresLedger, store: PictureStore, tmp_path: Path, there: Callable[[PictureStore], None]
) -> None:
    sent(storing, tmp_path)
    there(store)

    storing.close_orphans()
    job = storing.jobs.get(ID)

    assert storing.finish_stored([job]) == []
    assert job.state is State.UNCERTAIN
    assert job.problem
    assert job.problem.message == "imgen ended while the request was on its way, before an answer came."
    assert storing.jobs.get(ID) == job


def test_a_service_that_can_be_asked_is_not_looked_for_in_the_storage(
    storing: PostgresLedger, store: PictureStore, tmp_path: Path
) -> None:
    queued(storing, once(tmp_path)._replace(provider="reapi", request=Request("gemini-3-pro-image-preview", "a fox")))
    assert storing.jobs.submitting(ID)
    store.put_answered(ID, 1, FOX)

    storing.close_orphans()

    assert storing.finish_stored([storing.jobs.get(ID)]) == []
    assert storing.jobs.get(ID).state is State.UNCERTAIN


def test_a_job_outside_of_the_queue_is_not_looked_for_in_the_storage(
    storing: PostgresLedger, store: PictureStore, tmp_path: Path
) -> None:
    storing.jobs.plan([once(tmp_path)], None, resubmit=False)
    assert storing.jobs.submitting(ID)
    store.put_answered(ID, 1, FOX)

    storing.close_orphans()

    assert storing.finish_stored([storing.jobs.get(ID)]) == []
    assert storing.jobs.get(ID).state is State.UNCERTAIN


@pytest.fixture
def meanwhile(fleet_url: str, tmp_path: Path, store: PictureStore) -> PostgresLedger:
    """A ledger where a person closes the job while this process looks into the storage."""

    def looked() -> PictureStore:
        ledger.jobs.forget([ID])
        return store

    ledger = PostgresLedger(parse(fleet_url, os.environ), tmp_path / "state", store=looked)
    return ledger


def test_a_job_that_was_closed_meanwhile_stays_so(
    meanwhile: PostgresLedger, store: PictureStore, tmp_path: Path
) -> None:
    with closing(meanwhile) as ledger:
        record = uncertain(ledger, tmp_path)
        store.put_answered(ID, 1, FOX)

        assert ledger.finish_stored([record]) == []

        job = ledger.jobs.get(ID)
        assert (job.results, job.forgotten_at is None) == ((), False)


def test_a_worker_that_comes_back_meanwhile_records_its_answer_itself(
    fleet_url: str, store: PictureStore, tmp_path: Path
) -> None:
    def looked() -> PictureStore:
        if ledger.jobs.get(ID).state is State.UNCERTAIN:
            ledger.jobs.accepted(ID, Job("openai", "remote", Queued()))
        return store

    with closing(PostgresLedger(parse(fleet_url, os.environ), tmp_path / "state", store=looked)) as ledger:
        record = uncertain(ledger, tmp_path)
        store.put_answered(ID, 1, FOX)

        assert ledger.finish_stored([record]) == []

        assert ledger.jobs.get(ID).remote_id == "remote"


def test_fewer_pictures_than_ordered_leave_a_job_uncertain(
    storing: PostgresLedger, store: PictureStore, tmp_path: Path
) -> None:
    two = once(tmp_path)
    queued(storing, two._replace(request=replace(two.request, count=2)))
    assert storing.jobs.submitting(ID)
    storing.close_orphans()
    store.put_answered(ID, 2, FOX)
    assert storing.finish_stored([storing.jobs.get(ID)]) == []

    store.put_answered(ID, 1, png("teal"))

    assert storing.finish_stored([storing.jobs.get(ID)]) == [ID]
    assert len(storing.jobs.get(ID).results) == 2


def test_the_answer_of_a_worker_that_was_only_slow_adds_what_it_knows(
    storing: PostgresLedger, store: PictureStore, tmp_path: Path
) -> None:
    record = uncertain(storing, tmp_path)
    store.put_answered(ID, 1, FOX)
    storing.finish_stored([record])
    both = Succeeded((InlineAsset(FOX), InlineAsset(png("teal"))))

    record_answer(storing, record, Job("openai", "remote", both, charged=Charge("0.04", "usd")))

    job = storing.jobs.get(ID)
    assert (job.state, len(job.results), str(job.charged.amount)) == (State.READY, 2, "0.04")


def test_an_answer_on_this_disk_is_read_rather_than_looked_for(
    storing: PostgresLedger, store: PictureStore, tmp_path: Path
) -> None:
    sent(storing, tmp_path)
    store.put_answered(ID, 1, FOX)
    path = storing.results.answer_path(ID)
    path.parent.mkdir(parents=True)
    path.write_bytes(b"{}\n{}")

    storing.close_orphans()

    assert storing.finish_stored([storing.jobs.get(ID)]) == []
    assert storing.jobs.get(ID).state is State.UNCERTAIN
    assert path.exists()

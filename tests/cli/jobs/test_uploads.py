"""What was put somewhere for a job is remembered as long as a job or a storage may need it."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from cli.drafts import draft, taken
from cli.jobs.bench import Bench
from imgen.config.config import Config
from imgen.errors import ExitCode, Problem
from imgen.jobs.report import Goal
from imgen.jobs.uploads import sent
from imgen.ledger.uploads import Upload
from imgen.orders.drafts import split
from imgen.orders.matching import possible
from imgen.orders.order import Order
from imgen.pictures.naming import parse_output
from imgen.pictures.storage import Place, parse_place
from imgen.pictures.target import Target
from imgen.records import State
from imgen_providers.base import PictureFile, PictureLink, Request

if TYPE_CHECKING:
    from pathlib import Path

    from cli.clock import FakeClock
    from imgen.ledger.ledger import Ledger

STORAGE = "s3://bucket/prefix"
PROBLEM = Problem("uncertain", "It is not known.")
HOURS = 3600.0


def put_up(ledger: Ledger, job_id: str, uploader: str | None = None) -> None:
    ledger.uploads.uploading(job_id, Upload("ab", storage=STORAGE, key="ab.png", uploader=uploader))


def unneeded(ledger: Ledger) -> list[str | None]:
    return [upload.key for upload in ledger.uploads.unneeded(2 * HOURS)]


def test_a_picture_in_a_storage_is_needed_until_every_job_that_uses_it_is_over(ledger: Ledger) -> None:
    ledger.jobs.plan([draft("k3aaaa"), draft("k3bbbb")], "me", resubmit=False)
    put_up(ledger, "k3aaaa")
    put_up(ledger, "k3bbbb")

    ledger.jobs.never_sent("k3aaaa", PROBLEM)
    assert unneeded(ledger) == []
    ledger.jobs.submitting("k3bbbb")
    ledger.jobs.accepted("k3bbbb", taken("remote"))
    assert unneeded(ledger) == []
    ledger.jobs.ended("k3bbbb", State.FAILED, PROBLEM)
    assert unneeded(ledger) == ["ab.png", "ab.png"]

    ledger.uploads.removed(STORAGE, "ab.png")
    assert unneeded(ledger) == []


def test_a_key_that_is_needed_stays_however_the_storage_is_written(ledger: Ledger) -> None:
    ledger.jobs.plan([draft("k3aaaa"), draft("k3bbbb")], "me", resubmit=False)
    put_up(ledger, "k3aaaa")
    ledger.uploads.uploading("k3bbbb", Upload("ab", storage=f"{STORAGE}/?region=auto", key="ab.png"))

    ledger.jobs.never_sent("k3aaaa", PROBLEM)
    assert unneeded(ledger) == []
    ledger.jobs.never_sent("k3bbbb", PROBLEM)
    assert unneeded(ledger) == ["ab.png", "ab.png"]


def test_a_picture_that_was_there_already_is_not_ours_to_remove(ledger: Ledger) -> None:
    ledger.jobs.plan([draft("k3aaaa")], "me", resubmit=False)
    assert not ledger.uploads.is_ours("ab.png")
    put_up(ledger, "k3aaaa")
    assert ledger.uploads.is_ours("ab.png")

    ledger.uploads.not_uploaded("k3aaaa", "ab")
    ledger.jobs.never_sent("k3aaaa", PROBLEM)
    assert unneeded(ledger) == []


def test_an_uncertain_job_may_still_be_drawn_until_its_link_is_dead(ledger: Ledger, clock: FakeClock) -> None:
    ledger.jobs.plan([draft("k3aaaa")], "me", resubmit=False)
    put_up(ledger, "k3aaaa")
    ledger.jobs.submitting("k3aaaa")
    ledger.jobs.mark_uncertain("k3aaaa", PROBLEM)

    assert unneeded(ledger) == []
    clock.time += 2 * HOURS + 1
    assert unneeded(ledger) == ["ab.png"]


def test_who_is_putting_a_picture_up_is_known_until_it_is_there(ledger: Ledger) -> None:
    ledger.jobs.plan([draft("k3aaaa")], "me", resubmit=False)
    put_up(ledger, "k3aaaa", "me")
    ledger.jobs.never_sent("k3aaaa", PROBLEM)

    assert [upload.uploader for upload in ledger.uploads.unneeded(HOURS)] == ["me"]
    ledger.uploads.uploaded("k3aaaa", "ab")
    assert [upload.uploader for upload in ledger.uploads.unneeded(HOURS)] == [None]


def test_what_a_dead_process_was_putting_up_is_removed_once_more_later(ledger: Ledger, clock: FakeClock) -> None:
    ledger.jobs.plan([draft("k3aaaa")], "me", resubmit=False)
    put_up(ledger, "k3aaaa", "dead")
    ledger.jobs.never_sent("k3aaaa", PROBLEM)

    ledger.uploads.removed(STORAGE, "ab.png")
    assert (unneeded(ledger), ledger.uploads.is_ours("ab.png")) == ([], True)
    clock.time += 601
    assert unneeded(ledger) == ["ab.png"]
    ledger.uploads.removed(STORAGE, "ab.png")
    assert not ledger.uploads.is_ours("ab.png")


def test_what_a_service_was_sent_can_be_read_from_the_ledger_later(ledger: Ledger, tmp_path: Path) -> None:
    pictures = (
        PictureFile(tmp_path / "a.png", "image/png", 3, "ab"),
        PictureLink("https://pictures.example.com/b.png"),
    )
    ledger.jobs.plan([draft("k3aaaa", request=Request("model", "at night", pictures))], "me", resubmit=False)
    ledger.uploads.uploading("k3aaaa", Upload("ab", link="https://storage.example.com/a.png"))

    links = [
        reference.url for reference in sent(ledger, ledger.jobs.get("k3aaaa")).references if hasattr(reference, "url")
    ]

    assert links == ["https://storage.example.com/a.png", "https://pictures.example.com/b.png"]
    assert unneeded(ledger) == []


def ordered(bench: Bench, path: Path, count: int) -> Request:
    picture = PictureFile(path, "image/png", path.stat().st_size, bench_sha256(path))
    choice = possible(Order("at night", "gmicloud", count=count), bench.config.accounts)[0]
    return replace(choice.request, references=(picture,))


def bench_sha256(path: Path) -> str:
    import hashlib

    return hashlib.sha256(path.read_bytes()).hexdigest()


@pytest.fixture
def picture(tmp_path: Path) -> Path:
    """A small PNG."""
    from PIL import Image

    path = tmp_path / "teal.png"
    Image.new("RGB", (64, 48), "teal").save(path)
    return path


def edit(bench: Bench, path: Path, count: int = 1, provider: str = "gmicloud") -> list[str]:
    choice = possible(Order("at night", provider, count=count), bench.config.accounts)[0]
    choice = choice._replace(request=ordered(bench, path, count))
    target = parse_output(
        None, cwd=path.parent / "out", pictures=count, overwrite=False, format=None, kept=path.parent / "kept"
    )
    return [record.id for record in bench.record(split(choice, target))]


def test_four_requests_with_one_picture_upload_it_once(tmp_path: Path, picture: Path) -> None:
    with Bench(tmp_path, seconds=1.0) as bench:
        ids = edit(bench, picture, count=4)

        report = bench.follow(bench.session.ledger.jobs.get_many(ids))

        assert report.exit_code is ExitCode.DONE
        assert len(bench.requests("POST")) == 5
        assert len(bench.requests("PUT")) == 1


def test_a_lost_reply_to_an_edit_is_found_among_the_jobs_of_the_service(tmp_path: Path, picture: Path) -> None:
    with Bench(tmp_path, seconds=1.0, faults="lost-reply") as bench:
        ids = edit(bench, picture)

        report = bench.follow(bench.session.ledger.jobs.get_many(ids))

        assert report.exit_code is ExitCode.DONE
        assert "No reply" in bench.watcher.said[0]
        assert len(bench.requests("/requests")) >= 2


def test_a_picture_that_changed_since_it_was_ordered_is_not_sent(tmp_path: Path, picture: Path) -> None:
    with Bench(tmp_path, seconds=1.0) as bench:
        ids = edit(bench, picture)
        picture.write_bytes(bytes(picture.stat().st_size))

        report = bench.follow(bench.session.ledger.jobs.get_many(ids))

        assert report.exit_code is ExitCode.UNREACHABLE
        assert report.records[0].state is State.CANCELLED
        assert "changed since this request was recorded" in report.problems[ids[0]].message
        assert bench.requests("/requests ") == []


@pytest.fixture
def nowhere(monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """The settings of a storage whose endpoint was mistyped."""
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "unknown")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "a-secret-that-opens-nothing")
    return {"IMGEN_UPLOAD": "s3://buck/x?endpoint=http://127.0.0.1:9"}


def test_a_storage_that_never_took_a_byte_is_said_once_and_not_asked_again(
    tmp_path: Path, picture: Path, nowhere: dict[str, str]
) -> None:
    with Bench(tmp_path, seconds=1.0) as bench:
        bench.config = Config({**bench.config.environ, **nowhere}, tmp_path)
        ids = edit(bench, picture, provider="reapi")

        report = bench.follow(bench.session.ledger.jobs.get_many(ids))

        assert report.exit_code is ExitCode.UNREACHABLE
        assert report.problems[ids[0]].message == (
            "Your storage s3://buck at http://127.0.0.1:9 did not take the picture:"
            " it cannot be reached (Connection refused)."
        )
        assert bench.watcher.said == []
        assert unneeded(bench.session.ledger) == []


def test_a_storage_that_cannot_be_cleaned_is_named_with_the_way_out_and_the_sandbox_lets_it_be(
    tmp_path: Path, nowhere: dict[str, str]
) -> None:
    with Bench(tmp_path, seconds=1.0) as bench:
        ledger = bench.session.ledger
        ledger.jobs.plan([draft("k3aaaa")], "me", resubmit=False)
        ledger.uploads.uploading("k3aaaa", Upload("ab", storage=nowhere["IMGEN_UPLOAD"], key="ab.png"))
        ledger.jobs.never_sent("k3aaaa", PROBLEM)

        assert bench.generate().exit_code is ExitCode.DONE
        (said,) = bench.watcher.said
        assert (
            "s3://buck at http://127.0.0.1:9 did not remove a picture: it cannot be reached (Connection refused)."
            in said
        )
        assert "with IMGEN_UPLOAD_KEEP=1 it is left there" in said
        assert unneeded(ledger) == ["ab.png"]

        in_sandbox = possible(Order("a red fox", "3daistudio", sandbox=True), bench.config.accounts)[0]
        target = Target(tmp_path / "out", "{prompt}.{ext}")
        assert bench.follow(bench.record(split(in_sandbox, target)), Goal.ACCEPTANCE).exit_code is ExitCode.DONE
        assert bench.watcher.said == [said]

        bench.config = Config({**bench.config.environ, "IMGEN_UPLOAD_KEEP": "1"}, tmp_path)
        bench.generate("another")
        assert (bench.watcher.said, unneeded(ledger)) == ([said], [])


def test_a_conversation_in_the_ledger_that_is_none_is_said_and_not_sent(tmp_path: Path) -> None:
    with Bench(tmp_path, seconds=1.0) as bench:
        choice = possible(Order("bluer", "gmicloud"), bench.config.accounts)[0]
        choice = choice._replace(request=replace(choice.request, conversation={"turns": 1}))
        drafts = split(choice, Target(tmp_path, "{prompt}.{ext}"))

        report = bench.follow(bench.record(drafts))

        assert report.exit_code is ExitCode.REFUSED
        assert report.records[0].state is State.FAILED
        assert "is not a list of turns" in report.problems[drafts[0].id].message
        assert bench.requests("POST") == []


def test_a_place_is_named_without_what_stands_behind_it() -> None:
    place = parse_place("s3://bucket/prefix?endpoint=https://storage.example.com&region=eu-central-1")

    assert place == Place("s3://bucket/prefix?endpoint=https://storage.example.com&region=eu-central-1")
    assert place.name == "s3://bucket"

"""Pictures on their way through a person's own object storage, on the installed program and a real S3 API."""

from __future__ import annotations

import hashlib
import signal
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from cli.program.editing import Bucket, last_job, png, services
from cli.program.program import OFTEN, Program, until
from imgen.errors import ExitCode
from imgen.pictures.storage import Storage, parse_place
from imgen.records import State
from imgen_providers.base import PictureFile
from imgen_providers.network import Network

if TYPE_CHECKING:
    from pathlib import Path


def test_a_key_that_is_taken_is_left_as_it_is_and_that_is_said(
    tmp_path: Path, s3: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    bucket = Bucket(s3, "bucket")
    for name, value in bucket.variables.items():
        monkeypatch.setenv(name, value)
    path = tmp_path / "file.png"
    path.write_bytes(png("teal"))
    picture = PictureFile(path, "image/png", path.stat().st_size, hashlib.sha256(path.read_bytes()).hexdigest())
    storage = Storage(parse_place(bucket.variables["IMGEN_UPLOAD"]), Network(user_agent="test"))

    assert [storage.put("ab.png", picture), storage.put("ab.png", picture)] == [True, False]
    assert bucket.keys() == ["references/ab.png"]


@pytest.mark.parametrize("end", [signal.SIGKILL, signal.SIGINT])
def test_what_an_interrupted_upload_left_is_removed_by_a_later_run(
    imgen: Program, s3: str, end: signal.Signals
) -> None:
    slow = Bucket(s3, "slow")
    (imgen.cwd / "file.png").write_bytes(png("teal"))
    with services(imgen, bucket=slow) as (program, recorder):
        with program.start("edit", "never sent", "-p", "reapi", "-i", "file.png") as uploading:
            until(slow.keys)
            uploading.send_signal(end)
            uploading.wait(10)
        assert len(slow.keys()) == 1
        assert recorder.submits == []

        later = program.run("generate", "something else", "-p", "3daistudio", "-q", *OFTEN)

    assert later.code == ExitCode.DONE, later.stderr
    assert slow.keys() == []
    never_sent = imgen.jobs()[0]
    assert (never_sent.state, never_sent.remote_id) == (State.CANCELLED, None)


def test_the_same_picture_goes_up_once_and_stays_as_long_as_a_job_needs_it(imgen: Program, bucket: Bucket) -> None:
    (imgen.cwd / "file.png").write_bytes(png("teal"))
    with services(imgen, bucket=bucket, seconds=0.3) as (program, recorder):
        started = program.run("edit", "one", "-p", "reapi", "-i", "file.png", "--no-wait")
        assert started.code == ExitCode.DONE, started.stderr
        assert len(bucket.keys()) == 1
        other = program.run("edit", "two", "-p", "gptproto", "-i", "file.png", "-q", "--no-wait")
        assert other.code == ExitCode.DONE, other.stderr
        assert len(bucket.keys()) == 1
        assert program.run("wait", "-q", *OFTEN).code == ExitCode.DONE

    assert [submit.pictures for submit in recorder.submits] == [(png("teal"),), (png("teal"),)]
    assert bucket.keys() == []
    assert b"X-Amz-Signature" not in (imgen.home / "ledger.sqlite3").read_bytes()


def test_two_ledgers_with_one_prefix_do_not_remove_each_others_pictures(imgen: Program, bucket: Bucket) -> None:
    (imgen.cwd / "file.png").write_bytes(png("teal"))
    with services(imgen, bucket=bucket, seconds=0.3) as (program, _):
        other = replace(program, home=imgen.home.parent / "other")
        assert program.run("edit", "one", "-p", "reapi", "-i", "file.png", "--no-wait").code == ExitCode.DONE
        (first,) = bucket.keys()
        assert other.run("edit", "two", "-p", "reapi", "-i", "file.png", "-q", *OFTEN).code == ExitCode.DONE

        assert bucket.keys() == [first]
        assert program.run("wait", "-q", *OFTEN).code == ExitCode.DONE
    assert bucket.keys() == []
    assert (imgen.home / "installation").stat().st_mode & 0o777 == 0o600


def test_what_the_person_had_kept_in_the_storage_is_not_removed_by_a_later_job(imgen: Program, bucket: Bucket) -> None:
    (imgen.cwd / "file.png").write_bytes(png("teal"))
    with services(imgen, bucket=bucket) as (program, _):
        keeping = replace(program, variables={**program.variables, "IMGEN_UPLOAD_KEEP": "1"})
        assert keeping.run("edit", "one", "-p", "reapi", "-i", "file.png", "-q", *OFTEN).code == ExitCode.DONE
        kept = bucket.keys()
        assert program.run("edit", "two", "-p", "reapi", "-i", "file.png", "-q", *OFTEN).code == ExitCode.DONE
    assert bucket.keys() == kept
    assert len(kept) == 1


def test_uploads_stay_where_the_person_says_so(imgen: Program, bucket: Bucket) -> None:
    (imgen.cwd / "file.png").write_bytes(png("teal"))
    with services(imgen, bucket=bucket) as (program, _):
        keeping = replace(program, variables={**program.variables, "IMGEN_UPLOAD_KEEP": "1"})
        assert keeping.run("edit", "one", "-p", "reapi", "-i", "file.png", "-q", *OFTEN).code == ExitCode.DONE
    assert len(bucket.keys()) == 1


@pytest.mark.parametrize(
    ("kind", "sentence"),
    [
        ("refusing", "did not take the picture: its credentials may not do that"),
        ("shut", "its link cannot be fetched"),
        ("missing", "did not take the picture: there is no such bucket"),
    ],
)
def test_a_storage_that_refuses_is_said_before_anything_is_paid(
    imgen: Program, s3: str, kind: str, sentence: str
) -> None:
    place = Bucket(s3, kind)
    if kind == "missing":
        place.variables["IMGEN_UPLOAD"] = place.variables["IMGEN_UPLOAD"].replace(place.name, "another-bucket")
    (imgen.cwd / "file.png").write_bytes(png("teal"))
    with services(imgen, bucket=place) as (program, recorder):
        ended = program.run("edit", "never sent", "-p", "reapi", "-i", "file.png")

    assert ended.code == ExitCode.KEY, ended.stderr
    assert sentence in ended.stderr
    assert "X-Amz" not in ended.stderr
    assert place.keys() == []
    assert recorder.submits == []
    assert last_job(imgen).state is State.CANCELLED

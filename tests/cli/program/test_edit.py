"""Editing, on the installed program: what a person names is what a service gets, byte for byte."""

from __future__ import annotations

import io
import json
import signal
import sqlite3
import subprocess
import sys
import uuid
from contextlib import closing, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import obstore
import pytest
from obstore.store import S3Store
from PIL import Image

from cli.program.program import KEY, OFTEN, SMALL, Program, served, until
from cli.program.recorder import Recorder, recorded
from imgen.errors import ExitCode
from imgen.jobs.records import State
from imgen.pictures.storage import Storage, parse_place
from imgen_providers.base import PictureFile
from imgen_providers.catalog import SERVICES

if TYPE_CHECKING:
    from collections.abc import Iterator

    from imgen.jobs.records import JobRecord

GMI = ("-p", "gmicloud", "-m", "gemini-3-pro")


def png(color: str, size: tuple[int, int] = (48, 32)) -> bytes:
    held = io.BytesIO()
    Image.new("RGB", size, color).save(held, "PNG")
    return held.getvalue()


@pytest.fixture(scope="session")
def s3() -> Iterator[str]:
    """The origin of a real S3 API, by moto."""
    server = Path(__file__).with_name("s3_server.py")
    command = [sys.executable, str(server)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        try:
            yield process.stdout.readline().strip()
        finally:
            process.kill()


class Bucket:
    """A bucket of its own for one test; the beginning of its name says what goes wrong in it."""

    def __init__(self, s3: str, kind: str) -> None:
        self.name = f"{kind}-{uuid.uuid4().hex[:12]}"
        self.variables = {
            "IMGEN_UPLOAD": f"s3://{self.name}/references?endpoint={s3}",
            "AWS_ACCESS_KEY_ID": "nobody",
            "AWS_SECRET_ACCESS_KEY": "a-secret-that-opens-nothing",
        }
        self._store = S3Store(
            self.name,
            endpoint=s3,
            region="us-east-1",
            access_key_id="nobody",
            secret_access_key="nothing",
            client_options={"allow_http": True},
        )
        made = subprocess.run(["curl", "-s", "-f", "-X", "PUT", f"{s3}/{self.name}"], capture_output=True, timeout=10)
        assert made.returncode == 0, made.stderr

    def keys(self) -> list[str]:
        return [entry["path"] for entry in obstore.list(self._store).collect()]


def test_a_key_that_is_taken_is_left_as_it_is_and_that_is_told(
    tmp_path: Path, s3: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    bucket = Bucket(s3, "bucket")
    for name, value in bucket.variables.items():
        monkeypatch.setenv(name, value)
    path = tmp_path / "file.png"
    path.write_bytes(png("teal"))
    picture = PictureFile(path, "image/png", path.stat().st_size, "ab")
    storage = Storage(parse_place(bucket.variables["IMGEN_UPLOAD"]))

    assert [storage.put("ab.png", picture), storage.put("ab.png", picture)] == [True, False]
    assert bucket.keys() == ["references/ab.png"]


@pytest.fixture
def bucket(s3: str) -> Bucket:
    """An empty bucket in which nothing goes wrong."""
    return Bucket(s3, "bucket")


@contextmanager
def services(
    imgen: Program, *, bucket: Bucket | None = None, seconds: float = 0.1
) -> Iterator[tuple[Program, Recorder]]:
    """The program with all services at a window that records what comes through."""
    with served(imgen.home.parent / "services", [], seconds=seconds) as behind, recorded(behind) as recorder:
        variables = bucket.variables if bucket else {}
        there = imgen.at(recorder.origin)
        yield replace(there, variables={**there.variables, **variables}), recorder


def last_job(imgen: Program) -> JobRecord:
    return imgen.jobs()[-1]


@pytest.mark.parametrize("provider", SERVICES)
def test_file_url_stdin_and_job_arrive_byte_for_byte_and_in_order(
    imgen: Program, bucket: Bucket, provider: str
) -> None:
    with services(imgen, bucket=bucket) as (program, recorder):
        first = program.run("generate", "a red fox", "-p", provider, "-q", *OFTEN)
        assert first.code == ExitCode.DONE, first.stderr
        fox = imgen.jobs()[0]
        (imgen.cwd / "file.png").write_bytes(png("teal"))
        recorder.public["/public.png"] = png("gold")
        words = ("file.png", f"{recorder.origin}/public.png", "-", f"{fox.id}:1")
        options = [part for word in words for part in ("-i", word)]

        model = ("-m", "gemini-3-pro")  # takes 14 at every service
        ended = program.run("edit", "all of it", "-p", provider, *model, *options, *OFTEN, stdin=png("navy"))

        assert ended.code == ExitCode.DONE, ended.stderr
        assert recorder.submits[-1].pictures == (
            png("teal"),
            png("gold"),
            png("navy"),
            Path(first.lines[0]).read_bytes(),
        )
        job = last_job(imgen)
        assert (job.parent_id, job.request.operation) == (fox.id, "edit")
        assert job.results[0].path
        assert job.results[0].path.exists()
        assert bucket.keys() == []
        assert KEY not in ended.stderr


def test_a_picture_piped_from_generate_to_edit_comes_out_again_and_knows_its_parent(imgen: Program) -> None:
    made = imgen.run("generate", "a red fox", "--sandbox", *SMALL, "-o", "-")
    ended = imgen.run("edit", "at night", "--sandbox", *SMALL, "-i", "-", "-o", "-", stdin=made.stdout)

    assert ended.code == ExitCode.DONE, ended.stderr
    first, second = imgen.jobs()
    assert second.parent_id == first.id
    with Image.open(io.BytesIO(ended.stdout)) as picture:
        assert picture.format == "PNG"
    assert imgen.run("status", second.id, "--json").json["jobs"][0]["parent"] == first.id


def test_three_turns_keep_the_conversation_though_the_program_dies_between_them(imgen: Program) -> None:
    with services(imgen, seconds=0.4) as (program, recorder):
        assert program.run("generate", "a red fox", *GMI, "-q", *OFTEN).code == ExitCode.DONE
        first = last_job(imgen)
        with program.start("edit", "make it blue", "--from", first.id, *OFTEN) as dying:
            until(lambda: [job.remote_id for job in imgen.jobs()][1:] not in ([], [None]))
            dying.kill()
        second = last_job(imgen)
        assert second.state in (State.QUEUED, State.RUNNING)
        too_early = program.run("edit", "with a hat", "--from", second.id)
        assert (too_early.code, "imgen wait" in too_early.stderr) == (ExitCode.USAGE, True)
        assert program.run("wait", "-q", *OFTEN).code == ExitCode.DONE

        third = program.run("edit", "with a hat", "--from", second.id, *OFTEN)

    assert third.code == ExitCode.DONE, third.stderr
    turns = recorder.submits[-1].body["payload"]["contents"]
    assert [turn["role"] for turn in turns] == ["user", "model", "user", "model", "user"]
    words = [part["text"] for turn in turns for part in turn["parts"] if part.get("text")]
    assert words == ["a red fox", "make it blue", "with a hat"]
    signatures = [part.get("thoughtSignature") for turn in turns for part in turn["parts"] if turn["role"] == "model"]
    assert signatures == ["signature-of-turn-1", "signature-of-turn-3"]
    assert "image" not in recorder.submits[-1].body["payload"]
    assert len(recorder.submits) == 3


def test_a_conversation_takes_more_pictures_and_goes_elsewhere_as_a_picture(imgen: Program) -> None:
    with services(imgen) as (program, recorder):
        (imgen.cwd / "hat.png").write_bytes(png("gold"))
        assert program.run("generate", "a red fox", *GMI, "-q", "-o", "fox.png", *OFTEN).code == ExitCode.DONE
        fox = last_job(imgen)
        assert program.run("edit", "this hat", "--from", fox.id, "-i", "hat.png", "-q", *OFTEN).code == ExitCode.DONE
        native = recorder.submits[-1]
        elsewhere = program.run("edit", "there", "--from", fox.id, "-p", "3daistudio", "-i", "hat.png", "-q", *OFTEN)

    assert native.pictures == ((imgen.cwd / "fox.png").read_bytes(), png("gold"))
    assert elsewhere.code == ExitCode.DONE, elsewhere.stderr
    assert recorder.submits[-1].path.endswith("/edit/")
    assert recorder.submits[-1].pictures == native.pictures
    tree = imgen.run("status", fox.id, "--tree").lines
    assert [line.split("  ")[2] for line in tree] == ["a red fox", "this hat", "there"]
    assert "+1 picture, same conversation" in tree[1]
    assert "3daistudio/gemini/3.1/flash" in tree[2]


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


def test_a_saved_picture_that_was_changed_since_is_not_taken_for_the_jobs_own(imgen: Program) -> None:
    with services(imgen) as (program, recorder):
        assert program.run("generate", "a fox", "-p", "3daistudio", "-q", "-o", "fox.png", *OFTEN).code == ExitCode.DONE
        fox = last_job(imgen)
        whose = program.run("edit", "at night", "-p", "3daistudio", "-i", fox.id[:4], *OFTEN)
        assert (whose.code, f"is a picture of job {fox.id}" in whose.stderr) == (ExitCode.DONE, True), whose.stderr
        (imgen.cwd / "fox.png").write_bytes(png("teal"))
        sent = len(recorder.submits)
        named = program.run("edit", "at night", "-p", "3daistudio", "-i", fox.id)
        gone_on = program.run("edit", "at noon", "--from", fox.id)
        as_file = program.run("edit", "at dusk", "-p", "3daistudio", "-i", "fox.png", *OFTEN)

    for ended in (named, gone_on):
        assert ended.code == ExitCode.USAGE, ended.stderr
        assert f"The picture of job {fox.id} was changed since it was saved" in " ".join(ended.stderr.split())
    assert as_file.code == ExitCode.DONE, as_file.stderr
    assert len(recorder.submits) == sent + 1
    assert last_job(imgen).parent_id is None


def test_a_conversation_of_unknown_form_goes_on_as_a_picture_and_that_is_said(imgen: Program) -> None:
    with services(imgen) as (program, recorder):
        assert program.run("generate", "a fox", *GMI, "-q", "-o", "fox.png", *OFTEN).code == ExitCode.DONE
        fox = last_job(imgen)
        with closing(sqlite3.connect(imgen.home / "ledger.sqlite3")) as ledger, ledger:
            ledger.execute("UPDATE job SET conversation = ?", ('{"turns": 1}',))
        ended = program.run("edit", "bluer", "--from", fox.id, *OFTEN)

    assert ended.code == ExitCode.DONE, ended.stderr
    said = " ".join(ended.stderr.split())
    assert f"The conversation of job {fox.id} cannot be read, so its picture is sent instead" in said
    assert "contents" not in recorder.submits[-1].body["payload"]
    assert recorder.submits[-1].pictures == ((imgen.cwd / "fox.png").read_bytes(),)


def test_uploads_stay_where_the_person_says_so(imgen: Program, bucket: Bucket) -> None:
    (imgen.cwd / "file.png").write_bytes(png("teal"))
    with services(imgen, bucket=bucket) as (program, _):
        keeping = replace(program, variables={**program.variables, "IMGEN_UPLOAD_KEEP": "1"})
        assert keeping.run("edit", "one", "-p", "reapi", "-i", "file.png", "-q", *OFTEN).code == ExitCode.DONE
    assert len(bucket.keys()) == 1


@pytest.mark.parametrize(
    ("kind", "sentence"),
    [("refusing", "did not take the picture"), ("shut", "its link cannot be fetched"), ("missing", "did not take")],
)
def test_a_storage_that_refuses_is_said_before_anything_is_paid(
    imgen: Program, s3: str, kind: str, sentence: str
) -> None:
    place = Bucket(s3, kind)
    if kind == "missing":
        place.variables["IMGEN_UPLOAD"] = place.variables["IMGEN_UPLOAD"].replace(place.name, "nobodys-bucket")
    (imgen.cwd / "file.png").write_bytes(png("teal"))
    with services(imgen, bucket=place) as (program, recorder):
        ended = program.run("edit", "never sent", "-p", "reapi", "-i", "file.png")

    assert ended.code == ExitCode.KEY, ended.stderr
    assert sentence in ended.stderr
    assert "X-Amz" not in ended.stderr
    assert recorder.submits == []
    assert last_job(imgen).state is State.CANCELLED


def test_a_sandbox_conversation_shows_the_picture_it_goes_on_from_in_another_process(imgen: Program) -> None:
    """The link in the conversation names a port that nobody listens on any more."""
    assert imgen.run("generate", "a red fox", "--sandbox", *GMI, "-q").code == ExitCode.DONE
    fox = last_job(imgen)

    assert imgen.run("edit", "make it blue", "--from", fox.id, "-q").code == ExitCode.DONE

    stored = [json.loads(path.read_text()) for path in (imgen.home / "sandbox" / "jobs").rglob("*.json")]
    (blue,) = (job["order"] for job in stored if job["order"]["prompt"] == "make it blue")
    assert [reference["size"] for reference in blue["references"]] == [[1024, 1024]]
    assert last_job(imgen).sandbox

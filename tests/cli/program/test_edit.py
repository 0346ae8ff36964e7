"""Editing, on the installed program: what a person names is what a service gets, byte for byte."""

from __future__ import annotations

import io
import json
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from PIL import Image

from cli.program.editing import GMI, Bucket, last_job, png, services
from cli.program.program import KEY, OFTEN, SMALL, Program, until
from imgen.errors import ExitCode
from imgen.ledger.conversations import Conversations
from imgen.records import State
from imgen_providers.catalog import SERVICES

if TYPE_CHECKING:
    from imgen_providers.base import Json

CONVERSATION: list[Json] = [{"role": "user", "parts": [{"text": "a fox"}]}]


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

        entry = SERVICES[provider]  # gemini-3-pro takes 14 at every service that has it
        model = ("-m", "gemini-3-pro" if entry.family("gemini-3-pro") else entry.models[0].family)
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


@pytest.mark.parametrize("provider", [name for name, entry in SERVICES.items() if entry.takes_links])
def test_a_link_that_only_the_service_can_fetch_goes_as_it_is_where_it_also_takes_files(
    imgen: Program, provider: str
) -> None:
    link = "https://only-there.invalid/fox.png"
    with services(imgen) as (program, recorder):
        model = ("-m", SERVICES[provider].models[0].family)
        edit = ("edit", "at night", "-p", provider, *model, "-i", link, "-o", "night.{ext}", *OFTEN)
        refused = program.run(*edit)
        assert (refused.code, recorder.submits) == (ExitCode.UNREACHABLE, [])
        assert "--unchecked gives it the link as it is" in " ".join(refused.stderr.split())

        given = program.run(*edit, "--unchecked")

    assert given.code == ExitCode.DONE, given.stderr
    [submit] = recorder.submits
    assert link in json.dumps(submit.body)
    assert submit.pictures == ()


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
        with program.start("edit", "make it blue", "--from", first.id, *OFTEN) as expiring:
            until(lambda: [job.remote_id for job in imgen.jobs()][1:] not in ([], [None]))
            expiring.kill()
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


def test_three_turns_with_gemini_keep_what_the_model_said_and_signed_byte_for_byte(imgen: Program) -> None:
    """Each turn is another process, and the second is killed as soon as the ledger has its answer."""
    with services(imgen) as (program, recorder):
        order = ("-p", "gemini", "-m", "nano-banana-2.1", "--option", 'thinkingConfig={"includeThoughts": true}')
        first = program.run("generate", "a red fox", *order, "-q", "-o", "fox.{ext}")
        assert first.code == ExitCode.DONE, first.stderr
        with program.start("edit", "make it blue", "--from", last_job(imgen).id, "-o", "blue.{ext}") as killed:
            until(lambda: [job.remote_id for job in imgen.jobs()][1:] not in ([], [None]))
            killed.kill()
        assert program.run("wait", "-q").code == ExitCode.DONE
        third = program.run("edit", "with a hat", "--from", last_job(imgen).id, "-o", "hat.{ext}")

    assert third.code == ExitCode.DONE, third.stderr
    said = [answer["candidates"][0]["content"] for answer in recorder.answers]
    contents = recorder.submits[-1].body["contents"]
    assert [turn["role"] for turn in contents] == ["user", "model", "user", "model", "user"]
    assert [turn["parts"] for turn in contents[1::2]] == [content["parts"] for content in said[:2]]
    assert [turn["parts"][-1]["text"] for turn in contents[::2]] == ["a red fox", "make it blue", "with a hat"]
    signed = [part for content in said for part in content["parts"] if "thoughtSignature" in part]
    assert len(signed) == 6, "on the words and on the picture of each turn"
    assert any(part.get("thought") for part in said[0]["parts"])
    assert len(recorder.submits) == 3
    assert all(len(str(job.conversation)) == 64 for job in imgen.jobs()), "the ledger has the name of a file"
    assert [job.state for job in imgen.jobs()] == [State.SAVED] * 3
    assert {path.suffix for path in imgen.cwd.iterdir()} == {".jpg"}


def test_a_conversation_that_no_request_of_gemini_can_hold_goes_on_as_a_picture_and_that_is_said(
    imgen: Program,
) -> None:
    with services(imgen) as (program, recorder):
        assert program.run("generate", "a fox", "-p", "gemini", "-q").code == ExitCode.DONE
        fox = last_job(imgen)
        turns: list[Json] = [*CONVERSATION, {"role": "model", "parts": [{"text": "x" * 20_000_000}]}]
        name = Conversations(imgen.home / "conversations").put(turns)
        with closing(sqlite3.connect(imgen.home / "ledger.sqlite3")) as ledger, ledger:
            ledger.execute("UPDATE job SET conversation = ?", (json.dumps(name),))
        ended = program.run("edit", "at night", "--from", fox.id)

    assert ended.code == ExitCode.DONE, ended.stderr
    assert "is larger than Google Gemini takes in one request, so its picture is sent instead" in " ".join(
        ended.stderr.split()
    )
    assert len(recorder.submits[-1].body["contents"]) == 1
    assert recorder.submits[-1].pictures == (Path(fox.results[0].path or "").read_bytes(),)


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


def test_a_sandbox_conversation_shows_the_picture_it_goes_on_from_in_another_process(imgen: Program) -> None:
    """The link in the conversation names a port without a listener."""
    assert imgen.run("generate", "a red fox", "--sandbox", *GMI, "-q").code == ExitCode.DONE
    fox = last_job(imgen)

    assert imgen.run("edit", "make it blue", "--from", fox.id, "-q").code == ExitCode.DONE

    stored = [json.loads(path.read_text()) for path in (imgen.home / "sandbox" / "jobs").rglob("*.json")]
    (blue,) = (job["order"] for job in stored if job["order"]["prompt"] == "make it blue")
    assert [reference["size"] for reference in blue["references"]] == [[1024, 1024]]
    assert last_job(imgen).sandbox


def webp() -> bytes:
    held = io.BytesIO()
    Image.new("RGB", (30, 20), "orange").save(held, "WEBP")
    return held.getvalue()


def test_the_sandbox_takes_files_for_services_that_fetch_them_and_leaves_a_storage_of_ones_own_alone(
    imgen: Program,
) -> None:
    (imgen.cwd / "hat.png").write_bytes(png("gold"))
    (imgen.cwd / "fox.webp").write_bytes(webp())
    variables = {"IMGEN_UPLOAD": "s3://a-bucket-of-no-account", "AWS_ENDPOINT_URL": "http://127.0.0.1:9"}
    words = ("-i", "fox.webp", "-i", "hat.png", "--sandbox", "-q")
    lines = [(("edit", "at night", "-p", name, *words), variables, b"") for name in ("reapi", "gptproto")]

    for ended in imgen.run_lines(lines):
        assert (ended.code, ended.stderr) == (ExitCode.DONE, "")

    stored = [json.loads(path.read_text())["order"] for path in (imgen.home / "sandbox" / "jobs").rglob("*.json")]
    assert [[each["size"] for each in order["references"]] for order in stored] == [[[30, 20], [48, 32]]] * 2
    kept = {path.read_bytes() for path in (imgen.home / "sandbox" / "uploads").iterdir()}
    assert kept == {webp(), png("gold")}

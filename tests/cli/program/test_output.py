"""What comes out where: stdout is data to the last byte, stderr is for people."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from PIL import Image

from cli.program.program import IMGEN, KEY, SMALL, Ended, Program, served
from imgen.errors import ExitCode
from imgen.records import State

if TYPE_CHECKING:
    from pathlib import Path

FOX = ("generate", "a red fox", "--sandbox", *SMALL)


def saved(ended: Ended) -> bytes:
    assert ended.code == ExitCode.DONE, ended.stderr
    return ended.stdout


def check_picture(path: Path, format: str = "PNG") -> None:
    with Image.open(path) as picture:
        picture.load()
        assert (picture.size, picture.format) == ((512, 512), format)


def test_a_pipe_gets_paths_and_nothing_else_and_stderr_one_line_per_change(imgen: Program) -> None:
    ended = imgen.run(*FOX, "-n", "2")

    (job,) = imgen.jobs()
    paths = [imgen.cwd / f"a-red-fox-{index}-{job.id}.png" for index in (1, 2)]
    assert saved(ended) == "".join(f"{path}\n" for path in paths).encode()
    for path in paths:
        check_picture(path)
    printed = ended.stderr.splitlines()
    assert printed[0] == "3D AI Studio: gemini-3.1-flash, 2 pictures, 0.5K, free in the sandbox (20 credits for real)"
    assert printed[1] == f"{job.id} 3daistudio gemini-3.1-flash: accepted as {job.remote_id}"
    assert sorted(printed[-3:-1]) == [f"{job.id} saved {path} (512x512 png, free)" for path in paths]
    assert all(line.startswith(f"{job.id} ") for line in printed[1:-1])
    assert printed[-1].startswith("2 pictures, ")
    assert "\x1b" not in ended.stderr


def test_quiet_is_quiet_and_a_file_name_is_the_file_name(imgen: Program) -> None:
    ended = imgen.run(*FOX, "-q", "-o", "fox.webp")

    assert saved(ended) == f"{imgen.cwd / 'fox.webp'}\n".encode()
    assert ended.stderr == ""
    check_picture(imgen.cwd / "fox.webp", "WEBP")


def test_no_waiting_prints_ids_one_a_line(imgen: Program) -> None:
    ended = imgen.run(*FOX, "-n", "5", "--no-wait")

    jobs = imgen.jobs()
    assert [job.request.count for job in jobs] == [4, 1]
    assert saved(ended) == "".join(f"{job.id}\n" for job in jobs).encode()
    assert list(imgen.cwd.iterdir()) == []

    waited = imgen.run("wait", *ended.lines, "-q")
    assert len(saved(waited).splitlines()) == 5
    assert waited.stderr == ""


def test_json_is_one_line_with_everything_and_no_paths_beside_it(imgen: Program) -> None:
    prompt = "ein roter Füchs ##[x] \u202e\x1b[31m"

    ended = imgen.run("generate", prompt, "--sandbox", *SMALL, "-o", "füchse/", "--json")

    answer = ended.json
    assert list(answer) == ["version", "command", "ok", "exit_code", "jobs", "error"]
    assert (answer["version"], answer["command"], answer["ok"], answer["exit_code"]) == (1, "generate", True, 0)
    (job,) = answer["jobs"]
    assert job["prompt"] == prompt
    assert job["cost"]["unit"] == "credits"
    (file,) = job["files"]
    (path,) = (imgen.cwd / "füchse").iterdir()
    assert (file["path"], file["bytes"]) == (str(path), path.stat().st_size)
    assert path.name.startswith("ein-roter-füchs-")
    assert b"##[" not in ended.stdout
    assert "\x1b" not in ended.stderr


def test_a_picture_on_stdout_is_the_picture_that_was_kept(imgen: Program) -> None:
    ended = imgen.run(*FOX, "-o", "-")

    (kept,) = (imgen.home / "pictures").iterdir()
    assert saved(ended) == kept.read_bytes()
    check_picture(kept)
    assert list(imgen.cwd.iterdir()) == []
    assert str(kept) in ended.stderr


def test_a_picture_that_failed_puts_nothing_on_stdout(imgen: Program) -> None:
    unlucky = Program(imgen.home, imgen.cwd, {**imgen.variables, "IMGEN_SANDBOX_FAULTS": "job-failed"})

    ended = unlucky.run(*FOX, "-o", "-")

    assert (ended.code, ended.stdout) == (ExitCode.FAILED, b"")
    assert "failed at the service" in ended.stderr


def test_the_prompt_comes_from_stdin_or_a_file(imgen: Program) -> None:
    (imgen.cwd / "words.txt").write_text("\ufeffeine Füchsin\nim Schnee\n", encoding="utf-8")

    piped = imgen.run("generate", "-", "--sandbox", *SMALL, "--no-wait", stdin=b"ein Fuchs\n\n")
    read = imgen.run("generate", "--prompt-file", "words.txt", "--sandbox", *SMALL, "--no-wait")

    assert (piped.code, read.code) == (0, 0), read.stderr
    assert [job.request.prompt for job in imgen.jobs()] == ["ein Fuchs", "eine Füchsin\nim Schnee"]


def test_an_output_is_a_file_a_folder_or_a_template(imgen: Program) -> None:
    file = imgen.run(*FOX, "-o", "cats/cat.png", "-n", "2")
    folder = imgen.run(*FOX, "-o", "cats")
    template = imgen.run(*FOX, "-o", "{provider}/{model}/{slug}-{index:03}.{ext}", "-f", "jpeg")

    cats = imgen.cwd / "cats"
    assert saved(file) == f"{cats / 'cat-1.png'}\n{cats / 'cat-2.png'}\n".encode()
    in_folder = imgen.jobs()[1]
    assert saved(folder) == f"{cats / f'a-red-fox-1-{in_folder.id}.png'}\n".encode()
    nested = imgen.cwd / "3daistudio" / "gemini-3.1-flash" / "a-red-fox-001.jpg"
    assert saved(template) == f"{nested}\n".encode()
    check_picture(nested, "JPEG")
    assert [path.name for path in imgen.cwd.rglob(".*")] == []


def test_a_file_is_replaced_only_on_request(imgen: Program) -> None:
    target = imgen.cwd / "fox.png"
    target.write_bytes(b"another's")

    refused = imgen.run(*FOX, "-o", "fox.png")
    assert (refused.code, target.read_bytes()) == (ExitCode.USAGE, b"another's")
    replaced = imgen.run(*FOX, "-o", "fox.png", "--overwrite")

    assert saved(replaced) == f"{target}\n".encode()
    check_picture(target)
    assert len(imgen.jobs()) == 1


def test_a_dry_run_shows_the_request_and_its_price_and_does_nothing(imgen: Program, tmp_path: Path) -> None:
    log: list[str] = []
    order = ("generate", "a red fox", "-p", "3daistudio", "-n", "5", "-r", "2K", "-a", "16:9", "-o", "new/fox.png")
    with served(tmp_path / "far side", log) as origin:
        there = imgen.at(origin)
        shown = there.run(*order, "--dry-run")
        answered = there.run(*order, "--dry-run", "--json")
        sent = there.run(*order[:-2], "--no-wait")
    without_key = imgen.run(*order, "--dry-run")

    assert (shown.code, answered.code, sent.code, without_key.code) == (0, 0, 0, 0), without_key.stderr
    text = shown.stdout.decode()
    assert "2 requests, 5 pictures: " in text
    assert KEY not in text
    first, second = answered.json["requests"]
    assert first["url"].startswith(origin)
    assert (first["pictures"], second["pictures"]) == (4, 1)
    assert {first["cost"]["unit"], second["cost"]["unit"]} == {"credits"}
    assert first["body"]["prompt"] == "a red fox"
    assert json.dumps(first["body"]["prompt"]) in text
    assert shown.stderr == answered.stderr == ""
    assert sum(line.startswith("POST ") for line in log) == 2  # those of the order that was sent
    assert len(there.jobs()) == 2
    assert not (imgen.cwd / "new").exists()


def test_a_reader_that_goes_away_costs_no_picture(imgen: Program) -> None:
    with imgen.start(*FOX) as process:
        assert process.stdout
        process.stdout.close()
        code = process.wait(30)

    assert code == ExitCode.DONE
    (job,) = imgen.jobs()
    assert job.state is State.SAVED
    assert job.results[0].path
    check_picture(job.results[0].path)


@pytest.mark.skipif(shutil.which("sh") is None, reason="closes streams with a POSIX shell")
@pytest.mark.parametrize("closed", [">&-", ">&- 2>&- <&-"])
def test_a_stream_that_is_closed_from_the_start_costs_no_picture(imgen: Program, closed: str) -> None:
    command = ["sh", "-c", f'"$@" {closed}', "sh", *IMGEN, *FOX]

    ended = subprocess.run(command, cwd=imgen.cwd, env=imgen.environ, capture_output=True, timeout=30)

    assert ended.returncode == ExitCode.DONE, ended.stderr
    (job,) = imgen.jobs()
    assert job.state is State.SAVED
    path = job.results[0].path
    assert path
    check_picture(path)
    assert ended.stdout == (b"" if closed.startswith(">") else f"{path}\n".encode())


def test_a_disk_that_takes_no_more_output_is_no_traceback(imgen: Program) -> None:
    full = shutil.which("sh")
    if full is None or not (imgen.cwd / "/dev/full").exists():
        pytest.skip("there is no /dev/full")

    ended = subprocess.run(
        ["sh", "-c", '"$@" >/dev/full', "sh", *IMGEN, *FOX],
        cwd=imgen.cwd,
        env=imgen.environ,
        capture_output=True,
        timeout=30,
    )

    assert imgen.jobs()[0].state is State.SAVED
    assert b"Traceback" not in ended.stderr
    assert ended.returncode == ExitCode.NOT_SAVED
    assert b"Standard output cannot be written: no space left on device." in ended.stderr


def test_a_picture_that_stdout_does_not_take_is_kept_and_named(imgen: Program) -> None:
    if shutil.which("sh") is None or not (imgen.cwd / "/dev/full").exists():
        pytest.skip("there is no /dev/full")

    ended = subprocess.run(
        ["sh", "-c", '"$@" >/dev/full', "sh", *IMGEN, *FOX, "-q", "-o", "-"],
        cwd=imgen.cwd,
        env=imgen.environ,
        capture_output=True,
        timeout=30,
    )

    (kept,) = (imgen.home / "pictures").iterdir()
    check_picture(kept)
    assert ended.returncode == ExitCode.NOT_SAVED
    assert ended.stderr.decode().splitlines()[1] == f"  try: The picture is kept: {kept}"


def test_nothing_open_says_where(imgen: Program) -> None:
    imgen.run(*FOX, "--no-wait")

    printed = imgen.run("status", "-p", "gmicloud", "--sandbox")

    assert (printed.code, printed.stdout) == (0, b"")
    assert printed.stderr == "Nothing is open at gmicloud: every job is saved or closed.\n"


def test_questions_answer_on_stdout(imgen: Program) -> None:
    job_id = imgen.run(*FOX, "--no-wait").lines[0]

    printed = imgen.run("status", job_id)
    models = imgen.run("models")
    one = imgen.run("models", "gemini-3-pro", "--json")
    version = imgen.run("--version")

    assert (printed.code, models.code, one.code, version.code) == (0, 0, 0, 0)
    assert printed.stdout.decode().splitlines()[1].startswith(job_id)
    assert "gemini-3.1-flash" in models.stdout.decode()
    assert {model["family"] for model in one.json["models"]} == {"gemini-3-pro"}
    assert re.fullmatch(rb"imgen \d+\.\d+\.\d+\n", version.stdout)
    assert printed.stderr == models.stderr == one.stderr == version.stderr == ""


def test_a_nasty_prompt_is_whole_for_programs_and_harmless_everywhere_else(imgen: Program) -> None:
    nasty = '[red] \x1b[31m ::error:: ##[group] 日本語 "quotes"'
    on_a_build_server = replace(imgen, variables={**imgen.variables, "GITHUB_ACTIONS": "true", "CI": "true"})

    made = on_a_build_server.run("generate", nasty, "--sandbox", *SMALL)
    asked, listed = on_a_build_server.run_lines([(("history", "--json"), {}, b""), (("history",), {}, b"")])

    (job,) = imgen.jobs()
    assert saved(made) == f"{imgen.cwd / f'red-error-group-日本語-quotes-1-{job.id}.png'}\n".encode()
    assert asked.json["jobs"][0]["prompt"] == nasty
    for text in (made.stderr, listed.stdout.decode()):
        assert "\x1b" not in text
        assert not re.search(r"^::|##\[", text, re.MULTILINE)
    assert b"##[" not in asked.stdout

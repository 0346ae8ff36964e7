"""What a newcomer does in the first hour: sees the price, finds a picture again, repeats it, sets up."""

from __future__ import annotations

import os
import re
import sys
from typing import TYPE_CHECKING

import pytest
from PIL import Image

from cli.program.program import IMGEN, KEY, OFTEN, SMALL, Program, served, until
from cli.program.terminal import terminal
from imgen.errors import ExitCode
from imgen_providers.catalog import SERVICES

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

WIDTHS = pytest.mark.parametrize("width", [40, 80, 120])
PAID = ("-p", "gmicloud", "-m", "gemini-3-pro")


@pytest.fixture
def there(imgen: Program, tmp_path: Path) -> Iterator[Program]:
    """imgen with a key for every service, all of them on this machine."""
    with served(tmp_path / "far side", []) as origin:
        yield imgen.at(origin)


@pytest.fixture
def made(imgen: Program) -> Program:
    """imgen with an order of two pictures, and one before it."""
    assert imgen.run("generate", "an old owl", "--sandbox", *SMALL, "-q").code == ExitCode.DONE
    assert imgen.run("generate", "a red fox", "-n", "2", "--sandbox", *SMALL, "-q").code == ExitCode.DONE
    return imgen


def program_in(folder: Path, name: str, *lines: str) -> str:
    """A program of that name, and a PATH that finds it first."""
    folder.mkdir(exist_ok=True)
    path = folder / name
    path.write_text("\n".join(["#!/bin/sh", *lines, ""]))
    path.chmod(0o755)
    return f"{folder}{os.pathsep}{os.environ['PATH']}"


# The price -------------------------------------------------------------------------------------------------------


def test_the_price_stands_before_the_order_and_behind_what_came(there: Program) -> None:
    ended = there.run("generate", "a red fox", *PAID, "-a", "1:1", "-n", "2", *OFTEN)

    _, first, *_ = ended.stderr.splitlines()
    assert first == "GMI Cloud: gemini-3-pro, 2 pictures, 1024x1024, $0.268"
    saved = [line for line in ended.stderr.splitlines() if " saved " in line]
    assert [line.endswith("(1024x1024 png, $0.134)") for line in saved] == [True, True]
    assert re.fullmatch(rf"2 pictures, .*, \$0.268, in {there.cwd}", ended.stderr.splitlines()[-1])


def test_a_price_that_is_not_known_is_said(there: Program) -> None:
    ended = there.run("generate", "a red fox", "-p", "reapi", "-m", "gemini-2.5-flash", "--no-wait")

    assert ended.stderr.splitlines()[1].endswith("price unknown")


def test_the_sandbox_is_free_and_limits_nothing(imgen: Program) -> None:
    ended = imgen.run("generate", "a red fox", "--sandbox", *SMALL, "--max-cost", "5credits")

    assert ended.code == ExitCode.DONE
    assert "free in the sandbox (10 credits for real)" in ended.stderr.splitlines()[0]
    assert "--max-cost limits nothing in the sandbox" in ended.stderr


@pytest.mark.parametrize(("answer", "sent"), [(b"y\n", True), (b"n\n", False), (b"\n", False)])
def test_from_a_price_on_a_terminal_is_asked_first(there: Program, answer: bytes, sent: bool) -> None:
    assert there.run("config", "set", "confirm", "0.10 usd").code == ExitCode.DONE
    with terminal(there, *IMGEN, "generate", "a red fox", *PAID, *OFTEN, width=80) as shown:
        shown.until(r"Send it\? \[y/N\]")
        shown.type(answer)
        code = shown.rest()

    assert (code == ExitCode.DONE) is sent
    assert bool(there.jobs()) is sent


@pytest.mark.parametrize("more", [("--yes",), ("-r", "1K", "-m", "gemini-2.5-flash")])
def test_below_that_price_or_with_yes_no_question_comes(there: Program, more: tuple[str, ...]) -> None:
    assert there.run("config", "set", "confirm", "0.10 usd").code == ExitCode.DONE
    model = () if "-m" in more else ("-m", "gemini-3-pro")
    line = ("generate", "a red fox", "-p", "gmicloud", *model, *more, *OFTEN)
    with terminal(there, *IMGEN, *line, width=80) as shown:
        assert shown.rest() == ExitCode.DONE

    assert b"Send it?" not in shown.raw


def test_a_script_is_never_asked(there: Program) -> None:
    assert there.run("config", "set", "confirm", "0.10 usd").code == ExitCode.DONE

    ended = there.run("generate", "a red fox", *PAID, *OFTEN)

    assert ended.code == ExitCode.DONE
    assert "Send it?" not in ended.stderr


# On its way ------------------------------------------------------------------------------------------------------

NOTING_HTTPX = """
import sys
from imgen.__main__ import main
sys.addaudithook(lambda event, found: event == "import" and found[0] == "httpx" and sys.stderr.write("<httpx>"))
main()
"""


def test_a_job_is_on_the_screen_before_its_service_is_connected_to(imgen: Program) -> None:
    """The import of the HTTP client takes longer than all that the first frame needs."""
    line = (sys.executable, "-c", NOTING_HTTPX, "generate", "a red fox", "--sandbox", *SMALL)
    with terminal(imgen, *line, width=80) as shown:
        assert shown.rest() == ExitCode.DONE, shown.lines

    assert 0 < shown.raw.index(b"a red fox") < shown.raw.index(b"<httpx>")
    assert [line for line in shown.lines if "planned" in line] == []


def test_a_job_that_was_not_recorded_leaves_the_screen(there: Program) -> None:
    """The same order is uncertain, which the ledger says only when the job is to be recorded."""
    lost = {"IMGEN_SANDBOX_FAULTS": "lost-reply"}
    there.run_lines([(("generate", "a fox", "--sandbox", *SMALL, "-q"), lost, b"")])
    with terminal(there, *IMGEN, "generate", "a fox", "--sandbox", *SMALL, width=80) as shown:
        assert shown.rest() == ExitCode.UNCERTAIN

    assert [line for line in shown.lines if "planned" in line] == []
    assert b"\x1b[?25h" in shown.raw


@WIDTHS
def test_what_waits_for_its_turn_says_so_and_is_not_charged_when_stopped(there: Program, width: int) -> None:
    line = ("generate", "a red fox", *PAID, "-n", "2", *OFTEN)
    with terminal(there, *IMGEN, *line, width=width, IMGEN_SUBMITS_PER_MINUTE="1") as shown:
        shown.until(r"next in \d+ s" if width == 40 else r"next in \d+ s \(1 a minute\)")
        shown.until("saved")
        shown.type(b"\x03")
        assert shown.rest() == ExitCode.INTERRUPTED

    stopped = next(job for job in there.jobs() if job.remote_id is None)
    text = " ".join(" ".join(shown.lines).split())
    assert f"{stopped.id} not sent" in " ".join(text.split())
    assert "You stopped it before it was sent, so nothing was charged." in text
    assert f"imgen again {stopped.id}" in text


def test_a_job_is_said_to_take_the_time_of_its_service(there: Program) -> None:
    """How long it took is not known where it ended while imgen was away, and one that was saved is not saved again."""
    (job,) = there.run("generate", "a red fox", *PAID, "-a", "1:1", "--no-wait").lines
    with terminal(there, *IMGEN, "wait", job, *OFTEN, width=80) as first:
        assert first.rest() == ExitCode.DONE
    with terminal(there, *IMGEN, "wait", job, width=80) as second:
        assert second.rest() == ExitCode.DONE
    logged = there.run("wait", job)

    (result,) = there.jobs()[0].results
    ended, once_more = (next(line for line in shown.lines if "✓" in line) for shown in (first, second))
    assert ended.startswith(f"✓ {job}  saved  1024x1024 png, $0.134  a red")
    assert once_more.startswith(f"✓ {job}  already saved  1024x1024 png, $0.134  a red")
    assert "".join(second.lines).replace(" ", "").endswith(str(result.path))
    assert f"{job} already saved {result.path} (1024x1024 png" in logged.stderr


# Found again -----------------------------------------------------------------------------------------------------


def test_a_job_is_shown_with_all_that_is_known_of_it(made: Program) -> None:
    fox = made.jobs()[-1]

    last, back, by_id, whole = made.run_lines(
        [
            (("show",), {}, b""),
            (("show", "-2"), {}, b""),
            (("show", fox.id[:5]), {}, b""),
            (("show", "--json"), {}, b""),
        ]
    )

    text = last.stdout.decode()
    assert text.splitlines()[1:] == by_id.lines[1:]  # the first one has its age
    for fact in ("a red fox", "3D AI Studio (sandbox)", "gemini-3.1-flash", "512x512 png", "20 credits for real"):
        assert fact in text
    assert text.count(str(made.cwd)) == 2
    assert "an old owl" in back.stdout.decode()
    assert [job["id"] for job in whole.json["jobs"]] == [fox.id]


@WIDTHS
def test_a_long_prompt_is_whole_and_breaks_between_words(imgen: Program, width: int) -> None:
    prompt = "a red fox in the deep snow of the north that looks over its shoulder at golden hour on an old film"
    imgen.run("generate", prompt, "--sandbox", *SMALL, "-q", "-o", "f.png")

    with terminal(imgen, *IMGEN, "show", "-q", width=width) as shown:
        shown.rest()

    assert prompt in " ".join(" ".join(shown.lines).split())


@WIDTHS
def test_history_shows_prompts_under_a_heading(made: Program, width: int) -> None:
    with terminal(made, *IMGEN, "history", width=width) as shown:
        shown.rest()

    assert re.match("JOB +STATE ", shown.lines[0])
    assert shown.lines[0].endswith("PROMPT")
    assert [line.split("  ")[-1].strip()[:5] for line in shown.lines[1:3]] == ["a red", "an ol"]
    assert ("gemini-3.1-flash" in shown.lines[1]) == (width >= 80)


def test_paths_are_there_on_request(made: Program) -> None:
    listed = made.run("history", "--paths", "fox").stdout.decode()

    assert listed.count(str(made.cwd)) == 2


@pytest.mark.skipif(os.name == "nt", reason="Windows opens files by itself")
def test_pictures_open_in_the_systems_viewer(made: Program, tmp_path: Path) -> None:
    seen = tmp_path / "seen"
    name = "open" if os.uname().sysname == "Darwin" else "xdg-open"
    path = program_in(tmp_path / "bin", name, f'printf "%s\\n" "$1" >> {seen}')
    here = Program(made.home, made.cwd, {**made.variables, "PATH": path, "DISPLAY": ":9"})

    opened = here.run("open")
    until(lambda: seen.exists() and len(seen.read_text().splitlines()) == 2)
    more = here.run("generate", "a hen", "--sandbox", *SMALL, "-q", "--open", "-o", "hen.png")
    until(lambda: len(seen.read_text().splitlines()) == 3)

    assert sorted(opened.lines) == sorted(seen.read_text().splitlines()[:2])
    assert more.code == ExitCode.DONE
    assert seen.read_text().splitlines()[2] == str(here.cwd / "hen.png")


def test_a_system_without_a_viewer_says_so(made: Program, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    here = Program(made.home, made.cwd, {**made.variables, "PATH": str(tmp_path / "empty"), "DISPLAY": ":9"})

    seen_text = here.run("open")

    assert seen_text.code == ExitCode.USAGE
    assert "no program that opens pictures" in seen_text.stderr


@pytest.mark.skipif(sys.platform != "linux", reason="macOS and Windows always have a display")
def test_without_a_display_the_path_is_printed_and_why(made: Program, tmp_path: Path) -> None:
    path = program_in(tmp_path / "bin", "xdg-open", "exit 3")
    variables = {"PATH": path, "DISPLAY": "", "WAYLAND_DISPLAY": "", "WSL_DISTRO_NAME": ""}

    (opened,) = made.run_lines([(("open", "last"), variables, b"")])

    assert opened.code == ExitCode.DONE
    assert opened.stderr == "No viewer could be opened without a display; the pictures are:\n"
    assert [line.startswith(str(made.cwd)) for line in opened.lines] == [True, True]


@pytest.mark.skipif(sys.platform != "linux", reason="macOS and Windows always have a display")
def test_the_last_order_with_a_picture_is_opened(made: Program, tmp_path: Path) -> None:
    windowless = {"PATH": program_in(tmp_path / "bin", "xdg-open"), "DISPLAY": "", "WAYLAND_DISPLAY": ""}
    nowhere = {"REAPI_API_KEY": "a-key-of-a-test-0123456789", "REAPI_BASE_URL": "http://127.0.0.1:9", "DISPLAY": ""}
    unsent, opened, named = made.run_lines(
        [
            (("generate", "a hen", "-p", "reapi", "--timeout", "1"), nowhere, b""),
            (("open",), windowless, b""),
            (("open", "last"), windowless, b""),
        ]
    )

    assert unsent.code == ExitCode.UNREACHABLE
    assert (opened.code, len(opened.lines)) == (ExitCode.DONE, 2), opened.stderr
    assert (named.code, "There is no saved picture to open." in named.stderr) == (ExitCode.USAGE, True)


def test_a_gallery_goes_into_a_folder(made: Program) -> None:
    new, there = made.run("gallery", "-o", "gal/", "-q"), made.run("gallery", "-o", "gal", "-q")

    assert (new.code, there.code) == (ExitCode.DONE, ExitCode.DONE), new.stderr + there.stderr
    assert new.lines == there.lines == [str(made.cwd / "gal" / "gallery.html")]


def test_what_goes_on_is_waited_for_by_the_next_command(imgen: Program) -> None:
    slow = {"IMGEN_SANDBOX_SECONDS": "60"}
    with terminal(imgen, *IMGEN, "generate", "a fox", "--sandbox", "--no-wait", width=80, **slow) as sent:
        assert sent.rest() == ExitCode.DONE
    with terminal(imgen, *IMGEN, "status", "--sandbox", width=80, **slow) as shown:
        assert shown.rest() == ExitCode.DONE
    logged = imgen.run("status", "--sandbox")

    for lines in (sent.lines, shown.lines):
        assert [line.strip() for line in lines[-2:]][-1] == "imgen wait"
        assert lines[-2].startswith("  try: To wait for")
    assert "imgen wait" not in logged.stderr


@WIDTHS
def test_a_dry_run_ends_in_words_that_fit(imgen: Program, width: int) -> None:
    with terminal(imgen, *IMGEN, "generate", "a fox", "--sandbox", "--dry-run", width=width) as shown:
        assert shown.rest() == ExitCode.DONE

    text = " ".join(" ".join(shown.lines).split())
    assert "Nothing was sent." in text
    assert text.endswith("In the sandbox it goes to the embedded service, not to this address: nothing is charged.")
    sentences = shown.lines[next(at for at, line in enumerate(shown.lines) if line.startswith("1 request")) :]
    assert all(line.startswith(("1 request", "  ", "In the sandbox")) for line in sentences), sentences


def test_a_model_is_shown_without_what_is_not_known(imgen: Program) -> None:
    shown = imgen.run("models", "gemini-3-pro").stdout.decode()

    assert "GMI Cloud, GMI Cloud" not in shown
    assert not re.search(r"^  \w+ *$", shown, re.MULTILINE)


# Once more -------------------------------------------------------------------------------------------------------


def test_the_last_order_is_repeated_with_the_options_of_generate(made: Program) -> None:
    again = made.run("again", "-a", "16:9", "--prompt", "a blue fox", "--json")

    (job,) = again.json["jobs"]
    assert (job["prompt"], len(job["files"]), job["sandbox"]) == ("a blue fox", 2, True)
    assert (job["files"][0]["width"], job["files"][0]["height"]) == (688, 384)


def test_a_prompt_comes_through_a_pipe(imgen: Program) -> None:
    ended = imgen.run("generate", "--sandbox", *SMALL, "-q", stdin=b"a red fox\n")

    assert ended.code == ExitCode.DONE
    assert imgen.jobs()[0].request.prompt == "a red fox"


def test_a_picture_of_the_last_order_is_edited(made: Program) -> None:
    ended = made.run("edit", "bluer", "-i", "last:2", "--sandbox", *SMALL, "-q", "-o", "{stem}-blue.png")

    assert ended.code == ExitCode.DONE, ended.stderr
    fox = made.jobs()[1]
    assert ended.lines == [str(made.cwd / f"a-red-fox-2-{fox.id}-blue.png")]


@pytest.fixture
def photos(there: Program) -> list[str]:
    """Two photos in a folder below the working folder, as a shell names them for `photos/*.jpg`."""
    (there.cwd / "photos").mkdir()
    for name, color in (("cat", "teal"), ("dog", "navy")):
        Image.new("RGB", (64, 48), color).save(there.cwd / "photos" / f"{name}.jpg")
    return ["photos/cat.jpg", "photos/dog.jpg"]


@pytest.mark.parametrize("quoted", [True, False])
def test_several_pictures_go_into_one_edit(there: Program, photos: list[str], quoted: bool) -> None:
    files = ["photos/*.jpg"] if quoted else photos

    ended = there.run("edit", "side by side", "-i", *files, "--sandbox", *SMALL, "-o", "both.png")

    assert ended.code == ExitCode.DONE, ended.stderr
    assert "gemini-3.1-flash, from 2 pictures in one, 0.5K" in ended.stderr
    (job,) = there.jobs()
    assert len(job.request.references) == 2


@pytest.mark.parametrize(
    ("output", "names"),
    [
        ("night/", ["night/cat-at-night-{0}.png", "night/dog-at-night-{1}.png"]),
        ("{stem}-blue.png", ["cat-blue.png", "dog-blue.png"]),
        ("night.png", ["night-1.png", "night-2.png"]),
        (None, ["cat-at-night-{0}.png", "dog-at-night-{1}.png"]),
    ],
)
def test_each_picture_is_edited_by_itself(
    there: Program, photos: list[str], output: str | None, names: list[str]
) -> None:
    where = () if output is None else ("-o", output)

    ended = there.run("edit", "at night", "-i", *photos, "--each", *PAID, *where, *OFTEN)

    assert ended.code == ExitCode.DONE, ended.stderr
    jobs = there.jobs()
    assert [len(job.request.references) for job in jobs] == [1, 1]
    assert len({job.run_id for job in jobs}) == 1
    assert ended.lines == [str(there.cwd / name.format(*(job.id for job in jobs))) for name in names]
    price = float(jobs[0].cost.amount or 0) * 2
    assert f"GMI Cloud: gemini-3-pro, 2 pictures, 1K, ${price:g}" in ended.stderr
    assert re.match(rf"2 pictures, .*, \${price:g}", ended.stderr.splitlines()[-1])


def test_a_limit_counts_for_all_of_them(there: Program, photos: list[str]) -> None:
    order = ("edit", "at night", "-i", *photos, "--each", *PAID, "--no-wait")

    over = there.run(*order, "--max-cost", "0.2usd")
    within = there.run(*order, "--max-cost", "0.3usd")

    assert (over.code, within.code) == (ExitCode.NO_CREDIT, ExitCode.DONE)
    assert len(there.jobs()) == 2


def test_one_bad_picture_of_several_is_found_before_anything_is_sent(there: Program, photos: list[str]) -> None:
    (there.cwd / photos[1]).write_bytes((there.cwd / photos[1]).read_bytes()[:300])

    ended = there.run("edit", "at night", "-i", *photos, "--each", "-p", "gmicloud")

    assert ended.code == ExitCode.USAGE
    assert "photos/dog.jpg cannot be sent" in ended.stderr
    assert there.jobs() == []


def test_of_several_edits_one_is_made_again_by_its_name(there: Program, photos: list[str]) -> None:
    assert there.run("edit", "at night", "-i", *photos, "--each", "--sandbox", *SMALL, "-q").code == ExitCode.DONE
    first, second = (job.id for job in there.jobs())

    refused, again, opened = (
        there.run("again", *SMALL, "-q"),
        there.run("again", second, "-q"),
        there.run("show", "--json"),
    )

    assert refused.code == ExitCode.USAGE
    assert f"imgen again {first}\n" in refused.stderr
    assert again.code == ExitCode.DONE, again.stderr
    assert len(opened.json["jobs"]) == 1


def test_each_goes_with_pictures_only(made: Program) -> None:
    ended = made.run("edit", "bluer", "--from", "last", "--each", "--sandbox")

    assert ended.code == ExitCode.USAGE
    assert len(made.jobs()) == 2


@pytest.mark.skipif(os.name == "nt", reason="the editor of this test is a shell script")
def test_a_prompt_is_written_in_the_editor(imgen: Program, tmp_path: Path) -> None:
    path = program_in(tmp_path / "bin", "ed1", 'printf " at night" >> "$1"')
    line = ("generate", "a fox", "--edit-prompt", "--sandbox", *SMALL, "-q")
    with terminal(imgen, *IMGEN, *line, PATH=path, EDITOR="ed1", VISUAL="") as shown:
        assert shown.rest() == ExitCode.DONE, shown.lines

    assert imgen.jobs()[0].request.prompt == "a fox\n at night"


# Set up ----------------------------------------------------------------------------------------------------------


def test_settings_are_read_listed_and_edited_by_name(imgen: Program, tmp_path: Path) -> None:
    assert imgen.run("config", "set", "aspect", "16:9").code == ExitCode.DONE
    got, unset, path, listed, wrong = imgen.run_lines(
        [
            (("config", "get", "aspect"), {}, b""),
            (("config", "get", "model"), {}, b""),
            (("config", "path"), {}, b""),
            (("config", "list"), {}, b""),
            (("config", "get", "aspekt"), {}, b""),
        ]
    )

    assert (got.lines, unset.lines, path.lines) == (["16:9"], [], [str(imgen.home / "config.toml")])
    assert any(line.startswith("aspect ") and "16:9" in line for line in listed.lines)
    assert (wrong.code, "Did you mean aspect?" in wrong.stderr) == (ExitCode.USAGE, True)


def test_an_amount_needs_no_quotes(imgen: Program) -> None:
    written = imgen.run("config", "set", "budget.day", "5", "usd")

    assert written.code == ExitCode.DONE, written.stderr
    assert imgen.run("config", "get", "budget.day").lines == ["5 usd"]


def test_an_option_of_many_commands_is_one_thing_with_one_help() -> None:
    from imgen.completion.tree import Command, tree

    def helps(command: Command) -> list[str]:
        own = [each["help"] for each in command["options"] if "--sandbox" in each["names"]]
        return own + [text for below in command["commands"].values() for text in helps(below)]

    assert len(set(helps(tree()))) == 1


def test_help_is_a_command_too(imgen: Program) -> None:
    lines = [("help",), ("--help",), ("help", "generate"), ("generate", "--help"), ("help", "config", "set")]
    first, second, third, fourth, fifth = imgen.run_lines([(line, {}, b"") for line in lines])

    assert (first.code, first.stdout) == (ExitCode.DONE, second.stdout)
    assert (third.code, third.stdout) == (ExitCode.DONE, fourth.stdout)
    assert "imgen config set [OPTION]... SETTING VALUE" in fifth.stdout.decode()


@pytest.mark.skipif(os.name == "nt", reason="the editor of this test is a shell script")
def test_a_settings_file_is_checked_after_the_editor(imgen: Program, tmp_path: Path) -> None:
    good = program_in(tmp_path / "good", "ed2", """printf 'aspect = "1:1"\\n' > "$1" """)
    bad = program_in(tmp_path / "bad", "ed2", """printf 'aspect = "1:1\\n' > "$1" """)
    fine = Program(imgen.home, imgen.cwd, {**imgen.variables, "PATH": good, "VISUAL": "", "EDITOR": "ed2"})
    broken = Program(imgen.home, imgen.cwd, {**imgen.variables, "PATH": bad, "VISUAL": "", "EDITOR": "ed2"})

    assert fine.run("config", "edit").code == ExitCode.DONE
    assert fine.run("config", "get", "aspect").lines == ["1:1"]
    assert broken.run("config", "edit").code == ExitCode.KEY


def test_the_doctor_says_what_is_well_and_what_to_do(imgen: Program, there: Program) -> None:
    keyless = {"THREEDAISTUDIO_API_KEY": "", "GMI_API_KEY": "", "REAPI_API_KEY": "", "GPTPROTO_API_KEY": ""}
    none = imgen.run_lines([(("doctor",), keyless, b"")])[0]
    well = there.run("doctor")

    assert none.code == ExitCode.KEY
    assert "!   keys" in none.stdout.decode()
    assert "    try: imgen keys set 3daistudio" in none.lines
    assert well.code == ExitCode.DONE, well.stdout.decode()
    assert all(line.startswith("ok  ") for line in well.lines)
    assert [line.split()[1] for line in well.lines] == [
        *("program", "settings", "keys", "packages", "network", "proxy", "folders", "ledger", "storage", "terminal")
    ]


@pytest.mark.parametrize("proxied", [True, False])
def test_without_a_network_the_doctor_sends_to_the_network(imgen: Program, proxied: bool) -> None:
    """A proxy that refuses, or a service that cannot be reached: the key is not what to look at."""
    only = {entry.key_variable: "" for entry in SERVICES.values()} | {"GOOGLE_API_KEY": "", "REAPI_API_KEY": KEY}
    way = {"HTTPS_PROXY": "http://127.0.0.1:9"} if proxied else {"REAPI_BASE_URL": "http://127.0.0.1:9"}

    doctor, check = imgen.run_lines([(("doctor",), only | way, b""), (("keys", "check"), only | way, b"")])

    text = doctor.stdout.decode()
    assert doctor.code == ExitCode.KEY
    assert re.search(r"^!   keys +reapi \(not reached\)", text, re.MULTILINE)
    assert re.search(r"^!   network +reAPI could not be reached", text, re.MULTILINE)
    assert bool(re.search(r"^!   proxy +127.0.0.1:9$", text, re.MULTILINE)) is proxied
    assert ("check the address in HTTPS_PROXY" in text) is proxied
    assert ("Is this machine online?" in text) is not proxied
    assert "keys check" not in text
    assert check.stderr.splitlines()[-1].strip() == "try: imgen doctor"


@pytest.mark.parametrize(
    ("line", "note"),
    [
        (
            ("-p", "gemini", "-o", "show.png"),
            "Google Gemini chooses the format by itself, so the file may get another ending",
        ),
        (("-p", "gmicloud", "-m", "gemini-3-pro", "-o", "show.webp"), "GMI Cloud sends png or jpeg, so the file may"),
        (("-p", "gmicloud", "-m", "gemini-3-pro", "-o", "show.jpg"), None),
        (("-p", "gemini", "-o", "shots/"), None),
    ],
)
def test_what_format_comes_is_said_before_the_send(there: Program, line: tuple[str, ...], note: str | None) -> None:
    ended = there.run("generate", "a fox", *line, *OFTEN)

    assert ended.code == ExitCode.DONE, ended.stderr
    assert ("so the file may get another ending" in ended.stderr) is (note is not None)
    if note:
        before, _, after = ended.stderr.partition(note)
        assert "accepted" not in before
        assert "These take" in after.splitlines()[0]


@pytest.mark.parametrize(
    ("shell", "place"),
    [
        ("bash", "data/bash-completion/completions/imgen"),
        ("zsh", "data/zsh/site-functions/_imgen"),
        ("fish", "config/fish/completions/imgen.fish"),
        ("powershell", "data/imgen/imgen.ps1"),
    ],
)
def test_completions_are_put_where_the_shell_looks(imgen: Program, tmp_path: Path, shell: str, place: str) -> None:
    folders = {"XDG_DATA_HOME": str(tmp_path / "data"), "XDG_CONFIG_HOME": str(tmp_path / "config")}
    installed, printed = imgen.run_lines(
        [(("completions", shell, "--install"), folders, b""), (("completions", shell), folders, b"")]
    )

    assert installed.code == ExitCode.DONE, installed.stderr
    assert str(tmp_path / place) in installed.stderr
    assert (tmp_path / place).read_bytes() == printed.stdout


QUICK_CLOCK = """
import sys, time
real = time.monotonic
begin = real()
time.monotonic = lambda: begin + (real() - begin) * 30
from imgen.__main__ import main
main()
"""
"""imgen where a second counts as half a minute, also on Linux, where it reads another clock for its waits."""


@pytest.mark.skipif(os.name == "nt" or sys.platform == "darwin", reason="notify-send is the one of Linux")
@pytest.mark.parametrize("long", [True, False])
def test_the_bell_rings_only_after_a_long_wait(imgen: Program, tmp_path: Path, long: bool) -> None:
    seen = tmp_path / "seen"
    path = program_in(tmp_path / "bin", "notify-send", f'printf "%s|" "$@" >> {seen}')
    program = (sys.executable, "-c", QUICK_CLOCK) if long else IMGEN
    line = (*program, "generate", "a fox", "--sandbox", *SMALL, "--notify")
    with terminal(imgen, *line, PATH=path, IMGEN_SANDBOX_SECONDS="0.5") as shown:
        assert shown.rest() == ExitCode.DONE, shown.lines

    assert shown.raw.count(b"\a") == long
    if long:
        until(lambda: seen.exists() and seen.read_text().count("|") == 2)
        assert seen.read_text() == "imgen|1 saved|"
    assert seen.exists() is long


@WIDTHS
def test_settings_fit_a_screen_with_what_was_set_first(imgen: Program, width: int) -> None:
    assert imgen.run("config", "set", "budget.day", "5 usd").code == ExitCode.DONE

    with terminal(imgen, *IMGEN, "config", width=width) as shown:
        shown.rest()

    assert [line.split()[0] for line in shown.lines[:2]] == ["SETTING", "budget.day"]
    assert "Not set: provider, " in " ".join(shown.lines)
    assert all(len(line) <= width for line in shown.lines)


def test_a_command_that_reads_jobs_keeps_to_the_sandbox(there: Program) -> None:
    paid = ("generate", "a paid fox", "-p", "gmicloud", "-q")
    assert there.run("generate", "a free fox", "--sandbox", *SMALL, "-q").code == ExitCode.DONE
    assert there.run(*paid, "--no-wait").code == ExitCode.DONE
    free, _ = there.jobs()

    shown, last, forgotten, spent, listed = there.run_lines(
        [
            (("show", "--sandbox", "--json"), {}, b""),
            (("show", "--json"), {}, b""),
            (("forget", "last", "--sandbox"), {}, b""),
            (("costs", "--sandbox"), {}, b""),
            (("open", "-1", "--sandbox", "--json"), {"PATH": os.devnull}, b""),
        ]
    )

    assert [job["id"] for job in shown.json["jobs"]] == [free.id]
    assert [job["prompt"] for job in last.json["jobs"]] == ["a paid fox"]
    assert f"{free.id} is saved" in forgotten.stderr
    assert (spent.code, spent.lines) == (ExitCode.DONE, [])
    assert "costs nothing" in spent.stderr
    assert f"imgen show {free.id}" in listed.json["error"]["hint"]


@pytest.mark.skipif(os.name == "nt", reason="colours are read back from a terminal of POSIX")
def test_states_are_coloured_and_yellow_is_for_the_sign_alone(made: Program) -> None:
    lost = {"IMGEN_SANDBOX_FAULTS": "lost-reply"}
    with terminal(made, *IMGEN, "generate", "a lost owl", "--sandbox", *SMALL, width=80, **lost) as unsure:
        assert unsure.rest() == ExitCode.UNCERTAIN
    with terminal(made, *IMGEN, "history", width=80) as shown:
        shown.rest()
    with terminal(made, *IMGEN, "history", width=80, NO_COLOR="1") as plain:
        plain.rest()

    assert re.search(rb"\x1b\[33m!\x1b\[0m [a-z0-9]{8}  \x1b\[1muncertain", unsure.raw)
    assert set(re.findall(rb"\x1b\[[\d;]*33m(.*?)\x1b", unsure.raw)) == {b"!"}  # as often as the row is drawn
    assert b"\x1b[32msaved" in shown.raw
    assert b"\x1b[1muncertain" in shown.raw
    assert b"\x1b" not in plain.raw
    assert [line.split()[:2] for line in plain.lines] == [line.split()[:2] for line in shown.lines]


# What went wrong -------------------------------------------------------------------------------------------------


@WIDTHS
def test_several_uncertain_jobs_get_one_hint(imgen: Program, width: int) -> None:
    lost = {"IMGEN_SANDBOX_FAULTS": "lost-reply"}
    for prompt in ("a fox", "an owl", "a hen"):
        imgen.run_lines([(("generate", prompt, "--sandbox", *SMALL, "-q"), lost, b"")])
    first, second, third = (job.id for job in imgen.jobs())

    with terminal(imgen, *IMGEN, "status", width=width) as shown:
        shown.rest()

    text = " ".join(" ".join(shown.lines).replace("\\ ", "").split())
    assert f"imgen forget {first} {second} {third}" in text
    assert text.count("imgen forget") == 1
    assert [f"imgen wait {job} --remote ITS_ID" in text for job in (first, second, third)] == [True, True, True]
    assert text.count("which may charge a second time") == 1

"""What strangers typed in their first hour: their mistakes and the ten worst moments, on terminals of three widths."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest
from PIL import Image

from cli.program.program import IMGEN, OFTEN, SMALL, Program, served
from cli.program.terminal import terminal
from imgen.errors import ExitCode
from imgen_providers.catalog import SERVICES

if TYPE_CHECKING:
    from collections.abc import Iterator

WIDTHS = (40, 80, 120)
NO_KEY = {entry.key_variable: "" for entry in SERVICES.values()} | {"GOOGLE_API_KEY": ""}
NOWHERE = {"REAPI_API_KEY": "a-key-of-a-test-0123456789", "REAPI_BASE_URL": "http://127.0.0.1:9"}


@dataclass(frozen=True, slots=True)
class Typed:
    """A line as it was typed, what is answered, and the commands offered, each alone on its line."""

    line: str  # words between bars
    says: str
    offers: tuple[str, ...] = ()
    code: ExitCode = ExitCode.USAGE
    never: str = "Errno|range|\\[hidden\\]|integer"
    variables: tuple[tuple[str, str], ...] = ()


MISTAKES = {
    "no key": Typed(
        "generate|a fox|-n|4",
        "No key is set",
        ("imgen keys set 3daistudio", 'imgen generate "a fox" -n 4 --sandbox'),
        ExitCode.KEY,
        variables=tuple(NO_KEY.items()),
    ),
    "no key for a batch": Typed(
        "batch|--plan",
        "No key is set",
        ("imgen batch --plan --sandbox",),
        ExitCode.KEY,
        variables=tuple(NO_KEY.items()),
    ),
    "a long option with one hyphen": Typed(
        "generate|a fox|-model|gemini-3-pro",
        "There is no option -model. Did you mean --model?",
        ('imgen generate "a fox" --model gemini-3-pro',),
        never="quotes",
    ),
    "an option with one hyphen that would write a file": Typed(
        "generate|a fox|-open|--sandbox", "Did you mean --open?", ('imgen generate "a fox" --open --sandbox',)
    ),
    "a value behind an option with one hyphen": Typed(
        "history|-limit=3", "Did you mean --limit?", ("imgen history --limit=3",)
    ),
    "a prompt that begins as an option": Typed(
        "generate|-a fox on black|--sandbox",
        "stands last, after --.",
        ('imgen generate --sandbox -- "-a fox on black"',),
    ),
    "a prompt like a number of pictures": Typed(
        "generate|-n fox|--sandbox", "stands last, after --.", ('imgen generate --sandbox -- "-n fox"',)
    ),
    "a prompt like a long option": Typed(
        "generate|--fox|--sandbox", "stands last, after --.", ("imgen generate --help",)
    ),
    "an edit of nothing": Typed(
        "edit|a blue fox|-n|2", "There is no picture to edit", ('imgen edit "a blue fox" -n 2 --from last',)
    ),
    "nothing to cancel": Typed("cancel", "imgen cancel takes the id of a job.", ("imgen status",), never="Missing"),
    "nothing to forget": Typed("forget", "imgen forget takes the id of a job.", ("imgen status",), never="Missing"),
    "a command to be helped with": Typed("help|generat", "Did you mean generate?", ("imgen generate --help",)),
    "a letter of a command": Typed("generat|a fox", "Did you mean generate?", ('imgen generate "a fox"',)),
    "the beginning of a command": Typed("gen|a fox", "Did you mean generate?", ('imgen generate "a fox"',)),
    "another tool's command": Typed("create|a|fox", "Did you mean generate?", ('imgen generate "a fox"',)),
    "a letter of an option": Typed(
        "generate|a fox|--sanbox", "Did you mean --sandbox?", ('imgen generate "a fox" --sandbox',)
    ),
    "letters of an option": Typed(
        "generate|a fox|--modle|gemini-3-pro",
        "Did you mean --model?",
        ('imgen generate "a fox" --model gemini-3-pro',),
    ),
    "a model nearly": Typed(
        "generate|a fox|-m|gemini3pro|--sandbox",
        "Did you mean gemini-3-pro?",
        ('imgen generate "a fox" -m gemini-3-pro --sandbox',),
    ),
    "another model": Typed("generate|a fox|-m|dall-e-3|--sandbox", "There is no model 'dall-e-3'. try: Models: gemini"),
    "a service by its short name": Typed(
        "generate|a fox|-p|GMI|--sandbox", "Did you mean gmicloud?", ('imgen generate "a fox" -p gmicloud --sandbox',)
    ),
    "a service in long": Typed(
        "generate|a fox|--provider|gmi|--sandbox",
        "There is no service 'gmi'. Did you mean gmicloud?",
        ('imgen generate "a fox" --provider gmicloud --sandbox',),
    ),
    "a service of keys": Typed("keys|set|openia", "There is no service of that name. Did you mean openai?"),
    "an aspect": Typed("generate|a fox|-a|5:7|--sandbox", "does not have the aspect '5:7'. try: It has: 21:9, 16:9"),
    "a number in letters": Typed(
        "generate|a fox|-n|two|--sandbox", "-n: 'two' is not a whole number.", ("imgen generate --help",)
    ),
    "no picture at all": Typed("generate|a fox|-n|0|--sandbox", "-n takes a whole number from 1 to 16."),
    "too many pictures": Typed("generate|a fox|-n|20|--sandbox", "-n takes a whole number from 1 to 16."),
    "a file that is not there": Typed("edit|bluer|-i|nope.jpg|--sandbox", "There is no file 'nope.jpg'."),
    "a folder": Typed("edit|bluer|-i|photos|--sandbox", "photos is a folder, and -i takes pictures."),
    "a folder of screenshots": Typed("edit|bluer|-i|shots|--sandbox", "try: The pictures in it: -i shots/*.png"),
    "a pattern of nothing": Typed("edit|bluer|-i|photos/*.png|--sandbox", "No file matches 'photos/*.png'."),
    "half a picture": Typed("edit|bluer|-i|broken.jpg|--sandbox", "it breaks off after 900 bytes"),
    "a place that is none": Typed("generate|a fox|-o|/proc/x.png|--sandbox", "No picture can be saved in /proc"),
    "a prompt behind -p": Typed(
        "generate|-p|a fox|--sandbox", "-p names a service", ('imgen generate "a fox" --sandbox',)
    ),
    "a prompt with a hyphen": Typed(
        "generate|-dash fox|--sandbox", "stands last, after --.", ('imgen generate --sandbox -- "-dash fox"',)
    ),
    "a job of another place": Typed(
        "wait|xyz123", "There is no job 'xyz123'", ("imgen history", "imgen wait -p PROVIDER xyz123")
    ),
    "no network": Typed(
        "generate|a fox|-p|reapi|--timeout|1m",
        "reAPI could not be reached: Connection refused.",
        code=ExitCode.UNREACHABLE,
        never="Errno|cancelled",
        variables=tuple(NOWHERE.items()),
    ),
    "a file in the way": Typed(
        "generate|a fox|-o|taken.png|--sandbox", "exists already. try: Name another one with -o"
    ),
    "a prompt without quotes": Typed(
        "generate|a|red|fox|in|the|snow|--sandbox",
        "The prompt needs quotes",
        ('imgen generate "a red fox in the snow" --sandbox',),
    ),
    "a prompt alone": Typed("a red fox", "a prompt follows `generate`", ('imgen generate "a red fox" --sandbox',)),
    "a file behind an edit": Typed(
        "edit|bluer|photos/fox.jpg|--sandbox",
        "A picture to edit is named with -i.",
        ("imgen edit bluer -i photos/fox.jpg --sandbox",),
    ),
    "a GIF": Typed(
        "generate|a fox|-o|out.gif|--sandbox", "imgen saves no .gif pictures. try: Use .png, .jpg or .webp."
    ),
    "a size of nothing": Typed("generate|a fox|--size|9000x9000|--sandbox", "--size 4096x4096"),
    "a setting of nothing": Typed("config|set|resolution|8K", "try: Resolutions: 0.5K, 1K, 2K, 4K"),
    "login": Typed("login", "Did you mean keys set?", ("imgen keys set 3daistudio",), never="again"),
    "auth": Typed("auth", "Did you mean keys set?", ("imgen keys set 3daistudio",), never="again"),
    "list": Typed("list", "Did you mean history?", ("imgen history",)),
    "a key to be read": Typed("keys|get|reapi", "There is no command 'get'.", ("imgen keys list",), never="keys set"),
    "a seed": Typed("generate|a fox|--seed|42|--sandbox", "--option seed=VALUE", never="--size"),
    "a model of the list": Typed("models|dall-e-3", "There is no model 'dall-e-3'."),
}


@pytest.fixture
def desk(imgen: Program) -> Program:
    """imgen in a folder with a photo in a folder, half of one, and a file where a picture is to go, and a manifest."""
    (imgen.cwd / "photos").mkdir()
    photo = imgen.cwd / "photos" / "fox.jpg"
    Image.new("RGB", (600, 400), "teal").save(photo)
    (imgen.cwd / "broken.jpg").write_bytes(photo.read_bytes()[:900])
    (imgen.cwd / "shots").mkdir()
    (imgen.cwd / "shots" / "one.png").touch()
    (imgen.cwd / "taken.png").write_bytes(b"mine")
    (imgen.cwd / "assets.toml").write_text('[[asset]]\npath = "cat.png"\nprompt = "a cat"\n')
    return imgen


def on_terminal(imgen: Program, *line: str, width: int, **variables: str) -> tuple[int, list[str]]:
    """A command on a terminal so wide: its exit code and its lines, none of them wider than it has to be."""
    with terminal(imgen, *IMGEN, *line, width=width, **variables) as shown:
        code = shown.rest()
    return code, shown.lines


def words(lines: list[str]) -> str:
    """The text again, as one line, without the marks at which a shell joins a command."""
    return " ".join(" ".join(lines).replace(" \\ ", " ").split())


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("name", MISTAKES)
def test_a_mistake_is_answered_with_what_to_type(desk: Program, name: str, width: int) -> None:
    typed = MISTAKES[name]

    code, lines = on_terminal(desk, *typed.line.split("|"), width=width, **dict(typed.variables))

    text = words(lines)
    assert code == typed.code, text
    assert typed.says in text
    assert not re.search(typed.never, text)
    for command in typed.offers:
        assert command in text
        first = command.split()[:2]
        assert any(line.strip().removeprefix("try: ").split()[:2] == first for line in lines), lines
    assert desk.jobs() == [] or typed.code is ExitCode.UNREACHABLE


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize(
    "line",
    ["generate|a fox|-a|16x9", "generate|a fox|--timeout|5m", "generate|a fox|--size|1920x1080", "status|--sandbox"],
)
def test_what_was_refused_is_understood_now(desk: Program, line: str, width: int) -> None:
    words_ = line.split("|")
    more = () if words_[0] == "status" else ("--sandbox", "--no-wait")

    code, lines = on_terminal(desk, *words_, *more, width=width)

    assert code == ExitCode.DONE, lines


@pytest.fixture
def there(imgen: Program) -> Iterator[Program]:
    """imgen with a key for every service, all of them on this machine."""
    with served(imgen.home.parent / "far side", []) as origin:
        yield imgen.at(origin)


@pytest.mark.parametrize("width", WIDTHS)
def test_a_wrong_key_is_said_with_the_command_that_tests_it(imgen: Program, width: int) -> None:
    with served(imgen.home.parent / "far side", [], faults="bad-key") as origin:
        code, lines = on_terminal(imgen.at(origin), "generate", "a fox", "-p", "reapi", "-q", width=width)

    assert code == ExitCode.KEY
    assert "reAPI refused the key" in words(lines)
    assert "imgen keys check reapi" in words(lines)


@pytest.mark.parametrize("width", WIDTHS)
def test_a_settings_file_that_is_broken_is_named_with_its_line(imgen: Program, width: int) -> None:
    (imgen.cwd / "imgen.toml").write_text('count = 1\naspect = "16:9\n')

    code, lines = on_terminal(imgen, "generate", "a fox", "--sandbox", width=width)

    assert code == ExitCode.KEY
    assert "imgen.toml:2:15:" in "".join(lines)
    assert "a quote is missing at the end of the text" in words(lines)


@pytest.mark.parametrize("width", WIDTHS)
def test_history_and_status_keep_prompts_beside_long_models_and_links(there: Program, width: int) -> None:
    for model, prompt in (("gmicloud/gemini-3-pro-image-preview", "a lighthouse"), ("gemini-3.1-flash", "a heron")):
        order = ("generate", prompt, "-m", model, "-q", "--allow-unknown-cost", *OFTEN)
        assert there.run(*order).code == ExitCode.DONE
    assert there.run("generate", "an owl", "-p", "gmicloud", "--no-wait", "-q").code == ExitCode.DONE

    _, history = on_terminal(there, "history", width=width)
    _, status = on_terminal(there, "status", width=width)
    status = status[next(at for at, line in enumerate(status) if line.startswith("JOB")) :]  # behind a note on keys

    assert history[0].split()[0] == status[0].split()[0] == "JOB"
    assert [line.rsplit("  ", 1)[1][:6] for line in history[1:]] == ["an owl", "a hero", "a ligh"]
    assert status[1].rsplit("  ", 1)[1] == "an owl"
    assert all(len(line) <= width for line in (*history, *status))


@pytest.mark.parametrize("width", WIDTHS)
def test_the_price_is_said_before_and_after(there: Program, width: int) -> None:
    order = ("generate", "a paid fox", "-p", "gmicloud", "-m", "gemini-3-pro", *OFTEN)
    code, lines = on_terminal(there, *order, width=width)

    assert code == ExitCode.DONE
    assert lines[1].startswith("  ") or "GMI Cloud: gemini-3-pro" in words(lines)
    assert "$0.134" in words(lines).partition("✓")[0]
    assert "$0.134" in words(lines).partition("✓")[2]


@pytest.mark.parametrize("width", WIDTHS)
def test_a_picture_is_found_and_ordered_once_more(imgen: Program, width: int) -> None:
    first = imgen.run("generate", "a heron at dawn", "--sandbox", *SMALL, "-q")
    assert first.code == ExitCode.DONE

    shown, lines = on_terminal(imgen, "show", "last", "-q", width=width)
    again, repeated = on_terminal(imgen, "again", "last", "-a", "1:1", width=width)

    assert (shown, again) == (ExitCode.DONE, ExitCode.DONE)
    assert first.lines[0] in "".join(lines).replace(" ", "")
    assert "512x512 png" in words(lines)
    assert "aspect (not set) -> 1:1" in words(repeated)


@pytest.mark.parametrize("width", WIDTHS)
def test_three_uncertain_jobs_get_their_hint_once(imgen: Program, width: int) -> None:
    lost = {"IMGEN_SANDBOX_FAULTS": "lost-reply*always"}
    for prompt in ("a fox", "an owl", "a hen"):
        imgen.run_lines([(("generate", prompt, "--sandbox", *SMALL, "-q"), lost, b"")])
    ids = [job.id for job in imgen.jobs()]

    code, lines = on_terminal(imgen, "wait", width=width, **lost)

    assert code == ExitCode.UNCERTAIN
    assert words(lines).count("imgen forget") == 1
    assert f"imgen forget {' '.join(ids)}" in words(lines)


@pytest.mark.parametrize("width", WIDTHS)
def test_the_sandbox_says_that_a_limit_limits_nothing_there(imgen: Program, width: int) -> None:
    code, lines = on_terminal(imgen, "generate", "a fox", "--sandbox", *SMALL, "--max-cost", "5credits", width=width)

    assert code == ExitCode.DONE
    assert "--max-cost limits nothing in the sandbox" in words(lines)


@pytest.mark.parametrize("width", WIDTHS)
def test_an_empty_ledger_and_an_empty_search_say_what_they_are(imgen: Program, width: int) -> None:
    assert on_terminal(imgen, "history", width=width) == (ExitCode.DONE, ["Nothing was made yet."])
    assert words(on_terminal(imgen, "status", width=width)[1]) == "Nothing is open: every job is saved or closed."
    code, lines = on_terminal(imgen, "gallery", width=width)
    assert (code, 'imgen generate "a red fox in the snow" --sandbox' in words(lines)) == (ExitCode.USAGE, True)
    assert imgen.run("generate", "a fox", "--sandbox", *SMALL, "-q").code == ExitCode.DONE
    assert on_terminal(imgen, "history", "zebra", width=width) == (ExitCode.DONE, ["No job matches."])


@pytest.mark.parametrize("width", WIDTHS)
def test_a_gallery_is_written_with_a_bar_that_goes_away(imgen: Program, width: int) -> None:
    assert imgen.run("generate", "a fox", "--sandbox", *SMALL, "-q", "-n", "2").code == ExitCode.DONE

    with terminal(imgen, *IMGEN, "gallery", "--sandbox", width=width) as shown:
        assert shown.rest() == ExitCode.DONE, shown.lines

    assert b"2/2" in shown.raw
    assert "".join(shown.lines).strip().endswith("gallery.html")
    assert (imgen.cwd / "gallery.html").is_file()

"""Every command that a hint prints is one that the program reads: each is run once, in the sandbox."""

from __future__ import annotations

import ast
import re
import shlex
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from cli.program.program import IMGEN, SMALL, Program, served
from cli.program.terminal import terminal
from cli.program.test_bad_input import MISTAKES
from imgen.errors import ExitCode

if TYPE_CHECKING:
    from collections.abc import Iterator

CLI = Path(__file__).parents[3] / "cli" / "imgen"
PAYING = ("generate", "edit", "again")
WRONG_LINE = re.compile("There is no (command|option)|Missing argument|Invalid value|needs quotes|is no command")
UNFIT = re.compile(r"\.\.\.|\.$|sandbox serve|config edit|JOBJOB")  # a sentence, without end, or with an editor
SAMPLES = {
    "PROVIDER": "3daistudio",
    "service": "3daistudio",
    "SETTING": "model",
    "VALUE": "7",
    "example_text": "gemini-3-pro",
    "name": "3daistudio",
    "source": "day",
    "by": "day",
    "shown": "work",
    "shell": "bash",
}


def commands_of(stderr: str) -> list[str]:
    """The lines below a problem that can be copied."""
    lines = (line[7:].strip() for line in stderr.splitlines() if line.startswith(("  try: ", "       ")))
    return [line for line in lines if line.startswith("imgen ")]


def written_in(path: Path) -> Iterator[str]:
    """The commands in the texts of one file, with names in the place of what is filled in."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    inside = {id(part) for node in ast.walk(tree) if isinstance(node, ast.JoinedStr) for part in node.values}
    for node in ast.walk(tree):
        if isinstance(node, ast.JoinedStr):
            pieces = [
                str(part.value) if isinstance(part, ast.Constant) else _sample(ast.unparse(part))
                for part in node.values
            ]
            text = "".join(pieces)
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in inside:
            text = node.value
        else:
            continue
        yield from (line for line in text.splitlines() if re.match(r"imgen [a-z]+( |$)", line))


def _sample(filled_in: str) -> str:
    """What stands for `{record.id}` in a command: a job, or a name of that kind."""
    word = re.findall(r"\w+", filled_in)[-1] if re.search(r"\w", filled_in) else ""
    for name, value in SAMPLES.items():
        if word == name or (name == "PROVIDER" and "provider" in filled_in):
            return value
    return "JOB"


def run_of(command: str, job: str) -> tuple[str, ...]:
    """The words of a command behind `imgen`, with a real job, and in the sandbox where it pays."""
    jobs = ("JOB", "ITS_ID", "REMOTE_ID")
    words = [job if word in jobs else SAMPLES.get(word, word) for word in shlex.split(command)]
    words = words[1 : words.index("|")] if "|" in words else words[1:]
    words = words[: words.index(">")] if ">" in words else words
    if words[0] in PAYING:
        safe = ["--sandbox", "--dry-run"]
        at = words.index("--") if "--" in words else len(words)
        words[at:at] = [each for each in safe if each not in words]
    return tuple(words)


def check_read(imgen: Program, commands: list[str], job: str) -> None:
    ended = imgen.run_lines([(run_of(command, job), {"IMGEN_SANDBOX": "1"}, b"a fox") for command in commands])

    said = {command: answer.stderr for command, answer in zip(commands, ended, strict=True)}
    assert {command: text for command, text in said.items() if WRONG_LINE.search(text)} == {}


@pytest.fixture
def made(imgen: Program) -> Program:
    """imgen with one picture, which is called fox.png."""
    assert imgen.run("generate", "a fox", "--sandbox", *SMALL, "-q", "-o", "fox.png").code == ExitCode.DONE
    return imgen


def test_what_a_mistake_prints_can_be_run(made: Program, tmp_path: Path) -> None:
    (job,) = made.jobs()
    for name in ("taken.png", "cat-2.png", "words.txt"):
        (made.cwd / name).write_text("words")
    (made.cwd / "latin.txt").write_bytes("ein Füchslein".encode("latin-1"))
    with served(tmp_path / "far side", []) as origin:
        there = made.at(origin)
        lines = [(mistake.line, dict(mistake.variables), mistake.stdin) for mistake in MISTAKES.values()]
        answer = there.run_lines(lines)
    commands = sorted({command for each in answer for command in commands_of(each.stderr)})

    assert len(commands) > 20
    check_read(made, commands, job.id)


def test_the_commands_in_our_own_texts_can_be_run(made: Program) -> None:
    (job,) = made.jobs()
    written = {command for path in CLI.rglob("*.py") for command in written_in(path)}
    commands = sorted(command for command in written if not UNFIT.search(command))

    assert len(commands) > 30
    check_read(made, commands, job.id)


@pytest.mark.parametrize("name", [name for name, mistake in MISTAKES.items() if mistake.line[:1] != ("generate",)])
def test_no_command_that_costs_money_is_offered_for_another_one(imgen: Program, name: str) -> None:
    line = MISTAKES[name].line
    meant = ("gen", "create", *PAYING)
    commands = commands_of(imgen.run(*line).stderr)

    paying = [command for command in commands if command.split()[1] in PAYING and "--sandbox" not in command]
    assert paying == [] or line[0].startswith(meant)


@pytest.mark.parametrize("width", [40, 80, 120])
@pytest.mark.parametrize("line", [("generate", "a fox"), ("status", "zzzzzz"), ("gen", "fox", "-n", "2"), ("a fox",)])
def test_no_word_of_a_hint_is_broken_at_any_width(imgen: Program, width: int, line: tuple[str, ...]) -> None:
    keyless = {"THREEDAISTUDIO_API_KEY": "", "GMI_API_KEY": "", "REAPI_API_KEY": "", "GPTPROTO_API_KEY": ""}
    whole = imgen.run_lines([(line, keyless, b"")])[0].stderr
    with terminal(imgen, *IMGEN, *line, width=width, **keyless) as shown:
        shown.rest()

    words = [word for word in " ".join(shown.lines).split() if word != "\\"]
    assert words == whole.split()
    assert all(len(each) <= width for each in shown.lines)

"""The help: read without scrolling, in plain words, the same on every terminal, and every example runs."""

from __future__ import annotations

import re
import shlex
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
import typer

from cli.program.editing import png, services
from cli.program.program import IMGEN, OFTEN, Program
from cli.program.terminal import HEIGHT, terminal
from imgen.__main__ import app
from imgen.commands.pages import page_of, short
from imgen.errors import ExitCode
from imgen.screen.help_page import Paper, index_lines, page_lines

if TYPE_CHECKING:
    from collections.abc import Iterator

    from imgen.screen.help_page import Page

COLOR = re.compile(r"\x1b\[\d+m")
SANDBOX = "sandbox"
FLEET = ("fleet init", "fleet status", "fleet upgrade", "work")


def pages() -> Iterator[tuple[str, Page]]:
    """Every page of the help with the words that lead to it."""
    program = typer.main.get_command(app())
    assert isinstance(program, typer.core.TyperGroup)
    context = typer.Context(program, info_name="imgen", **program.context_settings)
    yield "", page_of(program, context)
    yield from below(program, context, ())


def below(group: typer.core.TyperGroup, parent: typer.Context, words: tuple[str, ...]) -> Iterator[tuple[str, Page]]:
    shown = {name: command for name, command in group.commands.items() if not command.hidden}
    for name, command in shown.items():
        assert isinstance(command, (typer.core.TyperCommand, typer.core.TyperGroup))
        context = typer.Context(command, parent=parent, info_name=name)
        yield " ".join((*words, name)), page_of(command, context)
        if isinstance(command, typer.core.TyperGroup):
            yield from below(command, context, (*words, name))


PAGES = dict(pages())
EXAMPLES = sorted({example for page in PAGES.values() for example in page.examples})
VISIBLE = {name for name in PAGES if name and " " not in name}


def test_the_first_page_has_every_command_in_a_group_and_fits_a_small_terminal(imgen: Program) -> None:
    with terminal(imgen, *IMGEN, width=80) as shown:
        assert shown.rest() == ExitCode.USAGE
        lines = shown.lines

    groups = {row.name for section in PAGES[""].sections for row in section.rows}
    assert groups == VISIBLE
    assert [line.split()[0] for line in lines if line[:1].isupper()] == ["Make", "Make", "Look", "Set", "More"]
    assert lines[0].startswith("Make pictures")  # nothing has scrolled away
    assert len(lines) < HEIGHT


@pytest.mark.parametrize("command", ["generate", "edit", "again"])
def test_the_most_used_options_fit_a_small_terminal_and_all_are_one_word_away(imgen: Program, command: str) -> None:
    with terminal(imgen, *IMGEN, command, "-h", width=80) as shown:
        assert shown.rest() == ExitCode.DONE
        lines = shown.lines
    whole = imgen.run(command, "--help").stdout.decode()

    assert lines[0].startswith(f"Usage: imgen {command}")
    assert "--max-cost" in "\n".join(lines)
    assert "--poll-every" not in "\n".join(lines)
    assert lines[-1].startswith(f"imgen {command} --help explains all")
    assert {"Most used", "Picture", "Cost", "Waiting", "Output", "Other"} <= set(whole.splitlines())
    assert "--poll-every" in whole


@pytest.mark.parametrize("name", PAGES)
@pytest.mark.parametrize("width", [40, 80, 120])
def test_no_line_is_wider_than_the_terminal_and_no_word_is_broken(name: str, width: int) -> None:
    lines = index_lines if not name else page_lines
    page = PAGES[name]
    shown = list(lines(page, Paper(width, color=False)))
    whole = "\n".join(lines(page, Paper(59 if width < 60 else 1000, color=False)))

    commands = {f"  {example}" for example in page.examples}  # to be copied: never broken by us
    assert [line for line in shown if len(line) > width and line not in commands] == []
    assert set("\n".join(shown).split()) == set(whole.split())


@pytest.mark.parametrize("name", PAGES)
def test_the_words_are_plain(name: str) -> None:
    text = "\n".join(page_lines(PAGES[name], Paper(1000, color=False)))

    assert text.isascii()
    assert not re.search(r"<\w|\[\w*[<>]=?|\brange\b|\b(nobody|told|tells|dies|died|whoever)\b", text)
    assert len(PAGES[name].summary) <= 80 - len("Set up  completions  ") or " " in name or not name


def test_every_option_says_what_it_takes() -> None:
    takes = re.compile(r"(-\w, |    )--[\w-]+( [A-Z_:=]+x?[A-Z]*)?|(    )?-\w( [A-Z]+)?")
    options = {
        row.name
        for page in PAGES.values()
        for section in page.sections
        if section.title not in ("Arguments", "Commands", "Make", "Look", "Set up", "More")
        for row in section.rows
    }

    assert {name for name in options if not takes.fullmatch(name)} == set()
    assert len(options) > 40


def test_every_command_has_an_example_that_is_its_own() -> None:
    for name in VISIBLE:
        assert any(example.startswith(f"imgen {name}") for example in PAGES[name].examples), name


def test_colour_adds_nothing_but_colour(imgen: Program) -> None:
    plain, colored = (list(page_lines(PAGES["edit"], Paper(80, color=color))) for color in (False, True))
    dumb = imgen.run_lines([(("edit", "--help"), {"TERM": "dumb"}, b"")])[0]

    assert [COLOR.sub("", line) for line in colored] == plain
    assert colored != plain
    assert dumb.lines == plain


def test_the_short_page_counts_the_options() -> None:
    page = PAGES["generate"]
    rows = sum(len(section.rows) for section in page.sections if section.title != "Arguments")

    assert short(page, "imgen generate").more == f"imgen generate --help explains all {rows} options."
    assert short(PAGES["forget"], "imgen forget") is PAGES["forget"]


@pytest.mark.parametrize(
    "name",
    [
        name
        for name, page in PAGES.items()
        if page.examples and SANDBOX not in name and name.partition(" ")[0] not in ("fleet", "work")
    ],
)
def test_every_example_runs(imgen: Program, name: str) -> None:
    """At services of this machine, with a key for each, one saved job, and the pictures that the examples name."""
    for picture in ("fox", "owl"):
        (imgen.cwd / f"{picture}.jpg").write_bytes(png("teal"))
    with services(imgen) as (program, _):
        made = program.run("generate", "a red fox in the snow", "-r", "0.5K", "-q", *OFTEN)
        assert made.code == ExitCode.DONE, made.stderr
        for example in PAGES[name].examples:
            first, *line = shlex.split(example.replace("JOB", imgen.jobs()[0].id))
            quick = OFTEN if name in ("generate", "edit", "again", "wait") else ()
            ended = program.run(
                *line, *quick, stdin=b"a-key-that-is-typed-0123456789\n" if "keys set" in example else b""
            )

            assert first == "imgen"
            assert ended.code == ExitCode.DONE, f"{example}: {ended.stderr}"


def test_every_example_of_a_fleet_runs_in_this_order(imgen: Program, postgres_url: str) -> None:
    """`imgen fleet try` has a test of its own, with the lines of the README."""
    here = imgen.at("http://127.0.0.1:9")
    program = replace(
        here, variables={**here.variables, "IMGEN_LEDGER": postgres_url, "IMGEN_STORE": f"file://{imgen.home}/store"}
    )
    for name in FLEET:
        for example in PAGES[name].examples:
            ended = program.run(*shlex.split(example)[1:])
            assert ended.code == ExitCode.DONE, f"{example}: {ended.stderr}"


@pytest.mark.parametrize("example", [example for example in EXAMPLES if f"{SANDBOX} serve" in example])
def test_every_example_of_the_server_serves(imgen: Program, example: str) -> None:
    with imgen.start(*shlex.split(example)[1:]) as serving:
        assert serving.stdout is not None
        assert serving.stdout.readline().startswith(b"http://127.0.0.1:")


def test_there_are_examples_to_run() -> None:
    assert len(EXAMPLES) > 30

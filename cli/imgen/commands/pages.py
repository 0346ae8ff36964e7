"""The help of every command: panels of options, examples at the end, and a first page that fits a small terminal.

It is plain text, so that it needs no rich and is the same everywhere. In a docstring, what stands below a line
`Examples:` is a list of commands, shown last and run by a test.
"""

from __future__ import annotations

import sys
from inspect import cleandoc
from typing import TYPE_CHECKING

import typer

from imgen.config.config import load
from imgen.errors import ExitCode
from imgen.screen.console import Streams
from imgen.screen.help_page import Page, Paper, Row, Section, index_lines, page_lines

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from typing import TypeAlias

    AnyCommand: TypeAlias = typer.core.TyperCommand | typer.core.TyperGroup

MOST_USED = "Most used"
PICTURE = "Picture"
PROMPT = "Prompt"
COST = "Cost"
WAITING = "Waiting"
OUTPUT = "Output"
_OTHER = "Other"
_ARGUMENTS = "Arguments"
_PANELS = (MOST_USED, PROMPT, PICTURE, COST, WAITING, OUTPUT, _OTHER)

_GROUPS = {
    "Make": ("generate", "edit", "again", "batch"),
    "Look": ("wait", "status", "download", "show", "open", "history", "gallery", "models", "costs", "forget"),
    "Set up": ("keys", "config", "doctor", "completions", "schema", "sandbox"),
}
_FEW = 15  # options that stand in one panel and are read at once
_FULL = "imgen.help.full"  # in the context: whether every option is shown
_WITHOUT_TERMINAL = 80  # columns


# The parameters are narrower than typer's own, whose class of contexts is private.
class Command(typer.core.TyperCommand):
    """A command: `-h` shows the most used options, `--help` all of them."""

    def parse_args(self, ctx: typer.Context, args: list[str]) -> list[str]:  # type: ignore[override]
        ctx.meta[_FULL] = "--help" in args
        return super().parse_args(ctx, args)

    def get_help(self, ctx: typer.Context) -> str:  # type: ignore[override]
        page = page_of(self, ctx)
        if not ctx.meta.get(_FULL):
            page = short(page, ctx.command_path)
        return "\n".join(page_lines(page, _paper()))


class Group(typer.core.TyperGroup):
    """A command with commands below it; the program itself is one too."""

    def parse_args(self, ctx: typer.Context, args: list[str]) -> list[str]:  # type: ignore[override]
        if not args and self.no_args_is_help:
            typer.echo(self.get_help(ctx))
            ctx.exit(ExitCode.USAGE)
        return super().parse_args(ctx, args)

    def get_help(self, ctx: typer.Context) -> str:  # type: ignore[override]
        page = page_of(self, ctx)
        lines = page_lines if ctx.parent else index_lines
        return "\n".join(lines(page, _paper()))


def use_pages(program: typer.Typer) -> typer.Typer:
    """Give every command of the program, and of the groups below it, its page."""
    program.info.cls = Group
    for command in program.registered_commands:
        command.cls = Command
    for group in program.registered_groups:
        if group.typer_instance:
            use_pages(group.typer_instance)
    return program


def page_of(command: AnyCommand, context: typer.Context) -> Page:
    """All that there is to say about a command."""
    text, _, examples = cleandoc(command.help or "").partition("Examples:")
    summary, *paragraphs = (" ".join(paragraph.split()) for paragraph in text.strip().split("\n\n"))
    below = isinstance(command, typer.core.TyperGroup)
    program = below and context.parent is None
    usage = " ".join([context.command_path, *command.collect_usage_pieces(context)])
    sections = _groups(command, context) if program else (*_panels(command, context), *_commands(command, context))
    return Page(
        usage=usage.replace("{", "").replace("}", "").replace("[ARGS]...", "...").replace("[OPTIONS]", "[OPTION]..."),
        summary=summary,
        text=tuple(paragraphs),
        sections=tuple(section for section in sections if section.rows),
        examples=tuple(line.strip() for line in examples.strip().splitlines()),
        more="imgen COMMAND -h explains a command; imgen --version prints the version." if program else "",
    )


def short(page: Page, command: str) -> Page:
    """The page with its most used options, where it names such."""
    most_used = tuple(section for section in page.sections if section.title == MOST_USED)
    if not most_used:
        return page
    options = sum(len(section.rows) for section in page.sections if section.title != _ARGUMENTS)
    more = f"{command} --help explains all {options} options."
    return Page(page.usage, page.summary, sections=most_used, examples=page.examples, more=more)


def _panels(command: AnyCommand, context: typer.Context) -> Iterator[Section]:
    """The arguments, then the options by their panels."""
    shown = [each for each in command.get_params(context) if not getattr(each, "hidden", False)]
    arguments = [each for each in shown if isinstance(each, typer.core.TyperArgument)]
    yield Section(_ARGUMENTS, tuple(Row(_noun(each), each.help or "") for each in arguments if each.help))
    options = [each for each in shown if isinstance(each, typer.core.TyperOption)]
    if len(options) <= _FEW:
        yield Section("Options", tuple(map(option_row, options)))
        return
    for panel in _PANELS:
        rows = [option_row(each) for each in options if (each.rich_help_panel or _OTHER) == panel]
        yield Section(panel, tuple(rows))


def option_row(option: typer.core.TyperOption) -> Row:
    """All names of an option and what it takes; a long name stands in one column with and without a short one."""
    names = ", ".join(sorted((*option.opts, *option.secondary_opts), key=len))
    indent = "" if names[1] != "-" else "    "
    noun = "" if option.is_flag or option.count else f" {_noun(option)}"
    text = (option.help or "").strip()
    if option.show_default and option.default not in (None, False, ""):
        text = f"{text} Default: {getattr(option.default, 'value', option.default)}."
    return Row(f"{indent}{names}{noun}", text)


def _noun(parameter: typer.core.TyperOption | typer.core.TyperArgument) -> str:
    return parameter.metavar or (parameter.name or "").upper()


def _commands(command: AnyCommand, context: typer.Context) -> Iterator[Section]:
    yield Section("Commands", tuple(_rows(command, context, _names(command, context))))


def _groups(command: AnyCommand, context: typer.Context) -> Iterator[Section]:
    names = _names(command, context)
    for title, members in _GROUPS.items():
        yield Section(title, tuple(_rows(command, context, [name for name in members if name in names])))


def _names(command: AnyCommand, context: typer.Context) -> list[str]:
    return command.list_commands(context) if isinstance(command, typer.core.TyperGroup) else []


def _rows(command: AnyCommand, context: typer.Context, names: Sequence[str]) -> Iterator[Row]:
    """The commands that the help shows, each with its summary."""
    assert isinstance(command, typer.core.TyperGroup) or not names
    for name in names:
        below = command.get_command(context, name) if isinstance(command, typer.core.TyperGroup) else None
        if below and not below.hidden:
            yield Row(name, " ".join(cleandoc(below.help or "").split("\n\n")[0].split()))


def _paper() -> Paper:
    streams = Streams.of(sys.stdin, sys.stdout, sys.stderr, load().environ)
    return Paper(streams.stdout_width or _WITHOUT_TERMINAL, streams.stdout_color)

"""The help pages, made from the commands: panels of options, examples at the end, a first page for a small terminal.

They are plain text, so that they need no rich and are the same everywhere. In a docstring, what stands below a line
`Examples:` is a list of commands, shown last and run by a test.
"""

from __future__ import annotations

import sys
from inspect import cleandoc
from typing import TYPE_CHECKING

import typer

from imgen.commands.panels import GROUPS, MORE, MOST_USED, OTHER, PANELS
from imgen.config.config import load
from imgen.screen.console import Streams
from imgen.screen.help_page import Page, Paper, Row, Section, index_lines, page_lines

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from typing import TypeAlias

    AnyCommand: TypeAlias = typer.core.TyperCommand | typer.core.TyperGroup

_ARGUMENTS = "Arguments"
_FEW = 15  # options that stand in one panel and are read at once
_WITHOUT_TERMINAL = 80  # columns


def written(command: AnyCommand, context: typer.Context, *, whole: bool) -> str:
    """The page as text for this terminal; of a page that is not `whole`, the most used options."""
    page = page_of(command, context)
    if not whole:
        page = short(page, context.command_path)
    first = isinstance(command, typer.core.TyperGroup) and context.parent is None
    return "\n".join(index_lines(page, _paper()) if first else page_lines(page, _paper()))


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
    for panel in PANELS:
        rows = [option_row(each) for each in options if (each.rich_help_panel or OTHER) == panel]
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
    for title, members in GROUPS.items():
        rows = tuple(_rows(command, context, [name for name in members if name in names]))
        yield Section(title, rows, brief=title == MORE)


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

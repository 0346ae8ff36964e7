"""The manual page imgen(1), made from the same help pages that the program prints."""

from __future__ import annotations

from typing import TYPE_CHECKING

import typer

from imgen.commands.pages import option_row, page_of
from imgen.config.settings import SETTINGS, Place
from imgen.errors import ExitCode
from imgen_providers.catalog import OURS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from imgen.screen.help_page import Page


def man_page(program: typer.Typer) -> str:
    """The whole page, in the man macros of roff."""
    return "\n".join(_lines(program)) + "\n"


def _lines(program: typer.Typer) -> Iterator[str]:
    group = typer.main.get_command(program)
    assert isinstance(group, typer.core.TyperGroup)
    context = typer.Context(group, info_name="imgen", **group.context_settings)
    page = page_of(group, context)
    yield '.TH IMGEN 1 "" imgen "User Commands"'
    yield from (".SH NAME", r"imgen \- " + _text(page.summary[0].lower() + page.summary[1:].rstrip(".")))
    yield from (".SH SYNOPSIS", r".B imgen", r"\fICOMMAND\fR [\fIOPTION\fR]... [\fIARGUMENT\fR]...")
    yield ".SH OPTIONS"
    for option in group.get_params(context):
        if isinstance(option, typer.core.TyperOption):
            row = option_row(option)
            yield from _entry(row.name, row.text)
    yield ".SH COMMANDS"
    for section in page.sections:
        for row in section.rows:
            yield from _command(group, row.name, context)
    yield ".SH EXIT STATUS"
    for code in ExitCode:
        yield from _entry(str(code.value), _sentence(code.meaning.replace("`", "")))
    yield ".SH ENVIRONMENT"
    for entry in OURS.values():
        yield from _entry(entry.key_variable, f"The API key of {entry.title}.")
    for setting in SETTINGS.values():
        where = "" if setting.place is Place.NO_FILE else f" The setting {setting.name}."
        yield from _entry(setting.variable, _sentence(setting.help.replace("`", "")) + where)
    yield ".SH FILES"
    yield from _entry("~/.config/imgen/config.toml", "Your settings.")
    yield from _entry("imgen.toml", "The settings of a project.")
    yield from _entry("~/.local/state/imgen/ledger.sqlite3", "The ledger: every job, with what was spent.")
    yield ".PP"
    yield "These are the places on Linux; IMGEN_HOME moves all but the second into one folder."


def _command(group: typer.core.TyperGroup, name: str, parent: typer.Context) -> Iterator[str]:
    """A command of a group, and those below it."""
    command = group.commands[name]
    assert isinstance(command, (typer.core.TyperCommand, typer.core.TyperGroup))
    context = typer.Context(command, parent=parent, info_name=name)
    page = page_of(command, context)
    yield f'.SS "{_text(page.usage)}"'
    yield from _body(page)
    if isinstance(command, typer.core.TyperGroup):
        for below in (name for name, each in command.commands.items() if not each.hidden):
            yield from _command(command, below, context)


def _body(page: Page) -> Iterator[str]:
    yield _text(page.summary)
    for paragraph in page.text:
        yield from (".PP", _text(paragraph))
    for section in page.sections:
        for row in section.rows if section.title != "Commands" else ():
            yield from _entry(row.name.strip(), row.text)
    if page.examples:
        yield from (".PP", "Examples:", ".PP", ".nf", ".RS")
        yield from map(_text, page.examples)
        yield from (".RE", ".fi")


def _entry(name: str, text: str) -> Iterator[str]:
    yield from (".TP", rf"\fB{_text(name)}\fR", _text(text))


def _sentence(text: str) -> str:
    return f"{text[0].upper()}{text[1:].rstrip('.')}."


def _text(text: str) -> str:
    """Plain text, of which roff reads no character as its own."""
    escaped = text.replace("\\", r"\e").replace("-", r"\-").replace("'", r"\(aq").replace('"', r"\(dq")
    escaped = escaped.replace("^", r"\(ha").replace("~", r"\(ti").replace("`", r"\(ga")
    return rf"\&{escaped}" if escaped.startswith(".") else escaped

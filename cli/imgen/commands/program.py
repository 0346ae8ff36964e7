"""What stands before any command, and the kinds of commands, which show help pages of ours.

Every line imports this, so that the pages are built in `pages.py`, which only a help needs.
"""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from imgen import __version__
from imgen.config.config import load
from imgen.errors import ExitCode
from imgen.screen.console import Streams

_FULL = "imgen.help.full"  # in the context: whether every option is shown


def stderr_color() -> bool:
    """Whether text on stderr may be coloured."""
    return Streams.of(sys.stdin, sys.stdout, sys.stderr, load().environ).stderr_color


def _end_with_version(wanted: bool) -> None:  # noqa: FBT001 (a switch)
    if wanted:
        from imgen.screen.console import out

        out(f"imgen {__version__}")
        raise typer.Exit


def program(
    version: Annotated[
        bool,
        typer.Option("-V", "--version", is_eager=True, callback=_end_with_version, help="Print the version."),
    ] = False,
) -> None:
    """Make pictures with image services, saved safely and never paid twice."""


# The parameters are narrower than typer's own, whose class of contexts is private.
class Command(typer.core.TyperCommand):
    """A command: `-h` shows the most used options, `--help` all of them."""

    def parse_args(self, ctx: typer.Context, args: list[str]) -> list[str]:  # type: ignore[override]
        ctx.meta[_FULL] = "--help" in args
        return super().parse_args(ctx, args)

    def get_help(self, ctx: typer.Context) -> str:  # type: ignore[override]
        from imgen.commands.pages import written

        return written(self, ctx, whole=bool(ctx.meta.get(_FULL)))


class Group(typer.core.TyperGroup):
    """A command with commands below it; the program itself is one too."""

    def parse_args(self, ctx: typer.Context, args: list[str]) -> list[str]:  # type: ignore[override]
        if not args and self.no_args_is_help:
            typer.echo(self.get_help(ctx))
            ctx.exit(ExitCode.USAGE)
        return super().parse_args(ctx, args)

    def get_help(self, ctx: typer.Context) -> str:  # type: ignore[override]
        from imgen.commands.pages import written

        return written(self, ctx, whole=True)


def use_pages(program: typer.Typer) -> typer.Typer:
    """Give every command of the program, and of the groups below it, its page."""
    program.info.cls = Group
    for command in program.registered_commands:
        command.cls = Command
    for group in program.registered_groups:
        if group.typer_instance:
            use_pages(group.typer_instance)
    return program

"""What stands before any command."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from imgen import __version__
from imgen.config.config import load
from imgen.screen.console import Streams, is_dumb


def can_draw() -> bool:
    """Whether the help may have boxes."""
    return not is_dumb(load().environ)


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
        typer.Option("-V", "--version", is_eager=True, callback=_end_with_version, help="Print the version and exit."),
    ] = False,
) -> None:
    """Make pictures with hosted image models; never pay twice, never lose one."""

"""What stands before any command."""

from __future__ import annotations

from typing import Annotated

import typer

from imgen import __version__


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

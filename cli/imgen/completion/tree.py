"""The commands and options as they stand in `tree.json`, which completions/refresh.py makes from the typer app."""

from __future__ import annotations

import json
import os
from typing import TypedDict, cast


class Argument(TypedDict):
    """What a command takes. `noun` is what its help calls the value, such as JOB; `words` all it may be, if few."""

    noun: str
    words: list[str]
    many: bool


class Option(TypedDict):
    """An option by all its names. `noun` and `words` as of an argument, `noun` None for a switch."""

    names: list[str]
    help: str
    noun: str | None
    words: list[str]
    many: bool


class Command(TypedDict):
    """A command, or a group of them."""

    help: str
    options: list[Option]
    arguments: list[Argument]
    commands: dict[str, Command]


def tree() -> Command:
    """The whole program."""
    path = os.path.join(os.path.dirname(__file__), "tree.json")  # noqa: PTH118, PTH120 (pathlib takes 3 ms of a TAB)
    with open(path, encoding="utf-8") as file:  # noqa: PTH123
        return cast("Command", json.load(file))

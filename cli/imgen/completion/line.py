"""Where on a command line the cursor stands, and what can come there."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from imgen.completion.tree import Argument, Command, Option


class Place(NamedTuple):
    """The word at the cursor and what is known about it.

    `word` is what was typed of it, `glued` what stands before it without a space, as in `--aspect=16`. `value` is
    the option or argument it is a value of, if any. `chosen` are the values so far by noun, `taken` those of arguments.
    """

    command: Command
    name: str
    word: str
    glued: str
    value: Option | Argument | None
    names_option: bool
    options: Sequence[Option]
    chosen: Mapping[str, str]
    taken: Sequence[str]


def place(program: Command, words: Sequence[str], word: str) -> Place:
    """Read the words before the cursor, the program's name left out, and the beginning of the one at it."""
    reading = _Reading(program)
    for each in words:
        reading.take(each)
    return reading.at(word)


class _Reading:
    """The line so far; words that are wrong are passed over, because the line is still being written."""

    def __init__(self, program: Command) -> None:
        self.command = program
        self.name = ""
        self.waiting: Option | None = None
        self.given: set[str] = set()
        self.chosen: dict[str, str] = {}
        self.taken: list[str] = []
        self.options_ended = False

    def take(self, word: str) -> None:
        if self.waiting is not None:
            self._choose(self.waiting, word)
            self.waiting = None
        elif word == "--" and not self.options_ended:
            self.options_ended = True
        elif word.startswith("-") and word != "-" and not self.options_ended:
            self._take_option(word)
        elif word in self.command["commands"]:
            self.command, self.name = self.command["commands"][word], f"{self.name} {word}".strip()
        else:
            if argument := self._argument():
                self._choose(argument, word)
            self.taken.append(word)

    def at(self, word: str) -> Place:
        value: Option | Argument | None = self.waiting or self._argument()
        glued = ""
        names_option = False
        if self.waiting is None and word.startswith("-") and not self.options_ended:
            _, value, rest = _read_option(self.command, word)
            names_option = rest is None
            glued = "" if rest is None else word[: len(word) - len(rest)]
        return Place(
            self.command,
            self.name,
            word[len(glued) :],
            glued,
            None if names_option else value,
            names_option,
            [each for each in self.command["options"] if each["many"] or not self.given & set(each["names"])],
            self.chosen,
            self.taken,
        )

    def _take_option(self, word: str) -> None:
        names, option, rest = _read_option(self.command, word)
        self.given.update(names)
        if option is not None and rest is not None:
            self._choose(option, rest)
        else:
            self.waiting = option

    def _choose(self, value: Option | Argument, word: str) -> None:
        self.chosen[value["noun"] or ""] = word

    def _argument(self) -> Argument | None:
        arguments = self.command["arguments"]
        if len(self.taken) < len(arguments):
            return arguments[len(self.taken)]
        return arguments[-1] if arguments and arguments[-1]["many"] else None


def _read_option(command: Command, word: str) -> tuple[list[str], Option | None, str | None]:
    """The names in a word such as `-qa16:9`, the option of them that wants a value, and that value if it is there."""
    by_name = {name: option for option in command["options"] for name in option["names"]}
    if word.startswith("--"):
        name, equals, rest = word.partition("=")
        found = by_name.get(name)
        return [name], found if found and found["noun"] else None, rest if equals else None
    names = []
    for index, letter in enumerate(word[1:], 2):
        names.append(f"-{letter}")
        found = by_name.get(f"-{letter}")
        if found and found["noun"]:
            return names, found, word[index:] or None
    return names, None, None

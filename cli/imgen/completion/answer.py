"""The answer to one TAB: lines that a shell can take without quoting, because nothing in them means anything to it."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING

from imgen.completion.line import Place, place
from imgen.completion.tree import tree
from imgen.completion.values import FILES, Offer, values

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

FILES_HERE = ":files"
"""The whole answer where the shell is to complete names of files."""

_MARKS = " .,:-_/"
_HELP_WIDTH = 72
_CURSOR = "\x1f"


def answer(shell: str, words: Sequence[str], *, ascii_only: bool) -> str:
    """Lines of words, each with a tab and its help except for bash.

    bash breaks words in a way of its own, so it sends the line up to the cursor as one; the others send the words
    after the program's name, the last with a `=` before it, because some shells drop an empty one.
    """
    before, word = _split(words[0]) if shell == "bash" else (list(words[:-1]), words[-1].removeprefix("="))
    at = place(tree(), before, word)
    if at.value is not None and at.value["noun"] in FILES:
        return FILES_HERE
    offers: dict[str, str] = {}
    for offer in _offers(at):
        shown = f"{at.glued}{offer.word}"
        if offer.word.startswith(at.word) and harmless(offer.word) == offer.word and " " not in offer.word:
            offers.setdefault(shown, harmless(offer.help, ascii_only=ascii_only))
    return "\n".join(word if shell == "bash" else f"{word}\t{help}" for word, help in offers.items())


def harmless(text: str, *, ascii_only: bool = True) -> str:
    """Only letters, digits, space and `.,:-_/` of a text, on one line, cut where a list of them stays readable.

    Letters beyond ASCII are harmless where they travel as UTF-8: no byte of theirs is one that a shell knows.
    """
    kept = "".join(
        each if each in _MARKS or (each.isalnum() and (each.isascii() or not ascii_only)) else " "
        for each in text[: 4 * _HELP_WIDTH].replace("'", "").replace(";", ",")
    )
    line = " ".join(kept.split())
    return line if len(line) <= _HELP_WIDTH else f"{line[: _HELP_WIDTH - 3].rstrip()}..."


def _offers(at: Place) -> Iterable[Offer]:
    if at.names_option:
        return _options(at, short=True)
    if at.value is not None:
        if at.value["words"]:
            return [Offer(word) for word in at.value["words"]]
        return values(at.value["noun"] or "", at)
    if at.command["commands"]:
        return [Offer(name, command["help"].split(";")[0]) for name, command in at.command["commands"].items()]
    return _options(at, short=False)


def _options(at: Place, *, short: bool) -> Iterable[Offer]:
    return [
        Offer(name, option["help"])
        for option in at.options
        for name in option["names"]
        if short or name.startswith("--")
    ]


def _split(line: str) -> tuple[list[str], str]:
    """The words of a line after the first, and the beginning of the one at its end, read as a shell would."""
    lexer = shlex.shlex(line + _CURSOR, posix=True)
    lexer.whitespace_split = True
    lexer.commenters = ""
    words: list[str] = []
    try:
        for word in lexer:
            words.append(word)
    except ValueError:  # a quote is still open
        words.append(lexer.token)
    return words[1:-1], words[-1].removesuffix(_CURSOR)

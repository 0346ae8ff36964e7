"""What may be a key among the words of a command line: no failure repeats it, whoever wrote its sentence."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from imgen_providers.redaction import HIDDEN

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

_PARTS = re.compile(r"[\s=,:;'\"()]+")
_BEGINS_AS_A_KEY = re.compile(r"(?i)(sk|pk|rk|ak)[-_][\w-]{6,}|eyJ[\w.-]{12,}")
_LONGEST_NAME = 15  # characters in one go that are both letters and digits: of no model, more in most keys
_REMOTE_ID = re.compile(r"task_[\da-f]+|[\da-f]{8}(-[\da-f]{4}){3}-[\da-f]{12}")
_OF_KEYS = frozenset(
    {"set", "list", "remove", "check", "keys", "key", "keyring", "file", "json", "verbose", "help", "h", "v"}
)


def without_keys(text: str, arguments: Sequence[str]) -> str:
    """The text without what looks like a key in the arguments, and without all that stands behind `keys`."""
    words = {word for argument in arguments for word in _words(argument) if _looks_like_a_key(word)}
    if list(arguments[:1]) == ["keys"]:
        words |= {word for argument in arguments for word in _words(argument) if not _belongs_to_keys(word)}
    for word in sorted(words, key=len, reverse=True):
        text = re.sub(rf"(?<![A-Za-z\d]){re.escape(word)}(?![A-Za-z\d])", HIDDEN, text)
    return text


def _words(argument: str) -> Iterator[str]:
    """The argument and its parts: the value in `--option=value`, in `-ovalue`, in a list."""
    for word in (argument, *_PARTS.split(argument)):
        if word.strip("-"):
            yield word.lstrip("-")
        if re.match("-[A-Za-z].", word):
            yield word[2:]


def _looks_like_a_key(word: str) -> bool:
    if _REMOTE_ID.fullmatch(word):
        return False
    if _BEGINS_AS_A_KEY.fullmatch(word):
        return True
    runs = re.split("[-_]", word)
    return all(not run or run.isalnum() for run in runs) and any(_is_mixed(run) for run in runs)


def _is_mixed(run: str) -> bool:
    return len(run) > _LONGEST_NAME and run.isascii() and not run.isalpha() and not run.isdigit()


def _belongs_to_keys(word: str) -> bool:
    from imgen_providers.catalog import SERVICES

    return word in _OF_KEYS or word in SERVICES

"""Redacts likely keys of the command line before an error message repeats them."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from imgen.config.keys import looks_like_key

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

_PARTS = r"[\s=,:;'\"()]+"
_OF_KEYS = frozenset("set list remove check get add show keys key keyring file json verbose help h v".split())  # noqa: SIM905


def without_keys(text: str, arguments: Sequence[str]) -> str:
    """The text without what looks like a key in the arguments, and without all that stands behind `keys`."""
    words = {word for argument in arguments for word in _words(argument) if looks_like_key(word)}
    if list(arguments[:1]) == ["keys"]:
        words |= {word for argument in arguments for word in _words(argument) if not _belongs_to_keys(word)}
    if not words:
        return text
    from imgen_providers.redaction import HIDDEN

    for word in sorted(words, key=len, reverse=True):
        text = re.sub(rf"(?<![A-Za-z\d]){re.escape(word)}(?![A-Za-z\d])", HIDDEN, text)
    return text


def _words(argument: str) -> Iterator[str]:
    """The argument and its parts: the value in `--option=value`, in `-ovalue`, in a list."""
    for word in (argument, *re.split(_PARTS, argument)):
        if word.strip("-"):
            yield word.lstrip("-")
        if re.match("-[A-Za-z].", word):
            yield word[2:]


def _belongs_to_keys(word: str) -> bool:
    from imgen_providers.catalog import SERVICES

    return word in _OF_KEYS or word in SERVICES

"""Files that a shell writes for a pattern: `-i photos/*.jpg` reaches a command as one `-i` and several words."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

_TAKES_PICTURES = ("edit", "again")
_OPTIONS = ("-i", "--image")
PICTURES = (".png", ".jpg", ".jpeg", ".webp", ".heic", ".heif", ".gif", ".tif", ".tiff", ".bmp", ".avif")
"""How the name of a picture ends, in lower case."""


def with_files(arguments: Sequence[str]) -> list[str]:
    """The arguments with an `-i` before each file that stands behind the value of another one."""
    words = list(arguments)
    if not words or words[0] not in _TAKES_PICTURES:
        return words
    found: list[str] = []
    value = behind = False  # whether the word is the value of -i, and whether it stands behind one
    for word in words:
        if behind and _is_file(word):
            found.append(_OPTIONS[0])
        else:
            behind = value or word.startswith((f"{_OPTIONS[1]}=",)) or (word[:2] == _OPTIONS[0] and len(word) > 2)
        found.append(word)
        value = word in _OPTIONS
    return found


def _is_file(word: str) -> bool:
    return word.lower().endswith(PICTURES) and os.path.isfile(word)  # noqa: PTH113 (pathlib is not imported here)

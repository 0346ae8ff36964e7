"""Text of any script in the one font that Pillow brings along, which knows little more than ASCII."""

from __future__ import annotations

import unicodedata
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from PIL.ImageFont import FreeTypeFont, ImageFont

    Font = FreeTypeFont | ImageFont

_MOST_LINES = 3
_LONGEST = 400  # characters that are looked at
_ELLIPSIS = "..."


def wrapped(text: str, font: Font, width: float) -> list[str]:
    """The text in at most three lines that fit the width in pixels; what is too long ends in dots."""
    lines = [""]
    for word in drawable(text).split():
        for piece in _pieces(word, font, width):
            longer = f"{lines[-1]} {piece}".strip()
            if font.getlength(longer) <= width or not lines[-1]:
                lines[-1] = longer
            else:
                lines.append(piece)
    if len(lines) > _MOST_LINES:
        last = lines[_MOST_LINES - 1]
        while last and font.getlength(last + _ELLIPSIS) > width:
            last = last[:-1]
        lines = [*lines[: _MOST_LINES - 1], last.rstrip() + _ELLIPSIS]
    return lines


def drawable(text: str) -> str:
    """The text in ASCII: without accents, and with dots where letters of other scripts stood.

    A text without any letter that can be drawn becomes a sentence that states it.
    """
    plain = unicodedata.normalize("NFKD", text[:_LONGEST])
    shown = ""
    for character in plain:
        if character.isspace():
            shown += " "
        elif character.isascii() and character.isprintable():
            shown += character
        elif unicodedata.category(character)[0] in "LNS" and not shown.endswith(_ELLIPSIS):
            shown += _ELLIPSIS
    if any(character.isalnum() for character in shown) or not text.strip():
        return shown
    return f"(a prompt of {len(text)} characters that the sandbox has no letters for)"


def _pieces(word: str, font: Font, width: float) -> list[str]:
    """The word, broken where it is wider than a line."""
    pieces = [""]
    for character in word:
        if pieces[-1] and font.getlength(pieces[-1] + character) > width:
            pieces.append("")
        pieces[-1] += character
    return pieces

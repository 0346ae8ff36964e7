"""File name templates: literal text and fields in braces, such as "{slug}-{index:02}.{ext}"."""

from __future__ import annotations

import os
import re
import string
import unicodedata
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

TEMPLATE_FIELDS = ("slug", "stem", "id", "index", "ext", "provider", "model", "aspect", "date")
"""What a template may hold in braces; `index` also takes a width, as in {index:02}.

`stem` is the name of the first picture that an edit went on from, and the slug where there is none.
"""

DEFAULT_TEMPLATE = "{slug}-{index}-{id}.{ext}"
"""The number stands before the id, so that a folder listed by name shows one order's pictures in their order."""

NAME_BYTES = 200
"""How long one name may be: of the 255 a file system takes, room is left for "-2" and for a part's name."""

_PLAIN = re.compile(r"(?!(?:con|prn|aux|nul|com.|lpt.)(?:\.|$))[a-z0-9_-]{1,50}(?:\.[a-z0-9_-]{1,50})?", re.ASCII)
_TELL_APART = ("id", "index")
_KNOWN = "The fields are " + ", ".join(f"{{{field}}}" for field in TEMPLATE_FIELDS) + "."


class BadTarget(ValueError):
    """Pictures cannot go where they were asked to; `hint` is what would work."""

    def __init__(self, message: str, hint: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


def is_plain(text: str) -> bool:
    """Whether every system takes a text as a name: most are so plain that pathvalidate need not be imported."""
    return _PLAIN.fullmatch(text) is not None


def split_suffix(name: str, suffixes: tuple[str, ...]) -> tuple[str, str]:
    """A name or template and its picture suffix, one of `suffixes` or ".{ext}"; "" where it has none."""
    stem, suffix = os.path.splitext(name)  # noqa: PTH122 (a template is no path)
    return (stem, suffix) if suffix.lower() in (*suffixes, ".{ext}") else (name, "")


def fields(template: str) -> set[str]:
    """The fields a template has. Raises `BadTarget` when it is none."""
    return {field for _, field, _ in _tokens(template) if field}


def check(component: str) -> None:
    """Raises `BadTarget` unless this part of a template can name a file or folder on this system."""
    sample = "".join(text + ("x" if field else "") for text, field, _ in _tokens(component))
    if is_plain(sample):
        return
    from pathvalidate import is_valid_filename

    if sample == ".." or any(unicodedata.category(character) == "Cc" for character in sample):
        raise BadTarget(f"-o cannot have {sample!r} as a name in it.")
    if not is_valid_filename(sample, platform="auto", max_len=NAME_BYTES):
        raise BadTarget(f"This system takes no file or folder named {sample!r}.", "Choose another name for -o.")


def fill(component: str, values: Mapping[str, str], index: int, limit_bytes: int = NAME_BYTES) -> str:
    """One name of a template with its fields filled in, at most `limit_bytes` of UTF-8 long.

    Where it is too long its longest texts are cut, those that tell pictures apart only when no other is left.
    """
    pieces: list[tuple[str, bool]] = []
    for text, field, spec in _tokens(component):
        pieces.append((text, False))
        if field:
            value = format(index, spec) if field == "index" else values[field]
            pieces.append((value, field in _TELL_APART))
    while (excess := sum(len(text.encode()) for text, _ in pieces) - limit_bytes) > 0:
        longest = max(pieces, key=lambda piece: (piece[0] != "" and not piece[1], len(piece[0].encode())))
        text, apart = longest
        pieces[pieces.index(longest)] = (_shortened(text, excess), apart)
    name = "".join(text for text, _ in pieces)
    return "_" if name in ("", ".", "..") else name


def _shortened(text: str, excess: int) -> str:
    data = text.encode()
    return data[: max(0, len(data) - excess)].decode(errors="ignore").rstrip(" .")


def _tokens(template: str) -> Iterator[tuple[str, str | None, str]]:
    """Each literal text of a template, with the field that follows it, if any, and how it is written."""
    try:
        tokens = list(string.Formatter().parse(template))
    except ValueError as error:
        raise BadTarget(f"The template {template!r} cannot be read: {error}.", _KNOWN) from error
    for text, field, spec, conversion in tokens:
        if field is not None and (field not in TEMPLATE_FIELDS or conversion):
            shown = f"{{{field}!{conversion}}}" if conversion else f"{{{field}}}"
            raise BadTarget(f"The template {template!r} has {shown} in it, which is no field.", _KNOWN)
        if spec and not (field == "index" and re.fullmatch("0[1-9]d?", spec)):
            raise BadTarget(
                f"The template {template!r} asks for {{{field}:{spec}}}.",
                "Only {index} takes a width: {index:02}.",
            )
        yield text, field, spec or ""

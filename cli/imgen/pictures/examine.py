"""A picture that is to be sent: checked as every picture is, and what else its file holds."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

from imgen.files import open_regular
from imgen.pictures.formats import Format, OtherFormat, Unverified, foreign
from imgen.pictures.metadata import orientation, without_notes
from imgen.pictures.verify import check

if TYPE_CHECKING:
    from collections.abc import Sequence
    from io import BufferedReader
    from pathlib import Path


_DECODED = 1_000_000
"""Pixels of a WebP above which only its structure is checked: 14 large references must not take much memory.

A larger one that was cut is found, unless it was mended to look whole.
"""


@dataclass(frozen=True, slots=True)
class Examined:
    """A picture file; one of another format can only be converted.

    `width` and `height` in pixels, `size` in bytes, `sha256` in hexadecimal. `orientation` is EXIF's (1: upright).
    `has_notes`: more than the picture is in it, such as where it was taken.
    """

    path: Path
    format: Format | OtherFormat
    width: int
    height: int
    size: int
    sha256: str
    orientation: int
    has_notes: bool


def examine(path: Path) -> Examined:
    """Check a file that is to be sent, or converted first. Raises what `verify.inspect` does."""
    with open_regular(path) as file:
        try:
            found = check(file, decoded=_DECODED)
        except Unverified as error:
            if not foreign.is_readable(error.format):
                raise
            return _to_convert(path, file, error.format)
        file.seek(0)
        data = file.read()
    return Examined(
        path,
        found.format,
        found.width,
        found.height,
        found.size,
        found.sha256,
        orientation(data, found.format),
        not _is_same(data, without_notes(data, found.format)),
    )


def _to_convert(path: Path, file: BufferedReader, format: OtherFormat) -> Examined:
    """A picture of another format, whose pixels are looked at when it is converted."""
    file.seek(0)
    digest = hashlib.file_digest(file, "sha256").hexdigest()
    width, height = foreign.size(path, format)
    return Examined(path, format, width, height, file.tell(), digest, orientation=1, has_notes=True)


def _is_same(data: bytes, pieces: Sequence[memoryview]) -> bool:
    view = memoryview(data)
    at = 0
    for piece in pieces:
        if view[at : at + len(piece)] != piece:
            return False
        at += len(piece)
    return at == len(data)

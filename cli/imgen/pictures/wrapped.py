"""A picture inside of what its link gave: packed by gzip, as base64, in JSON, or behind a few bytes.

A host that sends a picture so will send it so again, and it is paid: it is taken out, and then verified like any other.
Whatever else came is left as it is, to be kept beside its place.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from imgen.files import SHARED, write
from imgen_providers.answers import Answer
from imgen_providers.assets import looks_like_picture, read_results
from imgen_providers.base import InlineAsset
from imgen_providers.content_coding import unpacked_file

if TYPE_CHECKING:
    from pathlib import Path

_LOOK = 16  # bytes that show a picture
_HEAD = 512  # bytes that show whether a file is a text
_LONGEST_BEFORE = 16_384  # bytes
_LIMIT = 64 * 1024 * 1024  # bytes, packed or not
# What stands before a picture by mistake: a byte order mark and ends of lines, or the head of a part (RFC 2046, 5.1).
_BEFORE = re.compile(rb"(?:\xef\xbb\xbf|\s)*(?:--[!-~ ]{1,72}\r\n(?:[!-~ \t]{1,500}\r\n){0,20}\r\n)?")


def unwrap(part: Path) -> None:
    """Put the picture in place of what it came in, where there is one. Raises `OSError`."""
    with part.open("rb") as file:
        head = file.read(_LOOK)
        if looks_like_picture(head) and not head.startswith(b"<"):
            return
        data = head + file.read(_LIMIT)
    found = _picture_in(data)
    if found is None and (plain := unpacked_file(data, _LIMIT)):
        found = plain if looks_like_picture(plain) else _picture_in(plain)
    if found:
        write(part, found, mode=SHARED)


def _picture_in(data: bytes) -> bytes | None:
    before = _BEFORE.match(data, 0, _LONGEST_BEFORE)
    behind = data[before.end() :] if before and before.end() else b""
    if looks_like_picture(behind):
        return behind
    if b"\0" in data[:_HEAD]:  # no text
        return None
    try:
        found = read_results({"content": Answer(200, {}, data).content()}, base="")
    except ValueError:
        return None
    pictures = [each.data for each in found if isinstance(each, InlineAsset) and looks_like_picture(each.data)]
    return pictures[0] if pictures else None

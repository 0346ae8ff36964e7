"""The Content-Encoding of an answer, undone once and within bounds.

httpx undoes as many codings as the header names, each without a limit: 13 kB of "gzip, gzip" became 5.4 GB. Here
one coding is undone at most, a piece at a time, and what grows a hundredfold is refused.
"""

from __future__ import annotations

import zlib
from typing import TYPE_CHECKING

import httpx

from imgen_providers.assets import looks_like_picture

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

ACCEPTED = "gzip, deflate"
"""The value of Accept-Encoding that goes with what is read here."""

_PIECE = 64 * 1024  # bytes that are unpacked at once
_ALLOWANCE = 16 * 1024 * 1024  # bytes that a packed answer may grow to, however short it is
_GROWTH = 100  # times; beyond the allowance. JSON and base64 shrink less
_LOOK = 12  # bytes of a body that show a picture
_GZIP = ("gzip", "x-gzip")
_GZIP_START = b"\x1f\x8b"


def unpacked(pieces: Iterable[bytes], coding: str) -> Iterator[bytes]:
    """The body of an answer, from its raw pieces and its Content-Encoding; each piece is of bounded size.

    A name that is no content coding ("none", "UTF-8") changes nothing, and neither does the name of one on a body that
    is not packed. Raises `httpx.DecodingError` for two codings, one that was not asked for, a damaged one, and one that
    grows beyond all measure.
    """
    named = [each.partition(";")[0].strip() for each in coding.lower().split(",")]
    names = [name for name in named if name in (*_GZIP, "deflate", "br", "zstd")]
    if len(names) > 1:
        raise httpx.DecodingError("the answer is packed more than once")
    stream = iter(pieces)
    if not names:
        yield from stream
        return
    head = b""
    for piece in stream:
        head += piece
        if len(head) >= _LOOK:
            break
    is_gzip = names[0] in _GZIP
    if _is_plain(head) or (is_gzip and not head.startswith(_GZIP_START)):
        yield from _chained(head, stream)
    elif names[0] in ("br", "zstd"):
        raise httpx.DecodingError(f"the answer is packed as {names[0]}, which was not asked for")
    else:
        yield from _inflated(head, stream, gzip=is_gzip)


def unpacked_file(data: bytes, limit: int) -> bytes | None:
    """The content of a file of gzip; None for any other, a damaged one, and one of more than `limit` bytes."""
    plain = bytearray()
    try:
        for piece in unpacked([data], "gzip") if data.startswith(_GZIP_START) else ():
            plain += piece
            if len(plain) > limit:
                return None
    except httpx.DecodingError:
        return None
    return bytes(plain) or None


def _is_plain(head: bytes) -> bool:
    """Whether a body begins as a picture or as JSON does: then it is not packed, whatever its header names."""
    return looks_like_picture(head) or head.lstrip()[:2].startswith((b'{"', b"[{", b'["'))


def _inflated(head: bytes, stream: Iterator[bytes], *, gzip: bool) -> Iterator[bytes]:
    # "deflate" is zlib's format (RFC 9110, 8.4.1.2), or bare deflate as some servers send it.
    is_zlib = len(head) > 1 and head[0] & 15 == 8 and int.from_bytes(head[:2], "big") % 31 == 0
    inflate = zlib.decompressobj(31 if gzip else 15 if is_zlib else -15)
    packed = grown = 0
    left = b""
    for piece in _chained(head, stream):
        packed += len(piece)
        left += piece
        while left:
            if inflate.eof:
                if not gzip or not _GZIP_START.startswith(left[:2]):
                    return  # what follows is no part of it
                if len(left) < len(_GZIP_START):
                    break
                inflate = zlib.decompressobj(31)  # the next member of the file (RFC 1952, 2.2)
            try:
                data = inflate.decompress(left, _PIECE)
            except zlib.error as error:
                raise httpx.DecodingError(f"the answer cannot be unpacked ({error})") from None
            left = inflate.unused_data if inflate.eof else inflate.unconsumed_tail
            grown += len(data)
            if grown > _ALLOWANCE and grown > packed * _GROWTH:
                raise httpx.DecodingError("the answer grows more than a hundredfold as it is unpacked")
            yield data
    if not inflate.eof:
        raise httpx.DecodingError("the packed answer ends too early")


def _chained(first: bytes, rest: Iterator[bytes]) -> Iterator[bytes]:
    yield first
    yield from rest

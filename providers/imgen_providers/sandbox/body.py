"""Reads the body of a request, of a known length or in chunks (RFC 9112, sections 6 and 7), within bounds."""

from __future__ import annotations

import re
from http import HTTPStatus
from typing import TYPE_CHECKING

from imgen_providers.sandbox.exchange import Hangup

if TYPE_CHECKING:
    from email.message import Message
    from io import BufferedIOBase

BODY_LIMIT = 256 * 1024 * 1024  # bytes
_LINE_LIMIT = 4096  # bytes of a chunk's size with its extensions, or of a trailer
_TRAILER_LIMIT = 100
_SIZE = re.compile(rb"([0-9a-fA-F]{1,16})[ \t]*(?:;[^\r\n]*)?\r?\n")


class BadBody(Exception):
    """The body cannot be read, so the connection ends after the answer with this status."""

    def __init__(self, status: HTTPStatus, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.message = message


def read_body(headers: Message, stream: BufferedIOBase) -> bytes:
    """The whole body. Raises `BadBody`, and `Hangup` where the client leaves in the middle of it."""
    lengths = headers.get_all("Content-Length", [])
    codings = headers.get_all("Transfer-Encoding", [])
    if codings and lengths:
        raise BadBody(HTTPStatus.BAD_REQUEST, "A body has a Content-Length or comes in chunks, not both.")
    if codings:
        if [coding.strip().lower() for coding in codings] != ["chunked"]:
            raise BadBody(HTTPStatus.NOT_IMPLEMENTED, "The only Transfer-Encoding understood here is chunked.")
        return _chunks(stream)
    if not lengths:
        return b""
    if len(set(lengths)) > 1 or not re.fullmatch(r"[0-9]{1,16}", lengths[0].strip()):
        raise BadBody(HTTPStatus.BAD_REQUEST, "The Content-Length is not one whole number.")
    return _exactly(stream, _bounded(int(lengths[0])))


def _bounded(size: int) -> int:
    if size > BODY_LIMIT:
        raise BadBody(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "The body is larger than 256 MB.")
    return size


def _exactly(stream: BufferedIOBase, size: int) -> bytes:
    data = stream.read(size)
    if len(data) < size:
        raise Hangup("body cut short")
    return data


def _chunks(stream: BufferedIOBase) -> bytes:
    body = bytearray()
    while size := _chunk_size(stream):
        _bounded(len(body) + size)
        body += _exactly(stream, size)
        if _exactly(stream, 2) != b"\r\n":
            raise BadBody(HTTPStatus.BAD_REQUEST, "A chunk is longer than its size.")
    for _ in range(_TRAILER_LIMIT):
        if _line(stream) in (b"\r\n", b"\n"):
            return bytes(body)
    raise BadBody(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE, "The body ends in too many trailers.")


def _chunk_size(stream: BufferedIOBase) -> int:
    match = _SIZE.fullmatch(_line(stream))
    if match is None:
        raise BadBody(HTTPStatus.BAD_REQUEST, "A chunk begins without its size.")
    return int(match[1], 16)


def _line(stream: BufferedIOBase) -> bytes:
    line = stream.readline(_LINE_LIMIT)
    if not line:
        raise Hangup("body cut short")
    return line

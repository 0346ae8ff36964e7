"""Reads a multipart/form-data body (RFC 7578): form fields, and files beside them."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from email.message import Message

from imgen_providers.sandbox.fields import BadField

_MOST_PARTS = 100


@dataclass(frozen=True, slots=True)
class Part:
    """One part: a field where it has no file name."""

    name: str
    filename: str | None
    media_type: str
    content: bytes = field(repr=False)


def parts_of(body: bytes, content_type: str) -> list[Part]:
    """The parts of a body, in their order. Raises `BadField` where it is not such a body."""
    boundary = _header("Content-Type", content_type).get_param("boundary")
    if not isinstance(boundary, str) or not boundary:
        raise BadField("body", "body", "the body has no boundary")
    pieces = (b"\r\n" + body).split(b"\r\n--" + boundary.encode("latin-1", "replace"))
    if len(pieces) < 3 or len(pieces) > _MOST_PARTS or not pieces[-1].startswith(b"--"):
        raise BadField("body", "body", "the body is not whole, or has too many parts")
    return [_part(piece) for piece in pieces[1:-1]]


def _part(piece: bytes) -> Part:
    head, separator, content = piece.removeprefix(b"\r\n").partition(b"\r\n\r\n")
    found = re.search(rb"(?im)^content-disposition:\s*(.+)$", head)
    kind = re.search(rb"(?im)^content-type:\s*(.+)$", head)
    if not separator or found is None:
        raise BadField("body", "body", "a part of the body has no Content-Disposition")
    disposition = _header("Content-Disposition", found[1].decode("utf-8", "replace").strip())
    name = disposition.get_param("name", header="content-disposition")
    if not isinstance(name, str):
        raise BadField("body", "body", "a part of the body has no name")
    media_type = kind[1].decode("latin-1").strip() if kind else "text/plain"
    return Part(name, disposition.get_filename(), media_type, content)


def _header(name: str, value: str) -> Message:
    message = Message()
    message[name] = value
    return message

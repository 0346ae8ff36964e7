"""A JSON request body whose reference pictures are read and base64-encoded only while they are sent.

Memory does not grow with the pictures, and the length is known beforehand: httpx then sends a
Content-Length and no chunks, which is how a cut upload differs from an accepted one.
"""

from __future__ import annotations

import base64
import hashlib
import json
import os
import secrets
import stat
from dataclasses import dataclass
from typing import TYPE_CHECKING

from imgen_providers.base import Json, PictureFile

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from io import BufferedReader

_CHUNK = 192 * 1024  # bytes


class ReferenceChangedError(Exception):
    """A reference picture is not the file that was recorded, so the request was cut short."""


@dataclass(frozen=True, slots=True)
class Base64:
    """A picture whose field takes its bytes in base64 alone, without the head of a data URI."""

    picture: PictureFile


class JsonBody:
    """The bytes of `{...}` with each `PictureFile` in it as a data URI, each `Base64` without; can be iterated again.

    Iterating raises `ReferenceChangedError` before the first byte of a picture that changed or vanished.
    """

    def __init__(self, body: Mapping[str, object]) -> None:
        pictures: list[PictureFile | Base64] = []
        mark = secrets.token_hex(16)

        def stand_in(value: object) -> str:
            if not isinstance(value, PictureFile | Base64):
                raise TypeError(f"a request body cannot hold a {type(value).__name__}")
            pictures.append(value)
            return mark

        texts = json.dumps(body, default=stand_in).split(mark)
        self._parts: list[bytes | PictureFile] = [texts[0].encode()]
        for picture, text in zip(pictures, texts[1:], strict=True):
            if isinstance(picture, Base64):
                self._parts += [picture.picture, text.encode()]
            else:
                self._parts += [f"data:{picture.media_type};base64,".encode(), picture, text.encode()]

    def __len__(self) -> int:
        return sum(-(-part.size // 3) * 4 if isinstance(part, PictureFile) else len(part) for part in self._parts)

    def __iter__(self) -> Iterator[bytes]:
        for part in self._parts:
            if isinstance(part, PictureFile):
                yield from _encoded(part)
            else:
                yield part


class FileBody:
    """A reference picture's own bytes, read only while they are sent; can be iterated again.

    The file is opened once and read to its end before its first byte goes out, so that another file put in its place
    is never sent. Iterating raises `ReferenceChangedError` before the first byte of a picture that changed or
    vanished, and before the last byte of one that changes while it is sent.
    """

    def __init__(self, picture: PictureFile) -> None:
        self._picture = picture

    def __iter__(self) -> Iterator[bytes]:
        name = self._picture.path.name
        try:
            with open_checked(self._picture) as file:
                digest = hashlib.sha256()
                left = self._picture.size
                while left:
                    chunk = file.read(min(_CHUNK, left))
                    if not chunk:
                        raise ReferenceChangedError(f"{name} became shorter while it was sent")
                    left -= len(chunk)
                    digest.update(chunk)
                    if not left and digest.hexdigest() != self._picture.sha256:
                        raise ReferenceChangedError(f"{name} changed since this request was recorded")
                    yield chunk
        except OSError as error:
            raise ReferenceChangedError(f"{name} cannot be read any more ({error.strerror})") from error


def open_checked(picture: PictureFile) -> BufferedReader:
    """The picture's file, open at its first byte, once every byte of it is what was recorded.

    Raises `ReferenceChangedError`, also for a pipe or a device, which it does not wait for; and `OSError`.
    """
    flags = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0) | getattr(os, "O_CLOEXEC", 0)
    file = os.fdopen(os.open(picture.path, flags), "rb")
    try:
        found = os.fstat(file.fileno())
        if not stat.S_ISREG(found.st_mode):
            raise ReferenceChangedError(f"{picture.path.name} is no file any more")
        same = found.st_size == picture.size and hashlib.file_digest(file, "sha256").hexdigest() == picture.sha256
        if not same:
            raise ReferenceChangedError(f"{picture.path.name} changed since this request was recorded")
        file.seek(0)
    except BaseException:
        file.close()
        raise
    return file


def _encoded(picture: PictureFile) -> Iterator[bytes]:
    held = b""
    for chunk in FileBody(picture):
        # only whole threes may be encoded before the end, or base64 would pad in the middle
        held += chunk
        whole = len(held) - len(held) % 3
        yield base64.b64encode(held[:whole])
        held = held[whole:]
    if held:
        yield base64.b64encode(held)


def shown(body: Mapping[str, object]) -> Json:
    """The body as a person may look at it: each picture a short note instead of its bytes."""

    def note(value: object) -> str:
        value = value.picture if isinstance(value, Base64) else value
        assert isinstance(value, PictureFile)
        return f"<{value.media_type} of {value.size} bytes from {value.path.name}>"

    result: Json = json.loads(json.dumps(body, default=note))
    return result

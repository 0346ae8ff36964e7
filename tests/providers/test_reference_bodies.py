"""A reference picture that became another file since it was recorded: none of that file's bytes are sent."""

from __future__ import annotations

import hashlib
import os
import sys
from typing import TYPE_CHECKING

import pytest

from imgen_providers.base import PictureFile
from imgen_providers.body import FileBody, JsonBody, ReferenceChangedError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path

DATA = bytes(range(256)) * 3000
SECRET = b"a private key " * 55_000


@pytest.fixture
def picture(tmp_path: Path) -> PictureFile:
    path = tmp_path / "photo.png"
    path.write_bytes(DATA)
    (tmp_path / "id").write_bytes(SECRET[: len(DATA)])
    return PictureFile(path, "image/png", len(DATA), hashlib.sha256(DATA).hexdigest())


def link(path: Path) -> None:
    path.unlink()
    path.symlink_to(path.parent / "id")


def rename(path: Path) -> None:
    (path.parent / "id").replace(path)


def rewrite(path: Path) -> None:
    path.write_bytes(SECRET[: len(DATA)])


def one_byte(path: Path) -> None:
    path.write_bytes(DATA[:-1] + b"!")


def shorter(path: Path) -> None:
    path.write_bytes(DATA[:-1])


def longer(path: Path) -> None:
    path.write_bytes(DATA + b"!")


def pipe(path: Path) -> None:
    path.unlink()
    os.mkfifo(path)


def device(path: Path) -> None:
    path.unlink()
    path.symlink_to("/dev/zero")


def gone(path: Path) -> None:
    path.unlink()


def take(pieces: Iterable[bytes], received: bytearray) -> None:
    for piece in pieces:
        received += piece


def sent(body: FileBody | JsonBody) -> bytes:
    received = bytearray()
    with pytest.raises(ReferenceChangedError):
        take(body, received)
    return bytes(received)


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has neither pipes nor devices among its files")
@pytest.mark.parametrize("swap", [link, rename, rewrite, one_byte, shorter, longer, pipe, device, gone])
def test_a_picture_that_was_swapped_is_never_sent(picture: PictureFile, swap: Callable[[Path], None]) -> None:
    swap(picture.path)

    assert sent(FileBody(picture)) == b""
    assert sent(JsonBody({"image": picture})) == b'{"image": "data:image/png;base64,'


def test_a_picture_that_changes_while_it_is_sent_is_cut_short(picture: PictureFile) -> None:
    body = iter(FileBody(picture))
    received = bytearray(next(body))
    picture.path.write_bytes(bytes(len(DATA)))
    with pytest.raises(ReferenceChangedError):
        take(body, received)
    assert len(received) < len(DATA)


def test_a_picture_that_is_swapped_while_it_is_sent_is_sent_as_it_was(picture: PictureFile) -> None:
    body = iter(FileBody(picture))
    received = next(body)
    link(picture.path)
    assert b"".join([received, *body]) == DATA

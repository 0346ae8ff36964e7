"""Small copies of pictures: right, made once, and one bad file is its own trouble."""

from __future__ import annotations

import hashlib
import io
import os
import struct
import sys
import time
import zlib
from typing import TYPE_CHECKING

import pytest
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from imgen.pictures.thumbnail import Original, Thumbnail, thumbnails

if TYPE_CHECKING:
    from pathlib import Path


def encoded(image: Image.Image, format: str, **options: object) -> bytes:
    held = io.BytesIO()
    image.save(held, format, **options)
    return held.getvalue()


def saved(path: Path, data: bytes) -> Original:
    path.write_bytes(data)
    os.utime(path, (1e9, 1e9))
    return Original(path, len(data), hashlib.sha256(data).hexdigest())


def copies(folder: Path, *originals: Original) -> list[Thumbnail]:
    calls: list[tuple[int, int]] = []
    found = thumbnails(originals, folder / "thumbnails", lambda done, total: calls.append((done, total)))
    assert calls == [(number, len(originals)) for number in range(1, len(originals) + 1)]
    return [found[original.path] for original in originals]


def shade(copy: Thumbnail, x: int, y: int) -> int:
    assert copy.data
    with Image.open(io.BytesIO(copy.data)) as picture:
        value = picture.convert("L").getpixel((x, y))
    assert isinstance(value, int)
    return value


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA", "I;16", "CMYK"])
def test_pictures_of_every_kind_of_pixel_look_as_they_are(tmp_path: Path, mode: str) -> None:
    grey = Image.linear_gradient("L")
    picture = grey.convert("I;16").point(lambda value: value * 257, "I;16") if mode == "I;16" else grey.convert(mode)
    [copy] = copies(tmp_path, saved(tmp_path / "ramp", encoded(picture, "JPEG" if mode == "CMYK" else "PNG")))
    for y in (0, 60, 128, 190, 255):
        if mode != "1":
            assert abs(shade(copy, 128, y) - y) < 12


def test_a_picture_with_a_large_text_is_shown(tmp_path: Path) -> None:
    info = PngInfo()
    info.add_itxt("workflow", "x" * 2_000_000, zip=True)
    [copy] = copies(tmp_path, saved(tmp_path / "a.png", encoded(Image.linear_gradient("L"), "PNG", pnginfo=info)))
    assert abs(shade(copy, 9, 200) - 200) < 12


def test_a_copy_is_made_once_and_again_when_the_picture_changed(tmp_path: Path) -> None:
    original = saved(tmp_path / "a.png", encoded(Image.new("RGB", (300, 200), "teal"), "PNG"))
    [first] = copies(tmp_path, original)
    [kept] = (tmp_path / "thumbnails").iterdir()
    before = kept.stat()
    assert (tmp_path / "thumbnails").stat().st_mode & 0o777 == 0o700
    assert before.st_mode & 0o777 == 0o600

    assert copies(tmp_path, original) == [first]
    assert kept.stat().st_ino == before.st_ino

    data = bytearray(original.path.read_bytes())
    other = encoded(Image.new("RGB", (300, 200), "gold"), "PNG")
    original.path.write_bytes(other.ljust(len(data), b"\0"))
    [changed] = copies(tmp_path, original)
    assert shade(changed, 5, 5) != shade(first, 5, 5)


def test_a_copy_that_cannot_be_kept_is_shown_all_the_same(tmp_path: Path) -> None:
    (tmp_path / "thumbnails").write_text("a file where the folder should be")
    [copy] = copies(tmp_path, saved(tmp_path / "a.png", encoded(Image.new("L", (30, 20), 90), "PNG")))
    assert shade(copy, 5, 5) in range(85, 95)


def bomb() -> bytes:
    header = struct.pack(">IIBBBBB", 60_000, 60_000, 8, 2, 0, 0, 0)
    chunks = ((b"IHDR", header), (b"IDAT", zlib.compress(bytes(9))), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body)) for kind, body in chunks
    )


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has neither FIFOs nor modes")
def test_one_bad_file_is_its_own_trouble(tmp_path: Path) -> None:
    good = saved(tmp_path / "good.png", encoded(Image.new("L", (30, 20), 90), "PNG"))
    text = saved(tmp_path / "text.png", b"<html>")
    cut = saved(tmp_path / "cut.jpg", encoded(Image.effect_noise((90, 90), 60), "JPEG")[:700])
    large = saved(tmp_path / "large.png", bomb())
    webp = saved(tmp_path / "large.webp", b"RIFF\x16\0\0\0WEBPVP8L\x0a\0\0\0\x2f" + b"\xff" * 4 + bytes(5))
    pipe = Original(tmp_path / "pipe.png", 10, "0" * 64)
    os.mkfifo(pipe.path)
    gone = Original(tmp_path / "gone.png", 10, "0" * 64)

    found = copies(tmp_path, text, large, pipe, webp, gone, cut, good)

    assert [copy.reason for copy in found[:5]] == [
        "it is a web page, not a picture",
        "it claims 60000x60000 pixels, and at most 100 million are opened",
        "it cannot be read (it is no file but a pipe or a device)",
        "it claims 16384x16384 pixels, and at most 40 million are opened",
        "it is not there any more",
    ]
    assert [copy.gone for copy in found] == [False, False, False, False, True, False, False]
    assert found[5].data  # what there is of it
    assert shade(found[6], 5, 5) in range(85, 95)


def test_a_thousand_pictures_are_quick_the_second_time(tmp_path: Path) -> None:
    (tmp_path / "thumbnails").mkdir()
    data = encoded(Image.effect_noise((64, 64), 60), "PNG")
    small = encoded(Image.effect_noise((1024, 768), 60), "WEBP")
    originals = []
    for number in range(1000):
        original = saved(tmp_path / f"{number}.png", data + number.to_bytes(4))
        (tmp_path / "thumbnails" / f"{original.sha256}-1024.webp").write_bytes(small)
        originals.append(original)
    started = time.process_time()

    found = copies(tmp_path, *originals)

    assert time.process_time() - started < 5
    assert {copy.data for copy in found} == {small}

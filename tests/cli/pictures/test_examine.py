"""A picture that is whole passes, however it was made; one that lacks some of its pixels does not."""

from __future__ import annotations

import io
import struct
import zlib
from contextlib import suppress
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from imgen.pictures.examine import Examined, examine
from imgen.pictures.verify import Damaged

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

END = b"\xff\xd9"
SIZE = (90, 60)


def picture(mode: str = "RGB", size: tuple[int, int] = SIZE) -> Image.Image:
    return Image.effect_noise(size, 60).convert(mode)


def encoded(image: Image.Image, format: str, **options: object) -> bytes:
    held = io.BytesIO()
    image.save(held, format, **options)
    return held.getvalue()


def chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I4s", len(data), kind) + data + struct.pack(">I", zlib.crc32(kind + data))


def png(packed: bytes, *, colour: int = 2, interlaced: int = 0) -> bytes:
    """A PNG of 8 bits whose checksums are right, whatever its pixels are."""
    header = struct.pack(">IIBBBBB", *SIZE, 8, colour, 0, 0, interlaced)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", packed) + chunk(b"IEND", b"")


def noisy_rows() -> bytes:
    """The rows of a picture that cannot be packed well, each with its filter."""
    return b"".join(b"\0" + picture(size=(SIZE[0], 1)).tobytes() for _ in range(SIZE[1]))


def interlaced_rows() -> bytes:
    """The rows of an interlaced grey picture, pass by pass, as the specification counts them for 90x60 pixels."""
    passes = ((12, 8), (11, 8), (23, 7), (22, 15), (45, 15), (45, 30), (90, 30))  # columns and rows of each
    return b"".join(bytes(1 + columns) * rows for columns, rows in passes)


def webp(data: bytes) -> bytes:
    """A WebP of one chunk cut to these bytes, its two lengths mended."""
    return struct.pack("<4sI", b"RIFF", len(data) - 8) + data[8:16] + struct.pack("<I", len(data) - 20) + data[20:]


WHOLE: dict[str, Callable[[], bytes]] = {
    "grey of one bit": lambda: encoded(picture("1"), "PNG"),
    "palette": lambda: encoded(picture("P"), "PNG"),
    "16 bits": lambda: encoded(picture("L").convert("I;16"), "PNG"),
    "transparent PNG": lambda: encoded(picture("RGBA"), "PNG"),
    "interlaced PNG": lambda: png(zlib.compress(interlaced_rows()), colour=0, interlaced=1),
    "JPEG": lambda: encoded(picture(), "JPEG", quality=100, subsampling=0),
    "grey JPEG": lambda: encoded(picture("L"), "JPEG", optimize=True),
    "JPEG of inks": lambda: encoded(picture("CMYK"), "JPEG"),
    "JPEG with restarts": lambda: encoded(picture(), "JPEG", restart_marker_rows=1),
    "progressive": lambda: encoded(picture(), "JPEG", progressive=True),
    "large progressive": lambda: encoded(Image.new("L", (1200, 900), 90), "JPEG", progressive=True),
    "WebP": lambda: encoded(picture(), "WEBP"),
    "large WebP": lambda: encoded(Image.new("RGB", (1200, 900), "teal"), "WEBP", method=0),
}


def mended(jpeg: bytes, share: float) -> bytes:
    """A JPEG of which only that share is left, with an end marker put behind."""
    return jpeg[: int(len(jpeg) * share)] + END


DAMAGED: dict[str, tuple[Callable[[], bytes], str]] = {
    "too few rows": (lambda: png(zlib.compress(bytes(271 * 59))), "271 bytes of its pixels are missing"),
    "no rows": (lambda: png(b""), "bytes of its pixels are missing"),
    "unpackable rows": (lambda: png(b"not packed at all"), "cannot be unpacked"),
    "rows cut short": (lambda: png(zlib.compress(noisy_rows())[:-900]), "pixels are missing"),
    "a pass missing": (lambda: png(zlib.compress(interlaced_rows()[:-91]), colour=0, interlaced=1), "91 bytes of"),
    "unheard-of colours": (lambda: png(zlib.compress(bytes(99_999)), colour=5), "colour type 5"),
    "JPEG": (lambda: WHOLE["JPEG"]()[:-40], "breaks off"),
    "JPEG mended": (lambda: mended(WHOLE["JPEG"](), 0.9), "some of its pixels are missing"),
    "JPEG with restarts mended": (lambda: mended(WHOLE["JPEG with restarts"](), 0.9), "some of its pixels are missing"),
    "progressive": (lambda: WHOLE["progressive"]()[:-40], "breaks off"),
    "progressive mended": (lambda: mended(WHOLE["progressive"](), 0.9), "some of its pixels are missing"),
    "large progressive": (lambda: WHOLE["large progressive"]()[:-40], "breaks off"),
    "WebP": (lambda: WHOLE["WebP"]()[:-40], "breaks off"),
    "WebP mended": (lambda: webp(WHOLE["WebP"]()[:-400]), "cannot be decoded"),
    "large WebP": (lambda: WHOLE["large WebP"]()[:-40], "breaks off"),
    "WebP of a header": (lambda: b"RIFF\x16\0\0\0WEBPVP8X\n\0\0\0\0\0\0\0" + b"\xff\x07\0" * 2, "no picture"),
}


def look(folder: Path, data: bytes) -> Examined:
    path = folder / "picture"
    path.write_bytes(data)
    return examine(path)


@pytest.mark.parametrize("kind", WHOLE)
def test_a_whole_picture_passes(tmp_path: Path, kind: str) -> None:
    data = WHOLE[kind]()
    with Image.open(io.BytesIO(data)) as opened:
        size = opened.size

    found = look(tmp_path, data)

    assert ((found.width, found.height), found.size) == (size, len(data))


@pytest.mark.parametrize("kind", DAMAGED)
def test_a_picture_that_lacks_pixels_does_not(tmp_path: Path, kind: str) -> None:
    make, says = DAMAGED[kind]

    with pytest.raises(Damaged, match=says):
        look(tmp_path, make())


@settings(max_examples=60, deadline=None)
@given(st.sampled_from(["interlaced PNG", "palette", "JPEG", "progressive", "WebP"]), st.data())
def test_no_damage_confuses_the_check(
    tmp_path_factory: pytest.TempPathFactory, kind: str, draws: st.DataObject
) -> None:
    data = WHOLE[kind]()
    at = draws.draw(st.integers(min_value=0, max_value=min(len(data), 700)))
    junk = draws.draw(st.binary(max_size=12))

    for damaged in (data[:at] + junk + data[at + len(junk) :], data[:at] + junk):
        with suppress(Damaged):
            found = look(tmp_path_factory.getbasetemp(), damaged)
            assert found.width * found.height > 0

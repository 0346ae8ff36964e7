"""Files as services and telephones really send them: what a viewer opens is whole, what none opens is not."""

from __future__ import annotations

import io
import os
import struct
import subprocess
import sys
import time
import zlib
from typing import TYPE_CHECKING

import pytest
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from imgen.pictures.examine import examine
from imgen.pictures.formats import jpeg
from imgen.pictures.place import keep_unverified
from imgen.pictures.verify import Damaged, TooManyPixels, Unverified, Wanted, inspect

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

END = b"\xff\xd9"
SAMPLES = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}
LEGAL = {(0, 1), (0, 2), (0, 4), (0, 8), (0, 16), (2, 8), (2, 16), (3, 1), (3, 2), (3, 4), (3, 8)} | {
    (colour, depth) for colour in (4, 6) for depth in (8, 16)
}


def chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def png(
    colour: int,
    depth: int,
    *,
    rows: float = 1,
    palette: bool = True,
    methods: tuple[int, int, int] = (0, 0, 0),
    size: tuple[int, int] = (24, 16),
) -> bytes:
    """A PNG with right checksums; `rows` is the share of the rows of 24x16 pixels that it has."""
    stride = 1 + (24 * depth * SAMPLES.get(colour, 1) + 7) // 8
    pixels = zlib.compress(bytes(int(stride * 16 * rows)))
    parts = [chunk(b"IHDR", struct.pack(">IIBBBBB", *size, depth, colour, *methods))]
    parts += [chunk(b"PLTE", bytes(6))] if palette and colour == 3 else []
    return b"\x89PNG\r\n\x1a\n" + b"".join([*parts, chunk(b"IDAT", pixels), chunk(b"IEND", b"")])


def encoded(image: Image.Image, format: str, **options: object) -> bytes:
    held = io.BytesIO()
    image.save(held, format, **options)
    return held.getvalue()


def noise(size: tuple[int, int] = (90, 60)) -> Image.Image:
    return Image.effect_noise(size, 60).convert("RGB")


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "picture.part"


def damage(file: Path, data: bytes) -> Damaged:
    """The error of the check for pictures that come, which is that for pictures that go."""
    file.write_bytes(data)
    with pytest.raises(Damaged) as coming:
        inspect(file)
    with pytest.raises(Damaged) as going:
        examine(file)
    assert str(going.value) == str(coming.value)
    return coming.value


@pytest.mark.parametrize("colour", range(10))
@pytest.mark.parametrize("depth", [0, 1, 2, 3, 4, 8, 16, 32])
def test_a_png_has_one_of_the_kinds_of_pixel_there_are(file: Path, colour: int, depth: int) -> None:
    file.write_bytes(png(colour, depth))
    if (colour, depth) in LEGAL:
        assert (inspect(file).width, examine(file).height) == (24, 16)
    else:
        assert f"colour type {colour} with {depth} bits" in str(damage(file, png(colour, depth)))


@pytest.mark.parametrize("methods", [(1, 0, 0), (0, 1, 0), (0, 0, 2)])
def test_a_png_names_a_method_that_exists(file: Path, methods: tuple[int, int, int]) -> None:
    assert "method" in str(damage(file, png(2, 8, methods=methods)))


@pytest.mark.parametrize("rows", [0, 0.5, 0.99])
def test_a_png_has_all_its_rows(file: Path, rows: float) -> None:
    assert "of its pixels are missing" in str(damage(file, png(2, 8, rows=rows)))


def test_a_png_of_palette_colours_has_a_palette(file: Path) -> None:
    assert "palette" in str(damage(file, png(3, 8, palette=False)))


def test_a_png_has_no_chunk_that_stops_every_reader(file: Path) -> None:
    data = png(2, 8)
    assert "CgBI" in str(damage(file, data[:33] + chunk(b"CgBI", bytes(4)) + data[33:]))

    file.write_bytes(data[:33] + chunk(b"caBX", bytes(400)) + data[33:])
    assert inspect(file).width == 24


def test_a_row_of_a_png_begins_with_a_filter_that_exists(file: Path) -> None:
    rows = bytearray((1 + 24 * 3) * 16)
    rows[73 * 9] = 5
    data = png(2, 8)
    at = data.index(b"IDAT") - 4
    assert "not what a PNG has" in str(damage(file, data[:at] + chunk(b"IDAT", zlib.compress(rows)) + data[-12:]))


def test_a_large_text_in_a_png_is_no_damage(file: Path) -> None:
    info = PngInfo()
    info.add_itxt("workflow", "x" * 2_000_000, zip=True)
    file.write_bytes(encoded(noise(), "PNG", pnginfo=info))
    assert inspect(file).width == examine(file).width == 90


JPEGS: dict[str, dict[str, object]] = {
    "baseline": {},
    "progressive": {"progressive": True},
    "restarts": {"restart_marker_rows": 1},
    "progressive with restarts": {"progressive": True, "restart_marker_blocks": 5},
}


@pytest.mark.parametrize("kind", JPEGS)
def test_a_jpeg_without_its_end_marker_is_whole_when_its_pixels_are(file: Path, kind: str) -> None:
    data = encoded(noise(), "JPEG", **JPEGS[kind])
    for cut in (1, 2):
        file.write_bytes(data[:-cut])
        assert (inspect(file).width, examine(file).height) == (90, 60)
    for cut in (3, 4, 9, 40, len(data) // 3):
        assert "breaks off" in str(damage(file, data[:-cut]))


def test_a_progressive_jpeg_that_ends_between_two_scans_is_not_whole(file: Path) -> None:
    data = encoded(noise(), "JPEG", progressive=True)
    scans = [start for marker, start, _ in jpeg.segments(data) if marker == 0xDA]
    assert len(scans) > 5
    for start in scans[1:]:
        assert "breaks off" in str(damage(file, data[:start]))


def test_a_jpeg_of_more_scans_than_any_picture_needs_is_refused_at_once(file: Path) -> None:
    """Each scan costs a pass over all pixels: a small file could keep a processor busy for minutes."""
    data = encoded(Image.new("L", (4000, 3000), 90), "JPEG", progressive=True)
    *_, last = [start for marker, start, _ in jpeg.segments(data) if marker == 0xDA]
    scan = data[last:-2]
    started = time.process_time()
    assert "scans" in str(damage(file, data[:-2] + scan * 2000 + END))
    assert "scans" in str(damage(file, data[:-2] + scan * 95 + END))
    assert time.process_time() - started < 10


def test_a_jpeg_with_a_marker_that_stops_decoders_is_not_whole(file: Path) -> None:
    data = encoded(noise(), "JPEG")
    assert "marker" in str(damage(file, data[:2] + b"\xff\xf7\0\x04ab" + data[2:]))


@pytest.mark.parametrize(("format", "options"), [("WEBP", {"lossless": True}), ("JPEG", {"progressive": True})])
def test_pixels_are_capped_by_the_order(file: Path, format: str, options: dict[str, object]) -> None:
    file.write_bytes(encoded(Image.new("RGB", (5000, 4000)), format, **options))
    with pytest.raises(TooManyPixels, match="5000x4000"):
        inspect(file, Wanted(None, (1024, 1024)))
    assert inspect(file, Wanted(None, (3000, 2000))).width == 5000
    assert inspect(file, Wanted("png", None)).width == 5000


def heif(brand: bytes) -> bytes:
    return struct.pack(">I4s4s4s4s", 20, b"ftyp", brand, bytes(4), b"mif1") + bytes(60)


OTHERS: dict[str, tuple[bytes, str]] = {
    "AVIF": (heif(b"avif"), "avif"),
    "HEIC": (heif(b"heic"), "heic"),
    "GIF": (encoded(noise(), "GIF"), "gif"),
    "BMP": (encoded(noise(), "BMP"), "bmp"),
    "TIFF": (encoded(noise(), "TIFF"), "tiff"),
    "ICO": (encoded(noise((32, 32)), "ICO"), "ico"),
    "JPEG 2000": (encoded(noise(), "JPEG2000"), "jp2"),
    "JPEG XL": (b"\xff\x0a" + bytes(80), "jxl"),
    "SVG": (b'<?xml version="1.0"?>\n<svg xmlns="http://www.w3.org/2000/svg"/>', "svg"),
    "HTML": (b"\n<!DOCTYPE html><title>Not found</title>", "html"),
    "JSON": (b'{"error": "expired"}', "json"),
    "XML": (b"<Error><Code>AccessDenied</Code></Error>", "xml"),
    "unknown": (b"\x01\x02\x03 what is this", "bin"),
}


@pytest.mark.parametrize("name", OTHERS)
def test_a_file_of_another_format_is_named_and_can_be_kept(file: Path, name: str) -> None:
    data, extension = OTHERS[name]
    file.write_bytes(data)
    with pytest.raises(Unverified) as error:
        inspect(file)
    assert (error.value.format.name, error.value.format.extension) == (name, extension)
    assert error.value.format.is_picture == (name not in ("HTML", "JSON", "XML", "unknown"))
    assert name == "HTML" or name == "unknown" or name in str(error.value)

    wanted = file.with_name("fox.png")
    first = keep_unverified(file, wanted)
    file.write_bytes(data)
    assert keep_unverified(file, wanted) == first, "the same bytes are kept once"
    file.write_bytes(data + b"\0")
    second = keep_unverified(file, wanted)

    assert first == file.with_name(f"fox.unverified.{extension}")
    assert second == file.with_name(f"fox.unverified-2.{extension}")
    assert (first.read_bytes(), second.read_bytes()) == (data, data + b"\0")
    assert not file.exists()


def test_a_damaged_picture_can_be_kept_too(file: Path) -> None:
    file.write_bytes(png(2, 8, rows=0.5))
    assert keep_unverified(file, file.with_name("fox.webp")).name == "fox.unverified.png"


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no FIFO")
@pytest.mark.parametrize("make", [os.mkfifo, os.mkdir, lambda path: path.symlink_to("/dev/zero")])
def test_what_is_no_file_is_neither_read_nor_waited_for(file: Path, make: Callable[[Path], None]) -> None:
    make(file)
    for look in (inspect, examine):
        with pytest.raises(OSError, match=r"no file but|directory"):
            look(file)


BOMBS = """
import resource, sys, threading
from pathlib import Path

from imgen.pictures.verify import Damaged, inspect

inspect(Path(sys.argv[1]))  # what is imported by then counts for the program, not for the bombs
resource.setrlimit(resource.RLIMIT_AS, (int(sys.argv[2]),) * 2)
outcomes = []

def look(path):
    try:
        outcomes.append(str(inspect(path).width))
    except Damaged as error:
        outcomes.append(str(error))

threads = [threading.Thread(target=look, args=[Path(sys.argv[3])]) for _ in range(4)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
print(*sorted(set(outcomes)), len(outcomes), sep="|")
"""


def webp_of_nothing(width: int, height: int) -> bytes:
    """A lossless WebP of one colour in a few bytes, or what only claims to be one."""
    bits = (width - 1) | (height - 1) << 14
    body = b"\x2f" + bits.to_bytes(4, "little") + bytes(9)
    return b"RIFF" + struct.pack("<I", 12 + len(body)) + b"WEBPVP8L" + struct.pack("<I", len(body)) + body


@pytest.mark.skipif(sys.platform != "linux", reason="memory is limited as Linux does it")
@pytest.mark.parametrize(
    ("make", "outcome"),
    [
        (lambda: webp_of_nothing(16383, 16383), "it claims 16383x16383 pixels"),
        (lambda: webp_of_nothing(9999, 9999), "it claims 9999x9999 pixels"),
        (lambda: encoded(Image.new("RGB", (5000, 4000)), "WEBP", lossless=True, method=0), "5000"),
        (lambda: encoded(Image.new("RGB", (3000, 2000)), "JPEG", progressive=True), "3000"),
        (lambda: png(0, 1, size=(60_000, 60_000)), "it claims 60000x60000 pixels"),
    ],
    ids=["a WebP of a header", "a smaller one", "a large WebP", "a large progressive JPEG", "a PNG"],
)
def test_four_large_pictures_at_once_take_the_memory_of_one(
    tmp_path: Path, make: Callable[[], bytes], outcome: str
) -> None:
    small, bomb = tmp_path / "small.webp", tmp_path / "bomb"
    small.write_bytes(encoded(noise(), "WEBP"))
    bomb.write_bytes(make())
    limit = 1_300_000_000  # bytes of address space, of which a bare Python with four threads takes about 500 million

    ran = subprocess.run(
        [sys.executable, "-c", BOMBS, str(small), str(limit), str(bomb)], capture_output=True, timeout=50, check=False
    )

    assert ran.returncode == 0, ran.stderr.decode()
    assert ran.stdout.decode().startswith(outcome)
    assert ran.stdout.decode().endswith("|4\n")

"""What exiftool, a reader that is not ours, finds in a picture that goes up: how to show it, and nothing else."""

from __future__ import annotations

import io
import json
import shutil
import struct
import subprocess
import zlib
from functools import partial
from typing import TYPE_CHECKING

import pytest
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from cli.pictures.photos import FORMATS, PROFILE, photo

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from cli.pictures.photos import Desk
    from imgen.pictures.formats import Format

EXIFTOOL = shutil.which("exiftool")
SECRET = b"Somewhere Street 7"
# Groups of what is no note: the file on this disk, exiftool itself, the profile of the colours, and what follows.
OUTSIDE = ("File", "System", "ExifTool", "ICC", "Composite", "SourceFile")
SHOWN = {
    *("PNG:ImageWidth", "PNG:ImageHeight", "PNG:BitDepth", "PNG:ColorType", "PNG:Compression", "PNG:Filter"),
    *("PNG:Interlace", "PNG:ProfileName", "PNG:Palette", "PNG:Transparency"),
    *("JFIF:JFIFVersion", "JFIF:ResolutionUnit", "JFIF:XResolution", "JFIF:YResolution"),
    *("RIFF:ImageWidth", "RIFF:ImageHeight", "RIFF:VP8Version", "RIFF:HorizontalScale", "RIFF:VerticalScale"),
    *("RIFF:WebP_Flags", "RIFF:AlphaIsUsed"),
}

pytestmark = pytest.mark.skipif(EXIFTOOL is None, reason="no exiftool on this machine; .ci/run installs it")


def notes(path: Path) -> set[str]:
    """The tags that exiftool finds and that a viewer does not need."""
    assert EXIFTOOL
    command = [EXIFTOOL, "-j", "-a", "-u", "-U", "-ee", "-G1", str(path)]
    (found,) = json.loads(subprocess.run(command, capture_output=True, timeout=50, check=True).stdout)
    troubles = {tag for tag in found if tag in ("ExifTool:Warning", "ExifTool:Error")}
    return troubles | {tag for tag in found if not tag.startswith(OUTSIDE) and tag not in SHOWN}


def chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def plain_png() -> bytes:
    return photo("png", notes=False)


def before(kind: bytes, data: bytes, *more: bytes) -> bytes:
    at = data.index(kind) - 4
    return data[:at] + b"".join(more) + data[at:]


def png_with_data_after_its_pixels() -> bytes:
    data = plain_png()
    at = data.index(b"IDAT") - 4
    (length,) = struct.unpack_from(">I", data, at)
    packed = data[at + 8 : at + 8 + length]
    return data[:at] + chunk(b"IDAT", packed + SECRET) + data[at + 12 + length :]


def png_with_a_chunk_of_data_after_its_pixels() -> bytes:
    return before(b"IEND", plain_png(), chunk(b"IDAT", SECRET))


def png_with_more_rows_than_it_shows() -> bytes:
    data = plain_png()
    at = data.index(b"IDAT") - 4
    (length,) = struct.unpack_from(">I", data, at)
    rows = zlib.decompress(data[at + 8 : at + 8 + length]) + SECRET
    return data[:at] + chunk(b"IDAT", zlib.compress(rows, 0)) + data[at + 12 + length :]


def png_with_a_named_profile() -> bytes:
    data = photo("png", notes=False)
    at = data.index(b"iCCP") - 4
    (length,) = struct.unpack_from(">I", data, at)
    named = chunk(b"iCCP", SECRET + b"\0\0" + zlib.compress(PROFILE) + SECRET)
    return data[:at] + named + data[at + 12 + length :]


def png_with_data_in_its_profile() -> bytes:
    data = photo("png", notes=False)
    at = data.index(b"iCCP") - 4
    (length,) = struct.unpack_from(">I", data, at)
    return data[:at] + chunk(b"iCCP", b"ICC Profile\0\0" + zlib.compress(PROFILE + SECRET)) + data[at + 12 + length :]


def jpeg_with_data_in_its_profile() -> bytes:
    return encoded("JPEG", quality=95, icc_profile=PROFILE + SECRET)


def jpeg_with_a_profile_that_is_none() -> bytes:
    return encoded("JPEG", quality=95, icc_profile=SECRET * 5000)


def webp_with_data_in_its_profile() -> bytes:
    return encoded("WEBP", lossless=True, icc_profile=PROFILE + SECRET)


def webp_with_a_profile_that_is_none() -> bytes:
    return encoded("WEBP", lossless=True, icc_profile=SECRET * 50)


def encoded(format: str, **options: object) -> bytes:
    held = io.BytesIO()
    Image.linear_gradient("L").convert("RGB").save(held, format, **options)
    return held.getvalue()


def png_with_a_named_palette() -> bytes:
    return before(b"IDAT", plain_png(), chunk(b"sPLT", SECRET + b"\0\x08" + bytes(6)))


def png_with_facts_that_are_too_long() -> bytes:
    return before(b"IDAT", plain_png(), chunk(b"pHYs", bytes(9) + SECRET), chunk(b"gAMA", bytes(4) + SECRET))


def png_with_private_chunks() -> bytes:
    more = (
        chunk(b"prVt", SECRET),
        chunk(b"tIME", b"\x07\xea\1\1\1\1\1"),
        chunk(b"zTXt", b"a\0\0" + zlib.compress(SECRET)),
    )
    return before(b"IEND", plain_png(), *more)


def png_of_an_editor() -> bytes:
    info = PngInfo()
    info.add_itxt("workflow", SECRET.decode() * 120_000, zip=True)
    info.add_text("parameters", SECRET.decode())
    held = io.BytesIO()
    Image.linear_gradient("L").save(held, "PNG", pnginfo=info)
    return held.getvalue()


def jpeg_with_segments(*segments: tuple[int, bytes]) -> Callable[[], bytes]:
    def make() -> bytes:
        data = photo("jpeg", notes=False)
        added = (bytes((0xFF, marker)) + (len(body) + 2).to_bytes(2) + body for marker, body in segments)
        return data[:2] + b"".join(added) + data[2:]

    return make


def webp_with(*chunks: tuple[bytes, bytes]) -> Callable[[], bytes]:
    def make() -> bytes:
        data = photo("webp", notes=False)
        added = b"".join(kind + struct.pack("<I", len(body)) + body + bytes(len(body) % 2) for kind, body in chunks)
        return b"RIFF" + struct.pack("<I", len(data) - 8 + len(added)) + data[8:] + added

    return make


def with_an_end(format: Format) -> bytes:
    return photo(format, notes=False) + SECRET


HIDDEN: dict[str, Callable[[], bytes]] = {
    "png after its pixels": png_with_data_after_its_pixels,
    "png chunk after its pixels": png_with_a_chunk_of_data_after_its_pixels,
    "png rows": png_with_more_rows_than_it_shows,
    "png profile": png_with_a_named_profile,
    "png data in its profile": png_with_data_in_its_profile,
    "jpeg data in its profile": jpeg_with_data_in_its_profile,
    "jpeg profile that is none": jpeg_with_a_profile_that_is_none,
    "webp data in its profile": webp_with_data_in_its_profile,
    "webp profile that is none": webp_with_a_profile_that_is_none,
    "png palette": png_with_a_named_palette,
    "png long facts": png_with_facts_that_are_too_long,
    "png private chunks": png_with_private_chunks,
    "png editor": png_of_an_editor,
    "jpeg comment": jpeg_with_segments((0xFE, SECRET)),
    "jpeg Photoshop": jpeg_with_segments(
        (0xED, b"Photoshop 3.0\x008BIM\x04\x04\0\0\0\0\0\x17\x1c\x02\x78\0\x12" + SECRET + b"\0")
    ),
    "jpeg XMP": jpeg_with_segments((0xE1, b"http://ns.adobe.com/xap/1.0/\0<x:xmpmeta>" + SECRET + b"</x:xmpmeta>")),
    "jpeg FlashPix": jpeg_with_segments((0xE2, b"FPXR\0" + SECRET), (0xE3, SECRET), (0xEB, b"JP" + SECRET)),
    "jpeg of a maker": jpeg_with_segments((0xE9, SECRET), (0xEF, SECRET)),
    "webp XMP": webp_with((b"XMP ", b"<x:xmpmeta>" + SECRET + b"</x:xmpmeta>")),
    "webp unknown": webp_with((b"NOTE", SECRET), (b"EXIF", b"II*\0" + SECRET)),
    **{f"{format} after its end": partial(with_an_end, format) for format in FORMATS},
    **{f"{format} of a telephone": partial(photo, format) for format in FORMATS},
}


@pytest.mark.parametrize("kind", HIDDEN)
def test_nothing_private_is_left_in_what_goes_up(desk: Desk, kind: str) -> None:
    data = HIDDEN[kind]()

    sent = desk.send(data).path

    assert SECRET not in sent.read_bytes()
    assert notes(sent) == set()
    with (
        Image.open(io.BytesIO(photo("png", notes=False) if "png" in kind else data)) as before,
        Image.open(sent) as after,
    ):
        after.load()
        if kind != "png editor":
            assert after.size == before.size
            assert after.convert("RGB").tobytes() == before.convert("RGB").tobytes()
    if kind.startswith("png"):
        chunks = sent.read_bytes()
        at = chunks.index(b"IDAT") - 4
        (length,) = struct.unpack_from(">I", chunks, at)
        unpacker = zlib.decompressobj()
        unpacker.decompress(chunks[at + 8 : at + 8 + length])
        assert (unpacker.eof, unpacker.unused_data) == (True, b"")


def test_exiftool_finds_the_notes_of_a_telephone(tmp_path: Path) -> None:
    """Or the test above proves nothing."""
    for format in FORMATS:
        path = tmp_path / f"photo.{format}"
        path.write_bytes(photo(format))
        assert {"GPS:GPSLatitudeRef", "IFD0:ImageDescription"} <= notes(path), format

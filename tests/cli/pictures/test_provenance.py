"""What a picture says of itself is read, and added to without a change of what is there."""

from __future__ import annotations

import io
import json
import os
import shutil
import subprocess
import sys
import zlib
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as some
from PIL import Image

from cli.pictures.signing import SOURCE_TYPE, signed
from imgen.pictures.metadata import without_notes
from imgen.pictures.provenance.claim import Claim, claim_in, has_claim, verified
from imgen.pictures.provenance.reading import provenance
from imgen.pictures.provenance.tagging import MADE_BY_A_MODEL, CannotTag, job_of, tagged
from imgen.pictures.provenance.xmp import described, packet
from imgen.pictures.verify import Damaged

if TYPE_CHECKING:
    from pathlib import Path

    from imgen.pictures.verify import Format

FORMATS: list[Format] = ["png", "jpeg", "webp"]
OWN = (
    '<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
    '<rdf:Description rdf:about="uuid:1" xmlns:dc="http://purl.org/dc/elements/1.1/" dc:creator="me">{}'
    "</rdf:Description></rdf:RDF></x:xmpmeta>"
)


def picture(format: Format, mode: str = "RGB", **extras: Any) -> bytes:
    """A small picture of noise."""
    held = io.BytesIO()
    size = (33, 21)
    noise = Image.frombytes(mode, size, os.urandom(size[0] * size[1] * len(mode)))
    noise.save(held, format.upper(), **extras)
    return held.getvalue()


def pixels(data: bytes) -> tuple[str, tuple[int, int], bytes]:
    with Image.open(io.BytesIO(data)) as opened:
        return opened.mode, opened.size, opened.tobytes()


def said(data: bytes, format: Format) -> tuple[str | None, str | None]:
    found = packet(data, format)
    assert found is not None
    read = described(found)
    assert read
    return read.source_type, read.identifier


# C2PA -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("format", FORMATS)
def test_a_claim_is_found_with_its_generator_and_checked(format: Format) -> None:
    data = signed(picture(format), format)

    assert claim_in(data, format) == Claim("Test drawer 1.0", SOURCE_TYPE)
    verdict = verified(data, format)
    assert verdict
    assert (verdict.intact, verdict.trusted) == (True, False)
    assert verdict.problems == ("signingCredential.untrusted",)


@pytest.mark.parametrize("format", FORMATS)
def test_a_picture_without_a_claim_has_none(format: Format) -> None:
    assert claim_in(picture(format), format) is None
    assert not has_claim(picture(format), format)


def test_a_claim_over_many_segments_of_a_jpeg_is_read() -> None:
    big = io.BytesIO()
    Image.frombytes("RGB", (1200, 900), os.urandom(1200 * 900 * 3)).save(big, "JPEG", quality=95)

    data = signed(big.getvalue(), "jpeg")

    assert data.count(b"\x4a\x50\x02\x11\x00\x00\x00") > 1
    assert claim_in(data, "jpeg") == Claim("Test drawer 1.0", SOURCE_TYPE)


def test_the_last_of_several_claims_counts() -> None:
    twice = signed(signed(picture("png"), "png", "First"), "png", "Second")

    assert claim_in(twice, "png") == Claim("Second 1.0", SOURCE_TYPE)


@pytest.mark.parametrize("format", FORMATS)
def test_changed_bytes_break_a_claim(format: Format) -> None:
    data = bytearray(signed(picture(format), format))
    place = {"png": data.find(b"IDAT") + 20, "jpeg": len(data) - 20, "webp": len(data) - 20}[format]
    if format == "webp":
        place = data.find(b"VP8 ") + 60
    data[place] ^= 1

    verdict = verified(bytes(data), format)

    assert verdict
    assert not verdict.intact
    assert "assertion.dataHash.mismatch" in verdict.problems


def test_without_the_extra_nothing_is_said_about_the_hash(monkeypatch: pytest.MonkeyPatch) -> None:
    data = signed(picture("png"), "png")
    monkeypatch.setitem(sys.modules, "c2pa", None)

    assert verified(data, "png") is None
    assert claim_in(data, "png") == Claim("Test drawer 1.0", SOURCE_TYPE)


SIGNED = signed(picture("webp"), "webp")


@settings(max_examples=300, deadline=None)
@given(some.integers(min_value=12, max_value=len(SIGNED) - 1), some.binary(min_size=1, max_size=9))
def test_a_broken_claim_is_a_claim_that_cannot_be_read(place: int, bytes_there: bytes) -> None:
    broken = SIGNED[:place] + bytes_there + SIGNED[place + len(bytes_there) :]

    try:
        found = claim_in(broken, "webp")
    except Damaged:
        return
    assert found is None or isinstance(found, Claim)


@settings(max_examples=300, deadline=None)
@given(some.binary(max_size=200))
def test_any_bytes_in_a_claims_place_are_read_or_left(content: bytes) -> None:
    head = b"\0\0\0\0jumb\0\0\0\x1ejumdc2pa\0\x11\0\x10\x80\0\0\xaa\08\x9bq\x03c2pa\0"
    body = b"C2PA" + (len(head + content)).to_bytes(4, "little") + head + content
    data = b"RIFF" + (4 + len(body)).to_bytes(4, "little") + b"WEBP" + body + b"\0" * (len(body) % 2)

    assert claim_in(data, "webp") is None or isinstance(claim_in(data, "webp"), Claim)


# Tagging --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("format", FORMATS)
@pytest.mark.parametrize("mode", ["RGB", "RGBA", "L"])
@pytest.mark.parametrize(
    "extras", [{}, {"icc_profile": b"a profile"}, {"exif": b"Exif\0\0II*\0\x08\0\0\0\0\0\0\0\0\0"}]
)
def test_a_tag_touches_no_pixel_and_nothing_else(format: Format, mode: str, extras: dict[str, bytes]) -> None:
    if format == "jpeg" and mode == "RGBA":
        mode = "CMYK"
    lossless = {"lossless": True} if format == "webp" and mode == "RGBA" else {}
    before = picture(format, mode, **extras, **lossless)

    after = tagged(before, format, "abc234")

    assert said(after, format) == (MADE_BY_A_MODEL, "imgen:job:abc234")
    assert pixels(after) == pixels(before)
    with Image.open(io.BytesIO(after)) as new, Image.open(io.BytesIO(before)) as old:
        assert new.info.get("icc_profile") == old.info.get("icc_profile")
        assert new.getexif() == old.getexif()
    if format != "webp":  # whose header may be new
        assert b"".join(without_notes(after, format)) == b"".join(without_notes(before, format))
    assert tagged(after, format, "abc234") == after == tagged(after, format, "other")


@pytest.mark.parametrize("format", FORMATS)
def test_what_its_xmp_says_already_stays(format: Format) -> None:
    own = OWN.format("")
    before = with_xmp(picture(format), format, own)

    after = tagged(before, format, "abc234")

    assert said(after, format) == (MADE_BY_A_MODEL, "imgen:job:abc234")
    found = packet(after, format)
    assert found
    start, end = own.split("</rdf:RDF>")
    assert found.startswith(start.encode())
    assert found.endswith(f"</rdf:RDF>{end}".encode())
    assert b'rdf:about="uuid:1" xmlns:rdf' in found
    assert pixels(after) == pixels(before)


def test_an_own_source_type_is_not_replaced() -> None:
    own = '<e:DigitalSourceType xmlns:e="http://iptc.org/std/Iptc4xmpExt/2008-02-29/" rdf:resource="urn:mine"/>'
    before = with_xmp(picture("png"), "png", OWN.format(own))

    assert said(tagged(before, "png", "abc234"), "png") == ("urn:mine", "imgen:job:abc234")


@pytest.mark.parametrize(
    ("xmp", "why"),
    [
        ("no XML", "its XMP cannot be read"),
        ('<!DOCTYPE x [<!ENTITY a "b">]>' + OWN.format("&a;"), "its XMP cannot be read"),
        (
            OWN.format('<t:provenance xmlns:t="http://purl.org/dc/terms/">https://e.com/c</t:provenance>'),
            "its XMP names",
        ),
        (OWN.format("").replace("</rdf:RDF>", '<rdf:Description rdf:about="uuid:2"/></rdf:RDF>'), "its XMP cannot"),
    ],
)
def test_what_cannot_be_added_to_is_left(xmp: str, why: str) -> None:
    with pytest.raises(CannotTag, match=why):
        tagged(with_xmp(picture("png"), "png", xmp), "png", "abc234")


def test_a_jpeg_whose_packet_is_full_is_left() -> None:
    before = with_xmp(picture("jpeg"), "jpeg", OWN.format("x" * 65_000))

    with pytest.raises(CannotTag, match="its XMP has no room for more"):
        tagged(before, "jpeg", "abc234")


@pytest.mark.parametrize("format", FORMATS)
def test_a_picture_with_a_claim_is_never_tagged(format: Format) -> None:
    with pytest.raises(CannotTag, match="it holds a C2PA claim, which a change would break"):
        tagged(signed(picture(format), format), format, "abc234")


def test_what_follows_the_picture_stays_behind_it() -> None:
    for format in FORMATS:
        assert tagged(picture(format) + b"tail", format, "abc234").endswith(b"tail")


@pytest.mark.skipif(shutil.which("exiftool") is None, reason="exiftool, a reader that is not ours, is not installed")
@pytest.mark.parametrize("format", FORMATS)
def test_another_reader_finds_the_tag(tmp_path: Path, format: Format) -> None:
    for name, data in (("new", picture(format)), ("own", with_xmp(picture(format), format, OWN.format("")))):
        path = tmp_path / f"{name}.{format}"
        path.write_bytes(tagged(data, format, "abc234"))
        words = ["exiftool", "-j", "-n", "-XMP:all", "-Warning", "-Error", "-validate", str(path)]
        (found,) = json.loads(subprocess.run(words, capture_output=True, timeout=30, check=False).stdout)

        assert found["DigitalSourceType"] == MADE_BY_A_MODEL
        assert found["Identifier"] == "imgen:job:abc234"
        assert found.get("Creator") == (None if name == "new" else "me")
        assert "Error" not in found


# What a file says -----------------------------------------------------------------------------------------------


def test_everything_a_tagged_picture_says(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0131] = "A drawing program"
    path = tmp_path / "a.jpg"
    path.write_bytes(tagged(picture("jpeg", exif=exif.tobytes()), "jpeg", "abc234"))

    found = provenance(path)

    assert (found.picture.format, found.picture.width, found.picture.height) == ("jpeg", 33, 21)
    assert (found.source_type, found.job_id) == (MADE_BY_A_MODEL, "abc234")
    assert (found.has_exif, found.software) == (True, "A drawing program")
    assert (found.claim, found.verdict) == (None, None)


def test_everything_a_signed_picture_says(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    path.write_bytes(signed(picture("png"), "png"))

    found = provenance(path)

    assert found.claim == Claim("Test drawer 1.0", SOURCE_TYPE)
    assert found.verdict
    assert found.verdict.intact
    assert (found.source_type, found.job_id, found.has_exif, found.software) == (None, None, False, None)


def test_a_compressed_packet_is_read_and_a_bomb_is_not(tmp_path: Path) -> None:
    own = OWN.format("").replace('dc:creator="me"', 'dc:identifier="imgen:job:xyz234"')
    bomb = " " * 100_000_000
    found = []
    for text in (own, bomb + own):
        body = b"iTXtXML:com.adobe.xmp\0\1\0\0\0" + zlib.compress(text.encode())
        chunk = (len(body) - 4).to_bytes(4) + body + zlib.crc32(body).to_bytes(4)
        path = tmp_path / "a.png"
        path.write_bytes(picture("png")[:33] + chunk + picture("png")[33:])
        found.append(provenance(path).job_id)

    assert found == ["xyz234", None]


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no named pipes among its files")
def test_what_is_no_picture_says_nothing(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "text").write_text("x")

    with pytest.raises(OSError, match="it is no file but a pipe or a device"):
        provenance(tmp_path / "pipe")
    with pytest.raises(Damaged, match="it is not a PNG, JPEG or WebP picture"):
        provenance(tmp_path / "text")


def test_only_our_own_identifiers_name_a_job() -> None:
    assert [job_of(text) for text in (None, "urn:isbn:1", "imgen:job:abc234")] == [None, None, "abc234"]


def with_xmp(data: bytes, format: Format, xmp: str) -> bytes:
    """The picture with that packet, written by the writer that its format is known for."""
    held = io.BytesIO()
    with Image.open(io.BytesIO(data)) as opened:
        if format == "png":
            from PIL.PngImagePlugin import PngInfo

            notes = PngInfo()
            notes.add_itxt("XML:com.adobe.xmp", xmp)
            opened.save(held, "PNG", pnginfo=notes)
        else:
            opened.save(held, format.upper(), xmp=xmp.encode())
    return held.getvalue()

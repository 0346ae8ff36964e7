"""A colour profile that goes up says which colours the numbers are, and nothing of whose screen or camera they left."""

from __future__ import annotations

import io
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, ImageCms

from cli.pictures.photos import PROFILE
from imgen.pictures.formats.profile import bare_profile

SECRET = "Anna's screen, serial C02XL0"
GRADIENT = Image.linear_gradient("L").resize((64, 64))
COLOURS = Image.merge("RGB", (GRADIENT, GRADIENT.transpose(Image.Transpose.ROTATE_90), GRADIENT.rotate(180)))


def tags_of(profile: bytes) -> dict[bytes, bytes]:
    found = {}
    for entry in range(132, 132 + 12 * int.from_bytes(profile[128:132]), 12):
        name, start, size = struct.unpack_from(">4sII", profile, entry)
        found[name] = profile[start : start + size]
    return found


def written(tags: dict[bytes, bytes], header: bytes = PROFILE[:128]) -> bytes:
    start, table, body = 132 + 12 * len(tags), b"", b""
    for name, content in tags.items():
        table += struct.pack(">4sII", name, start + len(body), len(content))
        body += content + bytes(-len(content) % 4)
    size = (start + len(body)).to_bytes(4)
    return size + header[4:] + len(tags).to_bytes(4) + table + body


def text(kind: bytes) -> bytes:
    return kind + bytes(4) + SECRET.encode() + SECRET.encode("utf-16-be") + b"\0"


def of_a_screen() -> bytes:
    """As an operating system makes one for a display: names everywhere, also behind what a tag needs."""
    private = {name: text(b"text") for name in (b"dscm", b"mmod", b"dmnd", b"dmdd", b"vued", b"meta", b"Anna", b"targ")}
    tags = tags_of(PROFILE) | {b"desc": text(b"desc"), b"cprt": text(b"text")} | private
    tags[b"wtpt"] += SECRET.encode()
    header = bytearray(PROFILE[:128])
    header[48:56], header[80:84] = b"AnnaC02X", b"Anna"
    return written(tags, bytes(header))


def seen(profile: bytes) -> bytes:
    """What colours become on their way from this profile to Lab."""
    way = ImageCms.buildTransform(
        ImageCms.ImageCmsProfile(io.BytesIO(profile)), ImageCms.createProfile("LAB"), "RGB", "LAB"
    )
    changed = ImageCms.applyTransform(COLOURS, way)
    assert changed is not None
    return changed.tobytes()


@pytest.mark.parametrize("version", [2, 4])
def test_the_colours_stay_and_every_text_goes(version: int) -> None:
    profile = bytearray(of_a_screen())
    profile[8] = version

    bare = bare_profile(bytes(profile))

    assert bare
    assert seen(bare) == seen(PROFILE)
    assert ImageCms.getProfileName(ImageCms.ImageCmsProfile(io.BytesIO(bare))).strip() == "Colour profile"
    for word in ("Anna", "C02X", "serial"):
        assert word.encode() not in bare
        assert word.encode("utf-16-be") not in bare
    assert bare_profile(bare) == bare
    assert len(bare) == int.from_bytes(bare[:4])


def test_what_stands_behind_a_profile_goes() -> None:
    assert bare_profile(PROFILE + SECRET.encode()) == bare_profile(PROFILE)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        PROFILE[:131],
        PROFILE[:-1],
        SECRET.encode() * 50,
        written({}),
        written({b"desc": text(b"desc"), b"rXYZ": text(b"text"), b"rTRC": b"curv" + bytes(4) + b"\xff" * 4}),
    ],
    ids=["nothing", "a header", "cut", "a text", "no tags", "no colours"],
)
def test_what_holds_no_colours_is_no_profile(data: bytes) -> None:
    assert bare_profile(data) is None


@given(st.binary(max_size=400), st.integers(0, 500))
def test_no_bytes_raise(data: bytes, at: int) -> None:
    broken = PROFILE[:at] + data + PROFILE[at + len(data) :]
    found = bare_profile(broken)
    assert found is None or bare_profile(found) == found

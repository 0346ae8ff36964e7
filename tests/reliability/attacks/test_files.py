"""Files that come with a clone or from a stranger: links, pipes, bombs, and pictures that are more than they show."""

from __future__ import annotations

import base64
import io
import json
import os
import shutil
import struct
import time
import zlib
from typing import TYPE_CHECKING

import pytest
from PIL import Image, ImageCms
from PIL.PngImagePlugin import PngInfo

from cli.program.program import OFTEN, SMALL, Program
from imgen.errors import ExitCode
from imgen.records import State
from imgen_providers.sandbox.exchange import Reply
from reliability.attacks.attempt import COUNTS_MEMORY, MEGABYTE, attempt, measured, plain, rows
from reliability.attacks.hostile import hostile, picture

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from imgen_providers.sandbox.exchange import Call
    from reliability.attacks.hostile import Answer

SECRET = b"Somewhere Street 7"
POSIX = pytest.mark.skipif(os.name == "nt", reason="Windows has no pipes and links of this kind")


def made(imgen: Program, name: str = "fox.png") -> Path:
    """A picture of ours, saved."""
    ended = imgen.run("generate", f"a fox for {name}", "--sandbox", *SMALL, "-q", "-o", name)
    assert ended.code == ExitCode.DONE, ended
    return imgen.cwd / name


@POSIX
@pytest.mark.parametrize(
    "planted",
    [
        pytest.param("link", marks=attempt(2, "`.gallery.html.part` as a link to `.bashrc`", "`.bashrc` is as it was")),
        pytest.param("pipe", marks=attempt(2, "`.gallery.html.part` as a pipe", "nothing waits for it")),
        pytest.param("target", marks=attempt(2, "`gallery.html` as a link to `.bashrc`", "`.bashrc` is as it was")),
    ],
)
def test_a_page_is_written_through_nothing_that_a_clone_brings(imgen: Program, planted: str) -> None:
    made(imgen)
    mine = imgen.cwd.parent / "bashrc"
    mine.write_text("mine")
    part = imgen.cwd / ".gallery.html.part"
    match planted:
        case "link":
            part.symlink_to(mine)
        case "pipe":
            os.mkfifo(part)
        case _:
            (imgen.cwd / "gallery.html").symlink_to(mine)

    ended = imgen.run("gallery")

    assert ended.code == (ExitCode.USAGE if planted == "target" else ExitCode.DONE), ended
    assert mine.read_text() == "mine"


def bomb_webp(side: int = 9_990) -> bytes:
    """28 bytes that are a whole picture of 100 megapixels of one colour (RFC 9649, 3.8)."""
    bits = 0x2F | (side - 1) << 8 | (side - 1) << 22
    bits |= sum(1 << (40 + 3 + 4 * code) for code in range(5))  # five codes of one symbol each, and no pixel
    body = b"WEBPVP8L" + struct.pack("<I", 8) + bits.to_bytes(8, "little")
    return b"RIFF" + struct.pack("<I", len(body)) + body


def bomb_png(side: int = 30_000) -> bytes:
    """A PNG of 900 megapixels in black, whole."""
    packed = zlib.compressobj(9)
    rows = b"".join([*(packed.compress(bytes(1 + side // 8)) for _ in range(side)), packed.flush()])
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        [chunk(b"IHDR", struct.pack(">IIBBBBB", side, side, 1, 0, 0, 0, 0)), chunk(b"IDAT", rows), chunk(b"IEND", b"")]
    )


def chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def bomb_jpeg(scans: int = 3000, side: int = 4096) -> bytes:
    """A progressive JPEG whose last scan comes again and again: each costs a pass over all pixels."""
    held = io.BytesIO()
    Image.new("L", (side, side)).save(held, "JPEG", progressive=True)
    data = held.getvalue()
    last = data.rindex(b"\xff\xda")
    return data[:last] + data[last:-2] * scans + b"\xff\xd9"


BOMBS: dict[str, Callable[[], bytes]] = {
    "a WebP of 28 bytes": bomb_webp,
    "a PNG of 900 megapixels": bomb_png,
    "a JPEG of 3,000 scans": bomb_jpeg,
}


@COUNTS_MEMORY
@pytest.mark.parametrize(
    "bomb",
    rows(
        10,
        {f"{name}, as four pictures": bomb for name, bomb in BOMBS.items()},
        "four answered at once, in little memory",
        ("a WebP of 28 bytes, as four pictures", "a PNG of 900 megapixels, as four pictures"),
    ),
)
def test_a_bomb_in_place_of_a_picture_goes_off_nowhere(
    imgen: Program, tmp_path: Path, bomb: Callable[[], bytes]
) -> None:
    data = bomb()

    with hostile(
        tmp_path / "far side", lambda at, call, reply: Reply(200, data, "image/png") if at == "picture" else reply
    ) as services:
        here = imgen.at(services.services.origin)
        found = measured(here, "generate", "a fox", "-p", "gptproto", "-n", "4", *OFTEN, "--timeout", "15")

    assert plain(found.ended), found.ended
    assert found.peak < 700 * MEGABYTE
    assert found.seconds < 30
    assert {job.remote_id is None for job in imgen.jobs()} == {False}


@COUNTS_MEMORY
@pytest.mark.parametrize(
    "bomb",
    [
        pytest.param(
            bomb, marks=attempt(10, f"{name}, as a picture to edit with `--fit`", "a sentence at once"), id=name
        )
        for name, bomb in BOMBS.items()
    ],
)
def test_a_bomb_as_a_reference_goes_off_nowhere(imgen: Program, bomb: Callable[[], bytes]) -> None:
    (imgen.cwd / "in.png").write_bytes(bomb())

    found = measured(imgen, "edit", "at night", "-i", "in.png", "--fit", "--sandbox", "-p", "gmicloud")

    assert (found.ended.code, plain(found.ended)) == (ExitCode.USAGE, True), found.ended
    assert found.peak < 300 * MEGABYTE
    assert found.seconds < 20


def swap(path: Path, private: Path) -> None:
    path.unlink()
    path.symlink_to(private)


@POSIX
@pytest.mark.parametrize(
    "service",
    [
        pytest.param(
            "gmicloud", marks=attempt(12, "a picture swapped for a private key before its upload", "not sent")
        ),
        pytest.param(
            "3daistudio", marks=attempt(12, "a picture swapped for a private key before its order", "not sent")
        ),
    ],
)
def test_a_reference_that_was_swapped_after_its_check_is_not_sent(imgen: Program, tmp_path: Path, service: str) -> None:
    photo, private = imgen.cwd / "in.png", tmp_path / "id_ed25519"
    Image.effect_noise((900, 900), 100).save(photo)  # larger than what is read at once
    private.write_bytes(SECRET.ljust(photo.stat().st_size, b"x"))

    def twist(at: str, call: Call, reply: Reply) -> Answer:
        if photo.is_symlink():
            return reply
        if call.path.endswith("/upload-url"):
            swap(photo, private)
        if at == "submit" and service == "3daistudio":
            swap(photo, private)
            return Reply(429, b"{}", headers={"Retry-After": "1"})
        return reply

    with hostile(tmp_path / "far side", twist) as services:
        ended = imgen.at(services.services.origin).run(
            "edit", "at night", "-i", "in.png", "-p", service, *OFTEN, "--timeout", "8"
        )

    assert photo.is_symlink()
    assert plain(ended)
    sent = bytes(services.received)
    assert b"at night" in sent or service == "gmicloud"
    assert SECRET not in sent
    assert base64.b64encode(SECRET)[:20] not in sent
    assert [job.state for job in imgen.jobs()] == [State.CANCELLED], ended


@pytest.mark.parametrize(
    "size",
    [
        pytest.param((70_000, 110), marks=attempt(19, "`--fit` of a picture 70,000 pixels wide", "a sentence")),
        pytest.param((110, 70_000), marks=attempt(19, "`--fit` of a picture 70,000 pixels high", "a sentence")),
    ],
)
def test_a_side_that_no_format_has_is_said(imgen: Program, size: tuple[int, int]) -> None:
    Image.effect_noise(size, 100).save(imgen.cwd / "in.png")  # noise packs badly: too many bytes for a PNG there

    ended = imgen.run("edit", "at night", "-i", "in.png", "--fit", "--sandbox", "-p", "gmicloud")

    assert plain(ended), ended
    assert ended.code in (ExitCode.USAGE, ExitCode.DONE), ended


@POSIX
@pytest.mark.parametrize(
    "worm",
    [
        pytest.param(
            "bomb", marks=attempt(19, "a bomb among the pictures of a gallery", "its own line, the rest goes on")
        ),
        pytest.param(
            "pipe", marks=attempt(19, "a pipe among the pictures of a gallery", "its own line, the rest goes on")
        ),
        pytest.param(
            "text", marks=attempt(19, "a text among the pictures of a gallery", "its own line, the rest goes on")
        ),
    ],
)
def test_one_file_does_not_keep_a_gallery_from_the_others(imgen: Program, worm: str) -> None:
    made(imgen, "good.png")
    bad = made(imgen, "bad.png")
    bad.unlink()
    if worm == "pipe":
        os.mkfifo(bad)
    else:
        bad.write_bytes(bomb_webp(16_383) if worm == "bomb" else b"not a picture")

    ended = imgen.run("gallery", "--json")
    shown = imgen.run("gallery")

    assert ended.json["gallery"]["missing"] == 1, ended
    assert (shown.code, f"{bad} is not shown" in " ".join(shown.stderr.split())) == (ExitCode.DONE, True), shown
    assert (imgen.cwd / "gallery.html").read_text(encoding="utf-8").count("data:image/webp") == 1


def with_data_after_its_pixels() -> bytes:
    data = picture("png")
    at = data.index(b"IDAT") - 4
    (length,) = struct.unpack_from(">I", data, at)
    return data[:at] + chunk(b"IDAT", data[at + 8 : at + 8 + length] + SECRET) + data[at + 12 + length :]


def with_chunk(kind: bytes, body: bytes) -> bytes:
    data = picture("png")
    at = data.index(b"IDAT") - 4
    return data[:at] + chunk(kind, body) + data[at:]


def with_text() -> bytes:
    held, notes = io.BytesIO(), PngInfo()
    notes.add_text("Comment", SECRET.decode())
    Image.new("RGB", (64, 64)).save(held, "PNG", pnginfo=notes)
    return held.getvalue()


def with_profile() -> bytes:
    """A JPEG whose colour profile is described as a person would, in place of "sRGB built-in"."""
    described = "sRGB built-in".encode("utf-16-be")
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    assert described in profile
    held = io.BytesIO()
    private = profile.replace(described, SECRET.ljust(len(described)))
    Image.new("RGB", (64, 64), "teal").save(held, "JPEG", icc_profile=private)
    return held.getvalue()


HIDDEN: dict[str, bytes] = {
    "behind the pixels of a PNG": with_data_after_its_pixels(),
    "behind the end of a PNG": picture("png") + SECRET,
    "in the name of a palette": with_chunk(b"sPLT", SECRET + b"\0\x08" + bytes(6)),
    "in the name of a profile": with_chunk(b"iCCP", SECRET + b"\0\0" + zlib.compress(bytes(200))),
    "in a text of a PNG": with_text(),
    "in the description of a profile": with_profile(),
    "behind the end of a JPEG": picture("jpeg") + SECRET,
    "behind the end of a WebP": picture("webp") + SECRET,
}


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(data, id=name, marks=attempt(20, f"private words {name}", "not sent"))
        for name, data in HIDDEN.items()
    ],
)
def test_what_a_picture_hides_is_not_sent(imgen: Program, tmp_path: Path, data: bytes) -> None:
    (imgen.cwd / "in.png").write_bytes(data)

    with hostile(tmp_path / "far side", seconds=0.05) as services:
        ended = imgen.at(services.services.origin).run(
            "edit", "at night", "-i", "in.png", "-p", "3daistudio", *OFTEN, "-q"
        )

    assert ended.code in (ExitCode.DONE, ExitCode.USAGE), ended
    for order in services.submits():
        sent = base64.b64decode(order["images"][0].partition(",")[2])
        assert SECRET not in sent
        assert SECRET not in zlib.decompress(idat(sent)) if sent.startswith(b"\x89PNG") else True
    assert len(services.submits()) == (ended.code == ExitCode.DONE)


def idat(data: bytes) -> bytes:
    at, packed = 8, b""
    while at < len(data):
        (length,) = struct.unpack_from(">I", data, at)
        packed += data[at + 8 : at + 8 + length] if data[at + 4 : at + 8] == b"IDAT" else b""
        at += 12 + length
    return packed


@POSIX
@attempt(21, "`config set --project` where `imgen.toml` is a link", "refused, the linked file is as it was")
def test_a_projects_file_is_not_written_through_a_link(imgen: Program) -> None:
    mine = imgen.cwd.parent / "mine.toml"
    mine.write_text("count = 2\n")
    (imgen.cwd / "imgen.toml").symlink_to(mine)

    ended = imgen.run("config", "set", "count", "3", "--project")

    assert ended.code == ExitCode.USAGE, ended
    assert mine.read_text() == "count = 2\n"


ENDLESS = {
    "generate": ("generate", "--prompt-file", "/dev/zero", "--sandbox"),
    "standard input": ("generate", "-", "--sandbox"),
    "a picture on standard input": ("edit", "at night", "-i", "-", "--sandbox"),
    "a device as a picture": ("edit", "at night", "-i", "/dev/zero", "--sandbox"),
    "a key on standard input": ("keys", "set", "reapi", "--file"),
}


@pytest.mark.skipif(not os.path.exists("/dev/zero"), reason="there is no /dev/zero")  # noqa: PTH110
@COUNTS_MEMORY
@pytest.mark.parametrize(
    "command",
    [pytest.param(c, id=n, marks=attempt(17, f"{n} without end", "a sentence at once")) for n, c in ENDLESS.items()],
)
def test_input_without_end_ends_in_a_sentence(imgen: Program, command: tuple[str, ...]) -> None:
    found = measured(imgen, *command, stdin="/dev/zero")

    assert (found.ended.code in (ExitCode.USAGE, ExitCode.KEY), plain(found.ended)) == (True, True), found.ended
    assert found.peak < 200 * MEGABYTE
    assert found.seconds < 20
    shutil.rmtree(imgen.home, ignore_errors=True)


TOMLS = {
    "dotted keys": "".join(f"a.{'.'.join('b' * 30)}.c{n} = 1\n" for n in range(900)),
    "a key of many dots": ".".join("a" * 30_000) + " = 1",
    "a table of many dots": "[" + ".".join("a" * 30_000) + "]",
    "brackets": "x = " + "[" * 60_000,
    "quotes": 'x = """' + '"' * 60_000,
    "one long line": "x" * 63_000,
    "escapes": 'x = "' + "\\u0041" * 10_000 + '"',
}


@pytest.mark.parametrize(
    "text",
    [
        pytest.param(t, id=n, marks=attempt(17, f"an `imgen.toml` of 63 kB: {n}", "a sentence at once"))
        for n, t in TOMLS.items()
    ],
)
def test_a_settings_file_of_a_clone_takes_no_minutes(imgen: Program, text: str) -> None:
    (imgen.cwd / "imgen.toml").write_text(text)
    began = time.monotonic()

    ended = imgen.run("generate", "a fox", "--sandbox", "--dry-run")

    assert (ended.code, plain(ended)) == (ExitCode.KEY, True), ended
    assert time.monotonic() - began < 5


@pytest.mark.parametrize(
    "text",
    [
        pytest.param(
            t[:16_000],
            id=n,
            marks=[attempt(17, f"one of 16 kB: {n}", "at once"), *([] if "dot" in n else [pytest.mark.whole])],
        )
        for n, t in TOMLS.items()
    ],
)
def test_a_settings_file_of_the_largest_size_takes_no_minutes(imgen: Program, text: str) -> None:
    (imgen.cwd / "imgen.toml").write_text(text)
    began = time.monotonic()

    ended = imgen.run("config", "--json")

    assert plain(ended), ended
    assert json.loads(ended.stdout)["ok"] is False
    assert time.monotonic() - began < 5

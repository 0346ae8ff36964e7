"""What is wrong with the pictures of an edit is found here, each with its own sentence, before anything is sent."""

from __future__ import annotations

import io
import os
import struct
import subprocess
import sys
import zlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest
from PIL import Image

from cli.drafts import draft
from cli.program.program import Program, served
from cli.program.recorder import recorded
from imgen.commands.going_on import check_words
from imgen.errors import ExitCode, UsageProblem
from imgen.ledger.ledger import Ledger
from imgen.screen.console import Streams

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

STORAGE = "IMGEN_UPLOAD"


def box(kind: bytes, body: bytes) -> bytes:
    """One box of a HEIF file."""
    return struct.pack(">I4s", 8 + len(body), kind) + body


def heic(width: int, height: int) -> bytes:
    """A HEIC of that many pixels, as far as its boxes say it."""
    size = box(b"iprp", box(b"ipco", box(b"ispe", struct.pack(">III", 0, width, height))))
    return HEIC_HEAD + box(b"meta", bytes(4) + size) + box(b"mdat", bytes(100))


HEIC_HEAD = box(b"ftyp", b"heic" + bytes(4) + b"mif1heic")
HEIC = heic(64, 48)


@dataclass(frozen=True, slots=True)
class Mistake:
    """A command line, what it answers, and how to mend it."""

    line: tuple[str, ...]
    says: str
    hints: str = ""
    code: ExitCode = ExitCode.USAGE
    variables: Mapping[str, str] | None = None


def edit(*words: str) -> tuple[str, ...]:
    return ("edit", "at night", "-p", "3daistudio", *words)


MISTAKES = [
    Mistake(("edit", "at night"), "There is no picture to edit", "--from last"),
    Mistake(
        edit(*["-i", "fine.png"] * 15), "15 pictures are too many: gemini-3.1-flash at 3D AI Studio takes at most 14"
    ),
    Mistake(edit("-i", "text.png"), "text.png cannot be sent: it is not a PNG, JPEG or WebP picture"),
    Mistake(edit("-i", "page.png"), "it is a web page, not a picture"),
    Mistake(edit("-i", "cut.jpg"), "cut.jpg cannot be sent: it breaks off after"),
    Mistake(edit("-i", "cut.webp"), "cut.webp cannot be sent: it breaks off after"),
    Mistake(edit("-i", "cut.png"), "cut.png cannot be sent: it breaks off after"),
    Mistake(edit("-i", "broken.jpg"), "broken.jpg cannot be sent: it cannot be decoded"),
    Mistake(
        edit("-i", "huge.png"), "huge.png has 300 megapixels (20000x15000); at most 100 can be sent", "Scale it down"
    ),
    Mistake(edit("-i", "empty.png"), "empty.png cannot be sent: it is empty"),
    Mistake(edit("-i", "phone.heic"), "it is a HEIC picture", "GMI Cloud takes it behind a public URL"),
    Mistake(edit("-i", "mended.jpg"), "mended.jpg cannot be sent: some of its pixels are missing"),
    Mistake(edit("-i", "."), ". is a folder, and -i takes pictures."),
    Mistake(edit("-i", ""), "-i was given an empty name", "the id of a job"),
    Mistake(edit("-i", "pipe"), "pipe is not a file but a pipe or a device", "-i - reads a picture"),
    Mistake(edit("-i", "/dev/zero"), "/dev/zero is not a file but a pipe or a device"),
    Mistake(edit("-i", "film.png"), "film.png has more than 268,435,456 bytes"),
    Mistake(edit("-i", "http://pictures.example.com/fox.png"), "The link to pictures.example.com is not https"),
    Mistake(edit("-i", "https://10.1.2.3/fox.png"), "leads to 10.1.2.3, in a private network"),
    Mistake(edit("-i", "https://[fd00::1]/fox.png"), "in a private network"),
    Mistake(edit("-i", "https://me:secret@example.com/fox.png"), "has a user name or password in it"),
    Mistake(edit("-i", "ftp://example.com/fox.png"), "-i takes https URLs, not ftp://"),
    Mistake(edit("-i", "https://[/fox.png"), "cannot be read"),
    Mistake(edit("-i", "https:///fox.png"), "The URL given with -i names no host", "https://HOST/PATH"),
    Mistake(
        ("edit", "", "-p", "3daistudio", "-i", "fine.png"), "The prompt is empty", 'imgen edit "at night" -i fox.png'
    ),
    *(
        Mistake(
            ("edit", "x", "-p", "gmicloud", "-i", f"https://{here}:1/a.png", "--sandbox", "--dry-run"),
            "could not be fetched, so nothing was sent",
            "Run the command again",
            ExitCode.UNREACHABLE,
        )
        for here in ("0x7f.1", "2130706433", "127.0.0.1")
    ),
    Mistake(edit("-i", "k3abcd"), "Job k3abcd has no saved picture: it is cancelled"),
    Mistake(edit("--from", "k3abcd"), "Job k3abcd has no picture to go on from: it is cancelled"),
    Mistake(edit("--from", "k3a"), "'k3a' is too short for a job", "--from takes 4 letters or more"),
    Mistake(
        edit("--from", "k3abcd:2"), "--from takes a job, not one of its pictures", "-i k3abcd:2 takes that picture"
    ),
    Mistake(edit("--from", "zzz999"), "There is no job 'zzz999' in the ledger"),
    Mistake(edit("-i", "k3a"), "There is no file 'k3a', and 'k3a' is too short for a job's id", "at least 4 letters"),
    Mistake(edit("-i", "k3abcd:2"), "Job k3abcd has no saved picture: it is cancelled"),
    Mistake(edit("-i", "zzz999"), "There is no file 'zzz999', and no job 'zzz999' in the ledger"),
    Mistake(edit("-i", "nowhere/fox.png"), "There is no file 'nowhere/fox.png'."),
    Mistake(edit("-i", "-"), "Standard input is empty: no picture came"),
    Mistake(edit("-i", "-", "-i", "-"), "Standard input is asked for twice", "-i fox.png"),
    Mistake(("edit", "-", "-i", "-"), "Standard input is asked for twice"),
    Mistake(
        ("edit", "x", "-p", "gmicloud", "-i", "fine.webp"),
        "fine.webp is a WEBP; gemini-3.1-flash at GMI Cloud takes PNG and JPEG from this disk",
        "--fit converts it",
    ),
    Mistake(
        ("edit", "x", "-p", "gmicloud", "-i", "large.png"),
        "large.png has 7.7 MB; gemini-3.1-flash at GMI Cloud takes 7.0 MB a picture",
        "--fit makes it smaller",
    ),
    Mistake(
        ("edit", "x", "-p", "reapi", "-i", "fine.png"),
        "give a public URL with -i, or set IMGEN_UPLOAD to an object storage of yours",
        "s3://bucket/prefix?endpoint=",
        ExitCode.KEY,
    ),
    *(
        Mistake(("edit", "x", "-p", "gptproto", "-i", "fine.png"), says, "", ExitCode.KEY, {STORAGE: place})
        for place, says in {
            "nonsense": "must begin with one of s3, gs, az",
            "ftp://bucket/x": "must begin with one of",
            "s3://me:secret@bucket/x": "has a user name or password in it",
            "s3://bucket/x?key=secret": "has a setting 'key'",
            "s3://bucket/x?endpoint=http://storage.example.com": "must be an https URL",
            "s3://bucket/x?endpoint": "cannot be read as a URL",
        }.items()
    ),
]


def picture(format: str, size: tuple[int, int] = (64, 48)) -> bytes:
    held = io.BytesIO()
    Image.effect_noise(size, 60).convert("RGB").save(held, format)
    return held.getvalue()


def chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I4s", len(data), kind) + data + struct.pack(">I", zlib.crc32(kind + data))


def fill(folder: Path) -> None:
    """Every file that the mistakes name."""
    files = {
        "fine.png": picture("PNG"),
        "fine.webp": picture("WEBP"),
        "text.png": b"not a picture at all",
        "page.png": b"<!DOCTYPE html><p>Not found",
        "empty.png": b"",
        "cut.jpg": picture("JPEG")[:-200],
        "mended.jpg": picture("JPEG")[:-200] + b"\xff\xd9",
        "cut.png": picture("PNG")[:-9],
        "cut.webp": picture("WEBP")[:-30],
        "phone.heic": HEIC,
        "large.png": png_of_noise(1600, 1600),
    }
    files["broken.jpg"] = picture("JPEG").replace(b"\xff\xc0\x00\x11\x08", b"\xff\xc0\x00\x11\x63")
    files["huge.png"] = huge_png()
    for name, data in files.items():
        (folder / name).write_bytes(data)
    os.mkfifo(folder / "pipe")
    with (folder / "film.png").open("wb") as file:
        file.truncate(300 * 1024 * 1024)  # of nothing, which takes no room


def huge_png() -> bytes:
    """A PNG whose header claims 300 megapixels."""
    header = struct.pack(">IIBBBBB", 20_000, 15_000, 1, 0, 0, 0, 0)
    pixels = chunk(b"IDAT", zlib.compress(bytes(100)))
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + pixels + chunk(b"IEND", b"")


def png_of_noise(width: int, height: int) -> bytes:
    held = io.BytesIO()
    Image.frombytes("RGB", (width, height), os.urandom(width * height * 3)).save(held, "PNG", compress_level=0)
    return held.getvalue()


def test_each_mistake_has_its_own_sentence_and_nothing_is_recorded_or_sent(imgen: Program) -> None:
    fill(imgen.cwd)
    imgen.home.mkdir()
    ledger = Ledger(imgen.home / "ledger.sqlite3", lambda: 1_800_000_000.0)
    ledger.jobs.plan([draft("k3abcd")], "unknown", resubmit=False)
    ledger.close()
    lines = [((*one.line[:1], "--json", *one.line[1:]), one.variables or {}, b"") for one in MISTAKES]
    with served(imgen.home.parent / "services", []) as behind, recorded(behind) as recorder:
        answers = imgen.at(recorder.origin).run_lines(lines)

    for mistake, answer in zip(MISTAKES, answers, strict=True):
        error = answer.json["error"]
        assert error, mistake
        assert (mistake.says in error["message"], answer.code) == (True, mistake.code), (mistake, error)
        assert mistake.hints in (error["hint"] or "")
        assert answer.stderr == ""
        assert "secret" not in str(error)
    assert recorder.paths == []
    assert [job.id for job in imgen.jobs()] == ["k3abcd"]


def test_a_link_that_leads_to_no_picture_is_found_before_it_is_paid_for(imgen: Program) -> None:
    with served(imgen.home.parent / "services", []) as behind, recorded(behind) as recorder:
        recorder.public |= {
            "/phone.heic": HEIC,
            "/zeros.heic": HEIC_HEAD + bytes(100),
            "/cut.heic": HEIC[:-1],
            "/huge.heic": heic(20_000, 15_000),
            "/page.png": b"<html>Sign in",
            "/large.png": png_of_noise(1600, 1600),
            "/huge.png": huge_png(),
            "/cut.jpg": picture("JPEG")[:-200],
        }
        links = {
            ("gmicloud", "/page.png"): "it is a web page, not a picture",
            ("reapi", "/page.png"): "it is a web page, not a picture",
            ("3daistudio", "/page.png"): "it is a web page, not a picture. try: Give the URL of a whole PNG",
            ("reapi", "/cut.jpg"): "cannot be sent: it breaks off after",
            ("gptproto", "/cut.jpg"): "cannot be sent: it breaks off after",
            ("gmicloud", "/huge.png"): "has 300 megapixels (20000x15000)",
            ("gmicloud", "/zeros.heic"): "no box of a HEIF file begins at byte 24",
            ("gmicloud", "/cut.heic"): "it breaks off after",
            ("gmicloud", "/huge.heic"): "has 300 megapixels (20000x15000)",
            ("reapi", "/phone.heic"): "takes png, jpeg, webp. try: Convert it to JPEG first",
            ("gptproto", "/sandbox/uploads/00.png"): "HTTP 404",
            ("3daistudio", "/sandbox/uploads/00.png"): "HTTP 404",
            ("gptproto", "/phone.heic"): "is HEIC; gemini-3.1-flash at GPTProto takes png, webp, jpeg",
            ("gmicloud", "/large.png"): "has 7.7 MB; gemini-3.1-flash at GMI Cloud takes 7.0 MB a picture",
        }
        nothing: dict[str, str] = {}
        lines = [(("edit", "x", "-p", name, "-i", recorder.origin + path), nothing, b"") for name, path in links]
        answers = imgen.at(recorder.origin).run_lines(lines)
        taken = imgen.at(recorder.origin).run(
            "edit", "x", "-p", "gmicloud", "-i", f"{recorder.origin}/phone.heic", "--dry-run"
        )
        gone = imgen.at(recorder.origin).run("edit", "x", "-p", "reapi", "-i", "http://127.0.0.1:9/fox.png")

    for says, answer in zip(links.values(), answers, strict=True):
        assert (says in " ".join(answer.stderr.split()), answer.code) == (True, ExitCode.USAGE), answer.stderr
    assert (gone.code, "could not be fetched, so nothing was sent" in gone.stderr) == (ExitCode.UNREACHABLE, True)
    assert (taken.code, b"/phone.heic" in taken.stdout) == (ExitCode.DONE, True), taken.stderr
    assert recorder.submits == []
    assert imgen.jobs() == []


def test_a_picture_is_not_typed_at_a_terminal() -> None:
    streams = Streams.of(sys.stdin, sys.stdout, sys.stderr, {})._replace(stdin_is_terminal=True)

    with pytest.raises(UsageProblem, match="-i - reads a picture, and standard input is this terminal"):
        check_words(["-"], "at night", None, streams)


def test_standard_input_that_is_closed_is_said(imgen: Program) -> None:
    command = f"'{sys.executable}' -m imgen edit x --sandbox -i - <&-"
    ended = subprocess.run(["sh", "-c", command], cwd=imgen.cwd, env=imgen.environ, capture_output=True, timeout=20)

    assert ended.returncode == ExitCode.USAGE
    assert b"Standard input is empty" in ended.stderr

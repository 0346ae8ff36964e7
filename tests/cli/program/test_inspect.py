"""imgen inspect says what made a picture and what it says of itself, on the installed program."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

from PIL import Image

from cli.pictures.signing import SOURCE_TYPE, signed
from cli.program.program import SMALL
from imgen.pictures.provenance.tagging import MADE_BY_A_MODEL, tagged

if TYPE_CHECKING:
    from cli.program.program import Program


def png() -> bytes:
    held = io.BytesIO()
    Image.new("RGB", (8, 8), "red").save(held, "PNG")
    return held.getvalue()


def test_a_picture_leads_to_the_job_that_made_it_until_it_is_changed(imgen: Program) -> None:
    made = imgen.run("generate", "a red fox", "--sandbox", *SMALL, "-q", "-o", "fox.png")
    assert made.code == 0, made.stderr
    (job,) = imgen.jobs()

    lines = imgen.run("inspect", "fox.png")
    data = imgen.run("inspect", "fox.png", "--json").json["pictures"][0]
    (imgen.cwd / "fox.png").write_bytes(png())
    changed = imgen.run("inspect", "fox.png")
    (imgen.cwd / "copy.png").write_bytes(png())
    unknown = imgen.run("inspect", "copy.png")

    assert lines.code == 0
    assert lines.lines[0] == "fox.png"
    assert f"  job     {job.id} at 3daistudio, gemini/3.1/flash, in the sandbox" in lines.lines
    assert "  prompt  a red fox" in lines.lines
    assert (data["job"]["id"], data["job"]["prompt"], data["job"]["family"]) == (job.id, "a red fox", [])
    assert data["sha256"] == job.results[0].sha256
    assert f"  job     {job.id} saved another picture here: these bytes were changed since" in changed.lines
    assert "  job     none in this ledger made these bytes" in unknown.lines


def test_what_a_picture_says_of_itself_needs_no_ledger(imgen: Program) -> None:
    (imgen.cwd / "signed.png").write_bytes(signed(png(), "png", "Evil\x1b[31m ::error::"))
    (imgen.cwd / "tagged.png").write_bytes(tagged(png(), "png", "abc234"))
    (imgen.cwd / "text.png").write_text("x")

    lines = imgen.run("inspect", "signed.png", "tagged.png", "text.png", "gone.png")
    data = imgen.run("inspect", "signed.png", "tagged.png", "--json").json["pictures"]

    assert lines.code == 8
    assert "\x1b" not in lines.stdout.decode()
    assert "fits these bytes, signer not on the list" in lines.stdout.decode()
    assert f"  IPTC    {MADE_BY_A_MODEL}" in lines.lines
    assert "  tag     names job abc234" in lines.lines
    assert "text.png is no whole picture: it is not a PNG, JPEG or WebP picture." in lines.stderr
    assert "gone.png cannot be read: No such file or directory." in lines.stderr
    assert data[0]["c2pa"]["source_type"] == SOURCE_TYPE
    assert (data[0]["c2pa"]["intact"], data[0]["c2pa"]["trusted"]) == (True, False)
    assert (data[1]["tagged_job"], data[1]["c2pa"]) == ("abc234", None)
    assert not imgen.home.exists()


def test_a_picture_that_is_none_is_a_mistake(imgen: Program) -> None:
    ended = imgen.run("inspect", "gone.png")

    assert (ended.code, ended.stdout) == (2, b"")

"""The page of pictures, written by the installed program and opened in a real browser without a network."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from typing import TYPE_CHECKING

import pytest
from PIL import Image

from cli.program.program import SMALL, Program

if TYPE_CHECKING:
    from pathlib import Path

BROWSER = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
QUIET = (
    "--headless",
    "--no-sandbox",  # its own, which a root of a container has no rights for
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--window-size=1200,900",
)
NASTY = 'an owl </script><script>alert(1)</script> "q" 狐'


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A page with a family of two, a job of two pictures of which one is gone, and a nasty prompt."""
    desk = tmp_path_factory.mktemp("desk")
    imgen = Program(tmp_path_factory.mktemp("home"), desk, {"IMGEN_SANDBOX_SECONDS": "0.1"})
    made = imgen.run("generate", NASTY, "--sandbox", *SMALL, "-n", "2", "-q", "-o", "owl.png")
    assert made.code == 0, made.stderr
    (desk / "owl-2.png").unlink()
    (desk / "mine.html").write_text("<html>")
    os.mkfifo(desk / "pipe.html")
    none, edited, written, again, quiet, taken, stdout, saved, elsewhere, device, pipe = imgen.run_lines(
        [
            (("gallery", "unknown"), {}, b""),
            (("edit", "in winter", "-i", str(desk / "owl-1.png"), "--sandbox", *SMALL, "-q", "-o", "w.png"), {}, b""),
            (("gallery", "--json"), {}, b""),
            (("gallery",), {}, b""),
            (("gallery", "-q"), {}, b""),
            (("gallery", "-o", "mine.html"), {}, b""),
            (("gallery", "-o", "-"), {}, b""),
            (("forget", imgen.jobs()[0].id), {}, b""),
            (("gallery", "-o", "no/such/folder/page.html"), {}, b""),
            (("gallery", "-o", "/dev/stdout", "--overwrite"), {}, b""),
            (("gallery", "-o", "pipe.html"), {}, b""),
        ]
    )
    assert (none.code, edited.code, again.code, elsewhere.code) == (2, 0, 0, 0), edited.stderr
    assert again.stderr.splitlines()[0] == "imgen: 1 of 3 pictures is not where it was saved."
    assert f"imgen download {imgen.jobs()[0].id}" in again.stderr
    assert (quiet.code, quiet.stderr) == (0, "")
    assert (device.code, pipe.code) == (2, 2)
    assert "is a pipe or a device" in device.stderr
    assert "is a pipe or a device" in pipe.stderr
    assert (taken.code, "--overwrite" in taken.stderr) == (2, True)
    assert stdout.stdout == (desk / "gallery.html").read_bytes()
    assert (saved.code, "nothing to close" in saved.stderr) == (0, True)
    path = desk / "gallery.html"
    assert written.json["gallery"] == {"path": str(path), "jobs": 2, "pictures": 2, "missing": 1}
    assert [file.name for file in desk.iterdir() if file.name.endswith(".part")] == []
    return path


def test_the_page_needs_nothing_beside_itself(page: Path) -> None:
    text = page.read_text("utf-8")

    assert "<script>alert(1)" not in text
    assert "default-src 'none'" in text
    assert not re.search(r"https?://", text)
    assert str(page.parent) not in text
    assert 'href="./owl-1.png"' in text
    assert len(re.findall(r'<img src="data:image/webp;base64,', text)) == 2
    assert "owl-2.png: it is not there any more" in text


@pytest.mark.skipif(BROWSER is None, reason="no Chromium on this machine; .ci/run installs it")
def test_a_browser_shows_it_and_its_search_finds(page: Path, tmp_path: Path) -> None:
    assert BROWSER
    profile = f"--user-data-dir={tmp_path / 'profile'}"
    shot = tmp_path / "shot.png"
    common = [BROWSER, *QUIET, profile]

    searched = subprocess.run(
        [*common, "--dump-dom", f"{page.as_uri()}#q=WINTER%20flash"], capture_output=True, timeout=50, check=True
    ).stdout.decode()
    subprocess.run([*common, f"--screenshot={shot}", page.as_uri()], capture_output=True, timeout=50, check=True)

    cards = re.findall(r"<article [^>]*>", searched)
    assert [("hidden" in card, "winter" in card) for card in cards] == [(False, True), (True, False)]
    assert ">1 of 2 jobs<" in searched
    with Image.open(shot) as picture:
        assert picture.size[0] == 1200
        colors = picture.convert("RGB").crop((0, 60, 700, 500)).getcolors(1 << 20)
    assert colors is None or len(colors) > 2000  # landscapes, not boxes of broken pictures


@pytest.mark.skipif(BROWSER is None, reason="no Chromium on this machine; .ci/run installs it")
def test_a_picture_is_zoomed_with_its_caption_and_the_arrows_go_on(page: Path, tmp_path: Path) -> None:
    """Driven by a script in a copy of the page, since the page itself lets no other script run."""
    assert BROWSER
    drive = """
      const send = (on, key) => on.dispatchEvent(new KeyboardEvent("keydown", {key, bubbles: true}));
      document.querySelector(".picture img").click();
      const first = caption.textContent + "|" + file.getAttribute("href") + "|" + full.open;
      send(document, "ArrowRight");
      const second = caption.textContent;
      full.close();
      search.value = "no such picture";
      search.dispatchEvent(new Event("input"));
      document.title = [first, second, none.hidden, count.value].join("#");
    """
    text = re.sub(r"<meta http-equiv[^>]*>", "", page.read_text("utf-8"))
    copy = tmp_path / "copy.html"
    copy.write_text(text.replace("</body>", f"<script>{drive}</script></body>"), "utf-8")

    ended = subprocess.run(
        [BROWSER, *QUIET, f"--user-data-dir={tmp_path / 'profile'}", "--dump-dom", copy.as_uri()],
        capture_output=True,
        timeout=50,
        check=True,
    ).stdout.decode()

    answer = re.search("<title>(.*?)</title>", ended, re.DOTALL)
    assert answer
    first, second, hidden, counted = answer[1].split("#")
    assert first == "in winter (w.png)|./w.png|true"
    assert second.endswith("(owl-1.png)")
    assert (hidden, counted) == ("false", "0 of 2 jobs")


def test_the_page_counts_once_and_says_its_keys(page: Path) -> None:
    text = page.read_text("utf-8")

    assert "2 jobs, 2 pictures</output>" in text
    assert text.count("2 jobs") == 2  # with the title of the window
    assert "/ to type, Esc to clear" in text
    assert "#q=" in text


@pytest.mark.skipif(os.name == "nt", reason="Windows has no pipes with a name of this kind")
def test_nothing_that_came_with_a_clone_is_written_through_or_waited_for(imgen: Program) -> None:
    assert imgen.run("generate", "an owl", "--sandbox", *SMALL, "-q", "-o", "owl.png").code == 0
    mine = imgen.cwd.parent / "bashrc"
    mine.write_text("mine")
    planted = imgen.cwd / ".gallery.html.part"
    planted.symlink_to(mine)
    through_link = imgen.run("gallery")
    planted.unlink()
    os.mkfifo(planted)
    through_pipe = imgen.run("gallery")

    assert (through_link.code, through_link.stderr) == (0, "")
    assert (through_pipe.code, through_pipe.stderr) == (0, "")
    assert mine.read_text() == "mine"
    os.mkfifo(imgen.cwd / "page.html")
    (imgen.cwd / "linked.html").symlink_to(mine)

    waits, linked = imgen.run("gallery", "-o", "page.html"), imgen.run("gallery", "-o", "linked.html")

    assert (waits.code, linked.code) == (2, 2)
    assert imgen.run("gallery", "-o", "linked.html", "--overwrite").code == 0
    assert mine.read_text() == "mine"

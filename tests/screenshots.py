"""Makes the pictures of the README from the real program: python tests/screenshots.py

The terminal's are read back through a terminal emulator and written as SVG; the gallery's comes from Chromium.
"""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from PIL import Image
from rich.console import Console
from rich.style import Style
from rich.text import Text

from cli.program.program import IMGEN, Program
from cli.program.terminal import terminal

if TYPE_CHECKING:
    from pyte import Screen
    from pyte.screens import Char

FOLDER = Path(__file__).parent.parent / ".readme"
WIDTH = 124
_COLORS = {"default": None, "brown": "yellow"}  # the emulator's own names
_PAGE = """\
<svg class="rich-terminal" viewBox="0 0 {width} {height}" xmlns="http://www.w3.org/2000/svg">
<style>
.{unique_id}-matrix {{ font-family: ui-monospace, "SF Mono", Menlo, Consolas, "DejaVu Sans Mono", monospace;
  font-size: {char_height}px; line-height: {line_height}px; }}
.{unique_id}-title {{ font-size: 18px; font-family: system-ui, sans-serif; }}
{styles}
</style>
<defs>
<clipPath id="{unique_id}-clip-terminal">
<rect x="0" y="0" width="{terminal_width}" height="{terminal_height}" />
</clipPath>
{lines}
</defs>
{chrome}
<g transform="translate({terminal_x}, {terminal_y})" clip-path="url(#{unique_id}-clip-terminal)">
{backgrounds}
<g class="{unique_id}-matrix">
{matrix}
</g>
</g>
</svg>
"""


def main() -> None:
    """Make them all."""
    FOLDER.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        desk = Path(folder) / "pictures"
        desk.mkdir()
        imgen = Program(Path(folder) / "home", desk, {"IMGEN_SANDBOX_SECONDS": "6"})
        live_view(imgen)
        models(imgen)
        gallery(imgen)


def live_view(imgen: Program) -> None:
    """Jobs of three services on their way, as `imgen wait` follows them."""
    for provider, prompt in (
        ("3daistudio", "a red fox in the snow"),
        ("reapi", "a lighthouse at dusk, long exposure"),
        ("3daistudio", "a tiny robot reading, soft light"),
    ):
        assert imgen.run("generate", prompt, "--sandbox", "-p", provider, "--no-wait").code == 0
    with terminal(imgen, *IMGEN, "wait", "--sandbox", width=WIDTH) as shown:
        shown.until(r"[4-6]\d %")
        write_svg("live", "imgen wait", shown.screen)
        shown.rest()


def models(imgen: Program) -> None:
    """The table of models."""
    with terminal(imgen, *IMGEN, "models", width=WIDTH) as shown:
        shown.rest()
        write_svg("models", "imgen models", shown.screen)


def gallery(imgen: Program) -> None:
    """A page of a few pictures and a family, in a browser."""
    quick = Program(imgen.home, imgen.cwd, {"IMGEN_SANDBOX_SECONDS": "0.2"})
    for number, (prompt, aspect) in enumerate(
        (("a lighthouse at dusk", "16:9"), ("a tall tower in the mist", "9:16"), ("a river at dawn, wide", "21:9"))
    ):
        run(quick, "generate", prompt, "-a", aspect, "-o", f"{number}.png")
    run(quick, "edit", "in winter, bluer", "-i", "0.png", "-o", "winter.png")
    run(quick, "edit", "and at night", "-i", "winter.png", "-o", "night.png")
    page = imgen.cwd / "gallery.html"
    assert quick.run("gallery", "-o", str(page)).code == 0
    browser = shutil.which("chromium")
    assert browser, "Chromium is needed for the gallery's picture"
    shot = imgen.cwd / "shot.png"
    options = ("--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", "--window-size=1280,900")
    profile = f"--user-data-dir={imgen.home / 'browser'}"
    subprocess.run([browser, *options, profile, f"--screenshot={shot}", page.as_uri()], check=True, capture_output=True)
    with Image.open(shot) as picture:
        picture.convert("RGB").save(FOLDER / "gallery.webp", quality=80)


def run(imgen: Program, *command: str) -> None:
    """Run one command to its good end."""
    ended = imgen.run(*command, "--sandbox", "-q")
    assert ended.code == 0, ended.stderr


def write_svg(name: str, title: str, screen: Screen) -> None:
    """What stands on the screen, below the command that brought it there."""
    used = max(number for number, line in enumerate(screen.display) if line.strip()) + 1
    console = Console(record=True, width=screen.columns, file=open("/dev/null", "w", encoding="utf-8"))  # noqa: SIM115, PTH123
    console.print(Text.assemble(("$ ", "bold green"), title))
    for row in range(used):
        cells = [screen.buffer[row][column] for column in range(screen.columns)]
        console.print(Text.assemble(*((cell.data, style(cell)) for cell in cells)), no_wrap=True, crop=True)
    svg = console.export_svg(title="imgen", code_format=_PAGE)
    (FOLDER / f"{name}.svg").write_text(svg, encoding="utf-8")


def style(cell: Char) -> Style:
    """How one cell looks."""
    return Style(color=_COLORS.get(cell.fg, cell.fg), bold=cell.bold)


if __name__ == "__main__":
    main()

"""Makes the pictures of the README from the real program: python tests/screenshots.py

The terminal's are read back through a terminal emulator and written as SVG; the gallery's comes from Chromium.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import tempfile
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from PIL import Image, ImageChops
from pyte import ByteStream, Screen
from rich.console import Console
from rich.style import Style
from rich.text import Text

from cli.program.program import IMGEN, OFTEN, Program, served
from cli.program.terminal import Terminal, terminal

if TYPE_CHECKING:
    from pyte.screens import Char

FOLDER = Path(__file__).parent.parent / ".readme"
DESK = Path("/tmp/pictures")
WIDTH = 80
TALL = "60"  # lines, so that nothing scrolls away
MARGIN = 24  # pixels below the gallery's last card
FIRST = "a red fox in the snow"
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
    DESK.mkdir()  # must be free: its path is seen in the pictures
    with ExitStack() as stack:
        stack.callback(shutil.rmtree, DESK)
        folder = stack.enter_context(tempfile.TemporaryDirectory())
        imgen = Program(Path(folder) / "home", DESK, {"IMGEN_SANDBOX_SECONDS": "6"})
        first_picture(imgen)
        gallery(replace(imgen, home=Path(folder) / "gallery"))
        screen(imgen, "help")
        screen(imgen, "options", "generate", "-h")
        screen(imgen, "uncertain", "generate", "a lost fox", "--sandbox", IMGEN_SANDBOX_FAULTS="lost-reply")
        with served(Path(folder) / "services", [], seconds=0.2) as origin:
            paid = replace(imgen, home=Path(folder) / "paid").at(origin)
            past_orders(paid)
            screen(paid, "history", "history")
            screen(paid, "costs", "costs", "--by", "service")
            screen(paid, "show", "show", COLORTERM="truecolor")
            screen(paid, "models", "models")


def first_picture(imgen: Program) -> None:
    """The first command of the README: on its way, at its end, and the picture that came."""
    command = ("generate", FIRST, "--sandbox", "-o", "fox.png")
    with terminal(imgen, *IMGEN, *command, width=WIDTH) as shown:
        shown.until(r"[4-6]\d ?%")
        write_svg("live", f'imgen generate "{FIRST}" --sandbox', shown.screen)
        shown.rest()
    with Image.open(imgen.cwd / "fox.png") as picture:
        picture.convert("RGB").resize((400, 400 * picture.height // picture.width)).save(
            FOLDER / "fox.webp", quality=80
        )
    quick = replace(imgen, variables={"IMGEN_SANDBOX_SECONDS": "0.5"})
    screen(quick, "saved", "generate", "a lighthouse at dusk", "-a", "16:9", "-n", "3", "-o", "shots/", "--sandbox")


def past_orders(imgen: Program) -> None:
    """A ledger with a few jobs at several services."""
    for service, prompt in (
        ("3daistudio", "a lighthouse at dusk, long exposure"),
        ("reapi", "a tiny robot reading, soft light"),
        ("gmicloud", "a poster for a jazz night"),
        ("reapi", "a red fox in the snow"),
    ):
        run(imgen, "generate", prompt, "-p", service, "-r", "1K", *OFTEN)


def screen(imgen: Program, name: str, *command: str, **variables: str) -> None:
    """What a command leaves on a terminal of 80 columns."""
    with terminal(imgen, *IMGEN, *command, width=WIDTH, LINES=TALL, **variables) as shown:
        shown.rest()
        write_svg(name, " ".join(["imgen", *map(quoted, command)]), understood(shown))


def understood(shown: Terminal) -> Screen:
    """The screen of a terminal that swallows the question whether it draws pictures; the emulator prints it."""
    screen = Screen(shown.screen.columns, shown.screen.lines)
    ByteStream(screen).feed(re.sub(rb"\x1b_G.*?\x1b\\", b"", shown.raw))
    return screen


def quoted(word: str) -> str:
    return f'"{word}"' if " " in word else word


def gallery(imgen: Program) -> None:
    """A page of a few pictures and a family, in a browser, cut where the page ends."""
    quick = replace(imgen, variables={"IMGEN_SANDBOX_SECONDS": "0.2"})
    for number, (prompt, aspect) in enumerate(
        (("a lighthouse at dusk", "16:9"), ("a tall tower in the mist", "9:16"), ("a river at dawn, wide", "21:9"))
    ):
        run(quick, "generate", prompt, "-a", aspect, "-o", f"{number}.png", "--sandbox")
    run(quick, "edit", "in winter, bluer", "-i", "0.png", "-o", "winter.png", "--sandbox")
    run(quick, "edit", "and at night", "-i", "winter.png", "-o", "night.png", "--sandbox")
    page = imgen.cwd / "gallery.html"
    assert quick.run("gallery", "-o", str(page)).code == 0
    browser = shutil.which("chromium")
    assert browser, "Chromium is needed for the gallery's picture"
    shot = imgen.cwd / "shot.png"
    options = ("--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", "--window-size=1280,4000")
    profile = f"--user-data-dir={imgen.home / 'browser'}"
    subprocess.run([browser, *options, profile, f"--screenshot={shot}", page.as_uri()], check=True, capture_output=True)
    with Image.open(shot) as picture:
        whole = picture.convert("RGB")
        below = Image.new("RGB", whole.size, whole.getpixel((0, whole.height - 1)))
        *_, bottom = ImageChops.difference(whole, below).getbbox() or (0, 0, 0, whole.height)
        whole.crop((0, 0, whole.width, min(bottom + MARGIN, whole.height))).save(FOLDER / "gallery.webp", quality=80)


def run(imgen: Program, *command: str) -> None:
    """Run one command to its good end."""
    ended = imgen.run(*command, "-q")
    assert ended.code == 0, ended.stderr


def write_svg(name: str, title: str, screen: Screen) -> None:
    """What stands on the screen, below the command that brought it there."""
    used = max(number for number, line in enumerate(screen.display) if line.strip()) + 1
    console = Console(record=True, width=screen.columns, file=open("/dev/null", "w", encoding="utf-8"))  # noqa: SIM115, PTH123
    console.print(Text.assemble(("$ ", "bold green"), title))
    for row in range(used):
        cells = [screen.buffer[row][column] for column in range(screen.columns)]
        console.print(Text.assemble(*((cell.data, style(cell)) for cell in cells)), no_wrap=True, crop=True)
    console.print()  # room for what hangs below the last line
    svg = console.export_svg(title="imgen", code_format=_PAGE)
    (FOLDER / f"{name}.svg").write_text(svg, encoding="utf-8")


def style(cell: Char) -> Style:
    """How one cell looks."""
    return Style(color=color(cell.fg), bgcolor=color(cell.bg), bold=cell.bold)


def color(name: str) -> str | None:
    """A colour as rich has it; the emulator writes one of many as six digits."""
    return f"#{name}" if re.fullmatch("[0-9a-f]{6}", name) else _COLORS.get(name, name)


if __name__ == "__main__":
    main()

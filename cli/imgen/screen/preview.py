"""Saved pictures drawn in the terminal, by a process of their own: whatever the terminal does, the job is not touched.

Run as a program, with how many lines to leave free and the pictures as arguments, it draws them and ends;
textual-image asks the terminal at import what it can show (kitty's protocol, sixel, or half blocks).
"""

from __future__ import annotations

import io
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from imgen.installation import installation
from imgen.screen.console import err

if TYPE_CHECKING:
    from collections.abc import Sequence

    from PIL.Image import Image

    from imgen.screen.console import Streams

_PATIENCE = 20.0  # seconds for all pictures
_MOST_ROWS = 24
_FEWEST_ROWS = 6
_BESIDE = 4  # pictures
_HIGH, _GAP = 480, 16  # pixels of pictures beside each other
_CELL = 2  # how much higher than wide a letter is, about


def show(pictures: Sequence[Path], streams: Streams, *, below: int = 3) -> None:
    """Draw the pictures where a person sees them; never fails, and does nothing without a terminal.

    `below` is how many lines of the screen are to stay free for what is printed after them.
    """
    if not pictures or streams.dumb or not (streams.stdin_is_terminal and streams.stdout_is_terminal):
        return
    if not can_draw():
        err(f"--show needs the extra preview:\n{installation().with_extra('preview')}")
        return
    try:
        subprocess.run(  # noqa: S603 (this very Python; -P: the folder we are in may hold anything)
            [sys.executable, "-P", "-m", "imgen.screen.preview", str(below), *map(str, pictures)],
            stderr=subprocess.DEVNULL,  # what the library writes there is for programmers
            timeout=_PATIENCE,
            check=True,
        )
    except KeyboardInterrupt:
        pass  # everything is saved
    except (OSError, subprocess.SubprocessError):
        err("The terminal could not show it; the file is there.")


def can_draw() -> bool:
    """Whether the library is installed."""
    from importlib.util import find_spec

    return find_spec("textual_image") is not None


def _draw(below: int, paths: Sequence[str]) -> None:
    """Draw the pictures beside each other, as high as the screen has room; those that cannot be drawn are named."""
    from PIL import Image as Picture
    from rich.console import Console
    from textual_image.renderable import Image as Drawn

    from imgen.files import open_regular
    from imgen.pictures.formats import Damaged
    from imgen.pictures.thumbnail import thumbnail
    from imgen_providers.errors import in_words

    console = Console()
    pictures = []
    for path in paths:
        try:
            with open_regular(Path(path)) as file:
                small = thumbnail(file.read())
        except (OSError, Damaged) as error:
            console.print(f"{Path(path).name} cannot be shown: {in_words(error)}.", markup=False)
            continue
        with Picture.open(io.BytesIO(small)) as picture:
            pictures.append(picture.convert("RGBA"))
    for at in range(0, len(pictures), _BESIDE):
        row = _beside(pictures[at : at + _BESIDE])
        lines = min(_MOST_ROWS, max(_FEWEST_ROWS, console.height - below - 1))
        most = int(console.width * row.height / row.width / _CELL)  # lines that it has at the full width
        console.print(Drawn(row, width="auto", height=max(1, min(lines, most))))


def _beside(pictures: Sequence[Image]) -> Image:
    """The pictures as one, from left to right, equally high."""
    from PIL import Image as Picture

    if len(pictures) == 1:
        return pictures[0]
    scaled = [each.resize((max(1, _HIGH * each.width // each.height), _HIGH)) for each in pictures]
    whole = Picture.new("RGBA", (sum(each.width + _GAP for each in scaled) - _GAP, _HIGH))
    left = 0
    for each in scaled:
        whole.paste(each, (left, 0))
        left += each.width + _GAP
    return whole


if __name__ == "__main__":
    _draw(int(sys.argv[1]), sys.argv[2:])

"""Saved pictures drawn in the terminal, by a process of their own: whatever the terminal does, the job is not touched.

Run as a program, with the pictures as arguments, it draws them and ends; textual-image asks the terminal at import
what it can show (kitty's protocol, sixel, or half blocks).
"""

from __future__ import annotations

import io
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from imgen.screen.console import err

if TYPE_CHECKING:
    from collections.abc import Sequence

    from imgen.screen.console import Streams

_PATIENCE = 20.0  # seconds for all pictures
_MOST_ROWS = 24


def show(pictures: Sequence[Path], streams: Streams) -> None:
    """Draw the pictures where a person sees them; never fails, and does nothing without a terminal."""
    if not pictures or streams.dumb or not (streams.stdin_is_terminal and streams.stdout_is_terminal):
        return
    if not can_draw():
        err("--show needs one more library: pip install 'imgen[preview]'")
        return
    try:
        subprocess.run(  # noqa: S603 (this very Python; -P: the folder we are in may hold anything)
            [sys.executable, "-P", "-m", "imgen.screen.preview", *map(str, pictures)],
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


def _draw(paths: Sequence[str]) -> None:
    from PIL import Image as Picture
    from rich.console import Console
    from textual_image.renderable import Image

    from imgen.files import open_regular
    from imgen.pictures.formats import Damaged
    from imgen.pictures.thumbnail import thumbnail
    from imgen_providers.errors import in_words

    console = Console()
    for path in paths:
        try:
            with open_regular(Path(path)) as file:
                small = thumbnail(file.read())
        except (OSError, Damaged) as error:
            console.print(f"{Path(path).name} cannot be shown: {in_words(error)}.", markup=False)
            continue
        with Picture.open(io.BytesIO(small)) as picture:
            console.print(Image(picture, width="auto", height=min(_MOST_ROWS, max(4, console.height - 4))))


if __name__ == "__main__":
    _draw(sys.argv[1:])

"""The system's own picture viewer, started beside us and left alone."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from imgen.screen.console import Streams

_OPENERS = ("open",) if sys.platform == "darwin" else ("xdg-open", "wslview")


def notify(title: str, text: str, streams: Streams) -> None:
    """Call the user: the terminal's bell, and a notification of the desktop where it has one."""
    from imgen.screen.console import err_raw

    if streams.stderr_is_terminal and not streams.dumb:
        err_raw("\a")
    if sys.platform == "darwin":
        command = ["osascript", "-e", f'display notification "{text}" with title "{title}"']
    else:
        command = ["notify-send", title, text]
    program = shutil.which(command[0])
    if program is not None:
        subprocess.Popen(  # noqa: S603 (the desktop's own program, with words of ours)
            [program, *command[1:]], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )


def has_viewer() -> bool:
    """Whether this system has a program that opens pictures."""
    return sys.platform == "win32" or _opener() is not None


def _opener() -> str | None:
    return next(filter(None, map(shutil.which, _OPENERS)), None)


def open_pictures(paths: Sequence[Path]) -> bool:
    """Show files in the program that the desktop opens them with; False where there is none."""
    if sys.platform == "win32":
        for path in paths:
            os.startfile(path)  # noqa: S606 (the desktop opens it)
        return True
    opener = _opener()
    if opener is None:
        return False
    for path in paths:
        subprocess.Popen(  # noqa: S603 (the desktop's own program, with a path of ours)
            [opener, str(path)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
    return True

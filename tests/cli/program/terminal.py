"""A command on a real terminal, read back through a terminal emulator."""

from __future__ import annotations

import os
import re
import select
import subprocess
import sys
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pyte
import pytest

from cli.program import forks
from cli.program.forks import FORKS
from cli.program.program import IMGEN

if TYPE_CHECKING:
    from collections.abc import Iterator

    from cli.program.forks import Fork
    from cli.program.program import Program

termios = pytest.importorskip("termios")

HEIGHT = 24
# The terminal becomes the one that Ctrl-C comes from.
ON_TERMINAL = "import os, sys; os.login_tty(0); os.execv(sys.argv[1], sys.argv[1:])"
PATIENCE = 20.0  # seconds


class Terminal:
    """A terminal with a command running on it."""

    def __init__(self, master: int, process: Fork | subprocess.Popen[bytes], width: int, height: int = HEIGHT) -> None:
        self.screen = pyte.Screen(width, height)
        self.process = process
        self.raw = b""
        self._master = master
        self._stream = pyte.ByteStream(self.screen)
        self._end = time.monotonic() + PATIENCE  # of the step under way

    @property
    def lines(self) -> list[str]:
        """What stands on the screen, without the empty lines."""
        return [line.rstrip() for line in self.screen.display if line.strip()]

    def until(self, pattern: str, *, lines: int = 1) -> None:
        """Read until so many lines on the screen hold the pattern."""
        self._end = time.monotonic() + PATIENCE
        while sum(re.search(pattern, line) is not None for line in self.lines) < lines:
            assert self._read(), f"ended before {pattern!r}: {self.lines}"

    def until_only(self, line: str) -> None:
        """Read until nothing but this line stands on the screen."""
        self._end = time.monotonic() + PATIENCE
        while self.lines != [line]:
            assert self._read(), f"ended before {line!r}: {self.lines}"

    def type(self, keys: bytes) -> None:
        """Press keys."""
        os.write(self._master, keys)

    def resize(self, width: int) -> None:
        """Make the terminal narrower or wider while the command runs."""
        termios.tcsetwinsize(self._master, (HEIGHT, width))
        self.screen.resize(HEIGHT, width)

    def hang_up(self) -> None:
        """Close the terminal while the command runs."""
        os.close(self._master)
        self._master = os.open(os.devnull, os.O_RDWR)

    def end(self) -> None:
        """Leave nothing behind."""
        self.process.kill()
        self.process.wait()
        os.close(self._master)

    def rest(self) -> int:
        """Read to the end; the exit code."""
        while self._read():
            pass
        return self.process.wait(PATIENCE)

    def _read(self) -> bool:
        left = self._end - time.monotonic()
        assert left > 0, f"it hangs: {self.lines}"
        if not select.select([self._master], [], [], left)[0]:
            return True
        try:
            data = os.read(self._master, 65536)
        except OSError:  # Linux says EIO when the last program has let go of a terminal
            return False
        self.raw += data
        self._stream.feed(data)
        return bool(data)


@contextmanager
def terminal(imgen: Program, *command: str, width: int = 200, **variables: str) -> Iterator[Terminal]:
    """Run a command on a terminal of its own, `width` columns wide; it is killed at the end of the block.

    It has 24 lines, or as many as the variable LINES has.
    """
    height = int(variables.get("LINES", HEIGHT))
    master, slave = os.openpty()
    termios.tcsetwinsize(slave, (height, width))
    environ = {**imgen.environ, **variables}
    process: Fork | subprocess.Popen[bytes]
    if command[: len(IMGEN)] == IMGEN and FORKS.suit({**imgen.variables, **variables}):
        arguments = command[len(IMGEN) :]
        process = FORKS.start(forks.IMGEN, arguments, [slave] * 3, imgen.cwd, environ, on_terminal=True)
    else:
        process = subprocess.Popen(
            [sys.executable, "-c", ON_TERMINAL, *command],
            stdin=slave,
            stdout=slave,
            stderr=slave,
            cwd=imgen.cwd,
            env=environ,
        )
    os.close(slave)
    shown = Terminal(master, process, width, height)
    try:
        yield shown
    finally:
        shown.end()

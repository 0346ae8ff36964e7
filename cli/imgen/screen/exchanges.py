"""What goes over the wire, on stderr, for `--verbose`; above the rows where a live display draws."""

from __future__ import annotations

import logging
import threading
from collections import deque
from contextlib import contextmanager
from typing import TYPE_CHECKING

from imgen.screen.console import err
from imgen.screen.text import for_log

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from imgen.jobs.progress import Display, JobView

# Named here and not imported: the module itself imports httpx, and a command may end before it needs that.
_LOG = logging.getLogger("imgen_providers.exchanges")


class ExchangeLines(logging.Handler):
    """Writes each exchange to stderr as soon as it has ended, from whatever thread; or holds the lines back."""

    def __init__(self) -> None:
        super().__init__(logging.DEBUG)
        self._held: deque[str] | None = None
        self._writing = threading.Lock()

    def emit(self, record: logging.LogRecord) -> None:
        """Write one exchange."""
        lines = [for_log(line) for line in record.getMessage().split("\n")]
        with self._writing:
            if self._held is None:
                err("\n".join(lines))
            else:
                self._held.extend(lines)

    def hold(self) -> deque[str]:
        """Write nothing from now on: the lines are added here, for the caller to show."""
        held = self._held = deque[str]()
        return held

    def let_go(self) -> None:
        """Write what is still held, and everything from now on as it comes."""
        with self._writing:
            held, self._held = self._held, None
            for line in held or ():
                err(line)


class ExchangesAbove:
    """A live display that shows the exchanges above its rows: what another thread writes would break those."""

    def __init__(self, display: Display, lines: ExchangeLines) -> None:
        self.interval = display.interval
        self._display = display
        self._lines = lines
        self._held = lines.hold()

    def show(self, jobs: Sequence[JobView]) -> None:
        """Show the exchanges since the last time, and the jobs below them."""
        while self._held:
            self._display.say(self._held.popleft())
        self._display.show(jobs)

    def say(self, text: str) -> None:
        """Tell the person one thing, once."""
        self._display.say(text)

    def close(self) -> None:
        """Leave the terminal as it was found; what comes later is written as it comes."""
        try:
            self._display.close()
        finally:
            self._lines.let_go()


@contextmanager
def exchanges_shown() -> Iterator[None]:
    """Exchanges with services are shown inside of this."""
    lines, level = ExchangeLines(), _LOG.level
    _LOG.addHandler(lines)
    _LOG.setLevel(logging.DEBUG)
    try:
        yield
    finally:
        _LOG.setLevel(level)
        _LOG.removeHandler(lines)


def shown_lines() -> ExchangeLines | None:
    """What shows the exchanges now, if anything does."""
    return next((handler for handler in _LOG.handlers if isinstance(handler, ExchangeLines)), None)

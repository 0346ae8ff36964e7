"""Which display suits the surroundings."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from imgen.screen.lines import LineDisplay

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from imgen.jobs.progress import Display, JobView
    from imgen.screen.console import Streams


class SilentDisplay:
    """Shows nothing: with `--quiet`, only the error at the end is printed."""

    interval = math.inf

    def show(self, jobs: Sequence[JobView]) -> None:
        """Show nothing."""

    def say(self, text: str) -> None:
        """Say nothing."""

    def close(self) -> None:
        """There is nothing to leave."""


def display_for(standard_streams: Streams, *, quiet: bool, clock: Callable[[], float]) -> Display:
    """Live bars on a terminal that can draw them, else one line per change; nothing when `quiet`.

    `clock` is monotonic, in seconds.
    """
    if quiet:
        return SilentDisplay()
    if draws_live(standard_streams, quiet=quiet):
        from imgen.screen.exchanges import ExchangesAbove, shown_lines
        from imgen.screen.live import LiveDisplay

        live, lines = LiveDisplay(standard_streams, clock=clock), shown_lines()
        return ExchangesAbove(live, lines) if lines else live
    return LineDisplay(clock)


def draws_live(standard_streams: Streams, *, quiet: bool) -> bool:
    """Whether `display_for` chooses the live view, which ends in the saved paths."""
    return standard_streams.stderr_is_terminal and not standard_streams.dumb and not standard_streams.ci and not quiet

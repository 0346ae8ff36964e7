"""A run of `imgen batch` while it goes on: one summary on a terminal, one line a change elsewhere."""

from __future__ import annotations

from typing import TYPE_CHECKING

from imgen.batch.report import Outcome
from imgen.screen.batch import result_line, tally_line
from imgen.screen.console import err
from imgen.screen.display import draws_live
from imgen.screen.text import for_log, one_line, padded

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from imgen.batch.report import AssetResult, Tally
    from imgen.jobs.progress import JobView
    from imgen.screen.console import Streams

_HEARTBEAT = 30.0  # seconds without a line
_GOES_WITHOUT_SAYING = (Outcome.CURRENT, Outcome.SKIPPED)


class BatchLines:
    """Writes a line to stderr for each asset that ends, and how far the run is when nothing was written for 30 s.

    `tally` is how far it is, `asset` the path that a job is for; `clock` is monotonic, in seconds.
    """

    interval = 5.0

    def __init__(
        self, tally: Callable[[], Tally], asset: Callable[[str], str], clock: Callable[[], float], *, quiet: bool
    ) -> None:
        self._tally = tally
        self._asset = asset
        self._accepted: set[str] = set()
        self._clock = clock
        self._quiet = quiet
        self._wrote_at = clock()

    def show(self, jobs: Sequence[JobView]) -> None:
        """Write what was accepted, and how far the run is, now and then."""
        accepted = {job.id: job for job in jobs if job.remote_id is not None}
        for job in accepted.values():
            if job.id not in self._accepted:
                self.say(f"{padded('accepted', 9)} {self._asset(job.id)}: {job.provider}, as {job.remote_id}")
        self._accepted = set(accepted)
        if jobs and self._clock() - self._wrote_at >= _HEARTBEAT:
            self.say(tally_line(self._tally()))

    def ended(self, result: AssetResult) -> None:
        """Write what came of an asset."""
        if result.outcome not in _GOES_WITHOUT_SAYING:
            self.say(result_line(result))

    def say(self, text: str) -> None:
        """Write one line."""
        self._wrote_at = self._clock()
        if not self._quiet:
            err(for_log(text))

    def close(self) -> None:
        """There is nothing to leave."""


class BatchLive:
    """Draws one summary at the bottom of a terminal; what went wrong stays above it as lines.

    `clock` is monotonic, in seconds.
    """

    interval = 0.2

    def __init__(self, tally: Callable[[], Tally], standard_streams: Streams, clock: Callable[[], float]) -> None:
        from rich.console import Console

        from imgen.screen.console import Stderr
        from imgen.screen.live_region import LiveRegion

        self._tally = tally
        self._clock = clock
        self._drawn_at = float("-inf")
        self._console = Console(
            file=Stderr(),  # type: ignore[arg-type]
            force_terminal=True,
            color_system="standard" if standard_streams.stderr_color else None,
            width=standard_streams.width,
            markup=False,
            highlight=False,
            emoji=False,
        )
        self._live = LiveRegion(console=self._console, auto_refresh=False, redirect_stdout=False, redirect_stderr=False)

    def show(self, jobs: Sequence[JobView]) -> None:  # noqa: ARG002 (the tally counts them)
        """Draw the summary anew, a few times a second."""
        if self._clock() - self._drawn_at >= self.interval:
            self._draw()

    def _draw(self) -> None:
        from rich.text import Text

        self._drawn_at = self._clock()
        self._live.start()
        self._live.update(Text(one_line(tally_line(self._tally()), self._console.width - 1)), refresh=True)

    def ended(self, result: AssetResult) -> None:
        """What went wrong, or is left to the user, stays as a line."""
        if result.problem and result.outcome not in _GOES_WITHOUT_SAYING:
            self.say(result_line(result))

    def say(self, text: str) -> None:
        """Print one line above the summary."""
        from rich.text import Text

        self._console.print(Text(for_log(text)))

    def close(self) -> None:
        """Leave the last summary, and give the cursor back."""
        self._draw()
        self._live.stop()


BatchDisplay = BatchLines | BatchLive


def batch_display(
    tally: Callable[[], Tally],
    asset: Callable[[str], str],
    standard_streams: Streams,
    clock: Callable[[], float],
    *,
    quiet: bool,
) -> BatchDisplay:
    """The summary on a terminal that can draw it, else lines; nothing when `quiet`."""
    if draws_live(standard_streams, quiet=quiet):
        return BatchLive(tally, standard_streams, clock)
    return BatchLines(tally, asset, clock, quiet=quiet)

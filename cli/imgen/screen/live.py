"""Jobs on a terminal: open ones as moving rows at the bottom, ended ones as lines that stay above.

Drawing happens only inside `show` and `say`; there is no thread.
"""

from __future__ import annotations

from typing import IO, TYPE_CHECKING, cast

from rich.console import Console, Group
from rich.text import Text

from imgen.records import State
from imgen.screen.console import Stderr
from imgen.screen.lines import tally
from imgen.screen.live_region import LiveRegion
from imgen.screen.rows import ASCII, UNICODE, Pen, basis, layout_for, unbroken

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from rich.console import RenderableType

    from imgen.jobs.progress import JobView
    from imgen.screen.console import Streams

_MOST_ROWS = 8
# Who comes first when there are more jobs than rows: the nearer to a picture, the higher.
_NEAREST_FIRST = (State.READY, State.RUNNING, State.SUBMITTING, State.QUEUED, State.PLANNED)


class _Stderr(Stderr):
    """stderr that remembers what was written last, also when an interrupt came within the write."""

    last = ""

    def write(self, text: str, /) -> int:
        try:
            return super().write(text)
        finally:
            self.last = text


class LiveDisplay:
    """Draws on stderr; `clock` is monotonic, in seconds, and moves what moves."""

    interval = 0.1

    def __init__(self, standard_streams: Streams, *, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._glyphs = UNICODE if standard_streams.unicode else ASCII
        self._file = _Stderr()
        self._console = Console(
            file=cast("IO[str]", self._file),
            force_terminal=True,
            force_interactive=True,
            color_system="standard" if standard_streams.stderr_color else None,
            width=standard_streams.width,
            markup=False,
            highlight=False,
            emoji=False,
        )
        self._live = LiveRegion(
            console=self._console,
            auto_refresh=False,
            redirect_stdout=False,
            redirect_stderr=False,
            vertical_overflow="crop",
        )
        self._jobs: tuple[JobView, ...] = ()
        self._printed: set[str] = set()

    def show(self, jobs: Sequence[JobView]) -> None:
        """Draw the open jobs anew; a job that has ended moves up and stays."""
        self._drop_written()
        self._jobs = tuple(jobs)
        self._live.start()
        pen = self._pen()
        with self._console:
            self._live.update(self._frame(pen))
            self._print_ended(pen, [job for job in jobs if job.done])
            self._live.refresh()

    def say(self, text: str) -> None:
        """Print one line above the rows."""
        self._drop_written()
        self._print(unbroken(self._pen().shown(text)))

    def close(self) -> None:
        """Take the rows away, let each open job stay as a line, and give the cursor back."""
        try:
            self._drop_written()
            self._live.update(Group())
            self._print_ended(self._pen(), self._jobs)
        finally:
            self._live.stop()

    def _drop_written(self) -> None:
        """Drop what was written already: rich keeps it after a Ctrl-C within the write, and would write it again."""
        written = self._file.last
        self._console.begin_capture()
        left = self._console.end_capture()
        if left and left != written:
            self._file.write(left)

    def _print_ended(self, pen: Pen, jobs: Sequence[JobView]) -> None:
        for job in jobs:
            if job.id not in self._printed:
                self._printed.add(job.id)
                self._print(*pen.block(job))

    def _print(self, *lines: RenderableType) -> None:
        # In a Group, because print() joins bare Texts into one that forgets which of them may be wrapped.
        self._console.print(Group(*lines), crop=False)

    def _pen(self) -> Pen:
        # One column stays free: some terminals wrap as soon as the last one is written.
        return Pen(
            glyphs=self._glyphs,
            width=self._console.width - 1,
            id_width=max((len(job.id) for job in self._jobs), default=0),
            now=self._clock(),
        )

    def _frame(self, pen: Pen) -> Group:
        going_on_there = [job for job in self._jobs if not job.done]
        most = max(1, min(_MOST_ROWS, self._console.height // 2))
        rows = going_on_there
        if len(going_on_there) > most:
            rows = sorted(going_on_there, key=_nearness)[:most]
        lines = [pen.row(job) for job in rows]
        notes = [tally(self._jobs)] if len(self._jobs) > most else []
        if not layout_for(pen.width).basis:
            notes += _legend(rows)
        lines += [Text(f"  {note}", "dim") for note in notes]
        for line in lines:
            line.truncate(pen.width)
        return Group(*lines)


def _nearness(job: JobView) -> int:
    return _NEAREST_FIRST.index(job.state) if job.state in _NEAREST_FIRST else 0


def _legend(rows: Sequence[JobView]) -> list[str]:
    """What the estimates in these rows rest on, where a row has no room to say it."""
    bases = {basis(job.progress): None for job in rows if job.progress and job.progress.basis == "estimate"}
    return [f"~ estimate: {', '.join(bases)}"] if bases else []

"""How one job looks on a live terminal: a row while it is open, a short block once it has ended."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from rich.padding import Padding
from rich.text import Text

from imgen.records import State
from imgen.screen.durations import clock, span
from imgen.screen.prices import made_text
from imgen.screen.states import state_word
from imgen.screen.text import one_line, padded, plain

if TYPE_CHECKING:
    from rich.console import RenderableType

    from imgen.jobs.progress import JobView, Progress

_FRAMES_PER_SECOND = 10
_PULSE = 3  # columns of the part that moves while it is not known how far a job is
_LONGEST_PROMPT = 60
_WARNING = "yellow"


@dataclass(frozen=True, slots=True)
class Glyphs:
    """What rows are drawn with.

    A bar is `full` as far as the service gave a number, `guess` as far as we estimate, then `rest`.
    """

    spinner: str
    idle: str
    done: str
    failed: str
    warning: str
    full: str
    guess: str
    rest: str
    ellipsis: str


UNICODE = Glyphs("⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏", "·", "✓", "✗", "!", "━", "╍", "─", "…")
ASCII = Glyphs("|/-\\", ".", "+", "x", "!", "#", "~", "-", "...")


@dataclass(frozen=True, slots=True)
class Layout:
    """Columns for the facts behind a prompt; without a bar, a state gives way to the amount it has reached.

    `basis` says whether there is room to say behind each estimate what it rests on.
    """

    state: int
    bar: int
    amount: int
    time: int
    basis: bool

    @property
    def facts(self) -> int:
        """All of them together, with the gaps between."""
        return self.state + self.time + (self.bar + self.amount + 4 if self.bar else 1)


def layout_for(width: int) -> Layout:
    """The layout that leaves a prompt its room in a terminal of `width` columns."""
    if width >= 120:
        return Layout(state=10, bar=24, amount=6, time=39, basis=True)
    if width >= 64:
        return Layout(state=10, bar=12, amount=6, time=18, basis=False)
    return Layout(state=10, bar=0, amount=0, time=10, basis=False)


@dataclass(frozen=True, slots=True)
class Pen:
    """Draws jobs with these glyphs into `width` columns, at `now` seconds of a monotonic clock."""

    glyphs: Glyphs
    width: int
    id_width: int
    now: float

    def shown(self, text: str) -> str:
        """The text made harmless, and drawable with these glyphs."""
        text = plain(text)
        return text if self.glyphs is UNICODE else text.encode("ascii", "backslashreplace").decode()

    def row(self, job: JobView) -> Text:
        """An open job on one line: who, what, how far, how long."""
        layout = layout_for(self.width)
        row = Text(no_wrap=True)
        row.append(self._moving_glyph(job.state), _color(job.state))
        row.append(f" {padded(job.id, self.id_width)}  ")
        prompt = min(_LONGEST_PROMPT, self.width - row.cell_len - 2 - layout.facts)
        if prompt > 0:
            row.append(padded(self._cut(job.prompt, prompt), prompt) + "  ")
        row.append_text(self._facts(job, layout) if layout.bar else self._few_facts(job, layout))
        row.truncate(self.width)
        return row

    def block(self, job: JobView) -> list[RenderableType]:
        """A job that has ended, or is left as it is: a heading, its paths, and what there is to say of it."""
        color = _color(job.state)
        heading = Text.assemble(
            (self._final_glyph(job.state), color),
            f" {padded(job.id, self.id_width)}  ",
            (_ending(job), _word(color)),
            (f"  {made_text(job.record)}  " if job.saved and job.record else "  "),
        )
        room = self.width - heading.cell_len
        heading.append(self._cut(job.prompt, min(_LONGEST_PROMPT, room)), "dim")
        lines: list[RenderableType] = [heading]
        lines += [unbroken(f"  {self.shown(str(path))}") for path in job.saved]
        notes = [Text(f"not as ordered: {self.shown(text)}") for text in job.differences]
        if job.problem:
            notes.append(Text(self.shown(job.problem.message), "" if color == _WARNING else color))
        return [*lines, *(Padding.indent(note, 2) for note in notes)]

    def _facts(self, job: JobView, layout: Layout) -> Text:
        facts = Text.assemble((f"{_state(job):<{layout.state}}  ", _word(_color(job.state))))
        if job.activity:
            return facts.append(self._cut(job.activity, layout.facts - layout.state - 2))
        facts.append_text(self._bar(job, layout.bar))
        facts.append(f" {_amount(job):>{layout.amount}} ")
        time = f"{clock(job.elapsed):>5}"
        if job.progress and job.progress.remaining is not None:
            time += f", {_remaining(job.progress, job.progress.remaining)}"
            time += f" ({basis(job.progress)})" if layout.basis else ""
        return facts.append(time, "dim")

    def _few_facts(self, job: JobView, layout: Layout) -> Text:
        if job.activity:
            return Text(self._cut(job.activity, layout.facts))
        facts = Text.assemble((f"{_amount(job) or _state(job):<{layout.state}} ", _word(_color(job.state))))
        if job.progress and job.progress.remaining is not None:
            return facts.append(_remaining(job.progress, job.progress.remaining), "dim")
        return facts.append(clock(job.elapsed), "dim")

    def _bar(self, job: JobView, width: int) -> Text:
        """Solid where the service gives a number, dashed where we estimate, moving where neither is known."""
        glyph, style, start, end = self.glyphs.full, "cyan", 0, 0
        match job.state:
            case State.RUNNING if job.progress:
                end = round(min(max(job.progress.fraction, 0.0), 1.0) * width)
                if job.progress.basis == "estimate":
                    glyph, style = self.glyphs.guess, "dim cyan"
            case State.SUBMITTING | State.RUNNING | State.READY:
                front = self._frame % (width + _PULSE - 1) + 1
                start, end = max(front - _PULSE, 0), min(front, width)
            case _:
                pass
        rest = self.glyphs.rest
        return Text.assemble((rest * start, "dim"), (glyph * (end - start), style), (rest * (width - end), "dim"))

    def _moving_glyph(self, state: State) -> str:
        if state in (State.SUBMITTING, State.RUNNING, State.READY):
            return self.glyphs.spinner[self._frame % len(self.glyphs.spinner)]
        return self._final_glyph(state)

    def _final_glyph(self, state: State) -> str:
        match state:
            case State.SAVED:
                return self.glyphs.done
            case State.FAILED | State.CANCELLED:
                return self.glyphs.failed
            case State.READY | State.EXPIRED | State.UNCERTAIN:
                return self.glyphs.warning
            case State.PLANNED | State.SUBMITTING | State.QUEUED | State.RUNNING:
                return self.glyphs.idle

    @property
    def _frame(self) -> int:
        return int(self.now * _FRAMES_PER_SECOND)

    def _cut(self, text: str, width: int) -> str:
        return one_line(self.shown(text), max(width, 0), self.glyphs.ellipsis)


def unbroken(text: str) -> Text:
    """A line that only the terminal wraps: a path or a command broken by us cannot be copied or clicked."""
    return Text(text, no_wrap=True, overflow="ignore")


def basis(progress: Progress) -> str:
    """What a number rests on: "service", "from 34 of yours" or "typical"."""
    if progress.basis == "service":
        return "service"
    return f"from {progress.samples} of yours" if progress.samples else "typical"


def _color(state: State) -> str:
    match state:
        case State.SAVED:
            return "green"
        case State.FAILED | State.CANCELLED:
            return "red"
        case State.EXPIRED | State.UNCERTAIN:
            return _WARNING
        case State.SUBMITTING | State.RUNNING | State.READY:
            return "cyan"
        case State.PLANNED | State.QUEUED:
            return "dim"


def _word(color: str) -> str:
    """How the word beside a sign looks; yellow is for the sign alone, because it cannot be read on white."""
    return "bold" if color == _WARNING else color


def _state(job: JobView) -> str:
    if job.state is State.QUEUED and job.position is not None:
        return f"queued #{job.position}"
    return "saving" if job.state is State.READY and job.received else state_word(job.state, job.remote_id)


def _amount(job: JobView) -> str:
    if job.state is State.READY and job.received:
        return _size(job.received)
    if job.state is State.RUNNING and job.progress:
        mark = "~" if job.progress.basis == "estimate" else ""
        return f"{mark}{job.progress.fraction * 100:.0f}%"
    return ""


def _size(count: int) -> str:
    if count < 1e6:
        return f"{count / 1e3:.0f} kB"
    return f"{count / 1e6:.1f} MB" if count < 1e7 else f"{count / 1e6:.0f} MB"


def _remaining(progress: Progress, seconds: float) -> str:
    mark = "~" if progress.basis == "estimate" else ""
    return f"{mark}{clock(seconds)} left"


def _ending(job: JobView) -> str:
    """How a job stands, and after how long where that is known: not for one that ended while imgen was away."""
    after = f" after {span(job.elapsed)}" if job.watched else ""
    match job.state:
        case State.CANCELLED if job.remote_id is None:
            return state_word(job.state, None)
        case State.SAVED if job.was_saved:
            return "already saved"
        case State.SAVED:
            return f"saved in {span(job.elapsed)}" if job.watched else "saved"
        case State.READY:
            return f"not saved{after}"
        case State.PLANNED | State.SUBMITTING | State.QUEUED | State.RUNNING:
            return f"still {job.state} after {span(job.elapsed)}"
        case State.FAILED | State.CANCELLED | State.EXPIRED | State.UNCERTAIN:
            return f"{state_word(job.state, job.remote_id)}{after}"

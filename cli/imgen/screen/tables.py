"""Jobs and models as aligned columns: as many as a terminal has room for, all of them in a pipe."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from itertools import starmap
from typing import TYPE_CHECKING

from imgen.jobs.records import ResultState, State
from imgen.screen.durations import ago, left, span
from imgen.screen.text import cells, for_log, one_line, padded

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from imgen.jobs.records import JobRecord
    from imgen_providers.catalog import PixelTable, Price

_GAP = "  "
_LEAST_PROMPT = 12  # columns of a terminal; less of a prompt tells nobody anything
_BOLD, _OFF = "\x1b[1m", "\x1b[0m"


@dataclass(frozen=True, slots=True)
class ModelRow:
    """One model at one service, as `imgen models` shows it.

    `title` is the service's name in full, `references` the most pictures an edit takes. `prices` are per
    picture, by resolution; a missing one is unknown. `link_seconds` is how long a link lives, None where no
    document says.
    """

    family: str
    service: str
    title: str
    remote_id: str
    resolutions: tuple[str, ...]
    aspects: tuple[str, ...]
    references: int
    formats: tuple[str, ...]
    prices: Mapping[str, Price]
    link_seconds: float | None
    key_set: bool


@dataclass(frozen=True, slots=True)
class Column:
    """One column of a table; where there is no room for all, the one with the highest `spare` goes first."""

    heading: str
    texts: tuple[str, ...]
    spare: int = 0

    @property
    def width(self) -> int:
        """In columns of a terminal."""
        return max(map(cells, (self.heading, *self.texts)))


def job_lines(jobs: Sequence[JobRecord], now: float, *, width: int | None) -> list[str]:
    """One line per job: id, state, model, age, what is left of its link, prompt.

    `now` is in seconds since 1970; `width` None keeps every line whole, for a pipe.
    """
    columns = [
        Column("", tuple(job.id for job in jobs)),
        Column("", tuple(job.state for job in jobs)),
        Column("", tuple(for_log(f"{job.provider}/{job.request.model}") for job in jobs), spare=1),
        Column("", tuple(ago(now - job.created_at) for job in jobs), spare=2),
        Column("", tuple(_link(job, now) for job in jobs)),
    ]
    columns = _fitting([column for column in columns if any(column.texts)], width)
    prompts = (_prompt(job, None if width is None else width - _total(columns)) for job in jobs)
    return _aligned([*columns, Column("", tuple(prompts))])


def model_table(rows: Sequence[ModelRow], *, width: int | None, color: bool = False) -> list[str]:
    """A heading and one line per model; columns are left out until the rest fits `width`, none for a pipe."""
    columns = [
        Column("MODEL", tuple(row.family for row in rows)),
        Column("SERVICE", tuple(row.service for row in rows)),
        Column("KEY", tuple("set" if row.key_set else "missing" for row in rows)),
        Column("PRICE", tuple(_price_range(row.prices) for row in rows)),
        Column("RESOLUTIONS", tuple(" ".join(row.resolutions) for row in rows), spare=2),
        Column("REFERENCES", tuple(str(row.references) for row in rows), spare=4),
        Column("LINK LIVES", tuple(_life(row.link_seconds) for row in rows), spare=3),
        Column("FORMATS", tuple(" ".join(row.formats) for row in rows), spare=5),
        Column("ID", tuple(f"{row.service}/{row.remote_id}" for row in rows), spare=1),
    ]
    heading, *lines = _aligned(_fitting(columns, width))
    return [f"{_BOLD}{heading}{_OFF}" if color else heading, *lines]


@dataclass(frozen=True, slots=True)
class LiveModel:
    """A model that a service itself lists, and whether the catalogue has it."""

    service: str
    remote_id: str
    listed: bool


def live_table(models: Sequence[LiveModel]) -> list[str]:
    """One line per model: its exact name for `-m`, and whether imgen checks requests for it."""
    return _aligned(
        [
            Column("ID", tuple(for_log(f"{model.service}/{model.remote_id}") for model in models)),
            Column("CATALOGUE", tuple("yes" if model.listed else "no, unchecked" for model in models)),
        ]
    )


def model_detail(row: ModelRow, pixels: PixelTable, *, color: bool = False) -> list[str]:
    """Everything about one model, and its picture sizes in pixels by aspect and resolution."""
    facts = {
        "id": f"{row.service}/{row.remote_id}",
        "key": "set" if row.key_set else "missing",
        "price": ", ".join(starmap(_priced, row.prices.items())) or "unknown",
        "resolutions": ", ".join(row.resolutions),
        "aspects": ", ".join(row.aspects),
        "references": f"up to {row.references}",
        "formats": ", ".join(row.formats),
        "link lives": _life(row.link_seconds),
    }
    title = f"{row.family} at {row.title}"
    lines = _aligned([Column("", tuple(f"  {name}" for name in facts)), Column("", tuple(facts.values()))])
    return [f"{_BOLD}{title}{_OFF}" if color else title, *lines, *_pixel_lines(row.aspects, pixels)]


def _pixel_lines(aspects: Iterable[str], pixels: PixelTable) -> list[str]:
    known = [aspect for aspect in aspects if any(aspect in sizes for sizes in pixels.values())]
    if not known:
        return []
    columns = [
        Column(resolution, tuple(_size(sizes.get(aspect)) for aspect in known)) for resolution, sizes in pixels.items()
    ]
    return ["", *_aligned([Column("  pixels", tuple(f"  {aspect}" for aspect in known)), *columns])]


def _size(size: tuple[int, int] | None) -> str:
    return f"{size[0]}x{size[1]}" if size else "unknown"


def _link(job: JobRecord, now: float) -> str:
    """What is left of the first link of a picture that is not here yet."""
    if job.state is State.EXPIRED:
        return left(0)
    if not any(result.state is ResultState.READY for result in job.results):
        return ""
    return left(None if job.expires_at is None else job.expires_at - now)


def _life(seconds: float | None) -> str:
    return "unknown" if seconds is None else span(seconds)


def _priced(resolution: str, price: Price) -> str:
    return f"{resolution} {price.amount} {price.unit} (seen {price.seen})"


def _price_range(prices: Mapping[str, Price]) -> str:
    if not prices:
        return "unknown"
    cheap = min(prices.values(), key=_amount)
    dear = max(prices.values(), key=_amount)
    amounts = cheap.amount if cheap.amount == dear.amount else f"{cheap.amount} to {dear.amount}"
    return f"{amounts} {cheap.unit}"


def _amount(price: Price) -> Decimal:
    return Decimal(price.amount)


def _prompt(job: JobRecord, room: int | None) -> str:
    if room is None:
        return for_log(job.request.prompt)
    room -= len(_GAP)
    return one_line(job.request.prompt, room) if room >= _LEAST_PROMPT else ""


def _total(columns: Sequence[Column]) -> int:
    return sum(column.width for column in columns) + len(_GAP) * (len(columns) - 1)


def _fitting(columns: list[Column], width: int | None) -> list[Column]:
    """The columns that fit; those with `spare` 0 stay whatever the width."""
    while width is not None and _total(columns) > width and any(column.spare for column in columns):
        first_to_go = max(columns, key=lambda column: column.spare)
        columns = [column for column in columns if column is not first_to_go]
    return columns


def _aligned(columns: Sequence[Column]) -> list[str]:
    """The columns line by line, under their headings where they have any."""
    lines = zip(*(column.texts for column in columns), strict=True)
    headings = [tuple(column.heading for column in columns)] if any(c.heading for c in columns) else []
    widths = [column.width for column in columns]
    return [
        _GAP.join(padded(text, width) for text, width in zip(line, widths, strict=True)).rstrip()
        for line in [*headings, *lines]
    ]

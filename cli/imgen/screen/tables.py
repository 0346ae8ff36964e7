"""Jobs and models as aligned columns: as many as a terminal has room for, all of them in a pipe."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from itertools import starmap
from typing import TYPE_CHECKING

from imgen.jobs.budget import best_known
from imgen.jobs.expiry import lost_cost
from imgen.jobs.records import ResultState, State
from imgen.screen.durations import ago, left, span
from imgen.screen.text import cells, for_log, one_line, padded, plain
from imgen.settings import Layer, Value
from imgen_providers.catalog import SERVICES
from imgen_providers.pixels import PixelTable
from imgen_providers.rows import Price

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from imgen.jobs.again import Difference
    from imgen.jobs.expiry import Loss
    from imgen.jobs.records import JobRecord, Result

_GAP = "  "
_LEAST_VALUE = 12  # columns of a terminal; a setting shows that much of its value in any
_LEAST_PROMPT = 12  # columns of a terminal; less of a prompt tells nobody anything
_BOLD, _OFF = "\x1b[1m", "\x1b[0m"


@dataclass(frozen=True, slots=True)
class ModelRow:
    """One model at one service, as `imgen models` shows it.

    `title` is the service's name in full, `references` the most pictures an edit takes, `reference_price` what each
    of them costs. `prices` are per picture, by resolution; a missing one is unknown. `link_seconds` is how long a
    link lives, None where no document says. `pixels` is there where one model is asked for.
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
    reference_price: Price | None
    link_seconds: float | None
    key_set: bool
    pixels: PixelTable | None


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


def history_lines(jobs: Sequence[JobRecord], now: float, *, width: int | None) -> list[str]:
    """One line per job of any time: id, state, age, model, estimated cost, prompt; `now` and `width` as above."""
    columns = [
        Column("", tuple(job.id for job in jobs)),
        Column("", tuple(job.state for job in jobs)),
        Column("", tuple(ago(now - job.created_at) for job in jobs), spare=1),
        Column("", tuple(plain(f"{job.provider}/{job.request.model}") for job in jobs), spare=2),
        Column("", tuple(_cost(job) for job in jobs), spare=3),
    ]
    columns = _fitting(columns, width)
    prompts = (_prompt(job, None if width is None else width - _total(columns)) for job in jobs)
    return _aligned([*columns, Column("", tuple(prompts))])


def lost_lines(jobs: Sequence[JobRecord], now: float, *, width: int | None) -> list[str]:
    """One line per job with lost pictures: id, how many, model, age, what they cost, prompt."""
    columns = [
        Column("", tuple(job.id for job in jobs)),
        Column("", tuple(f"{job.lost} of {len(job.results)} lost" for job in jobs)),
        Column("", tuple(for_log(f"{job.provider}/{job.request.model}") for job in jobs), spare=1),
        Column("", tuple(ago(now - job.created_at) for job in jobs), spare=2),
        Column("", tuple(_lost_cost(job) for job in jobs)),
    ]
    columns = _fitting(columns, width)
    prompts = (_prompt(job, None if width is None else width - _total(columns)) for job in jobs)
    return _aligned([*columns, Column("", tuple(prompts))])


def difference_lines(job_id: str, differences: Sequence[Difference]) -> list[str]:
    """How an order differs from the job it repeats, a line for each thing."""
    if not differences:
        return [f"The order of job {job_id} once more, unchanged."]
    shown = [
        (each.field, *(one_line(text or "(not set)", 60) for text in (each.before, each.after))) for each in differences
    ]
    return [
        f"The order of job {job_id} once more, with:",
        *_aligned(
            [
                Column("", tuple(f"  {field}" for field, _, _ in shown)),
                Column("", tuple(f"{before} -> {after}" for _, before, after in shown)),
            ]
        ),
    ]


def losses_line(losses: Sequence[Loss]) -> str:
    """All that was lost, in one sentence, such as "Lost: 3 pictures, for 45 credits at 3D AI Studio." """
    pictures = sum(loss.pictures for loss in losses)
    known = [f"{loss.amount} {loss.unit} at {SERVICES[loss.provider].title}" for loss in losses if loss.amount]
    unpriced = sum(loss.pictures for loss in losses if loss.amount is None)
    price = f", for {' and '.join(known)}" if known else ""
    unknown = f", {unpriced if known else 'all'} of them at an unknown price" if unpriced else ""
    return f"Lost: {pictures} {'picture' if pictures == 1 else 'pictures'}{price}{unknown}."


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


@dataclass(frozen=True, slots=True)
class SettingEntry:
    """One setting for a program: its value (null: not set), and the layer, variable or line of a file that says so."""

    name: str
    value: Value | None
    source: Layer
    variable: str | None
    file: str | None
    line: int | None


@dataclass(frozen=True, slots=True)
class SettingRow:
    """One setting, as `imgen config` shows it; `value` None is not set."""

    name: str
    value: Value | None
    source: str


def setting_table(rows: Sequence[SettingRow], *, width: int | None, color: bool = False) -> list[str]:
    """A heading and one line per setting; values are cut where a terminal has no room, never in a pipe."""
    names = Column("SETTING", tuple(row.name for row in rows))
    sources = Column("FROM", tuple(plain(row.source) for row in rows))
    values = Column("VALUE", tuple(_value(row.value) for row in rows))
    if width is not None:
        room = max(width - _total([names, sources]) - len(_GAP), _LEAST_VALUE)
        values = Column("VALUE", tuple(one_line(text, room) for text in values.texts))
    heading, *lines = _aligned([names, values, sources])
    return [f"{_BOLD}{heading}{_OFF}" if color else heading, *lines]


def _value(value: Value | None) -> str:
    match value:
        case None:
            return "not set"
        case bool():
            return str(value).lower()
        case tuple():
            return ", ".join(value)
        case float():
            return f"{value:g}"
        case _:
            return plain(str(value))


def live_table(models: Sequence[LiveModel]) -> list[str]:
    """One line per model: its exact name for `-m`, and whether imgen checks requests for it."""
    return _aligned(
        [
            Column("ID", tuple(for_log(f"{model.service}/{model.remote_id}") for model in models)),
            Column("CATALOGUE", tuple("yes" if model.listed else "no, unchecked" for model in models)),
        ]
    )


def model_detail(row: ModelRow, *, color: bool = False) -> list[str]:
    """Everything about one model, and its picture sizes in pixels by aspect and resolution."""
    facts = {
        "id": f"{row.service}/{row.remote_id}",
        "key": "set" if row.key_set else "missing",
        "price": ", ".join(starmap(_priced, row.prices.items())) or "unknown",
        "resolutions": ", ".join(row.resolutions),
        "aspects": ", ".join(row.aspects),
        "references": f"up to {row.references}" + _apart(row.reference_price),
        "formats": ", ".join(row.formats),
        "link lives": _life(row.link_seconds),
    }
    title = f"{row.family} at {row.title}"
    lines = _aligned([Column("", tuple(f"  {name}" for name in facts)), Column("", tuple(facts.values()))])
    return [f"{_BOLD}{title}{_OFF}" if color else title, *lines, *_pixel_lines(row.aspects, row.pixels or {})]


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


def _cost(job: JobRecord) -> str:
    if job.sandbox:
        return "sandbox"
    cost = best_known(job)
    return f"{cost.amount} {cost.unit}" if cost.amount else "cost unknown"


def _link(job: JobRecord, now: float) -> str:
    """What is left of the links of the pictures that are not here yet: "1 of 4 dead, 2 of 4 23 h left"."""
    if job.state not in (State.READY, State.EXPIRED):
        return ""
    texts = Counter(_life_left(result, now) for result in job.results if result.state is not ResultState.SAVED)
    if len(texts) == 1 and texts.total() == len(job.results):
        return next(iter(texts))
    return ", ".join(f"{number} of {len(job.results)} {text}" for text, number in texts.items())


def _life_left(result: Result, now: float) -> str:
    if result.state is ResultState.EXPIRED:
        return left(0)
    if result.kept:
        return "on this disk"  # it came with the answer
    if result.expires_at is not None and result.expires_at <= now:
        return "may be dead"  # until somebody asks
    return left(None if result.expires_at is None else result.expires_at - now)


def _lost_cost(job: JobRecord) -> str:
    if job.sandbox:
        return "nothing (sandbox)"
    cost = lost_cost(job)
    return f"{cost.amount} {cost.unit}" if cost.amount else "price unknown"


def _life(seconds: float | None) -> str:
    return "unknown" if seconds is None else span(seconds)


def _priced(resolution: str, price: Price) -> str:
    return f"{resolution} {price.amount} {price.unit} (seen {price.seen})"


def _apart(price: Price | None) -> str:
    return f", {price.amount} {price.unit} each (seen {price.seen})" if price else ""


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


def table(columns: list[Column], width: int | None) -> list[str]:
    """The columns line by line under their headings, as many as fit; `width` None keeps all, for a pipe."""
    return _aligned(_fitting(columns, width))


def _aligned(columns: Sequence[Column]) -> list[str]:
    """The columns line by line, under their headings where they have any."""
    lines = zip(*(column.texts for column in columns), strict=True)
    headings = [tuple(column.heading for column in columns)] if any(c.heading for c in columns) else []
    widths = [column.width for column in columns]
    return [
        _GAP.join(padded(text, width) for text, width in zip(line, widths, strict=True)).rstrip()
        for line in [*headings, *lines]
    ]

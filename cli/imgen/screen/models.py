"""Models as a table, one of them in full, and what services list themselves."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from itertools import starmap
from typing import TYPE_CHECKING

from imgen.money.amounts import in_money
from imgen.screen.columns import BOLD, OFF, Column, aligned, fitting, table, total
from imgen.screen.durations import span
from imgen.screen.text import for_log, wrapped
from imgen_providers.pixels import PixelTable
from imgen_providers.rows import BATCH

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence


@dataclass(frozen=True, slots=True)
class PriceEntry:
    """A price of the catalogue: a decimal text, its unit, the day on which it was seen, and where."""

    amount: str
    unit: str
    seen: str
    source: str


@dataclass(frozen=True, slots=True)
class ModelRow:
    """One model at one service, as `imgen models` shows it.

    `title` is the service's name in full, `references` the most pictures an edit takes, `reference_price` what each
    of them costs. `prices` are per picture, by resolution; a missing one is unknown. `link_seconds` is how long a
    link lives, None where no document says. `pixels` is there where one model is asked for. `until` is the day
    (ISO 8601) from which on the service may not answer for it, None where none is known, and `past` whether it came.
    `qualities` are what `--quality` takes there, and `quality_prices` are by quality, then by resolution.
    """

    family: str
    service: str
    title: str
    remote_id: str
    channel: str | None
    resolutions: tuple[str, ...]
    aspects: tuple[str, ...]
    references: int
    formats: tuple[str, ...]
    prices: Mapping[str, PriceEntry]
    reference_price: PriceEntry | None
    link_seconds: float | None
    key_set: bool
    pixels: PixelTable | None
    until: str | None = None
    past: bool = False
    qualities: tuple[str, ...] = ()
    quality_prices: Mapping[str, Mapping[str, PriceEntry]] = field(default_factory=dict)

    @property
    def last_day(self) -> str:
        """The model's last day, and whether it is over."""
        return f"{self.until} (past)" if self.until and self.past else self.until or ""


@dataclass(frozen=True, slots=True)
class LiveModel:
    """A model that a service itself lists, and whether the catalogue has it.

    `price` is what the service says that it costs today, in words; None where it does not say it.
    """

    service: str
    remote_id: str
    listed: bool
    price: str | None = None


def model_table(rows: Sequence[ModelRow], *, width: int | None, color: bool = False) -> list[str]:
    """A heading and one line per model and service; columns are left out until the rest fits `width`, none for a pipe.

    On a terminal a model is named once, above its other services, and what would look the same is one row; rows that
    differ in their channel only, show it.
    """
    channels = tuple(row.channel or "" for row in rows)
    columns = [
        Column("MODEL", _grouped([row.family for row in rows]) if width else tuple(row.family for row in rows)),
        Column("SERVICE", tuple(row.service for row in rows)),
        *([Column("CHANNEL", channels)] if any(channels) else []),
        Column("PRICE", tuple(_price_range(row.prices) if row.prices else _from(row) for row in rows)),
        Column("KEY", tuple("set" if row.key_set else "-" for row in rows), spare=1),
        Column("RESOLUTIONS", tuple(" ".join(row.resolutions) for row in rows), spare=3),
        Column("REFERENCES", tuple(str(row.references) for row in rows), spare=5),
        Column("LINK LIVES", tuple(_life(row.link_seconds) for row in rows), spare=4),
        *([Column("UNTIL", tuple(row.last_day for row in rows), spare=2)] if any(row.until for row in rows) else []),
        Column("FORMATS", tuple(" ".join(row.formats) for row in rows), spare=6),
        Column("ID", tuple(f"{row.service}/{row.remote_id}" for row in rows), spare=2),
    ]
    if width and total([column for column in columns if not column.spare]) > width:
        return _below_models(rows, columns, width, color=color)
    heading, *lines = aligned(fitting(columns, width))
    if width:  # rows that differ only in what there is no room for are one
        lines = [line for number, line in enumerate(lines) if not number or line != lines[number - 1]]
    return [f"{BOLD}{heading}{OFF}" if color else heading, *lines]


def _below_models(rows: Sequence[ModelRow], columns: list[Column], width: int, *, color: bool) -> list[str]:
    """Where a model and its prices have no room on one line: each model above its services."""
    heading, *lines = aligned(fitting(columns[1:], width - 2))
    shown = [f"{BOLD}{columns[0].heading}{OFF}" if color else columns[0].heading]
    shown.append(f"  {BOLD}{heading}{OFF}" if color else f"  {heading}")
    for number, (row, line) in enumerate(zip(rows, lines, strict=True)):
        if not number or row.family != rows[number - 1].family:
            shown.append(row.family)
        shown.append(f"  {line}")
    return shown


def _grouped(names: Sequence[str]) -> tuple[str, ...]:
    """Each name where it first stands, and nothing below it."""
    return tuple(name if at == 0 or names[at - 1] != name else "" for at, name in enumerate(names))


def live_table(models: Sequence[LiveModel]) -> list[str]:
    """One line per model: its exact name for `-m`, whether imgen checks requests for it, and its price where listed."""
    prices = tuple(for_log(model.price or "") for model in models)
    return aligned(
        [
            Column("ID", tuple(for_log(f"{model.service}/{model.remote_id}") for model in models)),
            Column("CATALOGUE", tuple("yes" if model.listed else "no, unchecked" for model in models)),
            *([Column("PRICE TODAY", prices)] if any(prices) else []),
        ]
    )


def model_overview(rows: Sequence[ModelRow], *, width: int, color: bool = False) -> list[str]:
    """A heading and one line per model, for a choice by price: its cheapest service by each unit, and its services."""
    families: dict[str, list[ModelRow]] = {}
    for row in rows:
        families.setdefault(row.family, []).append(row)
    columns = [
        Column("MODEL", tuple(families)),
        Column("FROM", tuple(map(_cheapest, families.values()))),
        Column("RESOLUTIONS", tuple(" ".join(_resolutions(each)) for each in families.values()), spare=2),
        Column(
            "SERVICES",
            tuple(str(len({row.service for row in each})) for each in families.values()),
            spare=1,
            is_number=True,
        ),
    ]
    if total(columns[:2]) > width:
        pairs = zip(columns[0].texts, columns[1].texts, strict=True)
        return [line for name, price in pairs for line in (name, *wrapped(f"  {price}", width, indent=2))]
    heading, *lines = table(columns, width)
    return [f"{BOLD}{heading}{OFF}" if color else heading, *lines]


def _cheapest(rows: Sequence[ModelRow]) -> str:
    """Such as "$0.015 at reapi, 10 credits at 3daistudio": what is of another unit cannot be compared.

    Channel batch is left out, whose pictures come hours later.
    """
    least: dict[str, tuple[Decimal, str]] = {}
    for row in rows:
        if row.channel == BATCH:
            continue
        known = [*row.prices.values(), *(each for prices in row.quality_prices.values() for each in prices.values())]
        for price in known:
            unit = price.unit if price.unit == "usd" else f"{price.unit} {row.service}"
            shown = f"{in_money(price.amount, price.unit)} at {row.service}"
            least[unit] = min(least.get(unit, (_amount(price), shown)), (_amount(price), shown))
    return ", ".join(least[unit][1] for unit in sorted(least, reverse=True)) or "unknown"  # dollars first


def _resolutions(rows: Sequence[ModelRow]) -> list[str]:
    every = {resolution for row in rows for resolution in row.resolutions}
    return sorted(every, key=lambda each: float(each.rstrip("K")))


def model_details(rows: Sequence[ModelRow], *, width: int | None, color: bool = False) -> list[str]:
    """Everything about one model: its picture sizes, once for all services that have the same, then each service.

    The services stand last, because that is what remains on a screen.
    """
    lines: list[str] = []
    tables: dict[frozenset[str], tuple[list[str], list[str]]] = {}  # by the lines in any order, which is the service's
    for row in rows:
        sizes = _pixel_lines(row.aspects, row.pixels or {})
        tables.setdefault(frozenset(sizes), (sizes, []))[1].append(_place(row))
    for sizes, places in tables.values():
        if sizes:
            lines += [*wrapped(f"Pixels at {', '.join(dict.fromkeys(places))}", width), *sizes, ""]
    for row in rows:
        lines += [*_detail(row, width, color=color), ""]
    return lines[:-1]


def _place(row: ModelRow) -> str:
    return f"{row.title} ({row.channel})" if row.channel else row.title


def _detail(row: ModelRow, width: int | None, *, color: bool) -> list[str]:
    facts = {
        "id": f"{row.service}/{row.remote_id}",
        "key": "set" if row.key_set else "missing",
        "price": ", ".join(starmap(_priced, row.prices.items())) or "unknown",
        "resolutions": ", ".join(row.resolutions),
        "aspects": ", ".join(row.aspects),
        "references": f"up to {row.references}" + _apart(row.reference_price),
        "formats": ", ".join(row.formats),
        **({"quality": _qualities(row)} if row.qualities else {}),
        "link lives": _life(row.link_seconds),
        **({"until": row.last_day} if row.until else {}),
    }
    facts = {name: fact for name, fact in facts.items() if fact}
    names = max(map(len, facts))
    title = f"{row.family} at {_place(row)}"
    lines = [f"{BOLD}{title}{OFF}" if color else title]
    for name, fact in facts.items():
        lines += wrapped(f"  {name:<{names}}  {fact}", width, indent=names + 4)
    return lines


def _pixel_lines(aspects: Iterable[str], pixels: PixelTable) -> list[str]:
    known = [aspect for aspect in aspects if any(aspect in sizes for sizes in pixels.values())]
    if not known:
        return []
    columns = [
        Column(resolution, tuple(_size(sizes.get(aspect)) for aspect in known)) for resolution, sizes in pixels.items()
    ]
    return aligned([Column("  aspect", tuple(f"  {aspect}" for aspect in known)), *columns])


def _size(size: tuple[int, int] | None) -> str:
    return f"{size[0]}x{size[1]}" if size else "unknown"


def _life(seconds: float | None) -> str:
    return "unknown" if seconds is None else span(seconds)


def _priced(resolution: str, price: PriceEntry) -> str:
    return f"{resolution} {in_money(price.amount, price.unit)} (seen {price.seen})"


def _apart(price: PriceEntry | None) -> str:
    return f", {in_money(price.amount, price.unit)} each (seen {price.seen})" if price else ""


def _from(row: ModelRow) -> str:
    """The least of the prices that hang on a quality; what the others cost may not be known."""
    known = [price for prices in row.quality_prices.values() for price in prices.values()]
    least = min(known, key=_amount, default=None)
    return f"from {in_money(least.amount, least.unit)}" if least else "unknown"


def _qualities(row: ModelRow) -> str:
    return "; ".join(
        " ".join([quality, ", ".join(starmap(_priced, row.quality_prices.get(quality, {}).items()))]).strip()
        for quality in row.qualities
    )


def _price_range(prices: Mapping[str, PriceEntry]) -> str:
    cheap = min(prices.values(), key=_amount)
    dear = max(prices.values(), key=_amount)
    if cheap.unit == "usd":
        low, high = (in_money(price.amount, price.unit) for price in (cheap, dear))
        return low if low == high else f"{low} to {high}"
    amounts = cheap.amount if cheap.amount == dear.amount else f"{cheap.amount} to {dear.amount}"
    return f"{amounts} {cheap.unit}"


def _amount(price: PriceEntry) -> Decimal:
    return Decimal(price.amount)

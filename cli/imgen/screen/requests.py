"""A paid request before it is sent, for `--dry-run`."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from imgen.records import Cost
from imgen.screen.text import for_log, plain, wrapped

if TYPE_CHECKING:
    from collections.abc import Sequence
    from decimal import Decimal

    from imgen.money.budget import Verdict
    from imgen_providers.catalog import Price


@dataclass(frozen=True, slots=True)
class LimitEntry:
    """One limit on spending, and whether the order would be within it now; `span` is what it counts."""

    span: Literal["order", "run", "day", "project"]
    source: str
    within: bool
    message: str

    @classmethod
    def of(cls, verdict: Verdict) -> LimitEntry:
        """The same as a row of `--json`."""
        return cls(verdict.limit.span.value, plain(verdict.limit.source), verdict.within, plain(verdict.message))


@dataclass(frozen=True, slots=True)
class RequestPreview:
    """One request as it would go out; the key never stands in it. `body` is JSON of the service's own making.

    `limits` are those on the whole order.
    """

    method: str
    url: str
    body: object
    pictures: int
    cost: Cost
    limits: tuple[LimitEntry, ...]


def request_lines(
    previews: Sequence[RequestPreview], price: Price | None, references: Decimal, *, width: int | None = None
) -> list[str]:
    """Every request with its body, and what they cost together as far as that is known.

    `references` is how much of that is for reference pictures. Sentences break between words at `width`; the request
    stays as it is.
    """
    lines = []
    for preview in previews:
        body = json.dumps(preview.body, indent=2, ensure_ascii=False)
        lines += [
            f"{preview.method} {for_log(preview.url)}",
            "Authorization: (your key)",
            "Content-Type: application/json",
        ]
        lines += [for_log(line) for line in body.splitlines()]
        lines.append("")
    pictures = sum(preview.pictures for preview in previews)
    counted = f"{_count(len(previews), 'request')}, {_count(pictures, 'picture')}"
    limits = previews[0].limits
    said = [for_log(limit.message if limit.within else f"It would be refused. {limit.message}") for limit in limits]
    said = [f"{counted}: {_cost(previews, price, references)}. Nothing was sent.", *said]
    return [*lines, *(line for sentence in said for line in wrapped(sentence, width))]


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"


def _cost(previews: Sequence[RequestPreview], price: Price | None, references: Decimal) -> str:
    from decimal import Decimal

    from imgen.money.amounts import in_money

    amounts = [Decimal(preview.cost.amount) for preview in previews if preview.cost.amount is not None]
    if price is None or len(amounts) < len(previews):
        return "the price is not known"
    part = f" ({in_money(references, price.unit)} of it for reference pictures)" if references else ""
    return f"{in_money(sum(amounts, Decimal(0)), price.unit)}{part} by {price.source}, seen {price.seen}"

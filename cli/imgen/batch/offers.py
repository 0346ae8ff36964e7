"""Who makes an asset and for how much: its order matched with the catalogue, and the prices added up."""

from __future__ import annotations

from dataclasses import dataclass, replace
from decimal import Decimal
from typing import TYPE_CHECKING

from imgen.errors import UsageProblem
from imgen.money.amounts import in_money
from imgen.orders.drafts import price
from imgen.orders.order import Order
from imgen.orders.ranking import rank
from imgen_providers.base import PictureLink
from imgen_providers.catalog import SERVICES

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from imgen.batch.asset import Asset
    from imgen.orders.order import Choice
    from imgen.records import Cost
    from imgen_providers.catalog import ServiceEntry

_LEAST_PROMPT_LIMIT = min(model.prompt_limit or 10**9 for entry in SERVICES.values() for model in entry.models)


@dataclass(frozen=True, slots=True)
class Offer:
    """A service that makes an asset, with its own id of the model; a `cost` without an amount is unknown, never 0."""

    service: str
    model: str
    cost: Cost


@dataclass(frozen=True, slots=True)
class ServiceTotal:
    """What one service is to make: how many assets, their price in its unit, and how many have none that is known."""

    service: str
    assets: int
    amount: Decimal
    unit: str | None
    unknown: int


class EveryService:
    """The accounts of a user who has a key for every service: what a manifest is checked by, with no key at all."""

    preferred: tuple[str, ...] = ()

    def has_key(self, entry: ServiceEntry) -> bool:  # noqa: ARG002 (of every one)
        """Whether there is a key for the service."""
        return True

    def origin(self, entry: ServiceEntry) -> str:
        """The scheme and host of the service."""
        return entry.origin


class Offers:
    """Matches assets with the services that can make them; assets that differ in their prompts only are matched once.

    `possible` is the choice of services for an order; it raises `UsageProblem` where there is none.
    """

    def __init__(self, possible: Callable[[Order], Sequence[Choice]], *, sandbox: bool) -> None:
        self._possible = possible
        self._sandbox = sandbox
        self._known: dict[object, tuple[Choice, ...] | UsageProblem] = {}

    def refusal(self, asset: Asset) -> UsageProblem | None:
        """Why no service can make an asset; None where one can."""
        found = self._matched(asset)
        return found if isinstance(found, UsageProblem) else None

    def choices(self, asset: Asset) -> list[Choice]:
        """The services that can make an asset, the best first. Raises `UsageProblem` where there is none."""
        found = self._matched(asset)
        if isinstance(found, UsageProblem):
            raise found
        return [choice._replace(request=replace(choice.request, prompt=asset.prompt)) for choice in found]

    def best(self, asset: Asset) -> Offer:
        """The service that an asset is to be ordered from. Raises `UsageProblem` where there is none."""
        found = self._matched(asset)
        if isinstance(found, UsageProblem):
            raise found
        choice = found[0]
        pictures = tuple(PictureLink("") for _ in asset.references)  # they are counted only
        cost = price(choice.model, replace(choice.request, references=pictures), 1)
        return Offer(choice.entry.name, choice.model.remote_id, cost)

    def _matched(self, asset: Asset) -> tuple[Choice, ...] | UsageProblem:
        order = order_of(asset, sandbox=self._sandbox)
        long = asset.prompt if len(asset.prompt) > _LEAST_PROMPT_LIMIT else None
        kept = (
            *(order.provider, order.model, order.channel, order.aspect, order.resolution, order.size),
            *(order.format, order.wished_format, order.quality, repr(order.options), len(asset.references), long),
        )
        if kept not in self._known:
            self._known[kept] = self._match(order, len(asset.references))
        return self._known[kept]

    def _match(self, order: Order, pictures: int) -> tuple[Choice, ...] | UsageProblem:
        try:
            choices = self._possible(order)
        except UsageProblem as problem:
            return problem
        able = [choice for choice in choices if not choice.listed or choice.model.max_references >= pictures]
        if not able:
            most = max(choice.model.max_references for choice in choices)
            return UsageProblem(
                f"{pictures} pictures are too many: {choices[0].model.family} takes at most {most}.",
                "Leave some out, or choose another model: `imgen models` shows how many each takes.",
                about="references",
            )
        return tuple(ranked.choice for ranked in rank(able, lambda _: None))


def order_of(asset: Asset, *, sandbox: bool) -> Order:
    """An asset as an order of one picture; its references are not in it."""
    return Order(
        prompt=asset.prompt,
        provider=asset.provider,
        model=asset.model,
        aspect=asset.aspect,
        resolution=asset.resolution,
        format=asset.format,
        quality=asset.quality,
        count=1,
        sandbox=sandbox,
        channel=asset.channel,
        size=asset.size,
        options=asset.options,
        wished_format=asset.file_format,
    )


def totals(offers: Iterable[Offer]) -> list[ServiceTotal]:
    """What each service is to make and for how much, in the order they first come."""
    found: dict[str, ServiceTotal] = {}
    for offer in offers:
        so_far = found.get(offer.service, ServiceTotal(offer.service, 0, Decimal(0), None, 0))
        known = Decimal(offer.cost.amount) if offer.cost.amount is not None else None
        found[offer.service] = ServiceTotal(
            offer.service,
            so_far.assets + 1,
            so_far.amount + (known or 0),
            offer.cost.unit or so_far.unit,
            so_far.unknown + (known is None),
        )
    return list(found.values())


def in_words(totals: Iterable[ServiceTotal]) -> str:
    """The price in all: each unit by itself, since nothing is converted, and what is not known as such."""
    sums: dict[str, Decimal] = {}
    unknown = 0
    for total in totals:
        unknown += total.unknown
        if total.unit and total.assets > total.unknown:
            unit = total.unit if total.unit == "usd" else f"{total.unit} of {total.service}"
            sums[unit] = sums.get(unit, Decimal(0)) + total.amount
    said = [in_money(amount, unit) for unit, amount in sums.items()]
    if unknown:
        said.append(f"{unknown:,} at an unknown price" if said else "at an unknown price")
    return " + ".join(said) or "nothing"

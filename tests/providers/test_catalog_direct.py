"""The rows of the direct services: what every one of them must say of itself."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import TYPE_CHECKING

import pytest

from imgen_providers import connect
from imgen_providers.base import Account, ReadsAnswers
from imgen_providers.catalog import SERVICES
from imgen_providers.catalog_direct import DIRECT_SERVICES
from providers.sending import KEY

if TYPE_CHECKING:
    from imgen_providers.catalog import Model, ServiceEntry
    from imgen_providers.client import Network

ENTRIES = [pytest.param(entry, id=name) for name, entry in DIRECT_SERVICES.items()]
MODELS = [
    pytest.param(entry, model, id=f"{entry.name}/{model.remote_id}")
    for entry in DIRECT_SERVICES.values()
    for model in entry.models
]


@pytest.mark.parametrize(("entry", "model"), MODELS)
def test_what_does_not_come_back_can_be_read_again(entry: ServiceEntry, model: Model, network: Network) -> None:
    service = connect(entry.name, Account(entry.origin, KEY), network)

    assert model.comes_back or isinstance(service, ReadsAnswers)


@pytest.mark.parametrize(("entry", "model"), MODELS)
def test_a_model_has_a_size_for_each_choice_and_dated_prices(entry: ServiceEntry, model: Model) -> None:
    assert entry.model(model.remote_id) is model
    assert all(model.size(aspect, resolution) for aspect in model.aspects for resolution in model.resolutions)
    assert set(model.prices) <= set(model.resolutions)
    for price in model.prices.values():
        assert price.source
        assert price.seen.startswith("2026-")
    if model.end:
        assert date.fromisoformat(model.end.day) < date(2026, 11, 26)
        assert model.end.source


def test_a_batch_costs_half() -> None:
    gemini = DIRECT_SERVICES["gemini"]
    for batch in (model for model in gemini.models if model.channel == "batch"):
        now = gemini.model(batch.remote_id.removeprefix("batch/"))
        assert now
        assert not now.comes_back
        assert batch.comes_back
        assert set(batch.prices) == set(now.prices)
        for size, price in batch.prices.items():  # Google rounds the halves to a tenth of a cent
            assert abs(Decimal(price.amount) * 2 - Decimal(now.prices[size].amount)) <= Decimal("0.001")


def test_their_names_and_variables_are_free() -> None:
    variables = [name for entry in SERVICES.values() for name in (entry.key_variable, *entry.other_key_variables)]

    assert len(set(variables)) == len(variables)
    assert {entry.name for entry in DIRECT_SERVICES.values()} == set(DIRECT_SERVICES)

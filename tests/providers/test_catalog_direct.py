"""The rows of the direct services: what every one of them must say of itself."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from imgen_providers import connect
from imgen_providers.base import Account, PictureFile, ReadsAnswers, Request
from imgen_providers.catalog import SERVICES
from imgen_providers.catalog_direct import DIRECT_SERVICES
from providers.sending import KEY

if TYPE_CHECKING:
    from imgen_providers.base import Json
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


@pytest.mark.parametrize("entry", ENTRIES)
def test_own_fields_are_all_that_a_request_writes_beside_options(entry: ServiceEntry, network: Network) -> None:
    service = connect(entry.name, Account(entry.origin, KEY), network)
    file = PictureFile(Path("a.png"), "image/png", 3, "00")
    plain = Request(entry.models[0].remote_id, "a cat", extras={"put_in_by_an_option": True})
    full = replace(plain, references=(file,), aspect="1:1", resolution="1K", format="png", count=1)

    keys: set[str] = set()
    for request in (plain, full):
        body: Json = service.preview(request)[1]
        assert isinstance(body, dict)
        keys |= set(body)

    assert keys - {"put_in_by_an_option"} == entry.own_fields


def test_their_names_and_variables_are_free() -> None:
    variables = [name for entry in SERVICES.values() for name in (entry.key_variable, *entry.other_key_variables)]

    assert len(set(variables)) == len(variables)
    assert {entry.name for entry in DIRECT_SERVICES.values()} == set(DIRECT_SERVICES)

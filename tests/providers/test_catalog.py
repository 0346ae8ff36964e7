"""The catalogue against the documents it was read from, which lie beside as fixtures."""

from __future__ import annotations

import re
from datetime import date
from decimal import Decimal
from urllib.parse import urlsplit

import pytest

from fixtures.seeds.parser import documented, durations, pixel_tables, price_list, seed
from imgen_providers import pixels
from imgen_providers.catalog import FAMILIES, SERVICES, Model, ServiceEntry, pictures_ordered

MODELS = [
    pytest.param(entry, model, id=f"{entry.name}/{model.remote_id}")
    for entry in SERVICES.values()
    for model in entry.models
]
WORDS = {"512px": "0.5K", "jpg": "jpeg"}
"""How the documents spell what the catalogue spells otherwise."""


def ours(words: tuple[str, ...]) -> set[str]:
    return {WORDS.get(word, word) for word in words}


def model(service: str, remote_id: str) -> Model:
    found = SERVICES[service].model(remote_id)
    assert found is not None
    return found


def test_every_size_in_pixels_is_the_documents() -> None:
    tables = {
        "gemini-2.5-flash": pixels.GEMINI_25_FLASH,
        "gemini-3.1-flash": pixels.GEMINI_31_FLASH,
        "gemini-3-pro": pixels.GEMINI_3_PRO,
    }

    assert tables == pixel_tables()


@pytest.mark.parametrize(
    ("number", "service", "remote_id"),
    [
        ("000", "3daistudio", "gemini/3/pro"),
        ("001", "gmicloud", "gemini-3-pro-image-preview"),
        ("002", "3daistudio", "gemini/3.1/flash"),
        ("003", "reapi", "gemini-3-pro-image-preview"),
        ("003", "reapi", "gemini-3-pro-image-preview-official"),
        ("004", "gptproto", "gemini-3-pro-image-preview"),
        ("004", "gptproto", "gemini-3.1-flash-image-preview"),
        ("004", "gptproto", "gemini-2.5-flash-image"),
    ],
)
def test_the_limits_are_the_documents(number: str, service: str, remote_id: str) -> None:
    row = model(service, remote_id)
    said = documented(number)[row.family]

    assert set(row.aspects) == set(said.aspects)
    assert row.auto_aspect == said.auto
    assert set(row.resolutions) == ours(said.resolutions)
    assert set(row.formats) == ours(said.formats or ())
    assert row.max_count == (said.max_count or 1)
    assert row.max_references == said.max_references
    if said.prompt_limit is not None:
        assert row.prompt_limit == said.prompt_limit


@pytest.mark.parametrize(("number", "remote_id"), [("000", "gemini/3/pro"), ("002", "gemini/3.1/flash")])
def test_credits_and_times_of_3d_ai_studio_are_the_documents(number: str, remote_id: str) -> None:
    row = model("3daistudio", remote_id)
    prices = {WORDS.get(size, size): str(price) for size, price in price_list(number).items()}

    assert {size: price.amount for size, price in row.prices.items()} == prices
    assert {price.unit for price in row.prices.values()} == {"credits"}
    assert row.durations == dict.fromkeys(row.resolutions, tuple(map(float, durations(number))))


def test_what_a_document_says_in_a_sentence_is_in_the_row() -> None:
    studio, gmi, reapi, gptproto, *_ = SERVICES.values()
    said = {
        ("000", "Results expire after 24 hours"): studio.models[0].link_seconds == 24 * 3600,
        ("001", "Max 7MB inline"): gmi.models[0].reference_bytes == 7_000_000,
        ("001", "PNG, JPEG, WebP, HEIC, HEIF"): len(gmi.models[0].reference_formats) == 5,
        ("003", "URLs are stable for 7 days"): all(row.link_seconds == 7 * 24 * 3600 for row in reapi.models),
        ("003", "Failed / moderated requests are not charged"): reapi.failure_is_free,
        ("003", "0–30s: wait before the first poll"): reapi.cadence.first == 30.0,
        ("003", "30s–3m: poll every 3–5s"): reapi.cadence.steps[0] == (0.0, 4.0),
        ("003", "3m+: back off to 10s; cap at 30s"): reapi.cadence.steps[1:] == ((180.0, 10.0), (600.0, 30.0)),
        ("003", "public HTTP(S) URLs only"): reapi.reference_route == "public-url",
        ("003", "typically completes in 30 – 60 seconds"): reapi.models[2].durations["1K"] == (30.0, 60.0),
        ("003", "4K can take 90 – 120 seconds"): reapi.models[2].durations["4K"] == (90.0, 120.0),
        ("004", "png, webp, or jpg file less than 50MB"): gptproto.models[0].reference_bytes == 50_000_000,
    }

    for (number, sentence), in_the_row in said.items():
        assert sentence in seed(number)
        assert in_the_row, sentence


@pytest.mark.parametrize(
    ("number", "service", "origin"),
    [
        ("000", "3daistudio", "https://api.3daistudio.com"),
        ("003", "reapi", "https://reapi.ai"),
        ("004", "gptproto", "https://gptproto.com"),
    ],
)
def test_the_origin_is_the_documents(number: str, service: str, origin: str) -> None:
    assert f"{origin}/" in seed(number)
    assert SERVICES[service].origin == origin


@pytest.mark.parametrize("entry", SERVICES.values(), ids=SERVICES)
def test_a_row_can_be_lived_with(entry: ServiceEntry) -> None:
    parts = urlsplit(entry.origin)
    ages = [age for age, _ in entry.cadence.steps]

    assert (parts.scheme, parts.path, parts.query) == ("https", "", "")
    assert ages == sorted(ages)
    assert ages[0] == 0.0
    assert all(interval >= entry.cadence.floor > 0 for _, interval in entry.cadence.steps)
    assert entry.submit_seconds >= 30
    assert len({model.remote_id for model in entry.models}) == len(entry.models)


@pytest.mark.parametrize(("entry", "row"), MODELS)
def test_a_model_agrees_with_itself(entry: ServiceEntry, row: Model) -> None:
    assert row.family in FAMILIES
    if row.pixels:
        assert set(row.resolutions) <= set(row.pixels)
        assert all(set(row.aspects) <= set(row.pixels[resolution]) for resolution in row.resolutions)
    assert set(row.prices) <= set(row.resolutions)
    assert set(row.durations) <= set(row.resolutions)
    assert set(row.formats) <= {"png", "jpeg", "webp"}
    assert all(low <= high for low, high in row.durations.values())


@pytest.mark.parametrize(("entry", "row"), MODELS)
def test_a_price_is_an_exact_amount_with_a_date_and_a_source(entry: ServiceEntry, row: Model) -> None:
    for price in (*row.prices.values(), *([row.reference_price] if row.reference_price else ())):
        assert Decimal(price.amount) > 0
        assert date.fromisoformat(f"{price.seen}-01"[:10]) < date(2026, 12, 1)
        assert price.source
        assert not re.search(r"reference|seed|\d\.\d", price.source.replace("3.1 Flash", "")), "people read this"


def test_a_family_means_the_default_channel() -> None:
    reapi = SERVICES["reapi"]

    for family in FAMILIES[:3]:
        row = reapi.family(family)
        assert row is not None
        assert row.channel == "default"
        assert model("reapi", f"{row.remote_id}-official").channel == "official"


def test_sizes_and_times_are_said_only_where_they_are_known() -> None:
    pro = model("3daistudio", "gemini/3/pro")

    assert pro.size("16:9", "2K") == (2752, 1536)
    assert pro.size("16:9", None) == (1376, 768)
    assert pro.size(None, "2K") is None
    assert pro.size("auto", "2K") is None
    assert pro.size("1:8", "2K") is None
    assert pro.typical_seconds(None) == 90.0
    assert model("gptproto", "gemini-3-pro-image-preview").typical_seconds("1K") is None
    assert SERVICES["3daistudio"].family("gemini-3.1-flash-lite") is None
    assert SERVICES["gmicloud"].model("nonsense") is None


def test_the_newer_surface_of_gptproto_is_a_channel_that_is_asked_for() -> None:
    gptproto = SERVICES["gptproto"]

    for family in ("gemini-3.1-flash", "gemini-3-pro", "gemini-3.1-flash-lite"):
        row = gptproto.family(family)
        assert row is not None
        assert (row.channel, "/" in row.remote_id) == ("default", False)
    unified = [row for row in gptproto.models if row.channel == "unified"]
    assert [row.remote_id for row in unified] == [
        "google/gemini-3.1-flash-image-preview",
        "google/gemini-3-pro-image-preview",
        "google/gemini-3.1-flash-lite-image",
    ]


@pytest.mark.parametrize(
    ("count", "extras", "pictures"),
    [
        (1, {}, 1),
        (2, {"seed": 7}, 2),
        (1, {"number_of_images": 4}, 4),
        (1, {"n": "4"}, 4),
        (2, {"max_images": 3}, 6),
        (1, {"n": 0}, None),
        (1, {"n": -1}, None),
        (1, {"n": 1.5}, None),
        (1, {"n": True}, None),
        (1, {"n": "many"}, None),
        (1, {"n": None}, None),
        (1, {"n": "9" * 5000}, None),
        (1, {"n": 10**4000}, None),
        (1, {"n": 9_999, "x": {"n": 9_999}}, None),
        (1, {"numImages": 4}, 4),
        (1, {"Num-Images": 4}, 4),
        (1, {"parameters": {"n": 4}}, 4),
        (2, {"sequential_image_generation_options": {"max_images": 3}}, 6),
        (1, {"inputs": [{"seed": 1}, {"generationConfig": {"candidateCount": 2}}]}, 2),
        (1, {"parameters": {"n": [4]}}, None),
        (1, {"parameters": {"nn": 4, "note": "n", "notes": ["n", 4]}}, 1),
    ],
)
def test_an_option_that_means_a_count_is_one(count: int, extras: dict[str, object], pictures: int | None) -> None:
    assert pictures_ordered(count, extras) == pictures

"""The sandbox's own tables against the documents they were typed from."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from fixtures.seeds.parser import curl_commands, documented, pixel_tables, seed
from imgen_providers.sandbox import tables

if TYPE_CHECKING:
    from imgen_providers.sandbox.tables import Limits


def test_every_size_in_pixels_is_the_documents() -> None:
    assert pixel_tables() == tables.PIXELS


@pytest.mark.parametrize(
    ("number", "family", "limits"),
    [
        ("000", "gemini-3-pro", tables.THREEDAISTUDIO["3/pro"]),
        ("001", "gemini-3-pro", tables.GMICLOUD["gemini-3-pro-image-preview"]),
        ("002", "gemini-3.1-flash", tables.THREEDAISTUDIO["3.1/flash"]),
        ("003", "gemini-3-pro", tables.REAPI["gemini-3-pro-image-preview"]),
        ("003", "gemini-3-pro", tables.REAPI["gemini-3-pro-image-preview-official"]),
        ("004", "gemini-3-pro", tables.GPTPROTO["gemini-3-pro-image-preview"]),
        ("004", "gemini-3.1-flash", tables.GPTPROTO["gemini-3.1-flash-image-preview"]),
        ("004", "gemini-2.5-flash", tables.GPTPROTO["gemini-2.5-flash-image"]),
    ],
)
def test_limits_are_the_documents(number: str, family: str, limits: Limits) -> None:
    said = documented(number)[family]
    assert limits.family == family
    assert limits.aspects == set(said.aspects)
    assert list(limits.resolutions) == list(said.resolutions)
    assert limits.references == said.max_references
    if said.formats is not None:
        assert set(limits.formats) == set(said.formats)
    if said.max_count is not None:
        assert limits.pictures == said.max_count
    if said.prompt_limit is not None:
        assert limits.prompt == said.prompt_limit


def test_3_1_flash_at_gmi_is_as_on_its_own_page() -> None:
    limits = tables.GMICLOUD["gemini-3.1-flash-image-preview"]
    assert limits.aspects == tables.GMICLOUD["gemini-3-pro-image-preview"].aspects | {"3:2", "2:3"}
    assert limits.resolutions == {"512": "0.5K", "1K": "1K", "2K": "2K", "4K": "4K"}
    assert (set(limits.formats), limits.references, limits.pictures) == ({"png", "jpeg"}, 14, 1)


def test_the_newer_surface_of_gptproto_has_the_ids_of_its_catalogue() -> None:
    found = tables.GPTPROTO_UNIFIED
    sizes = {name: set(limits.resolutions) for name, limits in found.items()}
    assert sizes == {
        "google/gemini-3-pro-image-preview": {"1K", "2K", "4K"},
        "google/gemini-3.1-flash-image-preview": {"512", "0.5K", "1K", "2K", "4K"},
        "google/gemini-3.1-flash-lite-image": {"1K"},
    }
    assert {tuple(limits.formats) for limits in found.values()} == {("png", "jpeg")}
    assert {limits.pictures for limits in found.values()} == {1}


def test_links_live_as_long_as_documented() -> None:
    assert "Results expire after 24 hours" in seed("000")
    assert "Results expire after 24 hours" in seed("002")
    assert "URLs are stable for 7 days" in seed("003")
    assert tables.LINK_SECONDS == {"3daistudio": 86_400.0, "reapi": 604_800.0}


@pytest.mark.parametrize(
    "limits",
    [
        limits
        for service in (
            tables.THREEDAISTUDIO,
            tables.GMICLOUD,
            tables.REAPI,
            tables.GPTPROTO,
            tables.GPTPROTO_UNIFIED,
        )
        for limits in service.values()
    ],
)
def test_every_allowed_combination_has_a_size(limits: Limits) -> None:
    for resolution in limits.resolutions:
        for aspect in limits.aspects:
            width, height = limits.size(aspect, resolution, None)
            across, down = map(int, aspect.split(":"))
            assert width / height == pytest.approx(across / down, rel=0.04)


@pytest.mark.parametrize(
    ("reference", "size"),
    [
        (None, (1024, 1024)),
        ((1920, 1080), (1376, 768)),
        ((900, 1600), (768, 1376)),
        ((500, 510), (1024, 1024)),
    ],
)
def test_without_an_aspect_the_first_reference_decides(
    reference: tuple[int, int] | None, size: tuple[int, int]
) -> None:
    assert tables.THREEDAISTUDIO["3/pro"].size("auto", "1K", reference) == size


def test_the_parser_finds_every_curl_example() -> None:
    found = {number: len(curl_commands(seed(number))) for number in ("000", "001", "002", "003", "004")}
    assert found == {"000": 3, "001": 0, "002": 3, "003": 7, "004": 3}

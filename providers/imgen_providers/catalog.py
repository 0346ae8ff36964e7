"""What each service offers: data only, cheap to import, because it serves TAB; with the services of installed packages.

Every number stands in one of the services' own documents (kept as test fixtures and compared with this
file by `tests/providers/test_catalog.py`) or says where else it was seen, with the date.
Spelling is ours and the same everywhere: aspects "16:9", resolutions "0.5K" "1K" "2K" "4K",
formats "png" "jpeg" "webp"; the service files turn it into each wire's own words.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from imgen_providers.catalog_direct import DIRECT_SERVICES
from imgen_providers.pixels import (
    FOURTEEN_ASPECTS,
    GEMINI_3_PRO,
    GEMINI_25_FLASH,
    GEMINI_31_FLASH,
    GEMINI_31_FLASH_LITE,
    TEN_ASPECTS,
    PixelTable,
)
from imgen_providers.registry import LeftOut, installed
from imgen_providers.rows import (
    COUNT_OPTIONS,
    Cadence,
    Model,
    Price,
    ReferenceRoute,
    ServiceEntry,
    pictures_ordered,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = [
    "COUNT_OPTIONS",
    "FAMILIES",
    "LEFT_OUT",
    "OURS",
    "SERVICES",
    "Cadence",
    "LeftOut",
    "Model",
    "PixelTable",
    "Price",
    "ReferenceRoute",
    "ServiceEntry",
    "pictures_ordered",
]

_DAY = 86_400.0

_SEED_000 = "3D AI Studio's Gemini 3 Pro page"
_SEED_002 = "3D AI Studio's Gemini 3.1 Flash page"


def _credits(amount: str, source: str) -> Price:
    return Price(amount, "credits", "2026-11-20", source)


_THREEDAISTUDIO = ServiceEntry(
    name="3daistudio",
    title="3D AI Studio",
    origin="https://api.3daistudio.com",
    key_variable="THREEDAISTUDIO_API_KEY",
    origin_variable="THREEDAISTUDIO_BASE_URL",
    organization_variable=None,
    implementation="imgen_providers.threedaistudio:ThreeDAIStudio",
    # No cadence is documented; public clients ask every 4 to 15 s (reference 2.5, 2026-11-20).
    cadence=Cadence(first=5.0, steps=((0.0, 4.0), (120.0, 8.0), (300.0, 15.0)), floor=2.0, after_rate_limit=20.0),
    submits_per_minute=3,  # "by default", Getting Started page (reference 2.4, 2026-11-20)
    submit_seconds=60.0,
    failure_is_free=True,  # "credits are refunded automatically" (reference 2.3, 2026-11-20)
    reference_route="data-uri",
    own_fields=frozenset({"prompt", "num_images", "images", "output_format", "aspect_ratio", "resolution"}),
    models=(
        Model(
            remote_id="gemini/3/pro",
            family="gemini-3-pro",
            pixels=GEMINI_3_PRO,
            aspects=TEN_ASPECTS,
            auto_aspect=True,
            resolutions=("1K", "2K", "4K"),
            formats=("png", "jpeg", "webp"),
            max_count=4,
            max_references=14,
            reference_formats=("png", "jpeg", "webp"),
            prices={
                "1K": _credits("50", _SEED_000),
                "2K": _credits("50", _SEED_000),
                "4K": _credits("80", _SEED_000),
            },
            durations={"1K": (40.0, 90.0), "2K": (40.0, 90.0), "4K": (40.0, 90.0)},
            link_seconds=_DAY,
        ),
        Model(
            remote_id="gemini/3.1/flash",
            family="gemini-3.1-flash",
            pixels=GEMINI_31_FLASH,
            aspects=FOURTEEN_ASPECTS,
            auto_aspect=True,
            resolutions=("0.5K", "1K", "2K", "4K"),
            formats=("png", "jpeg", "webp"),
            max_count=4,
            max_references=14,
            reference_formats=("png", "jpeg", "webp"),
            prices={
                "0.5K": _credits("10", _SEED_002),
                "1K": _credits("15", _SEED_002),
                "2K": _credits("20", _SEED_002),
                "4K": _credits("25", _SEED_002),
            },
            durations={"0.5K": (30.0, 60.0), "1K": (30.0, 60.0), "2K": (30.0, 60.0), "4K": (30.0, 60.0)},
            link_seconds=_DAY,
        ),
        # Its own page: 5 credits, "auto" and ten aspects, 1 to 4 pictures, three formats, no resolution (reference
        # 3D AI 1, 2026-11-25). The number of references is Google's (reference 5.1).
        Model(
            remote_id="gemini/2.5/flash",
            family="gemini-2.5-flash",
            pixels=GEMINI_25_FLASH,
            aspects=TEN_ASPECTS,
            auto_aspect=True,
            resolutions=("1K",),
            formats=("png", "jpeg", "webp"),
            max_count=4,
            max_references=3,
            reference_formats=("png", "jpeg", "webp"),
            prices={"1K": Price("5", "credits", "2026-11-25", "3D AI Studio's own page of the model")},
            link_seconds=_DAY,
        ),
    ),
)

_WEEK = 7 * _DAY


def _usd(amount: str) -> Price:
    return Price(amount, "usd", "2026-09", "the service's model information, as a public client noted it")


def _gmi_gemini_3_pro(remote_id: str) -> Model:
    return Model(
        remote_id=remote_id,
        family="gemini-3-pro",
        pixels=GEMINI_3_PRO,
        # Seed 001 lists eight: without 2:3 and 3:2.
        aspects=("1:1", "4:5", "5:4", "3:4", "4:3", "9:16", "16:9", "21:9"),
        auto_aspect=False,
        resolutions=("1K", "2K", "4K"),
        formats=("png", "jpeg"),
        max_count=1,
        max_references=14,
        reference_formats=("png", "jpeg", "webp", "heic", "heif"),
        reference_bytes=7_000_000,
        prompt_limit=2000,
        prices={"1K": _usd("0.134"), "2K": _usd("0.134"), "4K": _usd("0.24")},
        # "For input, $0.0011 per image" (reference 1.2); no document has whether earlier pictures count.
        reference_price=_usd("0.0011"),
    )


_GMICLOUD = ServiceEntry(
    name="gmicloud",
    title="GMI Cloud",
    origin="https://console.gmicloud.ai",
    key_variable="GMI_API_KEY",
    origin_variable="GMI_BASE_URL",
    organization_variable="GMI_ORG_ID",
    implementation="imgen_providers.gmicloud:GmiCloud",
    # No cadence is documented; public clients ask every 5 to 15 s (reference 1.9, 2026-11-20).
    cadence=Cadence(first=5.0, steps=((0.0, 5.0), (120.0, 15.0)), floor=2.0, after_rate_limit=15.0),
    submits_per_minute=None,
    submit_seconds=900.0,  # the answer may be the picture itself; a live client waits as long (reference 1.3)
    failure_is_free=None,
    reference_route="upload",
    own_fields=frozenset({"prompt", "image", "contents", "image_size", "aspect_ratio", "image_output_format"}),
    base_path="/api/v1/ie/requestqueue/apikey",  # as genblaze-gmicloud's GMI_BASE_URL has it (GMI 10, 2026-11-25)
    upload_formats=("png", "jpeg"),  # WebP and HEIC only behind a link (reference 1.8, 2026-11-20)
    models=(
        _gmi_gemini_3_pro("gemini-3-pro-image-preview"),
        # The id since general availability, seen live in 2026-09 (reference 1.2).
        _gmi_gemini_3_pro("gemini-3-pro-image"),
        Model(
            # Its own page: four sizes, ten aspects, 14 pictures, two formats, about 15 s (reference GMI 2, 2026-11-25).
            remote_id="gemini-3.1-flash-image-preview",
            family="gemini-3.1-flash",
            pixels=GEMINI_31_FLASH,
            aspects=TEN_ASPECTS,
            auto_aspect=False,
            resolutions=("0.5K", "1K", "2K", "4K"),
            formats=("png", "jpeg"),
            max_count=1,
            max_references=14,
            # Its page names none; those of 3 Pro at this service (seed 001), an assumption.
            reference_formats=("png", "jpeg", "webp", "heic", "heif"),
            reference_bytes=7_000_000,
            durations=dict.fromkeys(("0.5K", "1K", "2K", "4K"), (15.0, 15.0)),
        ),
        Model(
            # Its docs page has a prompt, three pictures, ten aspects, no more (reference 1.2, 2026-11-20).
            remote_id="gemini-2.5-flash-image",
            family="gemini-2.5-flash",
            pixels=GEMINI_25_FLASH,
            aspects=TEN_ASPECTS,
            auto_aspect=False,
            resolutions=("1K",),
            formats=(),
            max_count=1,
            max_references=3,
            reference_bytes=7_000_000,
            # Reference GMI 8.
            prices={"1K": Price("0.039", "usd", "2026-05-04", "a public client's rate sheet (genblaze-gmicloud)")},
        ),
    ),
)

# Seed 003 says it of Gemini 3 Pro: "a 1K image 30 - 60 seconds; 2K adds ~30s; 4K can take 90 - 120 seconds".
_REAPI_DURATIONS = {"1K": (30.0, 60.0), "2K": (60.0, 90.0), "4K": (90.0, 120.0)}
_REAPI_PRICE_SOURCE = "reAPI's model pages, as a public client noted them"  # reference 3.3


def _reapi(remote_id: str, family: str, pixels: PixelTable, prices: Mapping[str, str]) -> Model:
    official = remote_id.endswith("-official")
    flash_25 = family == "gemini-2.5-flash"
    return Model(
        remote_id=remote_id,
        family=family,
        pixels=pixels,
        aspects=FOURTEEN_ASPECTS if family == "gemini-3.1-flash" else TEN_ASPECTS,
        auto_aspect=False,
        resolutions=tuple(pixels),
        formats=(),
        max_count=4,
        max_references=14,
        prompt_limit=2000 if flash_25 else 4000,  # reference 3.3, a contract of 2026-07-23
        prices={size: Price(amount, "usd", "2026-09-28", _REAPI_PRICE_SOURCE) for size, amount in prices.items()},
        durations=_REAPI_DURATIONS if family == "gemini-3-pro" else {},
        link_seconds=_WEEK,
        channel="official" if official else "default",
    )


def _nano_banana(remote_id: str, references: int, price: str, seen: str) -> Model:
    """One of reAPI's newer models: one picture in 1K, the ratio as "aspect_ratio" (reference 3.3, 2026-11-20)."""
    return Model(
        remote_id=remote_id,
        family=remote_id,
        pixels={},  # which Google model it is, and so what sizes it draws, no document says
        aspects=TEN_ASPECTS,
        auto_aspect=False,
        resolutions=("1K",),
        formats=(),
        max_count=1,
        max_references=references,
        prices={"1K": Price(price, "usd", seen, _REAPI_PRICE_SOURCE)},  # reference reAPI 5
        link_seconds=_WEEK,
        channel="default",
    )


_REAPI = ServiceEntry(
    name="reapi",
    title="reAPI",
    origin="https://reapi.ai",
    key_variable="REAPI_API_KEY",
    origin_variable="REAPI_BASE_URL",
    organization_variable=None,
    implementation="imgen_providers.reapi:ReApi",
    # Seed 003: "0-30s: wait before the first poll; 30s-3m: every 3-5s; 3m+: back off to 10s; cap at 30s".
    cadence=Cadence(first=30.0, steps=((0.0, 4.0), (180.0, 10.0), (600.0, 30.0)), floor=3.0, after_rate_limit=10.0),
    submits_per_minute=None,
    submit_seconds=60.0,
    failure_is_free=True,  # "Failed / moderated requests are not charged", seed 003
    reference_route="public-url",
    own_fields=frozenset({"model", "prompt", "n", "size", "aspect_ratio", "resolution", "image_urls"}),
    base_path="/api/v1",  # reference 3, 2026-11-20
    models=(
        _reapi(
            "gemini-3.1-flash-image-preview",
            "gemini-3.1-flash",
            GEMINI_31_FLASH,
            {"1K": "0.050", "2K": "0.075"},
        ),
        _reapi("gemini-3.1-flash-image-preview-official", "gemini-3.1-flash", GEMINI_31_FLASH, {}),
        _reapi("gemini-3-pro-image-preview", "gemini-3-pro", GEMINI_3_PRO, {"1K": "0.030", "2K": "0.030"}),
        _reapi(
            "gemini-3-pro-image-preview-official",
            "gemini-3-pro",
            GEMINI_3_PRO,
            {"1K": "0.108", "2K": "0.108"},
        ),
        _reapi("gemini-2.5-flash-image-preview", "gemini-2.5-flash", GEMINI_25_FLASH, {}),
        _reapi("gemini-2.5-flash-image-preview-official", "gemini-2.5-flash", GEMINI_25_FLASH, {}),
        _nano_banana("nano-banana-2-lite", 10, "0.015", "2026-09-28"),
        _nano_banana("nano-banana-2.1", 14, "0.03", "2026-10-10"),
    ),
)


# The service's own price list, a snapshot of 2026-09-25 (reference GPTProto 6).
_GPTPROTO_PRICES = {
    "gemini-3-pro": {"1K": "0.0804", "2K": "0.0804", "4K": "0.144"},
    "gemini-3.1-flash": {"1K": "0.0402", "2K": "0.0606", "4K": "0.0906"},
    "gemini-3.1-flash-lite": {"1K": "0.02016"},
    "gemini-2.5-flash": {"1K": "0.0234"},
}


def _gptproto(remote_id: str, family: str, pixels: PixelTable) -> Model:
    return Model(
        remote_id=remote_id,
        family=family,
        pixels=pixels,
        aspects=FOURTEEN_ASPECTS if family.startswith("gemini-3.1-flash") else TEN_ASPECTS,
        auto_aspect=False,
        resolutions=tuple(pixels),
        formats=("png", "jpeg"),
        max_count=1,  # the "n" of one page is copied from another model (reference 4.A, 2026-11-20)
        max_references=3 if family == "gemini-2.5-flash" else 14,
        reference_formats=("png", "webp", "jpeg"),
        reference_bytes=50_000_000,
        prompt_limit=32_000,
        prices={
            size: Price(amount, "usd", "2026-09-25", "GPTProto's public price list")
            for size, amount in _GPTPROTO_PRICES[family].items()
        },
        # The newer surface names a model's maker, and is not proved yet: only `--channel unified` takes it.
        channel="unified" if "/" in remote_id else "default",
    )


_GPTPROTO = ServiceEntry(
    name="gptproto",
    title="GPTProto",
    origin="https://gptproto.com",
    key_variable="GPTPROTO_API_KEY",
    origin_variable="GPTPROTO_BASE_URL",
    organization_variable=None,
    implementation="imgen_providers.gptproto:GptProto",
    # The docs recommend 1 to 3 s, and answer 429 to anything tighter (reference 4.C, 2026-11-20).
    cadence=Cadence(first=3.0, steps=((0.0, 3.0), (120.0, 5.0), (300.0, 10.0)), floor=1.0, after_rate_limit=10.0),
    submits_per_minute=None,
    submit_seconds=120.0,  # nothing is documented; a prediction is an id at once, unless the service waits
    failure_is_free=None,
    reference_route="public-url",
    own_fields=frozenset({"model", "prompt", "images", "input_references", "size", "aspect_ratio", "output_format"}),
    models=(
        _gptproto("gemini-3.1-flash-image-preview", "gemini-3.1-flash", GEMINI_31_FLASH),
        _gptproto("gemini-3-pro-image-preview", "gemini-3-pro", GEMINI_3_PRO),
        # Seed 004 names this model; the id stands in the service's own documentation tool (reference 4.A).
        _gptproto("gemini-2.5-flash-image", "gemini-2.5-flash", GEMINI_25_FLASH),
        # The ids since general availability, in its price list of 2026-09-25 (GPTProto 6).
        _gptproto("gemini-3.1-flash-image", "gemini-3.1-flash", GEMINI_31_FLASH),
        _gptproto("gemini-3.1-flash-lite-image", "gemini-3.1-flash-lite", GEMINI_31_FLASH_LITE),
        # The catalogue of the newer surface in September 2026 (reference 4.B).
        _gptproto("google/gemini-3.1-flash-image-preview", "gemini-3.1-flash", GEMINI_31_FLASH),
        _gptproto("google/gemini-3-pro-image-preview", "gemini-3-pro", GEMINI_3_PRO),
        _gptproto("google/gemini-3.1-flash-lite-image", "gemini-3.1-flash-lite", GEMINI_31_FLASH_LITE),
    ),
)

_QUEUES = (_THREEDAISTUDIO, _GMICLOUD, _REAPI, _GPTPROTO)

OURS: dict[str, ServiceEntry] = {**{entry.name: entry for entry in _QUEUES}, **DIRECT_SERVICES}
"""The services that imgen brings along, by their names."""

_ADDED, LEFT_OUT = installed(OURS)

SERVICES: dict[str, ServiceEntry] = {**OURS, **{entry.name: entry for entry in _ADDED}}
"""Every service by its name, in the order they are preferred where nothing else decides."""

_OUR_FAMILIES = (
    *("gemini-3.1-flash", "gemini-3-pro", "gemini-2.5-flash", "gemini-3.1-flash-lite"),
    *("nano-banana-2.1", "nano-banana-2-lite"),
    *("gpt-image-2.5-flare", "gpt-image-2.5-sunburst", "gpt-image-2"),
)
FAMILIES: tuple[str, ...] = tuple(
    dict.fromkeys((*_OUR_FAMILIES, *(model.family for entry in _ADDED for model in entry.models)))
)
"""Every model family, the default first; a model that is offered by one service only is a family of its own."""

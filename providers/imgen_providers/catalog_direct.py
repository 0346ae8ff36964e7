"""The rows of Google's Gemini API, OpenAI Images, OpenRouter and fal: data only.

Where a model does not come back, the answer to the submit is all there is. Facts are those of the reference of the
direct services (2026-11-25), with the source of each.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from imgen_providers.pixels import (
    FOURTEEN_ASPECTS,
    GEMINI_3_PRO,
    GEMINI_25_FLASH,
    GEMINI_31_FLASH,
    GEMINI_31_FLASH_LITE,
    GPT_IMAGE,
    NANO_BANANA_21,
    TEN_ASPECTS,
    PixelTable,
)
from imgen_providers.rows import BATCH, Cadence, End, Model, Price, ServiceEntry

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["DIRECT_SERVICES"]

# A model that answers at once is never polled; a batch aims at 24 hours, and is asked for each minute at first (7).
_BATCH_CADENCE = Cadence(first=60.0, steps=((0.0, 60.0), (600.0, 300.0)), floor=10.0, after_rate_limit=60.0)
_UP_TO_A_DAY = (600.0, 86_400.0)
_GOOGLE_PRICES = ("2026-09-03", "Google's pricing page, as quoted by third parties")
_BANANA_PRICES = ("2026-10-08", "third parties, after Google's pricing page; 4K contradicts its token count")
_GEMINI_FORMATS = ("png", "jpeg", "webp", "heic", "heif")


def _gemini(
    remote_id: str,
    family: str,
    pixels: PixelTable,
    prices: Mapping[str, str],
    *,
    end: End | None = None,
    source: tuple[str, str] = _GOOGLE_PRICES,
) -> Model:
    seen, where = source
    return Model(
        remote_id=remote_id,
        family=family,
        pixels=pixels,
        aspects=FOURTEEN_ASPECTS if "1:4" in pixels["1K"] else TEN_ASPECTS,
        auto_aspect=False,
        resolutions=tuple(pixels),
        formats=(),  # the model's own choice: JPEG and PNG were seen (1.3)
        max_count=1,
        max_references=3 if family == "gemini-2.5-flash" else 14,
        reference_formats=_GEMINI_FORMATS,
        reference_bytes=15_000_000,  # all of a request together, as base64, stay below 20 MB (1.8)
        prices={size: Price(amount, "usd", seen, where) for size, amount in prices.items()},
        durations={"1K": (12.0, 34.0)} if family == "nano-banana-2.1" else {},  # a probe of 2026-10 (1.15)
        channel="default",
        comes_back=False,
        end=end,
    )


def _by_batch(model: Model, prices: Mapping[str, str]) -> Model:
    """The same model at half the price, hours later: a job like any other, kept for six weeks (1.14)."""
    seen = next(iter(model.prices.values()))
    return model._replace(
        remote_id=f"batch/{model.remote_id}",
        prices={size: Price(amount, "usd", seen.seen, seen.source) for size, amount in prices.items()},
        durations=dict.fromkeys(model.resolutions, _UP_TO_A_DAY),
        channel=BATCH,
        comes_back=True,
    )


_NANO_BANANA = _gemini(
    "gemini-nano-banana-2.1",
    "nano-banana-2.1",
    NANO_BANANA_21,
    {"1K": "0.0336", "2K": "0.0504", "4K": "0.113"},
    source=_BANANA_PRICES,
)
_PRO = _gemini("gemini-3-pro-image", "gemini-3-pro", GEMINI_3_PRO, {"1K": "0.134", "2K": "0.134", "4K": "0.24"})
_FLASH = _gemini(
    "gemini-3.1-flash-image",
    "gemini-3.1-flash",
    GEMINI_31_FLASH,
    {"0.5K": "0.045", "1K": "0.067", "2K": "0.101", "4K": "0.151"},
    # Google's changelog of 2026-10-06 says deprecated, without a day.
    end=End("2026-10-29", "litellm's discussion 44983 and a skill of 2026-10-18; Google's changelog names no day"),
)
_LITE = _gemini("gemini-3.1-flash-lite-image", "gemini-3.1-flash-lite", GEMINI_31_FLASH_LITE, {"1K": "0.0336"})
_OLD_FLASH = _gemini(
    "gemini-2.5-flash-image",
    "gemini-2.5-flash",
    GEMINI_25_FLASH,
    {"1K": "0.039"},
    end=End("2026-10-02", "Google's deprecations page"),
)

_GEMINI = ServiceEntry(
    name="gemini",
    title="Google Gemini",
    origin="https://generativelanguage.googleapis.com",
    key_variable="GEMINI_API_KEY",
    other_key_variables=("GOOGLE_API_KEY",),  # holds the same, and Google's own client prefers it (1.2)
    origin_variable="GEMINI_BASE_URL",
    organization_variable=None,
    implementation="imgen_providers.gemini:Gemini",
    cadence=_BATCH_CADENCE,
    submits_per_minute=None,  # only in AI Studio, per project; a 429 names the wait (1.12)
    submit_seconds=900.0,  # 4K of 3 Pro takes minutes, and nothing can be asked again
    failure_is_free=None,  # the tokens of a refusal are counted; more is not documented (1.5)
    reference_route="data-uri",
    takes_links=True,
    inline_limit=20_000_000,
    own_fields=frozenset({"contents", "generationConfig"}),
    models=(
        _NANO_BANANA,
        _PRO,
        _LITE,
        _FLASH,
        _OLD_FLASH,
        _by_batch(_NANO_BANANA, {"1K": "0.0168", "2K": "0.0252", "4K": "0.0565"}),
        _by_batch(_PRO, {"1K": "0.067", "2K": "0.067", "4K": "0.12"}),
        _by_batch(_LITE, {"1K": "0.0168"}),
        _by_batch(_FLASH, {"0.5K": "0.022", "1K": "0.034", "2K": "0.050", "4K": "0.076"}),
        _by_batch(_OLD_FLASH, {"1K": "0.0195"}),
    ),
)

_NEVER_POLLED = Cadence(first=5.0, steps=((0.0, 5.0),), floor=1.0, after_rate_limit=20.0)


# OpenAI's calculator of 2026-04, as two public clients noted it (7024 and 5488 tokens at 30 dollars a million): the
# dearest of the three sizes. A request without a quality leaves it to the model, and its price is not known before.
_GPT_IMAGE_2 = {"low": "0.006", "medium": "0.053", "high": "0.211"}
# 196 tokens for a square picture, as a public client noted it on 2026-09-12; of the other qualities nothing was found.
_GPT_IMAGE_25 = {"low": "0.006"}
_FIVE_QUALITIES = ("low", "medium", "high", "xhigh", "max")


def _gpt_image(name: str, seen: str, prices: Mapping[str, str], qualities: tuple[str, ...] = _FIVE_QUALITIES) -> Model:
    source = "OpenAI's calculator, as public clients noted it"
    return Model(
        remote_id=name,
        family=name,
        pixels=GPT_IMAGE,
        aspects=tuple(GPT_IMAGE["1K"]),
        auto_aspect=True,
        resolutions=tuple(GPT_IMAGE),
        formats=("png", "jpeg", "webp"),
        max_count=10,
        max_references=16,
        reference_formats=("png", "jpeg", "webp"),
        reference_bytes=15_000_000,  # a data URI has at most 20971520 characters (2.2)
        prompt_limit=32_000,
        qualities=("auto", *qualities),
        quality_prices={quality: {"1K": Price(amount, "usd", seen, source)} for quality, amount in prices.items()},
        comes_back=False,
    )


_OPENAI = ServiceEntry(
    name="openai",
    title="OpenAI",
    origin="https://api.openai.com",
    key_variable="OPENAI_API_KEY",
    origin_variable="OPENAI_BASE_URL",
    organization_variable=None,
    implementation="imgen_providers.openai:OpenAI",
    cadence=_NEVER_POLLED,
    submits_per_minute=None,
    submit_seconds=900.0,
    failure_is_free=None,  # "refusals are not billed" stands in no document of OpenAI (2.4)
    reference_route="data-uri",
    takes_links=True,
    own_fields=frozenset({"model", "prompt", "n", "size", "output_format", "images"}),
    models=(
        _gpt_image("gpt-image-2.5-flare", "2026-09-12", _GPT_IMAGE_25),
        _gpt_image("gpt-image-2.5-sunburst", "2026-09-12", _GPT_IMAGE_25),
        _gpt_image("gpt-image-2", "2026-04-27", _GPT_IMAGE_2, ("low", "medium", "high")),
    ),
    base_path="/v1",
)


def _openrouter(google: Model) -> Model:
    return Model(
        remote_id=f"google/{google.remote_id}",
        family=google.family,
        pixels=google.pixels,
        aspects=tuple(google.pixels["1K"]),
        auto_aspect=False,
        resolutions=tuple(google.pixels),
        formats=("png", "jpeg", "webp"),
        max_count=1,
        max_references=14,
        reference_formats=("png", "jpeg", "webp"),
        reference_bytes=15_000_000,
        # It "passes through the pricing of the underlying providers" (openrouter.ai/docs/faq, read on 2026-11-26); the
        # answer says what was charged.
        prices={
            size: price._replace(source=f"OpenRouter's FAQ, and for the amount {price.source}")
            for size, price in google.prices.items()
        },
        durations=google.durations,  # a probe of 2.1 at OpenRouter took 12 to 34 s, too (5)
        comes_back=False,
    )


_OPENROUTER = ServiceEntry(
    name="openrouter",
    title="OpenRouter",
    origin="https://openrouter.ai",
    key_variable="OPENROUTER_API_KEY",
    origin_variable="OPENROUTER_BASE_URL",
    organization_variable=None,
    implementation="imgen_providers.openrouter:OpenRouter",
    cadence=_NEVER_POLLED,
    submits_per_minute=None,
    submit_seconds=900.0,
    failure_is_free=None,
    reference_route="data-uri",
    takes_links=True,
    own_fields=frozenset({"model", "prompt", "n", "aspect_ratio", "resolution", "output_format", "input_references"}),
    models=(
        _openrouter(_NANO_BANANA),
        _openrouter(_PRO),
    ),
    base_path="/api/v1",
)


def _fal(remote_id: str, family: str, pixels: PixelTable, prices: Mapping[str, str]) -> Model:
    return Model(
        remote_id=remote_id,
        family=family,
        pixels=pixels,
        aspects=tuple(pixels["1K"]),
        auto_aspect=True,
        resolutions=tuple(pixels),
        formats=("png", "jpeg", "webp"),
        max_count=4,
        max_references=14,
        reference_formats=("png", "jpeg", "webp"),
        reference_bytes=15_000_000,
        prices={
            size: Price(amount, "usd", "2026-10", "fal's own pages of the model") for size, amount in prices.items()
        },
        link_seconds=None,  # a setting of the account (3.6)
    )


_FAL = ServiceEntry(
    name="fal",
    title="fal",
    origin="https://queue.fal.run",
    key_variable="FAL_KEY",
    origin_variable="FAL_BASE_URL",
    organization_variable=None,
    implementation="imgen_providers.fal:Fal",
    # No cadence is documented; its own client asks every tenth of a second while it waits.
    cadence=Cadence(first=3.0, steps=((0.0, 2.0), (60.0, 5.0), (300.0, 15.0)), floor=1.0, after_rate_limit=10.0),
    submits_per_minute=None,
    submit_seconds=60.0,
    failure_is_free=None,  # "server errors are not charged" (3.2); of a refused input no document says it
    reference_route="data-uri",
    takes_links=True,
    own_fields=frozenset({"prompt", "num_images", "image_urls", "aspect_ratio", "resolution", "output_format"}),
    lists_when_ended=True,  # its history is sorted by when requests ended (3.3)
    models=(
        _fal("google/nano-banana-2.1", "nano-banana-2.1", NANO_BANANA_21, {"1K": "0.040", "4K": "0.134"}),
        _fal(
            "fal-ai/nano-banana-2",
            "gemini-3.1-flash",
            GEMINI_31_FLASH,
            {"0.5K": "0.06", "1K": "0.08", "2K": "0.12", "4K": "0.16"},
        ),
        _fal("fal-ai/nano-banana-pro", "gemini-3-pro", GEMINI_3_PRO, {}),
    ),
)

DIRECT_SERVICES: dict[str, ServiceEntry] = {entry.name: entry for entry in (_GEMINI, _OPENAI, _OPENROUTER, _FAL)}
"""Every such service by its name, in the order they are preferred where nothing else decides."""

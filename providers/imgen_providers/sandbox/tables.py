"""What the services document: sizes in pixels, limits, and how long links live.

Typed by hand from the documents and kept apart from the catalogue on purpose; a test compares this file
with the documents themselves (seeds 000 to 004, read 2026-11-20).
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

Size = tuple[int, int]


def _pixels(resolutions: str, rows: str) -> dict[str, dict[str, Size]]:
    table: dict[str, dict[str, Size]] = {name: {} for name in resolutions.split()}
    for row in rows.strip().splitlines():
        aspect, *sizes = row.split()
        for sizes_by_aspect, text in zip(table.values(), sizes, strict=True):
            width, height = text.split("x")
            sizes_by_aspect[aspect] = (int(width), int(height))
    return table


# Seed 004, "Aspect Ratio & Image Size", whose numbers are Google's own.
PIXELS: dict[str, dict[str, dict[str, Size]]] = {
    "gemini-2.5-flash": _pixels(
        "1K",
        """
        1:1   1024x1024
        2:3   832x1248
        3:2   1248x832
        3:4   864x1184
        4:3   1184x864
        4:5   896x1152
        5:4   1152x896
        9:16  768x1344
        16:9  1344x768
        21:9  1536x672
        """,
    ),
    "gemini-3.1-flash": _pixels(
        "0.5K 1K 2K 4K",
        """
        1:1   512x512   1024x1024  2048x2048  4096x4096
        1:4   256x1024  512x2048   1024x4096  2048x8192
        1:8   192x1536  384x3072   768x6144   1536x12288
        2:3   424x632   848x1264   1696x2528  3392x5056
        3:2   632x424   1264x848   2528x1696  5056x3392
        3:4   448x600   896x1200   1792x2400  3584x4800
        4:1   1024x256  2048x512   4096x1024  8192x2048
        4:3   600x448   1200x896   2400x1792  4800x3584
        4:5   464x576   928x1152   1856x2304  3712x4608
        5:4   576x464   1152x928   2304x1856  4608x3712
        8:1   1536x192  3072x384   6144x768   12288x1536
        9:16  384x688   768x1376   1536x2752  3072x5504
        16:9  688x384   1376x768   2752x1536  5504x3072
        21:9  792x336   1584x672   3168x1344  6336x2688
        """,
    ),
    "gemini-3-pro": _pixels(
        "1K 2K 4K",
        """
        1:1   1024x1024  2048x2048  4096x4096
        2:3   848x1264   1696x2528  3392x5056
        3:2   1264x848   2528x1696  5056x3392
        3:4   896x1200   1792x2400  3584x4800
        4:3   1200x896   2400x1792  4800x3584
        4:5   928x1152   1856x2304  3712x4608
        5:4   1152x928   2304x1856  4608x3712
        9:16  768x1376   1536x2752  3072x5504
        16:9  1376x768   2752x1536  5504x3072
        21:9  1584x672   3168x1344  6336x2688
        """,
    ),
}


@dataclass(frozen=True, slots=True)
class Limits:
    """What one model takes at one service.

    `resolutions` and `formats` go from the service's own words to ours ("512px" to "0.5K", "jpg" to "JPEG").
    """

    family: str
    aspects: frozenset[str]
    resolutions: Mapping[str, str]
    formats: Mapping[str, str]
    references: int
    pictures: int = 1
    prompt: int | None = None

    def size(self, aspect: str | None, resolution: str, first_reference: Size | None) -> Size:
        """The picture's width and height; without an aspect the first reference's nearest one, else 1:1.

        `resolution` is in the service's own words.
        """
        sizes = PIXELS[self.family][self.resolutions[resolution]]
        if aspect is None or aspect == "auto":
            aspect = _nearest(first_reference, self.aspects) if first_reference else "1:1"
        return sizes[aspect]


def _nearest(size: Size, aspects: Iterable[str]) -> str:
    wanted = math.log(size[0] / size[1])

    def distance(aspect: str) -> float:
        width, height = aspect.split(":")
        return abs(math.log(int(width) / int(height)) - wanted)

    return min(sorted(aspects), key=distance)


_EIGHT = frozenset({"1:1", "4:5", "5:4", "3:4", "4:3", "9:16", "16:9", "21:9"})
_TEN = _EIGHT | {"2:3", "3:2"}
_FOURTEEN = _TEN | {"1:4", "4:1", "1:8", "8:1"}

_K_1 = {"1K": "1K"}
_K_124 = {"1K": "1K", "2K": "2K", "4K": "4K"}
_K_0124 = {"0.5K": "0.5K", **_K_124}
_PNG_JPEG_WEBP = {"png": "PNG", "jpeg": "JPEG", "webp": "WEBP"}
_PNG_JPEG = {"png": "PNG", "jpeg": "JPEG"}
_PNG_JPG_JPEG = {"png": "PNG", "jpg": "JPEG", "jpeg": "JPEG"}
_PNG = {"png": "PNG"}

# Seeds 000 and 002. Of 2.5 Flash only the path and "no resolution" are known (reference 2.1); its number of
# references is Google's (reference 5.1).
THREEDAISTUDIO: dict[str, Limits] = {
    "3/pro": Limits("gemini-3-pro", _TEN, _K_124, _PNG_JPEG_WEBP, references=14, pictures=4),
    "3.1/flash": Limits(
        "gemini-3.1-flash", _FOURTEEN, {"512px": "0.5K", **_K_124}, _PNG_JPEG_WEBP, references=14, pictures=4
    ),
    "2.5/flash": Limits("gemini-2.5-flash", _TEN, _K_1, _PNG_JPEG_WEBP, references=3, pictures=4),
}

# Seed 001; the id without "-preview" and gemini-2.5-flash-image: reference 1.2.
_GMI_PRO = Limits("gemini-3-pro", _EIGHT, _K_124, _PNG_JPEG, references=14, prompt=2000)
GMICLOUD: dict[str, Limits] = {
    "gemini-3-pro-image-preview": _GMI_PRO,
    "gemini-3-pro-image": _GMI_PRO,
    "gemini-2.5-flash-image": Limits("gemini-2.5-flash", _TEN, _K_1, _PNG, references=3, prompt=2000),
    # "Seen in real clients", GMI 2: the sizes are texts, and the smallest one has no K.
    "gemini-3.1-flash-image-preview": Limits(
        "gemini-3.1-flash", _TEN, {"512": "0.5K", **_K_124}, _PNG_JPEG, references=14
    ),
}

# Seed 003; the sibling models and the limits of prompts: reference 3.3.
_REAPI_25 = Limits("gemini-2.5-flash", _TEN, _K_1, _PNG, references=14, pictures=4, prompt=2000)
_REAPI_3 = Limits("gemini-3-pro", _TEN, _K_124, _PNG, references=14, pictures=4, prompt=4000)
_REAPI_31 = Limits("gemini-3.1-flash", _FOURTEEN, _K_0124, _PNG, references=14, pictures=4, prompt=4000)
REAPI: dict[str, Limits] = {
    "gemini-2.5-flash-image-preview": _REAPI_25,
    "gemini-2.5-flash-image-preview-official": _REAPI_25,
    "gemini-3-pro-image-preview": _REAPI_3,
    "gemini-3-pro-image-preview-official": _REAPI_3,
    "gemini-3.1-flash-image-preview": _REAPI_31,
    "gemini-3.1-flash-image-preview-official": _REAPI_31,
    # Reference 3.3. Which ratios they take was not found: [assumed] those of 3.1 Flash and of 3 Pro.
    "nano-banana-2-lite": Limits("gemini-3.1-flash", _FOURTEEN, _K_1, _PNG, references=10),
    "nano-banana-2.1": Limits("gemini-3.1-flash", _TEN, {"1k": "1K"}, _PNG, references=14),
}

# Seed 004. It names the third model only "Gemini 2.5 Flash Image": Google's id and three seen in its documents and
# its Dify plugin are all taken. `n` goes to 10 on the page (reference 4.A; [assumed] that many pictures come).
_GPTPROTO_25 = Limits("gemini-2.5-flash", _TEN, _K_1, _PNG_JPG_JPEG, references=3, pictures=10, prompt=32_000)
_GPTPROTO_31 = Limits("gemini-3.1-flash", _FOURTEEN, _K_0124, _PNG_JPG_JPEG, references=14, pictures=10, prompt=32_000)
# Its price list names one price for 1K and no other size ("Seen in real clients", GPTProto 6).
_GPTPROTO_31_LITE = Limits(
    "gemini-3.1-flash", _FOURTEEN, _K_1, _PNG_JPG_JPEG, references=14, pictures=10, prompt=32_000
)
_GPTPROTO_3 = Limits("gemini-3-pro", _TEN, _K_124, _PNG_JPG_JPEG, references=14, pictures=10, prompt=32_000)
GPTPROTO: dict[str, Limits] = {
    "gemini-3-pro-image-preview": _GPTPROTO_3,
    "gemini-3.1-flash-image-preview": _GPTPROTO_31,
    "gemini-3.1-flash-image": _GPTPROTO_31,
    "gemini-3.1-flash-lite-image": _GPTPROTO_31_LITE,
    "gemini-2.5-flash-image": _GPTPROTO_25,
    "gemini-2.5-flash-image-preview": _GPTPROTO_25,
    "gemini-2.5-flash-image-preview-hd": _GPTPROTO_25,
    "gemini-2.5-flash-image-hd": _GPTPROTO_25,
    "nano-banana": _GPTPROTO_25,
}

# Reference 4.B: the ids of the catalogue; png and jpeg only, and one picture.
GPTPROTO_UNIFIED: dict[str, Limits] = {
    "google/gemini-3-pro-image-preview": replace(_GPTPROTO_3, formats=_PNG_JPEG, pictures=1),
    "google/gemini-3.1-flash-image-preview": replace(
        _GPTPROTO_31, resolutions={"512": "0.5K", **_K_0124}, formats=_PNG_JPEG, pictures=1
    ),
    "google/gemini-3.1-flash-lite-image": replace(_GPTPROTO_31_LITE, formats=_PNG_JPEG, pictures=1),
}

# The reference of the direct services, 1.1 (2026-11-25). Ratios of the lite model are not documented: [assumed] all.
# Every format is the model's own choice (1.3): 2.1 was seen to answer JPEG, the others PNG.
_GEMINI_31 = Limits("gemini-3.1-flash", _FOURTEEN, {"512": "0.5K", **_K_124}, _PNG, references=14)
GEMINI: dict[str, Limits] = {
    "gemini-nano-banana-2.1": Limits("gemini-3.1-flash", _FOURTEEN, _K_124, {"jpg": "JPEG"}, references=14),
    "gemini-3-pro-image": Limits("gemini-3-pro", _TEN, _K_124, _PNG, references=14),
    "gemini-3.1-flash-image": _GEMINI_31,
    "gemini-3.1-flash-lite-image": Limits("gemini-3.1-flash", _FOURTEEN, _K_1, _PNG, references=14),
    "gemini-2.5-flash-image": Limits("gemini-2.5-flash", _TEN, _K_1, _PNG, references=3),
}
# Tokens of one picture by its resolution: 2520 at 4K is Google's own number (1.1); the others are the prices per
# picture over the price of a token (1.11).
GEMINI_TOKENS = {"0.5K": 747, "1K": 1120, "2K": 1680, "4K": 2520}

# The same reference, 2.1. Only the SDK names the 2.6 models.
OPENAI = (
    "gpt-image-2.6-sunburst",
    "gpt-image-2.6-flare",
    "gpt-image-2.5-sunburst",
    "gpt-image-2.5-sunburst-2026-09-08",
    "gpt-image-2.5-flare",
    "gpt-image-2.5-flare-2026-09-08",
    "gpt-image-2",
    "gpt-image-2-2026-04-21",
    "gpt-image-1.5",
    "gpt-image-1-mini",
    "chatgpt-image-latest",
)
# [assumed] Output tokens of a square picture, those of gpt-image-1; for the newer models none were found (2.5).
OPENAI_TOKENS = {"low": 272, "medium": 1056, "high": 4160, "xhigh": 8320, "max": 16640}

# The same reference, 5: one enum of resolutions for every model, clamped to what the provider has.
_OPENROUTER_K = {"512": "1K", **_K_124}
OPENROUTER: dict[str, Limits] = {
    "google/gemini-nano-banana-2.1": Limits("gemini-3.1-flash", _FOURTEEN, _OPENROUTER_K, _PNG_JPEG_WEBP, 14),
    "google/gemini-3-pro-image": Limits("gemini-3-pro", _TEN, _OPENROUTER_K, _PNG_JPEG_WEBP, 14),
    # It makes up to ten pictures of one request, and fewer may come.
    "openai/gpt-image-2.5-flare": Limits("gemini-3.1-flash", _FOURTEEN, _OPENROUTER_K, _PNG_JPEG_WEBP, 16, pictures=10),
}

# The same reference, 3.5; the fields of the inputs are [assumed] those of fal's own pages of these models.
_FAL_PNG = {"jpeg": "JPEG", "png": "PNG", "webp": "WEBP"}
FAL: dict[str, Limits] = {
    "google/nano-banana-2.1": Limits("gemini-3.1-flash", _FOURTEEN, _K_124, _FAL_PNG, references=14, pictures=4),
    "fal-ai/nano-banana-2": Limits("gemini-3.1-flash", _FOURTEEN, _K_0124, _FAL_PNG, references=14, pictures=4),
    "fal-ai/nano-banana-pro": Limits("gemini-3-pro", _TEN, _K_124, _FAL_PNG, references=14, pictures=4),
}

# Seconds after the end of the job: "expire after 24 hours" (seeds 000, 002), "stable for 7 days" (seed 003).
LINK_SECONDS: dict[str, float] = {"3daistudio": 24 * 3600.0, "reapi": 7 * 24 * 3600.0}

"""The other image models of the services: real ids, whose fields are read only as far as the drawing needs them.

For a request that is written with exact fields (`--option`), which no table of this sandbox describes.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from imgen_providers.sandbox.store import Order

if TYPE_CHECKING:
    from imgen_providers.sandbox.fields import Fields
    from imgen_providers.sandbox.tables import Size

# Own pages and a record of 2026-09-05 ("Seen in real clients", GMI 8 and 9; reference 1.2).
GMICLOUD = frozenset(
    {
        "seedream-3-0-t2i-250415",
        "seedream-4-0-250828",
        "seedream-5.0-lite",
        "seedream-5.0-pro",
        "gpt-image-2",
        "gpt-image-2-edit",
        "flux-kontext-pro",
        "Flux2-Klein",
        "Z-Image",
    }
)
GMICLOUD_NEVER_RUN = frozenset({"Flux2-Klein", "Z-Image"})
"""They are accepted, and stay queued for ever (GMI 9)."""

# Own docs' menu, and the contracts of 2026-07-23 ("Seen in real clients", reAPI 4; reference 3.3).
REAPI = frozenset(
    {
        "gpt-image-2",
        "gpt-image-2-official",
        "gpt-image-2.5-flare",
        "flux-2",
        "flux-2-flex",
        "z-image",
        "qwen-image-2",
        "wan-2-7-image",
        "imagen-4-0",
        "doubao-seedream-5-0-lite",
        "midjourney-v7",
        "midjourney-v8",
    }
)

# With their provider before them: the Dify plugin 0.0.53, the price list of 2026-09-25, the SDK's example.
GPTPROTO = frozenset(
    {
        "bytedance/seedream-4-0-250828",
        "bytedance/seedream-4-5",
        "bytedance/seedream-4-5-251128",
        "bytedance/seedream-4.5",
        "bytedance/seedream-5-0",
        "openai/gpt-image-1",
        "openai/gpt-image-2",
    }
)

_SIZE = re.compile(r"(\d{2,4})[x*](\d{2,4})")
_FORMATS = {"png": "PNG", "jpeg": "JPEG", "jpg": "JPEG", "webp": "WEBP"}
_SIDES = range(64, 4097)


def order(service: str, model: str, fields: Fields, *, format: str = "png") -> Order:
    """What a submit for such a model asks for; `format` is what comes where the request names none.

    Raises `BadField` without a prompt, and for a number of pictures that no service makes.
    """
    prompt = fields.text("prompt")
    named = fields.get("output_format")
    extension = named if isinstance(named, str) and named in _FORMATS else format
    count = fields.whole("n", 1, 10, 1)
    return Order(service, model, prompt, _size(fields.get("size")), _FORMATS[extension], extension, count)


def _size(value: object) -> Size:
    match = _SIZE.fullmatch(value) if isinstance(value, str) else None
    width, height = (int(match[1]), int(match[2])) if match else (1024, 1024)
    return (width, height) if width in _SIDES and height in _SIDES else (1024, 1024)

"""The answer of OpenAI's Images API, which OpenRouter's has as well: `data`, with pictures in base64, and `usage`.

Apart from the transport on purpose: an answer that was kept on disk is read by the same code as one that just came.
Reference of the direct services, 2.3 and 5 (2026-11-25).
"""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING

from imgen_providers.assets import read_elsewhere, read_results
from imgen_providers.base import Failed, Status, Succeeded
from imgen_providers.identifiers import identifier

if TYPE_CHECKING:
    from imgen_providers.base import Json, Request
    from imgen_providers.client import Answer


def body_of(answer: Answer) -> dict[str, Json]:
    """The answer as an object, empty where it is none."""
    try:
        found = answer.json()
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def read_images(body: dict[str, Json], *, base: str) -> Status | None:
    """The end of the job; None where the answer has not the form of any document.

    An answer without a picture is a failure: nothing can be asked afterwards.
    """
    data = body.get("data")
    assets = read_results(data, base=base) or read_elsewhere(body, base=base)
    if assets:
        return Succeeded(assets)
    if not isinstance(data, list):
        return None
    return Failed("The answer holds no picture, and no reason for that")


def name_of(request: Request, answer: Answer) -> str:
    """A name for the job, which the answer itself has none of: that of the exchange, else our own key."""
    return identifier(answer.headers.get("x-request-id")) or request.idempotency_key or secrets.token_hex(12)

"""Google's GenerateContent as JSON: how a request is written, and what an answer means for the job.

Apart from the transport on purpose: an answer that was kept on disk is read by the same code as one that just came,
and so is each entry of a batch. Facts are those of the reference of the direct services, section 1 (2026-11-25).
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import ROUND_UP, Decimal
from typing import TYPE_CHECKING, cast

from imgen_providers.assets import read_assets
from imgen_providers.base import Charge, Failed, PictureLink, Request, Status, Succeeded
from imgen_providers.client import Base64, words
from imgen_providers.conversation import is_conversation
from imgen_providers.errors import InvalidRequest
from imgen_providers.identifiers import identifier

if TYPE_CHECKING:
    from collections.abc import Mapping

    from imgen_providers.base import Json, Reference

BATCH = "batch/"
"""Begins our own name of a model that is asked by a batch, at half the price."""

_ENCODED_LIMIT = 20_000_000  # bytes of a whole request; another page says 100 MB (1.8), and the smaller one is kept to
_RESOLUTIONS = {"0.5K": "512"}
# Fields of generationConfig; whatever else is given in Google's own words stands beside it (1.3).
_OF_CONFIG = frozenset(
    ("thinkingConfig", "temperature", "topP", "topK", "seed", "maxOutputTokens", "stopSequences", "mediaResolution")
)
_REFUSED = frozenset(
    ("SAFETY", "RECITATION", "BLOCKLIST", "PROHIBITED_CONTENT", "SPII", "IMAGE_SAFETY", "IMAGE_PROHIBITED_CONTENT")
) | frozenset(("IMAGE_RECITATION",))
_MILLION = Decimal(1_000_000)


@dataclass(frozen=True, slots=True)
class _Rates:
    """Dollars per million tokens."""

    input: str
    text: str
    image: str


# 1.11: Google's pricing page, quoted on 2026-09-03, and for 2.1 third parties on 2026-10-08; those of 3 Pro for output
# are from memory. What was really charged is on Google's bill only.
_RATES = {
    "gemini-nano-banana-2.1": _Rates("1.50", "7.50", "30"),
    "gemini-3.1-flash-image": _Rates("0.50", "3", "60"),
    "gemini-3.1-flash-lite-image": _Rates("0.25", "1.50", "30"),
    "gemini-3-pro-image": _Rates("2", "12", "120"),
    "gemini-2.5-flash-image": _Rates("0.30", "2.50", "30"),
}


@dataclass(frozen=True, slots=True)
class Reading:
    """What one answer says; `response_id` is the service's own name for it, which nothing can be asked by."""

    status: Status
    response_id: str | None
    charged: Charge | None


def request_body(request: Request) -> dict[str, object]:
    """The GenerateContentRequest. Raises `InvalidRequest` for a conversation that is none.

    Words are asked for beside the picture, so that a model that draws nothing can say why (1.3).
    """
    history: list[Json] = []
    if request.conversation is not None:
        if not is_conversation(request.conversation):
            raise InvalidRequest("The conversation to go on from is not a list of turns, so nothing was sent.")
        history = [*request.conversation]
    turn = {"role": "user", "parts": [*map(_part, request.references), {"text": request.prompt}]}
    resolution = _RESOLUTIONS.get(request.resolution or "", request.resolution)
    image = {"aspectRatio": request.aspect, "imageSize": resolution}
    given = {name: value for name, value in image.items() if value is not None}
    config: dict[str, object] = {"responseModalities": ["TEXT", "IMAGE"], **({"imageConfig": given} if given else {})}
    config |= {name: value for name, value in request.extras.items() if name in _OF_CONFIG}
    beside = {name: value for name, value in request.extras.items() if name not in _OF_CONFIG}
    return {"contents": [*history, turn], "generationConfig": config, **beside}


def read(request: Request, answer: Json, *, base: str, half_price: bool = False) -> Reading | None:
    """What an answer means; None where it has no form that a document describes.

    An answer without a picture is an end, with the service's own words: nothing can be asked afterwards.
    """
    if isinstance(answer, list) and len(answer) == 1:
        answer = answer[0]
    if not isinstance(answer, dict) or not any(
        isinstance(answer.get(name), list | dict) and answer[name]
        for name in ("candidates", "promptFeedback", "usageMetadata")
    ):
        return None
    assets = read_assets(answer.get("candidates"), base=base) or read_assets(_last_thought(answer), base=base)
    if not assets and not _is_documented(answer):
        return None
    status: Status = Succeeded(assets, _conversation(request, answer, base)) if assets else _without_picture(answer)
    model = request.model.removeprefix(BATCH)
    charged = _charge(model, _object(answer, "usageMetadata"), half_price=half_price)
    return Reading(status, identifier(answer.get("responseId")), charged)


def _part(reference: Reference) -> dict[str, object]:
    if isinstance(reference, PictureLink):
        return {"fileData": {"fileUri": reference.url}}
    return {"inlineData": {"mimeType": reference.media_type, "data": Base64(reference)}}


def too_large(request: Request) -> bool:
    """Whether the references are more than a request may hold in its body."""
    sizes = [each.size for each in request.references if not isinstance(each, PictureLink)]
    return sum(-(-size // 3) * 4 for size in sizes) > _ENCODED_LIMIT


def _is_documented(answer: Mapping[str, Json]) -> bool:
    """Whether everything that could hold a picture has its documented type, or is missing (1.4)."""
    contents = [each.get("content") for each in _candidates(answer)]
    return _are_objects(answer.get("candidates")) and all(
        each is None or (isinstance(each, dict) and _are_objects(each.get("parts"))) for each in contents
    )


def _are_objects(value: Json) -> bool:
    return value is None or (isinstance(value, list) and all(isinstance(each, dict) for each in value))


def _candidates(answer: Mapping[str, Json]) -> list[dict[str, Json]]:
    found = answer.get("candidates")
    return [each for each in found if isinstance(each, dict)] if isinstance(found, list) else []


def _parts(candidate: Mapping[str, Json]) -> list[dict[str, Json]]:
    found = _object(candidate, "content").get("parts")
    return [each for each in found if isinstance(each, dict)] if isinstance(found, list) else []


def _object(of: Mapping[str, Json], name: str) -> dict[str, Json]:
    found = of.get(name)
    return found if isinstance(found, dict) else {}


def _last_thought(answer: Mapping[str, Json]) -> Json:
    """The last picture of the thoughts, which is the final one: what is left where no other is there (1.4)."""
    parts = [part for candidate in _candidates(answer) for part in _parts(candidate) if "inlineData" in part]
    return {**parts[-1], "thought": False} if parts else None


def _conversation(request: Request, answer: Mapping[str, Json], base: str) -> Json:
    """The turns so far with the model's own as it came: its signatures must return untouched (1.7).

    Only pictures that came from a link or a conversation are in it: those of this disk are not kept a second time, and
    those in Google's file store, which is at `base`, are gone after 48 hours (1.9).
    """
    candidate = next(iter(_candidates(answer)), {})
    own = candidate.get("content")
    lasting = (isinstance(each, PictureLink) and not each.url.startswith(f"{base}/") for each in request.references)
    if not isinstance(own, dict) or not all(lasting):
        return None
    history = request.conversation if isinstance(request.conversation, list) else []
    turn = {"role": "user", "parts": [*map(_part, request.references), {"text": request.prompt}]}
    return cast("Json", [*history, turn, {"role": "model", **own}])


def _without_picture(answer: Mapping[str, Json]) -> Failed:
    feedback = _object(answer, "promptFeedback")
    if block := words(feedback.get("blockReason")):
        reason = words(feedback.get("blockReasonMessage")) or f"Google blocked the prompt: {block}"
        return Failed(reason[:400], block, "refused")
    candidates = _candidates(answer)
    finish = next((found for each in candidates if (found := words(each.get("finishReason")))), "")
    said = " ".join(
        text
        for each in candidates
        for part in _parts(each)
        if part.get("thought") is not True and (text := words(part.get("text")))
    )
    message = next((text for each in candidates if (text := words(each.get("finishMessage")))), "")
    reason = said or message or f"Google answered without a picture ({finish or 'no reason given'})"
    return Failed(reason[:400], finish or None, "refused" if finish in _REFUSED else "failed")


def _charge(model: str, usage: Mapping[str, Json], *, half_price: bool) -> Charge | None:
    rates = _RATES.get(model)
    asked, made = _tokens(usage, "promptTokenCount"), _tokens(usage, "candidatesTokenCount")
    if rates is None or not asked:
        return None
    details = usage.get("candidatesTokensDetails")
    drawn = sum(
        _tokens(each, "tokenCount")
        for each in (details if isinstance(details, list) else [])
        if isinstance(each, dict) and each.get("modality") == "IMAGE"
    )
    drawn = min(drawn, made) if isinstance(details, list) else made
    # The thoughts are not inside the candidates' count (1.4).
    texts = made - drawn + _tokens(usage, "thoughtsTokenCount")
    dollars = (asked * Decimal(rates.input) + texts * Decimal(rates.text) + drawn * Decimal(rates.image)) / _MILLION
    exact = (dollars / 2 if half_price else dollars).quantize(Decimal("0.000001"), ROUND_UP)
    return Charge(f"{exact.normalize():f}", "usd", computed=True) if exact else None


def _tokens(of: Mapping[str, Json], name: str) -> int:
    found = of.get(name)
    return found if isinstance(found, int) and not isinstance(found, bool) and 0 < found < 10**9 else 0

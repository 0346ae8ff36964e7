"""Google's GenerateContentResponse, with a picture in it or with one of the many ends that have none.

Reference of the direct services, 1.4 and 1.5 (2026-11-25).
"""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING

from imgen_providers.sandbox.gemini_requests import signature
from imgen_providers.sandbox.tables import GEMINI_TOKENS

if TYPE_CHECKING:
    from imgen_providers.sandbox.faults import FaultScript
    from imgen_providers.sandbox.pictures import Pictures
    from imgen_providers.sandbox.store import Standing, StoredJob

_SENTENCE = "Here is the picture you asked for."
_NO_SENTENCE = "I cannot make a picture of that, but I can describe it to you."
_BLOCKED = "BLOCK_"
_TOKENS_OF_A_REFERENCE = 560  # "about 0.0011 per reference" at 2.00 per million (1.11)


def answer(job: StoredJob, standing: Standing, pictures: Pictures, faults: FaultScript) -> dict[str, object]:
    """The whole answer to one request."""
    ending = _ending(standing, faults)
    message: dict[str, object] = {"modelVersion": job.order.model, "responseId": job.id}
    if ending is None:
        message["candidates"] = [_candidate(_parts(job, pictures, faults), "STOP")]
    elif ending.startswith(_BLOCKED):
        message["promptFeedback"] = {"blockReason": ending.removeprefix(_BLOCKED)}
    elif ending == "ONLY_TEXT":
        message["candidates"] = [_candidate([{"text": _NO_SENTENCE}], "STOP")]
    elif ending == "NO_PARTS":  # as the last chunk of a recorded stream (1.4)
        message["candidates"] = [_candidate(None, "STOP")]
    elif ending == "NO_CONTENT":
        message["candidates"] = [{"finishReason": "STOP", "index": 0}]
    elif ending != "NO_CANDIDATES":
        text = f"The picture was not made: {ending}."
        message["candidates"] = [{"finishReason": ending, "finishMessage": text, "index": 0}]
    return {**message, "usageMetadata": _usage(job, made=ending is None)}


def _ending(standing: Standing, faults: FaultScript) -> str | None:
    """Why there is no picture, in the words of the fault `no-picture`; None where there is one."""
    if standing.state == "refused":
        return "BLOCK_PROHIBITED_CONTENT"
    if standing.state != "done":
        return "IMAGE_OTHER"
    if fault := faults.take("no-picture"):
        return fault.word
    return "IMAGE_SAFETY" if faults.take("output-policy") else None


def _candidate(parts: list[dict[str, object]] | None, reason: str) -> dict[str, object]:
    content: dict[str, object] = {"role": "model"}
    if parts is not None:
        content["parts"] = parts
    return {"content": content, "finishReason": reason, "index": 0}


def _parts(job: StoredJob, pictures: Pictures, faults: FaultScript) -> list[dict[str, object]]:
    data = pictures.draw(job, 0)
    inline: dict[str, object] = {
        "mimeType": f"image/{job.order.format.lower()}",
        "data": base64.b64encode(data).decode(),
    }
    parts: list[dict[str, object]] = []
    if job.order.body.get("thoughts") or faults.take("gemini-thoughts"):
        # The last picture of the thoughts is the final one (1.4).
        parts += [{"text": "I compose the scene.", "thought": True}, {"inlineData": inline, "thought": True}]
    signs = job.order.model != "gemini-2.5-flash-image"
    if "TEXT" in job.order.body.get("modalities", ()):
        parts.append(_signed({"text": _SENTENCE}, _SENTENCE.encode()) if signs else {"text": _SENTENCE})
    parts.append(_signed({"inlineData": inline}, data) if signs else {"inlineData": inline})
    return parts


def _signed(part: dict[str, object], content: bytes) -> dict[str, object]:
    return {**part, "thoughtSignature": signature(content)}


def _usage(job: StoredJob, *, made: bool) -> dict[str, object]:
    text = 1 + len(job.order.prompt) // 4
    seen = _TOKENS_OF_A_REFERENCE * len(job.order.references)
    drawn = GEMINI_TOKENS[str(job.order.body["resolution"])] if made else 0
    details: list[dict[str, object]] = [{"modality": "TEXT", "tokenCount": text}]
    if seen:
        details.append({"modality": "IMAGE", "tokenCount": seen})
    thoughts = 0 if job.order.model == "gemini-2.5-flash-image" else 120
    usage: dict[str, object] = {"promptTokenCount": text + seen, "promptTokensDetails": details}
    if drawn:
        usage |= {
            "candidatesTokenCount": drawn,
            "candidatesTokensDetails": [{"modality": "IMAGE", "tokenCount": drawn}],
        }
    return usage | {"thoughtsTokenCount": thoughts, "totalTokenCount": text + seen + drawn + thoughts}

"""Google's GenerateContentRequest, read into an order (reference of the direct services, 1.3, 1.7 and 1.8; 2026-11-25).

The wire is protobuf's JSON: names in camelCase and in snake_case are taken, also beside each other, and a name that
no message has is refused.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
from typing import TYPE_CHECKING, cast

from imgen_providers.sandbox import references
from imgen_providers.sandbox.fields import BadField
from imgen_providers.sandbox.store import Order
from imgen_providers.sandbox.tables import GEMINI

if TYPE_CHECKING:
    from imgen_providers.sandbox.gemini_files import GeminiFiles
    from imgen_providers.sandbox.pictures import Pictures
    from imgen_providers.sandbox.store import JobStore, Reference

NAME = "gemini"
Message = dict[str, object]

_REQUEST = frozenset(
    ("model", "contents", "generationConfig", "safetySettings", "systemInstruction", "tools", "toolConfig")
) | frozenset(("cachedContent", "labels", "serviceTier"))
_CONFIG = frozenset(
    ("responseModalities", "imageConfig", "responseFormat", "thinkingConfig", "temperature", "topP", "topK", "seed")
) | frozenset(("candidateCount", "maxOutputTokens", "stopSequences", "mediaResolution"))
_IMAGE = frozenset(("aspectRatio", "imageSize"))
_PART = frozenset(("text", "inlineData", "fileData", "thought", "thoughtSignature"))
_LEVELS = frozenset(("MINIMAL", "LOW", "MEDIUM", "HIGH"))
# Only these take a level (1.1); 3 Pro always thinks and shows none.
_WITH_LEVELS = ("gemini-nano-banana-2.1", "gemini-3.1-flash-image", "gemini-3.1-flash-lite-image")
# Some clients send the words of an enum (1.3).
_ENUM_SIZES = {f"IMAGE_SIZE_{word}_K": f"{number}K" for word, number in (("ONE", 1), ("TWO", 2), ("FOUR", 4))}


def in_camel_case(value: object) -> object:
    """The JSON with every name as the documents write it; of a name in both spellings the last counts."""
    if isinstance(value, list):
        return [in_camel_case(item) for item in value]
    if isinstance(value, dict):
        return {re.sub(r"_([a-z])", lambda found: found[1].upper(), k): in_camel_case(v) for k, v in value.items()}
    return value


def signature(content: bytes) -> str:
    """The thought signature of a part with this content: its answer carries it, and a later turn must return it."""
    return base64.b64encode(b"imgen sandbox " + hashlib.sha256(content).digest()).decode()


class RequestReader:
    """Reads requests in camelCase; every method raises `BadField` on what no document allows."""

    def __init__(self, store: JobStore, pictures: Pictures, files: GeminiFiles) -> None:
        self._store = store
        self._pictures = pictures
        self._files = files

    def order(self, model: str, request: Message) -> Order:
        """What one request asks for."""
        limits = GEMINI.get(model)
        if limits is None:
            raise BadField("model", "no-model", _unknown_model(model))
        _only(request, _REQUEST, "")
        config = _message(request, "generationConfig")
        _only(config, _CONFIG, "generation_config")
        if config.get("candidateCount") not in (None, 1):
            raise BadField("candidateCount", "invalid", "Multiple candidates is not enabled for this model")
        aspect, resolution = self._image(model, config)
        self._thinking(model, _message(config, "thinkingConfig"))
        contents = _messages(request, "contents")
        if not contents:
            raise BadField("contents", "missing", "* GenerateContentRequest.contents: contents is not specified")
        _check_signatures(model, contents)
        prompt = " ".join(text for part in _parts(contents[-1]) if isinstance(text := part.get("text"), str) and text)
        if not prompt:
            raise BadField("contents", "missing", "Unable to process input: the last turn holds no text")
        found = [each for turn in contents for part in _parts(turn) if (each := self._picture(part))]
        if len(found) > limits.references + _answers(contents):
            raise BadField("contents", "invalid", f"Please use at most {limits.references} images")
        size = limits.size(aspect, resolution, found[-1].size if found else None)
        ((extension, file_format),) = limits.formats.items()
        return Order(
            NAME,
            model,
            prompt,
            size,
            file_format,
            extension,
            references=tuple(found),
            blocks=True,
            base64=True,
            body={
                "resolution": limits.resolutions[resolution],
                "thoughts": _message(config, "thinkingConfig").get("includeThoughts") is True,
                "modalities": _words(config.get("responseModalities")),
            },
        )

    def _image(self, model: str, config: Message) -> tuple[str | None, str]:
        # Google's current guide has the same two fields below responseFormat.image (1.3).
        image = _message(_message(config, "responseFormat"), "image") | _message(config, "imageConfig")
        _only(image, _IMAGE, "generation_config.image_config")
        limits = GEMINI[model]
        aspect, size = image.get("aspectRatio"), image.get("imageSize") or "1K"
        if isinstance(aspect, str) and aspect.startswith("ASPECT_RATIO_"):
            raise BadField("aspectRatio", "invalid", f"Invalid value at 'generation_config' (Enum), {aspect!r}")
        if aspect is not None and (not isinstance(aspect, str) or aspect not in limits.aspects):
            raise BadField("aspectRatio", "invalid", f"aspect_ratio must be one of: {sorted(limits.aspects)}")
        size = _ENUM_SIZES.get(str(size), size)
        if not isinstance(size, str) or size not in limits.resolutions:
            raise BadField("imageSize", "invalid", f"image_size must be one of: {list(limits.resolutions)}")
        return aspect, size

    def _thinking(self, model: str, thinking: Message) -> None:
        level = thinking.get("thinkingLevel")
        if level is not None and (str(level).upper() not in _LEVELS or model not in _WITH_LEVELS):
            raise BadField("thinkingLevel", "invalid", "Thinking level is not supported for this model.")

    def _picture(self, part: Message) -> Reference | None:
        _only(part, _PART, "contents.parts")
        if part.get("thought") is True:
            return None
        inline, file = _message(part, "inlineData"), _message(part, "fileData")
        if inline:
            found = references.kept(content_of(inline), str(inline.get("mimeType")), self._store)
        elif file:
            uri = str(file.get("fileUri") or "")
            kept = self._files.content(uri)
            found = references.kept(kept, uri, self._store) if kept else self._pictures.reference(uri)
        else:
            return None
        if found is None:
            raise BadField("contents", "invalid", "Unable to process input image. Please retry or report in ...")
        return found


def content_of(inline: Message) -> bytes:
    """The bytes of an inlineData. Raises `BadField` where it is no base64; a data URI is none."""
    data = inline.get("data")
    try:
        return base64.b64decode(_plain(data) if isinstance(data, str) else "?", validate=True)
    except (binascii.Error, ValueError):
        raise BadField("data", "invalid", "Invalid value at 'contents' (TYPE_BYTES), Base64 decoding failed") from None


def _plain(text: str) -> str:
    """Base64 in the plain alphabet: protobuf's JSON takes both, and google-genai sends the one for URLs."""
    return text.replace("-", "+").replace("_", "/")


def _check_signatures(model: str, contents: list[Message]) -> None:
    """A model's turn comes back as it was: on its first part after the thoughts and on each picture (1.7)."""
    if model == "gemini-2.5-flash-image":  # it does not think
        return
    for turn in contents:
        if turn.get("role") != "model":
            continue
        shown = [part for part in _parts(turn) if part.get("thought") is not True]
        for number, part in enumerate(shown):
            inline = _message(part, "inlineData")
            if number and not inline:
                continue
            content = content_of(inline) if inline else str(part.get("text", "")).encode()
            returned = part.get("thoughtSignature")
            if returned is None:
                raise BadField("contents", "invalid", f"Content part {number} is missing a thought_signature")
            if not isinstance(returned, str) or _plain(returned) != signature(content):
                raise BadField("contents", "invalid", "Thought signature is not valid")


def _answers(contents: list[Message]) -> int:
    """How many pictures of the conversation are the model's own, which no limit counts."""
    return sum("inlineData" in part for turn in contents if turn.get("role") == "model" for part in _parts(turn))


def _unknown_model(model: str) -> str:
    return (
        f"models/{model} is not found for API version v1beta, or is not supported for generateContent. "
        "Call ListModels to see the list of available models and their supported methods."
    )


def _only(message: Message, allowed: frozenset[str], where: str) -> None:
    for name in message:
        if name not in allowed:
            at = f" at '{where}'" if where else ""
            text = f'Invalid JSON payload received. Unknown name "{name}"{at}: Cannot find field.'
            raise BadField(name, "unknown", text)


def _message(of: Message, name: str) -> Message:
    value = of.get(name)
    return cast("Message", value) if isinstance(value, dict) else {}


def _messages(of: Message, name: str) -> list[Message]:
    value = of.get(name)
    several = value if isinstance(value, list) else [value]
    return [each for each in several if isinstance(each, dict)]


def _parts(turn: Message) -> list[Message]:
    return _messages(turn, "parts")


def _words(value: object) -> list[str]:
    return [str(item).upper() for item in value] if isinstance(value, list) else []

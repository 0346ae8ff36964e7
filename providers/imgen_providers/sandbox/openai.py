"""OpenAI Images as its OpenAPI document and its client show it (reference of the direct services, 2; 2026-11-25)."""

from __future__ import annotations

import base64
import io
import re
import secrets
from typing import TYPE_CHECKING

from imgen_providers.sandbox import references
from imgen_providers.sandbox.exchange import Call, Reply, Route, Trouble, json_reply
from imgen_providers.sandbox.fields import BadField, BadFieldKind, Fields, json_object
from imgen_providers.sandbox.multipart import parts_of
from imgen_providers.sandbox.store import Order
from imgen_providers.sandbox.tables import OPENAI, OPENAI_TOKENS

if TYPE_CHECKING:
    from collections.abc import Mapping

    from imgen_providers.sandbox.faults import FaultScript
    from imgen_providers.sandbox.pictures import Pictures
    from imgen_providers.sandbox.store import Reference, Standing, StoredJob
    from imgen_providers.sandbox.tables import Size

_PROMPT = 32_000  # characters
_MOST = 10  # pictures of one request
_MOST_REFERENCES = 16
_LONGEST_LINK = 20_971_520  # characters of an image_url
_FORMATS = {"png": "PNG", "jpeg": "JPEG", "webp": "WEBP"}
_SIZES = ("1024x1024", "1536x1024", "1024x1536")
_FREE_SIZES = ("gpt-image-2",)  # and what begins so: any WxH, both divisible by 16 (2.2)
_BOTH = {"model", "prompt", "n", "size", "quality", "background", "output_format", "output_compression", "user"}
_GENERATION = _BOTH | {"moderation", "stream", "partial_images", "safety_identifier", "complexity"}
_EDIT = _BOTH | {"images", "image", "mask", "input_fidelity", "stream", "partial_images", "safety_identifier"}
_NUMBERS = ("n", "output_compression", "partial_images")
_CODES: dict[BadFieldKind, str | None] = {
    "body": None,
    "missing": "missing_required_parameter",
    "invalid": "invalid_value",
    "too-long": "string_above_max_length",
    "unknown": "unknown_parameter",
    "no-model": "invalid_value",
}
_SENTENCE = "Your request was rejected by the safety system. If you believe this is an error, contact us."


class OpenAI:
    """Answers a submit with all its pictures, and knows nothing of them afterwards."""

    name = "openai"

    def __init__(self, pictures: Pictures, faults: FaultScript) -> None:
        self._pictures = pictures
        self._faults = faults
        self.routes: tuple[Route, ...] = (
            Route("POST", re.compile(r"/v1/images/(?P<operation>generations|edits)"), "submit"),
        )

    def new_id(self) -> str:
        return secrets.token_hex(12)

    def refuses_key(self, call: Call) -> Reply | None:
        if call.bearer():
            return None
        text = "You didn't provide an API key. You need to provide your API key in an Authorization header."
        return _error(401, text, "invalid_request_error", None)

    def order(self, call: Call) -> Order:
        editing = call.place["operation"] == "edits"
        if editing and call.headers.get("content-type", "").startswith("multipart/form-data"):
            values, found = self._form(call)
        else:
            values = json_object(call.body)
            found = self._linked(values) if editing else []
        fields = Fields(values)
        fields.only(_EDIT if editing else _GENERATION)
        model = fields.text("model")
        if model not in OPENAI:
            raise BadField("model", "no-model", f"Invalid value: '{model}'. Value must be one of the image models.")
        if fields.flag("stream") or values.get("partial_images"):
            raise fields.invalid("stream", "the sandbox does not stream")
        if editing and not found:
            raise BadField("image", "missing", "Missing required parameter: 'image'.")
        word = fields.choice("output_format", _FORMATS, "png")
        background = fields.choice("background", ("auto", "transparent", "opaque"), "auto")
        if background == "transparent" and word == "jpeg":
            raise BadField("background", "invalid", "Transparent background is not supported for JPEG output.")
        if fields.number("output_compression", 0, 100) is not None and word == "png":
            raise BadField("output_compression", "invalid", "Compression is not supported for PNG output.")
        best = ("xhigh", "max") if model.startswith("gpt-image-2.") else ()
        quality = fields.choice("quality", ("auto", "low", "medium", "high", *best), "auto")
        size = _size(fields, model)
        return Order(
            self.name,
            model,
            fields.text("prompt", limit=_PROMPT),
            size,
            _FORMATS[word],
            word,
            fields.whole("n", 1, _MOST, 1),
            tuple(found),
            blocks=True,
            refused_at_once=True,
            base64=True,
            body={"background": background, "quality": "medium" if quality == "auto" else quality},
        )

    def accepted(self, job: StoredJob, standing: Standing, _origin: str) -> Reply:
        if self._faults.take("output-policy"):
            return _moderated("output")
        if standing.state == "refused":
            return _moderated("output")
        if standing.state == "rate-limited":
            return self.trouble(Trouble("rate-limited"))
        if standing.state != "done":
            return self.trouble(Trouble("server-error"))
        count = 0 if self._faults.take("no-picture") else standing.pictures
        data = [{"b64_json": base64.b64encode(self._drawn(job, index)).decode()} for index in range(count)]
        body = {
            "created": int(standing.at),
            "data": data,
            "background": "transparent" if job.order.body["background"] == "transparent" else "opaque",
            "output_format": job.order.extension,
            "quality": job.order.body["quality"],
            "size": f"{job.order.size[0]}x{job.order.size[1]}",
            "usage": _usage(job, count),
        }
        return json_reply(200, body, {"X-Request-Id": f"req_{secrets.token_hex(16)}"})

    def status(self, _job: StoredJob, _standing: Standing, _origin: str) -> Reply:
        return self.trouble(Trouble("not-found"))  # there is no path to ask at

    def bad_field(self, bad_field: BadField) -> Reply:
        text = bad_field.text
        if bad_field.kind == "unknown":
            text = f"Unknown parameter: '{bad_field.field}'."
        return _error(400, text, "invalid_request_error", _CODES[bad_field.kind], bad_field.field)

    def trouble(self, trouble: Trouble) -> Reply:
        match trouble.kind:
            case "bad-key":
                return _error(401, "Incorrect API key provided.", "invalid_request_error", "invalid_api_key")
            case "no-credit":  # [assumed] 400 or 429 (2.4)
                text = "You exceeded your current quota, please check your plan and billing details."
                return _error(429, text, "insufficient_quota", "insufficient_quota")
            case "rate-limited":
                return _error(429, "Rate limit reached for images.", "requests", "rate_limit_exceeded")
            case "content-policy":
                return _moderated("input")
            case "not-found":
                return _error(404, "Not found.", "invalid_request_error", None)
            case "wrong-method":
                return _error(405, "Not allowed for this path.", "invalid_request_error", "method_not_supported")
            case "server-error":
                text = "The server had an error while processing your request. Sorry about that!"
                return _error(trouble.status, text, "server_error", None)

    def _drawn(self, job: StoredJob, index: int) -> bytes:
        data = self._pictures.draw(job, index)
        return _on_nothing(data, job.order.format) if job.order.body["background"] == "transparent" else data

    def _form(self, call: Call) -> tuple[dict[str, object], list[Reference]]:
        values: dict[str, object] = {}
        found = []
        for part in parts_of(call.body, call.headers["content-type"]):
            name = part.name.removesuffix("[]")
            if part.filename is None:
                text = part.content.decode("utf-8", "replace")
                values[name] = int(text) if name in _NUMBERS and text.isdecimal() else text
                continue
            values[name] = "(file)"
            reference = references.kept(part.content, part.filename, self._pictures.store)
            if name not in ("image", "mask") or reference is None:
                raise BadField(name, "invalid", "Invalid image file or mode for image, please check your image file.")
            if name == "image":
                found.append(reference)
        return values, found

    def _linked(self, values: dict[str, object]) -> list[Reference]:
        if "image" in values:
            raise BadField("image", "unknown", "")
        return [self._picture(each) for each in Fields(values).objects("images", _MOST_REFERENCES)]

    def _picture(self, entry: dict[str, object]) -> Reference:
        link = entry.get("image_url")
        reference = None
        if isinstance(link, str) and len(link) <= _LONGEST_LINK:
            store = self._pictures.store
            reference = references.from_data_uri(link, store) or self._pictures.reference(link)
        if reference is None:
            raise BadField("images", "invalid", "Invalid image. Give an image_url with a data URI or a link.")
        return reference


def _size(fields: Fields, model: str) -> Size:
    word = fields.get("size") or "auto"
    if word == "auto":
        return 1024, 1024
    match = re.fullmatch(r"(\d{2,4})x(\d{2,4})", word) if isinstance(word, str) else None
    if match is None or (word not in _SIZES and not model.startswith(_FREE_SIZES)):
        raise fields.invalid("size", f"it is one of {', '.join(_SIZES)} or auto")
    width, height = int(match[1]), int(match[2])
    within = width % 16 == height % 16 == 0 and width * height <= 3840 * 2160 and 1 / 3 <= width / height <= 3
    if not within:
        raise fields.invalid("size", "both sides are divisible by 16, from 1:3 to 3:1, up to 3840x2160")
    return width, height


def _usage(job: StoredJob, count: int) -> dict[str, object]:
    text, seen = 1 + len(job.order.prompt) // 4, 323 * len(job.order.references)
    width, height = job.order.size
    drawn = count * round(OPENAI_TOKENS[job.order.body["quality"]] * width * height / 1024**2)
    return {
        "input_tokens": text + seen,
        "input_tokens_details": {"text_tokens": text, "image_tokens": seen},
        "output_tokens": drawn,
        "output_tokens_details": {"text_tokens": 0, "image_tokens": drawn},
        "total_tokens": text + seen + drawn,
    }


def _on_nothing(data: bytes, file_format: str) -> bytes:
    """The picture as an oval with nothing around it."""
    from PIL import Image, ImageDraw

    with Image.open(io.BytesIO(data)) as picture:
        cut = picture.convert("RGBA")
    mask = Image.new("L", cut.size, 0)
    ImageDraw.Draw(mask).ellipse((0, 0, cut.width - 1, cut.height - 1), fill=255)
    cut.putalpha(mask)
    buffer = io.BytesIO()
    cut.save(buffer, file_format)
    return buffer.getvalue()


def _moderated(stage: str) -> Reply:
    details = {"moderation_stage": stage, "categories": ["sexual"]}
    return _error(400, _SENTENCE, "image_generation_user_error", "moderation_blocked", details=details)


def _error(
    status: int,
    message: str,
    kind: str,
    code: str | None,
    param: str | None = None,
    details: Mapping[str, object] | None = None,
) -> Reply:
    error: dict[str, object] = {"message": message, "type": kind, "param": param, "code": code}
    if details is not None:
        error["moderation_details"] = details
    return json_reply(status, {"error": error}, {"X-Request-Id": f"req_{secrets.token_hex(16)}"})

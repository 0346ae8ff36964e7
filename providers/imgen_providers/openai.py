"""OpenAI Images: every picture of a request in one answer, which comes once (reference of the direct services, 2).

No key was at hand (2026-11-25): whether a refusal of the finished picture is charged, how many tokens a picture of the
newer models takes, and whether `data` may be short, is not known.
"""

from __future__ import annotations

from dataclasses import replace
from decimal import ROUND_UP, Decimal
from typing import TYPE_CHECKING

from imgen_providers.base import Charge
from imgen_providers.client import Answer, Explanation, explain, shown
from imgen_providers.errors import ContentRefused, InvalidRequest, KeyRefused, NoCredit
from imgen_providers.image_answers import ImageAnswers, link_or_file
from imgen_providers.pixels import GPT_IMAGE

if TYPE_CHECKING:
    from collections.abc import Mapping

    from imgen_providers.base import Account, Job, Json, Request
    from imgen_providers.client import Network
    from imgen_providers.errors import ServiceError

_VERDICTS: dict[str, type[ServiceError]] = {
    "moderation_blocked": ContentRefused,
    "content_policy_violation": ContentRefused,
    "billing_hard_limit_reached": NoCredit,
    "insufficient_quota": NoCredit,
    "invalid_api_key": KeyRefused,
}
# Dollars per million tokens of text in, picture in, and picture out (2.5, read on 2026-09-09); the 2.6 models and the
# older ones are not in that list.
_RATED = ("gpt-image-2", "gpt-image-2.5-")
_TEXT_IN, _IMAGE_IN, _IMAGE_OUT = Decimal(5), Decimal(8), Decimal(30)


class OpenAI:
    """Submits one request for up to ten pictures; nothing of it can be asked for afterwards."""

    def __init__(self, account: Account, network: Network) -> None:
        self._images = ImageAnswers("openai", account, network, charge=_charge, explain=_explain)

    def submit(self, request: Request) -> Job:
        """Send the request exactly once; the answer takes up to minutes, and holds all the pictures."""
        return self._images.submit(request, *_wire(request))

    def read_answer(self, request: Request, body: bytes, headers: Mapping[str, str]) -> Job:
        """The finished job in a 2xx answer, also one that was kept: nothing is sent. Raises `Uncertain`."""
        return self._images.read(request, body, headers)

    def refresh(self, job: Job) -> Job:
        """Raises `JobNotFound`, always."""
        raise self._images.not_again(job)

    def preview(self, request: Request) -> tuple[str, Json]:
        """The path and the body that `submit` would send."""
        path, body = _wire(request)
        return path, shown(body)

    def models(self) -> list[str]:
        """The ids of models that make pictures."""
        return [each for each in self._images.listed("/v1/models") if "image" in each]


def _wire(request: Request) -> tuple[str, dict[str, object]]:
    body: dict[str, object] = {"model": request.model, "prompt": request.prompt, "n": request.count}
    optional = {"size": _size(request), "output_format": request.format}
    body |= {name: value for name, value in optional.items() if value is not None}
    if request.references:
        body["images"] = [{"image_url": link_or_file(each)} for each in request.references]
    return f"/v1/images/{'edits' if request.references else 'generations'}", body | dict(request.extras)


def _size(request: Request) -> str | None:
    """The pixels of an aspect and a resolution; None leaves both to the service, as does an aspect of "auto"."""
    if request.aspect in (None, "auto") and request.resolution is None:
        return None
    row = GPT_IMAGE.get(request.resolution or "1K", {})
    size = row.get(request.aspect if request.aspect not in (None, "auto") else "1:1")
    if size is None:
        raise InvalidRequest(f"OpenAI has no size for {request.aspect} at {request.resolution}.")
    return f"{size[0]}x{size[1]}"


def _charge(request: Request, usage: Json) -> Charge | None:
    model = request.model
    if not isinstance(usage, dict) or not model.startswith(_RATED) or model.startswith("gpt-image-2.6"):
        return None
    details = usage.get("input_tokens_details")
    seen = _tokens(details, "image_tokens")
    read = max(_tokens(usage, "input_tokens") - seen, 0)
    drawn = _tokens(usage, "output_tokens")
    dollars = (read * _TEXT_IN + seen * _IMAGE_IN + drawn * _IMAGE_OUT) / 1_000_000
    exact = dollars.quantize(Decimal("0.000001"), ROUND_UP)
    return Charge(f"{exact.normalize():f}", "usd", computed=True) if exact else None


def _tokens(of: Json, name: str) -> int:
    found = of.get(name) if isinstance(of, dict) else None
    return found if isinstance(found, int) and not isinstance(found, bool) and 0 < found < 10**9 else 0


def _explain(answer: Answer) -> Explanation:
    explanation = explain(answer)
    return replace(explanation, verdict=_VERDICTS.get(explanation.code or "") if answer.status < 500 else None)

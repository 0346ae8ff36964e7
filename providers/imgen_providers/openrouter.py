"""OpenRouter's image API: pictures and what they cost in one answer, which comes once.

Reference of the direct services, 5 (2026-11-25). No key was at hand: whether a 502, 524 or 529 is charged is not known.
"""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from typing import TYPE_CHECKING

from imgen_providers.base import Balance, Charge, Job, PictureLink
from imgen_providers.client import Answer, Api, Explanation, explain, names_content_policy, shown
from imgen_providers.errors import ContentRefused, JobNotFound
from imgen_providers.fields import amount
from imgen_providers.image_answers import body_of, name_of, read_images

if TYPE_CHECKING:
    from collections.abc import Mapping

    from imgen_providers.base import Account, Json, Reference, Request
    from imgen_providers.client import Network

_RESOLUTIONS = {"0.5K": "512"}


class OpenRouter:
    """Submits one request for up to ten pictures, of which fewer may come; nothing can be asked for afterwards."""

    def __init__(self, account: Account, network: Network) -> None:
        self._origin = account.origin
        headers = {"Authorization": f"Bearer {account.key}"}
        self._api = Api("openrouter", account, network, headers=headers, id_names=(), explain=_explain)

    def submit(self, request: Request) -> Job:
        """Send the request exactly once; the answer takes up to minutes, and holds all the pictures."""
        path, body = _wire(request)
        answer = self._api.post_once(path, body)
        return self.read_answer(request, answer.body, answer.headers)

    def read_answer(self, request: Request, body: bytes, headers: Mapping[str, str]) -> Job:
        """The finished job in a 2xx answer, also one that was kept: nothing is sent. Raises `Uncertain`."""
        answer = self._api.kept(headers, body)
        found = body_of(answer)
        status = read_images(found, base=self._origin)
        if status is None:
            raise self._api.unexpected(answer, paid=True)
        return Job("openrouter", name_of(request, answer), status, charged=_charge(found.get("usage")))

    def refresh(self, job: Job) -> Job:
        """Raises `JobNotFound`, always: OpenRouter knows nothing of a picture that it has sent."""
        raise JobNotFound(
            f"OpenRouter sent the pictures of {job.remote_id} with its answer only, and cannot be asked for them again."
        )

    def preview(self, request: Request) -> tuple[str, Json]:
        """The path and the body that `submit` would send."""
        path, body = _wire(request)
        return path, shown(body)

    def models(self) -> list[str]:
        """The ids of models that make pictures."""
        answer = self._api.get("/api/v1/images/models")
        listed = body_of(answer).get("data")
        if not isinstance(listed, list):
            raise self._api.unexpected(answer, paid=False)
        ids = [each.get("id") for each in listed if isinstance(each, dict)]
        return [each for each in ids if isinstance(each, str)]

    def balance(self) -> Balance:
        """What is left of the credits, in dollars."""
        answer = self._api.get("/api/v1/credits")
        data = body_of(answer).get("data")
        if not isinstance(data, dict):
            raise self._api.unexpected(answer, paid=False)
        bought, used = amount(data.get("total_credits")), amount(data.get("total_usage"))
        return Balance(None if bought is None or used is None else f"{bought - used:f}", "usd")


def _wire(request: Request) -> tuple[str, dict[str, object]]:
    body: dict[str, object] = {"model": request.model, "prompt": request.prompt, "n": request.count}
    optional: dict[str, object] = {
        "aspect_ratio": request.aspect,
        "resolution": _RESOLUTIONS.get(request.resolution or "", request.resolution),
        "output_format": request.format,
        "input_references": [_image(each) for each in request.references] or None,
    }
    body |= {name: value for name, value in optional.items() if value is not None}
    return "/api/v1/images", body | dict(request.extras)


def _image(reference: Reference) -> dict[str, object]:
    """A link, or a file that is written as a data URI while it is sent."""
    url = reference.url if isinstance(reference, PictureLink) else reference
    return {"type": "image_url", "image_url": {"url": url}}


def _charge(usage: Json) -> Charge | None:
    found = amount(usage.get("cost")) if isinstance(usage, dict) else None
    return Charge(f"{found:f}", "usd") if found is not None and 0 <= found < Decimal(10_000) else None


def _explain(answer: Answer) -> Explanation:
    explanation = explain(answer)
    refused = answer.status in (400, 403) and names_content_policy(explanation.message)
    return replace(explanation, verdict=ContentRefused if refused else None)

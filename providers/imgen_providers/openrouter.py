"""OpenRouter's image API: pictures and what they cost in one answer, which comes once.

Reference of the direct services, 5 (2026-11-25). No key was at hand: whether a 502, 524 or 529 is charged is not known.
"""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from typing import TYPE_CHECKING
from urllib.parse import quote

from imgen_providers.base import Balance, Charge, ListedPrice
from imgen_providers.client import Answer, Explanation, explain, names_content_policy, shown
from imgen_providers.errors import ContentRefused
from imgen_providers.fields import amount
from imgen_providers.image_answers import ImageAnswers, link_or_file

if TYPE_CHECKING:
    from collections.abc import Mapping

    from imgen_providers.base import Account, Job, Json, Request
    from imgen_providers.client import Network

_RESOLUTIONS = {"0.5K": "512"}


class OpenRouter:
    """Submits one request for up to ten pictures, of which fewer may come; nothing can be asked for afterwards."""

    def __init__(self, account: Account, network: Network) -> None:
        self._images = ImageAnswers("openrouter", account, network, charge=_charge, explain=_explain)

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
        return self._images.listed("/api/v1/images/models")

    def prices(self, model: str) -> list[ListedPrice]:
        """What the model costs at each of the places that OpenRouter sends a request to."""
        endpoints = self._images.details(f"/api/v1/images/models/{quote(model)}/endpoints").get("endpoints")
        found = dict.fromkeys(
            ListedPrice(f"{dollars:f}", " of ".join(dict.fromkeys(_words(line, "unit", "billable"))) or "request")
            for endpoint in (endpoints if isinstance(endpoints, list) else ())
            if isinstance(endpoint, dict) and isinstance(lines := endpoint.get("pricing"), list)
            for line in lines
            if isinstance(line, dict) and (dollars := amount(line.get("cost_usd"))) is not None
        )
        return list(found)

    def balance(self) -> Balance:
        """What is left of the credits, in dollars."""
        data = self._images.details("/api/v1/credits")
        bought, used = amount(data.get("total_credits")), amount(data.get("total_usage"))
        return Balance(None if bought is None or used is None else f"{bought - used:f}", "usd")


def _words(line: dict[str, Json], *names: str) -> list[str]:
    return [value for name in names if isinstance(value := line.get(name), str)]


def _wire(request: Request) -> tuple[str, dict[str, object]]:
    body: dict[str, object] = {"model": request.model, "prompt": request.prompt, "n": request.count}
    optional: dict[str, object] = {
        "aspect_ratio": request.aspect,
        "resolution": _RESOLUTIONS.get(request.resolution or "", request.resolution),
        "output_format": request.format,
        "input_references": [
            {"type": "image_url", "image_url": {"url": link_or_file(each)}} for each in request.references
        ]
        or None,
    }
    body |= {name: value for name, value in optional.items() if value is not None}
    return "/api/v1/images", body | dict(request.extras)


def _charge(_: Request, usage: Json) -> Charge | None:
    found = amount(usage.get("cost")) if isinstance(usage, dict) else None
    return Charge(f"{found:f}", "usd") if found is not None and 0 <= found < Decimal(10_000) else None


def _explain(answer: Answer) -> Explanation:
    explanation = explain(answer)
    refused = answer.status in (400, 403) and names_content_policy(explanation.message)
    return replace(explanation, verdict=ContentRefused if refused else None)

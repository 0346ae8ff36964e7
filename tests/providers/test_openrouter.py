"""OpenRouter's facts (reference of the direct services, 5, 2026-11-25), and the contract over them."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING, ClassVar

import pytest

from imgen_providers.base import (
    Balance,
    Charge,
    Failed,
    InlineAsset,
    ListedPrice,
    ListsModels,
    ListsPrices,
    PictureLink,
    ReportsBalance,
    Request,
    Succeeded,
)
from imgen_providers.errors import ContentRefused, InvalidRequest, KeyRefused, NoCredit, RateLimited, Uncertain
from imgen_providers.testing.bodies import Refusal
from imgen_providers.testing.contract import SynchronousContract
from imgen_providers.testing.wire import reply

if TYPE_CHECKING:
    from imgen_providers.base import Json, Service
    from imgen_providers.testing.far_side import FarSide

MODEL = "google/gemini-nano-banana-2.1"
PICTURE = b"\xff\xd8\xff and the rest"
ONE: Json = {"b64_json": base64.b64encode(PICTURE).decode(), "media_type": "image/jpeg"}


def error(code: int, message: str) -> Json:
    return {"error": {"code": code, "message": message}}


class TestOpenRouter(SynchronousContract):
    name = "openrouter"
    request = Request(MODEL, "a fox", aspect="16:9", resolution="0.5K", format="jpeg", idempotency_key="run-7-job-1")
    submit_path = "/api/v1/images"
    submit_body: ClassVar[Json] = {
        "model": MODEL,
        "prompt": "a fox",
        "n": 1,
        "aspect_ratio": "16:9",
        "resolution": "512",
        "output_format": "jpeg",
    }
    accepted: ClassVar[Json] = {"created": 1, "data": [ONE], "usage": {"total_tokens": 7, "cost": 0.04}}
    job_id = "run-7-job-1"
    ends = (({"created": 1, "data": []}, Failed("The answer holds no picture, and no reason for that")),)
    refusals = (
        Refusal(400, error(400, "Invalid model"), InvalidRequest, "400"),
        Refusal(401, error(401, "User not found."), KeyRefused, "401"),
        Refusal(402, error(402, "Insufficient credits"), NoCredit, "402"),
        Refusal(403, error(403, "Key limit exceeded"), KeyRefused, "403"),
        Refusal(403, error(403, "The input was flagged by moderation"), ContentRefused, "403"),
        Refusal(429, error(429, "Rate limit exceeded"), RateLimited, "429", again=5),
        Refusal(500, error(500, "Internal"), Uncertain, "500"),
        Refusal(502, error(502, "Provider returned error"), Uncertain, "502"),
        Refusal(524, "<html>timeout</html>", Uncertain),
        Refusal(529, error(529, "Overloaded"), Uncertain, "529"),
    )

    def test_an_edit_sends_its_references(self, service: Service) -> None:
        _, body = service.preview(Request(MODEL, "at night", (PictureLink("https://x.test/a.png"),)))

        assert isinstance(body, dict)
        assert body["input_references"] == [{"type": "image_url", "image_url": {"url": "https://x.test/a.png"}}]

    def test_fewer_pictures_may_come_with_what_they_cost(self, service: Service, far_side: FarSide) -> None:
        far_side.script(reply(self.accepted))

        job = service.submit(self.request)

        assert job.status == Succeeded((InlineAsset(PICTURE),))
        assert job.charged == Charge("0.04", "usd")

    @pytest.mark.parametrize("usage", [None, {"cost": None}, {"cost": "much"}, {"cost": -1}, {"cost": 1e300}], ids=repr)
    def test_an_odd_cost_is_unknown(self, service: Service, far_side: FarSide, usage: Json) -> None:
        far_side.script(reply({"data": [ONE], "usage": usage}))

        assert service.submit(self.request).charged is None

    def test_the_balance_is_what_is_left(self, service: Service, far_side: FarSide) -> None:
        far_side.script(reply({"data": {"total_credits": 25, "total_usage": 0.04}}))
        assert isinstance(service, ReportsBalance)

        assert service.balance() == Balance("24.96", "usd")

    def test_what_a_model_costs_today_is_listed(self, service: Service, far_side: FarSide) -> None:
        token: Json = {"billable": "output_image", "unit": "token", "cost_usd": 0.00003}
        google: Json = {"pricing": [token, {"cost_usd": "odd"}]}
        endpoints: Json = [google, google, {"pricing": [{"unit": "image", "cost_usd": 0.04}]}, {"pricing": None}, 7]
        far_side.script(reply({"data": {"id": MODEL, "endpoints": endpoints}}))
        assert isinstance(service, ListsPrices)

        assert service.prices(MODEL) == [ListedPrice("0.00003", "token of output_image"), ListedPrice("0.04", "image")]
        assert [each.path for each in far_side.sent()] == [f"/api/v1/images/models/{MODEL}/endpoints"]

    def test_the_models_are_listed(self, service: Service, far_side: FarSide) -> None:
        far_side.script(reply({"data": [{"id": MODEL}, {"name": "odd"}]}))
        assert isinstance(service, ListsModels)

        assert service.models() == [MODEL]

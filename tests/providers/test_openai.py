"""OpenAI Images' facts (reference of the direct services, 2, 2026-11-25), and the contract over them."""

from __future__ import annotations

import base64
import dataclasses
from typing import TYPE_CHECKING, ClassVar

import pytest

from imgen_providers.base import (
    Charge,
    Failed,
    InlineAsset,
    ListsModels,
    PictureFile,
    PictureLink,
    Request,
    Succeeded,
)
from imgen_providers.errors import ContentRefused, InvalidRequest, KeyRefused, NoCredit, RateLimited, Uncertain
from imgen_providers.pixels import GPT_IMAGE
from imgen_providers.testing.bodies import Refusal
from imgen_providers.testing.contract import SynchronousContract
from imgen_providers.testing.wire import reply

if TYPE_CHECKING:
    from pathlib import Path

    from imgen_providers.base import Json, Service
    from imgen_providers.testing.far_side import FarSide

MODEL = "gpt-image-2.5-flare"
PICTURE = b"\x89PNG\r\n\x1a\n and the rest"
ONE: Json = {"b64_json": base64.b64encode(PICTURE).decode()}
USAGE: Json = {
    "input_tokens": 423,
    "input_tokens_details": {"text_tokens": 100, "image_tokens": 323},
    "output_tokens": 4160,
    "total_tokens": 4583,
}


def error(message: str, kind: str, code: str | None) -> Json:
    return {"error": {"message": message, "type": kind, "param": None, "code": code}}


class TestOpenAI(SynchronousContract):
    name = "openai"
    request = Request(
        MODEL, "a fox", aspect="3:2", resolution="1K", format="webp", count=2, idempotency_key="run-7-job-1"
    )
    submit_path = "/v1/images/generations"
    submit_body: ClassVar[Json] = {
        "model": MODEL,
        "prompt": "a fox",
        "n": 2,
        "size": "1536x1024",
        "output_format": "webp",
    }
    accepted: ClassVar[Json] = {"created": 1, "data": [ONE, ONE], "usage": USAGE}
    job_id = "run-7-job-1"
    ends = (({"created": 1, "data": []}, Failed("The answer holds no picture, and no reason for that")),)
    refusals = (
        Refusal(
            401, error("Incorrect API key", "invalid_request_error", "invalid_api_key"), KeyRefused, "invalid_api_key"
        ),
        Refusal(403, error("must be verified", "invalid_request_error", None), KeyRefused, "invalid_request_error"),
        Refusal(
            400, error("unknown", "invalid_request_error", "unknown_parameter"), InvalidRequest, "unknown_parameter"
        ),
        Refusal(
            400,
            error("rejected", "image_generation_user_error", "moderation_blocked"),
            ContentRefused,
            "moderation_blocked",
        ),
        Refusal(400, error("limit", "x", "billing_hard_limit_reached"), NoCredit, "billing_hard_limit_reached"),
        Refusal(429, error("quota", "insufficient_quota", "insufficient_quota"), NoCredit, "insufficient_quota"),
        Refusal(429, error("slow", "requests", "rate_limit_exceeded"), RateLimited, "rate_limit_exceeded", again=20),
        Refusal(500, error("sorry", "server_error", None), Uncertain, "server_error"),
        Refusal(503, error("sorry", "x", "insufficient_quota"), Uncertain, "insufficient_quota"),
    )

    def test_an_edit_sends_links_and_data_uris(self, service: Service, far_side: FarSide, tmp_path: Path) -> None:
        (tmp_path / "a.png").write_bytes(b"abc")
        digest = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
        file = PictureFile(tmp_path / "a.png", "image/png", 3, digest)
        far_side.script(reply(self.accepted))

        service.submit(Request(MODEL, "at night", (file, PictureLink("https://x.test/b.png"))))

        [sent] = far_side.sent()
        assert sent.path == "/v1/images/edits"
        body = sent.json()
        assert isinstance(body, dict)
        assert body["images"] == [{"image_url": "data:image/png;base64,YWJj"}, {"image_url": "https://x.test/b.png"}]
        assert "size" not in body

    def test_the_pictures_come_in_their_order_and_the_cost_is_computed(
        self, service: Service, far_side: FarSide
    ) -> None:
        far_side.script(reply(self.accepted, headers={"X-Request-Id": "req_1"}))

        job = service.submit(self.request)

        assert job.status == Succeeded((InlineAsset(PICTURE), InlineAsset(PICTURE)))
        # 100 at 5, 323 at 8 and 4160 at 30 dollars per million
        assert job.charged == Charge("0.127884", "usd", computed=True)
        assert job.remote_id == "req_1"

    @pytest.mark.parametrize("model", ["gpt-image-2.6-flare", "gpt-image-1.5"])
    def test_the_cost_of_a_model_without_known_rates_is_unknown(
        self, service: Service, far_side: FarSide, model: str
    ) -> None:
        far_side.script(reply(self.accepted))

        assert service.submit(dataclasses.replace(self.request, model=model)).charged is None

    @pytest.mark.parametrize("usage", [None, [], {}, {"output_tokens": "many"}, {"output_tokens": -1}], ids=repr)
    def test_odd_usage_loses_no_picture(self, service: Service, far_side: FarSide, usage: Json) -> None:
        far_side.script(reply({"data": [ONE], "usage": usage}))

        job = service.submit(self.request)

        assert (job.status, job.charged) == (Succeeded((InlineAsset(PICTURE),)), None)

    def test_the_models_that_make_pictures_are_listed(self, service: Service, far_side: FarSide) -> None:
        far_side.script(reply({"data": [{"id": MODEL}, {"id": "gpt-6"}, "odd"]}))
        assert isinstance(service, ListsModels)

        assert service.models() == [MODEL]


def test_every_size_is_one_that_the_documents_allow() -> None:
    for row in GPT_IMAGE.values():
        for aspect, (width, height) in row.items():
            across, down = map(int, aspect.split(":"))
            assert width % 16 == height % 16 == 0
            assert width * height <= 2560 * 1440  # above, it is experimental
            assert width / height == pytest.approx(across / down, rel=0.001)

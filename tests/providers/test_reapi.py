"""reAPI's facts (seed 003, reference section 3, 2026-11-20), and the contract over them."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

import pytest

from imgen_providers.base import (
    Balance,
    Cancelled,
    Charge,
    Failed,
    LinkedAsset,
    PictureFile,
    PictureLink,
    Queued,
    ReportsBalance,
    Request,
    Running,
    Succeeded,
)
from imgen_providers.errors import (
    Busy,
    ContentRefused,
    InvalidRequest,
    JobNotFound,
    KeyRefused,
    NoCredit,
    RateLimited,
    Uncertain,
    Unreachable,
)
from imgen_providers.testing.bodies import Refusal
from imgen_providers.testing.contract import ServiceContract
from imgen_providers.testing.wire import reply

if TYPE_CHECKING:
    from imgen_providers.base import Json, Service
    from imgen_providers.testing.far_side import FarSide

TASK = "task_018f5a3a1b6e7d9f8c2b4d6e8f0a2c4e"
MODEL = "gemini-3-pro-image-preview"
LINK = "https://cdn.reapi.ai/media/tasks/018f5a3a1b6e7d9f8c2b4d6e8f0a2c4e/0.png"
REQUEST_ID = "req_8a4f0d2e-1c8b-4f1a-9e2d-3b7c5a6f0a1b"


def task(status: str, **keys: Json) -> Json:
    return {"id": TASK, "model": MODEL, "status": status, "created_at": 1735000000, **keys}


def error(code: Json, message: str) -> Json:
    return {"error": {"code": code, "message": message, "request_id": REQUEST_ID}}


class TestReApi(ServiceContract):
    name = "reapi"
    request = Request(MODEL, "ancient castle", aspect="16:9", resolution="2K", count=2)
    submit_path = "/api/v1/images/generations"
    submit_body: ClassVar[Json] = {
        "model": MODEL,
        "prompt": "ancient castle",
        "size": "16:9",
        "resolution": "2k",
        "n": 2,
    }
    accepted = task("processing")
    job_id = TASK
    poll_path = f"/api/v1/tasks/{TASK}"
    finished = task("completed", output={"image_urls": [LINK]}, error=None)
    states = (
        (task("processing"), Running()),
        (task("processing", output=None, error=None), Running()),
        (
            task("completed", output={"image_urls": [LINK, LINK + "1"]}),
            Succeeded((LinkedAsset(LINK), LinkedAsset(LINK + "1"))),
        ),
        (task("completed", output={"image_urls": []}), Succeeded(())),
        (task("completed", output={"image_urls": None}), Succeeded(())),
        (task("completed", output=None), Succeeded(())),
        (task("completed"), Succeeded(())),
        (  # one of two came
            task("failed", output={"image_urls": [LINK]}, error={"code": 80003, "message": "provider_failed"}),
            Succeeded((LinkedAsset(LINK),)),
        ),
        (
            task("failed", error={"code": 80001, "message": "provider_submit_failed"}),
            Failed("provider_submit_failed", "80001"),
        ),
        (
            task("failed", error={"code": 80002, "message": "provider_polling_timeout"}),
            Failed("provider_polling_timeout", "80002"),
        ),
        (
            task("failed", error={"code": 80003, "message": "provider_failed"}),
            Failed("provider_failed", "80003"),
        ),
        (
            task("failed", output=None, error={"code": 80006, "message": "Request violates content policy"}),
            Failed("Request violates content policy", "80006", "refused"),
        ),
        (task("failed", error={"code": 80006}), Failed('{"code": 80006}', "80006", "refused")),
        (task("failed", error="it broke"), Failed("it broke")),
        (task("failed", error="flagged by moderation"), Failed("flagged by moderation", kind="refused")),
        (task("failed"), Failed("reAPI gave no reason")),
        # a relay in the wild tolerates these as well
        (task("queued"), Queued()),
        (task("pending"), Queued()),
        (task("running"), Running()),
        (task("in_progress"), Running()),
        (task("succeeded", output={"image_urls": [LINK]}), Succeeded((LinkedAsset(LINK),))),
        (task("success", output={"image_urls": [LINK]}), Succeeded((LinkedAsset(LINK),))),
        (task("cancelled"), Cancelled()),
    )
    unknown_state = task("REHEARSING")
    refusals = (
        Refusal(401, error(10001, "missing Authorization header"), KeyRefused, "10001"),
        Refusal(401, error(10002, "not Bearer"), KeyRefused, "10002"),
        Refusal(401, error(10003, "API key invalid"), KeyRefused, "10003"),
        Refusal(401, error(10004, "API key revoked"), KeyRefused, "10004"),
        Refusal(401, error(10005, "sign-in required"), KeyRefused, "10005"),
        Refusal(403, error(10006, "request origin not allowed"), KeyRefused, "10006"),
        *(Refusal(400, error(code, "invalid"), InvalidRequest, str(code)) for code in range(20001, 20008)),
        Refusal(422, error(20003, "n must be a number"), InvalidRequest, "20003"),
        Refusal(402, error(30001, "Insufficient credits"), NoCredit, "30001"),
        Refusal(400, error(30002, "cannot determine pricing"), InvalidRequest, "30002"),
        Refusal(429, error(50001, "Rate limit exceeded"), RateLimited, "50001", again=30),
        Refusal(500, error(60001, "failed to persist task"), Busy, "60001"),
        Refusal(500, error(60002, "failed to start workflow"), Busy, "60002"),
        Refusal(500, error(60099, "Internal error — please retry"), Uncertain, "60099"),
        Refusal(400, error(60099, "Internal error — please retry"), Uncertain, "60099"),
        Refusal(503, error(70001, "Temporal cluster unavailable"), Busy, "70001", again=5),
        Refusal(503, error(70002, "database unavailable"), Busy, "70002"),
        Refusal(400, error(80006, "Request violates content policy"), ContentRefused, "80006"),
        Refusal(500, error(60003, "not in the catalogue"), Uncertain, "60003"),
        Refusal(403, "<html>Attention required</html>", KeyRefused),
    )
    poll_refusals = (
        Refusal(404, error(40001, "task not found"), JobNotFound),
        Refusal(401, error(10003, "API key invalid"), KeyRefused),
        Refusal(429, error(50001, "Rate limit exceeded"), RateLimited),
        Refusal(500, error(60099, "Internal error"), Unreachable),
        Refusal(503, error(70002, "database unavailable"), Unreachable),
    )

    def test_references_travel_as_links(self, service: Service) -> None:
        links = (PictureLink("https://x.test/a.jpg"), PictureLink("https://x.test/b.jpg"))

        _, body = service.preview(Request(MODEL, "blend", links))

        assert body == {
            "model": MODEL,
            "prompt": "blend",
            "n": 1,
            "image_urls": ["https://x.test/a.jpg", "https://x.test/b.jpg"],
        }

    def test_a_file_as_reference_is_refused_before_anything_is_sent(self, service: Service, far_side: FarSide) -> None:
        file = PictureFile(Path("cat.png"), "image/png", 3, "00")

        with pytest.raises(InvalidRequest):
            service.submit(Request(MODEL, "a hat", (file,)))

        assert far_side.sent() == []

    def test_every_resolution_is_sent_in_lower_case(self, service: Service) -> None:
        for ours, theirs in {"0.5K": "0.5k", "1K": "1k", "4K": "4k"}.items():
            _, body = service.preview(dataclasses.replace(self.request, resolution=ours))
            assert isinstance(body, dict)
            assert body["resolution"] == theirs

    def test_the_official_channel_is_a_model_of_its_own(self, service: Service) -> None:
        _, body = service.preview(Request(f"{MODEL}-official", "a bust", extras={"google_search": True}))

        assert body == {"model": f"{MODEL}-official", "prompt": "a bust", "n": 1, "google_search": True}

    def test_a_newer_model_is_sent_its_own_fields(self, service: Service) -> None:
        _, body = service.preview(Request("nano-banana-2.1", "a cat", aspect="16:9", resolution="1K"))

        assert body == {"model": "nano-banana-2.1", "prompt": "a cat", "aspect_ratio": "16:9", "resolution": "1k"}

    def test_the_request_carries_its_idempotency_key_where_it_has_one(
        self, service: Service, far_side: FarSide
    ) -> None:
        far_side.script(reply(self.accepted))

        service.submit(dataclasses.replace(self.request, idempotency_key="one-job"))
        service.submit(self.request)

        first, second = (headers for _, _, headers, _ in far_side.sent())
        assert first["idempotency-key"] == "one-job"
        assert "idempotency-key" not in second

    def test_the_prose_name_of_the_task_id_is_understood(self, service: Service, far_side: FarSide) -> None:
        far_side.script(reply({"task_id": TASK, "status": "processing"}))

        assert service.submit(self.request).remote_id == TASK

    def test_the_services_own_name_for_the_exchange_is_kept(self, service: Service, far_side: FarSide) -> None:
        far_side.script(reply(error(20003, 'invalid resolution "8K"'), 400))

        with pytest.raises(InvalidRequest) as caught:
            service.submit(self.request)

        assert caught.value.request_id == REQUEST_ID
        assert 'invalid resolution "8K"' in caught.value.message

    @pytest.mark.parametrize(
        ("answer", "balance"),
        [
            ({"balance": "12.50"}, "12.50"),
            ({"balance": "$1,234.5"}, "1234.5"),
            ({"balance": 1e5}, "100000.0"),
            ({"balance": None}, None),
            ({"balance": {"credits": 3}}, None),
            ({"balance": "1e-999999999"}, None),
            ({"credits": 3}, None),
        ],
    )
    def test_an_odd_balance_is_no_error(
        self, service: Service, far_side: FarSide, answer: Json, balance: str | None
    ) -> None:
        far_side.script(reply(answer))
        assert isinstance(service, ReportsBalance)

        assert service.balance() == Balance(balance, "credits")

    def test_an_error_in_a_2xx_is_what_its_code_means(self, service: Service, far_side: FarSide) -> None:
        far_side.script(reply(error(30001, "Insufficient credits")))

        with pytest.raises(NoCredit, match="Insufficient credits"):
            service.submit(self.request)

    def test_a_job_in_a_2xx_with_an_error_is_kept(self, service: Service, far_side: FarSide) -> None:
        far_side.script(reply({"data": {"task_id": TASK}, "error": {"code": 60099, "message": "Internal error"}}))

        assert service.submit(self.request).remote_id == TASK

    def test_the_balance_is_in_credits(self, service: Service, far_side: FarSide) -> None:
        far_side.script(reply({"balance": 123}))
        assert isinstance(service, ReportsBalance)

        assert service.balance() == Balance("123", "credits")

    @pytest.mark.parametrize(
        ("usage", "charged"),
        [
            ({"credits": 30}, Charge("30", "credits")),
            ({"credits": 30.5}, Charge("30.5", "credits")),
            ({"credits": "1e2"}, Charge("100", "credits")),
            *(({"credits": odd}, None) for odd in (0, -1, True, "nan", "Infinity", "many", 1e300, None, [30])),
            *((odd, None) for odd in ("30", 30)),
            *(({"credits": odd}, None) for odd in ("1e-999999999", "1e999999999", "9" * 5000, "0." + "0" * 30 + "1")),
        ],
        ids=repr,
    )
    def test_what_it_charged_is_read_where_it_says_so(
        self, service: Service, far_side: FarSide, usage: Json, charged: Charge | None
    ) -> None:
        far_side.script(reply(task("completed", output={"image_urls": [LINK]}, usage=usage)))

        ended = service.refresh(self.job())

        assert (ended.status, ended.charged) == (Succeeded((LinkedAsset(LINK),)), charged)

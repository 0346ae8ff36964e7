"""3D AI Studio's facts (seeds 000 and 002, reference section 2, 2026-11-20), and the contract over them."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, ClassVar

import pytest

from imgen_providers import connect
from imgen_providers.base import (
    Account,
    Balance,
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
from imgen_providers.errors import InvalidRequest, JobNotFound, KeyRefused, NoCredit, RateLimited, Uncertain
from imgen_providers.testing.bodies import Refusal
from imgen_providers.testing.contract import ServiceContract
from imgen_providers.testing.wire import WireServer, reply
from providers.sending import KEY

if TYPE_CHECKING:
    from pathlib import Path

    from imgen_providers.base import Json, Service
    from imgen_providers.client import Network
    from imgen_providers.testing.far_side import FarSide

TASK = "a1b2c3d4-e5f6-7890-abcd-ef1234567890"
CDN = "https://cdn.3daistudio.com/images/img_001.png"
STORAGE = "https://storage.3daistudio.com/assets/img_001.png"
THUMBNAIL = "https://storage.3daistudio.com/thumbnails/img_001.png"


def task(status: str, progress: Json = 0, reason: Json = None, results: Json = None) -> Json:
    return {"status": status, "progress": progress, "failure_reason": reason, "results": results or []}


def result(**keys: Json) -> Json:
    return {"asset_type": "IMAGE", "thumbnail": THUMBNAIL, "metadata": None, **keys}


class TestThreeDAIStudio(ServiceContract):
    name = "3daistudio"
    request = Request("gemini/3/pro", "a futuristic city", aspect="16:9", resolution="2K", format="png", count=2)
    submit_path = "/v1/images/gemini/3/pro/generate/"
    submit_body: ClassVar[Json] = {
        "prompt": "a futuristic city",
        "output_format": "png",
        "aspect_ratio": "16:9",
        "resolution": "2K",
        "num_images": 2,
    }
    accepted: ClassVar[Json] = {"task_id": TASK, "created_at": "2026-02-25T12:00:00Z"}
    job_id = TASK
    poll_path = f"/v1/generation-request/{TASK}/status/"
    finished = task("FINISHED", 100, results=[result(asset_url=CDN, asset=STORAGE)])
    states = (
        (task("PENDING"), Queued()),
        (task("IN_PROGRESS", 42), Running(0.42)),
        (task("IN_PROGRESS", 250), Running(1.0)),
        (task("IN_PROGRESS", -1), Running()),
        (task("IN_PROGRESS", float("nan")), Running()),
        (task("IN_PROGRESS", None), Running()),
        (task("IN_PROGRESS", "soon"), Running()),
        ({"status": "IN_PROGRESS"}, Running()),
        (
            task("FINISHED", 100, results=[result(asset_url=CDN, asset=STORAGE)]),
            Succeeded((LinkedAsset(CDN),)),
        ),
        # an older page has only asset_url, a newer one only asset
        (task("FINISHED", 100, results=[result(asset_url=CDN)]), Succeeded((LinkedAsset(CDN),))),
        (task("FINISHED", 100, results=[result(asset=STORAGE)]), Succeeded((LinkedAsset(STORAGE),))),
        (
            task(
                "FINISHED",
                100,
                results=[result(asset=STORAGE, asset_type="EDITED_IMAGE"), result(asset_url=CDN)],
            ),
            Succeeded((LinkedAsset(STORAGE), LinkedAsset(CDN))),
        ),
        (
            task("FINISHED", 100, results=[result(asset="https://x/y.glb", asset_type="3D_MODEL")]),
            Succeeded(()),
        ),
        (task("FINISHED", 100, results=[result()]), Succeeded(())),
        (task("FINISHED", 100), Succeeded(())),
        ({"status": "FINISHED", "results": None}, Succeeded(())),
        (task("FAILED", reason="out of luck"), Failed("out of luck")),
        (task("FAILED", results=[result(asset_url=CDN)], reason="out of luck"), Succeeded((LinkedAsset(CDN),))),
        (task("FAILED", reason={"message": "out of luck"}), Failed("out of luck")),
        (task("FAILED", reason=[1]), Failed("[1]")),
        (task("FAILED"), Failed("3D AI Studio gave no reason")),
        (
            task("FAILED", reason="Blocked by the safety filter"),
            Failed("Blocked by the safety filter", kind="refused"),
        ),
    )
    unknown_state = task("REHEARSING")
    # No page shows the body of an error, so every form that clients try is accepted (reference 2.4).
    refusals = (
        Refusal(402, {"code": "insufficient_credits", "message": "Top up"}, NoCredit, "insufficient_credits"),
        Refusal(429, {"error_code": "rate_limited", "detail": "Wait"}, RateLimited, "rate_limited", again=20),
        Refusal(400, {"error": {"code": "validation_failed", "message": "?"}}, InvalidRequest, "validation_failed"),
        Refusal(400, {"prompt": ["This field is required."]}, InvalidRequest),
        Refusal(401, {"code": "invalid_api_key"}, KeyRefused, "invalid_api_key"),
        Refusal(401, {"code": "api_key_expired"}, KeyRefused, "api_key_expired"),
        Refusal(401, {"error": "api_key_revoked"}, KeyRefused),
        Refusal(403, "<html>Forbidden</html>", KeyRefused),
        Refusal(404, {"detail": "Not found."}, InvalidRequest),
        Refusal(409, {"detail": "Conflict"}, Uncertain),
        Refusal(422, {"detail": "Unprocessable"}, InvalidRequest),
    )
    poll_refusals = (
        Refusal(401, {"code": "api_key_expired"}, KeyRefused),
        Refusal(404, {"detail": "Not found."}, JobNotFound),
        Refusal(429, {"code": "rate_limited"}, RateLimited),
    )

    def test_an_edit_sends_its_pictures_as_data_uris(self, service: Service, far_side: FarSide, tmp_path: Path) -> None:
        content = b"not really a picture"
        picture = tmp_path / "cat.png"
        picture.write_bytes(content)
        file = PictureFile(picture, "image/png", len(content), hashlib.sha256(content).hexdigest())
        far_side.script(reply({"task_id": TASK}))

        service.submit(Request("gemini/3.1/flash", "no background", (file, file), resolution="0.5K"))

        [(_, path, headers, body)] = far_side.sent()
        uri = "data:image/png;base64,bm90IHJlYWxseSBhIHBpY3R1cmU="
        assert path == "/v1/images/gemini/3.1/flash/edit/"
        assert (
            reply({"prompt": "no background", "num_images": 1, "images": [uri, uri], "resolution": "512px"}).body
            == body
        )
        assert headers["content-length"] == str(len(body))

    def test_a_link_as_reference_is_refused_before_anything_is_sent(self, service: Service, far_side: FarSide) -> None:
        with pytest.raises(InvalidRequest):
            service.submit(Request("gemini/3/pro", "a hat", (PictureLink("https://x.test/cat.png"),)))

        assert far_side.sent() == []

    def test_the_oldest_model_is_sent_no_resolution(self, service: Service) -> None:
        assert service.preview(Request("gemini/2.5/flash", "a cat", resolution="1K")) == (
            "/v1/images/gemini/2.5/flash/generate/",
            {"prompt": "a cat", "num_images": 1},
        )

    @pytest.mark.parametrize("key", ["id", "request_id"])
    def test_other_names_of_the_task_id_are_understood(self, service: Service, far_side: FarSide, key: str) -> None:
        far_side.script(reply({key: TASK}, 202))

        assert service.submit(self.request).remote_id == TASK

    def test_the_wallet_is_read_with_the_accounts_own_rate_limit(self, service: Service, far_side: FarSide) -> None:
        far_side.script(reply({"balance": "20.00", "rate_limit": 3}))
        assert isinstance(service, ReportsBalance)

        assert service.balance() == Balance("20.00", "credits", 3)
        assert [path for _, path, _, _ in far_side.sent()] == ["/account/user/wallet/"]

    @pytest.mark.parametrize("limit", [10**30, 0, -1, None, "many", {}, 1e300])
    def test_a_limit_that_is_none_is_not_taken_for_one(self, service: Service, far_side: FarSide, limit: Json) -> None:
        far_side.script(reply({"balance": "20.00", "rate_limit": limit}))
        assert isinstance(service, ReportsBalance)

        assert service.balance() == Balance("20.00", "credits", None)

    def test_the_wallet_is_found_at_its_other_documented_path(self, service: Service, far_side: FarSide) -> None:
        far_side.script(reply({}, 404), reply({"balance": 150}))
        assert isinstance(service, ReportsBalance)

        assert service.balance() == Balance("150", "credits", None)
        assert far_side.sent()[-1][1] == "/user/wallet/"


def test_a_strange_task_id_stays_inside_its_path(network: Network) -> None:
    with WireServer(reply({"task_id": "../../wallet?x=#y"}), reply(task("PENDING"))) as server:
        service = connect("3daistudio", Account(server.origin, KEY), network)

        service.refresh(service.submit(TestThreeDAIStudio.request))

        assert server.requests[1].path == "/v1/generation-request/..%2F..%2Fwallet%3Fx%3D%23y/status/"

"""GMI Cloud's facts (seed 001, reference section 1, 2026-11-20), and the contract over them."""

from __future__ import annotations

import base64
import dataclasses
import hashlib
from typing import TYPE_CHECKING, ClassVar

import pytest

from imgen_providers import connect
from imgen_providers.base import (
    Account,
    Cancelled,
    Failed,
    InlineAsset,
    LinkedAsset,
    ListsModels,
    ListsRecent,
    PictureFile,
    PictureLink,
    Queued,
    Request,
    Running,
    Succeeded,
    TakesUploads,
)
from imgen_providers.errors import (
    InvalidRequest,
    JobNotFound,
    KeyRefused,
    NotSent,
    NotUnderstood,
    RateLimited,
    Uncertain,
    Unreachable,
)
from imgen_providers.testing.bodies import Refusal
from imgen_providers.testing.contract import ServiceContract
from imgen_providers.testing.wire import Fault, Reply, WireServer, reply
from providers.sending import KEY

if TYPE_CHECKING:
    from pathlib import Path

    from imgen_providers.base import Json, Service
    from imgen_providers.client import Network
    from imgen_providers.testing.far_side import FarSide

QUEUE = "/api/v1/ie/requestqueue/apikey"
MODEL = "gemini-3-pro-image-preview"
REQUEST_ID = "5c30b275-d669-4a25-8151-de6d60214853"
LINK = "https://storage.googleapis.com/gmi-video-assests-prod/user-assets/o/u/google_ai_studio_1.png"
THUMBNAIL = "https://storage.googleapis.com/gmi-video-assests-prod/user-assets/o/u/thumbnail.png"
ECHOED = "https://x.test/reference.png"
TURNS: Json = [{"role": "user", "parts": [{"text": ""}]}]


def record(status: str, outcome: Json = None, **keys: Json) -> dict[str, Json]:
    return {
        "request_id": REQUEST_ID,
        "org_id": "your-org-id",
        "model": MODEL,
        "status": status,
        "payload": {"prompt": "a portrait", "image": [ECHOED]},
        "outcome": outcome,
        "created_at": 1762215580,
        "updated_at": 1762215606,
        "queued_at": 1762215580,
        **keys,
    }


def outcome(*media: Json, **keys: Json) -> Json:
    return {"media_urls": list(media), "thumbnail_image_url": THUMBNAIL, **keys}


PNG = b"\x89PNG\r\n\x1a\n not much of a PNG"


def inline(key: str, media_type: str) -> Json:
    part: Json = {key: {media_type: "image/png", "data": base64.b64encode(PNG).decode()}}
    return {"candidates": [{"content": {"parts": [{"text": "Here it is."}, part]}}]}


ONE = outcome({"id": "0", "url": LINK})
DONE = Succeeded((LinkedAsset(LINK),))


class TestGmiCloud(ServiceContract):
    name = "gmicloud"
    request = Request(
        MODEL,
        "a portrait",
        (PictureLink("https://x.test/1.jpg"), PictureLink("https://x.test/2.jpg")),
        aspect="4:5",
        resolution="2K",
        format="png",
    )
    submit_path = f"{QUEUE}/requests"
    submit_body: ClassVar[Json] = {
        "model": MODEL,
        "payload": {
            "prompt": "a portrait",
            "image": ["https://x.test/1.jpg", "https://x.test/2.jpg"],
            "image_size": "2K",
            "aspect_ratio": "4:5",
            "image_output_format": "png",
        },
    }
    accepted: ClassVar[Json] = {
        "request_id": REQUEST_ID,
        "model": MODEL,
        "status": "queued",
        "created_at": 1753427199,
        "updated_at": 1753427199,
        "queued_at": 1753427199,
    }
    job_id = REQUEST_ID
    poll_path = f"{QUEUE}/requests/{REQUEST_ID}"
    finished = record("success", ONE)
    states = (
        (record("created"), Queued()),
        (record("queued"), Queued()),
        (record("dispatched"), Queued()),
        (record("processing"), Running()),
        (record("success", ONE), DONE),
        (record("success", outcome(LINK)), DONE),
        (record("success", ONE, payload={}), DONE),
        (
            record("success", outcome({"id": "0", "url": LINK}, next_turn_contents=TURNS)),
            dataclasses.replace(DONE, conversation=TURNS),
        ),
        (record("success", ONE, next_turn_contents=TURNS), dataclasses.replace(DONE, conversation=TURNS)),
        # no thumbnail, and no link out of the echo; an older key counts where media_urls holds nothing
        (record("success", outcome()), Succeeded(())),
        (record("success", outcome(image_url=LINK)), DONE),
        (record("success", outcome({"id": "0"}, {"url": ""}, 7)), Succeeded(())),
        (record("success", {"media_urls": "not a list"}), Succeeded(())),
        (record("success", {"thumbnail_image_url": THUMBNAIL}), Succeeded(())),
        (record("success"), Succeeded(())),
        (record("success", "not an object"), Succeeded(())),
        (record("success", {"image_url": LINK, "url": LINK}), DONE),
        (record("success", {"url": LINK}), DONE),
        (record("success", {"medias": [{"url": LINK}]}), DONE),
        # the picture inside the answer, as two of the service's own apps read it
        (record("success", inline("inlineData", "mimeType")), Succeeded((InlineAsset(PNG),))),
        (record("success", inline("inline_data", "mime_type")), Succeeded((InlineAsset(PNG),))),
        (record("success", {"media_urls": [], "image_url": LINK}), DONE),
        (record("success", {"media_urls": None, "outputs": [{"url": LINK}]}), DONE),
        (record("success", {"media_urls": [{"url": "//[.png"}]}), Succeeded((LinkedAsset("//[.png"),))),
        (record("success", None, image_url=LINK), DONE),
        (record("success", None, images=[LINK]), Succeeded(())),
        ({"data": record("success", ONE)}, DONE),
        (record("running"), Running()),
        (record("error", {"error": "it broke"}), Failed("it broke")),
        (record("failed", reason="it broke"), Failed("it broke")),
        (record("failed", {"media_urls": [{"url": LINK}], "error": "it broke"}), DONE),  # it came all the same
        (record("failed", {"error": "x" * 50_000}), Failed("x" * 400)),
        (record("failed", {"error": "it broke"}), Failed("it broke")),
        (record("failed", {"error": {"code": 7, "message": "it broke"}}), Failed("it broke", "7")),
        (
            record("failed", {"error": {"code": "E", "message": "bad size", "status": "INVALID_INPUT"}}),
            Failed("bad size", "E", "refused"),
        ),
        (record("failed", {"error": {"status": "?"}}), Failed('{"status": "?"}')),
        (record("failed", error="it broke"), Failed("it broke")),
        (record("failed", error_message="it broke"), Failed("it broke")),
        (record("failed", {"message": "it broke"}), Failed("it broke")),
        (record("failed", {"fail_reason": "it broke"}), Failed("it broke")),
        (record("failed"), Failed("GMI Cloud gave no reason")),
        (
            record("failed", {"error": "rate limit exceeded(RPM)"}),
            Failed("rate limit exceeded(RPM)", kind="rate_limited"),
        ),
        (
            record("failed", {"error": "PROHIBITED_CONTENT"}),
            Failed("PROHIBITED_CONTENT", kind="refused"),
        ),
        (record("cancelled"), Cancelled()),
        (record("canceled"), Cancelled()),
    )
    unknown_state = record("REHEARSING")
    refusals = (
        Refusal(400, {"error": "Generation rejected; please review the prompt", "request_id": "r"}, InvalidRequest),
        Refusal(400, {"message": "bad"}, InvalidRequest),
        Refusal(400, {"detail": "bad"}, InvalidRequest),
        Refusal(401, {"error": {"message": "unauthorized"}}, KeyRefused),
        Refusal(403, {"error": "model not entitled"}, KeyRefused),
        Refusal(404, {"error": "you do not have access"}, InvalidRequest),
        Refusal(429, {"error": "slow down"}, RateLimited, again=60),
        Refusal(500, {"error": "Backend error (400): bad aspect ratio"}, Uncertain),
        Refusal(504, "<html>Gateway timeout</html>", Uncertain),
    )
    poll_refusals = (
        Refusal(401, {"error": "unauthorized"}, KeyRefused),
        Refusal(404, {"error": "not found"}, JobNotFound),
        Refusal(500, {"error": "oops"}, Unreachable),
    )

    def test_an_answer_that_is_the_picture_already_is_used(self, service: Service, far_side: FarSide) -> None:
        far_side.script(reply(record("success", ONE)))

        job = service.submit(self.request)

        assert (job.remote_id, job.status) == (REQUEST_ID, DONE)
        assert len(far_side.sent()) == 1

    def test_an_answer_without_a_state_is_accepted_all_the_same(self, service: Service, far_side: FarSide) -> None:
        far_side.script(reply({"request_id": REQUEST_ID}))

        assert service.submit(self.request).status == Queued()

    def test_a_picture_without_an_id_is_a_job_all_the_same(self, service: Service, far_side: FarSide) -> None:
        answer = {**record("success", inline("inlineData", "mimeType")), "request_id": None}
        far_side.script(reply(answer))

        job = service.submit(dataclasses.replace(self.request, idempotency_key="ours"))

        assert (job.remote_id, job.status) == ("inline-ours", Succeeded((InlineAsset(PNG),)))
        with pytest.raises(JobNotFound):
            service.refresh(job)

    def test_a_success_without_a_picture_names_what_came(self, service: Service, far_side: FarSide) -> None:
        far_side.script(reply(record("success", {"media_urls": [], "notes": 1})))

        status = service.refresh(self.job()).status

        assert isinstance(status, Succeeded)
        assert {"status", "outcome", "outcome.media_urls", "outcome.notes"} < set(status.answered_keys)

    def test_half_a_kilobyte_is_written_as_512(self, service: Service) -> None:
        _, body = service.preview(Request("gemini-3.1-flash-image-preview", "a cat", resolution="0.5K"))

        assert body == {
            "model": "gemini-3.1-flash-image-preview",
            "payload": {"prompt": "a cat", "image_size": "512"},
        }

    def test_a_payload_is_known_whatever_its_encoding(self, service: Service, far_side: FarSide) -> None:
        order = Request(MODEL, "a K\xe4se \ud800 cat")
        payload = '{"prompt": "a K\xe4se \\ud800 cat", "image": null}'.encode("latin-1")
        far_side.script(
            Reply(
                body=b'{"requests": [null, 7, {"request_id": {}}, {"request_id": 5, "status": null,'
                b' "created_at": "1000", "payload": ' + payload + b"}]}"
            )
        )
        assert isinstance(service, ListsRecent)

        [found] = service.recent(order, since=1000.0)

        assert found.job.remote_id == "5"

    def test_the_organization_goes_with_every_request(
        self, account: Account, network: Network, far_side: FarSide
    ) -> None:
        far_side.script(reply(self.accepted), reply(self.finished))
        service = connect("gmicloud", dataclasses.replace(account, organization="ours"), network)

        service.refresh(service.submit(self.request))

        assert [headers["x-organization-id"] for _, _, headers, _ in far_side.sent()] == ["ours", "ours"]

    def test_a_conversation_goes_into_the_payload(self, service: Service) -> None:
        _, body = service.preview(Request(MODEL, "bluer", extras={"contents": TURNS}))

        assert body == {"model": MODEL, "payload": {"prompt": "bluer", "contents": TURNS}}

    def test_the_plain_model_is_sent_neither_size_nor_format(self, service: Service) -> None:
        request = Request("gemini-2.5-flash-image", "a cat", aspect="2:3", resolution="1K", format="png")

        _, body = service.preview(request)

        assert body == {
            "model": "gemini-2.5-flash-image",
            "payload": {"prompt": "a cat", "aspect_ratio": "2:3"},
        }

    def test_a_file_as_reference_has_to_be_uploaded_first(
        self, service: Service, far_side: FarSide, tmp_path: Path
    ) -> None:
        with pytest.raises(InvalidRequest):
            service.submit(Request(MODEL, "a hat", (picture(tmp_path),)))

        assert far_side.sent() == []

    def test_todays_models_are_listed(self, service: Service, far_side: FarSide) -> None:
        far_side.script(reply({"model_ids": [MODEL, "seedream-5.0-pro"]}))
        assert isinstance(service, ListsModels)

        assert service.models() == [MODEL, "seedream-5.0-pro"]
        assert far_side.sent()[0][1] == f"{QUEUE}/models"

    def test_a_lost_request_is_found_by_its_payload_and_its_time(self, service: Service, far_side: FarSide) -> None:
        assert isinstance(self.submit_body, dict)
        payload = self.submit_body["payload"]
        ours: list[Json] = [
            record("failed", request_id="late", payload=payload, created_at=1959),
            record("success", ONE, request_id="early", payload=payload, created_at=1000),
            record("queued", request_id="a clock apart", payload=payload, created_at=941),
        ]
        others: list[Json] = [
            record("success", request_id="too old", payload=payload, created_at=939),
            # a submit lasts 900 s at most, so another client made this one
            record("success", request_id="too new", payload=payload, created_at=1961),
            record("success", request_id="days later", payload=payload, created_at=300_000),
            record("success", request_id="another prompt", payload={"prompt": "a dog"}, created_at=1500),
            record("success", request_id="no echo", payload={}, created_at=1500),
            record("success", request_id="no time", payload=payload, created_at=None),
        ]
        far_side.script(
            reply({"requests": [*others, *ours[:2]], "has_more": True}),
            reply({"requests": ours[2:], "has_more": False}),
        )
        assert isinstance(service, ListsRecent)

        found = service.recent(self.request, since=1000.0)

        assert [one.job.remote_id for one in found] == ["a clock apart", "early", "late"]
        assert found[1].job.status == DONE
        assert [path for _, path, _, _ in far_side.sent()] == [
            f"{QUEUE}/requests?model_id={MODEL}&limit=100&offset=0",
            f"{QUEUE}/requests?model_id={MODEL}&limit=100&offset=100",
        ]


def picture(folder: Path, media_type: str = "image/jpeg", content: bytes = b"not a picture") -> PictureFile:
    path = folder / "cat.jpg"
    path.write_bytes(content)
    return PictureFile(path, media_type, len(content), hashlib.sha256(content).hexdigest())


def uploads(service: Service) -> TakesUploads:
    assert isinstance(service, TakesUploads)
    return service


def test_an_upload_streams_the_file_to_the_signed_address_without_the_key(network: Network, tmp_path: Path) -> None:
    with WireServer() as server:
        place: Json = {
            "upload_url": f"{server.origin}/bucket/cat?signature=s",
            "public_url": "https://x.test/cat.jpg",
        }
        server.script[:] = [reply(place), reply("")]
        service = uploads(connect("gmicloud", Account(server.origin, KEY, organization="ours"), network))

        link = service.upload(picture(tmp_path))

        ask, put = server.requests
        assert link == PictureLink("https://x.test/cat.jpg")
        assert (ask.method, ask.path, ask.json()) == ("POST", f"{QUEUE}/upload-url", {"file_type": "jpeg"})
        assert (put.method, put.path, put.body) == ("PUT", "/bucket/cat?signature=s", b"not a picture")
        assert put.headers["content-type"] == "image/jpeg"
        assert put.headers["content-length"] == str(len(put.body))
        assert not {"authorization", "x-organization-id", "transfer-encoding"} & put.headers.keys()


@pytest.mark.parametrize("media_type", ["image/webp", "image/heic"])
def test_what_cannot_be_uploaded_is_refused_before_anything_is_sent(
    network: Network, tmp_path: Path, media_type: str
) -> None:
    with WireServer() as server:
        service = uploads(connect("gmicloud", Account(server.origin, KEY), network))

        with pytest.raises(InvalidRequest, match="PNG and JPEG"):
            service.upload(picture(tmp_path, media_type))

        assert server.connections == 0


@pytest.mark.parametrize(
    "answer",
    [reply("<Error/>", 403), reply("<Error/>", 503), Reply(307, headers={"Location": "/b2"}), Fault.CLOSE_AFTER_READ],
    ids=["refused", "broken", "sent elsewhere", "lost"],
)
def test_a_failed_upload_is_no_paid_request(network: Network, tmp_path: Path, answer: Reply | Fault) -> None:
    with WireServer() as server:
        place: Json = {"upload_url": f"{server.origin}/b", "public_url": "https://x.test/c"}
        server.script[:] = [reply(place), answer]
        service = uploads(connect("gmicloud", Account(server.origin, KEY), network))

        with pytest.raises(Unreachable):
            service.upload(picture(tmp_path))

        assert [request.method for request in server.requests] == ["POST", "PUT"]


def test_an_upload_goes_to_no_unsafe_address(network: Network, tmp_path: Path) -> None:
    with WireServer() as other, WireServer() as server:
        server.script[:] = [reply({"upload_url": f"{other.origin}/b", "public_url": "https://x.test/c"})]
        service = uploads(connect("gmicloud", Account(server.origin, KEY), network))

        with pytest.raises(NotUnderstood):
            service.upload(picture(tmp_path))

        assert other.connections == 0


def test_a_picture_that_changed_is_not_uploaded(network: Network, tmp_path: Path) -> None:
    recorded = picture(tmp_path)
    recorded.path.write_bytes(b"NOT a picture")
    with WireServer() as server:
        server.script[:] = [reply({"upload_url": f"{server.origin}/b", "public_url": "https://x.test/c"})]
        service = uploads(connect("gmicloud", Account(server.origin, KEY), network))

        with pytest.raises(NotSent, match="changed"):
            service.upload(recorded)

        assert len(server.requests) == 1

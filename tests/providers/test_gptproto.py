"""GPTProto's facts (seed 004, reference section 4.A, 2026-11-20), and the contract over them."""

from __future__ import annotations

import base64
import json
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

import pytest

from imgen_providers import connect
from imgen_providers.base import (
    Account,
    Cancelled,
    Failed,
    InlineAsset,
    Job,
    LinkedAsset,
    PictureFile,
    PictureLink,
    Queued,
    Request,
    Running,
    Succeeded,
)
from imgen_providers.errors import (
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
from imgen_providers.testing.wire import WireServer, reply
from providers.sending import KEY

if TYPE_CHECKING:
    from imgen_providers.base import Json, Service, Status
    from imgen_providers.client import Network
    from imgen_providers.testing.far_side import FarSide

MODEL = "gemini-3-pro-image-preview"
LINK = "https://oss.gptproto.com/ai-draw/cat.png"
JPEG = b"\xff\xd8\xff\xe0 not much of a JPEG"
PNG = b"\x89PNG\r\n\x1a\n not much of a PNG"
POLICY = "Content blocked due to safety concerns"


def data(status: str, outputs: Json = None, **keys: Json) -> dict[str, Json]:
    return {
        "id": "abc",
        "model": "model_name",
        "outputs": outputs if outputs is not None else [],
        "urls": {"get": "https://gptproto.com/api/v3/predictions/abc/result"},
        "status": status,
        "error": None,
        "executionTime": 0,
        "timings": {"inference": 0},
        "has_nsfw_contents": [],
        "created_at": "2026-01-01 00:00:00",
        **keys,
    }


def envelope(content: Json, code: Json = 200, message: str = "success") -> Json:
    return {"data": content, "message": message, "code": code}


def completed(*outputs: Json) -> Json:
    return envelope(data("completed", list(outputs)))


DONE = Succeeded((LinkedAsset(LINK),))
ELSEWHERE: list[dict[str, Json]] = [
    {"image_url": LINK},
    {"output": LINK},
    {"output": [LINK]},
    {"output": {"image_url": LINK}},
    {"url": f" {LINK} "},
    {"result": {"url": LINK}},
    {"outputs": [], "image_url": LINK},
    {"unsigned_urls": [LINK]},
]


class TestGptProto(ServiceContract):
    name = "gptproto"
    switches = frozenset({"enable_base64_output", "enable_sync_mode"})
    request = Request(MODEL, "a cat", aspect="1:1", resolution="4K", format="png")
    submit_path = f"/api/v3/google/{MODEL}/text-to-image"
    submit_body: ClassVar[Json] = {
        "prompt": "a cat",
        "size": "4K",
        "aspect_ratio": "1:1",
        "output_format": "png",
        "enable_base64_output": False,
        "enable_sync_mode": False,
    }
    accepted = envelope(data("created"))
    job_id = "abc"
    poll_path = "/api/v3/predictions/abc/result"
    finished = completed(LINK)
    states = (
        (envelope(data("created")), Queued()),
        (envelope(data("queued")), Queued()),
        (envelope(data("pending")), Queued()),
        (envelope(data("running")), Running()),
        (envelope(data("processing")), Running()),
        (completed(LINK), Succeeded((LinkedAsset(LINK),))),
        (envelope(data("succeeded", [LINK])), Succeeded((LinkedAsset(LINK),))),
        (
            envelope(data("success", [LINK], error="", has_nsfw_contents=None)),
            Succeeded((LinkedAsset(LINK),)),
        ),
        (envelope([data("completed", [LINK])]), Succeeded((LinkedAsset(LINK),))),
        # the documents show a completed prediction with nothing in it
        (completed(), Succeeded(())),
        (envelope(data("completed", None)), Succeeded(())),
        (
            completed("data:image/png;base64," + base64.b64encode(PNG).decode()),
            Succeeded((InlineAsset(PNG),)),
        ),
        # bare base64 of a JPEG begins with a slash, and is no path
        (completed(base64.b64encode(JPEG).decode()), Succeeded((InlineAsset(JPEG),))),
        (
            completed({"url": LINK}, {"b64_json": base64.b64encode(PNG).decode()}),
            Succeeded((LinkedAsset(LINK), InlineAsset(PNG))),
        ),
        (completed("neither", 7, "", base64.b64encode(b"no picture").decode()), Succeeded(())),
        (envelope(data("failed", error="it broke")), Failed("it broke")),
        (envelope(data("error", error={"message": "it broke"})), Failed("it broke")),
        (envelope(data("failed", error=POLICY)), Failed(POLICY, kind="refused")),
        (envelope(data("failed")), Failed("GPTProto gave no reason")),
        (envelope(data("failed", [LINK], error="it broke")), Succeeded((LinkedAsset(LINK),))),  # it came all the same
        (envelope(data("failed", error="it broke"), code=500, message="error"), Failed("it broke")),
        (envelope(data("cancelled")), Cancelled()),
        # names under which the service's own clients look
        *(
            (envelope({"id": "abc", "status": "completed", **found}), Succeeded((LinkedAsset(LINK),)))
            for found in ELSEWHERE
        ),
        ({"id": "abc", "status": "completed", "unsigned_urls": [LINK], "native_status": "x"}, DONE),
        ({"id": "abc", "status": "completed", "outputs": [LINK]}, DONE),
        (envelope({"id": "abc", "status": "completed", "images": [LINK]}), Succeeded(())),
        (completed("//[.png", "https://xn--/x"), Succeeded((LinkedAsset("//[.png"), LinkedAsset("https://xn--/x")))),
        ({"id": "abc", "status": "expired"}, Failed("GPTProto reports that the task expired")),
        (envelope(data("failed", error={"why": {"a": 1}})), Failed('{"why": {"a": 1}}')),
    )
    unknown_state = envelope(data("REHEARSING"))
    refusals = (
        Refusal(401, {"error": {"message": "Invalid signature", "type": "401"}}, KeyRefused, "401"),
        Refusal(401, {"code": 401, "message": "Token cannot be empty", "type": "error"}, KeyRefused, "401"),
        Refusal(403, {"error": {"message": "no permission", "code": 403}}, KeyRefused, "403"),
        Refusal(403, {"error": {"message": "Insufficient balance", "code": 403}}, NoCredit, "403"),
        Refusal(429, {"error": {"message": "Too Many Requests"}}, RateLimited, again=3),
        Refusal(500, {"error": {"message": "Internal server error"}}, Uncertain),
        Refusal(400, {"error": {"message": POLICY, "code": 503}}, ContentRefused, "503"),
        Refusal(503, {"error": {"message": "Content policy violation"}}, ContentRefused),
        Refusal(503, {"error": {"message": "CONTENT POLICY VIOLATION"}}, ContentRefused),
        Refusal(503, {"error": {"message": POLICY}}, ContentRefused),
        Refusal(503, {"error": {"message": "Service unavailable"}}, Uncertain),
        # a gateway's words, which are no verdict on the request
        Refusal(503, {"error": {"message": "upstream blocked, try later"}}, Uncertain),
        Refusal(503, {"error": {"message": "safety shutdown of a sensitive node"}}, Uncertain),
        Refusal(200, {"code": 503, "message": "upstream blocked, try later"}, Uncertain, "503"),
        Refusal(400, {"error": {"message": "the prompt is sensitive"}}, ContentRefused),
        Refusal(400, {"error": {"message": "size is wrong"}}, InvalidRequest),
        # HTTP 200 around an error
        Refusal(200, {"code": 401, "message": "Token cannot be empty", "data": None}, KeyRefused, "401"),
        Refusal(200, {"code": 403, "message": "insufficient balance"}, NoCredit, "403"),
        Refusal(200, {"code": 400, "message": POLICY}, ContentRefused, "400"),
        Refusal(200, {"code": 503, "message": POLICY}, ContentRefused, "503"),
        Refusal(200, {"code": "429", "message": "slow down"}, RateLimited, "429"),
        Refusal(200, {"code": 500, "message": "error"}, Uncertain, "500"),
        Refusal(200, {"code": 302, "message": "moved"}, Uncertain),
        Refusal(400, {"error": {"message": "unsafe content detected"}}, ContentRefused),
        Refusal(
            403,
            {"error": {"code": "insufficient_permissions", "message": "Insufficient permissions"}},
            KeyRefused,
            "insufficient_permissions",
        ),
    )
    poll_refusals = (
        Refusal(401, {"error": {"message": "Invalid signature", "type": "401"}}, KeyRefused),
        Refusal(404, {"error": {"message": "not found"}}, JobNotFound),
        Refusal(200, {"code": 404, "message": "not found"}, JobNotFound),
        Refusal(200, {"code": 500, "message": "error"}, Unreachable),
        Refusal(503, {"error": {"message": "upstream blocked, try later"}}, Unreachable),
    )

    def test_an_edit_goes_to_its_own_scene_with_links(self, service: Service) -> None:
        request = Request(
            MODEL,
            "Put a hat on the cat",
            (PictureLink("https://tos.gptproto.com/resource/cat.png"),),
            format="jpeg",
            extras={"temperature": 1, "topP": 0.95},
        )

        assert service.preview(request) == (
            f"/api/v3/google/{MODEL}/image-edit",
            {
                "prompt": "Put a hat on the cat",
                "images": ["https://tos.gptproto.com/resource/cat.png"],
                "output_format": "jpeg",
                "temperature": 1,
                "topP": 0.95,
                "enable_base64_output": False,
                "enable_sync_mode": False,
            },
        )

    def test_a_file_as_reference_is_refused_before_anything_is_sent(self, service: Service, far_side: FarSide) -> None:
        with pytest.raises(InvalidRequest):
            service.submit(Request(MODEL, "a hat", (PictureFile(Path("cat.png"), "image/png", 3, "00"),)))

        assert far_side.sent() == []

    @pytest.mark.parametrize(
        ("outputs", "status"),
        [([], Queued()), ([LINK], Succeeded((LinkedAsset(LINK),)))],
        ids=["nothing yet", "a picture"],
    )
    def test_a_submit_called_completed_is_so_only_with_its_picture(
        self, service: Service, far_side: FarSide, outputs: Json, status: Status
    ) -> None:
        far_side.script(reply(envelope(data("completed", outputs))))

        assert service.submit(self.request).status == status

    def test_an_old_answer_with_the_picture_and_no_id_is_a_job(self, service: Service, far_side: FarSide) -> None:
        picture: Json = {"b64_json": base64.b64encode(PNG).decode()}
        far_side.script(reply({"created": 1, "data": [picture], "output_format": "png"}))

        job = service.submit(self.request)

        assert job.status == Succeeded((InlineAsset(PNG),))
        assert job.remote_id.startswith("inline-")

    @pytest.mark.parametrize("keys", [("run-one", "run-two"), (None, None)], ids=["ours", "none"])
    def test_two_old_answers_with_the_same_picture_are_two_jobs(
        self, service: Service, far_side: FarSide, keys: tuple[str | None, str | None]
    ) -> None:
        answer: Json = {"data": [{"b64_json": base64.b64encode(PNG).decode()}]}
        far_side.script(reply(answer), reply(answer))

        names = {service.submit(replace(self.request, idempotency_key=key)).remote_id for key in keys}

        assert len(names) == 2
        assert names == {f"inline-{key}" for key in keys} or keys == (None, None)

    def test_a_job_that_came_with_its_answer_is_not_asked_for(self, service: Service, far_side: FarSide) -> None:
        with pytest.raises(JobNotFound, match="with its answer only"):
            service.refresh(Job("gptproto", "inline-run-one", Queued()))

        assert far_side.sent() == []

    def test_a_content_policy_that_answers_the_question_ends_the_job(self, service: Service, far_side: FarSide) -> None:
        for answer in (reply({"error": {"message": POLICY}}, 400), reply({"code": 503, "message": POLICY})):
            far_side.script(answer)

            status = service.refresh(self.job()).status

            assert isinstance(status, Failed)
            assert (status.kind, POLICY in status.reason) == ("refused", True)

    @pytest.mark.parametrize(
        "answer",
        [
            {"id": "abc", "status": "pending"},
            {"id": "abc", "generation_id": "g", "polling_url": "/api/v3/tasks/result/abc", "status": "pending"},
            envelope({"urls": {"get": "https://gptproto.com/api/v3/predictions/abc/result"}, "status": "created"}),
            envelope({"urls": {"get": "https://gptproto.com/api/v3/predictions/abc/result"}}),
            {"urls": [{"get": "/api/v3/predictions/abc/result"}]},
            envelope({"task_id": "abc"}),
            envelope({"id": "abc", "status": 7, "outputs": "?"}),
            envelope({"id": "abc"}, code=500, message="odd"),
            {"data": "?", "task": {"id": "abc"}},
        ],
        ids=repr,
    )
    @pytest.mark.parametrize("status", [200, 202])
    def test_an_id_is_kept_wherever_it_stands(
        self, service: Service, far_side: FarSide, answer: Json, status: int
    ) -> None:
        far_side.script(reply(answer, status))

        job = service.submit(self.request)

        assert (job.remote_id, job.status) == ("abc", Queued())

    def test_a_number_is_an_id(self, service: Service, far_side: FarSide) -> None:
        far_side.script(reply(envelope(data("created", id=12345))))

        assert service.submit(self.request).remote_id == "12345"

    def test_an_endless_id_is_none(self, service: Service, far_side: FarSide) -> None:
        far_side.script(reply(envelope(data("created", id="x" * 70_000, urls=None))))

        with pytest.raises(Uncertain):
            service.submit(self.request)

    @pytest.mark.parametrize("handle", ["no path", "//elsewhere.test/", "/a b", "/" + "x" * 70_000, "@elsewhere.test/"])
    def test_a_recorded_address_that_is_no_path_is_not_asked(
        self, service: Service, far_side: FarSide, handle: str
    ) -> None:
        far_side.script(reply(self.finished))

        service.refresh(Job("gptproto", "abc", Queued(), {"poll": handle}))

        assert far_side.sent()[0][1] == self.poll_path

    def test_the_newer_surface_has_its_own_body_and_its_own_poll(self, service: Service, far_side: FarSide) -> None:
        model = "google/gemini-3-pro-image-preview"
        order = Request(model, "a hat", (PictureLink("https://x.test/cat.png"),), "16:9", "2K", "png")
        far_side.script(reply({"id": "job:1", "status": "pending"}, 202), reply({"status": "completed", "url": LINK}))

        job = service.refresh(service.submit(order))

        (_, submitted, _, body), (_, polled, _, _) = far_side.sent()
        assert (submitted, polled) == ("/api/v3/images", "/api/v3/tasks/result/job%3A1")
        assert json.loads(body) == {
            "model": model,
            "prompt": "a hat",
            "input_references": [{"type": "image_url", "image_url": {"url": "https://x.test/cat.png"}}],
            "aspect_ratio": "16:9",
            "size": "2K",
            "output_format": "png",
        }
        assert (job.remote_id, job.status) == ("job:1", DONE)

    def test_an_array_around_the_prediction_is_understood(self, service: Service, far_side: FarSide) -> None:
        far_side.script(reply(envelope([data("created")])))

        assert service.submit(self.request).remote_id == "abc"


@pytest.mark.parametrize("as_array", [False, True])
def test_a_poll_address_on_the_own_origin_is_followed(network: Network, as_array: bool) -> None:
    with WireServer() as server:
        get: Json = {"get": f"{server.origin}/api/v4/elsewhere/abc?version=2"}
        urls: Json = [get] if as_array else get
        server.script[:] = [reply(envelope(data("created", urls=urls))), reply(completed("/files/cat.png"))]
        service = connect("gptproto", Account(server.origin, KEY), network)

        job = service.refresh(service.submit(TestGptProto.request))

        assert server.requests[1].path == "/api/v4/elsewhere/abc?version=2"
        assert job.status == Succeeded((LinkedAsset(f"{server.origin}/files/cat.png"),))


@pytest.mark.parametrize(
    "address",
    ["https://elsewhere.test/x", "http://127.0.0.1:1/x", "//", "http://[", "", 7, None, [], {"get": {}}],
)
def test_a_poll_address_anywhere_else_never_gets_the_key(network: Network, address: Json) -> None:
    with WireServer() as server:
        server.script[:] = [reply(envelope(data("created", urls={"get": address}))), reply(completed(LINK))]
        service = connect("gptproto", Account(server.origin, KEY), network)

        service.refresh(service.submit(TestGptProto.request))

        assert server.requests[1].path == "/api/v3/predictions/abc/result"

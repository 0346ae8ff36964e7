"""fal's facts (reference of the direct services, 3, 2026-11-25), and the contract over them."""

from __future__ import annotations

from contextlib import nullcontext
from typing import TYPE_CHECKING, ClassVar

import httpx
import pytest
import respx

from imgen_providers import connect
from imgen_providers.base import (
    Account,
    Cancelled,
    Failed,
    Job,
    LinkedAsset,
    ListsRecent,
    PictureLink,
    Queued,
    Request,
    Running,
    StopsJobs,
    Succeeded,
    Unrecognised,
)
from imgen_providers.errors import (
    ContentRefused,
    InvalidRequest,
    JobNotFound,
    KeyRefused,
    NoCredit,
    NotUnderstood,
    RateLimited,
    Uncertain,
    Unreachable,
)
from imgen_providers.testing.bodies import Refusal
from imgen_providers.testing.contract import ServiceContract
from imgen_providers.testing.wire import Reply, reply
from providers.sending import KEY

if TYPE_CHECKING:
    from imgen_providers.base import Json, Service
    from imgen_providers.client import Network
    from imgen_providers.errors import ServiceError
    from imgen_providers.testing.far_side import FarSide
    from imgen_providers.testing.wire import Reply

MODEL = "google/nano-banana-2.1"
ID = "764cabcf-b745-4b3e-ae38-1200304cf45b"
BELOW = f"/queue.fal.run/{MODEL}/requests/{ID}"
LINK = "https://v3b.fal.media/files/b/one.png"
IMAGE: Json = {"url": LINK, "content_type": "image/png", "width": 1024, "height": 1024}
ACCEPTED: dict[str, Json] = {"status": "IN_QUEUE", "request_id": ID, "queue_position": 0}


def completed(**more: Json) -> Json:
    """One body that is the status and the result as well: both questions are answered with it."""
    return {"status": "COMPLETED", "logs": [], **more}


def refusal(kind: str, message: str) -> Json:
    return {"detail": [{"loc": ["body", "prompt"], "msg": message, "type": kind}]}


class TestFal(ServiceContract):
    name = "fal"
    request = Request(MODEL, "a fox", aspect="16:9", resolution="2K", format="png", count=2)
    submit_path = f"/queue.fal.run/{MODEL}"
    submit_body: ClassVar[Json] = {
        "prompt": "a fox",
        "num_images": 2,
        "aspect_ratio": "16:9",
        "resolution": "2K",
        "output_format": "png",
    }
    key_header = ("authorization", f"Key {KEY}")
    accepted: ClassVar[Json] = ACCEPTED
    job_id = ID
    poll_path = f"{BELOW}/status"
    finished = completed(images=[IMAGE])
    states = (
        ({"status": "IN_QUEUE", "queue_position": 0}, Queued(1)),
        ({"status": "IN_QUEUE", "queue_position": 4}, Queued(5)),
        ({"status": "IN_QUEUE"}, Queued()),
        ({"status": "IN_PROGRESS", "logs": []}, Running()),
        (completed(images=[IMAGE, IMAGE]), Succeeded((LinkedAsset(LINK), LinkedAsset(LINK)))),
        (completed(image=IMAGE), Succeeded((LinkedAsset(LINK),))),
        (completed(images=[]), Failed("fal finished the request without a picture", "no_media_generated")),
        (
            completed(error="Runner disconnected", error_type="runner_disconnected"),
            Failed("Runner disconnected", "runner_disconnected"),
        ),
        (
            completed(error="flagged", error_type="content_policy_violation"),
            Failed("flagged", "content_policy_violation", "refused"),
        ),
        (
            completed(error="no capacity", error_type="runner_scheduling_failure"),
            Failed("no capacity", "runner_scheduling_failure", "rate_limited"),
        ),
        (completed(error="stopped", error_type="request_cancelled"), Cancelled("stopped")),
    )
    unknown_state: ClassVar[Json] = {"status": "REHEARSING"}
    refusals = (
        Refusal(401, {"detail": "Authentication is required"}, KeyRefused),
        Refusal(403, {"detail": "User is locked. Reason: Exhausted balance."}, NoCredit),
        Refusal(402, {"detail": "Payment required"}, NoCredit),
        Refusal(404, {"detail": "Application 'x' not found"}, InvalidRequest),
        Refusal(422, refusal("value_error", "wrong"), InvalidRequest, "value_error"),
        Refusal(422, refusal("content_policy_violation", "flagged"), ContentRefused, "content_policy_violation"),
        Refusal(429, {"detail": "Too many requests"}, RateLimited, again=9),
        Refusal(500, {"detail": "Internal Server Error"}, Uncertain),
        Refusal(504, {"detail": "timeout", "error_type": "request_timeout"}, Uncertain, "request_timeout"),
    )
    poll_refusals = (
        Refusal(404, {"detail": "Request not found"}, JobNotFound),
        Refusal(401, {"detail": "Authentication is required"}, KeyRefused),
        Refusal(429, {"detail": "Too many requests"}, RateLimited),
        Refusal(500, {"detail": "Internal Server Error"}, Unreachable),
    )

    def job(self) -> Job:
        return Job("fal", ID, Unrecognised("as recorded"), {"status": f"{BELOW}/status", "result": BELOW})

    def test_refresh_asks_at_the_documented_path(self, service: Service, far_side: FarSide) -> None:
        """At the end both are asked: the state, and the result."""
        far_side.script(reply(completed()), reply({"images": [IMAGE]}))

        job = service.refresh(self.job())

        sent = far_side.sent()
        assert [(method, path) for method, path, _, _ in sent] == [("GET", f"{BELOW}/status"), ("GET", BELOW)]
        assert {headers["authorization"] for _, _, headers, _ in sent} == {f"Key {KEY}"}
        assert job.status == Succeeded((LinkedAsset(LINK),))

    def test_a_blip_while_asking_is_asked_again(self, service: Service, far_side: FarSide) -> None:
        far_side.script(reply("", 503), reply(completed()), reply("", 503), reply({"images": [IMAGE]}))

        assert isinstance(service.refresh(self.job()).status, Succeeded)
        assert len(far_side.sent()) == 4

    @pytest.mark.parametrize(
        ("status", "body", "failed"),
        [
            (
                422,
                refusal("content_policy_violation", "flagged"),
                ("content_policy_violation", "refused"),
            ),
            (422, refusal("no_media_generated", "unsafe content"), ("no_media_generated", "refused")),
            (422, refusal("image_too_small", "too small"), ("image_too_small", "failed")),
            (504, {"detail": "late", "error_type": "request_timeout"}, ("request_timeout", "failed")),
            (500, {"detail": "broke", "error_type": "runner_server_error"}, ("runner_server_error", "failed")),
            (500, refusal("internal_server_error", "broke"), ("internal_server_error", "failed")),
            (503, refusal("downstream_service_unavailable", "x"), ("downstream_service_unavailable", "failed")),
        ],
    )
    def test_a_refusal_that_arrives_on_the_result_ends_the_job(
        self, service: Service, far_side: FarSide, status: int, body: Json, failed: tuple[str, str]
    ) -> None:
        far_side.script(reply(completed()), reply(body, status))

        found = service.refresh(self.job()).status

        assert isinstance(found, Failed)
        assert (found.code, found.kind) == failed

    @pytest.mark.parametrize(
        "broken",
        [
            reply("<html>Bad gateway</html>", 502),
            reply({"detail": "Internal Server Error"}, 500),
            reply({"detail": "An internal error", "error_type": "internal_error"}, 500),
        ],
        ids=["a page", "no type", "of the question"],
    )
    def test_a_broken_gateway_before_the_result_is_no_end(
        self, service: Service, far_side: FarSide, broken: Reply
    ) -> None:
        far_side.script(reply(completed()), broken)

        with pytest.raises(Unreachable):
            service.refresh(self.job())

    @pytest.mark.parametrize(
        "answer",
        [
            reply("<!doctype html><title>Please wait</title>"),
            reply(""),
            reply({}),
            reply({"images": {}, "seed": "seven"}),
            reply("<html>Bad request</html>", 400),
            reply({"error": {"message": "not fal's"}}, 422),
            reply({"message": "too large"}, 413),
        ],
    )
    def test_an_answer_of_another_form_is_no_end_of_the_run(
        self, service: Service, far_side: FarSide, answer: Reply
    ) -> None:
        """What stands between may say it; the run is paid, and its result is asked for again."""
        far_side.script(reply(completed()), answer)

        with pytest.raises((NotUnderstood, InvalidRequest)):
            service.refresh(self.job())

    def test_a_result_whose_pictures_have_no_link_yet_is_asked_for_again(
        self, service: Service, far_side: FarSide
    ) -> None:
        far_side.script(reply(completed()), reply({"images": [{"url": None}], "seed": 1}))

        assert service.refresh(self.job()).status == Succeeded((), None, ("images", "seed"))

    @pytest.mark.parametrize("word", [7, None, {}, ["COMPLETED"]])
    def test_a_state_that_is_no_text_is_no_state(self, service: Service, far_side: FarSide, word: Json) -> None:
        far_side.script(reply({"status": word}))

        with pytest.raises(NotUnderstood):
            service.refresh(self.job())

    def test_the_links_of_the_answer_are_followed_on_the_own_origin_only(
        self, service: Service, far_side: FarSide
    ) -> None:
        links: dict[str, Json] = {
            "status_url": f"{far_side.origin}/elsewhere/status",
            "response_url": "https://evil.test/result",
        }
        far_side.script(reply({**ACCEPTED, **links}))

        job = service.submit(self.request)

        assert job.handle == {"status": "/elsewhere/status", "result": BELOW}
        assert job.status == Queued(1)

    def test_an_edit_has_its_own_path_and_its_job_stands_below_the_app(
        self, service: Service, far_side: FarSide
    ) -> None:
        far_side.script(reply(ACCEPTED))

        job = service.submit(Request(MODEL, "at night", (PictureLink("https://x.test/a.png"),)))

        [sent] = far_side.sent()
        assert sent.path == f"/queue.fal.run/{MODEL}/edit"
        assert sent.json() == {"prompt": "at night", "num_images": 1, "image_urls": ["https://x.test/a.png"]}
        assert job.handle["status"] == f"{BELOW}/status"

    @pytest.mark.parametrize(
        ("answer", "error"),
        [
            (reply({"status": "CANCELLATION_REQUESTED"}, 202), None),
            (reply({"status": "ALREADY_COMPLETED"}, 400), InvalidRequest),
            (reply({"status": "NOT_FOUND"}, 404), JobNotFound),
        ],
        ids=["in time", "too late", "unknown"],
    )
    def test_a_request_is_stopped_before_it_begins(
        self, service: Service, far_side: FarSide, answer: Reply, error: type[ServiceError] | None
    ) -> None:
        far_side.script(answer)
        assert isinstance(service, StopsJobs)

        with pytest.raises(error) if error else nullcontext():
            service.stop(self.job())

        [(method, path, headers, _)] = far_side.sent()
        assert (method, path, headers["authorization"]) == ("PUT", f"{BELOW}/cancel", f"Key {KEY}")

    def test_a_job_without_its_place_cannot_be_asked_for(self, service: Service, far_side: FarSide) -> None:
        with pytest.raises(InvalidRequest):
            service.refresh(Job("fal", ID, Queued()))

        assert far_side.sent() == []

    def test_a_lost_request_is_found_by_its_input(self, service: Service, far_side: FarSide) -> None:
        def item(name: str, at: str, **changed: Json) -> Json:
            assert isinstance(self.submit_body, dict)
            return {"request_id": name, "sent_at": at, "json_input": {**self.submit_body, **changed}}

        since = 1_800_000_000.0
        far_side.script(
            reply(
                {
                    "items": [item("late", "2027-01-15T09:00:00Z"), item("other", "2027-01-15T08:00:01Z", prompt="b")],
                    "has_more": True,
                    "next_cursor": "two",
                }
            ),
            reply({"items": [item("mine", "2027-01-15T08:00:01Z"), "odd", {}], "has_more": False}),
        )
        assert isinstance(service, ListsRecent)

        [found] = service.recent(self.request, since)

        assert (found.job.remote_id, found.model, found.created_at) == ("mine", MODEL, since + 1)
        assert found.job.handle["status"] == f"/queue.fal.run/{MODEL}/requests/mine/status"
        first, second = (path for _, path, _, _ in far_side.sent())
        assert first.startswith(
            "/api.fal.ai/v1/models/requests/by-endpoint?endpoint_id=google%2Fnano-banana-2.1&start="
        )
        assert "cursor=two" in second


def test_at_home_each_host_has_its_own_questions(network: Network) -> None:
    service = connect("fal", Account("https://queue.fal.run", KEY), network)
    assert isinstance(service, ListsRecent)
    with respx.mock:
        submit = respx.post(f"https://queue.fal.run/{MODEL}").mock(httpx.Response(200, json=ACCEPTED))
        history = respx.get("https://api.fal.ai/v1/models/requests/by-endpoint").mock(
            httpx.Response(200, json={"items": []})
        )
        job = service.submit(Request(MODEL, "a fox"))
        service.recent(Request(MODEL, "a fox"), 1_800_000_000.0)

    assert submit.call_count == history.call_count == 1
    keys = {route.calls.last.request.headers["authorization"] for route in (submit, history)}
    assert keys == {f"Key {KEY}"}, "both hosts take the key"
    assert job.handle["status"] == f"/{MODEL}/requests/{ID}/status"

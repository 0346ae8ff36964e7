"""The embedded fal, over real sockets (reference of the direct services, 3; 2026-11-25)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from providers.sandbox.asking import KEY, Answer, Clock, ask, data_uri, fetch, png

if TYPE_CHECKING:
    from collections.abc import Callable

    from imgen_providers.sandbox.server import SandboxServer

    Start = Callable[..., SandboxServer]

QUEUE = "/queue.fal.run"
APP = "google/nano-banana-2.1"
HISTORY = "/api.fal.ai/v1/models/requests/by-endpoint"


def fal(where: SandboxServer | str, method: str, path: str = "", body: object = None) -> Answer:
    """One call with a key as fal wants it."""
    return ask(where, method, path, body, key=f"Key {KEY}")


def submitted(server: SandboxServer, path: str = APP, **values: object) -> dict[str, Any]:
    answer = fal(server, "POST", f"{QUEUE}/{path}", {"prompt": "a cat", **values})
    assert answer.status == 200, answer.body
    accepted: dict[str, Any] = answer.json()
    return accepted


def test_a_request_goes_through_the_queue_to_its_pictures(server: SandboxServer, clock: Clock) -> None:
    accepted = submitted(server, num_images=2, aspect_ratio="16:9", output_format="jpeg")
    assert (accepted["status"], accepted["queue_position"]) == ("IN_QUEUE", 0)
    waiting = fal(accepted["status_url"], "GET")
    assert (waiting.status, waiting.json()["status"]) == (202, "IN_QUEUE")
    assert fal(accepted["response_url"], "GET").status == 400
    clock.advance(4)
    assert fal(accepted["status_url"], "GET").json()["status"] == "IN_PROGRESS"
    clock.advance(4)
    over = fal(accepted["status_url"], "GET")
    assert (over.status, over.json()["status"]) == (200, "COMPLETED")
    assert "error" not in over.json()
    result = fal(accepted["response_url"], "GET")
    assert result.headers["x-fal-billable-units"] == "2"
    images = [fetch(image["url"]).picture() for image in result.json()["images"]]
    assert [(image.size, image.format) for image in images] == 2 * [((1376, 768), "JPEG")]


def test_status_and_result_stand_below_the_app_without_its_path(server: SandboxServer) -> None:
    accepted = submitted(server, f"{APP}/edit", image_urls=[data_uri(png("teal", (300, 200))), "https://x.test/a.png"])

    assert accepted["status_url"] == f"{server.origin}{QUEUE}/{APP}/requests/{accepted['request_id']}/status"


@pytest.mark.parametrize(
    ("path", "wrong", "kind"),
    [
        (APP, {"prompt": ""}, "missing"),
        (APP, {"resolution": "9K"}, "value_error"),
        (APP, {"nonsense": 1}, "extra_forbidden"),
        (APP, {"image_urls": ["https://x.test/a.png"]}, "extra_forbidden"),
        (f"{APP}/edit", {}, "missing"),
        (f"{APP}/edit", {"image_urls": ["nothing"]}, "value_error"),
        (f"{APP}/edit", {"image_urls": 15 * ["https://x.test/a.png"]}, "value_error"),
    ],
)
def test_a_wrong_input_is_accepted_and_refused_on_the_result(
    server: SandboxServer, clock: Clock, path: str, wrong: dict[str, object], kind: str
) -> None:
    accepted = submitted(server, path, **wrong)
    clock.advance(8)

    assert fal(accepted["status_url"], "GET").json()["status"] == "COMPLETED"
    result = fal(accepted["response_url"], "GET")
    assert (result.status, result.json()["detail"][0]["type"]) == (422, kind)


@pytest.mark.parametrize(
    ("fault", "status", "kind", "seen_in_status"),
    [
        ("content-policy", 422, "content_policy_violation", False),
        ("no-picture", 422, "no_media_generated", False),
        ("job-failed", 500, "runner_disconnected", True),
        ("job-expired", 504, "request_timeout", True),
        ("job-rate-limited", 429, "runner_scheduling_failure", True),
    ],
)
def test_completed_can_mean_failed(
    start: Start, clock: Clock, fault: str, status: int, kind: str, seen_in_status: bool
) -> None:
    accepted = submitted(start(fault))
    clock.advance(8)

    over = fal(accepted["status_url"], "GET").json()

    assert (over["status"], over.get("error_type")) == ("COMPLETED", kind if seen_in_status else None)
    result = fal(accepted["response_url"], "GET")
    assert (result.status, result.headers["x-fal-error-type"]) == (status, kind)


@pytest.mark.parametrize(("fault", "status"), [("bad-key", 401), ("no-credit", 403), ("429", 429), ("submit-5xx", 500)])
def test_troubles_have_a_detail(start: Start, fault: str, status: int) -> None:
    answer = fal(start(fault), "POST", f"{QUEUE}/{APP}", {"prompt": "a cat"})

    assert answer.status == status
    assert isinstance(answer.json()["detail"], str)


def test_another_form_of_key_and_an_unknown_app_are_refused(server: SandboxServer) -> None:
    assert ask(server, "POST", f"{QUEUE}/{APP}", {"prompt": "a cat"}).status == 401
    assert fal(server, "POST", f"{QUEUE}/fal-ai/nothing", {"prompt": "a cat"}).status == 404
    assert fal(server, "POST", f"{QUEUE}/{APP}/nothing", {"prompt": "a cat"}).status == 404


def test_a_request_is_cancelled_only_before_it_starts(server: SandboxServer, clock: Clock) -> None:
    first, second = submitted(server), submitted(server)

    assert fal(first["cancel_url"], "PUT").json() == {"status": "CANCELLATION_REQUESTED"}
    assert fal(first["status_url"], "GET").json()["error_type"] == "request_cancelled"
    clock.advance(4)
    assert fal(second["cancel_url"], "PUT").status == 400
    assert fal(f"{server.origin}{QUEUE}/{APP}/requests/nothing/cancel", "PUT").status == 404


def test_the_history_lists_what_ended_with_its_input(server: SandboxServer, clock: Clock) -> None:
    accepted = submitted(server, f"{APP}/edit", image_urls=["https://x.test/a.png"])
    query = f"{HISTORY}?endpoint_id={APP}/edit&expand=payloads"
    assert fal(server, "GET", query).json()["items"] == []
    clock.advance(8)

    (found,) = fal(server, "GET", query).json()["items"]

    assert (found["request_id"], found["status_code"]) == (accepted["request_id"], 200)
    assert found["json_input"] == {"prompt": "a cat", "image_urls": ["https://x.test/a.png"]}
    assert fal(server, "GET", f"{HISTORY}?endpoint_id={APP}").json()["items"] == []
    assert "json_input" not in fal(server, "GET", f"{HISTORY}?endpoint_id={APP}/edit").json()["items"][0]
    assert fal(server, "GET", HISTORY).status == 422


def test_the_history_comes_in_pages(server: SandboxServer, clock: Clock) -> None:
    made = {submitted(server)["request_id"] for _ in range(3)}
    clock.advance(8)

    first = fal(server, "GET", f"{HISTORY}?endpoint_id={APP}&limit=2").json()
    rest = fal(server, "GET", f"{HISTORY}?endpoint_id={APP}&limit=2&cursor={first['next_cursor']}").json()

    assert (first["has_more"], rest["has_more"]) == (True, False)
    assert {item["request_id"] for item in first["items"] + rest["items"]} == made


def test_a_picture_is_uploaded_in_both_ways(server: SandboxServer) -> None:
    picture = png("teal", (300, 200))
    token = fal(server, "POST", "/rest.fal.ai/storage/auth/token?storage_type=fal-cdn-v3", {}).json()
    headers = {"Content-Type": "image/png", "X-Fal-File-Name": "a.png"}
    authorization = f"{token['token_type']} {token['token']}"
    kept = ask(f"{token['base_url']}/files/upload", "POST", body=picture, headers=headers, key=authorization).json()
    body = {"file_name": "a.png", "content_type": "image/png"}
    place = fal(server, "POST", "/rest.fal.ai/storage/upload/initiate?storage_type=gcs", body).json()
    ask(place["upload_url"], "PUT", body=picture, headers={"Content-Type": "image/png"}, key=None)

    assert fetch(kept["access_url"]).body == picture
    assert fetch(place["file_url"]).body == picture

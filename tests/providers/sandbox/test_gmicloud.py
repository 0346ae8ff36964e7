"""The embedded GMI Cloud, asked over real sockets (seed 001; reference 1)."""

from __future__ import annotations

import base64
import io
from typing import TYPE_CHECKING, Any

import pytest
from PIL import Image

from providers.sandbox.asking import Clock, ask, fetch, png

if TYPE_CHECKING:
    from collections.abc import Callable

    from imgen_providers.sandbox.server import SandboxServer

BASE = "/api/v1/ie/requestqueue/apikey"
REQUESTS = f"{BASE}/requests"
PRO = "gemini-3-pro-image-preview"
FLASH = "gemini-2.5-flash-image"
FLASH_31 = "gemini-3.1-flash-image-preview"
CAT = {"prompt": "a cat"}


def order(payload: object, model: str = PRO) -> dict[str, object]:
    return {"model": model, "payload": payload}


def submitted(server: SandboxServer, payload: object) -> str:
    answer = ask(server, "POST", REQUESTS, order(payload))
    assert answer.status == 200, answer.body
    request: str = answer.json()["request_id"]
    return request


def record(server: SandboxServer, request: str) -> Any:
    answer = ask(server, "GET", f"{REQUESTS}/{request}")
    assert answer.status == 200
    return answer.json()


def picture_link(server: SandboxServer, request: str) -> str:
    ((link,),) = ((item["url"] for item in record(server, request)["outcome"]["media_urls"]),)
    assert isinstance(link, str)
    return link


def test_a_request_is_queued_then_processing_then_a_success(server: SandboxServer, clock: Clock) -> None:
    answer = ask(server, "POST", REQUESTS, order(CAT)).json()
    assert {key: answer[key] for key in answer if key != "request_id"} == {
        "model": PRO,
        "status": "queued",
        "created_at": int(clock.time),
        "updated_at": int(clock.time),
        "queued_at": int(clock.time),
    }
    request = answer["request_id"]
    queued = record(server, request)
    assert (queued["status"], queued["outcome"], queued["payload"]) == ("queued", None, CAT)
    clock.advance(4)
    assert record(server, request)["status"] == "processing"
    clock.advance(4)
    done = record(server, request)
    assert done["status"] == "success"
    assert [item["id"] for item in done["outcome"]["media_urls"]] == ["0"]
    assert done["outcome"]["thumbnail_image_url"] != done["outcome"]["media_urls"][0]["url"]
    assert fetch(done["outcome"]["media_urls"][0]["url"]).picture().size == (1024, 1024)


def test_every_documented_parameter_is_taken(server: SandboxServer, clock: Clock) -> None:
    payload = {
        "prompt": "A hyperrealistic portrait",
        "image": ["https://example.com/ref1.jpg", "https://example.com/ref2.jpg"],
        "image_size": "2K",
        "aspect_ratio": "4:5",
        "image_output_format": "jpeg",
    }
    request = submitted(server, payload)
    clock.advance(8)
    picture = fetch(picture_link(server, request)).picture()
    assert (picture.size, picture.format) == ((1856, 2304), "JPEG")
    assert submitted(server, {**CAT, "image": "https://example.com/only.png"})


WRONG: list[object] = [
    b"no json",
    {"model": PRO},
    {"payload": CAT},
    {"model": PRO, "payload": CAT, "n": 2},
    order({}),
    order({"prompt": "x" * 2001}),
    order({**CAT, "image_size": "8K"}),
    order({**CAT, "image_size": "2k"}),
    order({**CAT, "aspect_ratio": "2:3"}),
    order({**CAT, "image_output_format": "webp"}),
    order({**CAT, "n": 2}),
    order({**CAT, "image": 15 * ["https://example.com/a.png"]}),
    order({**CAT, "image": ["data:image/png;base64,AAAA"]}),
    order({**CAT, "image": "data:image/png;base64,AAAA"}),
    order({**CAT, "image_size": "1K"}, FLASH),
    order({**CAT, "image": 4 * ["https://example.com/a.png"]}, FLASH),
    order({"contents": []}),
    order({"contents": [{"role": "user", "parts": [{"text": ""}]}]}),
]


@pytest.mark.parametrize("body", WRONG)
def test_what_is_not_documented_is_refused(server: SandboxServer, body: object) -> None:
    answer = ask(server, "POST", REQUESTS, body)
    assert answer.status == 400
    assert isinstance(answer.json()["error"], str)


def test_the_sizes_of_3_1_flash_are_texts_and_the_smallest_is_512(server: SandboxServer, clock: Clock) -> None:
    payload = {**CAT, "image_size": "512", "aspect_ratio": "3:2", "image": 14 * ["https://example.com/a.png"]}
    request = ask(server, "POST", REQUESTS, order(payload, FLASH_31)).json()["request_id"]
    clock.advance(8)
    assert fetch(picture_link(server, request)).picture().size == (632, 424)
    for wrong in ({"image_size": 512}, {"image_size": "0.5K"}, {"aspect_ratio": "1:8"}):
        assert ask(server, "POST", REQUESTS, order({**CAT, **wrong}, FLASH_31)).status == 400


def test_a_picture_may_come_inside_of_the_answer(start: Callable[..., SandboxServer], clock: Clock) -> None:
    server = start("gmi-inline")
    request = submitted(server, {**CAT, "image_output_format": "jpeg"})
    clock.advance(8)
    (candidate,) = record(server, request)["outcome"]["candidates"]
    (part,) = candidate["content"]["parts"]
    assert part["inlineData"]["mimeType"] == "image/jpeg"
    with Image.open(io.BytesIO(base64.b64decode(part["inlineData"]["data"], validate=True))) as picture:
        assert (picture.size, picture.format) == ((1024, 1024), "JPEG")


def test_models_are_case_sensitive(server: SandboxServer) -> None:
    assert ask(server, "POST", REQUESTS, order(CAT, "Gemini-3-Pro-Image-Preview")).status == 404


@pytest.mark.parametrize("key", [None, "Bearer ", "raw-key"])
def test_a_missing_key_is_refused(server: SandboxServer, key: str | None) -> None:
    assert ask(server, "POST", REQUESTS, order(CAT), key=key).status == 401


def test_the_list_is_paged_newest_first_and_by_model(server: SandboxServer, clock: Clock) -> None:
    made = []
    for number in range(5):
        made.append(submitted(server, {"prompt": f"cat {number}"}))
        clock.advance(1)
    ask(server, "POST", REQUESTS, order(CAT, FLASH))
    page = ask(server, "GET", f"{REQUESTS}?model_id={PRO}&limit=3&offset=0").json()
    assert [item["request_id"] for item in page["requests"]] == made[:1:-1]
    assert page["has_more"] is True
    assert page["requests"][0]["payload"] == {"prompt": "cat 4"}
    rest = ask(server, "GET", f"{REQUESTS}?model_id={PRO}&limit=3&offset=3").json()
    assert [item["request_id"] for item in rest["requests"]] == made[1::-1]
    assert rest["has_more"] is False
    assert len(ask(server, "GET", REQUESTS).json()["requests"]) == 6
    assert ask(server, "GET", f"{REQUESTS}?limit=all").status == 400


def test_models_can_be_listed_and_looked_up(server: SandboxServer) -> None:
    names = ask(server, "GET", f"{BASE}/models").json()["model_ids"]
    assert {PRO, FLASH} <= set(names)
    info = ask(server, "GET", f"{BASE}/models/{PRO}").json()
    assert info["model"] == PRO
    assert sorted(info["price_info"]) == ["price", "pricing_type", "unit"]
    documented = {"brief_description", "detailed_description", "parameters", "model_type", "tags"}
    assert documented | {"delivery_mode", "pricing_details"} <= set(info)
    assert ask(server, "GET", f"{BASE}/models/unknown").status == 404


def test_a_request_can_be_cancelled_until_it_is_done(server: SandboxServer, clock: Clock) -> None:
    request = submitted(server, CAT)
    assert ask(server, "DELETE", f"{REQUESTS}/{request}").json()["status"] == "cancelled"
    clock.advance(100)
    assert record(server, request)["status"] == "cancelled"
    finished = submitted(server, CAT)
    clock.advance(8)
    assert ask(server, "DELETE", f"{REQUESTS}/{finished}").status == 400
    assert ask(server, "DELETE", f"{REQUESTS}/unknown").status == 404


def test_an_upload_becomes_a_public_reference(server: SandboxServer, clock: Clock) -> None:
    links = ask(server, "POST", f"{BASE}/upload-url", {"file_type": "png"}).json()
    picture = png("red", (300, 200))
    kind = {"Content-Type": "image/png"}
    assert fetch(links["public_url"]).status == 404
    assert ask(links["upload_url"], "PUT", "", picture, headers=kind).status == 400  # it carried the key
    assert ask(links["upload_url"], "PUT", "", picture, headers={"Content-Type": "image/jpeg"}, key=None).status == 403
    assert ask(links["public_url"], "PUT", "", picture, headers=kind, key=None).status == 403
    assert ask(links["upload_url"], "PUT", "", picture, headers=kind, key=None).status == 200
    assert fetch(links["public_url"]).body == picture
    request = submitted(server, {**CAT, "image": [links["public_url"]]})
    clock.advance(8)
    colours = fetch(picture_link(server, request)).picture().convert("RGB").getcolors(1 << 24)
    assert colours is not None
    assert (255, 0, 0) in {colour for _, colour in colours}


@pytest.mark.parametrize(("file_type", "status"), [("jpeg", 200), ("jpg", 200), ("webp", 400), (None, 400)])
def test_uploads_have_a_documented_type(server: SandboxServer, file_type: str | None, status: int) -> None:
    assert ask(server, "POST", f"{BASE}/upload-url", {"file_type": file_type}).status == status


def test_a_conversation_goes_on_from_its_last_picture(server: SandboxServer, clock: Clock) -> None:
    first = submitted(server, CAT)
    clock.advance(8)
    contents = record(server, first)["outcome"]["next_turn_contents"]
    assert [turn["role"] for turn in contents] == ["user", "model", "user"]
    contents[-1]["parts"][0]["text"] = "now with a hat"
    contents[-1]["parts"][1]["fileData"] = {"fileUri": "https://example.com/hat.png", "mimeType": "image/png"}
    second = submitted(server, {"contents": contents, "prompt": "ignored", "image": 7})
    clock.advance(8)
    done = record(server, second)["outcome"]
    assert fetch(done["media_urls"][0]["url"]).body != fetch(picture_link(server, first)).body
    history = done["next_turn_contents"]
    assert [turn["role"] for turn in history] == ["user", "model", "user", "model", "user"]
    assert history[2]["parts"][0] == {"text": "now with a hat"}
    assert history[3]["parts"][0]["fileData"]["fileUri"] == done["media_urls"][0]["url"]


def test_the_blocking_form_answers_with_the_picture(start: Callable[..., SandboxServer]) -> None:
    server = start("gmi-blocking", seconds=0.05)
    answer = ask(server, "POST", REQUESTS, order(CAT)).json()
    assert (answer["status"], answer["payload"]) == ("success", {})
    assert fetch(answer["outcome"]["media_urls"][0]["url"]).status == 404  # the test's clock stands still
    assert ask(server, "GET", f"{BASE}/models/{PRO}").json()["delivery_mode"] == "sync"


def test_the_blocking_form_refuses_content_at_once(start: Callable[..., SandboxServer]) -> None:
    server = start("gmi-blocking,content-policy", seconds=0.05)
    answer = ask(server, "POST", REQUESTS, order(CAT))
    assert answer.status == 400
    assert answer.json()["error"].startswith("Generation rejected")


@pytest.mark.parametrize(
    ("fault", "error"),
    [
        ("job-failed", "Generation failed"),
        ("job-rate-limited", "rate limit exceeded(RPM)"),
    ],
)
def test_a_failed_record_says_why(start: Callable[..., SandboxServer], clock: Clock, fault: str, error: str) -> None:
    server = start(fault)
    request = submitted(server, CAT)
    clock.advance(8)
    failed = record(server, request)
    assert (failed["status"], failed["outcome"]) == ("failed", {"error": error})


def test_refused_content_is_a_failed_record_of_invalid_input(start: Callable[..., SandboxServer], clock: Clock) -> None:
    server = start("content-policy")
    request = submitted(server, CAT)
    clock.advance(8)
    assert record(server, request)["outcome"]["error"]["status"] == "INVALID_INPUT"


@pytest.mark.parametrize(
    ("fault", "status"), [("429", 429), ("no-credit", 402), ("bad-key", 401), ("submit-5xx=500", 500)]
)
def test_troubles_have_their_status(start: Callable[..., SandboxServer], fault: str, status: int) -> None:
    answer = ask(start(fault), "POST", REQUESTS, order(CAT))
    assert (answer.status, list(answer.json())) == (status, ["error"])


def test_wrong_methods_and_unknown_requests_are_refused(server: SandboxServer) -> None:
    assert ask(server, "PUT", REQUESTS, b"").status == 405
    assert ask(server, "GET", f"{REQUESTS}/unknown").status == 404

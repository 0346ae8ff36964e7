"""The newer surface of the embedded GPTProto, over real sockets (reference 4.B)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from providers.sandbox.asking import Clock, ask, data_uri, fetch, png

if TYPE_CHECKING:
    from collections.abc import Callable

    from imgen_providers.sandbox.server import SandboxServer

IMAGES = "/api/v3/images"
PRO = "google/gemini-3-pro-image-preview"
FLASH = "google/gemini-3.1-flash-image-preview"
CAT = {"model": PRO, "prompt": "a cat"}
LINK = "https://tos.gptproto.com/resource/cat.png"


def submitted(server: SandboxServer, body: object = CAT) -> Any:
    answer = ask(server, "POST", IMAGES, body)
    assert answer.status == 202, answer.body
    return answer.json()


def result(server: SandboxServer, made: Any) -> Any:
    answer = ask(server, "GET", made["polling_url"])
    assert answer.status == 200
    return answer.json()


def reference(link: object) -> dict[str, object]:
    return {"type": "image_url", "image_url": {"url": link}}


def test_a_task_is_pending_then_in_progress_then_completed(server: SandboxServer, clock: Clock) -> None:
    made = submitted(server)
    assert sorted(made) == ["generation_id", "id", "polling_url", "status"]
    assert (made["polling_url"], made["status"]) == (f"/api/v3/tasks/result/{made['id']}", "pending")
    states = []
    for _ in range(3):
        states.append(result(server, made)["status"])
        clock.advance(4)
    assert states == ["pending", "in_progress", "completed"]
    done = result(server, made)
    assert sorted(done) == ["id", "native_status", "polling_url", "status", "unsigned_urls"]
    assert fetch(done["unsigned_urls"][0]).picture().size == (1024, 1024)


@pytest.mark.parametrize(
    ("more", "size", "kind"),
    [
        ({"size": "2K", "aspect_ratio": "16:9"}, (2752, 1536), "PNG"),
        ({"resolution": "2K", "output_format": "jpeg"}, (2048, 2048), "JPEG"),
        ({"resolution": "4K", "size": "1K", "aspect_ratio": "auto"}, (1024, 1024), "PNG"),
        ({"model": FLASH, "size": "512", "aspect_ratio": "4:1"}, (1024, 256), "PNG"),
        ({"model": FLASH, "size": "0.5K"}, (512, 512), "PNG"),
        ({"model": FLASH, "resolution": "512"}, (512, 512), "PNG"),
        ({"n": 3, "seed": 7, "quality": "high", "background": "auto"}, (1024, 1024), "PNG"),
        ({"provider": {"options": {"google": {"parameters": {"temperature": 0.5}}}}}, (1024, 1024), "PNG"),
        ({"input_references": [reference(LINK)]}, (1024, 1024), "PNG"),
    ],
)
def test_documented_parameters_are_taken(
    server: SandboxServer, clock: Clock, more: dict[str, object], size: tuple[int, int], kind: str
) -> None:
    made = submitted(server, {**CAT, **more})
    clock.advance(8)
    (link,) = result(server, made)["unsigned_urls"]
    picture = fetch(link).picture()
    assert (picture.size, picture.format) == (size, kind)


WRONG: list[object] = [
    b"no json",
    b"[" * 100_000,
    {"model": PRO},
    {"prompt": "a cat"},
    {**CAT, "size": "512"},
    {**CAT, "size": "1024x1024"},
    {**CAT, "model": FLASH, "resolution": "0.5K"},
    {**CAT, "output_format": "webp"},
    {**CAT, "aspect_ratio": "8:1"},
    {**CAT, "images": [LINK]},
    {**CAT, "input_references": [LINK]},
    {**CAT, "input_references": [reference(data_uri(png("red")))]},
    {**CAT, "input_references": [reference(7)]},
    {**CAT, "input_references": [{**reference(LINK), "type": "video_url"}]},
    {**CAT, "input_references": 15 * [reference(LINK)]},
]


@pytest.mark.parametrize("body", WRONG)
def test_what_is_not_documented_is_refused_as_the_sdk_reads_it(server: SandboxServer, body: object) -> None:
    answer = ask(server, "POST", IMAGES, body)
    assert answer.status == 400
    assert answer.json()["error"]["code"] == 400
    assert answer.json()["error"]["message"]


def test_models_have_their_provider_before_them(server: SandboxServer) -> None:
    assert ask(server, "POST", IMAGES, {**CAT, "model": "gemini-3-pro-image-preview"}).status == 404


@pytest.mark.parametrize(
    ("fault", "status"),
    [("job-expired", "expired"), ("job-failed", "failed"), ("job-error", "failed"), ("odd-state", "hibernating")],
)
def test_an_end_has_its_word(start: Callable[..., SandboxServer], clock: Clock, fault: str, status: str) -> None:
    server = start(fault)
    made = submitted(server)
    clock.advance(8)
    ended = result(server, made)
    assert (ended["status"], ended["unsigned_urls"]) == (status, [])
    assert ("error" in ended) == (fault != "odd-state")


@pytest.mark.parametrize(
    ("fault", "status"), [("bad-key", 401), ("no-credit", 403), ("429", 429), ("content-policy", 400)]
)
def test_troubles_have_their_status(start: Callable[..., SandboxServer], fault: str, status: int) -> None:
    answer = ask(start(fault), "POST", IMAGES, CAT)
    assert (answer.status, answer.json()["error"]["code"]) == (status, status)


def test_a_missing_key_and_an_unknown_task_are_refused(server: SandboxServer) -> None:
    assert ask(server, "POST", IMAGES, CAT, key=None).status == 401
    assert ask(server, "GET", "/api/v3/tasks/result/job-0").status == 404


def test_a_job_of_the_older_surface_can_be_polled_here(server: SandboxServer, clock: Clock) -> None:
    made = ask(server, "POST", "/api/v3/google/gemini-3-pro-image-preview/text-to-image", {"prompt": "a cat"})
    clock.advance(8)
    answer = ask(server, "GET", f"/api/v3/tasks/result/{made.json()['data']['id']}")
    assert answer.json()["status"] == "completed"

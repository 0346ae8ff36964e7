"""The embedded reAPI, asked over real sockets (seed 003; reference 3)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from providers.sandbox.asking import KEY, Clock, ask, fetch

if TYPE_CHECKING:
    from collections.abc import Callable

    from imgen_providers.sandbox.server import SandboxServer

SUBMIT = "/api/v1/images/generations"
PRO = "gemini-3-pro-image-preview"
FLASH = "gemini-3.1-flash-image-preview"
OLD_FLASH = "gemini-2.5-flash-image-preview"
CAT = {"model": PRO, "prompt": "a cat"}


def submitted(server: SandboxServer, body: object) -> str:
    answer = ask(server, "POST", SUBMIT, body)
    assert answer.status == 200, answer.body
    task: str = answer.json()["id"]
    return task


def task(server: SandboxServer, name: str) -> Any:
    answer = ask(server, "GET", f"/api/v1/tasks/{name}")
    assert answer.status == 200
    return answer.json()


def test_a_task_is_processing_until_it_is_completed(server: SandboxServer, clock: Clock) -> None:
    accepted = ask(server, "POST", SUBMIT, {**CAT, "n": 3}).json()
    assert accepted["id"].startswith("task_")
    created = int(clock.time)
    envelope = {"id": accepted["id"], "model": PRO, "status": "processing", "created_at": created}
    assert accepted == envelope
    clock.advance(7)
    assert task(server, accepted["id"]) == {**envelope, "output": None, "error": None}
    clock.advance(1)
    done = task(server, accepted["id"])
    assert (done["status"], done["error"]) == ("completed", None)
    pictures = [fetch(link) for link in done["output"]["image_urls"]]
    assert [picture.picture().size for picture in pictures] == 3 * [(1024, 1024)]
    assert len({picture.body for picture in pictures}) == 3


@pytest.mark.parametrize(
    ("body", "size"),
    [
        ({**CAT, "size": "21:9", "resolution": "2k"}, (3168, 1344)),
        ({**CAT, "model": f"{PRO}-official", "resolution": "1K", "size": "2:3"}, (848, 1264)),
        (
            {
                **CAT,
                "model": FLASH,
                "resolution": "0.5k",
                "size": "1:8",
                "google_search": True,
                "google_image_search": True,
                "official_fallback": True,
            },
            (192, 1536),
        ),
        (
            {**CAT, "model": OLD_FLASH, "resolution": "1k", "size": "5:4", "official_fallback": False},
            (1152, 896),
        ),
        ({**CAT, "image_urls": ["https://your-cdn.com/photo.jpg"]}, (1024, 1024)),
    ],
)
def test_pictures_have_the_ordered_size(
    server: SandboxServer, clock: Clock, body: object, size: tuple[int, int]
) -> None:
    name = submitted(server, body)
    clock.advance(8)
    (link,) = task(server, name)["output"]["image_urls"]
    assert fetch(link).picture().size == size


def test_an_idempotency_key_does_nothing(server: SandboxServer) -> None:
    key = {"Idempotency-Key": "11111111-2222-4333-8444-555555555555"}
    made = [ask(server, "POST", SUBMIT, CAT, headers=key).json()["id"] for _ in range(2)]
    assert len(set(made)) == 2


@pytest.mark.parametrize(
    ("model", "resolution"), [("nano-banana-2-lite", "1K"), ("nano-banana-2-lite", "1k"), ("nano-banana-2.1", "1k")]
)
def test_the_newer_models_name_their_ratio_otherwise(server: SandboxServer, model: str, resolution: str) -> None:
    newer = {"model": model, "prompt": "a cat"}
    assert ask(server, "POST", SUBMIT, {**newer, "aspect_ratio": "16:9", "resolution": resolution}).status == 200
    for wrong in ({"size": "16:9"}, {"n": 1}, {"resolution": "2k"}):
        assert ask(server, "POST", SUBMIT, {**newer, **wrong}).status == 400


WRONG: list[tuple[object, int]] = [
    (b"no json", 20001),
    (["a list"], 20001),
    ({"prompt": "a cat"}, 20002),
    ({"model": PRO}, 20002),
    ({"model": PRO, "image_urls": ["https://your-cdn.com/photo.jpg"]}, 20002),
    ({**CAT, "model": "gpt-image-99"}, 20004),
    ({**CAT, "size": "1:8"}, 20005),
    ({**CAT, "size": "auto"}, 20005),
    ({**CAT, "resolution": "8K"}, 20003),
    ({**CAT, "resolution": "0.5k"}, 20003),
    ({**CAT, "model": OLD_FLASH, "resolution": "2K"}, 20003),
    ({**CAT, "n": 5}, 20003),
    ({**CAT, "n": 0}, 20003),
    ({**CAT, "n": "2"}, 20003),
    ({**CAT, "n": 1.5}, 20003),
    ({**CAT, "image_urls": "https://your-cdn.com/photo.jpg"}, 20003),
    ({**CAT, "image_urls": ["data:image/png;base64,AAAA"]}, 20003),
    ({**CAT, "image_urls": ["ftp://your-cdn.com/photo.jpg"]}, 20003),
    ({**CAT, "image_urls": 15 * ["https://your-cdn.com/photo.jpg"]}, 20003),
    ({**CAT, "prompt": "x" * 4001}, 20007),
    ({**CAT, "model": OLD_FLASH, "prompt": "x" * 2001}, 20007),
    ({**CAT, "aspect_ratio": "16:9"}, 20003),
    ({**CAT, "output_format": "png"}, 20003),
    ({**CAT, "google_search": True}, 20003),
    ({**CAT, "model": FLASH, "google_image_search": True}, 20003),
    ({**CAT, "model": f"{PRO}-official", "official_fallback": True}, 20003),
    ({**CAT, "official_fallback": "yes"}, 20003),
]


@pytest.mark.parametrize(("body", "code"), WRONG)
def test_what_is_not_documented_is_refused_with_its_code(server: SandboxServer, body: object, code: int) -> None:
    answer = ask(server, "POST", SUBMIT, body)
    assert answer.status == 400
    error = answer.json()["error"]
    assert error["code"] == code
    assert error["request_id"].startswith("req_")


def test_a_wrong_resolution_is_worded_as_in_the_document(server: SandboxServer) -> None:
    answer = ask(server, "POST", SUBMIT, {**CAT, "resolution": "8K"}).json()
    assert answer["error"]["message"] == f'{PRO}: invalid resolution "8K"'


@pytest.mark.parametrize(("key", "code"), [(None, 10001), (KEY, 10002), ("Bearer ", 10003), ("Bearer", 10003)])
def test_a_missing_key_has_its_own_code(server: SandboxServer, key: str | None, code: int) -> None:
    answer = ask(server, "POST", SUBMIT, CAT, key=key)
    assert (answer.status, answer.json()["error"]["code"]) == (401, code)


@pytest.mark.parametrize(
    ("fault", "status", "code"),
    [
        ("bad-key", 401, 10003),
        ("no-credit", 402, 30001),
        ("429", 429, 50001),
        ("submit-5xx", 500, 60099),
        ("submit-5xx=503", 503, 70001),
    ],
)
def test_troubles_have_their_documented_codes(
    start: Callable[..., SandboxServer], fault: str, status: int, code: int
) -> None:
    answer = ask(start(fault), "POST", SUBMIT, CAT)
    assert (answer.status, answer.json()["error"]["code"]) == (status, code)


@pytest.mark.parametrize(
    ("fault", "code"), [("job-failed", 80003), ("content-policy", 80006), ("job-rate-limited", 80001)]
)
def test_a_failed_task_is_found_with_status_200(
    start: Callable[..., SandboxServer], clock: Clock, fault: str, code: int
) -> None:
    server = start(fault)
    name = submitted(server, CAT)
    clock.advance(8)
    failed = task(server, name)
    assert (failed["status"], failed["output"], failed["error"]["code"]) == ("failed", None, code)


def test_unknown_tasks_and_wrong_methods_are_refused(server: SandboxServer) -> None:
    answer = ask(server, "GET", "/api/v1/tasks/task_unknown")
    assert (answer.status, answer.json()["error"]["code"]) == (404, 40001)
    assert ask(server, "GET", SUBMIT).status == 405


def test_the_balance_is_a_number_of_credits(server: SandboxServer) -> None:
    assert ask(server, "GET", "/api/v1/balance").json() == {"balance": 100_000}

"""The embedded 3D AI Studio, asked over real sockets (seeds 000 and 002; reference 2)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from providers.sandbox.asking import KEY, Answer, Clock, ask, data_uri, fetch, png

if TYPE_CHECKING:
    from collections.abc import Callable

    from imgen_providers.sandbox.server import SandboxServer

PRO = "/v1/images/gemini/3/pro/generate/"
PRO_EDIT = "/v1/images/gemini/3/pro/edit/"
FLASH = "/v1/images/gemini/3.1/flash/generate/"
OLD_FLASH = "/v1/images/gemini/2.5/flash/generate/"
CAT = {"prompt": "a cat"}


def submitted(server: SandboxServer, path: str, body: object) -> str:
    answer = ask(server, "POST", path, body)
    assert answer.status == 200, answer.body
    task: str = answer.json()["task_id"]
    return task


def status(server: SandboxServer, task: str) -> Any:
    answer = ask(server, "GET", f"/v1/generation-request/{task}/status/")
    assert answer.status == 200
    return answer.json()


def test_a_job_is_pending_then_in_progress_then_finished(server: SandboxServer, clock: Clock) -> None:
    answer = ask(server, "POST", PRO, {**CAT, "num_images": 2})
    assert sorted(answer.json()) == ["created_at", "task_id"]
    assert answer.json()["created_at"] == "2027-01-15T08:00:00Z"
    task = answer.json()["task_id"]
    assert status(server, task) == {"status": "PENDING", "progress": 0, "failure_reason": None, "results": []}
    clock.advance(4)
    assert status(server, task) == {
        "status": "IN_PROGRESS",
        "progress": 50,
        "failure_reason": None,
        "results": [],
    }
    clock.advance(4)
    finished = status(server, task)
    assert (finished["status"], finished["progress"]) == ("FINISHED", 100)
    assert [sorted(result) for result in finished["results"]] == 2 * [
        ["asset", "asset_type", "asset_url", "metadata", "thumbnail"]
    ]
    first, second = (fetch(result["asset_url"]) for result in finished["results"])
    assert first.headers["content-type"] == "image/png"
    assert first.picture().size == (1024, 1024)
    assert first.body != second.body
    assert fetch(finished["results"][0]["asset"]).body == first.body
    assert fetch(finished["results"][0]["thumbnail"]).picture().size == (128, 128)


@pytest.mark.parametrize(
    ("path", "body", "size", "kind"),
    [
        (PRO, {**CAT, "aspect_ratio": "16:9", "resolution": "2K"}, (2752, 1536), "PNG"),
        (PRO, {**CAT, "aspect_ratio": "auto", "output_format": "jpeg"}, (1024, 1024), "JPEG"),
        (
            FLASH,
            {**CAT, "aspect_ratio": "8:1", "resolution": "512px", "output_format": "webp"},
            (1536, 192),
            "WEBP",
        ),
        (PRO, {**CAT, "aspect_ratio": "21:9", "resolution": "4K", "output_format": "jpeg"}, (6336, 2688), "JPEG"),
        (OLD_FLASH, {**CAT, "aspect_ratio": "3:4"}, (864, 1184), "PNG"),
    ],
)
def test_pictures_have_the_ordered_size_and_format(
    server: SandboxServer, clock: Clock, path: str, body: object, size: tuple[int, int], kind: str
) -> None:
    task = submitted(server, path, body)
    clock.advance(8)
    picture = fetch(status(server, task)["results"][0]["asset_url"])
    assert picture.picture().size == size
    assert picture.picture().format == kind
    assert picture.headers["content-type"] == f"image/{kind.lower()}"


def test_an_edit_takes_its_shape_from_the_first_reference(server: SandboxServer, clock: Clock) -> None:
    pictures = [data_uri(png("red", (320, 180))), data_uri(png("blue"))]
    task = submitted(server, PRO_EDIT, {"prompt": "join them", "images": pictures})
    clock.advance(8)
    (result,) = status(server, task)["results"]
    assert result["asset_type"] == "EDITED_IMAGE"
    assert fetch(result["asset_url"]).picture().size == (1376, 768)


WRONG: list[tuple[str, object]] = [
    (PRO, b"no json"),
    (PRO, ["a list"]),
    (PRO, {}),
    (PRO, {"prompt": ""}),
    (PRO, {"prompt": 7}),
    (PRO, {**CAT, "output_format": "gif"}),
    (PRO, {**CAT, "aspect_ratio": "1:8"}),
    (PRO, {**CAT, "resolution": "512px"}),
    (PRO, {**CAT, "resolution": "2k"}),
    (PRO, {**CAT, "num_images": 0}),
    (PRO, {**CAT, "num_images": 5}),
    (PRO, {**CAT, "num_images": "2"}),
    (PRO, {**CAT, "num_images": True}),
    (PRO, {**CAT, "count": 2}),
    (PRO, {**CAT, "images": []}),
    (FLASH, {**CAT, "resolution": "0.5K"}),
    (OLD_FLASH, {**CAT, "resolution": "1K"}),
    (PRO_EDIT, CAT),
    (PRO_EDIT, {**CAT, "images": []}),
    (PRO_EDIT, {**CAT, "images": "data:image/png;base64,"}),
    (PRO_EDIT, {**CAT, "images": ["https://example.com/cat.png"]}),
    (PRO_EDIT, {**CAT, "images": ["data:image/png;base64,iVBOR..."]}),
    (PRO_EDIT, {**CAT, "images": ["data:image/png;base64,AAAA"]}),
    (PRO_EDIT, {**CAT, "images": 15 * [data_uri(png("red"))]}),
]


@pytest.mark.parametrize(("path", "body"), WRONG)
def test_what_is_not_documented_fails_validation(server: SandboxServer, path: str, body: object) -> None:
    answer = ask(server, "POST", path, body)
    assert answer.status == 400
    assert answer.json()["code"] == "validation_failed"
    assert answer.json()["message"].endswith(".")


@pytest.mark.parametrize("key", [None, "", "Bearer", "Bearer ", KEY])
def test_a_missing_key_is_refused(server: SandboxServer, key: str | None) -> None:
    answer = ask(server, "POST", PRO, CAT, key=key)
    assert (answer.status, answer.json()["code"]) == (401, "invalid_api_key")


def test_paths_end_in_a_slash(server: SandboxServer) -> None:
    answer = ask(server, "POST", PRO.rstrip("/"), CAT)
    assert (answer.status, answer.headers["location"]) == (301, PRO)


def test_a_wrong_method_is_refused(server: SandboxServer) -> None:
    answer = ask(server, "GET", PRO)
    assert (answer.status, answer.headers["allow"]) == (405, "POST")
    assert ask(server, "POST", "/v1/generation-request/x/status/").status == 405


def test_an_unknown_task_is_not_found(server: SandboxServer) -> None:
    assert ask(server, "GET", "/v1/generation-request/unknown/status/").status == 404


@pytest.mark.parametrize("path", ["/user/wallet/", "/account/user/wallet/"])
def test_the_wallet_has_its_balance_as_a_text_at_both_paths(server: SandboxServer, path: str) -> None:
    assert ask(server, "GET", path).json() == {"balance": "1000.00", "rate_limit": 3}


@pytest.mark.parametrize(
    ("fault", "http", "code"),
    [
        ("429=7", 429, "rate_limited"),
        ("no-credit", 402, "insufficient_credits"),
        ("bad-key", 401, "invalid_api_key"),
        ("submit-5xx=503", 503, "internal_error"),
    ],
)
def test_troubles_have_their_documented_codes(
    start: Callable[..., SandboxServer], fault: str, http: int, code: str
) -> None:
    answer: Answer = ask(start(fault), "POST", PRO, CAT)
    assert (answer.status, answer.json()["code"]) == (http, code)


@pytest.mark.parametrize("fault", ["job-failed", "content-policy", "job-rate-limited"])
def test_a_failed_job_says_why(start: Callable[..., SandboxServer], clock: Clock, fault: str) -> None:
    server = start(fault)
    task = submitted(server, PRO, CAT)
    clock.advance(8)
    failed = status(server, task)
    assert (failed["status"], failed["results"]) == ("FAILED", [])
    assert failed["failure_reason"]

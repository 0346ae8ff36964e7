"""The embedded GPTProto, asked over real sockets (seed 004; reference 4.A)."""

from __future__ import annotations

import base64
import io
from typing import TYPE_CHECKING, Any

import pytest
from PIL import Image

from providers.sandbox.asking import KEY, Clock, ask, fetch

if TYPE_CHECKING:
    from collections.abc import Callable

    from imgen_providers.sandbox.server import SandboxServer

GOOGLE = "/api/v3/google"
PRO = f"{GOOGLE}/gemini-3-pro-image-preview"
FLASH = f"{GOOGLE}/gemini-3.1-flash-image-preview"
OLD_FLASH = f"{GOOGLE}/gemini-2.5-flash-image"
CAT = {"prompt": "a cat"}
LINK = "https://tos.gptproto.com/resource/cat.png"


def submitted(server: SandboxServer, path: str, body: object) -> Any:
    answer = ask(server, "POST", path, body)
    assert answer.status == 200, answer.body
    assert answer.json()["code"] == 200
    return answer.json()["data"]


def result(server: SandboxServer, prediction: str) -> Any:
    answer = ask(server, "GET", f"/api/v3/predictions/{prediction}/result")
    assert answer.status == 200
    return answer.json()["data"]


def test_a_prediction_is_created_then_processing_then_completed(server: SandboxServer, clock: Clock) -> None:
    made = submitted(server, f"{PRO}/text-to-image", CAT)
    assert made == {
        "id": made["id"],
        "model": "gemini-3-pro-image-preview",
        "outputs": [],
        "urls": {"get": f"{server.origin}/api/v3/predictions/{made['id']}/result"},
        "status": "created",
        "error": None,
        "executionTime": 0,
        "timings": {"inference": 0},
        "has_nsfw_contents": [],
        "created_at": "2027-01-15 08:00:00",
    }
    clock.advance(4)
    assert result(server, made["id"])["status"] == "processing"
    clock.advance(4)
    done = result(server, made["id"])
    assert (done["status"], done["executionTime"]) == ("completed", 8000)
    (link,) = done["outputs"]
    assert fetch(link).picture().size == (1024, 1024)


@pytest.mark.parametrize(
    ("path", "body", "size", "kind"),
    [
        (f"{PRO}/text-to-image", {**CAT, "size": "2K", "aspect_ratio": "9:16"}, (1536, 2752), "PNG"),
        (
            f"{FLASH}/text-to-image",
            {**CAT, "size": "0.5K", "aspect_ratio": "4:1", "output_format": "jpg"},
            (1024, 256),
            "JPEG",
        ),
        (f"{OLD_FLASH}/image-edit", {**CAT, "images": [LINK], "output_format": "jpeg"}, (1024, 1024), "JPEG"),
        (f"{PRO}/image-edit", {**CAT, "image": [LINK], "top_p": 0.5, "temperature": 0}, (1024, 1024), "PNG"),
    ],
)
def test_pictures_have_the_ordered_size_and_format(
    server: SandboxServer, clock: Clock, path: str, body: object, size: tuple[int, int], kind: str
) -> None:
    made = submitted(server, path, body)
    clock.advance(8)
    picture = fetch(result(server, made["id"])["outputs"][0]).picture()
    assert (picture.size, picture.format) == (size, kind)


def test_an_edit_without_an_aspect_keeps_the_shape_of_its_picture(server: SandboxServer, clock: Clock) -> None:
    wide = submitted(server, f"{PRO}/text-to-image", {**CAT, "aspect_ratio": "16:9"})
    clock.advance(8)
    (link,) = result(server, wide["id"])["outputs"]
    made = submitted(server, f"{PRO}/image-edit", {**CAT, "images": [link]})
    clock.advance(8)
    assert fetch(result(server, made["id"])["outputs"][0]).picture().size == (1376, 768)


def test_base64_output_is_the_picture_itself_without_a_prefix(server: SandboxServer, clock: Clock) -> None:
    made = submitted(server, f"{PRO}/text-to-image", {**CAT, "enable_base64_output": True})
    clock.advance(8)
    (output,) = result(server, made["id"])["outputs"]
    with Image.open(io.BytesIO(base64.b64decode(output, validate=True))) as picture:
        assert picture.size == (1024, 1024)


def test_sync_mode_answers_with_the_result(start: Callable[..., SandboxServer]) -> None:
    server = start(seconds=0.05)
    made = submitted(server, f"{PRO}/text-to-image", {**CAT, "enable_sync_mode": True})
    assert made["status"] == "completed"
    assert len(made["outputs"]) == 1


def test_n_is_the_documented_number_of_pictures(server: SandboxServer, clock: Clock) -> None:
    three = submitted(server, f"{PRO}/text-to-image", {**CAT, "n": 3, "background": "auto"})
    one = submitted(server, f"{PRO}/image-edit", {**CAT, "n": 1, "images": [LINK]})
    clock.advance(8)
    assert [len(result(server, made["id"])["outputs"]) for made in (three, one)] == [3, 1]


WRONG: list[tuple[str, object]] = [
    (f"{PRO}/text-to-image", b"no json"),
    (f"{PRO}/text-to-image", {}),
    (f"{PRO}/text-to-image", {"prompt": "x" * 32_001}),
    (f"{PRO}/text-to-image", {**CAT, "images": [LINK]}),
    (f"{PRO}/text-to-image", {**CAT, "size": "0.5K"}),
    (f"{PRO}/text-to-image", {**CAT, "size": "2k"}),
    (f"{PRO}/text-to-image", {**CAT, "aspect_ratio": "1:8"}),
    (f"{PRO}/text-to-image", {**CAT, "output_format": "webp"}),
    (f"{PRO}/text-to-image", {**CAT, "temperature": 1.1}),
    (f"{PRO}/text-to-image", {**CAT, "temperature": "hot"}),
    (f"{PRO}/text-to-image", {**CAT, "enable_sync_mode": "true"}),
    (f"{PRO}/text-to-image", {**CAT, "n": 11}),
    (f"{PRO}/text-to-image", {**CAT, "n": "1"}),
    (f"{OLD_FLASH}/text-to-image", {**CAT, "size": "2K"}),
    (f"{PRO}/image-edit", CAT),
    (f"{PRO}/image-edit", {**CAT, "images": []}),
    (f"{PRO}/image-edit", {**CAT, "images": ["data:image/png;base64,AAAA"]}),
    (f"{PRO}/image-edit", {**CAT, "images": 15 * [LINK]}),
    (f"{OLD_FLASH}/image-edit", {**CAT, "images": 4 * [LINK]}),
]


@pytest.mark.parametrize(("path", "body"), WRONG)
def test_what_is_not_documented_is_refused(server: SandboxServer, path: str, body: object) -> None:
    answer = ask(server, "POST", path, body)
    assert answer.status == 400
    assert answer.json()["error"]["type"] == "400"


def test_the_models_are_listed_for_who_has_a_key(server: SandboxServer) -> None:
    listed = {entry["id"] for entry in ask(server, "GET", "/v1/models").json()["data"]}
    assert {"gemini-3.1-flash-image", "gemini-3.1-flash-lite-image", "google/gemini-3-pro-image-preview"} <= listed
    assert ask(server, "GET", "/v1/models", key=None).status == 401


@pytest.mark.parametrize("key", [f"Bearer {KEY}", KEY])
def test_the_key_comes_raw_or_behind_bearer(server: SandboxServer, key: str) -> None:
    assert ask(server, "POST", f"{PRO}/text-to-image", CAT, key=key).status == 200


@pytest.mark.parametrize("key", [None, "", "Bearer ", "Bearer"])
def test_a_missing_key_is_refused(server: SandboxServer, key: str | None) -> None:
    answer = ask(server, "POST", f"{PRO}/text-to-image", CAT, key=key)
    assert answer.status == 401
    assert answer.json() == {"code": 401, "message": "Token cannot be empty", "type": "error"}


@pytest.mark.parametrize(
    ("fault", "status", "kind"),
    [
        ("bad-key", 401, "401"),
        ("no-credit", 403, "403"),
        ("429", 429, "429"),
        ("submit-5xx", 500, "500"),
        ("content-policy", 400, "503"),
    ],
)
def test_troubles_have_their_documented_status(
    start: Callable[..., SandboxServer], fault: str, status: int, kind: str
) -> None:
    answer = ask(start(fault), "POST", f"{PRO}/text-to-image", CAT)
    assert (answer.status, answer.json()["error"]["type"]) == (status, kind)


def test_a_failed_prediction_carries_its_error(start: Callable[..., SandboxServer], clock: Clock) -> None:
    server = start("job-failed")
    made = submitted(server, f"{PRO}/text-to-image", CAT)
    clock.advance(8)
    failed = result(server, made["id"])
    assert (failed["status"], failed["outputs"]) == ("failed", [])
    assert failed["error"]


def test_unknown_predictions_models_and_scenes_are_not_found(server: SandboxServer) -> None:
    assert ask(server, "GET", "/api/v3/predictions/unknown/result").status == 404
    assert ask(server, "POST", f"{GOOGLE}/gpt-image-2/text-to-image", CAT).status == 404
    assert ask(server, "POST", f"{PRO}/text-to-video", CAT).status == 404
    assert ask(server, "POST", f"{PRO}/edit", {**CAT, "images": [LINK]}).status == 404
    assert ask(server, "GET", f"{PRO}/text-to-image").status == 405

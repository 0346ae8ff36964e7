"""The embedded OpenAI Images, over real sockets (reference of the direct services, 2; 2026-11-25)."""

from __future__ import annotations

import base64
import http.client
import io
from typing import TYPE_CHECKING, Any

import pytest
from PIL import Image

from providers.sandbox.asking import Answer, ask, data_uri, png

if TYPE_CHECKING:
    from collections.abc import Callable

    from imgen_providers.sandbox.server import SandboxServer

    Start = Callable[..., SandboxServer]

FLARE = "gpt-image-2.5-flare"
CAT = {"model": FLARE, "prompt": "a cat"}
MAKE = "/v1/images/generations"
EDIT = "/v1/images/edits"


@pytest.fixture
def quick(start: Start) -> SandboxServer:
    """A server whose answers come at once."""
    return start(seconds=0.001)


def pictures(answer: Answer) -> list[Image.Image]:
    assert answer.status == 200, answer.body
    return [Image.open(io.BytesIO(base64.b64decode(each["b64_json"]))) for each in answer.json()["data"]]


def test_all_pictures_come_in_one_answer_without_an_id(quick: SandboxServer) -> None:
    answer = ask(quick, "POST", MAKE, {**CAT, "n": 3, "size": "1536x1024", "quality": "low", "output_format": "jpeg"})

    assert [(each.size, each.format) for each in pictures(answer)] == 3 * [((1536, 1024), "JPEG")]
    body = answer.json()
    assert "id" not in body
    assert answer.headers["x-request-id"].startswith("req_")
    assert (body["size"], body["quality"], body["output_format"]) == ("1536x1024", "low", "jpeg")
    assert body["usage"]["output_tokens"] == 3 * 408
    assert body["usage"]["total_tokens"] == body["usage"]["input_tokens"] + 3 * 408


def test_a_transparent_background_is_transparent(quick: SandboxServer) -> None:
    (picture,) = pictures(ask(quick, "POST", MAKE, {**CAT, "background": "transparent"}))

    assert picture.getchannel("A").getextrema() == (0, 255)


@pytest.mark.parametrize("size", ["auto", "1024x1536", "3840x2160", "512x1536"])
def test_the_sizes_are_free_since_the_second_model(quick: SandboxServer, size: str) -> None:
    (picture,) = pictures(ask(quick, "POST", MAKE, {**CAT, "size": size}))

    assert f"{picture.width}x{picture.height}" == ("1024x1024" if size == "auto" else size)


WRONG: list[tuple[str, object, str | None]] = [
    (MAKE, b"no json", None),
    (MAKE, {"prompt": "a cat"}, "missing_required_parameter"),
    (MAKE, {**CAT, "model": "gpt-image-1"}, "invalid_value"),
    (MAKE, {**CAT, "response_format": "url"}, "unknown_parameter"),
    (MAKE, {**CAT, "images": []}, "unknown_parameter"),
    (MAKE, {**CAT, "n": 11}, "invalid_value"),
    (MAKE, {**CAT, "size": "1000x1000"}, "invalid_value"),
    (MAKE, {**CAT, "size": "256x1024"}, "invalid_value"),
    (MAKE, {**CAT, "model": "gpt-image-1.5", "size": "512x512"}, "invalid_value"),
    (MAKE, {**CAT, "model": "gpt-image-2", "quality": "max"}, "invalid_value"),
    (MAKE, {**CAT, "background": "transparent", "output_format": "jpeg"}, "invalid_value"),
    (MAKE, {**CAT, "output_compression": 50}, "invalid_value"),
    (MAKE, {**CAT, "prompt": "x" * 32_001}, "string_above_max_length"),
    (EDIT, CAT, "missing_required_parameter"),
    (EDIT, {**CAT, "images": [{"image_url": "ftp://x.test/a.png"}]}, "invalid_value"),
    (EDIT, {**CAT, "images": 17 * [{"image_url": "https://x.test/a.png"}]}, "invalid_value"),
]


@pytest.mark.parametrize(("path", "body", "code"), WRONG)
def test_what_is_not_documented_is_refused(quick: SandboxServer, path: str, body: object, code: str | None) -> None:
    answer = ask(quick, "POST", path, body)

    assert answer.status == 400
    assert (answer.json()["error"]["type"], answer.json()["error"]["code"]) == ("invalid_request_error", code)


def test_an_edit_takes_json_with_data_uris_and_links(quick: SandboxServer) -> None:
    links = [{"image_url": data_uri(png("teal"))}, {"image_url": "https://x.test/a.png"}]

    (picture,) = pictures(ask(quick, "POST", EDIT, {**CAT, "images": links}))

    assert picture.size == (1024, 1024)


def form(*parts: tuple[str, bytes]) -> tuple[bytes, dict[str, str]]:
    """A multipart body: the disposition of each part, and its content."""
    boundary = b"a-boundary"
    body = b"".join(
        b"--%s\r\nContent-Disposition: form-data; %s\r\n\r\n%s\r\n" % (boundary, name.encode(), content)
        for name, content in parts
    )
    return body + b"--a-boundary--\r\n", {"Content-Type": "multipart/form-data; boundary=a-boundary"}


def test_an_edit_takes_a_form_with_several_files(quick: SandboxServer) -> None:
    files = [('name="image[]"; filename="a.png"', png(colour)) for colour in ("teal", "red")]
    body, headers = form(('name="model"', FLARE.encode()), ('name="prompt"', b"a cat"), ('name="n"', b"2"), *files)

    assert len(pictures(ask(quick, "POST", EDIT, body, headers=headers))) == 2


@pytest.mark.parametrize("broken", ["cut", "no picture", "no boundary"])
def test_a_form_that_is_not_whole_is_refused(quick: SandboxServer, broken: str) -> None:
    content = b"no picture" if broken == "no picture" else png("teal")
    body, headers = form(("name=model", FLARE.encode()), ("name=prompt", b"a"), ('name=image; filename="a"', content))
    if broken == "no boundary":
        headers = {"Content-Type": "multipart/form-data"}

    assert ask(quick, "POST", EDIT, body[:-20] if broken == "cut" else body, headers=headers).status == 400


TROUBLES: list[tuple[str, int, dict[str, Any]]] = [
    ("bad-key", 401, {"code": "invalid_api_key"}),
    ("no-credit", 429, {"code": "insufficient_quota"}),
    ("429=2", 429, {"code": "rate_limit_exceeded"}),
    ("submit-5xx", 500, {"type": "server_error"}),
    ("job-failed", 500, {"type": "server_error"}),
    ("content-policy", 400, {"code": "moderation_blocked", "type": "image_generation_user_error"}),
    ("output-policy", 400, {"code": "moderation_blocked"}),
]


@pytest.mark.parametrize(("fault", "status", "error"), TROUBLES)
def test_troubles_are_worded_as_openai_words_them(start: Start, fault: str, status: int, error: dict[str, Any]) -> None:
    answer = ask(start(fault, seconds=0.001), "POST", MAKE, CAT)

    assert answer.status == status
    assert error.items() <= answer.json()["error"].items()
    stage = answer.json()["error"].get("moderation_details", {}).get("moderation_stage")
    assert stage == {"content-policy": "input", "output-policy": "output"}.get(fault)


def test_fewer_pictures_and_none_can_come(start: Start) -> None:
    server = start("fewer-pictures*1,no-picture*1", seconds=0.001)

    assert ask(server, "POST", MAKE, {**CAT, "n": 3}).json()["data"] == []
    assert len(pictures(ask(server, "POST", MAKE, {**CAT, "n": 3}))) == 3
    assert len(pictures(ask(start("fewer-pictures", seconds=0.001), "POST", MAKE, {**CAT, "n": 3}))) == 2


def test_an_answer_can_be_cut_in_the_middle_of_its_base64(start: Start) -> None:
    with pytest.raises(http.client.IncompleteRead):
        ask(start("cut-answer", seconds=0.001), "POST", MAKE, CAT)


def test_a_call_without_a_key_is_refused_and_the_models_are_listed(quick: SandboxServer) -> None:
    assert ask(quick, "POST", MAKE, CAT, key=None).status == 401
    assert FLARE in [each["id"] for each in ask(quick, "GET", "/v1/models").json()["data"]]

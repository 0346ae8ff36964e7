"""The embedded OpenRouter, over real sockets (reference of the direct services, 5; 2026-11-25)."""

from __future__ import annotations

import base64
import io
from typing import TYPE_CHECKING

import pytest
from PIL import Image

from providers.sandbox.asking import ask, data_uri, png

if TYPE_CHECKING:
    from collections.abc import Callable

    from imgen_providers.sandbox.server import SandboxServer

    Start = Callable[..., SandboxServer]

IMAGES = "/api/v1/images"
CHAT = "/api/v1/chat/completions"
GOOGLE = "google/gemini-nano-banana-2.1"
OPENAI = "openai/gpt-image-2.5-flare"


@pytest.fixture
def quick(start: Start) -> SandboxServer:
    """A server whose answers come at once."""
    return start(seconds=0.001)


def picture(base64_text: str) -> Image.Image:
    return Image.open(io.BytesIO(base64.b64decode(base64_text)))


def test_an_answer_holds_pictures_and_their_cost(quick: SandboxServer) -> None:
    body = {"model": GOOGLE, "prompt": "a cat", "aspect_ratio": "16:9", "resolution": "2K", "output_format": "webp"}
    answer = ask(quick, "POST", IMAGES, body).json()

    (made,) = answer["data"]
    assert (picture(made["b64_json"]).size, made["media_type"]) == ((2752, 1536), "image/webp")
    assert answer["usage"]["cost"] == 0.04
    assert "id" not in answer


def test_a_ratio_that_the_provider_lacks_is_clamped_and_references_are_taken(quick: SandboxServer) -> None:
    links = [{"type": "image_url", "image_url": {"url": url}} for url in (data_uri(png("teal")), "https://x.test/a")]
    body = {"model": GOOGLE, "prompt": "a cat", "aspect_ratio": "2:1", "input_references": links}

    assert picture(ask(quick, "POST", IMAGES, body).json()["data"][0]["b64_json"]).size == (1024, 1024)


def test_chat_makes_a_picture_unless_the_model_makes_nothing_else(quick: SandboxServer) -> None:
    body = {"model": GOOGLE, "messages": [{"role": "user", "content": "a cat"}], "modalities": ["image", "text"]}
    answer = ask(quick, "POST", CHAT, body).json()
    (image,) = answer["choices"][0]["message"]["images"]
    assert picture(image["image_url"]["url"].partition(",")[2]).size == (1024, 1024)
    asked = ask(quick, "GET", f"/api/v1/generation?id={answer['id']}").json()["data"]
    assert (asked["id"], asked["total_cost"]) == (answer["id"], 0.04)
    assert ask(quick, "POST", CHAT, {**body, "model": OPENAI}).status == 400
    assert ask(quick, "POST", CHAT, {**body, "modalities": ["text"]}).status == 400


@pytest.mark.parametrize(
    "wrong",
    [
        {"model": "google/nothing"},
        {"n": 2},
        {"resolution": "9K"},
        {"aspect_ratio": "7:5"},
        {"nonsense": 1},
        {"prompt": ""},
        {"input_references": [{"type": "image_url", "image_url": {"url": "ftp://x.test/a"}}]},
    ],
)
def test_what_is_not_documented_is_refused(quick: SandboxServer, wrong: dict[str, object]) -> None:
    answer = ask(quick, "POST", IMAGES, {"model": GOOGLE, "prompt": "a cat", **wrong})

    assert answer.status == 400
    assert answer.json()["error"]["code"] == 400


@pytest.mark.parametrize(
    ("fault", "status"),
    [
        ("bad-key", 401),
        ("no-credit", 402),
        ("content-policy", 403),
        ("429", 429),
        ("job-failed", 502),
        ("submit-5xx", 500),
        ("submit-5xx=524", 524),
    ],
)
def test_troubles_have_their_status_as_their_code(start: Start, fault: str, status: int) -> None:
    answer = ask(start(fault, seconds=0.001), "POST", IMAGES, {"model": GOOGLE, "prompt": "a cat"})

    assert (answer.status, answer.json()["error"]["code"]) == (status, status)


def test_fewer_pictures_and_none_can_come_and_cost_less(start: Start) -> None:
    server = start("no-picture*1,fewer-pictures", seconds=0.001)
    body = {"model": OPENAI, "prompt": "a cat", "n": 3}

    first, second = (ask(server, "POST", IMAGES, body).json() for _ in range(2))

    assert (first["data"], first["usage"]["cost"]) == ([], 0.0)
    assert (len(second["data"]), second["usage"]["cost"]) == (2, 0.08)


def test_an_account_reports_its_models_prices_and_credits(quick: SandboxServer) -> None:
    ask(quick, "POST", IMAGES, {"model": GOOGLE, "prompt": "a cat"})

    assert ask(quick, "GET", "/api/v1/credits").json() == {"data": {"total_credits": 25, "total_usage": 0.04}}
    assert ask(quick, "GET", "/api/v1/key").json()["data"]["usage"] == 0.04
    assert GOOGLE in [each["id"] for each in ask(quick, "GET", f"{IMAGES}/models").json()["data"]]
    (endpoint,) = ask(quick, "GET", f"{IMAGES}/models/{GOOGLE}/endpoints").json()["data"]["endpoints"]
    assert endpoint["pricing"] == [{"billable": "image", "unit": "image", "cost_usd": 0.04}]
    assert ask(quick, "GET", f"{IMAGES}/models/google/nothing/endpoints").status == 404
    assert ask(quick, "GET", "/api/v1/generation?id=gen-0").status == 404
    assert ask(quick, "GET", "/api/v1/credits", key=None).status == 401

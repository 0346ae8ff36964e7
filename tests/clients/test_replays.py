"""The requests of clients that cannot be installed, as bytes (2026-11-26).

Those of the reAPI skill's script (reAPIAI/reAPI-skills, commit 9e0fee5) and of the image tools of GPTProto's Dify
plugin (chencanbin/gptproto-dify-plugin, commit 96b1a95) were seen to leave them: seven tools of the plugin ran with a
stand-in for Dify's own base class, and each made its picture. Only host, key, prompt, picture links and lengths are
filled in here; size and quality are what the plugin's forms offer.
"""

from __future__ import annotations

import http.client
import json
import socket
import time
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import pytest

from providers.sandbox.asking import KEY, Answer, fetch

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from clients.conftest import Serving

BROWSER = (
    "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/537.36 (KHTML, like Gecko) "
    "Chrome/124.0.0.0 Safari/537.36"
)
SKILL_SUBMIT = f"""\
POST /api/v1/images/generations HTTP/1.1
Accept-Encoding: identity
Content-Length: LENGTH
Host: HOST
Authorization: Bearer {KEY}
Accept: application/json, text/plain, */*
Accept-Language: en-US,en;q=0.9
Cache-Control: no-cache
Pragma: no-cache
User-Agent: {BROWSER}
Content-Type: application/json
Idempotency-Key: 11111111-2222-4333-8444-555555555555
Connection: close

"""
SKILL_POLL = f"""\
GET /api/v1/tasks/TASK HTTP/1.1
Accept-Encoding: identity
Host: HOST
Authorization: Bearer {KEY}
Accept: application/json, text/plain, */*
Accept-Language: en-US,en;q=0.9
Cache-Control: no-cache
Pragma: no-cache
User-Agent: {BROWSER}
Connection: close

"""
PLUGIN_SUBMIT = """\
POST /api/v3/SCENE HTTP/1.1
Host: HOST
User-Agent: python-requests/2.34.2
Accept-Encoding: gzip, deflate
Accept: */*
Connection: keep-alive
Authorization: AUTHORIZATION
Content-Type: application/json
Content-Length: LENGTH

"""
PLUGIN_POLL = """\
GET /api/v3/predictions/TASK/result HTTP/1.1
Host: HOST
User-Agent: python-requests/2.34.2
Accept-Encoding: gzip, deflate
Accept: */*
Connection: keep-alive
Authorization: AUTHORIZATION

"""


def replayed(origin: str, head: str, body: bytes = b"", **filled: str) -> Answer:
    """The answer to a request of exactly these bytes."""
    host = urlsplit(origin).netloc
    for name, value in {"HOST": host, "LENGTH": str(len(body)), **filled}.items():
        head = head.replace(name, value)
    name, _, port = host.partition(":")
    with socket.create_connection((name, int(port)), timeout=20) as client:
        client.sendall(head.replace("\n", "\r\n").encode() + body)
        response = http.client.HTTPResponse(client)
        response.begin()
        return Answer(response.status, {k.lower(): v for k, v in response.getheaders()}, response.read())


def polled(poll: Callable[[], Any], ended: Callable[[Any], bool]) -> Any:
    """The first answer that a client takes for the end."""
    until = time.monotonic() + 20
    while not ended(answer := poll()):
        assert time.monotonic() < until, answer
        time.sleep(0.1)
    return answer


@pytest.mark.parametrize(
    "order",
    [
        {"prompt": "a red fox", "size": "1:1", "n": 1, "model": "gemini-3-pro-image-preview"},
        {"prompt": "a red fox", "size": "1:1", "n": 1, "model": "gemini-2.5-flash-image-preview-official"},
        {"prompt": "a red fox", "size": "1:1", "n": 1, "model": "gemini-3.1-flash-image-preview"},
    ],
)
def test_reapis_skill_makes_a_picture(serving: Serving, order: Mapping[str, object]) -> None:
    made = replayed(serving.origin, SKILL_SUBMIT, json.dumps(order).encode())
    assert made.status == 200, made.body
    task = polled(
        lambda: replayed(serving.origin, SKILL_POLL, TASK=made.json()["id"]).json(),
        lambda task: task["status"] in ("completed", "failed"),
    )
    (link,) = task["output"]["image_urls"]
    picture = fetch(link).picture()

    assert (picture.size, picture.format) == ((1024, 1024), "PNG")


LINK = "https://tos.gptproto.com/resource/cat.png"


@pytest.mark.parametrize(
    ("scene", "authorization", "order", "kind"),
    [
        (
            "google/gemini-3-pro-image-preview/text-to-image",
            f"Bearer {KEY}",
            {"prompt": "a red fox", "size": "1K", "aspect_ratio": "1:1", "output_format": "png"},
            "PNG",
        ),
        (
            "google/gemini-3-pro-image-preview/image-edit",
            f"Bearer {KEY}",
            {"prompt": "a red fox", "images": [LINK], "size": "1K", "output_format": "jpeg"},
            "JPEG",
        ),
        (
            "google/gemini-2.5-flash-image-hd/text-to-image",
            f"Bearer {KEY}",
            {"prompt": "a red fox", "aspect_ratio": "1:1", "output_format": "png"},
            "PNG",
        ),
        (
            "google/nano-banana/text-to-image",
            KEY,
            {
                "prompt": "a red fox",
                "aspect_ratio": "1:1",
                "output_format": "png",
                "enable_sync_mode": False,
                "enable_base64_output": False,
            },
            "PNG",
        ),
        (
            "google/nano-banana/edit",
            KEY,
            {"images": [LINK], "output_format": "png", "enable_sync_mode": False, "enable_base64_output": False},
            "PNG",
        ),
        (
            "bytedance/seedream-4-5-251128/text-to-image",
            KEY,
            {"prompt": "a red fox", "size": "2K", "enable_base64_output": False, "enable_sync_mode": False},
            "PNG",
        ),
        (
            "openai/gpt-image-1/image-edit",
            KEY,
            {
                "image": [LINK],
                "prompt": "a red fox",
                "quality": "auto",
                "size": "1024x1024",
                "background": "auto",
                "enable_sync_mode": False,
                "response_format": "url",
            },
            "PNG",
        ),
    ],
    ids=lambda value: value if isinstance(value, str) and "/" in value else "",
)
def test_gptprotos_dify_plugin_makes_a_picture(
    serving: Serving, scene: str, authorization: str, order: Mapping[str, object], kind: str
) -> None:
    body = json.dumps(order).encode()
    made = replayed(serving.origin, PLUGIN_SUBMIT, body, SCENE=scene, AUTHORIZATION=authorization)
    assert made.status == 200, made.body
    task = made.json()["data"]["id"]
    done = polled(
        lambda: replayed(serving.origin, PLUGIN_POLL, TASK=task, AUTHORIZATION=authorization).json()["data"],
        lambda data: data["status"].lower() in ("succeeded", "completed", "success", "failed", "error"),
    )
    picture = fetch(done["outputs"][0]).picture()

    assert (picture.size, picture.format) == ((1024, 1024), kind)

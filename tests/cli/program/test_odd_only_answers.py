"""The answer that is all there is of a paid picture, in forms that no document of its service has."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from cli.program.test_odd_answers import BASE64, LINK, PICTURE, SHOWN, answering, ordered, plain
from imgen.errors import ExitCode
from imgen_providers.testing.wire import Reply, reply

if TYPE_CHECKING:
    from cli.program.program import Program
    from imgen_providers.base import Json

DATA = f"data:image/png;base64,{BASE64}"
ONCE: dict[str, tuple[str, Json | bytes]] = {
    "Gemini in pieces": ("gemini", [{"candidates": []}, {"candidates": [{"content": {"parts": [{"x": DATA}]}}]}]),
    "an object around Gemini": ("gemini", {"response": {"candidates": [{"content": {"parts": [{"text": DATA}]}}]}}),
    "Gemini as an event": (
        "gemini",
        b'data: {"candidates": [{"content": {"parts": [{"inlineData": {"data": "'
        + BASE64.encode()
        + b'", "mimeType": "image/png"}}]}}]}\n\n',
    ),
    "the picture alone": ("gemini", PICTURE),
    "images at OpenAI": ("openai", {"images": [BASE64]}),
    "the picture alone at OpenAI": ("openai", PICTURE),
    "a chat": ("openrouter", {"choices": [{"message": {"content": "", "images": [{"image_url": {"url": DATA}}]}}]}),
    "Markdown in a chat": ("openrouter", {"choices": [None, {"message": {"content": f"![a fox]({DATA})"}}]}),
    "a link in a chat": ("openrouter", {"choices": [{"message": {"images": [{"image_url": {"url": LINK}}]}}]}),
    "behind words of a stream": (
        "openrouter",
        b": PROCESSING\n\n" + json.dumps({"data": [{"b64_json": BASE64}]}).encode(),
    ),
}


@pytest.mark.parametrize("form", ONCE)
def test_a_picture_that_comes_only_once_is_saved_in_whatever_form(imgen: Program, form: str) -> None:
    service, answer = ONCE[form]
    first = Reply(200, answer) if isinstance(answer, bytes) else reply(answer)
    with answering(imgen, first, SHOWN) as (here, server):
        ended = ordered(here, service, "--allow-unknown-cost")

    plain(ended)
    assert ended.code == ExitCode.DONE, ended.stderr
    assert (here.cwd / "fox.png").read_bytes() == PICTURE
    assert [one.method for one in server.requests][1:] in ([], ["GET"])

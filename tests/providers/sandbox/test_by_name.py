"""The other image models of each service: taken by their exact id, whatever fields of their own a request has."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from imgen_providers.sandbox import by_name, tables
from providers.sandbox.asking import Clock, ask, fetch

if TYPE_CHECKING:
    from imgen_providers.sandbox.server import SandboxServer

QUEUE = "/api/v1/ie/requestqueue/apikey/requests"


def gmi(server: SandboxServer, clock: Clock, model: str, payload: dict[str, object]) -> Any:
    """The record of a request eight seconds after its submit."""
    answer = ask(server, "POST", QUEUE, {"model": model, "payload": payload})
    assert answer.status == 200, answer.body
    clock.advance(8)
    return ask(server, "GET", f"{QUEUE}/{answer.json()['request_id']}").json()


def test_seedream_at_gmi_cloud_makes_a_jpeg_of_the_size_in_pixels(server: SandboxServer, clock: Clock) -> None:
    payload = {"prompt": "a cat", "size": "2048x1024", "max_images": 3, "watermark": False}
    (entry,) = gmi(server, clock, "seedream-5.0-lite", payload)["outcome"]["media_urls"]
    picture = fetch(entry["url"]).picture()
    assert (picture.size, picture.format) == ((2048, 1024), "JPEG")


@pytest.mark.parametrize("model", sorted(by_name.GMICLOUD_NEVER_RUN))
def test_some_models_at_gmi_cloud_are_accepted_and_never_run(server: SandboxServer, clock: Clock, model: str) -> None:
    assert gmi(server, clock, model, {"prompt": "a cat"})["status"] == "queued"


@pytest.mark.parametrize("model", sorted(by_name.REAPI))
def test_the_models_in_reapis_menu_are_taken(server: SandboxServer, clock: Clock, model: str) -> None:
    body = {"model": model, "prompt": "a cat", "aspect_ratio": "auto", "input_urls": ["https://example.com/a.png"]}
    task = ask(server, "POST", "/api/v1/images/generations", body).json()["id"]
    clock.advance(8)
    (link,) = ask(server, "GET", f"/api/v1/tasks/{task}").json()["output"]["image_urls"]
    assert fetch(link).picture().size == (1024, 1024)


@pytest.mark.parametrize("model", sorted(by_name.GPTPROTO))
def test_the_models_of_other_makers_at_gptproto_are_taken_on_both_surfaces(
    server: SandboxServer, clock: Clock, model: str
) -> None:
    body = {"prompt": "a cat", "size": "1024*768", "quality": "high", "response_format": "url", "n": 2}
    older = ask(server, "POST", f"/api/v3/{model}/text-to-image", body).json()["data"]["id"]
    newer = ask(server, "POST", "/api/v3/images", {**body, "model": model}).json()["id"]
    clock.advance(8)
    for task in (older, newer):
        links = ask(server, "GET", f"/api/v3/tasks/result/{task}").json()["unsigned_urls"]
        assert [fetch(link).picture().size for link in links] == [(1024, 768), (1024, 768)]


def test_a_prompt_is_needed_all_the_same(server: SandboxServer) -> None:
    assert ask(server, "POST", QUEUE, {"model": "seedream-5.0-lite", "payload": {}}).status == 400
    assert ask(server, "POST", "/api/v1/images/generations", {"model": "flux-2"}).status == 400
    assert ask(server, "POST", "/api/v3/openai/gpt-image-2/text-to-image", {}).status == 400
    assert ask(server, "POST", "/api/v3/openai/gpt-image-99/text-to-image", {"prompt": "a cat"}).status == 404


def test_what_has_a_table_is_not_taken_by_name() -> None:
    assert not by_name.GMICLOUD & tables.GMICLOUD.keys()
    assert not by_name.REAPI & tables.REAPI.keys()
    assert not by_name.GPTPROTO & tables.GPTPROTO_UNIFIED.keys()

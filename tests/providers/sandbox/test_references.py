"""Reference pictures: what the sandbox reads, what it never fetches."""

from __future__ import annotations

import hashlib
import io
import socket
from typing import TYPE_CHECKING, Any

import pytest
from PIL import Image

from imgen_providers.sandbox.references import from_data_uri, from_link
from imgen_providers.sandbox.store import JobStore, Reference
from providers.sandbox.asking import Clock, ask, data_uri, fetch, png

if TYPE_CHECKING:
    from pathlib import Path

    from imgen_providers.sandbox.server import SandboxServer


@pytest.fixture
def store(tmp_path: Path) -> JobStore:
    return JobStore(tmp_path / "store")


@pytest.fixture
def looked_up(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Every host name that is looked up; only loopback passes."""
    hosts: list[str] = []
    real = socket.getaddrinfo

    def getaddrinfo(host: str, *rest: Any, **named: Any) -> Any:
        hosts.append(host)
        if host not in ("127.0.0.1", "localhost", "::1"):
            raise OSError("the sandbox left loopback")
        return real(host, *rest, **named)

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
    return hosts


@pytest.mark.parametrize(
    ("url", "label"),
    [
        ("https://your-cdn.com/photo.jpg", "your-cdn.com/photo.jpg"),
        ("http://10.0.0.1/photo.jpg?signature=secret", "10.0.0.1/photo.jpg"),
        ("http://127.0.0.1.example.com/a.png", "127.0.0.1.example.com/a.png"),
        ("http://127.0.0.1@example.com/a.png", "example.com/a.png"),
        ("https://127.0.0.1/a.png", "127.0.0.1/a.png"),
    ],
)
def test_only_loopback_is_ever_fetched(store: JobStore, looked_up: list[str], url: str, label: str) -> None:
    assert from_link(url, store) == Reference(label)
    assert looked_up == []


def test_a_picture_on_loopback_is_fetched_without_a_key(server: SandboxServer, clock: Clock, store: JobStore) -> None:
    body = {"model": "gemini-3-pro-image-preview", "prompt": "a cat", "size": "16:9"}
    task = ask(server, "POST", "/api/v1/images/generations", body).json()["id"]
    clock.advance(8)
    (url,) = ask(server, "GET", f"/api/v1/tasks/{task}").json()["output"]["image_urls"]
    reference = from_link(url, store)
    assert reference is not None
    assert reference.size == (1376, 768)
    assert reference.thumbnail is not None
    with Image.open(store.thumbnail(reference.thumbnail)) as kept:
        assert kept.size == (256, 143)


def test_what_is_gone_from_loopback_becomes_a_label(server: SandboxServer, store: JobStore) -> None:
    host = server.origin.removeprefix("http://")
    gone = from_link(f"{server.origin}/sandbox/uploads/aa.png", store)
    server.close()
    unreachable = from_link(f"{server.origin}/sandbox/uploads/aa.png", store)
    assert gone == unreachable == Reference(f"{host.partition(':')[0]}/sandbox/uploads/aa.png")


def test_a_picture_in_the_storage_is_the_one_that_its_name_says(server: SandboxServer, store: JobStore) -> None:
    data = png("gold")
    path = f"/sandbox/storage/{hashlib.sha256(data).hexdigest()}.png"

    assert ask(server, "PUT", path, data[:-1], key=None).status == 400
    assert ask(server, "PUT", path, data).status == 400  # with a key, which storage refuses
    assert fetch(server.origin + path).status == 404
    assert ask(server, "PUT", path, data, key=None).status == 200
    there = fetch(server.origin + path)
    assert (there.body, there.headers["content-type"]) == (data, "image/png")
    found = from_link(server.origin + path, store)
    assert found is not None
    assert found.size == (64, 64)


@pytest.mark.parametrize(
    "url", ["data:image/png;base64,AAAA", "ftp://example.com/a.png", "cat.png", "http://", "http://["]
)
def test_what_is_no_public_link_is_refused(store: JobStore, url: str) -> None:
    assert from_link(url, store) is None


@pytest.mark.parametrize("file_format", ["PNG", "JPEG", "WEBP"])
def test_a_data_uri_holds_a_picture(store: JobStore, file_format: str) -> None:
    buffer = io.BytesIO()
    Image.new("RGB", (300, 100), "red").save(buffer, file_format)
    reference = from_data_uri(data_uri(buffer.getvalue(), f"image/{file_format.lower()}"), store)
    assert reference is not None
    assert reference.size == (300, 100)


@pytest.mark.parametrize(
    "text",
    [
        "data:image/png;base64",
        "data:image/png,AAAA",
        "data:text/plain;base64,AAAA",
        "data:image/png;base64,not base64",
        data_uri(png("red")[:40]),
        data_uri(b"GIF89a"),
    ],
)
def test_a_data_uri_without_a_picture_is_refused(store: JobStore, text: str) -> None:
    assert from_data_uri(text, store) is None


def test_references_are_drawn_in_their_order(server: SandboxServer, clock: Clock) -> None:
    colours = {"red": (255, 0, 0), "lime": (0, 255, 0), "blue": (0, 0, 255)}
    body = {"prompt": "join", "images": [data_uri(png(name)) for name in colours], "aspect_ratio": "16:9"}
    task = ask(server, "POST", "/v1/images/gemini/3/pro/edit/", body).json()["task_id"]
    clock.advance(8)
    status = ask(server, "GET", f"/v1/generation-request/{task}/status/").json()
    picture = fetch(status["results"][0]["asset_url"]).picture().convert("RGB")
    row = [picture.getpixel((place, 300)) for place in range(picture.width)]
    assert [row.index(colour) for colour in colours.values()] == sorted(row.index(c) for c in colours.values())

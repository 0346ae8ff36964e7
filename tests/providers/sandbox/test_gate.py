"""Who may ask: a foreign Host never, and at an embedded sandbox only who has its key or a link signed with it."""

from __future__ import annotations

import hashlib
import socket
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import pytest

from imgen_providers.sandbox.gate import is_ours, signed
from imgen_providers.sandbox.server import SandboxServer
from providers.sandbox.asking import Clock, ask, fetch, png

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

OURS = "the-key-of-this-run"
QUEUE = "/api/v1/ie/requestqueue/apikey"
CAT = {"model": "gemini-3-pro-image-preview", "payload": {"prompt": "a private cat"}}


@pytest.fixture
def embedded(tmp_path: Path, clock: Clock) -> Iterator[SandboxServer]:
    """A sandbox as a `--sandbox` command starts it."""
    with SandboxServer(tmp_path / "sandbox", seconds=8, now=clock, key=OURS) as server:
        yield server


def made(server: SandboxServer) -> str:
    answer = ask(server, "POST", f"{QUEUE}/requests", CAT, key=f"Bearer {OURS}")
    assert answer.status == 200
    request: str = answer.json()["request_id"]
    return request


@pytest.mark.parametrize("host", ["evil.example", "evil.example:80", "127.0.0.1.evil.example", "10.0.0.1", "[", ""])
def test_a_foreign_host_is_refused(server: SandboxServer, embedded: SandboxServer, host: str) -> None:
    for each, key in ((server, "any"), (embedded, OURS)):
        answer = ask(each, "GET", f"{QUEUE}/requests", headers={"Host": host}, key=f"Bearer {key}")
        assert answer.status == 421
        assert b"private" not in answer.body


def test_a_target_with_a_foreign_host_is_refused_whatever_the_header_says(server: SandboxServer) -> None:
    parts = urlsplit(server.origin)
    with socket.create_connection((parts.hostname or "", parts.port or 0), timeout=5) as client:
        client.sendall(b"GET http://evil.example/api/v1/balance HTTP/1.1\r\nHost: localhost\r\n\r\n")
        assert client.recv(12) == b"HTTP/1.1 421"


@pytest.mark.parametrize("host", ["127.0.0.1:8000", "localhost", "LOCALHOST:1", "[::1]:8000", None])
def test_names_of_this_machine_are_ours_at_any_port(host: str | None) -> None:
    assert is_ours(host)


@pytest.mark.parametrize("key", [None, "", "Bearer any-other-key", "any-other-key", f"Bearer {OURS}x", f"Basic {OURS}"])
@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", f"{QUEUE}/requests"),
        ("POST", f"{QUEUE}/requests"),
        ("GET", "/account/user/wallet/"),
        ("GET", "/api/v1/balance"),
        ("POST", "/api/v3/images"),
        ("GET", "/nowhere"),
    ],
)
def test_another_user_without_the_key_learns_nothing(
    embedded: SandboxServer, key: str | None, method: str, path: str
) -> None:
    request = made(embedded)
    answer = ask(embedded, method, path, key=key)
    assert answer.status == 401
    assert b"private" not in answer.body
    assert request.encode() not in answer.body


def test_a_body_without_the_key_is_not_even_read(embedded: SandboxServer) -> None:
    parts = urlsplit(embedded.origin)
    with socket.create_connection((parts.hostname or "", parts.port or 0), timeout=5) as client:
        client.sendall(b"POST /api/v1/images/generations HTTP/1.1\r\nContent-Length: 1000000\r\n\r\n")
        assert client.recv(12) == b"HTTP/1.1 401"


def test_a_picture_is_shown_to_who_has_its_signed_link_only(embedded: SandboxServer, clock: Clock) -> None:
    request = made(embedded)
    clock.advance(8)
    record = ask(embedded, "GET", f"{QUEUE}/requests/{request}", key=f"Bearer {OURS}").json()
    for link in (record["outcome"]["media_urls"][0]["url"], record["outcome"]["thumbnail_image_url"]):
        bare, _, signature = link.partition("?")
        assert fetch(link).picture().format == "PNG"
        assert fetch(bare).status == 401
        assert fetch(f"{bare}?signature={'0' * len(signature)}").status == 401


def test_an_upload_is_for_who_has_its_signed_link_only(embedded: SandboxServer) -> None:
    links = ask(embedded, "POST", f"{QUEUE}/upload-url", {"file_type": "png"}, key=f"Bearer {OURS}").json()
    kind = {"Content-Type": "image/png"}
    assert ask(links["upload_url"], "PUT", "", png("red"), headers=kind, key=None).status == 200
    assert fetch(links["public_url"]).body == png("red")
    bare = links["public_url"].partition("?")[0]
    assert ask(bare, "PUT", "", png("blue"), headers=kind, key=None).status == 401
    assert fetch(bare).status == 401


def test_the_storage_is_for_signed_links_only(embedded: SandboxServer) -> None:
    link = f"{embedded.origin}/sandbox/storage/{hashlib.sha256(png('red')).hexdigest()}.png"
    assert ask(link, "PUT", "", png("red"), key=None).status == 401
    assert ask(signed(link, OURS), "PUT", "", png("red"), key=None).status == 200
    assert fetch(link).status == 401
    assert fetch(signed(link, OURS)).body == png("red")


def test_a_conversation_goes_on_under_another_port_and_key(tmp_path: Path, clock: Clock) -> None:
    folder = tmp_path / "sandbox"
    with SandboxServer(folder, seconds=8, now=clock, key=OURS) as first:
        request = made(first)
        clock.advance(8)
        record = ask(first, "GET", f"{QUEUE}/requests/{request}", key=f"Bearer {OURS}").json()
    contents = record["outcome"]["next_turn_contents"]
    contents[-1]["parts"][0]["text"] = "now with a hat"
    with SandboxServer(folder, seconds=8, now=clock, key="another") as second:
        body = {**CAT, "payload": {"contents": contents}}
        assert ask(second, "POST", f"{QUEUE}/requests", body, key="Bearer another").status == 200
    assert len(list((folder / "references").iterdir())) == 1  # the picture was found, not only its name


def test_the_key_passes_in_the_form_of_each_service(embedded: SandboxServer) -> None:
    google, fal = {"x-goog-api-key": OURS}, f"Key {OURS}"
    start = {
        **google,
        "X-Goog-Upload-Protocol": "resumable",
        "X-Goog-Upload-Command": "start",
        "X-Goog-Upload-Header-Content-Length": "3",
        "X-Goog-Upload-Header-Content-Type": "image/png",
    }
    place = ask(embedded, "POST", "/upload/v1/files", {"file": {}}, headers=start, key=None)
    link = place.headers["x-goog-upload-url"]
    finish = {"X-Goog-Upload-Offset": "0", "X-Goog-Upload-Command": "upload, finalize"}
    token = ask(embedded, "POST", "/rest.fal.ai/storage/auth/token", {}, key=fal).json()
    png_type = {"Content-Type": "image/png"}

    assert ask(embedded, "GET", "/v1/models", headers=google, key=None).status == 200
    assert ask(embedded, "GET", "/v1/models", headers={"x-goog-api-key": "another"}, key=None).status == 401
    assert ask(link.partition("?")[0], "POST", body=b"abc", headers=finish, key=None).status == 401
    assert ask(link, "POST", body=b"abc", headers=finish, key=None).status == 200
    kept = ask(
        f"{token['base_url']}/files/upload", "POST", body=png("teal"), headers=png_type, key=f"Bearer {token['token']}"
    )
    assert fetch(kept.json()["access_url"]).body == png("teal")
    assert ask(embedded, "POST", "/rest.fal.ai/storage/auth/token", {}, key="Key another").status == 401

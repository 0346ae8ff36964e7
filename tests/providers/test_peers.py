"""No link that a service names leads an upload to a private place, by its text or by what its name resolves to."""

from __future__ import annotations

import hashlib
import socket
import threading
from typing import TYPE_CHECKING, Any

import pytest

from imgen_providers.errors import NotUnderstood, Unreachable
from imgen_providers.peers import PeerGuard, PeerRefused
from imgen_providers.testing.wire import WireServer
from providers.sending import MEGABYTE, api, picture

if TYPE_CHECKING:
    from pathlib import Path

    from imgen_providers.client import Network

SERVICE = "https://service.test"


@pytest.mark.parametrize(
    "link",
    [
        "http://cdn.test/a",
        "https://127.0.0.1/a",
        "https://127.0.0.2/a",
        "https://127.1/a",
        "https://localhost/a",
        "https://app.localhost/a",
        "https://[::1]/a",
        "https://[::ffff:127.0.0.1]/a",
        "https://10.0.0.1/a",
        "https://169.254.169.254/latest/meta-data",
        "https://192.0.0.8/a",
        "https://192.88.99.1/a",
        "https://[fd00::1]/a",
        "https://[64:ff9b::10.0.0.1]/a",
        "https://user:secret@cdn.test/a",
        "https:///a",
        "https://xn--/a",
        "https://a..b/a",
        f"https://{'a' * 64}.test/a",
        "//[.png",
        "gs://bucket/a",
        "",
    ],
)
def test_a_link_that_says_where_it_leads_is_refused(link: str) -> None:
    with pytest.raises(PeerRefused) as caught:
        PeerGuard(SERVICE).admit(link)

    assert "secret" not in caught.value.message


def test_a_public_link_is_admitted() -> None:
    assert PeerGuard(SERVICE).admit("https://cdn.test:8443/a?b").host == "cdn.test"
    assert PeerGuard("https://10.0.0.1").admit("https://10.0.0.1/a").host == "10.0.0.1"
    assert PeerGuard("http://127.0.0.1:1").admit("http://127.0.0.2:5/a").host == "127.0.0.2"


@pytest.mark.parametrize("address", ["127.0.0.1", "10.0.0.1", "169.254.169.254", "192.0.0.1"])
def test_a_name_that_resolves_to_a_private_place_is_not_even_connected_to(
    network: Network, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, address: str
) -> None:
    """The resolver is replaced, because a test may not ask a real one."""
    with WireServer() as server:
        port = int(server.origin.rpartition(":")[2])
        monkeypatch.setattr(
            socket,
            "getaddrinfo",
            lambda *_, **__: [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port))],
        )

        with pytest.raises(NotUnderstood, match="not safe to send to"):
            api(SERVICE, network).put_file(f"https://bucket.test:{port}/a", picture(tmp_path, 10))

        assert server.connections == 0


def test_a_name_that_resolves_anew_is_caught_at_the_connection(
    network: Network, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """First the guard is given a public address, then the connection a private one."""
    with WireServer() as server:
        port = int(server.origin.rpartition(":")[2])
        answers = iter(["203.0.114.1", *["127.0.0.1"] * 5])

        def resolve(*_: Any, **__: Any) -> list[Any]:
            return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (next(answers), port))]

        monkeypatch.setattr(socket, "getaddrinfo", resolve)

        with pytest.raises(NotUnderstood, match="private network"):
            api(SERVICE, network).put_file(f"https://bucket.test:{port}/a", picture(tmp_path, 10))

        assert server.requests == []


@pytest.mark.parametrize("link", ["https://169.254.169.254/a", "http://bucket.test/a", "https://localhost:1/a", "//["])
def test_an_unsafe_place_for_uploads_is_refused(network: Network, tmp_path: Path, link: str) -> None:
    with pytest.raises(NotUnderstood, match="not safe to send to"):
        api(SERVICE, network).put_file(link, picture(tmp_path, 10))


@pytest.mark.parametrize("status", [200, 403])
def test_the_answer_to_an_upload_is_not_read(network: Network, tmp_path: Path, status: int) -> None:
    """It would go on for ever."""
    reference = picture(tmp_path, MEGABYTE)
    received = hashlib.sha256()
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            connection, _ = listener.accept()
            with connection, connection.makefile("rb") as stream:
                for _line in iter(stream.readline, b"\r\n"):
                    pass
                received.update(stream.read(MEGABYTE))
                head = f"HTTP/1.1 {status} Scripted\r\nContent-Length: 5000000000\r\n\r\n".encode()
                try:
                    connection.sendall(head)
                    while True:
                        connection.sendall(bytes(65536))
                except OSError:
                    pass  # hung up on, as it should be

        thread = threading.Thread(target=serve)
        thread.start()
        origin = f"http://127.0.0.1:{listener.getsockname()[1]}"
        if status == 200:
            api(origin, network).put_file(f"{origin}/a", reference)
        else:
            with pytest.raises(Unreachable, match="403"):
                api(origin, network).put_file(f"{origin}/a", reference)
        thread.join(timeout=30)
        assert not thread.is_alive()

    assert received.hexdigest() == reference.sha256

"""The server itself: its socket, its folder, its log, and jobs that outlive it."""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import socket
import stat
import subprocess
import sys
import threading
import time
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import pytest

from imgen_providers.sandbox.certificate import make_certificate
from imgen_providers.sandbox.faults import parse_faults
from imgen_providers.sandbox.server import SandboxServer
from providers.sandbox.asking import KEY, Clock, ask, data_uri, fetch, png

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

REAPI = "/api/v1/images/generations"
CAT = {"model": "gemini-3-pro-image-preview", "prompt": "a cat"}
STUDIO = "/v1/images/gemini/3/pro/generate/"
DAY = 86_400.0


def submitted(server: SandboxServer) -> str:
    task = ask(server, "POST", REAPI, CAT).json()["id"]
    assert isinstance(task, str)
    return task


def link(server: SandboxServer, task: str) -> str:
    (url,) = ask(server, "GET", f"/api/v1/tasks/{task}").json()["output"]["image_urls"]
    assert isinstance(url, str)
    return url


def connected(server: SandboxServer) -> socket.socket:
    parts = urlsplit(server.origin)
    return socket.create_connection((parts.hostname or "", parts.port or 0), timeout=5)


def test_jobs_outlive_their_server_and_its_port(start: Callable[..., SandboxServer], clock: Clock) -> None:
    first = start(seconds=8)
    task = submitted(first)
    clock.advance(4)
    second = start(seconds=1000)
    assert second.origin != first.origin
    assert ask(second, "GET", f"/api/v1/tasks/{task}").json()["status"] == "processing"
    clock.advance(4)
    first.close()
    url = link(second, task)
    assert url.startswith(second.origin)
    assert fetch(url).picture().size == (1024, 1024)
    third = start()
    assert fetch(link(third, task)).body == fetch(url).body


SERVE = """
import sys
from pathlib import Path
from imgen_providers.sandbox.server import SandboxServer
server = SandboxServer(Path(sys.argv[1]), seconds=0.01)
print(server.origin, flush=True)
server.serve_forever()
"""


def test_jobs_outlive_a_server_process_that_is_killed(tmp_path: Path) -> None:
    command = [sys.executable, "-c", SERVE, str(tmp_path / "sandbox")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        origin = process.stdout.readline().strip()
        task = ask(f"{origin}{REAPI}", "POST", body=CAT).json()["id"]
        process.kill()
    with SandboxServer(tmp_path / "sandbox", now=lambda: time.time() + 1) as server:
        assert fetch(link(server, task)).picture().size == (1024, 1024)


def test_links_are_built_from_the_host_that_was_asked(server: SandboxServer, clock: Clock) -> None:
    task = submitted(server)
    clock.advance(8)
    answer = ask(server, "GET", f"/api/v1/tasks/{task}", headers={"Host": "localhost:1234"}).json()
    assert answer["output"]["image_urls"][0].startswith("http://localhost:1234/sandbox/")


@pytest.mark.parametrize(
    ("path", "body", "question", "lifetime"),
    [
        (STUDIO, {"prompt": "a cat"}, "/v1/generation-request/{}/status/", DAY),
        (REAPI, CAT, "/api/v1/tasks/{}", 7 * DAY),
    ],
)
def test_links_die_after_the_documented_time(
    server: SandboxServer, clock: Clock, path: str, body: object, question: str, lifetime: float
) -> None:
    made = ask(server, "POST", path, body).json()
    clock.advance(8)
    answer = ask(server, "GET", question.format(made.get("task_id") or made["id"])).json()
    url = answer["results"][0]["asset_url"] if "results" in answer else answer["output"]["image_urls"][0]
    clock.advance(lifetime - 1)
    assert fetch(url).status == 200
    clock.advance(1)
    assert fetch(url).status == 410


def test_links_without_a_documented_lifetime_live_on(server: SandboxServer, clock: Clock) -> None:
    path = "/api/v3/google/gemini-3-pro-image-preview/text-to-image"
    made = ask(server, "POST", path, {"prompt": "a cat"}).json()["data"]
    clock.advance(1000 * DAY)
    (url,) = ask(made["urls"]["get"], "GET").json()["data"]["outputs"]
    assert fetch(url).status == 200


def test_a_picture_request_that_carries_a_key_is_refused(server: SandboxServer, clock: Clock) -> None:
    task = submitted(server)
    clock.advance(8)
    url = link(server, task)
    assert ask(url, "GET", key=f"Bearer {KEY}").status == 400
    assert fetch(url).status == 200


def test_a_picture_does_not_exist_before_its_job_is_done(server: SandboxServer, clock: Clock) -> None:
    task = submitted(server)
    early = f"{server.origin}/sandbox/pictures/reapi/{task}/0.png"
    assert fetch(early).status == 404
    clock.advance(8)
    assert fetch(early).status == 200
    assert fetch(early.replace("0.png", "1.png")).status == 404
    assert fetch(early.replace("0.png", "0.jpeg")).status == 404
    assert fetch(early.replace("reapi", "gptproto")).status == 404


@pytest.mark.skipif(os.name == "nt", reason="Windows has no permission bits")
def test_the_folder_is_for_its_owner_only(server: SandboxServer, tmp_path: Path) -> None:
    submitted(server)
    folder = tmp_path / "sandbox"
    assert {stat.S_IMODE(each.stat().st_mode) for each in (folder, *folder.iterdir())} == {0o700}


def test_no_key_reaches_folder_or_log(start: Callable[..., SandboxServer], clock: Clock, tmp_path: Path) -> None:
    lines: list[str] = []
    server = start("lost-reply", log=lines.append)
    with pytest.raises(http.client.RemoteDisconnected):
        submitted(server)
    task = submitted(server)
    clock.advance(8)
    fetch(link(server, task))
    ask(server, "GET", f"/nowhere?key={KEY}")
    assert lines == [
        f"POST {REAPI} no answer (lost-reply)",
        f"POST {REAPI} 200",
        f"GET /api/v1/tasks/{task} 200",
        f"GET /sandbox/pictures/reapi/{task}/0.png 200",
        "GET /nowhere 404",
    ]
    files = [file for file in (tmp_path / "sandbox").rglob("*") if file.is_file()]
    assert len(files) == 2
    assert not [file for file in files if KEY.encode() in file.read_bytes()]


def test_large_references_are_kept_small(server: SandboxServer, tmp_path: Path) -> None:
    body = {"prompt": "smaller", "images": [data_uri(png("red", (3000, 2000)))]}
    assert ask(server, "POST", "/v1/images/gemini/3/pro/edit/", body).status == 200
    (kept,) = (tmp_path / "sandbox" / "references").iterdir()
    from PIL import Image

    with Image.open(kept) as picture:
        assert picture.size == (256, 171)


def test_a_client_that_leaves_prints_nothing(
    start: Callable[..., SandboxServer], capfd: pytest.CaptureFixture[str]
) -> None:
    server = start("slow-reply=0.05")
    head = f"POST {REAPI} HTTP/1.1\r\nAuthorization: Bearer x\r\nContent-Length: %d\r\n\r\n"
    for text in ("", "GET", head % 1000, head % 2 + "{}", "nonsense\r\n\r\n"):
        with connected(server) as client:
            client.sendall(text.encode())
    assert ask(server, "GET", "/api/v1/balance").status == 200
    server.close()
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize(
    ("header", "status"),
    [
        ("Content-Length: 300000000", 413),
        ("Content-Length: -1", 400),
        ("Content-Length: 2\r\nContent-Length: 3", 400),
        ("Transfer-Encoding: chunked\r\nContent-Length: 2", 400),
        ("Transfer-Encoding: gzip, chunked", 501),
        ("\r\n".join(f"X-{number}: 1" for number in range(101)), 431),
        (f"X: {'1' * 70_000}", 431),
    ],
)
def test_a_request_that_is_out_of_bounds_is_refused_before_its_body_is_read(
    server: SandboxServer, header: str, status: int
) -> None:
    with connected(server) as client:
        client.sendall(f"POST {REAPI} HTTP/1.1\r\n{header}\r\n\r\n".encode())
        assert client.recv(12).decode().endswith(str(status))


def chunked(*chunks: bytes, end: bytes = b"0\r\n\r\n") -> bytes:
    """A submit whose body comes in these chunks."""
    head = f"POST {REAPI} HTTP/1.1\r\nAuthorization: Bearer {KEY}\r\nTransfer-Encoding: chunked\r\n\r\n"
    return head.encode() + b"".join(b"%x\r\n%b\r\n" % (len(chunk), chunk) for chunk in chunks) + end


def test_a_body_may_come_in_chunks(server: SandboxServer) -> None:
    body = json.dumps(CAT).encode()
    with connected(server) as client:
        client.sendall(chunked(body[:7], body[7:], end=b"0;last\r\nX-Trailer: 1\r\n\r\n"))
        assert client.recv(12) == b"HTTP/1.1 200"


@pytest.mark.parametrize(
    ("request_bytes", "status"),
    [
        (chunked(end=b"10000001\r\n"), 413),
        (chunked(b"x" * 10, end=b"fffffff8\r\n"), 413),
        (chunked(end=b"-1\r\n"), 400),
        (chunked(end=b"2\r\n{}{}"), 400),
        (chunked(end=b"1;" + 5000 * b"x"), 400),
        (chunked(end=b"0\r\n" + 101 * b"X: 1\r\n"), 431),
    ],
)
def test_chunks_have_bounds(server: SandboxServer, request_bytes: bytes, status: int) -> None:
    with connected(server) as client:
        client.sendall(request_bytes)
        assert client.recv(12).decode().endswith(str(status))


def test_a_head_request_is_answered_without_a_body(server: SandboxServer, clock: Clock) -> None:
    task = submitted(server)
    clock.advance(8)
    url = link(server, task)
    head, whole = ask(url, "HEAD", key=None), fetch(url)
    assert (head.status, head.body) == (200, b"")
    assert int(head.headers["content-length"]) == len(whole.body)
    assert ask(server, "HEAD", "/api/v1/balance").status == 200
    assert ask(server, "HEAD", REAPI).status == 405


def dripped(client: socket.socket) -> int:
    """How many bytes could be sent, one every tenth of a second, before the connection was ended; at most 50."""
    client.settimeout(0.1)
    for sent in range(50):
        try:
            client.sendall(b"1")
            if client.recv(100) == b"":
                return sent
        except TimeoutError:
            continue
        except OSError:
            return sent
    return 50


@pytest.mark.parametrize("start_of_request", [b"", b"GET / HTTP/1.1\r\nX: ", chunked()[:-5]])
def test_a_request_that_drips_is_ended_in_time(tmp_path: Path, start_of_request: bytes) -> None:
    with SandboxServer(tmp_path, read_seconds=0.3) as server, connected(server) as client:
        client.sendall(start_of_request)
        assert dripped(client) < 30


def test_a_handshake_that_drips_is_ended_in_time(tmp_path: Path) -> None:
    tls = make_certificate().context
    with SandboxServer(tmp_path, tls=tls, read_seconds=0.3) as server, connected(server) as client:
        client.sendall(b"\x16\x03\x01\x02\x00\x01\x00")
        assert dripped(client) < 30


def test_connections_beyond_the_limit_are_ended_at_once(server: SandboxServer) -> None:
    with contextlib.ExitStack() as stack:
        idle = [stack.enter_context(connected(server)) for _ in range(257)]
        assert idle[-1].recv(1) == b""
        idle[0].sendall(b"GET / HTTP/1.1\r\n\r\n")
        assert idle[0].recv(12) == b"HTTP/1.1 404"


def test_an_answer_may_take_longer_than_a_request(tmp_path: Path) -> None:
    slow = parse_faults("slow-reply=2.5")
    with SandboxServer(tmp_path, faults=slow, read_seconds=0.2) as server:
        assert ask(server, "POST", REAPI, CAT).status == 200


def test_a_target_that_is_no_url_is_refused(server: SandboxServer) -> None:
    with connected(server) as client:
        client.sendall(b"GET http://[/ HTTP/1.1\r\n\r\n")
        assert client.recv(12) == b"HTTP/1.1 400"


def test_a_connection_is_kept_for_several_requests(server: SandboxServer) -> None:
    connection = http.client.HTTPConnection(urlsplit(server.origin).netloc, timeout=5)
    for _ in range(3):
        connection.request("GET", "/api/v1/balance", headers={"Authorization": f"Bearer {KEY}"})
        assert connection.getresponse().read() == b'{"balance": 100000}'
    connection.close()


def test_many_clients_at_once_get_a_job_each(server: SandboxServer) -> None:
    tasks: list[str] = []
    threads = [threading.Thread(target=lambda: tasks.append(submitted(server))) for _ in range(32)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(tasks)) == 32


def test_closing_ends_open_connections_at_once(start: Callable[..., SandboxServer]) -> None:
    server = start("slow-reply=600")
    with connected(server) as idle, connected(server) as waiting:
        body = b'{"model": "gemini-3-pro-image-preview", "prompt": "a cat"}'
        head = f"POST {REAPI} HTTP/1.1\r\nAuthorization: Bearer x\r\nContent-Length: {len(body)}\r\n\r\n"
        waiting.sendall(head.encode() + body)
        assert ask(server, "GET", "/api/v1/balance").status == 200
        server.close()
        assert idle.recv(1) == b""
        assert waiting.recv(1) == b""
    with pytest.raises(ConnectionRefusedError):
        connected(server)
    server.close()


def test_a_server_can_serve_in_the_thread_that_made_it(tmp_path: Path) -> None:
    server = SandboxServer(tmp_path, seconds=0)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    assert ask(server, "GET", "/api/v1/balance").status == 200
    server.close()
    thread.join(5)
    assert not thread.is_alive()


def test_a_taken_port_is_said(server: SandboxServer, tmp_path: Path) -> None:
    with pytest.raises(OSError):
        SandboxServer(tmp_path, port=int(server.origin.rpartition(":")[2]))


def test_a_job_of_no_length_is_done_at_once(tmp_path: Path) -> None:
    with SandboxServer(tmp_path, seconds=0) as server:
        assert fetch(link(server, submitted(server))).status == 200

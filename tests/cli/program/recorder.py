"""The sandbox behind a window: every request is looked at, and its pictures fetched, as a service would."""

from __future__ import annotations

import base64
import http.client
import json
import threading
import urllib.request
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from collections.abc import Iterator


@dataclass(frozen=True, slots=True)
class Submit:
    """A paid request: its JSON, and the bytes of the pictures in it, in order."""

    path: str
    body: Any
    pictures: tuple[bytes, ...]


@dataclass
class Recorder:
    """What came through the window. `answers` are those to submits; `public` are pictures that it serves, by path."""

    origin: str = ""
    submits: list[Submit] = field(default_factory=list)
    answers: list[Any] = field(default_factory=list)
    paths: list[str] = field(default_factory=list)
    public: dict[str, bytes] = field(default_factory=dict)


@contextmanager
def recorded(behind: str) -> Iterator[Recorder]:
    """A window in front of the services at `behind`."""
    recorder = Recorder()

    class Window(_Window):
        seen = recorder
        service = urlsplit(behind).netloc

    with ThreadingHTTPServer(("127.0.0.1", 0), Window) as server:
        recorder.origin = f"http://127.0.0.1:{server.server_address[1]}"
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield recorder
        finally:
            server.shutdown()
            thread.join()


class _Window(BaseHTTPRequestHandler):
    seen: Recorder
    service: str

    def do_GET(self) -> None:
        self._relay(b"")

    def do_PUT(self) -> None:
        self._relay(self.rfile.read(int(self.headers["Content-Length"])))

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if not self.path.endswith("/upload-url"):
            read = json.loads(body)
            self.seen.submits.append(Submit(self.path, read, tuple(_pictures(read))))
        self._relay(body)

    def log_message(self, format: str, *arguments: object) -> None:
        pass

    def _relay(self, body: bytes) -> None:
        self.seen.paths.append(f"{self.command} {self.path}")
        if self.path in self.seen.public:
            self._answer(200, self.seen.public[self.path], "image/png")
            return
        connection = http.client.HTTPConnection(self.service, timeout=20)
        try:
            connection.request(self.command, self.path, body, dict(self.headers.items()))
            response = connection.getresponse()
            answer, media_type = response.read(), response.headers["Content-Type"]
        finally:
            connection.close()
        if media_type.startswith("application/json"):
            answer = _signed(answer).replace(self.service.encode(), urlsplit(self.seen.origin).netloc.encode())
            if self.command == "POST":
                self.seen.answers.append(json.loads(answer))
        self._answer(response.status, answer, media_type)

    def _answer(self, status: int, body: bytes, media_type: str) -> None:
        self.send_response(status)
        self.send_header("Content-Type", media_type)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


def _pictures(value: Any) -> Iterator[bytes]:
    match value:
        case {"mimeType": str(), "data": str(data)}:  # Google's form
            yield base64.b64decode(data, validate=True)
        case dict():
            for inner in value.values():
                yield from _pictures(inner)
        case list():
            for inner in value:
                yield from _pictures(inner)
        case str() if value.startswith("data:"):
            yield base64.b64decode(value.partition(",")[2], validate=True)
        case str() if value.startswith("http://"):
            with urllib.request.urlopen(value, timeout=10) as answer:
                yield answer.read()


def _signed(answer: bytes) -> bytes:
    """GMI Cloud's conversations with the thought signatures that Gemini puts into its own turns."""
    read = json.loads(answer)
    outcome = read.get("outcome") if isinstance(read, dict) else None
    for number, turn in enumerate((outcome or {}).get("next_turn_contents", ())):
        if turn["role"] == "model":
            for part in turn["parts"]:
                part.setdefault("thoughtSignature", f"signature-of-turn-{number}")
    return json.dumps(read).encode()

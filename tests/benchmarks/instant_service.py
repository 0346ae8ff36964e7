"""A service that is finished at once, or after some seconds, in reAPI's wire format: submits, polls, pictures.

It runs as a process of its own, so that its work is not counted as that of a client in the same process.
"""

from __future__ import annotations

import io
import itertools
import json
import random
import subprocess
import sys
import time
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

_TESTS = Path(__file__).parents[1]


class _Service(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    picture = b""
    seconds = (0.0, 0.0)
    quiet = False
    numbers = itertools.count()

    def do_POST(self) -> None:
        arrived = time.clock_gettime(time.CLOCK_MONOTONIC)
        self.rfile.read(int(self.headers["Content-Length"]))
        task = {"id": f"task-{next(self.numbers)}-{arrived + random.uniform(*self.seconds)}", "arrived": arrived}
        self._answer(json.dumps(task).encode(), "application/json")
        if not self.quiet:
            print(arrived, flush=True)

    def do_GET(self) -> None:
        if self.path.startswith("/picture"):
            self._answer(self.picture, "image/png")
            return
        ends = any(self.seconds) and float(self.path.rpartition("-")[2])
        if ends and time.clock_gettime(time.CLOCK_MONOTONIC) < ends:
            self._answer(b'{"status": "processing"}', "application/json")
            return
        host = self.headers["Host"]
        links = [f"http://{host}/picture/{time.time_ns()}.png"]
        task = {"status": "completed", "output": {"image_urls": links}}
        self._answer(json.dumps(task).encode(), "application/json")

    def _answer(self, body: bytes, kind: str) -> None:
        self.send_response(200)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *arguments: object) -> None:
        pass


class Instant:
    """The running service: its origin, and when each submit arrived."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        assert process.stdout
        self._lines = process.stdout
        self.origin = self._lines.readline().strip()

    def arrived(self) -> float:
        """When the oldest submit that was not asked for yet arrived, by the system's monotonic clock; in seconds."""
        return float(self._lines.readline())


@contextmanager
def instant_service(
    picture_side: int = 64, seconds: float = 0.0, *, longest: float | None = None, quiet: bool = False
) -> Iterator[Instant]:
    """The service for as long as the block lasts; it ends with this process too, by its closed standard input.

    A job takes `seconds`, or any time from there to `longest`; its id ends in when it is over, by the system's
    monotonic clock. A `quiet` one does not say when a submit arrived.
    """
    words = [str(picture_side), str(seconds), str(seconds if longest is None else longest)]
    words.append("quiet" if quiet else "prints")
    command = [sys.executable, "-m", "benchmarks.instant_service", *words]
    with subprocess.Popen(command, cwd=_TESTS, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        yield Instant(process)
        assert process.stdin
        process.stdin.close()


def _serve(side: int, seconds: tuple[float, float], *, quiet: bool) -> None:
    import threading

    from PIL import Image

    held = io.BytesIO()
    Image.effect_noise((side, side), 80).convert("RGB").save(held, "PNG", compress_level=0)
    _Service.picture = held.getvalue()
    _Service.seconds, _Service.quiet = seconds, quiet
    ThreadingHTTPServer.request_queue_size = 128
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Service)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    print(f"http://127.0.0.1:{server.server_address[1]}", flush=True)
    sys.stdin.read()


if __name__ == "__main__":
    _serve(int(sys.argv[1]), (float(sys.argv[2]), float(sys.argv[3])), quiet=sys.argv[4] == "quiet")

"""How much memory an edit takes with 14 large references, against one small one.

    uv run python tests/benchmarks/memory_of_references.py

Runs the installed program against a server that counts the bytes of the request and keeps none, and prints the peak
resident memory of the process (`ru_maxrss`, from the kernel). It never fails.
"""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
import tempfile
import threading
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING

from PIL import Image

if TYPE_CHECKING:
    from collections.abc import Iterator

SMALL, LARGE = 20_000, 7_000_000  # bytes
FORMATS = ("PNG", "JPEG", "WEBP")
_SIDES = {"PNG": 1528, "JPEG": 2790, "WEBP": 2900}  # pixels of noise that make about `LARGE` bytes
_BLOCK = 64 * 1024
# Between this process and the one that is measured: until its exec, a child counts as large as its parent was.
_WATCH = """
import resource, subprocess, sys
subprocess.run(sys.argv[1:], stdout=subprocess.DEVNULL, check=True)
print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)
"""


@dataclass(frozen=True, slots=True)
class Measured:
    """One run: its peak of memory in MB, and the bytes of the request as the server counted them, and as announced."""

    megabytes: float
    counted: int
    announced: int


@contextmanager
def counting() -> Iterator[tuple[str, list[tuple[int, int]]]]:
    """A server that accepts every job; its origin, and the bytes counted and announced of each request."""
    seen: list[tuple[int, int]] = []

    class Counter(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            announced = int(self.headers["Content-Length"])
            counted = 0
            while counted < announced and (block := self.rfile.read(min(_BLOCK, announced - counted))):
                counted += len(block)
            seen.append((counted, announced))
            answer = json.dumps({"task_id": f"task-{len(seen)}"}).encode()
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        def log_message(self, format: str, *arguments: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Counter) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}", seen
        finally:
            server.shutdown()
            thread.join()


def picture(format: str, size: int) -> bytes:
    """A picture of noise of about `size` bytes."""
    side = int(_SIDES[format] * (size / LARGE) ** 0.5)
    held = io.BytesIO()
    noise = Image.frombytes("RGB", (side, side), os.urandom(side * side * 3))
    fast = {"PNG": {"compress_level": 0}, "JPEG": {"quality": 90}, "WEBP": {"quality": 90, "method": 0}}
    noise.save(held, format, **fast[format])
    return held.getvalue()


def measure(folder: Path, pictures: list[Path]) -> Measured:
    """Submit one edit and end."""
    home = Path(tempfile.mkdtemp(dir=folder))
    with counting() as (origin, seen):
        environ = {
            **os.environ,
            "IMGEN_HOME": str(home),
            "THREEDAISTUDIO_API_KEY": "a-key-of-no-account",
            "THREEDAISTUDIO_BASE_URL": origin,
        }
        words = [word for path in pictures for word in ("-i", str(path))]
        command = [sys.executable, "-m", "imgen", "edit", "at night", "-p", "3daistudio", "-q", "--no-wait", *words]
        ended = subprocess.run([sys.executable, "-c", _WATCH, *command], env=environ, capture_output=True, check=True)
    unit = 1e6 if sys.platform == "darwin" else 1e6 / 1024
    counted, announced = seen[0]
    return Measured(int(ended.stdout) / unit, counted, announced)


def files(folder: Path, format: str, size: int, count: int) -> list[Path]:
    """That many different pictures on disk."""
    data = picture(format, size)
    found = []
    for number in range(count):
        path = folder / f"{format.lower()}-{size}-{number}"
        # Bytes after the end of a JPEG would be left out as private, so each is a picture of its own.
        path.write_bytes(data if number == 0 else picture(format, size))
        found.append(path)
    return found


def main() -> None:
    """Print what each format takes."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        small = measure(folder, files(folder, "PNG", SMALL, 1))
        print(f"one small reference: {small.megabytes:.1f} MB at its peak")
        for format in FORMATS:
            pictures = files(folder, format, LARGE, 14)
            whole = sum(path.stat().st_size for path in pictures)
            large = measure(folder, pictures)
            print(
                f"14 {format} references, {whole / 1e6:.0f} MB in all: {large.megabytes:.1f} MB at its peak,"
                f" {large.megabytes - small.megabytes:+.1f} MB; {large.counted:,} bytes arrived,"
                f" {large.announced:,} announced"
            )


if __name__ == "__main__":
    main()

"""The services on raw sockets, in a process of their own: they count charges on disk and fail on command.

`python -m reliability.fault_server FOLDER [SECONDS]` writes the origins of the services and of their pictures as a line
of JSON, then reads commands, a line of JSON each, until its standard input ends. The answers are those of the sandbox;
what happens to them on the wire, is ours.
"""

from __future__ import annotations

import json
import os
import re
import signal
import sys
import threading
import time
from collections import Counter, deque
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

from imgen_providers.sandbox import drawing
from imgen_providers.sandbox.desk import Desk
from imgen_providers.sandbox.faults import FaultScript
from imgen_providers.sandbox.gemini_batches import PART
from imgen_providers.sandbox.store import JobStore, StoredJob
from reliability.answers import LINKED, LINKED_PATH, REDIRECTS, REFUSALS, UNPAID, instead, redirect, refusal, too_fast
from reliability.moments import part_of
from reliability.port import Port, head, read, reset

if TYPE_CHECKING:
    import socket
    from collections.abc import Mapping

    from imgen_providers.sandbox.exchange import Call, Reply
    from imgen_providers.sandbox.tables import Size

_POLL = re.compile(
    r"/(?:requests|generation-request|tasks|predictions|batches)/(?P<id>(?!by-endpoint$)[\w-]+)(?:/status/?|/result)?$"
)
_RESULT = re.compile(r"/queue\.fal\.run/.+/requests/[\w-]+$")
_KEY_HEADERS = ("authorization", "x-goog-api-key")
_PICTURE = re.compile(r"/sandbox/pictures/(?P<service>[a-z0-9]+)/(?P<id>[\w-]+)/\d+\.(?P<type>[a-z]+)$")
_JOB_SECONDS = 0.4  # long enough that no submit is answered with a finished job
_PATIENCE = 12.0  # seconds that a connection may hang
_DRIP = 0.02  # seconds between two bytes of a slow picture
_HALF_WAY = "in the middle of the picture"
_DEATHS = {
    "when bytes have left": ("submit", "before"),
    "when the service has read all": ("submit", "instead"),
    "when the reply has left": ("submit", "after"),
    "at the first question": ("poll", "before"),
}


class Till(JobStore):
    """The jobs, and one line for each charge: on disk before anybody hears of it."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self._lines = (folder / "charges").open("ab", buffering=0)
        self._turned_away = (folder / "turned away").open("ab", buffering=0)
        self._lock = threading.Lock()
        self._prompts: dict[str, str] = {}

    def save(self, job: StoredJob) -> None:
        """Make the job, and charge for it; one request of a batch is charged with its batch."""
        if job.order.service == PART:
            super().save(job)
            return
        with self._lock:
            self._lines.write(json.dumps([job.order.prompt, job.id, time.time()]).encode() + b"\n")
            os.fsync(self._lines.fileno())
            self._prompts[job.id] = job.order.prompt
        super().save(job)

    def turn_away(self) -> None:
        """Note that a submit came, and was neither taken nor charged."""
        self._turned_away.write(json.dumps(time.time()).encode() + b"\n")

    def prompt(self, remote_id: str) -> str | None:
        """What was ordered under this id."""
        return self._prompts.get(remote_id)


class FaultServer:
    """Two origins, one for the services and one for their pictures, and a third where nothing with a key may arrive."""

    def __init__(self, folder: Path, seconds: float) -> None:
        self._till = Till(folder)
        self._till.keep_upload(LINKED_PATH.rpartition("/")[2], LINKED)
        self._lifted = threading.Event()
        self._desk = Desk(self._till, FaultScript(()), seconds=seconds, now=time.time, closing=threading.Event())
        self._lock = threading.Lock()
        self._deaths: dict[str, tuple[int, str]] = {}
        self._held: dict[str, tuple[float, int]] = {}
        self._waits: deque[int] = deque()
        self.services, self.pictures, self._elsewhere = Port(self), Port(self), Port(self)
        self.play(None, None)

    def obey(self, command: Mapping[str, Any]) -> dict[str, int]:
        """Do what one line of standard input asks for; the answer is how many requests came since the last `play`."""
        if "play" in command:
            self.play(command["play"], command["at"])
        if "kill" in command:
            self._deaths[command["prompt"]] = (command["kill"], command["at"])
        if "turn away" in command:
            self._waits.append(command["turn away"])
        if "hold" in command:
            self._held[command["prompt"]] = command["hold"]
        return dict(self._counts)

    def play(self, fault: str | None, place: str | None) -> None:
        """From now on every request of that kind meets the fault; those that hang under the last one end."""
        self._lifted.set()
        self._lifted = threading.Event()
        self._fault, self._place = fault, place
        self._accepted = False
        self._counts: Counter[str] = Counter()
        for port in (self.services, self.pictures):
            port.listen()
        if fault == "refuse" and place != "poll":  # there, from the first accepted submit on
            (self.services if place == "submit" else self.pictures).close()

    def resets(self, port: Port, stream: BinaryIO) -> bool:
        """Whether a connection ends before it has said what it wants."""
        place = "picture" if port is self.pictures else "poll" if self._accepted else "submit"
        if place == self._place and self._fault == "reset mid-upload":
            stream.read(1000)
            return True
        return place == self._place and self._fault == "reset on accept"

    def serve(self, port: Port, connection: socket.socket, stream: BinaryIO) -> bool:
        """One request and what becomes of it; whether the connection goes on."""
        lifted = self._lifted
        call = read(stream, self.pictures.origin)
        if call is None:
            return False
        place = self._place_of(port, call)
        with self._lock:
            self._counts[place] += 1
        if self._dies(call, place, "before"):
            return False
        fault = self._fault if place == self._place and "hop" not in call.query else None
        if fault in REFUSALS or fault in UNPAID:
            return _send(connection, refusal(fault))
        if place == "submit" and self._waits:
            self._till.turn_away()
            return _send(connection, too_fast(self._waits.popleft()))
        if fault in REDIRECTS:
            other = self._elsewhere.origin.replace("127.0.0.1", "localhost")
            return _send(connection, redirect(fault, call.path, other))
        reply = self._desk.answer(call)
        if place == "submit" and reply.status < 300:
            self._accepted = True
            if (self._fault, self._place) == ("refuse", "poll"):
                self.services.close()
        if self._dies(call, place, "instead") or self._dies_half_way(connection, call, place, reply):
            return False
        if place == "submit" and self._holds(connection, stream, call, reply):
            return False
        goes_on = self._fail(connection, fault, place, reply, lifted) if fault else _send(connection, reply)
        return not self._dies(call, place, "after") and goes_on

    def _place_of(self, port: Port, call: Call) -> str:
        if port is self._elsewhere:
            return "elsewhere with a key" if any(name in call.headers for name in _KEY_HEADERS) else "elsewhere"
        if self._desk.is_submit(call.method, call.path):
            return "submit"
        if _PICTURE.match(call.path):
            return "picture"
        if _RESULT.search(call.path):
            return "result"
        return "poll" if _POLL.search(call.path) else "other"

    def _fail(self, connection: socket.socket, fault: str, place: str, reply: Reply, lifted: threading.Event) -> bool:
        """Play a fault that comes after the request was taken; whether the connection goes on."""
        body = reply.body
        match fault:
            case "reset after read":
                return reset(connection)
            case "reset mid-body":
                connection.sendall(_half(reply))
                return reset(connection)
            case "hang":
                lifted.wait(_PATIENCE)
            case "slow drip":
                connection.sendall(head(reply))
                _drip(connection, body, lifted)
            case "truncate":
                connection.sendall(_half(reply))
            case "wrong length":
                connection.sendall(head(reply, length=len(body) // 2) + body)
            case "garbage":
                connection.sendall(bytes(range(255, 0, -1)) * 4)
            case "missing fields" if reply.media_type != "application/json":
                connection.sendall(b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n" + body)
            case _:
                return _send(connection, instead(fault, place, reply, self.pictures.origin))
        return False

    # Deaths of the client ---------------------------------------------------------------------------------

    def _dies(self, call: Call, place: str, when: str) -> bool:
        """Kill the client at this moment, if that was asked for."""
        prompt = self._prompt(call, place)
        pid, moment = self._deaths.get(prompt or "", (0, ""))
        if _DEATHS.get(moment) != (place, when):
            return False
        self._kill(prompt, pid)
        return True

    def _dies_half_way(self, connection: socket.socket, call: Call, place: str, reply: Reply) -> bool:
        """Kill the client half way through a picture, be it in an answer or behind a link."""
        prompt = self._prompt(call, place)
        pid, moment = self._deaths.get(prompt or "", (0, ""))
        if moment != _HALF_WAY or not (place == "picture" or b'"inlineData"' in reply.body):
            return False
        connection.sendall(_half(reply))
        time.sleep(0.02)  # so that it is written there, too
        self._kill(prompt, pid)
        return True

    def _holds(self, connection: socket.socket, stream: BinaryIO, call: Call, reply: Reply) -> bool:
        """Send a part of an answer and nothing more, if that was asked for, until the client is gone."""
        came = self._held.pop(self._prompt(call, "submit") or "", None)
        if came is None:
            return False
        connection.sendall(head(reply) + reply.body[: part_of(came, len(reply.body))])
        connection.settimeout(_PATIENCE)
        stream.read(1)
        return True

    def _kill(self, prompt: str | None, pid: int) -> None:
        del self._deaths[prompt or ""]  # the number may soon be another process's
        os.kill(pid, signal.SIGKILL)

    def _prompt(self, call: Call, place: str) -> str | None:
        if place == "submit":
            body = json.loads(call.body)
            if "batch" in body:
                [entry] = body["batch"]["inputConfig"]["requests"]["requests"]
                body = entry["request"]
            if "contents" in body:
                return str(body["contents"][-1]["parts"][-1]["text"])
            return str(body.get("payload", body)["prompt"])
        found = _PICTURE.match(call.path) or _POLL.search(call.path)
        return self._till.prompt(found["id"]) if found else None


def _drip(connection: socket.socket, body: bytes, lifted: threading.Event) -> None:
    pause = max(_DRIP, _PATIENCE / len(body))
    end = time.monotonic() + _PATIENCE
    for byte in body:
        connection.sendall(bytes([byte]))
        if lifted.wait(pause) or time.monotonic() > end:
            break


def _half(reply: Reply) -> bytes:
    return head(reply) + reply.body[: len(reply.body) // 2]


def _send(connection: socket.socket, reply: Reply) -> bool:
    connection.sendall(head(reply) + reply.body)
    return True


def draw_once() -> None:
    """Draw one picture of each size and format, for all jobs: drawing takes longer than all the rest."""
    draw = drawing.draw

    @cache
    def of(size: Size, file_format: str) -> bytes:
        return draw(drawing.Scene("a fox", "0", size), file_format)

    drawing.draw = lambda scene, file_format: of(scene.size, file_format)


def main(folder: str, seconds: str = str(_JOB_SECONDS)) -> None:
    """Serve until standard input ends."""
    draw_once()
    server = FaultServer(Path(folder), float(seconds))
    print(json.dumps([server.services.origin, server.pictures.origin]), flush=True)
    for line in sys.stdin:
        print(json.dumps(server.obey(json.loads(line))), flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])

"""The four services on raw sockets, in a process of their own: they count charges on disk and fail on command.

`python -m reliability.fault_server FOLDER` writes its origins as a line of JSON, then reads commands, a line of JSON
each, until its standard input ends. The answers are the sandbox's; what happens to them on the wire happens here.
"""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import struct
import sys
import threading
import time
from collections import Counter
from email.utils import formatdate
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO
from urllib.parse import parse_qsl, unquote, urlsplit

from imgen_providers.sandbox.desk import Desk
from imgen_providers.sandbox.exchange import Call, Reply, json_reply
from imgen_providers.sandbox.faults import FaultScript
from imgen_providers.sandbox.store import JobStore, StoredJob

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

_POLL = re.compile(r"/(?:requests|generation-request|tasks|predictions)/(?P<id>[\w-]+)(?:/status/|/result)?$")
_PICTURE = re.compile(r"/sandbox/pictures/(?P<service>[a-z0-9]+)/(?P<id>[\w-]+)/\d+\.(?P<type>[a-z]+)$|/sandbox/")
_NO_LINGER = struct.pack("ii", 1, 0)
_PATIENCE = 30.0  # seconds that a connection may hang
_DRIP = 0.02  # seconds between two bytes of a slow answer

# What costs nothing: the service says so, or never got the whole request. Everything else is charged, as a service may.
REFUSALS = {"401": 401, "402": 402, "403": 403, "404": 404, "422": 422, "429 with seconds": 429, "429 with date": 429}
REDIRECTS = ("redirect same host", "redirect other host")
ON_CONNECT = ("refuse", "reset on accept")
STATUSES = {"408": 408, "409": 409, "500": 500, "502": 502, "503": 503, "504": 504}


class Till(JobStore):
    """The jobs, and one line for each charge: on disk before anybody hears of it."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self._lines = (folder / "charges").open("ab", buffering=0)
        self._lock = threading.Lock()
        self._prompts: dict[str, str] = {}

    def save(self, job: StoredJob) -> None:
        """Make the job, and charge for it."""
        with self._lock:
            self._lines.write(json.dumps([job.order.prompt, job.id]).encode() + b"\n")
            os.fsync(self._lines.fileno())
            self._prompts[job.id] = job.order.prompt
        super().save(job)

    def prompt(self, remote_id: str) -> str | None:
        """What was ordered under this id."""
        return self._prompts.get(remote_id)


class FaultServer:
    """Two origins, one for the services and one for their pictures, and a third where nothing with a key may arrive."""

    def __init__(self, folder: Path) -> None:
        self._till = Till(folder)
        self._closing = threading.Event()
        self._desk = Desk(self._till, FaultScript(()), seconds=0.1, now=time.time, closing=self._closing)
        self._drawn: dict[tuple[str, str], Reply] = {}
        self._lock = threading.Lock()
        self._deaths: dict[str, tuple[int, str]] = {}
        self.play(None, None)
        self.services, self.pictures, self.elsewhere = Port(self), Port(self), Port(self)

    def obey(self, command: Mapping[str, Any]) -> object:
        """Do what one line of standard input asks for."""
        match command:
            case {"play": fault, "at": place}:
                self.play(fault, place)
                self.services.listen()
                closed = fault == "refuse" and {"submit": self.services, "picture": self.pictures}.get(place)
                self.pictures.listen()
                if closed:
                    closed.close()
                return None
            case {"kill": pid, "prompt": prompt, "at": moment}:
                self._deaths[prompt] = (pid, moment)
                return None
            case {"counts": _}:
                return dict(self._counts)
            case _:
                raise ValueError(f"no such command: {command}")

    def play(self, fault: str | None, place: str | None) -> None:
        """From now on every request of that kind meets the fault; those that hang under the last one end."""
        self._closing.set()
        self._closing = threading.Event()
        self._fault, self._place = fault, place
        self._accepted = False
        self._counts: Counter[str] = Counter()

    def greets(self, port: Port) -> str | None:
        """What happens to a connection before it says what it wants."""
        place = "picture" if port is self.pictures else "poll" if self._accepted else "submit"
        return self._fault if self._fault in ON_CONNECT and place == self._place else None

    def serve(self, port: Port, connection: socket.socket, stream: BinaryIO) -> bool:
        """One request and what becomes of it; whether the connection goes on."""
        closing = self._closing
        call = _read(stream, self.pictures.origin)
        if call is None:
            return False
        place = self._place_of(call)
        if port is self.elsewhere:
            place = "elsewhere with a key" if "authorization" in call.headers else "elsewhere"
        with self._lock:
            self._counts[place] += 1
        if self._dies(call, place, "before"):
            return False
        hopped = "hop" in call.query or port is self.elsewhere
        fault = self._fault if place == self._place and not hopped else None
        if fault in REFUSALS or fault in REDIRECTS:
            return self._send(connection, self._replaced(fault, call))
        reply = self._answer(call, place)
        if place == "submit" and reply.status < 300:
            self._accepted = True
            if (self._fault, self._place) == ("refuse", "poll"):
                self.services.close()
        if self._dies(call, place, "instead"):
            return False
        if self._dies_half_way(connection, call, place, reply):
            return False
        keep = self._faulty(connection, fault, reply, closing) if fault else self._send(connection, reply)
        return not self._dies(call, place, "after") and keep

    def _place_of(self, call: Call) -> str:
        if self._desk.is_submit(call.method, call.path):
            return "submit"
        if _PICTURE.match(call.path):
            return "picture"
        return "poll" if _POLL.search(call.path) else "other"

    def _answer(self, call: Call, place: str) -> Reply:
        found = _PICTURE.match(call.path)
        if place != "picture" or not found or not found["id"]:
            return self._desk.answer(call)
        kind = (found["service"], found["type"])
        if kind not in self._drawn:
            reply = self._desk.answer(call)
            if reply.status != 200:
                return reply
            self._drawn[kind] = reply
        return self._drawn[kind]

    # Faults -----------------------------------------------------------------------------------------------

    def _replaced(self, fault: str, call: Call) -> Reply:
        if fault in REDIRECTS:
            origin = "" if fault == "redirect same host" else self.elsewhere.origin.replace("127.0.0.1", "localhost")
            return Reply(302, b"", headers={"Location": f"{origin}{call.path}?hop=1"})
        status = (REFUSALS | STATUSES)[fault]
        headers = {"429 with seconds": "1", "429 with date": formatdate(time.time() + 1.5, usegmt=True)}
        wait = {"Retry-After": headers[fault]} if fault in headers else {}
        return json_reply(status, {"error": {"message": "This is scripted."}}, wait)

    def _faulty(self, connection: socket.socket, fault: str, reply: Reply, closing: threading.Event) -> bool:
        """Play a fault that comes after the request was taken."""
        head, body = _head(reply), reply.body
        match fault:
            case "reset after read":
                return _reset(connection)
            case "reset mid-body":
                connection.sendall(head + body[: len(body) // 2])
                return _reset(connection)
            case "hang":
                closing.wait(_PATIENCE)
                return False
            case "slow drip":
                connection.sendall(head)
                for byte in body:
                    connection.sendall(bytes([byte]))
                    if closing.wait(_DRIP if len(body) > 1000 else _PATIENCE / len(body)):
                        break
                return False
            case "truncate":
                connection.sendall(head + body[: len(body) // 2])
                return False
            case "wrong length":
                connection.sendall(_head(reply, length=len(body) // 2) + body)
                return False
            case "garbage":
                connection.sendall(bytes(range(255, 0, -1)) * 4)
                return False
            case "missing fields" if reply.media_type != "application/json":
                connection.sendall(b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n" + body)
                return False
            case _:
                return self._send(connection, self._instead(fault, reply))

    def _instead(self, fault: str, reply: Reply) -> Reply:
        """Another answer than the service's own."""
        is_json = reply.media_type == "application/json"
        match fault:
            case "HTML 200":
                return Reply(200, b"<!doctype html><title>Please wait</title>", "text/html; charset=utf-8")
            case "empty 200":
                return Reply(200, b"", reply.media_type)
            case "unknown state":
                return _mapped(reply, _unheard_of) if is_json else Reply(299, reply.body, reply.media_type)
            case "missing fields":
                return _mapped(reply, lambda _: {})
            case "wrong types":
                return _mapped(reply, _of_wrong_types) if is_json else Reply(200, reply.body, "text/html")
            case _:
                return json_reply(STATUSES[fault], {"error": {"message": "This is scripted."}})

    def _send(self, connection: socket.socket, reply: Reply) -> bool:
        connection.sendall(_head(reply) + reply.body)
        return True

    # Deaths -----------------------------------------------------------------------------------------------

    def _dies(self, call: Call, place: str, when: str) -> bool:
        """Kill the client at this moment if that was asked for."""
        moment = {
            ("submit", "before"): "bytes left",
            ("submit", "instead"): "request read",
            ("submit", "after"): "reply sent",
            ("poll", "before"): "question asked",
        }.get((place, when))
        return moment is not None and self._kill(call, place, moment)

    def _dies_half_way(self, connection: socket.socket, call: Call, place: str, reply: Reply) -> bool:
        wanted = self._deaths.get(self._prompt(call, place) or "")
        if place != "picture" or wanted is None or wanted[1] != "picture half way":
            return False
        connection.sendall(_head(reply) + reply.body[: len(reply.body) // 2])
        time.sleep(0.02)  # so that it is written as well as sent
        return self._kill(call, place, "picture half way")

    def _kill(self, call: Call, place: str, moment: str) -> bool:
        prompt = self._prompt(call, place) or ""
        pid, wanted = self._deaths.get(prompt, (0, None))
        if wanted != moment:
            return False
        del self._deaths[prompt]  # the number may soon be another process's
        os.kill(pid, signal.SIGKILL)
        return True

    def _prompt(self, call: Call, place: str) -> str | None:
        if place == "submit":
            body = json.loads(call.body)
            return body.get("prompt") or body.get("payload", {}).get("prompt")
        found = (_PICTURE if place == "picture" else _POLL).search(call.path)
        return self._till.prompt(found["id"]) if found and found["id"] else None


class Port:
    """One listener that can be closed and opened again."""

    def __init__(self, server: FaultServer) -> None:
        self._server = server
        self._number = 0
        self._listener: socket.socket | None = None
        self.listen()

    @property
    def origin(self) -> str:
        """Scheme, host and port."""
        return f"http://127.0.0.1:{self._number}"

    def listen(self) -> None:
        """Take connections, at the same number as ever."""
        if self._listener is None:
            self._listener = socket.create_server(("127.0.0.1", self._number), backlog=64)
            self._number = self._listener.getsockname()[1]
            threading.Thread(target=self._accept, args=(self._listener,), daemon=True).start()

    def close(self) -> None:
        """Refuse connections from now on."""
        if self._listener is not None:
            listener, self._listener = self._listener, None
            listener.shutdown(socket.SHUT_RDWR)  # wakes accept()
            listener.close()

    def _accept(self, listener: socket.socket) -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            threading.Thread(target=self._converse, args=(connection,), daemon=True).start()

    def _converse(self, connection: socket.socket) -> None:
        try:
            with connection, connection.makefile("rb") as stream:
                connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                if self._server.greets(self):
                    _reset(connection)
                    return
                while self._server.serve(self, connection, stream):
                    pass
        except OSError:
            pass  # the client has gone, or was killed


def _read(stream: BinaryIO, origin: str) -> Call | None:
    """One whole request, or None where it does not come; `origin` is where its pictures will be."""
    method, _, rest = stream.readline().decode("latin-1").partition(" ")
    if not method.strip():
        return None
    lines = iter(lambda: stream.readline().decode("latin-1").strip(), "")
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    length = int(headers.get("content-length", "0"))
    body = stream.read(length)
    if len(body) < length:
        return None
    url = urlsplit(rest.rpartition(" ")[0])
    return Call(method, unquote(url.path), dict(parse_qsl(url.query)), headers, body, origin)


def _head(reply: Reply, length: int | None = None) -> bytes:
    size = len(reply.body) if length is None else length
    headers = {"Content-Type": reply.media_type, "Content-Length": str(size), **reply.headers}
    lines = [f"HTTP/1.1 {reply.status} Scripted", *(f"{name}: {value}" for name, value in headers.items())]
    return "\r\n".join([*lines, "", ""]).encode()


def _reset(connection: socket.socket) -> bool:
    """Closing it from now on sends a reset."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _NO_LINGER)
    return False


def _mapped(reply: Reply, change: Callable[[Any], object]) -> Reply:
    return json_reply(reply.status, change(json.loads(reply.body)))


def _unheard_of(value: Any) -> object:
    if isinstance(value, dict):
        return {key: "rehearsing" if key == "status" else _unheard_of(inner) for key, inner in value.items()}
    return value


def _of_wrong_types(value: Any) -> object:
    match value:
        case dict():
            return {key: _of_wrong_types(inner) for key, inner in value.items()}
        case str():
            return 7
        case list():
            return {}
        case _:
            return "seven"


def main(folder: str) -> None:
    """Serve until standard input ends."""
    server = FaultServer(Path(folder))
    print(json.dumps([server.services.origin, server.pictures.origin, server.elsewhere.origin]), flush=True)
    for line in sys.stdin:
        print(json.dumps(server.obey(json.loads(line))), flush=True)


if __name__ == "__main__":
    main(sys.argv[1])

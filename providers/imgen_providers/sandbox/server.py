"""The embedded services on a loopback port: sockets, bodies, and faults that happen to a connection."""

from __future__ import annotations

import contextlib
import math
import os
import socket
import socketserver
import struct
import sys
import threading
import time
from dataclasses import replace
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, cast
from urllib.parse import parse_qsl, unquote, urlsplit

from imgen_providers.sandbox.body import BadBody, read_body
from imgen_providers.sandbox.desk import Desk
from imgen_providers.sandbox.exchange import Call, Hangup, Reply, json_reply
from imgen_providers.sandbox.faults import FaultScript
from imgen_providers.sandbox.gate import Gate, is_ours
from imgen_providers.sandbox.store import JobStore

if TYPE_CHECKING:
    import ssl
    from collections.abc import Callable, Sequence
    from pathlib import Path
    from types import TracebackType
    from typing import Self
    from urllib.parse import SplitResult

    from imgen_providers.sandbox.faults import Fault

HOST = "127.0.0.1"
_NO_LINGER = struct.pack("hh" if os.name == "nt" else "ii", 1, 0)
_READ_SECONDS = 75.0
_CONNECTION_LIMIT = 256  # a program may have 1,024 files open, and the embedded one needs more than sockets
_CLOSE_SECONDS = 2.0
_LOOK_SECONDS = 1.0  # how often the thread that listens looks whether it is to end
_PIECES = 20


class SandboxServer:
    """The services on one loopback port, from construction until `close`.

    `folder` keeps the jobs, and may be shared by several servers. `seconds` is how long a job takes in all.
    `port` 0 takes a free one. `tls` makes it speak https. `log` gets one line per request, which never holds a key.
    With a `key`, every request must carry it, or a link that was signed with it; without one, any key works.
    `read_seconds` is how long a request may take to arrive whole, counted from the answer before it.
    Raises `OSError` when the port is taken or the folder cannot be written.
    """

    def __init__(
        self,
        folder: Path,
        *,
        seconds: float = 2.0,
        port: int = 0,
        faults: Sequence[Fault] = (),
        now: Callable[[], float] = time.time,
        log: Callable[[str], None] | None = None,
        tls: ssl.SSLContext | None = None,
        key: str | None = None,
        read_seconds: float = _READ_SECONDS,
    ) -> None:
        closing = threading.Event()
        script = FaultScript(faults)
        desk = Desk(JobStore(folder), script, seconds=seconds, now=now, closing=closing, key=key)
        self._closing = closing
        self._http = _Listener((HOST, port), desk, script, closing, log or _no_log, tls, Gate(key), read_seconds)
        self._idle = threading.Event()
        self._idle.set()

    @property
    def origin(self) -> str:
        """Scheme, host and port, such as "http://127.0.0.1:41234"."""
        return f"{self._http.scheme}://{HOST}:{self._http.server_port}"

    @property
    def port(self) -> int:
        """Where it listens."""
        return self._http.server_port

    def start(self) -> None:
        """Serve in a daemon thread; returns at once, and the port listens already."""
        self._idle.clear()
        threading.Thread(target=self.serve_forever, name="imgen-sandbox", daemon=True).start()

    def serve_forever(self) -> None:
        """Serve in this thread until `close` is called from another one, or Ctrl-C."""
        self._idle.clear()
        try:
            while not self._closing.is_set():
                self._http.handle_request()
                self._http.end_overdue()
        finally:
            self._idle.set()

    def close(self) -> None:
        """Stop listening and end every connection; jobs stay in the folder. May be called twice."""
        self._closing.set()
        if not self._idle.is_set():
            # A last connection wakes the thread that listens, so that closing takes no time.
            with contextlib.suppress(OSError):
                socket.create_connection((HOST, self._http.server_port), _LOOK_SECONDS).close()
            self._idle.wait(2 * _LOOK_SECONDS)
        self._http.server_close()
        self._http.end_connections()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


class _Listener(ThreadingHTTPServer):
    daemon_threads = True
    allow_reuse_address = os.name != "nt"  # there it would let two servers share a port
    timeout = _LOOK_SECONDS
    request_queue_size = 256  # the default of 5 makes a burst of clients wait for seconds

    def __init__(
        self,
        address: tuple[str, int],
        desk: Desk,
        faults: FaultScript,
        closing: threading.Event,
        log: Callable[[str], None],
        tls: ssl.SSLContext | None,
        gate: Gate,
        read_seconds: float,
    ) -> None:
        self.gate = gate
        self.desk = desk
        self.faults = faults
        self.closing = closing
        self.log = log
        self._read_seconds = read_seconds
        self._open: dict[socket.socket, float] = {}  # until when the next request must be whole, on the monotonic clock
        self._changed = threading.Condition()
        super().__init__(address, _Conversation)
        self.scheme = "https" if tls else "http"
        if tls:  # each connection's own thread shakes hands, not the one that listens
            self.socket = tls.wrap_socket(self.socket, server_side=True, do_handshake_on_connect=False)

    def server_bind(self) -> None:
        # HTTPServer's own also queries the resolver for this machine's name, which can take seconds.
        socketserver.TCPServer.server_bind(self)
        self.server_name, self.server_port = HOST, self.socket.getsockname()[1]

    def get_request(self) -> tuple[socket.socket, tuple[str, int]]:
        connection, address = super().get_request()
        with self._changed:
            self._open[connection] = time.monotonic() + self._read_seconds
        return connection, address

    def verify_request(self, request: object, client_address: object) -> bool:  # noqa: ARG002
        """Whether one connection more is served; each holds a thread."""
        return len(self._open) <= _CONNECTION_LIMIT

    def reading(self, connection: socket.socket) -> None:
        """An answer has left: from now on the next request must come."""
        self._due(connection, time.monotonic() + self._read_seconds)

    def answering(self, connection: socket.socket) -> None:
        """A request is whole; its answer takes as long as it takes."""
        self._due(connection, math.inf)

    def _due(self, connection: socket.socket, moment: float) -> None:
        with self._changed:
            if connection in self._open:
                self._open[connection] = moment

    def end_overdue(self) -> None:
        """End the connections whose request did not come whole in time, however often a byte of it came."""
        now = time.monotonic()
        with self._changed:
            for connection in [each for each, until in self._open.items() if until <= now]:
                _shut(connection)

    def close_request(self, request: socket.socket | tuple[bytes, socket.socket]) -> None:
        super().close_request(request)
        with self._changed:
            self._open.pop(cast("socket.socket", request), None)
            self._changed.notify_all()

    def end_connections(self) -> None:
        """End what is still open, and wait until its threads have let go of it."""
        with self._changed:
            for connection in self._open:
                _shut(connection)
            self._changed.wait_for(lambda: not self._open, _CLOSE_SECONDS)

    def handle_error(self, request: object, client_address: object) -> None:  # noqa: ARG002
        error = sys.exception()
        if not isinstance(error, OSError):  # a client that went away is no mistake of the sandbox
            self.log(f"The sandbox itself failed: {error!r}")


class _Conversation(BaseHTTPRequestHandler):
    server: _Listener
    protocol_version = "HTTP/1.1"
    server_version = "imgen-sandbox"
    sys_version = ""
    timeout = _READ_SECONDS
    disable_nagle_algorithm = True

    def _answer(self) -> None:
        try:
            target = urlsplit(self.path)
        except ValueError:
            self.send_error(HTTPStatus.BAD_REQUEST)
            return
        try:
            reply = self._reply(target)
        except Hangup as hangup:
            self._note(target.path, f"no answer ({hangup})")
            self._hang_up(abrupt=hangup.abrupt)
            return
        self._note(target.path, str(reply.status))
        self._send(reply)
        self.server.reading(self.connection)

    do_GET = do_HEAD = do_POST = do_PUT = do_DELETE = do_PATCH = _answer  # noqa: N815

    def _reply(self, target: SplitResult) -> Reply:
        host = target.netloc or self.headers.get("Host")
        # Under TLS the certificate decides: a browser does not believe it under a name that is not in it.
        if self.server.scheme == "http" and not is_ours(host):
            return self._unread(HTTPStatus.MISDIRECTED_REQUEST, "This server answers under names of this machine only.")
        call = Call(
            method=self.command,
            path=unquote(target.path),
            query=dict(parse_qsl(target.query)),
            headers={name.lower(): value for name, value in self.headers.items()},
            body=b"",
            origin=f"{self.server.scheme}://{host or f'{HOST}:{self.server.server_port}'}",
        )
        if refusal := self.server.gate.refuses(call):
            self.close_connection = True  # its body is not read
            return refusal
        if self.server.desk.is_submit(call.method, call.path) and self.server.faults.take("reset"):
            raise Hangup("reset", abrupt=True)
        try:
            body = read_body(self.headers, self.rfile)
        except BadBody as wrong:
            return self._unread(wrong.status, wrong.message)
        self.server.answering(self.connection)
        return self.server.desk.answer(replace(call, body=body))

    def _unread(self, status: HTTPStatus, message: str) -> Reply:
        self.close_connection = True
        return json_reply(status, {"error": message})

    def _send(self, reply: Reply) -> None:
        self.send_response(reply.status)
        self.send_header("Content-Type", reply.media_type)
        self.send_header("Content-Length", str(len(reply.body)))
        for name, value in reply.headers.items():
            self.send_header(name, value)
        if self.close_connection:
            self.send_header("Connection", "close")
        self.end_headers()
        if self.command == "HEAD":
            return
        body = reply.body if reply.sent is None else reply.body[: reply.sent]
        if reply.seconds:
            self._drip(body, reply.seconds)
        else:
            self.wfile.write(body)
        if reply.sent is not None:
            self._hang_up(abrupt=False)

    def _drip(self, body: bytes, seconds: float) -> None:
        step = -(-len(body) // _PIECES) or 1
        for start in range(0, len(body), step):
            self.wfile.write(body[start : start + step])
            if self.server.closing.wait(seconds / _PIECES):
                break

    def _hang_up(self, *, abrupt: bool) -> None:
        self.close_connection = True
        if abrupt:
            # Closing with a linger time of 0 sends RST; shutdown_request's orderly FIN must not come first.
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _NO_LINGER)
            self.rfile.close()
            self.connection.close()
        else:
            self.connection.shutdown(socket.SHUT_RDWR)

    def _note(self, path: str, outcome: str) -> None:
        self.server.log(f"{self.command} {path} {outcome}")

    def log_message(self, format: str, *args: object) -> None:
        """Nothing: `_note` writes the log, without the query, which may hold a signature."""


def _shut(connection: socket.socket) -> None:
    # Not SSLSocket's own, which takes the TLS away from under the thread that reads.
    with contextlib.suppress(OSError):
        socket.socket.shutdown(connection, socket.SHUT_RDWR)


def _no_log(_line: str) -> None:
    """The log of a server that has none."""

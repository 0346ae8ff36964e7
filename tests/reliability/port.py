"""HTTP as plain bytes on a listener that can be closed and opened again."""

from __future__ import annotations

import socket
import struct
import threading
from typing import BinaryIO, Protocol
from urllib.parse import parse_qsl, unquote, urlsplit

from imgen_providers.sandbox.exchange import Call, Reply

_NO_LINGER = struct.pack("ii", 1, 0)


class Server(Protocol):
    """Who decides what happens to what comes in at a port."""

    def resets(self, port: Port, stream: BinaryIO, /) -> bool:
        """Whether a connection ends before it has said what it wants."""
        ...

    def serve(self, port: Port, connection: socket.socket, stream: BinaryIO, /) -> bool:
        """One request and what becomes of it; whether the connection goes on."""
        ...


class Port:
    """One listener on loopback, always at the same number."""

    def __init__(self, server: Server) -> None:
        self._server = server
        self._number = 0
        self._listener: socket.socket | None = None
        self.listen()

    @property
    def origin(self) -> str:
        """Scheme, host and port."""
        return f"http://127.0.0.1:{self._number}"

    def listen(self) -> None:
        """Take connections, if it does not yet."""
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
                if self._server.resets(self, stream):
                    reset(connection)
                    return
                while self._server.serve(self, connection, stream):
                    pass
        except OSError:
            pass  # the client has gone, or was killed


def read(stream: BinaryIO, origin: str) -> Call | None:
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


def head(reply: Reply, length: int | None = None) -> bytes:
    """Status line and headers, with the true length of the body or another."""
    size = len(reply.body) if length is None else length
    headers = {"Content-Type": reply.media_type, "Content-Length": str(size), **reply.headers}
    lines = [f"HTTP/1.1 {reply.status} Scripted", *(f"{name}: {value}" for name, value in headers.items())]
    return "\r\n".join([*lines, "", ""]).encode()


def reset(connection: socket.socket) -> bool:
    """Closing it from now on sends a reset; always False, for it does not go on."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _NO_LINGER)
    return False

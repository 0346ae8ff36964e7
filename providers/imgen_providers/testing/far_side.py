"""The far side of the wire in two makes: a real server, and respx; the contract runs over both."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

import httpx

from imgen_providers.testing.wire import Fault, Received, Reply, WireServer

if TYPE_CHECKING:
    from collections.abc import Sequence

    import respx


class FarSide(Protocol):
    """The far side of the wire, however it is made."""

    @property
    def origin(self) -> str:
        """Where it listens."""
        ...

    def script(self, *replies: Reply | Fault) -> None:
        """What it does to each coming request; the last entry again and again."""
        ...

    def sent(self) -> Sequence[Received]:
        """The requests that reached it whole."""
        ...


class SocketFarSide:
    """A real server."""

    def __init__(self, server: WireServer) -> None:
        self._server = server
        self.origin = server.origin

    def script(self, *replies: Reply | Fault) -> None:
        """As the protocol says."""
        self._server.script[:] = replies

    def sent(self) -> Sequence[Received]:
        return self._server.requests


_AS_EXCEPTION = {
    Fault.RESET_ON_ACCEPT: httpx.ReadError("connection reset"),
    Fault.RESET_MID_BODY: httpx.WriteError("connection reset"),
    Fault.RESET_AFTER_READ: httpx.ReadError("connection reset"),
    Fault.CLOSE_AFTER_READ: httpx.RemoteProtocolError("server disconnected"),
    Fault.HANG: httpx.ReadTimeout("timed out"),
}


class RespxFarSide:
    """The same behind respx, whose network cannot be reached at all."""

    def __init__(self, router: respx.MockRouter, origin: str) -> None:
        self.origin = origin
        self._router = router
        self._script: list[Reply | Fault] = [Reply()]
        router.route(url__startswith=origin).mock(side_effect=self._answer)

    def script(self, *replies: Reply | Fault) -> None:
        """As the protocol says."""
        self._script[:] = replies

    def sent(self) -> Sequence[Received]:
        return [_received(call.request) for call in self._router.calls]

    def _answer(self, request: httpx.Request) -> httpx.Response:
        entry = self._script.pop(0) if len(self._script) > 1 else self._script[0]
        if isinstance(entry, Fault):
            raise _AS_EXCEPTION[entry]
        return httpx.Response(entry.status, headers=dict(entry.headers), content=entry.body)


def _received(request: httpx.Request) -> Received:
    headers = {name.lower(): value for name, value in request.headers.items()}
    return Received(request.method, request.url.raw_path.decode(), headers, request.content)

"""A company's network: its own certificates, and a proxy that everything has to go through. Real sockets, real TLS."""

from __future__ import annotations

import select
import socket
import socketserver
import ssl
import threading
from base64 import b64decode
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import trustme

from imgen_providers.sandbox.server import SandboxServer

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

HOST = "services.company.test"
ORIGIN = f"https://{HOST}"
USER = "visitor"
PASSWORD = "sesame-of-the-proxy"


@dataclass
class Company:
    """Services behind TLS that only `ca_file` vouches for, and the proxy in front of them.

    `connects` has the target of each CONNECT, and `requests` a line for what reached a service. `proxy` is for those
    whom the proxy lets through, `closed_proxy` for a user it does not know.
    """

    proxy: str
    closed_proxy: str
    ca_file: Path
    connects: list[str] = field(default_factory=list)
    requests: list[str] = field(default_factory=list)


@contextmanager
def company(folder: Path) -> Iterator[Company]:
    """The network, up until the end of the block."""
    authority = trustme.CA()
    ca_file = folder / "company.pem"
    authority.cert_pem.write_to_path(ca_file)
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert(HOST).configure_cert(tls)
    found = Company("", "", ca_file)
    with (
        SandboxServer(folder / "far side", seconds=0.1, log=found.requests.append, tls=tls) as services,
        _Proxy(found, int(services.origin.rpartition(":")[2])) as proxy,
    ):
        thread = threading.Thread(target=proxy.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        place = f"127.0.0.1:{proxy.server_address[1]}"
        found.proxy, found.closed_proxy = f"http://{USER}:{PASSWORD}@{place}", f"http://stranger:{PASSWORD}@{place}"
        try:
            yield found
        finally:
            proxy.shutdown()
            thread.join()


class _Proxy(socketserver.ThreadingTCPServer):
    daemon_threads = True

    def __init__(self, found: Company, port: int) -> None:
        super().__init__(("127.0.0.1", 0), _Tunnel)
        self.company = found
        self.services = ("127.0.0.1", port)


class _Tunnel(socketserver.StreamRequestHandler):
    server: _Proxy

    def handle(self) -> None:
        method, target, _ = self.rfile.readline().decode().split()
        headers = dict(line.decode().strip().split(": ", 1) for line in iter(self.rfile.readline, b"\r\n"))
        credentials = b64decode(headers.get("Proxy-Authorization", "").removeprefix("Basic ")).decode()
        self.server.company.connects.append(target)
        if method != "CONNECT" or credentials != f"{USER}:{PASSWORD}":
            self.wfile.write(b"HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n")
            return
        with socket.create_connection(self.server.services) as far:
            self.wfile.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
            _pump(self.connection, far)


def _pump(near: socket.socket, far: socket.socket) -> None:
    """Carry bytes both ways until one side hangs up."""
    other = {near: far, far: near}
    while True:
        for side in select.select([near, far], [], [])[0]:
            try:
                data = side.recv(65536)
                other[side].sendall(data)
            except OSError:
                return
            if not data:
                return

"""The connections of one process: certificates, proxies, User-Agent, and keep-alive clients per thread and origin."""

from __future__ import annotations

import logging
import ssl
import threading
import time
from typing import TYPE_CHECKING

import httpx

from imgen_providers import content_coding
from imgen_providers.addresses import is_loopback_host
from imgen_providers.errors import NotSent
from imgen_providers.exchanges import WatchedClient
from imgen_providers.exchanges import log as exchanges
from imgen_providers.proxies import proxy_for
from imgen_providers.redaction import Redaction
from imgen_providers.trust import context

if TYPE_CHECKING:
    from collections.abc import Callable


class Network:
    """What all HTTP of one process shares: certificates, User-Agent, and one keep-alive client per thread.

    A client per thread, because one shared httpx client spends most of its time on its own pool
    (measured with 64 requests in flight: 3.1 s shared, 1.1 s apart; httpcore issue 1035).
    `ca_file` is a PEM file that replaces the certificates that come with certifi; without one,
    `system_certificates` asks the machine whom it trusts (needs truststore). Times are in seconds.
    """

    def __init__(
        self,
        *,
        user_agent: str,
        ca_file: str | None = None,
        system_certificates: bool = False,
        connect_seconds: float = 10.0,
        read_seconds: float = 30.0,
        now: Callable[[], float] = time.time,
    ) -> None:
        self.user_agent = user_agent
        self.now = now
        self.connect_seconds = connect_seconds
        self._ca_file = ca_file
        self._system_certificates = system_certificates
        self._timeout = httpx.Timeout(read_seconds, connect=connect_seconds)
        self._lock = threading.Lock()
        self._ssl: ssl.SSLContext | None = None
        self._threads = threading.local()
        self._keys: tuple[str, ...] = ()

    def hide(self, key: str) -> None:
        """Let no log of exchanges show this key from now on."""
        with self._lock:
            self._keys = (*self._keys, key)

    def certificates(self) -> ssl.SSLContext:
        """The one SSL context of the process, made on first use (parsing the certificates takes 16 ms).

        Raises `NotSent` where the certificates cannot be read.
        """
        with self._lock:
            if self._ssl is None:
                self._ssl = context(self._ca_file, system=self._system_certificates)
            return self._ssl

    def new_client(self, to: str) -> httpx.Client:
        """A client for the URL `to`, which follows no redirect; the caller closes it.

        Nothing is taken from the environment but the proxy that this URL goes through; on loopback, not even that,
        and no certificates where none are needed. Raises `NotSent` where that proxy cannot be used.
        """
        url = _url(to)
        proxy = proxy_for(to)
        bare = url.scheme == "http" and is_loopback_host(url.raw_host.decode("ascii"))
        verify = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT) if bare else self.certificates()
        kind = WatchedClient if exchanges.isEnabledFor(logging.DEBUG) else httpx.Client
        try:
            client = kind(
                verify=verify,
                timeout=self._timeout,
                headers={"User-Agent": self.user_agent, "Accept-Encoding": content_coding.ACCEPTED},
                trust_env=False,
                proxy=httpx.Proxy(proxy.url) if proxy else None,
                event_hooks={"response": [_drop_unreadable_location]},
            )
        except (ValueError, ImportError, httpx.InvalidURL):
            # Not quoted: the address of a proxy may hold a password.
            variable = proxy.variable if proxy else "The environment"
            raise NotSent(f"{variable} names a proxy that is neither http nor https.") from None
        if isinstance(client, WatchedClient):
            client.redaction = lambda: Redaction(self._keys)
        return client

    def client(self, to: str) -> httpx.Client:
        """This thread's own client for the origin `to`, kept until `close`."""
        mine = self._mine()
        if to not in mine:
            mine[to] = self.new_client(to)
        return mine[to]

    def close(self) -> None:
        """Close this thread's clients; another thread may be at work with its own, and closes them itself."""
        mine = self._mine()
        while mine:
            mine.popitem()[1].close()

    def _mine(self) -> dict[str, httpx.Client]:
        found: dict[str, httpx.Client] | None = getattr(self._threads, "clients", None)
        if found is None:
            found = self._threads.clients = {}
        return found


def _url(text: str) -> httpx.URL:
    """A URL whose host can be read. Raises `NotSent`."""
    try:
        return httpx.URL(text)
    except (httpx.InvalidURL, ValueError):
        raise NotSent("An address cannot be read as a URL, so nothing was sent there.") from None


def _drop_unreadable_location(response: httpx.Response) -> None:
    """Take out a Location that httpx cannot read: it tries to, also where no redirect is followed, and raises."""
    location = response.headers.get("Location")
    if location is None:
        return
    try:
        url = httpx.URL(location)
        whole = url.copy_with(host=response.request.url.host) if url.scheme and not url.host else url
        response.request.url.join(whole).host  # noqa: B018  (it is decoded only now)
    except (httpx.InvalidURL, ValueError):
        del response.headers["Location"]

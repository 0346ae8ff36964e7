"""The connections of one process: certificates, proxies, User-Agent, and one keep-alive client per thread."""

from __future__ import annotations

import logging
import threading
import time
from contextlib import closing, contextmanager
from typing import TYPE_CHECKING

import httpx

from imgen_providers.bound import Bound, no_streams
from imgen_providers.content_coding import ACCEPTED
from imgen_providers.exchanges import WatchedClient
from imgen_providers.exchanges import log as exchanges
from imgen_providers.proxies import Routes
from imgen_providers.redaction import Redaction
from imgen_providers.trust import context

if TYPE_CHECKING:
    import ssl
    from collections.abc import Callable, Iterator

    from imgen_providers.base import Spool
    from imgen_providers.bound import Streams


class Network:
    """What all HTTP of one process shares: certificates, User-Agent, and one keep-alive client per thread.

    A client per thread, because one shared httpx client spends most of its time on its own pool
    (measured with 64 requests in flight: 3.1 s shared, 1.1 s apart; httpcore issue 1035).
    `ca_file` is a PEM file that replaces the certificates that come with certifi, and `ca_name` what sentences call
    it; without one, `system_certificates` asks the machine whom it trusts (needs truststore). Times are in seconds.
    """

    def __init__(
        self,
        *,
        user_agent: str,
        ca_file: str | None = None,
        ca_name: str | None = None,
        system_certificates: bool = False,
        connect_seconds: float = 10.0,
        read_seconds: float = 30.0,
        now: Callable[[], float] = time.time,
    ) -> None:
        self.user_agent = user_agent
        self.now = now
        self.connect_seconds = connect_seconds
        self.read_seconds = read_seconds
        self._ca_file = ca_file
        self._ca_name = ca_name
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
                self._ssl = context(self._ca_file, self._ca_name, system=self._system_certificates)
            return self._ssl

    def prepare(self, origin: str) -> None:
        """Import and make all that a request to an origin needs, so that it leaves at once: 40 ms the first time.

        Raises `NotSent` where the proxy or the certificates cannot be used.
        """
        with closing(Routes(self.certificates)) as routes:
            routes.route(origin)

    def new_client(self) -> httpx.Client:
        """A client that follows no redirect, and takes only the proxy that an address needs; the caller closes it.

        Its requests raise `NotSent` where that proxy, or the certificates, cannot be used.
        """
        kind = WatchedClient if exchanges.isEnabledFor(logging.DEBUG) else httpx.Client
        client = kind(
            transport=Routes(self.certificates),
            trust_env=False,
            timeout=self._timeout,
            headers={"User-Agent": self.user_agent, "Accept-Encoding": ACCEPTED},
            event_hooks={"response": [_drop_unreadable_location]},
        )
        if isinstance(client, WatchedClient):
            client.redaction = lambda: Redaction(self._keys)
        return client

    def client(self) -> httpx.Client:
        """This thread's own client, kept until `close`."""
        mine: httpx.Client | None = getattr(self._threads, "client", None)
        if mine is None:
            mine = self._threads.client = self.new_client()
        return mine

    @contextmanager
    def keeping(self, spool: Spool) -> Iterator[None]:
        """The answer to the paid request that this thread sends meanwhile goes into `spool` as it arrives."""
        self._threads.spool = spool
        try:
            yield
        finally:
            self._threads.spool = None

    @property
    def spool(self) -> Spool | None:
        """Where this thread's paid answer is kept, if anywhere."""
        return getattr(self._threads, "spool", None)

    def bound(self, seconds: float) -> Bound:
        """A bound on one exchange of this thread's own client."""
        streams: Streams | None = getattr(self._threads, "streams", None)
        if streams is None:
            streams = self._threads.streams = no_streams()
        return Bound(seconds, streams=streams)

    def close(self) -> None:
        """Close this thread's client; another thread may be at work with its own, and closes it itself."""
        mine: httpx.Client | None = getattr(self._threads, "client", None)
        if mine is not None:
            mine.close()
            self._threads.client = None


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

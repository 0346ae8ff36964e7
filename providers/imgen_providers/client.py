"""All HTTP policy between imgen and a service.

Questions may be asked again; a paid request is sent once, and how it ended is read from what really left
(`submission`), never from an exception's name alone. No redirect is followed with a
key on board, and no key comes back out: answers that echo it are cleaned at the door.
"""

from __future__ import annotations

import logging
import threading
import time
from typing import TYPE_CHECKING, TypeVar

import httpx

from imgen_providers.answers import (
    SENTENCES,
    Answer,
    Explanation,
    explain,
    meaning,
    names_content_policy,
    request_id,
    retry_after,
)
from imgen_providers.body import FileBody, JsonBody, ReferenceChangedError, shown
from imgen_providers.catalog import SERVICES
from imgen_providers.errors import (
    Busy,
    KeyRefused,
    NotSent,
    NotUnderstood,
    RateLimited,
    ServiceError,
    Uncertain,
    Unreachable,
)
from imgen_providers.exchanges import WatchedClient
from imgen_providers.exchanges import log as exchanges
from imgen_providers.proxies import Routes, way
from imgen_providers.redaction import Redaction
from imgen_providers.submission import Trace, nothing_accepted
from imgen_providers.trust import context, distrust

if TYPE_CHECKING:
    import ssl
    from collections.abc import Callable, Mapping
    from contextlib import AbstractContextManager

    from pydantic import BaseModel

    from imgen_providers.base import Account, Json, PictureFile

    Shape = TypeVar("Shape", bound=BaseModel)

__all__ = ["Answer", "Api", "Explanation", "Network", "explain", "names_content_policy", "shown"]

_ANSWER_LIMIT = 192 * 1024 * 1024  # bytes: one answer with four 4K pictures in base64 fits
_TEXT_LIMIT = 400  # characters of what went wrong on the wire that an error carries
_QUESTION_SECONDS = 120.0  # for the whole answer to a question, however slowly it trickles

# stamina logs every retry; without a handler of anybody's, logging would print that on stderr.
logging.getLogger("stamina").addHandler(logging.NullHandler())


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

    def new_client(self) -> httpx.Client:
        """A client that follows no redirect and reaches loopback without a proxy; the caller closes it.

        Its requests raise `NotSent` where the proxy that they would take, or the certificates, cannot be used.
        """
        kind = WatchedClient if exchanges.isEnabledFor(logging.DEBUG) else httpx.Client
        client = kind(
            transport=Routes(self.certificates),
            trust_env=False,
            timeout=self._timeout,
            headers={"User-Agent": self.user_agent},
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

    def close(self) -> None:
        """Close this thread's client; another thread may be at work with its own, and closes it itself."""
        mine: httpx.Client | None = getattr(self._threads, "client", None)
        if mine is not None:
            mine.close()
            self._threads.client = None


class Api:
    """One service's origin with its key: asks questions, and sends a paid request once.

    `service` is its name in the catalogue, which says what people call it and how long a submit may take.
    `headers` carry the key; `explain` reads its error bodies. What no header can hold is a `KeyRefused`.
    """

    def __init__(
        self,
        service: str,
        account: Account,
        network: Network,
        *,
        headers: Mapping[str, str],
        explain: Callable[[Answer], Explanation] = explain,
    ) -> None:
        entry = SERVICES[service]
        self._title = entry.title
        self.submit_seconds = entry.submit_seconds
        self._account = account
        self._network = network
        self._headers = {"Accept": "application/json", **headers}
        self._explain = explain
        self._redaction = Redaction([account.key])
        network.hide(account.key)
        if not account.key.isascii() or not account.key.isprintable() or not account.key.strip():
            # The library under us would say so too, and quote the key.
            raise KeyRefused(f"The key of {self._title} is empty or holds characters that no key has.")
        for name, value in self._headers.items():
            if not value.isascii() or not value.isprintable():
                raise KeyRefused(f"What {self._title} is to be told as {name} holds characters that no header has.")

    def post_once(self, path: str, body: Mapping[str, object], headers: Mapping[str, str] | None = None) -> Answer:
        """Send a paid request exactly once, on a fresh connection; returns only a 2xx answer.

        Raises `NotSent`, a `Refused`, or `Uncertain`: what it means for the person's money.
        """
        trace = Trace()
        with self._network.new_client() as client:
            request = self._paid_request(client, path, body, headers or {}, trace)
            try:
                response = client.send(request, stream=True)
            except httpx.HTTPError as error:
                # Not chained: the exception under it may quote the wire, and the wire the key.
                raise self._lost(error, trace) from None
            except ReferenceChangedError as error:
                raise NotSent(f"The request was cut short before it was whole: {error}.") from error
            try:
                answer = self._whole(response, self.submit_seconds)
            except httpx.HTTPError as error:
                # The status line is an answer too: a refusal stays one, however little of its text came.
                answer = Answer(response.status_code, self._headers_of(response), b"")
                if response.is_success:
                    raise self._error(Uncertain, answer, f"its answer broke off ({self._clean(error)})") from None
        if response.is_success:
            return answer
        raise self.failure(answer, paid=True)

    def _paid_request(
        self, client: httpx.Client, path: str, body: Mapping[str, object], headers: Mapping[str, str], trace: Trace
    ) -> httpx.Request:
        url = self._url(path)
        content = JsonBody(body)
        length = {"Content-Type": "application/json", "Content-Length": str(len(content))}
        try:
            return client.build_request(
                "POST",
                url,
                content=content,
                headers={**self._headers, **headers, **length},
                timeout=httpx.Timeout(self.submit_seconds, connect=self._network.connect_seconds),
                extensions={"trace": trace},
            )
        except (ValueError, TypeError, httpx.InvalidURL) as error:
            # Not quoted, not chained: it may hold what is in the headers.
            raise NotSent(f"The request to {self._title} cannot be written ({type(error).__name__}).") from None

    def get(self, path: str, params: Mapping[str, str] | None = None) -> Answer:
        """Ask a free question; a blip is asked again, at most twice and within seconds. Returns only a 2xx.

        Raises a `Refused`, `Unreachable` or `NotUnderstood`, with `retry_after` where a time was named.
        """
        return self._ask(lambda client: client.stream("GET", self._url(path), params=params, headers=self._headers))

    def post_free(self, path: str, body: Mapping[str, Json]) -> Answer:
        """Send a request that costs nothing and makes nothing twice; otherwise like `get`."""
        return self._ask(lambda client: client.stream("POST", self._url(path), json=body, headers=self._headers))

    def put_file(self, url: str, picture: PictureFile) -> None:
        """Put a picture at a signed URL that the service gave, with no key of ours; sent once, free.

        Raises `Unreachable`, or `NotSent` when the file is not the one that was recorded.
        """
        if not (self.trusts(url) or url.startswith("https://")):
            raise NotUnderstood(f"{self._title} named a place for uploads that is not safe to send to.")
        headers = {"Content-Type": picture.media_type, "Content-Length": str(picture.size)}
        try:
            with self._network.new_client() as client:
                response = client.put(url, content=FileBody(picture), headers=headers)
        except httpx.HTTPError as error:
            raise Unreachable(f"{picture.path.name} could not be uploaded: {self._clean(error)}.") from None
        except ReferenceChangedError as error:
            raise NotSent(f"The upload was cut short before it was whole: {error}.") from error
        if not response.is_success:
            # Storage, not the service: a 403 here is about the signed address, not about the key.
            raise Unreachable(f"{picture.path.name} could not be uploaded: storage said HTTP {response.status_code}.")

    def trusts(self, url: str) -> bool:
        """Whether a URL that the service named lies on its own origin, so that the key may go there."""
        try:
            theirs, ours = httpx.URL(url), httpx.URL(self._account.origin)
        except httpx.InvalidURL:
            return False
        return (theirs.scheme, theirs.host, theirs.port) == (ours.scheme, ours.host, ours.port)

    def read(self, answer: Answer, shape: type[Shape], *, paid: bool) -> Shape:
        """A 2xx answer as the pydantic model that describes it. Raises what `unexpected` gives."""
        try:
            return shape.model_validate_json(answer.body)
        except ValueError:
            raise self.unexpected(answer, paid=paid) from None

    def unexpected(self, answer: Answer, *, paid: bool) -> ServiceError:
        """The error for a 2xx answer whose body nobody understands: a paid one may have been charged."""
        kind = Uncertain if paid else NotUnderstood
        return self._error(kind, answer, "it answered in a form that no document of it describes")

    def failure(self, answer: Answer, *, paid: bool) -> ServiceError:
        """The error that an answer other than 2xx means, for a paid request or for a question."""
        explanation = self._explain(answer)
        kind = explanation.verdict or meaning(answer.status, paid=paid)
        if not paid and kind in (Busy, Uncertain):
            kind = Unreachable
        return self._error(kind, answer, explanation.message, explanation)

    def _ask(self, stream: Callable[[httpx.Client], AbstractContextManager[httpx.Response]]) -> Answer:
        import stamina

        for attempt in stamina.retry_context(
            on=_worth_asking_again, attempts=3, timeout=15.0, wait_initial=0.3, wait_max=2.0, wait_jitter=0.3
        ):
            with attempt:
                return self._ask_once(stream)
        raise AssertionError("stamina raises the last error itself")

    def _ask_once(self, stream: Callable[[httpx.Client], AbstractContextManager[httpx.Response]]) -> Answer:
        try:
            with stream(self._network.client()) as response:
                answer = self._whole(response, _QUESTION_SECONDS)
        except httpx.HTTPError as error:
            raise Unreachable(f"{self._title} could not be reached{self._way()}: {self._clean(error)}.") from None
        if response.is_success:
            return answer
        raise self.failure(answer, paid=False)

    def _url(self, path: str) -> str:
        if not path.startswith("/"):
            raise ValueError("a path begins with a slash, or it could name another host")
        return self._account.origin + path

    def _whole(self, response: httpx.Response, seconds: float) -> Answer:
        body = bytearray()
        until = time.monotonic() + seconds
        for chunk in response.iter_bytes():
            body += chunk
            if len(body) > _ANSWER_LIMIT:
                raise httpx.ReadError("the answer is larger than any picture it could hold")
            if time.monotonic() > until:
                raise httpx.ReadTimeout("the answer came too slowly")
        return Answer(response.status_code, self._headers_of(response), self._redaction.data(bytes(body)))

    def _headers_of(self, response: httpx.Response) -> Mapping[str, str]:
        return httpx.Headers([(name, self._redaction.data(value)) for name, value in response.headers.raw])

    def _clean(self, error: Exception) -> str:
        text = distrust(error) or " ".join(str(error).split()).rstrip(".") or type(error).__name__
        return self._redaction.text(text)[:_TEXT_LIMIT]

    def _way(self) -> str:
        """The proxy between here and the service, where there is one."""
        return way(self._account.origin)

    def _lost(self, error: httpx.HTTPError, trace: Trace) -> ServiceError:
        reason = self._clean(error)
        if nothing_accepted(error, trace):
            return NotSent(f"{self._title} could not be reached{self._way()}: {reason}.")
        return Uncertain(f"The request left, but no answer of {self._title} came back: {reason}.")

    def _error(
        self, kind: type[ServiceError], answer: Answer, text: str, explanation: Explanation | None = None
    ) -> ServiceError:
        said = f": {text.rstrip('.')}" if text else ""
        return kind(
            f"{self._title} {SENTENCES[kind]} (HTTP {answer.status}){said}.",
            code=explanation.code if explanation else None,
            http_status=answer.status,
            request_id=(explanation and explanation.request_id) or request_id(answer.headers),
            retry_after=retry_after(answer.headers.get("retry-after"), self._network.now()),
        )


def _worth_asking_again(error: Exception) -> bool | float:
    if not isinstance(error, Unreachable | RateLimited):
        return False
    if error.retry_after is not None:
        # A longer wait belongs to the schedule of whoever asked, not to a thread that sleeps.
        return error.retry_after if error.retry_after <= 2.0 else False
    return isinstance(error, Unreachable)

"""All HTTP policy between imgen and a service.

Questions may be asked again; a paid request is sent once, and how it ended is read from what really left
(`submission`), never from an exception's name alone. No redirect is followed with a
key on board, and no key comes back out: answers that echo it are cleaned at the door.
"""

from __future__ import annotations

import logging
import re
import secrets
import time
from contextlib import closing
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, TypeVar

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
    words,
)
from imgen_providers.assets import is_surely_one, looks_like_picture, read_assets, read_results
from imgen_providers.base import InlineAsset, Job, Queued, Status, Succeeded, Unrecognised
from imgen_providers.body import Base64, JsonBody, ReferenceChangedError, shown
from imgen_providers.bound import Bound
from imgen_providers.catalog import SERVICES
from imgen_providers.content_coding import unpacked
from imgen_providers.errors import (
    Busy,
    KeyRefused,
    NotSent,
    NotUnderstood,
    RateLimited,
    Refused,
    ServiceError,
    Uncertain,
    Unreachable,
    in_words,
)
from imgen_providers.identifiers import find_id, id_in_link, named_id
from imgen_providers.json_text import canonical
from imgen_providers.network import Network
from imgen_providers.peers import PeerRefused
from imgen_providers.proxies import way
from imgen_providers.redaction import Redaction
from imgen_providers.signed_urls import UPLOAD_SECONDS, send
from imgen_providers.submission import Trace, nothing_accepted
from imgen_providers.trust import distrust

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from contextlib import AbstractContextManager

    from imgen_providers.base import Account, Asset, Json, PictureFile, Spool
    from imgen_providers.fields import Fields

    Shape = TypeVar("Shape", bound=Fields)
    _Question = Callable[[httpx.Client, dict[str, Any]], AbstractContextManager[httpx.Response]]

__all__ = ["Answer", "Api", "Base64", "Explanation", "Network", "explain", "names_content_policy", "shown", "words"]

_ANSWER_LIMIT = 192 * 1024 * 1024  # bytes: one answer with four 4K pictures in base64 fits
_TEXT_LIMIT = 400  # characters of what went wrong on the wire that an error carries
_OF_ERRORS = ("error", "errors", "detail")  # fields of an answer that is none
_PICTURE_FILE = re.compile(r"\.(?:png|jpe?g|webp)(?:$|[?#])", re.IGNORECASE)
_INLINE = "inline-"  # begins our own name for a job whose answer held its pictures and no id
_MOST_KEYS = 30  # of an answer without pictures that are reported
_KEY_LENGTH = 60  # characters
_CONNECT_STEPS = 3  # a name, a connection and its encryption, each bounded by itself between two bytes only
_REDIRECTS = 3  # of one question, on the service's own origin
_RETRY_SECONDS = 15.0  # after the first try, within which a question is asked again
_QUESTION_SECONDS = 120.0  # for the whole answer to a question, however slowly it comes

# stamina logs every retry; without any handler, logging would print that on stderr.
logging.getLogger("stamina").addHandler(logging.NullHandler())


class Api:
    """One service's origin with its key: asks questions, and sends a paid request once.

    `service` is its name in the catalogue, which says what people call it and how long a submit may take. `headers`
    carry the key; `id_names` are what it calls the id of a job, best first, none where a job cannot be polled;
    `explain` reads its error bodies. What no header can hold is a `KeyRefused`.
    """

    def __init__(
        self,
        service: str,
        account: Account,
        network: Network,
        *,
        headers: Mapping[str, str],
        id_names: Sequence[str] = ("id",),
        explain: Callable[[Answer], Explanation] = explain,
    ) -> None:
        entry = SERVICES[service]
        self._service = service
        self._title = entry.title
        self.submit_seconds = entry.submit_seconds
        self._account = account
        self._network = network
        self._headers = {"Accept": "application/json", **headers}
        self._id_names = id_names
        self._explain = explain
        self._redaction = Redaction([account.key])
        network.hide(account.key)
        if not account.key.isascii() or not account.key.isprintable() or not account.key.strip():
            # The library under us would say so too, and quote the key.
            raise KeyRefused(f"The key of {self._title} is empty or holds characters that no key has.")
        for name, value in self._headers.items():
            if not value.isascii() or not value.isprintable():
                raise KeyRefused(f"The value of {name} for {self._title} holds characters that no header has.")

    def post_once(self, path: str, body: Mapping[str, object], headers: Mapping[str, str] | None = None) -> Answer:
        """Send a paid request exactly once, on a fresh connection; returns only a 2xx answer.

        Raises `NotSent`, a `Refused`, or `Uncertain`: what it means for the person's money.
        """
        trace = Trace()
        with self._paid_bound(trace) as bound, self._network.new_client() as client:
            request = self._paid_request(client, path, body, headers or {}, bound)
            try:
                response = client.send(request, stream=True)
            except httpx.HTTPError as error:
                # Not chained: the exception under it may quote the wire, and the wire the key.
                raise self._lost(error, trace, bound) from None
            except ReferenceChangedError as error:
                raise NotSent(f"The request was cut short before it was whole: {error}.") from error
            except UnicodeError:  # from the resolver, for a host name with a label over 63 letters
                raise NotSent(f"The address of {self._title} holds a host name that cannot exist.") from None
            came = bytearray()
            try:
                with closing(response):
                    bound.restart(self.submit_seconds)
                    answer = self._whole(response, came, self._network.spool)
            except httpx.HTTPError as error:
                # The status line is an answer too: a refusal stays one, however little of its text came.
                answer = self._answer(response, came)
                if response.is_success:
                    raise self._error(
                        Uncertain, answer, f"its answer broke off ({self._clean(error, bound)})"
                    ) from None
        if response.is_success:
            return answer
        raise self.failure(answer, paid=True)

    def _paid_bound(self, trace: Trace) -> Bound:
        """A bound on connecting, none on sending references over a slow line, then one on the answer."""

        def watch(event: str, info: dict[str, Any]) -> None:
            trace(event, info)
            if event.endswith(".send_request_headers.started"):
                bound.restart(None)
            elif event.endswith(".send_request_body.complete"):
                bound.restart(self.submit_seconds)

        bound = Bound(_CONNECT_STEPS * self._network.connect_seconds, watch)
        return bound

    def _paid_request(
        self, client: httpx.Client, path: str, body: Mapping[str, object], headers: Mapping[str, str], trace: Bound
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

    def kept(self, headers: Mapping[str, str], body: bytes) -> Answer:
        """An answer to a paid request from the bytes that were kept of it, free of the key as one that just came."""
        # As bytes: gateways put what is no ASCII into a header, such as the user's city.
        raw = [(name.encode(errors="replace"), value.encode(errors="replace")) for name, value in headers.items()]
        clean = httpx.Headers([(name, self._redaction.data(value)) for name, value in raw])
        return Answer(200, clean, self._cleaned(body))

    def get(self, path: str, params: Mapping[str, str] | None = None) -> Answer:
        """Ask a free question; a blip is asked again, at most twice and within seconds. Returns only a 2xx.

        Raises a `Refused`, `Unreachable` or `NotUnderstood`, with `retry_after` where a time was named.
        """
        url = self._url(path)
        return self._ask(
            lambda client, trace: client.stream("GET", url, params=params, headers=self._headers, extensions=trace)
        )

    def post_free(
        self, path: str, body: Mapping[str, Json], headers: Mapping[str, str] | None = None, *, method: str = "POST"
    ) -> Answer:
        """Send a request that costs nothing and makes nothing twice; otherwise like `get`."""
        url = self._url(path)
        all_headers = {**self._headers, **(headers or {})}
        return self._ask(
            lambda client, trace: client.stream(method, url, json=body, headers=all_headers, extensions=trace)
        )

    def put_file(
        self, url: str, picture: PictureFile, *, method: str = "PUT", headers: Mapping[str, str] | None = None
    ) -> None:
        """Put a picture at a signed URL that the service gave, with no key of ours; sent once, free.

        Raises `Unreachable`, `NotUnderstood` when the URL leads to a private place or is no https, or `NotSent` when
        the file is not the one that was recorded.
        """
        try:
            status = send(
                self._network,
                method,
                url,
                trusted_origin=self._account.origin,
                seconds=UPLOAD_SECONDS,
                picture=picture,
                headers=headers,
            )
        except PeerRefused as refused:
            raise NotUnderstood(
                f"{self._title} named a place for uploads that is not safe to send to: {refused.message}"
            ) from None
        except Unreachable as error:
            reason = self._redaction.text(error.message)
            raise Unreachable(f"{picture.path.name} could not be uploaded: {reason}.") from None
        except ReferenceChangedError as error:
            raise NotSent(f"The upload was cut short before it was whole: {error}.") from error
        if not 200 <= status < 300:
            # Storage, not the service: a 403 here is about the signed address, not about the key.
            raise Unreachable(f"{picture.path.name} could not be uploaded: storage answered HTTP {status}.")

    def trusts(self, url: str) -> bool:
        """Whether a URL that the service named lies on its own origin, so that the key may go there."""
        try:
            theirs, ours = httpx.URL(url), httpx.URL(self._account.origin)
            return (theirs.scheme, theirs.raw_host, theirs.port) == (ours.scheme, ours.raw_host, ours.port)
        except (httpx.InvalidURL, ValueError):
            return False

    def read(self, answer: Answer, shape: type[Shape], *, paid: bool) -> Shape:
        """A 2xx answer with the fields that `shape` declares. Raises what `unexpected` gives.

        A paid one is never refused for its form, so that `accepted` finds an id that stands elsewhere.
        """
        try:
            return shape(answer.content())
        except ValueError:
            if paid:
                return shape({})
            raise self.unexpected(answer, paid=False) from None

    def accepted(
        self,
        answer: Answer,
        status: Status,
        *,
        remote_id: str | None = None,
        handle: Mapping[str, str] | None = None,
        inline_name: str | None = None,
    ) -> Job:
        """The job that a 2xx answer to a paid submit means: one that holds an id anywhere is accepted.

        `remote_id` is the id where it stands where the document has it. An answer with pictures and no id is a job of
        its own, called by `inline_name`: equal bytes may be paid for twice. Raises what `unexpected` gives.
        """
        found = remote_id or self.id_of(answer)
        if found is None and isinstance(status, Succeeded) and status.assets:
            found = f"{_INLINE}{inline_name or secrets.token_hex(8)}"
        if found is None:
            raise self.unexpected(answer, paid=True)
        if isinstance(status, Unrecognised) or (isinstance(status, Succeeded) and not status.assets):
            # What is not there yet, or not understood, is for the first poll to report.
            status = Queued()
        return Job(self._service, found, status, handle or {})

    def id_of(self, answer: Answer) -> str | None:
        """The id of the job wherever it stands in a 2xx answer to a paid submit."""
        try:
            found = find_id(answer.json(), self._id_names)
        except ValueError:
            found = None
        return found or id_in_link(answer.headers.get("Location"))

    def pictures_of(self, answer: Answer) -> tuple[Asset, ...]:
        """Every picture in a 2xx answer that has the form of no document; none where it reports an error.

        A link in a field that has no known name counts only where it names a picture's file: any other may lead to a
        document about an error.
        """
        try:
            content = answer.content()
        except ValueError:
            return ()
        if isinstance(content, dict) and any(map(content.get, _OF_ERRORS)):
            return ()
        results: Json = content if isinstance(content, dict | list) else [{"": content}]
        found = read_assets(results, base=self._account.origin)
        if not found:
            found = read_results(results, base=self._account.origin)
            if isinstance(content, dict):
                found = tuple(each for each in found if isinstance(each, InlineAsset) or _PICTURE_FILE.search(each.url))
        return tuple(each for each in found if is_surely_one(each))

    def came_inline(self, job: Job) -> bool:
        """Whether the job was only an answer with its pictures, which cannot be asked for again."""
        return job.remote_id.startswith(_INLINE)

    def finished(self, assets: tuple[Asset, ...], answer: object, conversation: Json = None) -> Succeeded:
        """The success of a job, with the names of the fields of its answer where it held no picture."""
        return Succeeded(assets, conversation, () if assets else self._keys_of(answer))

    def _keys_of(self, answer: object) -> tuple[str, ...]:
        if not isinstance(answer, dict):
            return ()
        inner = [f"{key}.{name}" for key, value in answer.items() if isinstance(value, dict) for name in value]
        return tuple(self._redaction.text(str(key))[:_KEY_LENGTH] for key in [*answer, *inner][:_MOST_KEYS])

    def unexpected(self, answer: Answer, *, paid: bool) -> ServiceError:
        """The error for a 2xx answer without what was asked for, in the service's own words where it has some.

        A paid one may have been charged, unless its own error code is documented to charge nothing.
        """
        explanation = self._explain(answer)
        kind = explanation.verdict or (Uncertain if paid else NotUnderstood)
        if not paid and kind in (Busy, Uncertain):
            kind = Unreachable
        text = "it answered in a form that no document of it describes"
        if explanation.is_page:
            text = explanation.message
        elif explanation.message:
            text += f": {explanation.message}"
        return self._error(kind, answer, text, explanation if explanation.verdict else None)

    def failure(self, answer: Answer, *, paid: bool) -> ServiceError:
        """The error that an answer other than 2xx means, for a paid request or for a question."""
        explanation = self._explain(answer)
        kind = explanation.verdict or meaning(answer.status, paid=paid)
        if not paid and (kind in (Busy, Uncertain) or (kind is KeyRefused and explanation.is_page)):
            kind = Unreachable  # a firewall's page says nothing of the key
        if kind is Refused and answer.status == HTTPStatus.SEE_OTHER and _names_job(answer.headers.get("Location")):
            kind = Uncertain  # the request was taken, and its job is there (RFC 9110, 15.4.4)
        return self._error(kind, answer, explanation.message, explanation)

    def _ask(self, stream: _Question) -> Answer:
        began = time.monotonic()
        try:
            return self._ask_once(stream)
        except (Unreachable, RateLimited) as error:
            left = _RETRY_SECONDS - (time.monotonic() - began)
            if left <= 0:
                raise
            return self._ask_again(stream, error, left)

    def _ask_again(self, stream: _Question, met: ServiceError, seconds: float) -> Answer:
        import stamina  # 12 ms, and nearly every question is answered at once

        for attempt in stamina.retry_context(
            on=_worth_asking_again, attempts=3, timeout=seconds, wait_initial=0.3, wait_max=2.0, wait_jitter=0.3
        ):
            with attempt:
                if attempt.num == 1:
                    raise met
                return self._ask_once(stream)
        raise AssertionError("stamina raises the last error itself")

    def _ask_once(self, stream: _Question, hops: int = _REDIRECTS) -> Answer:
        bound = self._network.bound(self._network.connect_seconds + self._network.read_seconds)
        try:
            with bound, stream(self._network.client(), {"trace": bound}) as response:
                bound.restart(_QUESTION_SECONDS)
                answer = self._whole(response, bytearray())
        except httpx.HTTPError as error:
            reason = self._clean(error, bound)
            raise Unreachable(f"{self._title} could not be reached{self._way()}: {reason}.") from None
        except (httpx.InvalidURL, ValueError):
            # Not quoted: what cannot be written may hold anything. A host name too long for a resolver is one, too.
            raise NotUnderstood(f"The question to {self._title} cannot be written as a URL.") from None
        if response.is_success:
            return answer
        onward = response.next_request
        if hops and onward and response.request.method == "GET" and self.trusts(str(onward.url)):
            # On the service's own origin, such as to the same path with a slash behind it: the key goes nowhere else.
            url, headers = onward.url, self._headers
            return self._ask_once(
                lambda client, trace: client.stream("GET", url, headers=headers, extensions=trace), hops - 1
            )
        raise self.failure(answer, paid=False)

    def _url(self, path: str) -> str:
        if not path.startswith("/"):
            raise ValueError("a path begins with a slash, or it could name another host")
        return self._account.origin + path

    def _whole(self, response: httpx.Response, body: bytearray, spool: Spool | None = None) -> Answer:
        """The whole answer; `body` takes what comes of it, also where it breaks off."""
        spool = spool if response.is_success else None
        if spool:
            spool.begin(self._answer(response, body).headers)
        coding = response.headers.get("Content-Encoding", "")
        for chunk in unpacked(response.iter_raw(), coding):
            body += chunk
            if spool:
                spool.write(chunk)
            if len(body) > _ANSWER_LIMIT:
                raise httpx.ReadError("the answer is larger than any picture it could hold")
        if spool:
            spool.end()
        return self._answer(response, body)

    def _answer(self, response: httpx.Response, body: bytearray) -> Answer:
        raw = response.headers.raw
        whole = b" ".join(value for _, value in raw)
        if self._redaction.data(whole) != whole:
            raw = [(name, self._redaction.data(value)) for name, value in raw]
        return Answer(response.status_code, httpx.Headers(raw), self._cleaned(bytes(body)))

    def _cleaned(self, body: bytes) -> bytes:
        """The body without the key; a picture is not read as a text for it."""
        return self._redaction.data(body if looks_like_picture(body) else canonical(body))

    def _clean(self, error: Exception, bound: Bound | None = None) -> str:
        if bound and bound.over:
            return "the answer came too slowly"
        text = distrust(error) or in_words(error)
        return self._redaction.text(text)[:_TEXT_LIMIT]

    def _way(self) -> str:
        """The proxy between here and the service, where there is one."""
        return way(self._account.origin)

    def _lost(self, error: httpx.HTTPError, trace: Trace, bound: Bound) -> ServiceError:
        reason = self._clean(error, bound)
        if nothing_accepted(error, trace):
            return NotSent(f"{self._title} could not be reached{self._way()}: {reason}.")
        return Uncertain(f"The request left, but no answer of {self._title} came back: {reason}.")

    def _error(
        self, kind: type[ServiceError], answer: Answer, text: str, explanation: Explanation | None = None
    ) -> ServiceError:
        said = f": {text.rstrip('.')}" if text else ""
        wait = explanation.retry_after if explanation else None
        return kind(
            f"{self._title} {SENTENCES[kind]} (HTTP {answer.status}){said}.",
            code=explanation.code if explanation else None,
            http_status=answer.status,
            request_id=(explanation and explanation.request_id) or request_id(answer.headers),
            retry_after=wait or retry_after(answer.headers.get("retry-after"), self._network.now()),
            remote_id=self._named(answer) if kind is Uncertain and self._id_names else None,
        )

    def _named(self, answer: Answer) -> str | None:
        """What may be the job's id in an answer that settles nothing."""
        return named_id(answer.body, self._id_names) or id_in_link(answer.headers.get("Location"))


def _names_job(location: str | None) -> bool:
    """Whether an address is that of a job; an id without a digit may be a word of the service's own paths."""
    return any(character.isdecimal() for character in id_in_link(location) or "")


def _worth_asking_again(error: Exception) -> bool | float:
    if not isinstance(error, Unreachable | RateLimited):
        return False
    if error.retry_after:
        # A longer wait belongs to the caller's schedule, not to a thread that sleeps.
        return error.retry_after if error.retry_after <= 2.0 else False
    return isinstance(error, Unreachable)  # no time, or none to wait: then the backoff is ours

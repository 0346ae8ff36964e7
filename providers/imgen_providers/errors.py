"""The errors of a service, one class for each thing that a failure can mean for the user's money.

ServiceError
├── NotSent                 nothing arrived: may go again
├── Uncertain               the reply to a paid request was lost: may have been charged
├── Refused                 answered, and not charged
│   ├── KeyRefused          the key is missing, wrong, or not allowed
│   ├── NoCredit            the account cannot pay for it
│   ├── InvalidRequest      the request is wrong; it will not get better by itself
│   ├── ContentRefused      a content policy said no
│   ├── JobNotFound         no such job there
│   ├── RateLimited         too fast: again after `retry_after`
│   └── Busy                the service's document says this charged nothing: again after `retry_after`
├── Unreachable             a question (never a submit) got no usable answer: ask again later
└── NotUnderstood           an answer to a question that cannot be understood
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator


class ServiceError(Exception):
    """Something went wrong at or on the way to a service; `message` is for people, and free of keys.

    `code` is the service's own error code, `request_id` its own name for the exchange, `retry_after`
    the seconds it asked us to wait. `remote_id` is what may be the id of the job, where an uncertain answer names one.
    """

    def __init__(
        self,
        message: str,
        *,
        code: str | None = None,
        http_status: int | None = None,
        request_id: str | None = None,
        retry_after: float | None = None,
        remote_id: str | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.code = code
        self.http_status = http_status
        self.request_id = request_id
        self.retry_after = retry_after
        self.remote_id = remote_id


class NotSent(ServiceError):
    """No byte of the request can have been acted on, so sending it again cannot charge twice."""


class Uncertain(ServiceError):
    """The request left and no answer that decides it came back: it may have been charged."""


class Refused(ServiceError):
    """The service answered that it will not do this; nothing was charged."""


class KeyRefused(Refused):
    """The key is missing, wrong, expired, or not allowed to do this (401, 403)."""


class NoCredit(Refused):
    """The account cannot pay for this request (402)."""


class InvalidRequest(Refused):
    """The request is wrong in itself."""


class ContentRefused(Refused):
    """A content policy refused the prompt or a reference picture."""


class JobNotFound(Refused):
    """The service knows no such job, or not under this key (404)."""


class RateLimited(Refused):
    """Too many requests (429); nothing was charged."""


class Busy(Refused):
    """The service could not take the request, and documents that it charged nothing."""


class Unreachable(ServiceError):
    """A question got no usable answer (connection, timeout, 5xx); asking again is free."""


class NotUnderstood(ServiceError):
    """An answer came whose shape no document of the service describes."""


def origins(error: BaseException) -> Iterator[BaseException]:
    """The error and what led to it, each once: one that was raised again may lead back to itself."""
    seen: set[int] = set()
    each: BaseException | None = error
    while each is not None and id(each) not in seen:
        seen.add(id(each))
        yield each
        each = each.__cause__ or each.__context__


def in_words(error: BaseException) -> str:
    """Why something failed, without a full stop: in the system's own words where it has some, without their number."""
    words = (each.strerror for each in origins(error) if isinstance(each, OSError) and each.strerror)
    return (next(words, "") or " ".join(str(error).split()) or type(error).__name__).rstrip(".")

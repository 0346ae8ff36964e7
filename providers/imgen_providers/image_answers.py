"""The Images API of OpenAI, whose form OpenRouter's has too: one POST, and `data` with every picture in its answer.

An answer that was kept on disk is read by the same code as one that just came.
Reference of the direct services, 2.3 and 5 (2026-11-25).
"""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING

from imgen_providers.assets import read_elsewhere, read_results
from imgen_providers.base import Failed, Job, PictureLink, Status, Succeeded
from imgen_providers.catalog import SERVICES
from imgen_providers.client import Api, explain
from imgen_providers.errors import JobNotFound
from imgen_providers.identifiers import identifier

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from imgen_providers.base import Account, Charge, Json, Reference, Request
    from imgen_providers.client import Answer, Explanation, Network


class ImageAnswers:
    """Such an API at one service: sends a paid request once, reads its answer, and asks free questions.

    `charge` reads what an answer says of its cost, `explain` what an error means.
    """

    def __init__(
        self,
        service: str,
        account: Account,
        network: Network,
        *,
        charge: Callable[[Request, Json], Charge | None],
        explain: Callable[[Answer], Explanation] = explain,
    ) -> None:
        self._service = service
        self._title = SERVICES[service].title
        self._origin = account.origin
        self._charge = charge
        headers = {"Authorization": f"Bearer {account.key}"}
        self._api = Api(service, account, network, headers=headers, id_names=(), explain=explain)

    def submit(self, request: Request, path: str, body: Mapping[str, object]) -> Job:
        """Send the request exactly once; the answer takes up to minutes."""
        answer = self._api.post_once(path, body)
        return self.read(request, answer.body, answer.headers)

    def read(self, request: Request, body: bytes, headers: Mapping[str, str]) -> Job:
        """The finished job in a 2xx answer, also one that was kept: nothing is sent. Raises `Uncertain`."""
        answer = self._api.kept(headers, body)
        found = _object(answer)
        status = _status(found, base=self._origin)
        if status is None and (stray := self._api.pictures_of(answer)):
            status = Succeeded(stray)
        if status is None:
            raise self._api.unexpected(answer, paid=True)
        # The answer has no id of its own: that of the exchange, else our own key.
        name = identifier(answer.headers.get("x-request-id")) or request.idempotency_key or secrets.token_hex(12)
        return Job(self._service, name, status, charged=self._charge(request, found.get("usage")))

    def not_again(self, job: Job) -> JobNotFound:
        """What a poll ends with: the service knows nothing of a picture that it has sent."""
        return JobNotFound(
            f"{self._title} sent the pictures of {job.remote_id} with its answer only, and cannot be asked for them"
            " again."
        )

    def listed(self, path: str) -> list[str]:
        """The ids of the models in a list."""
        answer = self._api.get(path)
        data = _object(answer).get("data")
        if not isinstance(data, list):
            raise self._api.unexpected(answer, paid=False)
        ids = [each.get("id") for each in data if isinstance(each, dict)]
        return [each for each in ids if isinstance(each, str)]

    def details(self, path: str) -> dict[str, Json]:
        """The object under `data` in the answer to a question."""
        answer = self._api.get(path)
        data = _object(answer).get("data")
        if not isinstance(data, dict):
            raise self._api.unexpected(answer, paid=False)
        return data


def link_or_file(reference: Reference) -> object:
    """A link as a text, or the file itself, which is written as a data URI while it is sent."""
    return reference.url if isinstance(reference, PictureLink) else reference


def _object(answer: Answer) -> dict[str, Json]:
    """The answer as an object, empty where it is none."""
    try:
        found = answer.json()
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def _status(body: dict[str, Json], *, base: str) -> Status | None:
    """The end of the job; None where the answer has not the form of any document.

    An answer without a picture is a failure: nothing can be asked afterwards.
    """
    data = body.get("data")
    assets = read_results(data, base=base) or read_elsewhere(body, base=base)
    if assets:
        return Succeeded(assets)
    if not isinstance(data, list):
        return None
    return Failed("The answer holds no picture, and no reason for that")

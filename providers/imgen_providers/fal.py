"""fal: a queue of models, whose result may be the refusal (reference of the direct services, 3; 2026-11-25).

fal has several hosts. At another origin than its own (a gateway, the sandbox), each host is the first part of the path.
No key was at hand: whether the history lists what is still queued, and how long links live, is not known.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING
from urllib.parse import quote, urlsplit

from imgen_providers.assets import read_elsewhere, read_results
from imgen_providers.base import Cancelled, Failed, Job, PictureLink, Queued, RecentJob, Running, Unrecognised
from imgen_providers.client import Api, Explanation, explain, names_content_policy, shown, words
from imgen_providers.errors import ContentRefused, InvalidRequest, KeyRefused, NoCredit, Unreachable
from imgen_providers.fields import common_state
from imgen_providers.identifiers import identifier

if TYPE_CHECKING:
    from collections.abc import Sequence

    from imgen_providers.base import Account, FailureKind, Json, Reference, Request, Status
    from imgen_providers.client import Answer, Network
    from imgen_providers.errors import ServiceError

_QUEUE = "queue.fal.run"
_PLATFORM = "api.fal.ai"
_PAGES = 20  # at most, when looking for a lost request
_CLOCKS_DIFFER = 120.0  # seconds; what a live client allows between its clock and theirs (3.3)
_LINKS = {"status": "status_url", "result": "response_url"}
_OF_THE_RUN = frozenset(
    {
        *("request_timeout", "startup_timeout", "runner_scheduling_failure", "runner_connection_timeout"),
        *("runner_disconnected", "runner_connection_refused", "runner_connection_error", "runner_incomplete_response"),
        *("runner_server_error", "internal_server_error", "generation_timeout"),
        *("downstream_service_error", "downstream_service_unavailable"),
    }
)
"""Errors of the run itself, also where they come with a status that else means that fal cannot be reached.

fal's pages on request errors (read 2026-11-26) and on model errors; `internal_error` may be of the question.
"""
_CONTENT = ("content_policy_violation", "no_media_generated")


class Fal:
    """Submits one request to the queue; a job ends with its result, which is an error of HTTP where the run failed."""

    def __init__(self, account: Account, network: Network) -> None:
        self._origin = account.origin
        headers = {"Authorization": f"Key {account.key}"}
        at_home = account.origin == f"https://{_QUEUE}"
        self._queue_path = "" if at_home else f"/{_QUEUE}"
        self._platform_path = "/v1" if at_home else f"/{_PLATFORM}/v1"
        self._api = Api("fal", account, network, headers=headers, id_names=("request_id",), explain=_explain)
        elsewhere = replace(account, origin=f"https://{_PLATFORM}") if at_home else account
        self._platform = Api("fal", elsewhere, network, headers=headers, explain=_explain)

    def submit(self, request: Request) -> Job:
        """Send the request exactly once."""
        path, body = self._wire(request)
        answer = self._api.post_once(path, body)
        accepted = _object(answer)
        job = self._api.accepted(answer, Queued(), remote_id=identifier(accepted.get("request_id")))
        below = f"{_app(request.model)}/requests/{quote(job.remote_id, safe='')}"
        paths = {"status": f"{self._queue_path}/{below}/status", "result": f"{self._queue_path}/{below}"}
        given = {name: found for name, link in _LINKS.items() if (found := self._path_of(accepted.get(link)))}
        return replace(job, handle={**paths, **given}, status=_waiting(accepted))

    def refresh(self, job: Job) -> Job:
        """Poll the job once; at its end also ask for the result, which may be the error."""
        status_path, result_path = _places(job)
        answer = self._api.get(status_path)
        polled = _object(answer)
        state = polled.get("status")
        if not isinstance(state, str) or not state:
            raise self._api.unexpected(answer, paid=False)
        match common_state(state):
            case "queued" | "running":
                return replace(job, status=_waiting(polled))
            case "succeeded":
                return replace(job, status=self._result(result_path, polled))
            case _:
                return replace(job, status=Unrecognised(words(state)))

    def stop(self, job: Job) -> None:
        """Ask for the request not to be begun: what fal is at work on goes on (3.2)."""
        self._api.post_free(f"{_places(job)[1]}/cancel", {}, method="PUT")

    def preview(self, request: Request) -> tuple[str, Json]:
        """The path and the body that `submit` would send."""
        path, body = self._wire(request)
        return path, shown(body)

    def recent(self, request: Request, since: float) -> Sequence[RecentJob]:
        """Requests with the same input, sent by a submit of then, give or take two minutes; oldest first.

        Only what can be compared: a picture of this disk is not in our note of the request.
        """
        if any(not isinstance(each, PictureLink) for each in request.references):
            return []
        last = since + self._api.submit_seconds + _CLOCKS_DIFFER
        body = self._wire(request)[1]
        listed = self._history(_endpoint(request), since - _CLOCKS_DIFFER)
        return [one for one in listed if one.payload == body and one.created_at <= last]

    def latest(self, model: str, since: float) -> Sequence[RecentJob]:
        """Every request of a model that was made since then, oldest first."""
        found = [one for path in ("", "/edit") for one in self._history(model + path, since)]
        return sorted(found, key=lambda one: one.created_at)

    def _history(self, endpoint: str, since: float) -> list[RecentJob]:
        start = datetime.fromtimestamp(since, UTC).isoformat().replace("+00:00", "Z")
        params = {"endpoint_id": endpoint, "start": start, "expand": "payloads", "limit": "100"}
        found: list[RecentJob] = []
        for _ in range(_PAGES):
            answer = self._platform.get(f"{self._platform_path}/models/requests/by-endpoint", params)
            page = _object(answer)
            items = page.get("items")
            if not isinstance(items, list):
                raise self._platform.unexpected(answer, paid=False)
            found += [one for item in items if isinstance(item, dict) and (one := self._listed(item, endpoint))]
            cursor = words(page.get("next_cursor"))
            if not page.get("has_more") or not cursor:
                break
            params["cursor"] = cursor
        return sorted((one for one in found if one.created_at >= since), key=lambda one: one.created_at)

    def _listed(self, item: dict[str, Json], endpoint: str) -> RecentJob | None:
        request_id = identifier(item.get("request_id"))
        if request_id is None:
            return None
        below = f"{self._queue_path}/{_app(endpoint)}/requests/{quote(request_id, safe='')}"
        job = Job("fal", request_id, Queued(), {"status": f"{below}/status", "result": below})
        return RecentJob(job, endpoint.removesuffix("/edit"), item.get("json_input"), _seconds(item.get("sent_at")))

    def _result(self, path: str, polled: dict[str, Json]) -> Status:
        if error := words(polled.get("error")):
            return _failed(error, words(polled.get("error_type")))
        try:
            answer = self._api.get(path)
        except (KeyRefused, NoCredit):
            raise  # of this question, not of the run
        except (InvalidRequest, ContentRefused) as refusal:
            if refusal.code is None:
                raise  # not in fal's form: what stands between may have said it
            return _failed(refusal.message, refusal.code)
        except Unreachable as trouble:
            if trouble.code not in _OF_THE_RUN:
                raise
            return _failed(trouble.message, trouble.code or "")
        body = _object(answer)
        assets = read_results(body.get("images") or body.get("image"), base=self._origin)
        assets = assets or read_elsewhere(body, base=self._origin)
        if not assets and body.get("images") == []:
            return Failed("fal finished the request without a picture", "no_media_generated")
        if not assets and not isinstance(body.get("images") or body.get("image"), list | dict):
            assets = self._api.pictures_of(answer)
            if not assets:
                raise self._api.unexpected(answer, paid=False)
        return self._api.finished(assets, body)

    def _wire(self, request: Request) -> tuple[str, dict[str, object]]:
        # The names of the fields besides the first two are those of fal's own pages, from memory (3.5).
        optional: dict[str, object] = {
            "image_urls": [_image(each) for each in request.references] or None,
            "aspect_ratio": request.aspect,
            "resolution": request.resolution,
            "output_format": request.format,
        }
        body: dict[str, object] = {"prompt": request.prompt, "num_images": request.count}
        body |= {name: value for name, value in optional.items() if value is not None}
        return f"{self._queue_path}/{_endpoint(request)}", body | dict(request.extras)

    def _path_of(self, link: Json) -> str | None:
        """The path of a link of the answer, where it lies on our own origin: the key goes nowhere else."""
        if not isinstance(link, str) or not self._api.trusts(link):
            return None
        return urlsplit(link).path or None


def _places(job: Job) -> tuple[str, str]:
    """Where the status and the result of a job are. Raises `InvalidRequest` for one that was recorded without."""
    status, result = job.handle.get("status"), job.handle.get("result")
    if not status or not result:
        raise InvalidRequest(f"Where fal keeps {job.remote_id} is not recorded, so it cannot be asked for.")
    return status, result


def _endpoint(request: Request) -> str:
    return quote(f"{request.model}/edit" if request.references else request.model, safe="/")


def _app(endpoint: str) -> str:
    """The owner and the app: status and result stand below these, without the path behind them (3.2)."""
    return quote("/".join(endpoint.split("/")[:2]), safe="/")


def _image(reference: Reference) -> object:
    """A link, or a file that is written as a data URI while it is sent."""
    return reference.url if isinstance(reference, PictureLink) else reference


def _object(answer: Answer) -> dict[str, Json]:
    try:
        found = answer.json()
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def _waiting(polled: dict[str, Json]) -> Queued | Running:
    if common_state(words(polled.get("status"))) == "running":
        return Running()
    position = polled.get("queue_position")
    whole = isinstance(position, int) and not isinstance(position, bool) and position >= 0
    return Queued(position + 1 if whole and isinstance(position, int) else None)  # theirs counts from 0


def _seconds(text: Json) -> float:
    try:
        moment = datetime.fromisoformat(text) if isinstance(text, str) else None
    except ValueError:
        return 0.0
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp() if moment else 0.0


def _failed(reason: str, code: str) -> Failed | Cancelled:
    if "cancel" in code:
        return Cancelled(reason)
    kind: FailureKind = "failed"
    if code in _CONTENT or names_content_policy(reason):
        kind = "refused"
    elif "rate" in code or "scheduling" in code:
        kind = "rate_limited"
    return Failed(reason, code or None, kind)


def _explain(answer: Answer) -> Explanation:
    explanation = explain(answer)
    body = _object(answer)
    detail = body.get("detail")
    first = detail[0] if isinstance(detail, list) and detail and isinstance(detail[0], dict) else {}
    code = words(first.get("type")) or words(body.get("error_type")) or answer.headers.get("x-fal-error-type") or None
    verdict: type[ServiceError] | None = None
    if code in _CONTENT:
        verdict = ContentRefused
    elif answer.status == 403 and "balance" in explanation.message.lower():
        verdict = NoCredit
    return replace(explanation, code=code, verdict=verdict)  # no other: a code is what an end of the run is known by

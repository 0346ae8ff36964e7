"""fal's queue as its documents and its own client show it (reference of the direct services, 3; 2026-11-25).

fal has several hosts, and loopback has one: here each host is the first part of the path, such as
`/queue.fal.run/google/nano-banana-2.1`.
"""

from __future__ import annotations

import re
import secrets
import uuid
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from imgen_providers.sandbox import references
from imgen_providers.sandbox.exchange import Call, Reply, Route, Trouble, json_reply
from imgen_providers.sandbox.fields import BadField, Fields, json_object
from imgen_providers.sandbox.pictures import UPLOAD_TYPES
from imgen_providers.sandbox.store import Order
from imgen_providers.sandbox.tables import FAL

if TYPE_CHECKING:
    from collections.abc import Callable

    from imgen_providers.sandbox.faults import FaultScript
    from imgen_providers.sandbox.pictures import Pictures
    from imgen_providers.sandbox.store import JobStore, Reference, Standing, State, StoredJob

_QUEUE = "/queue.fal.run"
_REST = "/rest.fal.ai"
_CDN = "/v3.fal.media"
_API = "/api.fal.ai/v1"
# Names besides the first four are [assumed] (3.5).
_INPUT = {"prompt", "image_urls", "aspect_ratio", "resolution", "num_images", "output_format", "seed"} | {
    *("safety_tolerance", "enable_web_search", "limit_generations", "sync_mode", "thinking_level"),
}
_PAGE = 50
# How a run ends without a picture: the HTTP status of its result, the type of the error, and its words (3.4).
_ENDS: dict[State, tuple[int, str, str]] = {
    "refused": (422, "content_policy_violation", "The content could not be processed because it was flagged."),
    "failed": (500, "runner_disconnected", "Runner disconnected"),
    "error": (500, "internal_server_error", "Internal server error"),
    "expired": (504, "request_timeout", "Request timed out"),
    "rate-limited": (429, "runner_scheduling_failure", "No runner had capacity"),
    "cancelled": (400, "request_cancelled", "Request was cancelled"),  # [assumed]
}


class Fal:
    """A queue that takes every input: what is wrong with one stands on its result, as an HTTP error of the run."""

    name = "fal"

    def __init__(self, store: JobStore, pictures: Pictures, faults: FaultScript, now: Callable[[], float]) -> None:
        self._store = store
        self._pictures = pictures
        self._faults = faults
        self._now = now
        app = _QUEUE + r"/(?P<owner>[\w.-]+)/(?P<app>[\w.-]+)"
        request = app + r"/requests/(?P<id>[\w-]+)"
        self.routes: tuple[Route, ...] = (
            Route("POST", re.compile(app + r"(?P<path>(?:/[\w.-]+)*)"), "submit"),
            Route("GET", re.compile(request + "/status"), "status"),
            Route("GET", re.compile(request), self._result),
            Route("PUT", re.compile(request + "/cancel"), self._cancel),
            Route("GET", re.compile(_API + "/models/requests/by-endpoint"), self._history),
            Route("POST", re.compile(_REST + "/storage/auth/token"), self._token),
            Route("POST", re.compile(_REST + "/storage/upload/initiate"), self._initiate),
            Route("POST", re.compile(_CDN + "/files/upload"), self._upload),
        )

    def new_id(self) -> str:
        return str(uuid.uuid4())

    def refuses_key(self, call: Call) -> Reply | None:
        scheme, _, key = call.headers.get("authorization", "").partition(" ")
        wanted = "bearer" if call.path.startswith(_CDN) else "key"  # the token of the upload, else the key itself
        return None if scheme.lower() == wanted and key.strip() else _detail(401, "Cannot access application")

    def order(self, call: Call) -> Order:
        endpoint = f"{call.place['owner']}/{call.place['app']}"
        limits, path = FAL.get(endpoint), call.place["path"].strip("/")
        if limits is None or path not in ("", "edit"):
            raise BadField("app", "no-model", f"Application '{call.place['app']}' not found")
        values = json_object(call.body)
        kept = {"endpoint": "/".join(filter(None, (endpoint, path))), "input": values}
        try:
            order = self._input(endpoint, Fields(values), editing=path == "edit")
        except BadField as bad_field:
            blank = Order(self.name, endpoint, "-", (1, 1), "PNG", "png")
            return replace(blank, body={**kept, "bad_field": [bad_field.field, bad_field.kind, bad_field.text]})
        return replace(order, body=kept)

    def accepted(self, job: StoredJob, _standing: Standing, origin: str) -> Reply:
        link = f"{origin}{_QUEUE}/{job.order.model}/requests/{job.id}"
        links = {"response_url": link, "status_url": f"{link}/status", "cancel_url": f"{link}/cancel"}
        return json_reply(200, {"status": "IN_QUEUE", "request_id": job.id, **links, "queue_position": 0})

    def status(self, job: StoredJob, standing: Standing, origin: str) -> Reply:
        link = f"{origin}{_QUEUE}/{job.order.model}/requests/{job.id}"
        known = {"request_id": job.id, "response_url": link}
        known |= {"status_url": f"{link}/status", "cancel_url": f"{link}/cancel"}
        match standing.state:
            case "queued":
                return json_reply(202, {"status": "IN_QUEUE", "queue_position": 0, **known})
            case "running":
                return json_reply(202, {"status": "IN_PROGRESS", "logs": [], **known})
            case "unheard-of":
                return json_reply(202, {"status": "HIBERNATING", **known})
            case _:
                seconds = {"metrics": {"inference_time": job.seconds}}
                body: dict[str, object] = {"status": "COMPLETED", "logs": [], **seconds, **known}
                if standing.state in ("failed", "error", "expired", "rate-limited", "cancelled"):
                    _, kind, text = _ENDS[standing.state]
                    body |= {"error": text, "error_type": kind}
                return json_reply(200, body)

    def bad_field(self, bad_field: BadField) -> Reply:
        return _detail(404 if bad_field.kind == "no-model" else 422, bad_field.text)

    def trouble(self, trouble: Trouble) -> Reply:
        match trouble.kind:
            case "bad-key":
                return _detail(401, "Cannot access application. Authentication is required")
            case "no-credit":  # [assumed] 402 or 403 (3.4)
                return _detail(403, "User is locked. Reason: Exhausted balance. Top up your balance at fal.ai/billing.")
            case "rate-limited":
                return _detail(429, "Too many requests")
            case "content-policy":
                return _refused(_ENDS["refused"])
            case "not-found":
                return _detail(404, "Request not found")
            case "wrong-method":
                return _detail(405, "Method Not Allowed")
            case "server-error":
                return _detail(trouble.status, "Internal Server Error")

    def _input(self, endpoint: str, fields: Fields, *, editing: bool) -> Order:
        limits = FAL[endpoint]
        fields.only(_INPUT if editing else _INPUT - {"image_urls"})
        links = fields.texts("image_urls", limits.references, required=editing)
        pictures = [self._reference(link) for link in links]
        aspect = fields.choice("aspect_ratio", limits.aspects | {"auto"}, "auto" if editing else "1:1")
        size = limits.size(
            aspect, fields.choice("resolution", limits.resolutions, "1K"), pictures[0].size if pictures else None
        )
        word = fields.choice("output_format", limits.formats, "png")
        count = fields.whole("num_images", 1, limits.pictures, 1)
        prompt = fields.text("prompt", limit=50_000)
        return Order(self.name, endpoint, prompt, size, limits.formats[word], word, count, tuple(pictures))

    def _reference(self, link: str) -> Reference:
        found = references.from_data_uri(link, self._store) or self._pictures.reference(link)
        if found is None:
            raise BadField("image_urls", "invalid", "Failed to download the file")
        return found

    def _result(self, call: Call) -> Reply:
        job = self._store.job(self.name, call.place["id"])
        if job is None:
            return self.trouble(Trouble("not-found"))
        standing = job.standing(self._now())
        if standing.state in ("queued", "running"):
            return _detail(400, "Request is still in progress")
        return self._ended(job, standing, call.origin)

    def _ended(self, job: StoredJob, standing: Standing, origin: str) -> Reply:
        if bad_field := job.order.body.get("bad_field"):
            return _invalid(bad_field, job.order.body["input"])
        if end := _ENDS.get(standing.state):
            return _refused(end)
        if self._faults.take("no-picture"):
            return _refused((422, "no_media_generated", "No media was generated: unsafe content."))
        images = [
            {
                "url": self._pictures.link(origin, job, index),
                "content_type": f"image/{job.order.format.lower()}",
                "file_name": f"{index}.{job.order.extension}",
                "width": job.order.size[0],
                "height": job.order.size[1],
            }
            for index in range(standing.pictures)
        ]
        return json_reply(200, {"images": images, "description": ""}, {"X-Fal-Billable-Units": str(standing.pictures)})

    def _cancel(self, call: Call) -> Reply:
        job = self._store.job(self.name, call.place["id"])
        if job is None:
            return json_reply(404, {"status": "NOT_FOUND"})
        if job.standing(self._now()).state != "queued":
            return json_reply(400, {"status": "ALREADY_COMPLETED"})
        self._store.save(replace(job, cancelled_at=self._now()))
        return json_reply(202, {"status": "CANCELLATION_REQUESTED"})

    def _history(self, call: Call) -> Reply:
        endpoint = call.query.get("endpoint_id")
        if not endpoint:
            raise BadField("endpoint_id", "missing", "endpoint_id is required")
        start = _seconds(call.query.get("start"), self._now() - 86_400.0)
        end = _seconds(call.query.get("end"), self._now() + 1.0)
        first, limit = int(call.query.get("cursor") or 0), int(call.query.get("limit") or _PAGE)
        # Sorted by when they ended (3.3), so what has not ended is [assumed] not listed.
        now = self._now()
        ended = [
            job
            for job in self._store.jobs(self.name)
            if job.order.body.get("endpoint") == endpoint
            and job.standing(now).state not in ("queued", "running")
            and start <= job.created_at < end
        ]
        page = ended[first : first + limit]
        more = first + limit < len(ended)
        payloads = "payloads" in call.query.get("expand", "")
        body: dict[str, object] = {
            "items": [self._listed(job, call.origin, payloads=payloads) for job in page],
            "has_more": more,
            "next_cursor": str(first + limit) if more else None,
        }
        return json_reply(200, body)

    def _listed(self, job: StoredJob, origin: str, *, payloads: bool) -> dict[str, object]:
        standing = job.standing(self._now())
        reply = self._ended(job, standing, origin)
        item: dict[str, object] = {
            "request_id": job.id,
            "endpoint_id": job.order.body["endpoint"],
            "sent_at": _time(job.created_at),
            "started_at": _time(job.created_at),
            "ended_at": _time(standing.at),
            "status_code": reply.status,
            "duration": job.seconds,
        }
        if payloads:
            item |= {"json_input": job.order.body["input"], "json_output": json_object(reply.body)}
        return item

    def _token(self, call: Call) -> Reply:
        # It is the key itself, so that a sandbox that belongs to one process knows it again.
        until = datetime.fromtimestamp(self._now() + 3600.0, UTC).isoformat()
        token = {"token": call.key(), "token_type": "Bearer", "base_url": f"{call.origin}{_CDN}", "expires_at": until}
        return json_reply(200, token)

    def _initiate(self, call: Call) -> Reply:
        kind = _kind(Fields(json_object(call.body)).text("content_type"))
        put, public = self._pictures.upload_links(call.origin, f"{secrets.token_hex(12)}.{kind}")
        return json_reply(200, {"upload_url": put, "file_url": public})

    def _upload(self, call: Call) -> Reply:
        kind = _kind(call.headers.get("content-type", ""))
        name = f"{secrets.token_hex(12)}.{kind}"
        self._store.keep_upload(name, call.body)
        return json_reply(200, {"access_url": self._pictures.upload_links(call.origin, name)[1]})


def _kind(media_type: str) -> str:
    found = next((kind for kind, known in UPLOAD_TYPES.items() if known == media_type), None)
    if found is None:
        raise BadField("content_type", "invalid", f"Unsupported content type: {media_type}")
    return found


def _time(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat().replace("+00:00", "Z")


def _seconds(text: str | None, default: float) -> float:
    try:
        return datetime.fromisoformat(text).timestamp() if text else default
    except ValueError:
        raise BadField("start", "invalid", "start and end are times in ISO 8601") from None


def _detail(status: int, text: str) -> Reply:
    return json_reply(status, {"detail": text})


def _refused(end: tuple[int, str, str]) -> Reply:
    status, kind, text = end
    headers = {"X-Fal-Error-Type": kind}
    if status != 422:
        return json_reply(status, {"detail": text, "error_type": kind}, headers)
    detail = [{"loc": ["body", "prompt"], "msg": text, "type": kind, "url": f"https://docs.fal.ai/errors#{kind}"}]
    return json_reply(status, {"detail": detail}, headers)


def _invalid(bad_field: list[str], given: dict[str, object]) -> Reply:
    field, kind, text = bad_field
    word = {"missing": "missing", "unknown": "extra_forbidden"}.get(kind, "value_error")
    return json_reply(422, {"detail": [{"loc": ["body", field], "msg": text, "type": word, "input": given.get(field)}]})

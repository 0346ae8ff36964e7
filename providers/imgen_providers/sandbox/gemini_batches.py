"""Google's Batch API: many requests as one job, listed under a name of the client's own.

Reference of the direct services, 1.14 (2026-11-25).
"""

from __future__ import annotations

import json
import re
import secrets
from dataclasses import replace
from typing import TYPE_CHECKING, cast

from imgen_providers.sandbox.exchange import Call, Reply, Route, json_reply
from imgen_providers.sandbox.fields import BadField, json_object
from imgen_providers.sandbox.gemini_answers import answer
from imgen_providers.sandbox.gemini_files import timestamp
from imgen_providers.sandbox.gemini_requests import NAME, in_camel_case
from imgen_providers.sandbox.store import Order, Standing, State, StoredJob

if TYPE_CHECKING:
    from collections.abc import Callable

    from imgen_providers.sandbox.faults import FaultScript
    from imgen_providers.sandbox.gemini_files import GeminiFiles
    from imgen_providers.sandbox.gemini_requests import Message, RequestReader
    from imgen_providers.sandbox.pictures import Pictures
    from imgen_providers.sandbox.store import JobStore

PART = "gemini-batch-request"
"""The service that the single requests of a batch are kept under."""

_PAGE = 50
_VERSION = r"/v1(?:beta)?"
_STATES: dict[State, str] = {
    "queued": "PENDING",
    "running": "RUNNING",
    "done": "SUCCEEDED",
    "refused": "SUCCEEDED",
    "rate-limited": "SUCCEEDED",
    "error": "SUCCEEDED",
    "failed": "FAILED",
    "expired": "EXPIRED",
    "cancelled": "CANCELLED",
    "unheard-of": "HIBERNATING",
}
_OPEN: tuple[State, ...] = ("queued", "running", "unheard-of")


def is_batch(job: StoredJob) -> bool:
    """Whether the job is a batch, not an answer that was given at once."""
    return "keys" in job.order.body


class GeminiBatches:
    """Batches of inline requests, or of a file of them; each request is drawn when the results are asked for."""

    def __init__(
        self,
        store: JobStore,
        pictures: Pictures,
        faults: FaultScript,
        files: GeminiFiles,
        reader: RequestReader,
        now: Callable[[], float],
    ) -> None:
        self._store = store
        self._pictures = pictures
        self._faults = faults
        self._files = files
        self._reader = reader
        self._now = now
        download = re.compile(r"(?:/download)?" + _VERSION + r"/files/batch-(?P<id>[\w-]+):download")
        self.routes: tuple[Route, ...] = (
            Route("GET", re.compile(_VERSION + "/batches"), self._list),
            Route("POST", re.compile(_VERSION + r"/batches/(?P<id>[\w-]+):cancel"), self._cancel),
            Route("GET", download, self._download),
        )

    def order(self, model: str, body: Message) -> Order:
        """One batch. Its requests are read now, and kept as jobs of their own for the drawing."""
        batch = body.get("batch")
        if not isinstance(batch, dict):
            raise BadField("batch", "missing", "* BatchGenerateContentRequest.batch: batch is not specified")
        source = batch.get("inputConfig")
        source = source if isinstance(source, dict) else {}
        requests = self._from_file(source["fileName"]) if "fileName" in source else _inline(source)
        if not requests:
            raise BadField("inputConfig", "missing", "The batch has no requests.")
        orders = [self._reader.order(model, request) for _, request in requests]
        parts = [self._keep_part(order) for order in orders]
        kept: Message = {"keys": [key for key, _ in requests], "parts": parts, "file": "fileName" in source}
        return replace(
            orders[0], blocks=False, base64=False, body={**kept, "displayName": str(batch.get("displayName") or "")}
        )

    def operation(self, job: StoredJob, standing: Standing, *, listed: bool = False) -> Message:
        """The Operation around a batch; a list shows it without its results (1.14)."""
        over = standing.state not in _OPEN
        message: Message = {
            "name": f"batches/{job.id}",
            "metadata": self._metadata(job, standing),
            "done": over,
        }
        # A fault holds the results back for a while: then the state is said, and nothing stands beside it.
        if _STATES[standing.state] == "SUCCEEDED" and not listed and (standing.state != "done" or standing.pictures):
            output = self._output(job, standing)
            cast("Message", message["metadata"])["output"] = output
            message["response"] = {"@type": "type.googleapis.com/google.ai.generativelanguage.v1.Batch", **output}
        if standing.state == "failed":
            message["error"] = {"code": 13, "message": "The batch failed."}
        return message

    def _metadata(self, job: StoredJob, standing: Standing) -> Message:
        count = len(job.order.body["keys"])
        over = _STATES[standing.state] == "SUCCEEDED"
        failed = count if standing.state in ("error", "rate-limited") else 0
        stats = {"requestCount": count, "pendingRequestCount": 0 if over else count}
        if over:
            stats |= {"successfulRequestCount": count - failed, "failedRequestCount": failed}
        times = {"createTime": timestamp(job.created_at), "updateTime": timestamp(standing.at)}
        if standing.state not in _OPEN:
            times["endTime"] = timestamp(standing.at)
        return {
            "@type": "type.googleapis.com/google.ai.generativelanguage.v1.GenerateContentBatch",
            "name": f"batches/{job.id}",
            "displayName": job.order.body["displayName"],
            "model": f"models/{job.order.model}",
            "state": f"BATCH_STATE_{_STATES[standing.state]}",
            "batchStats": {name: str(value) for name, value in stats.items()},  # int64, so texts in protobuf's JSON
            **times,
        }

    def _output(self, job: StoredJob, standing: Standing) -> Message:
        if job.order.body["file"]:
            return {"responsesFile": f"files/batch-{job.id}"}
        entries = [
            {**result, **({"metadata": {"key": key}} if key is not None else {})}
            for key, result in self._results(job, standing)
        ]
        return {"inlinedResponses": {"inlinedResponses": entries}}

    def _results(self, job: StoredJob, standing: Standing) -> list[tuple[str | None, Message]]:
        results: list[tuple[str | None, Message]] = []
        for key, part_id in zip(job.order.body["keys"], job.order.body["parts"], strict=True):
            part = self._store.job(PART, part_id)
            if standing.state == "error" or part is None:
                result: Message = {"error": {"code": 13, "message": "Internal error encountered."}}
            elif standing.state == "rate-limited":
                result = {"error": {"code": 8, "message": "Resource has been exhausted (e.g. check quota)."}}
            else:
                result = {"response": answer(part, standing, self._pictures, self._faults)}
            results.append((key, result))
        return results

    def _keep_part(self, order: Order) -> str:
        part = StoredJob(secrets.token_hex(12), replace(order, service=PART), self._now(), 0.0)
        self._store.save(part)
        return part.id

    def _from_file(self, name: object) -> list[tuple[str | None, Message]]:
        content = self._files.content(str(name))
        if content is None:
            raise BadField("fileName", "invalid", f"The input file {name} was not found.")
        lines = [line for line in content.splitlines() if line.strip()]
        return [_entry(cast("Message", in_camel_case(json_object(line)))) for line in lines]

    def _list(self, call: Call) -> Reply:
        size, start = call.query.get("pageSize", str(_PAGE)), call.query.get("pageToken", "0")
        if not size.isdecimal() or not start.isdecimal():
            raise BadField("pageToken", "invalid", "Invalid page token or page size.")
        first, count = int(start), int(size) or _PAGE
        batches = [job for job in self._store.jobs(NAME) if is_batch(job)]
        now = self._now()
        shown = [self.operation(job, job.standing(now), listed=True) for job in batches[first : first + count]]
        page: Message = {"operations": shown} if shown else {}
        if first + count < len(batches):
            page["nextPageToken"] = str(first + count)
        return json_reply(200, page)

    def _cancel(self, call: Call) -> Reply:
        job = self._store.job(NAME, call.place["id"])
        if job is None or not is_batch(job):
            return _not_found()
        if job.standing(self._now()).state in ("queued", "running"):
            self._store.save(replace(job, cancelled_at=self._now()))
        return json_reply(200, {})

    def _download(self, call: Call) -> Reply:
        job = self._store.job(NAME, call.place["id"])
        standing = job.standing(self._now()) if job else None
        if job is None or standing is None or _STATES[standing.state] != "SUCCEEDED":
            return _not_found()
        lines = [json.dumps({**result, "key": key}) for key, result in self._results(job, standing)]
        return Reply(200, "".join(f"{line}\n" for line in lines).encode(), "application/jsonl")


def _inline(source: Message) -> list[tuple[str | None, Message]]:
    outer = source.get("requests")
    inner = outer.get("requests") if isinstance(outer, dict) else None
    return [_entry(entry) for entry in inner if isinstance(entry, dict)] if isinstance(inner, list) else []


def _entry(entry: Message) -> tuple[str | None, Message]:
    request, metadata = entry.get("request"), entry.get("metadata")
    if not isinstance(request, dict):
        raise BadField("request", "missing", "A request of the batch is missing.")
    key = metadata.get("key") if isinstance(metadata, dict) else entry.get("key")
    return (str(key) if key is not None else None), request


def _not_found() -> Reply:
    return json_reply(
        404, {"error": {"code": 404, "message": "Requested entity was not found.", "status": "NOT_FOUND"}}
    )

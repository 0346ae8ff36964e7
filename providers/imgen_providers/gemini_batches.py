"""Google's Operation around a batch, in every spelling that was seen of it (reference of the direct services, 1.14)."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from imgen_providers.base import Failed, Job, Queued, RecentJob
from imgen_providers.client import names_content_policy, words
from imgen_providers.gemini_wire import BATCH
from imgen_providers.identifiers import identifier
from imgen_providers.json_text import loads

if TYPE_CHECKING:
    from collections.abc import Mapping

    from imgen_providers.base import FailureKind, Json

_STATE = re.compile(r"(?:BATCH_STATE_|JOB_STATE_)?(\w+)")


def results(operation: Mapping[str, Json]) -> list[dict[str, Json]] | str:
    """The entries of the results, in whichever of four places; or the name of the file that holds them."""
    metadata = operation.get("metadata")
    inner = metadata if isinstance(metadata, dict) else {}
    for place in (inner.get("output"), operation.get("response"), operation.get("dest"), inner.get("dest")):
        if not isinstance(place, dict):
            continue
        found = place.get("inlinedResponses")
        found = found.get("inlinedResponses") if isinstance(found, dict) else found
        if isinstance(found, list) and found:
            return [each for each in found if isinstance(each, dict)]
        file = place.get("responsesFile") or place.get("fileName")
        if isinstance(file, str) and file:
            return file
    return []


def lines_of(body: bytes) -> list[dict[str, Json]]:
    """The entries of a file of results, one JSON object a line."""
    found = []
    for line in body.splitlines():
        try:
            entry = loads(line)
        except ValueError:
            continue
        if isinstance(entry, dict):
            found.append(entry)
    return found


def state_of(operation: Mapping[str, Json]) -> str:
    """The state without its prefix, of which there are two; Google's own example once looks beside the metadata.

    One that names none is known by whether it is done, and how; "" where neither is there.
    """
    metadata = operation.get("metadata")
    for place in (metadata, operation, operation.get("response")):
        state = place.get("state") if isinstance(place, dict) else None
        if isinstance(state, str) and (match := _STATE.fullmatch(state)):
            return match[1].upper()
    match operation.get("done"):
        case False:
            return "RUNNING"
        case True if "response" in operation:
            return "SUCCEEDED"
        case True if "error" in operation:
            return "FAILED"
        case _:
            return ""


def model_of(operation: Mapping[str, Json]) -> str:
    """Our name of the model that the batch asks."""
    metadata = operation.get("metadata")
    found = metadata.get("model") if isinstance(metadata, dict) else None
    return BATCH + (found.removeprefix("models/") if isinstance(found, str) else "")


def listed_job(operation: Mapping[str, Json]) -> RecentJob | None:
    """A batch of one request as the list shows it; None for any other."""
    metadata = operation.get("metadata")
    name = identifier(operation.get("name"))
    if not isinstance(metadata, dict) or name is None:
        return None
    stats = metadata.get("batchStats")
    if isinstance(stats, dict) and str(stats.get("requestCount", "1")) != "1":
        return None
    payload: Json = {"displayName": words(metadata.get("displayName"))}
    return RecentJob(Job("gemini", name, Queued()), model_of(operation), payload, _seconds(metadata.get("createTime")))


def _seconds(text: Json) -> float:
    try:
        moment = datetime.fromisoformat(text) if isinstance(text, str) else None
    except ValueError:
        return 0.0
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp() if moment else 0.0


def failed(error: Json) -> Failed:
    """The end that a google.rpc.Status means."""
    reason = words(error) or "Google gave no reason"
    code = error.get("code") if isinstance(error, dict) else None
    kind: FailureKind = "refused" if names_content_policy(reason) else "failed"
    if code == 8:  # RESOURCE_EXHAUSTED
        kind = "rate_limited"
    return Failed(reason, str(code) if code is not None else None, kind)

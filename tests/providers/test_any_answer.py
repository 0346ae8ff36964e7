"""Whatever a service answers, it becomes a job or one of our errors: nothing else ever comes out."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import httpx
import pytest
import respx
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from imgen_providers import connect
from imgen_providers.assets import looks_like_picture
from imgen_providers.base import Account, Job, Queued, Request, Succeeded
from imgen_providers.catalog import SERVICES
from imgen_providers.errors import NotUnderstood, Refused, ServiceError, Uncertain, Unreachable
from providers.sending import KEY

if TYPE_CHECKING:
    from collections.abc import Callable

    from imgen_providers.client import Network

ORIGIN = "https://service.test"

# Every name that one of the services reads, and the words that mean something there.
NAMES = (
    *("task_id", "id", "request_id", "status", "progress", "failure_reason", "results", "asset_url", "asset"),
    *("asset_type", "outcome", "media_urls", "url", "image_url", "medias", "error", "error_message", "message"),
    *("detail", "code", "error_code", "type", "output", "image_urls", "data", "outputs", "urls", "get", "b64_json"),
    *("candidates", "content", "parts", "inlineData", "mimeType", "text", "thought", "finishReason", "promptFeedback"),
    *("blockReason", "usageMetadata", "promptTokenCount", "name", "metadata", "state", "done", "response"),
    *("inlinedResponses", "images", "usage", "cost", "error_type", "response_url"),
)
WORDS = (
    *("completed", "success", "FINISHED", "failed", "FAILED", "processing", "queued", "https://x.test/1.png"),
    *("COMPLETED", "IN_PROGRESS", "BATCH_STATE_SUCCEEDED", "JOB_STATE_FAILED", "NO_IMAGE", "image/png", "iVBORw0KGgo="),
)
JOBS = {
    "gemini": Job("gemini", "batches/one", Queued()),
    "fal": Job("fal", "one", Queued(), {"status": "/one/status", "result": "/one"}),
}
"""Jobs of services whose ids, or places, are not any text."""

scalars = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=20)
    | st.sampled_from(WORDS)
)
anything = st.recursive(
    scalars,
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(NAMES) | st.text(max_size=5), inner, max_size=6)
    ),
    max_leaves=20,
)
bodies = anything.map(lambda value: json.dumps(value).encode()) | st.binary(max_size=40)
patiently = settings(
    max_examples=60,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


def outcome(ask: Callable[[], Job]) -> Job | ServiceError:
    """The job, or the error in its place."""
    try:
        return ask()
    except ServiceError as error:
        return error


@pytest.mark.parametrize("name", SERVICES)
@patiently
@given(status=st.sampled_from([200, 201, 202]) | st.integers(200, 599), body=bodies)
@example(status=400, body=b"[" * 100_000)
@example(status=200, body=b"[" * 100_000)
@example(status=200, body=b'{"code": ' + b"9" * 5000 + b"}")
@example(status=200, body=b'{"code": "' + b"9" * 5000 + b'"}')
@example(status=402, body=b'["no credit"]')
def test_a_submit_ends_in_a_job_or_in_what_it_means_for_the_money(
    network: Network, name: str, status: int, body: bytes
) -> None:
    service = connect(name, Account(ORIGIN, KEY), network)
    request = Request(SERVICES[name].models[0].remote_id, "a cat")
    with respx.mock:
        respx.post(url__startswith=ORIGIN).mock(httpx.Response(status, content=body))
        end = outcome(lambda: service.submit(request))

    if isinstance(end, Job):
        assert 200 <= status < 300
        assert end.remote_id
    else:
        assert isinstance(end, Refused | Uncertain)


@pytest.mark.parametrize("name", SERVICES)
@patiently
@given(status=st.sampled_from([200, 201, 202]) | st.integers(200, 599), body=bodies)
@example(status=500, body=b"[" * 100_000)
def test_a_question_ends_in_a_state_or_in_one_of_our_errors(
    network: Network, name: str, status: int, body: bytes
) -> None:
    service = connect(name, Account(ORIGIN, KEY), network)
    job = JOBS.get(name, Job(name, "one", Queued()))
    with respx.mock:
        respx.get(url__startswith=ORIGIN).mock(httpx.Response(status, content=body))
        end = outcome(lambda: service.refresh(job))

    if isinstance(end, Job):
        assert end.remote_id == job.remote_id
        assert not isinstance(end.status, Succeeded) or _says_success(body)
    else:
        assert isinstance(end, Refused | Unreachable | NotUnderstood)


def _says_success(body: bytes) -> bool:
    """Whether a word that means success stands anywhere in the answer, or the answer is nothing but a picture."""
    try:
        text = json.dumps(json.loads(body)).lower()
    except ValueError:
        return looks_like_picture(body) or body.lstrip()[:5].lower() in (b"http:", b"https", b"data:")
    return any(word in text for word in ("complet", "succe", "finish", "done", "ok", "ready", '"response"'))

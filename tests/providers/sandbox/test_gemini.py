"""The embedded Gemini API, over real sockets (reference of the direct services, 1; 2026-11-25)."""

from __future__ import annotations

import base64
import http.client
import io
import json
from typing import TYPE_CHECKING, Any

import pytest
from PIL import Image

from providers.sandbox.asking import KEY, Answer, Clock, ask, png

if TYPE_CHECKING:
    from collections.abc import Callable

    from imgen_providers.sandbox.server import SandboxServer

    Start = Callable[..., SandboxServer]

MODEL = "gemini-nano-banana-2.1"
PRO = "gemini-3-pro-image"
GOOGLE = {"x-goog-api-key": KEY}
NOW = 0.001  # seconds of the server's real waiting; its answers are the jobs


def google(server: SandboxServer | str, method: str, path: str = "", body: object = None, **headers: str) -> Answer:
    """One call with Google's header."""
    return ask(server, method, path, body, key=None, headers={**GOOGLE, **headers})


def user(*parts: dict[str, Any]) -> dict[str, Any]:
    return {"role": "user", "parts": list(parts)}


def wanted(prompt: str = "a cat", **image: str) -> dict[str, Any]:
    """A request with words and a picture."""
    config: dict[str, Any] = {"responseModalities": ["TEXT", "IMAGE"]}
    return {
        "contents": [user({"text": prompt})],
        "generationConfig": config | ({"imageConfig": image} if image else {}),
    }


def generated(server: SandboxServer, body: object, model: str = MODEL, version: str = "v1beta") -> Answer:
    return google(server, "POST", f"/{version}/models/{model}:generateContent", body)


def content(answer: Answer) -> dict[str, Any]:
    assert answer.status == 200, answer.body
    found: dict[str, Any] = answer.json()["candidates"][0]["content"]
    return found


def size_of(answer: Answer) -> tuple[int, int]:
    (inline,) = [part["inlineData"] for part in content(answer)["parts"] if "inlineData" in part]
    return Image.open(io.BytesIO(base64.b64decode(inline["data"]))).size


@pytest.fixture
def quick(start: Start) -> SandboxServer:
    """A server whose answers come at once."""
    return start(seconds=NOW)


@pytest.mark.parametrize("version", ["v1", "v1beta"])
def test_the_answer_holds_words_a_picture_and_what_it_cost_in_tokens(quick: SandboxServer, version: str) -> None:
    answer = generated(quick, wanted(aspectRatio="16:9", imageSize="2K"), version=version)
    words, picture = content(answer)["parts"]
    assert words["text"]
    assert words["thoughtSignature"]
    assert picture["inlineData"]["mimeType"] == "image/jpeg"
    assert size_of(answer) == (2752, 1536)
    body = answer.json()
    assert body["candidates"][0]["finishReason"] == "STOP"
    assert body["responseId"]
    usage = body["usageMetadata"]
    assert usage["candidatesTokenCount"] == 1680
    assert usage["totalTokenCount"] == 1680 + usage["promptTokenCount"] + usage["thoughtsTokenCount"]


@pytest.mark.parametrize(
    "image",
    [
        {"imageConfig": {"aspectRatio": "9:16", "imageSize": "1K"}},
        {"image_config": {"aspect_ratio": "9:16", "image_size": "1K"}},
        {"imageConfig": {"aspect_ratio": "9:16", "imageSize": "IMAGE_SIZE_ONE_K"}},
        {"responseFormat": {"image": {"aspectRatio": "9:16", "imageSize": "1K"}}},
    ],
)
@pytest.mark.parametrize("config", ["generationConfig", "generation_config"])
def test_every_spelling_is_taken(quick: SandboxServer, config: str, image: dict[str, Any]) -> None:
    assert size_of(generated(quick, {"contents": [user({"text": "a cat"})], config: image})) == (768, 1376)


@pytest.mark.parametrize("names", [("inlineData", "mimeType"), ("inline_data", "mime_type")])
def test_a_reference_in_the_body_gives_the_picture_its_ratio(quick: SandboxServer, names: tuple[str, str]) -> None:
    inline, kind = names
    data = base64.urlsafe_b64encode(png("teal", (300, 200))).decode()
    body = {"contents": [user({inline: {kind: "image/png", "data": data}}, {"text": "at night"})]}

    assert size_of(generated(quick, body)) == (1264, 848)


WRONG: list[tuple[str, object, int]] = [
    (MODEL, b"no json", 400),
    (MODEL, {}, 400),
    (MODEL, {"contents": [user({"text": ""})]}, 400),
    (MODEL, wanted() | {"nonsense": 1}, 400),
    (MODEL, wanted(aspectRatio="7:5"), 400),
    (MODEL, wanted(imageSize="1k"), 400),
    (MODEL, wanted(imageSize="512"), 400),
    (MODEL, wanted(outputMimeType="image/png"), 400),
    (MODEL, wanted() | {"generationConfig": {"candidateCount": 2}}, 400),
    (PRO, wanted() | {"generationConfig": {"thinkingConfig": {"thinkingLevel": "HIGH"}}}, 400),
    (MODEL, {"contents": [user({"text": "a"}, {"inlineData": {"mimeType": "image/png", "data": "data:,x"}})]}, 400),
    (MODEL, {"contents": [user({"text": "a"}, {"fileData": {"fileUri": "ftp://x.test/a.png"}})]}, 400),
    ("gemini-3-pro-image-preview", wanted(), 404),
]


@pytest.mark.parametrize(("model", "body", "status"), WRONG)
def test_what_is_not_documented_is_refused_with_a_status(
    quick: SandboxServer, model: str, body: object, status: int
) -> None:
    answer = generated(quick, body, model)

    assert answer.status == status
    assert answer.json()["error"]["status"] == {400: "INVALID_ARGUMENT", 404: "NOT_FOUND"}[status]


def test_a_call_without_a_key_is_refused(quick: SandboxServer) -> None:
    answer = ask(quick, "POST", f"/v1/models/{MODEL}:generateContent", wanted(), key=None)

    assert (answer.status, answer.json()["error"]["status"]) == (403, "PERMISSION_DENIED")


def test_a_conversation_goes_on_only_with_its_signatures_untouched(quick: SandboxServer) -> None:
    contents = [user({"text": "a cat"})]
    for prompt in ("bluer", "with a hat"):
        contents += [content(generated(quick, {**wanted(), "contents": contents})), user({"text": prompt})]
    assert generated(quick, {"contents": contents}).status == 200

    changed = json.loads(json.dumps(contents))
    picture = next(part for part in changed[1]["parts"] if "inlineData" in part)
    picture["thoughtSignature"] = "A" + picture["thoughtSignature"][1:]
    refused = generated(quick, {"contents": changed})
    assert (refused.status, refused.json()["error"]["message"]) == (400, "Thought signature is not valid")
    del picture["thoughtSignature"]
    assert "missing a thought_signature" in generated(quick, {"contents": changed}).json()["error"]["message"]


@pytest.mark.parametrize(
    ("word", "reason"),
    [
        ("NO_IMAGE", "NO_IMAGE"),
        ("IMAGE_SAFETY", "IMAGE_SAFETY"),
        ("MAX_TOKENS", "MAX_TOKENS"),
        ("ONLY_TEXT", "STOP"),
        ("NO_PARTS", "STOP"),
        ("NO_CONTENT", "STOP"),
        ("NO_CANDIDATES", None),
        ("BLOCK_SAFETY", None),
    ],
)
def test_an_answer_without_a_picture_has_status_200(start: Start, word: str, reason: str | None) -> None:
    body = generated(start(f"no-picture={word}", seconds=NOW), wanted()).json()

    assert [each["finishReason"] for each in body.get("candidates", [])] == ([reason] if reason else [])
    assert ("promptFeedback" in body) == word.startswith("BLOCK_")
    assert "inlineData" not in json.dumps(body)
    assert body["usageMetadata"]["promptTokenCount"] > 0


def test_thought_pictures_come_before_the_real_one(start: Start) -> None:
    parts = content(generated(start("gemini-thoughts", seconds=NOW), wanted()))["parts"]

    assert [("inlineData" in part, part.get("thought", False)) for part in parts] == [
        (False, True),
        (True, True),
        (False, False),
        (True, False),
    ]


@pytest.mark.parametrize(
    ("fault", "status", "word"),
    [
        ("bad-key", 400, "API_KEY_INVALID"),
        ("no-credit", 429, "limit: 0"),
        ("429=34.5", 429, '"retryDelay": "34.5s"'),
        ("submit-5xx", 500, "INTERNAL"),
        ("submit-5xx=503", 503, "UNAVAILABLE"),
        ("submit-5xx=504", 504, "Gateway Timeout"),
        ("stuck", 504, "DEADLINE_EXCEEDED"),
        ("content-policy", 200, "PROHIBITED_CONTENT"),
        ("output-policy", 200, "IMAGE_SAFETY"),
        ("job-failed", 200, "IMAGE_OTHER"),
    ],
)
def test_troubles_are_worded_as_google_words_them(start: Start, fault: str, status: int, word: str) -> None:
    answer = generated(start(fault, seconds=NOW), wanted())

    assert answer.status == status
    assert word in answer.body.decode()
    assert "retry-after" not in answer.headers


def test_an_answer_can_be_cut_in_its_middle(start: Start) -> None:
    with pytest.raises(http.client.IncompleteRead) as caught:
        generated(start("cut-answer", seconds=NOW), wanted())

    assert len(caught.value.partial) > 1000


def test_an_answer_can_trickle(start: Start) -> None:
    assert size_of(generated(start("trickling-answer=0.1", seconds=NOW), wanted())) == (1024, 1024)


def uploaded(server: SandboxServer, data: bytes, media_type: str = "image/png") -> dict[str, Any]:
    """A file put there in two steps."""
    start = {
        "X-Goog-Upload-Protocol": "resumable",
        "X-Goog-Upload-Command": "start",
        "X-Goog-Upload-Header-Content-Length": str(len(data)),
        "X-Goog-Upload-Header-Content-Type": media_type,
    }
    place = google(server, "POST", "/upload/v1beta/files", {"file": {"display_name": "x"}}, **start)
    assert place.status == 200, place.body
    commands = {"X-Goog-Upload-Offset": "0", "X-Goog-Upload-Command": "upload, finalize"}
    done = ask(place.headers["x-goog-upload-url"], "POST", body=data, key=None, headers=commands)
    assert done.headers["x-goog-upload-status"] == "final"
    file: dict[str, Any] = done.json()["file"]
    return file


def test_a_file_is_uploaded_used_and_gone_after_two_days(quick: SandboxServer, clock: Clock) -> None:
    file = uploaded(quick, png("teal", (300, 200)))
    body = {"contents": [user({"fileData": {"fileUri": file["uri"], "mimeType": "image/png"}}, {"text": "at night"})]}

    assert file["uri"].startswith(quick.origin)
    assert google(file["uri"], "GET").json() == file
    assert size_of(generated(quick, body)) == (1264, 848)
    clock.advance(48 * 3600)
    assert google(file["uri"], "GET").status == 403
    assert uploaded_wrong(quick).status == 404


@pytest.mark.parametrize(("name", "status"), [("files/fox-1", 200), ("Fox", 400), ("files/-", 400), ("a" * 41, 400)])
def test_a_client_may_name_its_file(quick: SandboxServer, name: str, status: int) -> None:
    assert started(quick, name).status == status


def test_a_name_is_taken_once_its_file_is_there(quick: SandboxServer) -> None:
    file = uploaded(quick, png("teal"))

    assert started(quick, "fox-1").status == started(quick, "fox-1").status == 200
    assert started(quick, file["name"]).status == 400


def started(server: SandboxServer, name: str) -> Answer:
    """The first step of an upload under this name."""
    start = {
        "X-Goog-Upload-Protocol": "resumable",
        "X-Goog-Upload-Command": "start",
        "X-Goog-Upload-Header-Content-Length": "3",
        "X-Goog-Upload-Header-Content-Type": "image/png",
    }

    return google(server, "POST", "/upload/v1beta/files", {"file": {"name": name}}, **start)


def uploaded_wrong(server: SandboxServer) -> Answer:
    """An upload to a place that was never given."""
    return ask(server, "POST", "/sandbox/gemini-files/0123456789ab", b"x", key=None)


def batched(server: SandboxServer, *requests: tuple[str, dict[str, Any]], name: str = "ours") -> str:
    """The name of a new batch of inline requests."""
    inside = [{"request": request, "metadata": {"key": key}} for key, request in requests]
    body = {"batch": {"display_name": name, "input_config": {"requests": {"requests": inside}}}}
    answer = google(server, "POST", f"/v1beta/models/{MODEL}:batchGenerateContent", body)
    assert answer.status == 200, answer.body
    made: str = answer.json()["name"]
    assert answer.json()["metadata"]["state"] == "BATCH_STATE_PENDING"
    return made


def batch(server: SandboxServer, name: str) -> Any:
    return google(server, "GET", f"/v1/{name}").json()


def test_a_batch_goes_from_pending_to_its_results(server: SandboxServer, clock: Clock) -> None:
    name = batched(server, ("one", wanted()), ("two", wanted(aspectRatio="9:16")))
    clock.advance(4)
    running = batch(server, name)
    assert (running["metadata"]["state"], running["done"]) == ("BATCH_STATE_RUNNING", False)
    clock.advance(4)
    done = batch(server, name)
    assert (done["metadata"]["state"], done["done"]) == ("BATCH_STATE_SUCCEEDED", True)
    entries = done["metadata"]["output"]["inlinedResponses"]["inlinedResponses"]
    assert [entry["metadata"]["key"] for entry in entries] == ["one", "two"]
    assert all("inlineData" in json.dumps(entry["response"]) for entry in entries)
    assert done["response"]["inlinedResponses"] == done["metadata"]["output"]["inlinedResponses"]
    (listed,) = google(server, "GET", "/v1beta/batches").json()["operations"]
    assert (listed["name"], listed["metadata"]["displayName"]) == (name, "ours")
    assert "output" not in listed["metadata"]


@pytest.mark.parametrize(
    ("fault", "state"),
    [
        ("job-failed", "BATCH_STATE_FAILED"),
        ("job-expired", "BATCH_STATE_EXPIRED"),
        ("stuck", "BATCH_STATE_PENDING"),
        ("odd-state", "BATCH_STATE_HIBERNATING"),
        ("empty-results", "BATCH_STATE_SUCCEEDED"),
    ],
)
def test_a_batch_can_end_without_results(start: Start, clock: Clock, fault: str, state: str) -> None:
    server = start(fault)
    name = batched(server, ("one", wanted()))
    clock.advance(8)

    found = batch(server, name)

    assert found["metadata"]["state"] == state
    assert "output" not in found["metadata"]
    assert ("error" in found) == (fault == "job-failed")


@pytest.mark.parametrize(
    ("fault", "text"),
    [("job-error", "Internal error"), ("job-rate-limited", "exhausted"), ("content-policy", "PROHIBITED_CONTENT")],
)
def test_a_batch_that_succeeded_can_hold_failures(start: Start, clock: Clock, fault: str, text: str) -> None:
    server = start(fault)
    name = batched(server, ("one", wanted()))
    clock.advance(8)

    found = batch(server, name)["metadata"]

    assert found["state"] == "BATCH_STATE_SUCCEEDED"
    (entry,) = found["output"]["inlinedResponses"]["inlinedResponses"]
    assert text in json.dumps(entry)


def test_a_batch_can_be_cancelled_and_is_no_batch_under_another_name(server: SandboxServer) -> None:
    name = batched(server, ("one", wanted()))

    assert google(server, "POST", f"/v1beta/{name}:cancel").json() == {}
    assert batch(server, name)["metadata"]["state"] == "BATCH_STATE_CANCELLED"
    assert google(server, "POST", "/v1beta/batches/nothing:cancel").status == 404
    assert google(server, "GET", "/v1beta/batches/nothing").status == 404


def test_a_batch_from_a_file_gives_a_file(server: SandboxServer, clock: Clock) -> None:
    lines = [json.dumps({"key": key, "request": wanted()}) for key in ("one", "two")]
    file = uploaded(server, "\n".join(lines).encode(), "jsonl")
    body = {"batch": {"displayName": "many", "inputConfig": {"fileName": file["name"]}}}
    name = google(server, "POST", f"/v1beta/models/{MODEL}:batchGenerateContent", body).json()["name"]
    clock.advance(8)

    made = batch(server, name)["metadata"]["output"]["responsesFile"]
    found = google(server, "GET", f"/download/v1beta/{made}:download?alt=media")

    assert [json.loads(line)["key"] for line in found.body.splitlines()] == ["one", "two"]


def test_a_lost_batch_stands_in_the_list(start: Start) -> None:
    server = start("lost-reply")
    with pytest.raises(http.client.RemoteDisconnected):
        batched(server, ("one", wanted()), name="run-7")

    (found,) = google(server, "GET", "/v1beta/batches").json()["operations"]
    assert found["metadata"]["displayName"] == "run-7"


def test_models_come_in_pages_and_under_the_header_of_google_only(server: SandboxServer) -> None:
    names: list[str] = []
    token = "0"
    while token:
        page = google(server, "GET", f"/v1beta/models?pageSize=3&pageToken={token}").json()
        names += [model["name"] for model in page["models"]]
        token = page.get("nextPageToken")

    assert f"models/{MODEL}" in names
    assert len(names) == len(set(names)) == 7
    assert ask(server, "GET", "/v1/models").json()["object"] == "list"

"""Google's facts (reference of the direct services, 1, 2026-11-25), and the contract over them."""

from __future__ import annotations

import base64
import dataclasses
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import pytest

from imgen_providers.base import (
    Cancelled,
    Charge,
    Failed,
    InlineAsset,
    Job,
    ListsModels,
    ListsRecent,
    PictureFile,
    PictureLink,
    Queued,
    Request,
    Running,
    Status,
    StopsJobs,
    Succeeded,
    TakesUploads,
    Unrecognised,
)
from imgen_providers.errors import (
    Busy,
    InvalidRequest,
    JobNotFound,
    KeyRefused,
    NoCredit,
    NotUnderstood,
    RateLimited,
    Uncertain,
    Unreachable,
)
from imgen_providers.testing.bodies import Refusal
from imgen_providers.testing.contract import SynchronousContract
from imgen_providers.testing.wire import reply
from providers.sending import KEY

if TYPE_CHECKING:
    from imgen_providers.base import FailureKind, Json, Service
    from imgen_providers.testing.far_side import FarSide

MODEL = "gemini-nano-banana-2.1"
BATCH = f"batch/{MODEL}"
PICTURE = b"\xff\xd8\xff and the rest"
SKETCH = b"\xff\xd8\xff a sketch"
RESPONSE_ID = "mS77aIOaD5qFvr0P1b_T4AY"
USAGE: Json = {
    "promptTokenCount": 15,
    "candidatesTokenCount": 1318,
    "thoughtsTokenCount": 100,
    "candidatesTokensDetails": [{"modality": "IMAGE", "tokenCount": 1290}],
}


def inline(data: bytes, **more: Json) -> Json:
    return {"inlineData": {"mimeType": "image/jpeg", "data": base64.b64encode(data).decode()}, **more}


def answered(*parts: Json, reason: str = "STOP", **more: Json) -> Json:
    content: Json = {"role": "model", "parts": list(parts)}
    return {
        "candidates": [{"content": content, "finishReason": reason, "index": 0}],
        "usageMetadata": USAGE,
        "responseId": RESPONSE_ID,
        **more,
    }


def ended(reason: str, **candidate: Json) -> Json:
    return {"candidates": [{"finishReason": reason, **candidate}], "usageMetadata": USAGE}


def without(reason: str, kind: FailureKind = "failed") -> tuple[Json, Failed]:
    return ended(reason), Failed(f"Google answered without a picture ({reason})", reason, kind)


def blocked(reason: str) -> tuple[Json, Failed]:
    body: Json = {"promptFeedback": {"blockReason": reason}}
    return body, Failed(f"Google blocked the prompt: {reason}", reason, "refused")


def error(code: int, status: str, message: str, *details: Json) -> Json:
    return {"error": {"code": code, "message": message, "status": status, "details": list(details)}}


WRONG_KEY: Json = {"@type": "type.googleapis.com/google.rpc.ErrorInfo", "reason": "API_KEY_INVALID"}
WAIT: Json = {"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": "34.4s"}
SPOKEN: Json = {"text": "Here it is", "thoughtSignature": "c2lnbmF0dXJlIG9uZQ=="}
SHOWN = inline(PICTURE, thoughtSignature="c2lnbmF0dXJlIHR3bw==")


class TestGemini(SynchronousContract):
    name = "gemini"
    request = Request(MODEL, "make it night", aspect="16:9", resolution="2K", idempotency_key="run-7-job-1")
    submit_path = f"/v1beta/models/{MODEL}:generateContent"
    submit_body: ClassVar[Json] = {
        "contents": [{"role": "user", "parts": [{"text": "make it night"}]}],
        "generationConfig": {
            "responseModalities": ["TEXT", "IMAGE"],
            "imageConfig": {"aspectRatio": "16:9", "imageSize": "2K"},
        },
    }
    key_header = ("x-goog-api-key", KEY)
    accepted: ClassVar[Json] = answered(
        {"text": "hmm", "thought": True}, inline(SKETCH, thought=True), SPOKEN, SHOWN, modelVersion=MODEL
    )
    job_id = RESPONSE_ID
    ends = (
        *map(blocked, ("SAFETY", "OTHER", "BLOCKLIST", "PROHIBITED_CONTENT", "IMAGE_SAFETY")),
        *(without(reason, "refused") for reason in ("SAFETY", "RECITATION", "BLOCKLIST", "PROHIBITED_CONTENT", "SPII")),
        *(without(f"IMAGE_{reason}", "refused") for reason in ("SAFETY", "PROHIBITED_CONTENT", "RECITATION")),
        *map(without, ("NO_IMAGE", "OTHER", "IMAGE_OTHER", "MAX_TOKENS", "LANGUAGE", "MALFORMED_FUNCTION_CALL")),
        *map(without, ("UNEXPECTED_TOOL_CALL", "MISSING_THOUGHT_SIGNATURE", "MALFORMED_RESPONSE", "A_NEW_ONE")),
        (answered({"text": "I cannot draw that."}), Failed("I cannot draw that.", "STOP")),
        (answered({"text": "secret", "thought": True}), Failed("Google answered without a picture (STOP)", "STOP")),
        (ended("IMAGE_SAFETY", finishMessage="unsafe"), Failed("unsafe", "IMAGE_SAFETY", "refused")),
        (ended("STOP", content={"role": "model"}), Failed("Google answered without a picture (STOP)", "STOP")),
        ({"usageMetadata": USAGE}, Failed("Google answered without a picture (no reason given)")),
        (
            {"promptFeedback": {"blockReason": "SAFETY", "blockReasonMessage": "not this"}},
            Failed("not this", "SAFETY", "refused"),
        ),
    )
    refusals = (
        Refusal(400, error(400, "INVALID_ARGUMENT", "bad field"), InvalidRequest, "INVALID_ARGUMENT"),
        Refusal(400, error(400, "INVALID_ARGUMENT", "API key not valid", WRONG_KEY), KeyRefused, "INVALID_ARGUMENT"),
        Refusal(400, [error(400, "INVALID_ARGUMENT", "no", WRONG_KEY)], KeyRefused, "INVALID_ARGUMENT"),
        Refusal(400, error(400, "FAILED_PRECONDITION", "Enable billing"), NoCredit, "FAILED_PRECONDITION"),
        Refusal(400, error(400, "FAILED_PRECONDITION", "User location"), KeyRefused, "FAILED_PRECONDITION"),
        Refusal(403, error(403, "PERMISSION_DENIED", "leaked"), KeyRefused, "PERMISSION_DENIED"),
        Refusal(404, error(404, "NOT_FOUND", "Call ListModels"), InvalidRequest, "NOT_FOUND"),
        Refusal(429, error(429, "RESOURCE_EXHAUSTED", "* Quota, limit: 0, model: x"), NoCredit, "RESOURCE_EXHAUSTED"),
        Refusal(429, error(429, "RESOURCE_EXHAUSTED", "limit: 10"), RateLimited, "RESOURCE_EXHAUSTED"),
        Refusal(500, error(500, "INTERNAL", "An internal error"), Busy, "INTERNAL"),
        Refusal(503, error(503, "UNAVAILABLE", "overloaded"), Busy, "UNAVAILABLE"),
        Refusal(504, error(504, "DEADLINE_EXCEEDED", "too long"), Uncertain, "DEADLINE_EXCEEDED"),
        Refusal(500, {"message": "another gateway"}, Uncertain),
    )

    def test_the_wait_is_read_in_the_body(self, service: Service, far_side: FarSide) -> None:
        far_side.script(reply(error(429, "RESOURCE_EXHAUSTED", "limit: 10", WAIT), 429))

        with pytest.raises(RateLimited) as caught:
            service.submit(self.request)

        assert caught.value.retry_after == 34.4

    def test_only_the_real_picture_is_taken_and_the_cost_is_computed(self, service: Service, far_side: FarSide) -> None:
        far_side.script(reply(self.accepted))

        job = service.submit(self.request)

        assert isinstance(job.status, Succeeded)
        assert job.status.assets == (InlineAsset(PICTURE),)
        # 15 in at 1.50, 28 of text and 100 of thoughts at 7.50, 1290 of a picture at 30 dollars per million
        assert job.charged == Charge("0.039683", "usd", computed=True)

    def test_the_last_thought_is_taken_where_no_other_picture_is(self, service: Service, far_side: FarSide) -> None:
        far_side.script(reply(answered(inline(SKETCH, thought=True), inline(PICTURE, thought=True))))

        status = service.submit(self.request).status

        assert isinstance(status, Succeeded)
        assert status.assets == (InlineAsset(PICTURE),)

    def test_a_second_picture_is_kept_too(self, service: Service, far_side: FarSide) -> None:
        far_side.script(reply(answered(SHOWN, inline(SKETCH))))

        status = service.submit(self.request).status

        assert isinstance(status, Succeeded)
        assert status.assets == (InlineAsset(PICTURE), InlineAsset(SKETCH))

    def test_an_answer_without_a_name_is_called_by_our_key(self, service: Service, far_side: FarSide) -> None:
        body = answered(SHOWN)
        assert isinstance(body, dict)
        del body["responseId"]
        far_side.script(reply(body))

        assert service.submit(self.request).remote_id == "run-7-job-1"

    def test_a_conversation_with_a_picture_of_googles_own_store_is_not_kept(
        self, service: Service, far_side: FarSide
    ) -> None:
        """It lives for 48 hours there: a later turn would be refused."""
        far_side.script(reply(self.accepted), reply(self.accepted))

        stored, public = PictureLink(f"{far_side.origin}/v1beta/files/a"), PictureLink("https://x.test/b.png")
        ends = [service.submit(Request(MODEL, "at night", (link,))).status for link in (stored, public)]

        assert [isinstance(end, Succeeded) and end.conversation is not None for end in ends] == [False, True]

    def test_references_go_in_the_body_as_bare_base64_or_as_links(
        self, service: Service, far_side: FarSide, tmp_path: Path
    ) -> None:
        (tmp_path / "a.png").write_bytes(b"abc")
        digest = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
        file = PictureFile(tmp_path / "a.png", "image/png", 3, digest)
        far_side.script(reply(self.accepted))

        status = service.submit(Request(MODEL, "at night", (file, PictureLink("https://x.test/b.png")))).status

        assert isinstance(status, Succeeded)
        assert status.conversation is None  # the next turn would need the file again
        [sent] = far_side.sent()
        body: Any = sent.json()
        assert body["contents"][0]["parts"] == [
            {"inlineData": {"mimeType": "image/png", "data": "YWJj"}},
            {"fileData": {"fileUri": "https://x.test/b.png"}},
            {"text": "at night"},
        ]
        assert "imageConfig" not in body["generationConfig"]

    def test_more_references_than_google_takes_are_refused_before_anything_is_sent(
        self, service: Service, far_side: FarSide
    ) -> None:
        file = PictureFile(Path("a.png"), "image/png", 8_000_000, "00")

        with pytest.raises(InvalidRequest):
            service.submit(Request(MODEL, "at night", (file, file)))

        assert far_side.sent() == []

    def test_an_upload_has_two_steps_and_only_the_first_carries_the_key(
        self, service: Service, far_side: FarSide, tmp_path: Path
    ) -> None:
        (tmp_path / "a.png").write_bytes(b"abc")
        digest = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
        far_side.script(reply("", headers={"X-Goog-Upload-URL": f"{far_side.origin}/place?upload_id=1"}), reply({}))
        assert isinstance(service, TakesUploads)

        if far_side.origin.startswith("https"):
            pytest.skip("its address is looked up and checked before a file is sent there")
        link = service.upload(PictureFile(tmp_path / "a.png", "image/png", 3, digest))

        start, finish = far_side.sent()
        assert (start.path, start.headers["x-goog-upload-command"]) == ("/upload/v1beta/files", "start")
        assert start.headers["x-goog-api-key"] == KEY
        assert finish.path == "/place?upload_id=1"
        assert (finish.method, finish.body) == ("POST", b"abc")
        assert finish.headers["x-goog-upload-command"] == "upload, finalize"
        assert "x-goog-api-key" not in finish.headers
        name = start.json()["file"]["name"]  # type: ignore[index,call-overload]
        assert link == PictureLink(f"{far_side.origin}/v1beta/{name}")

    def test_an_upload_without_a_place_is_not_understood(
        self, service: Service, far_side: FarSide, tmp_path: Path
    ) -> None:
        far_side.script(reply({}))
        assert isinstance(service, TakesUploads)

        with pytest.raises(NotUnderstood):
            service.upload(PictureFile(tmp_path / "a.png", "image/png", 3, "00"))

    def test_options_go_where_google_has_them(self, service: Service) -> None:
        tools: Json = [{"googleSearch": {}}]
        extras: dict[str, Json] = {"tools": tools, "thinkingConfig": {"thinkingLevel": "HIGH"}}

        _, body = service.preview(dataclasses.replace(self.request, resolution="0.5K", extras=extras))

        assert isinstance(body, dict)
        assert body["tools"] == tools
        config = body["generationConfig"]
        assert isinstance(config, dict)
        assert config["thinkingConfig"] == {"thinkingLevel": "HIGH"}
        assert config["imageConfig"] == {"aspectRatio": "16:9", "imageSize": "512"}

    def test_three_turns_keep_the_models_words_and_signatures_byte_for_byte(
        self, service: Service, far_side: FarSide
    ) -> None:
        far_side.script(reply(answered(SPOKEN, SHOWN)))
        conversation: Json = None
        for prompt in ("a cat", "bluer", "with a hat"):
            status = service.submit(Request(MODEL, prompt, conversation=conversation)).status
            assert isinstance(status, Succeeded)
            conversation = json.loads(json.dumps(status.conversation))

        contents: Any = json.loads(far_side.sent()[-1].body)["contents"]

        assert [turn["role"] for turn in contents] == ["user", "model", "user", "model", "user"]
        assert contents[1]["parts"] == contents[3]["parts"] == [SPOKEN, SHOWN]
        assert [turn["parts"][-1]["text"] for turn in contents[::2]] == ["a cat", "bluer", "with a hat"]

    def test_a_conversation_that_is_none_is_refused_before_anything_is_sent(
        self, service: Service, far_side: FarSide
    ) -> None:
        with pytest.raises(InvalidRequest):
            service.submit(Request(MODEL, "bluer", conversation="nonsense"))

        assert far_side.sent() == []

    def test_the_models_come_from_all_pages(self, service: Service, far_side: FarSide) -> None:
        methods: Json = ["generateContent", "batchGenerateContent"]
        entries: list[Json] = [
            {"name": f"models/{MODEL}", "supportedGenerationMethods": methods},
            {"name": "models/gemini-2.5-flash", "supportedGenerationMethods": methods},
            {"name": "models/an-image-embedding", "supportedGenerationMethods": ["embedContent"]},
        ]
        last: Json = {"name": "models/gemini-3-pro-image", "supportedGenerationMethods": methods}
        far_side.script(reply({"models": entries, "nextPageToken": "two"}), reply({"models": [last]}))
        assert isinstance(service, ListsModels)

        assert service.models() == [MODEL, "gemini-3-pro-image"]
        assert [path.partition("?")[2] for _, path, _, _ in far_side.sent()] == [
            "pageSize=100",
            "pageSize=100&pageToken=two",
        ]

    @pytest.mark.parametrize(
        "candidates",
        [{}, "none", 7, [7], [{"content": "seven"}], [{"content": {"parts": {}}}], [{"content": {"parts": ["seven"]}}]],
    )
    def test_an_answer_of_another_form_is_no_end(self, service: Service, far_side: FarSide, candidates: Json) -> None:
        """It is paid, and may hold a picture where no document has one: it is kept, and the job uncertain."""
        far_side.script(reply({"candidates": candidates, "usageMetadata": USAGE, "responseId": RESPONSE_ID}))

        with pytest.raises(Uncertain):
            service.submit(self.request)

    # Batches

    def batched(self) -> Request:
        return dataclasses.replace(self.request, model=BATCH)

    def test_a_batch_can_be_stopped_and_nothing_else(self, service: Service, far_side: FarSide) -> None:
        far_side.script(reply({}))
        assert isinstance(service, StopsJobs)

        service.stop(Job("gemini", "batches/b-1", Queued()))
        with pytest.raises(JobNotFound):
            service.stop(Job("gemini", RESPONSE_ID, Queued()))

        assert [(method, path) for method, path, _, _ in far_side.sent()] == [("POST", "/v1beta/batches/b-1:cancel")]

    def test_a_batch_is_one_request_under_our_own_name(self, service: Service, far_side: FarSide) -> None:
        far_side.script(reply(operation("BATCH_STATE_PENDING")))

        job = service.submit(self.batched())

        [(method, path, _, body)] = far_side.sent()
        assert (method, path) == ("POST", f"/v1beta/models/{MODEL}:batchGenerateContent")
        assert json.loads(body) == {
            "batch": {
                "displayName": "run-7-job-1",
                "inputConfig": {"requests": {"requests": [{"request": self.submit_body}]}},
            }
        }
        assert (job.remote_id, job.status) == ("batches/abc-1", Queued())

    def test_a_batch_is_polled_and_costs_half(self, service: Service, far_side: FarSide) -> None:
        entry: Json = {"response": answered(SHOWN), "metadata": {"key": "one"}}
        far_side.script(reply(operation("BATCH_STATE_SUCCEEDED", output=inlined(entry))))

        job = service.refresh(Job("gemini", "batches/abc-1", Queued()))

        assert far_side.sent()[0].path == "/v1beta/batches/abc-1"
        assert job.status == Succeeded((InlineAsset(PICTURE),))
        assert job.charged == Charge("0.019842", "usd", computed=True)

    def test_states_mean_what_the_documents_say_in_both_spellings(self, service: Service, far_side: FarSide) -> None:
        expired = Failed("The batch expired after 48 hours at Google, without a result", "EXPIRED")
        meanings: dict[str, Status] = {
            "PENDING": Queued(),
            "QUEUED": Queued(),
            "RUNNING": Running(),
            "SUCCEEDED": Succeeded(()),
            "FAILED": Failed("it broke", "13"),
            "CANCELLED": Cancelled(),
            "EXPIRED": expired,
            "REHEARSING": Unrecognised("REHEARSING"),
        }
        for prefix in ("BATCH_STATE_", "JOB_STATE_"):
            for state, status in meanings.items():
                body = operation(f"{prefix}{state}", error={"code": 13, "message": "it broke"})
                far_side.script(reply(body))

                assert service.refresh(Job("gemini", "batches/abc-1", Queued())).status == status

    @pytest.mark.parametrize(
        "place",
        [
            lambda found: {"metadata": {"state": "BATCH_STATE_SUCCEEDED", "output": found}},
            lambda found: {"metadata": {"state": "JOB_STATE_SUCCEEDED"}, "response": found},
            lambda found: {"state": "JOB_STATE_SUCCEEDED", "dest": found},
            lambda found: {"metadata": {"state": "BATCH_STATE_SUCCEEDED", "dest": found}},
            lambda found: {"done": True, "response": found},
        ],
        ids=["metadata.output", "response", "dest", "metadata.dest", "response without a state"],
    )
    @pytest.mark.parametrize("nested", [True, False])
    def test_results_are_found_in_every_place(
        self, service: Service, far_side: FarSide, place: Any, nested: bool
    ) -> None:
        entry: Json = {"response": answered(SHOWN)}
        found = inlined(entry) if nested else {"inlinedResponses": [entry]}
        far_side.script(reply(place(found)))

        status = service.refresh(Job("gemini", "batches/abc-1", Queued())).status

        assert status == Succeeded((InlineAsset(PICTURE),))

    def test_results_in_a_file_are_fetched(self, service: Service, far_side: FarSide) -> None:
        output: Json = {"responsesFile": "files/batch-abc-1"}
        line = json.dumps({"key": "one", "response": answered(SHOWN)})
        far_side.script(reply(operation("BATCH_STATE_SUCCEEDED", output=output)), reply(f"{line}\n"))

        status = service.refresh(Job("gemini", "batches/abc-1", Queued())).status

        assert status == Succeeded((InlineAsset(PICTURE),))
        assert far_side.sent()[-1].path == "/download/v1beta/files/batch-abc-1:download?alt=media"

    @pytest.mark.parametrize(
        ("entry", "failed"),
        [
            ({"error": {"code": 13, "message": "Internal"}}, Failed("Internal", "13")),
            ({"error": {"code": 8, "message": "exhausted"}}, Failed("exhausted", "8", "rate_limited")),
            ({"error": {"code": 3, "message": "content policy"}}, Failed("content policy", "3", "refused")),
            ({"response": blocked("SAFETY")[0]}, blocked("SAFETY")[1]),
        ],
    )
    def test_a_batch_that_succeeded_can_hold_a_failure(
        self, service: Service, far_side: FarSide, entry: Json, failed: Failed
    ) -> None:
        far_side.script(reply(operation("BATCH_STATE_SUCCEEDED", output=inlined(entry))))

        assert service.refresh(Job("gemini", "batches/abc-1", Queued())).status == failed

    @pytest.mark.parametrize("entry", [{}, {"response": {}}, {"response": {"candidates": {}, "usageMetadata": USAGE}}])
    def test_results_of_another_form_are_polled_again(
        self, service: Service, far_side: FarSide, entry: dict[str, Json]
    ) -> None:
        """Google keeps them for six weeks: what cannot be read today is no end."""
        far_side.script(reply(operation("BATCH_STATE_SUCCEEDED", output=inlined(entry))))

        status = service.refresh(Job("gemini", "batches/abc-1", Queued())).status

        assert isinstance(status, Succeeded)
        assert (status.assets, status.answered_keys[: len(entry)]) == ((), tuple(entry))

    def test_an_operation_that_is_not_done_is_under_way(self, service: Service, far_side: FarSide) -> None:
        far_side.script(reply({"name": "batches/abc-1", "done": False}))

        assert service.refresh(Job("gemini", "batches/abc-1", Queued())).status == Running()

    def test_an_operation_that_is_done_without_a_result_has_failed(self, service: Service, far_side: FarSide) -> None:
        far_side.script(reply({"name": "batches/abc-1", "done": True, "error": {"code": 13, "message": "it broke"}}))

        assert service.refresh(Job("gemini", "batches/abc-1", Queued())).status == Failed("it broke", "13")

    @pytest.mark.parametrize("done", ["seven", 1, None, True])
    def test_an_operation_without_state_and_end_is_not_understood(
        self, service: Service, far_side: FarSide, done: Json
    ) -> None:
        far_side.script(reply({"name": "batches/abc-1", "metadata": {"state": 7}, "done": done}))

        with pytest.raises(NotUnderstood):
            service.refresh(Job("gemini", "batches/abc-1", Queued()))

    @pytest.mark.parametrize(
        ("body", "status", "meaning"),
        [({}, 200, NotUnderstood), ("<html>", 200, NotUnderstood), (error(503, "UNAVAILABLE", "x"), 503, Unreachable)],
    )
    def test_a_poll_that_goes_wrong_is_asked_again_later(
        self, service: Service, far_side: FarSide, body: Json, status: int, meaning: type[Exception]
    ) -> None:
        far_side.script(reply(body, status))

        with pytest.raises(meaning):
            service.refresh(Job("gemini", "batches/abc-1", Queued()))

    def test_a_lost_batch_is_found_by_its_name(self, service: Service, far_side: FarSide) -> None:
        mine, other, many = (
            operation("BATCH_STATE_PENDING", name=f"batches/{name}", shown=shown, count=count)
            for name, shown, count in (
                ("one", "run-7-job-1", 1),
                ("two", "run-7-job-2", 1),
                ("three", "run-7-job-1", 2),
            )
        )
        far_side.script(
            reply({"operations": [other, many], "nextPageToken": "x"}), reply({"operations": [mine, "odd", {}]})
        )
        assert isinstance(service, ListsRecent)

        [found] = service.recent(self.batched(), since=CREATED)

        assert (found.job.remote_id, found.model, found.created_at) == ("batches/one", BATCH, CREATED)

    def test_nothing_is_asked_for_a_request_that_is_no_batch(self, service: Service, far_side: FarSide) -> None:
        assert isinstance(service, ListsRecent)

        assert list(service.recent(self.request, since=CREATED)) == []
        assert far_side.sent() == []

    def test_an_empty_list_of_batches_is_an_empty_object(self, service: Service, far_side: FarSide) -> None:
        far_side.script(reply({}))
        assert isinstance(service, ListsRecent)

        assert list(service.latest(BATCH, since=0.0)) == []


CREATED = 1_800_000_000.5


def inlined(*entries: Json) -> Json:
    return {"inlinedResponses": {"inlinedResponses": list(entries)}}


def operation(
    state: str, *, name: str = "batches/abc-1", shown: str = "run-7-job-1", count: int = 1, **more: Json
) -> Json:
    metadata: dict[str, Json] = {
        "name": name,
        "displayName": shown,
        "model": f"models/{MODEL}",
        "state": state,
        "createTime": "2027-01-15T08:00:00.500000Z",
        "batchStats": {"requestCount": str(count)},
    }
    if "output" in more:
        metadata["output"] = more.pop("output")
    return {"name": name, "metadata": metadata, "done": "PENDING" not in state and "RUNNING" not in state, **more}

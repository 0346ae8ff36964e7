"""Google's facts (reference of the direct services, 1, 2026-11-25), and the contract over them."""

from __future__ import annotations

import base64
import dataclasses
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import pytest

from imgen_providers.base import (
    Charge,
    Failed,
    InlineAsset,
    ListsModels,
    PictureFile,
    PictureLink,
    Request,
    Succeeded,
    TakesUploads,
)
from imgen_providers.errors import (
    Busy,
    InvalidRequest,
    KeyRefused,
    NoCredit,
    NotUnderstood,
    RateLimited,
    Uncertain,
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

"""Google's batches (reference of the direct services, 1.14, 2026-11-25): the facts, and the contract over them."""

from __future__ import annotations

import dataclasses
import json
from typing import TYPE_CHECKING, Any, ClassVar

import pytest

from imgen_providers.base import (
    Cancelled,
    Charge,
    Failed,
    InlineAsset,
    Job,
    ListsRecent,
    Queued,
    Running,
    Status,
    StopsJobs,
    Succeeded,
    Unrecognised,
)
from imgen_providers.errors import JobNotFound, KeyRefused, NotUnderstood, RateLimited, Unreachable
from imgen_providers.testing.bodies import Refusal
from imgen_providers.testing.contract import ServiceContract
from imgen_providers.testing.wire import reply
from providers import test_gemini
from providers.test_gemini import (
    BATCH,
    MODEL,
    PICTURE,
    RESPONSE_ID,
    SHOWN,
    USAGE,
    WRONG_KEY,
    answered,
    blocked,
    error,
)

if TYPE_CHECKING:
    from imgen_providers.base import Json, Service
    from imgen_providers.testing.far_side import FarSide


CREATED = 1_800_000_000.5
JOB = "batches/abc-1"
ONE_AT_ONCE = test_gemini.TestGemini


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


class TestGeminiBatch(ServiceContract):
    """The same service by its batches, whose jobs can be polled."""

    name = "gemini"
    request = dataclasses.replace(ONE_AT_ONCE.request, model=BATCH)
    submit_path = f"/v1beta/models/{MODEL}:batchGenerateContent"
    submit_body: ClassVar[Json] = {
        "batch": {
            "displayName": "run-7-job-1",
            "inputConfig": {"requests": {"requests": [{"request": ONE_AT_ONCE.submit_body}]}},
        }
    }
    key_header = ONE_AT_ONCE.key_header
    accepted: ClassVar[Json] = operation("BATCH_STATE_PENDING")
    job_id = JOB
    refusals = ONE_AT_ONCE.refusals
    poll_path = f"/v1beta/{JOB}"
    finished: ClassVar[Json] = operation("BATCH_STATE_SUCCEEDED", output=inlined({"response": answered(SHOWN)}))
    states = (
        (operation("BATCH_STATE_PENDING"), Queued()),
        (operation("JOB_STATE_RUNNING"), Running()),
        (finished, Succeeded((InlineAsset(PICTURE),))),
        (operation("BATCH_STATE_FAILED", error={"code": 13, "message": "it broke"}), Failed("it broke", "13")),
        (operation("BATCH_STATE_CANCELLED"), Cancelled()),
        (
            operation("JOB_STATE_EXPIRED"),
            Failed("The batch expired after 48 hours at Google, without a result", "EXPIRED"),
        ),
    )
    unknown_state: ClassVar[Json] = operation("BATCH_STATE_REHEARSING")
    poll_refusals = (
        Refusal(400, error(400, "INVALID_ARGUMENT", "API key not valid", WRONG_KEY), KeyRefused),
        Refusal(403, error(403, "PERMISSION_DENIED", "leaked"), KeyRefused),
        Refusal(404, error(404, "NOT_FOUND", "Requested entity was not found."), JobNotFound),
        Refusal(429, error(429, "RESOURCE_EXHAUSTED", "limit: 10"), RateLimited),
        Refusal(503, error(503, "UNAVAILABLE", "overloaded"), Unreachable),
    )

    def test_a_batch_can_be_stopped_and_nothing_else(self, service: Service, far_side: FarSide) -> None:
        far_side.script(reply({}))
        assert isinstance(service, StopsJobs)

        service.stop(Job("gemini", "batches/b-1", Queued()))
        with pytest.raises(JobNotFound):
            service.stop(Job("gemini", RESPONSE_ID, Queued()))

        assert [(method, path) for method, path, _, _ in far_side.sent()] == [("POST", "/v1beta/batches/b-1:cancel")]

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

        [found] = service.recent(self.request, since=CREATED)

        assert (found.job.remote_id, found.model, found.created_at) == ("batches/one", BATCH, CREATED)

    def test_nothing_is_asked_for_a_request_that_is_no_batch(self, service: Service, far_side: FarSide) -> None:
        assert isinstance(service, ListsRecent)

        assert list(service.recent(ONE_AT_ONCE.request, since=CREATED)) == []
        assert far_side.sent() == []

    def test_an_empty_list_of_batches_is_an_empty_object(self, service: Service, far_side: FarSide) -> None:
        far_side.script(reply({}))
        assert isinstance(service, ListsRecent)

        assert list(service.latest(BATCH, since=0.0)) == []

"""Does every way a service can fail become a sentence and a next step?"""

from __future__ import annotations

import pytest

from cli.drafts import record
from imgen.jobs.problems import EXIT_CODES, no_links, not_saved, of_end, of_poll, of_submit
from imgen.records import State
from imgen_providers import errors
from imgen_providers.base import Cancelled, Failed
from imgen_providers.errors import ServiceError

JOB = record(State.QUEUED, remote_id="far")


def every_error(kind: type[ServiceError] = ServiceError) -> list[type[ServiceError]]:
    """All classes of the tree; the root itself is never raised."""
    below = [error for child in kind.__subclasses__() for error in every_error(child)]
    return below if kind is ServiceError else [kind, *below]


@pytest.mark.parametrize("kind", every_error())
def test_every_error_has_a_code_a_sentence_and_an_exit(kind: type[ServiceError]) -> None:
    problem = of_submit(kind("It is so.", request_id="trace-7"), JOB)

    assert problem.code in EXIT_CODES
    assert problem.message == f"It is so. Its name for this exchange: trace-7; ours: {JOB.id}."
    assert of_submit(kind("It is so."), JOB).message == "It is so."


@pytest.mark.parametrize(
    ("kind", "step"),
    [
        (errors.KeyRefused, "imgen keys check 3daistudio"),
        (errors.NoCredit, "Top up at 3D AI Studio"),
        (errors.NotSent, "Nothing was sent and nothing was charged."),
        (errors.RateLimited, "Nothing was charged."),
        (errors.Busy, "Nothing was charged."),
        (errors.InvalidRequest, "What the model takes:\nimgen models gemini-3.1-flash"),
        (errors.ContentRefused, "Change the prompt"),
        (errors.Uncertain, "Look at your jobs at 3D AI Studio."),
    ],
)
def test_the_next_step_is_one_that_helps(kind: type[ServiceError], step: str) -> None:
    assert str(of_submit(kind("It is so."), JOB).hint).startswith(step)


@pytest.mark.parametrize("kind", every_error())
def test_a_question_about_an_accepted_job_never_leads_to_a_second_charge(kind: type[ServiceError]) -> None:
    problem = of_poll(kind("It is so.", request_id="trace-7"), JOB)

    assert problem.code in EXIT_CODES
    assert problem.message == f"It is so. Its name for this exchange: trace-7; ours: {JOB.id}."
    hint = problem.hint or ""
    assert hint.endswith(f"imgen wait {JOB.id}")
    for costly in ("charged", "forget", "again", "run the", "--resubmit"):
        assert costly not in f"{problem.message} {hint}".lower()


def test_a_job_without_links_is_named_with_what_the_answer_had() -> None:
    problem = no_links(JOB, ("status", "outcome.media_urls"))

    assert problem.message == (
        "3D AI Studio reports far as finished, but shows no picture. The answer has only: status, outcome.media_urls."
    )
    assert problem.hint == "It is paid. To ask once more:\nimgen download k3f9xy"
    assert no_links(JOB, ()).message == "3D AI Studio reports far as finished, but shows no picture."


def test_a_picture_that_its_folder_cannot_take_has_a_second_place() -> None:
    assert not_saved(JOB, "It broke off.").hint == "imgen download k3f9xy"
    assert not_saved(JOB, "The disk is full", elsewhere=True).hint == "imgen download k3f9xy -o ELSEWHERE"


@pytest.mark.parametrize("kind", [errors.Unreachable, errors.NotUnderstood, errors.Refused])
def test_where_nothing_helps_nothing_is_advised(kind: type[ServiceError]) -> None:
    assert of_submit(kind("It is so."), JOB).hint is None


def test_the_models_are_shown_even_where_the_family_is_unknown() -> None:
    adopted = record(State.QUEUED, family=None)

    assert of_submit(errors.InvalidRequest("no"), adopted).hint == "What the model takes:\nimgen models"


def test_doubt_names_both_ways_out_and_what_the_second_costs() -> None:
    hint = str(of_submit(errors.Uncertain("lost"), JOB).hint)

    assert "imgen wait k3f9xy --remote ITS_ID" in hint
    assert "imgen forget k3f9xy" in hint
    assert "--resubmit, which may charge a second time" in hint


@pytest.mark.parametrize(
    ("end", "state", "code", "message"),
    [
        (Failed("It broke."), State.FAILED, "job_failed", "The job failed at the service: It broke."),
        (Failed(""), State.FAILED, "job_failed", "The job failed at the service: it gave no reason."),
        (Failed("It broke", "E7"), State.FAILED, "job_failed", "The job failed at the service: It broke (E7)."),
        (Failed("E7: it broke", "E7"), State.FAILED, "job_failed", "The job failed at the service: E7: it broke."),
        (Failed("no", kind="refused"), State.FAILED, "job_refused", "The job failed at the service: no."),
        (Failed("no", kind="rate_limited"), State.FAILED, "job_rate_limited", "The job failed at the service: no."),
        (Cancelled(), State.CANCELLED, "job_cancelled", "The job was cancelled at the service."),
        (Cancelled("By its owner."), State.CANCELLED, "job_cancelled", "By its owner."),
    ],
    ids=str,
)
def test_an_end_without_a_picture_keeps_its_reason(
    end: Failed | Cancelled, state: State, code: str, message: str
) -> None:
    found, problem = of_end(end)

    assert (found, problem.code, problem.message) == (state, code, message)
    assert problem.code in EXIT_CODES

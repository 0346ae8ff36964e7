"""The exit codes of section 5 of the design, row by row."""

from __future__ import annotations

from itertools import permutations

import pytest

from cli.drafts import record
from imgen.errors import (
    BadConfiguration,
    ExitCode,
    ImgenError,
    KeyMissing,
    LedgerUnusable,
    Problem,
    StillUncertain,
    UsageProblem,
)
from imgen.jobs.problems import EXIT_CODES, of_end, of_poll, of_submit
from imgen.jobs.report import Goal, combined, exit_code, headline, problem_of
from imgen.records import JobRecord, Result, ResultState, State
from imgen_providers.base import Cancelled, Failed
from imgen_providers.errors import (
    Busy,
    ContentRefused,
    InvalidRequest,
    JobNotFound,
    KeyRefused,
    NoCredit,
    NotSent,
    NotUnderstood,
    RateLimited,
    Refused,
    ServiceError,
    Uncertain,
    Unreachable,
)

SOME = record(State.QUEUED)


def met(error: ServiceError) -> Problem:
    return of_poll(error, SOME)


def ended(end: Failed | Cancelled) -> JobRecord:
    state, problem = of_end(end)
    return record(state, problem=problem)


def closed(state: State, error: ServiceError) -> JobRecord:
    return record(state, problem=of_submit(error, SOME))


NEVER_SENT = Problem("never_sent", "It was never sent.")
BUG = Problem("bug", "imgen met a bug of its own.")
NOT_SAVED = Problem("not_saved", "The folder cannot take it.")
SAVED = record(State.SAVED, pictures=1)
Row = tuple[int, JobRecord, Problem | None, Goal]

WAITED: dict[str, Row] = {
    "saved": (0, SAVED, None, Goal.PICTURES),
    "saved, after trouble on the way": (0, SAVED, met(Unreachable("no answer")), Goal.PICTURES),
    "more pictures than ordered": (0, record(State.SAVED, pictures=2), None, Goal.PICTURES),
    "fewer pictures than ordered": (8, record(State.SAVED, pictures=1, ordered=2), None, Goal.PICTURES),
    "key refused at the submit": (3, closed(State.FAILED, KeyRefused("no")), None, Goal.PICTURES),
    "key missing": (3, record(State.PLANNED), KeyMissing("none").problem, Goal.PICTURES),
    "key missing for a running job": (3, record(State.RUNNING), KeyMissing("none").problem, Goal.PICTURES),
    "origin changed": (3, record(State.QUEUED), BadConfiguration("other").problem, Goal.PICTURES),
    "key refused at a question": (3, record(State.QUEUED), met(KeyRefused("no")), Goal.PICTURES),
    "invalid": (4, closed(State.FAILED, InvalidRequest("no")), None, Goal.PICTURES),
    "content policy": (4, closed(State.FAILED, ContentRefused("no")), None, Goal.PICTURES),
    "refused": (4, closed(State.FAILED, Refused("no")), None, Goal.PICTURES),
    "content policy after acceptance": (4, ended(Failed("no", kind="refused")), None, Goal.PICTURES),
    "failed there": (5, ended(Failed("it broke")), None, Goal.PICTURES),
    "no capacity there": (5, ended(Failed("busy", kind="rate_limited")), None, Goal.PICTURES),
    "cancelled there": (5, ended(Cancelled()), None, Goal.PICTURES),
    "finished without a picture": (
        *(5, record(State.FAILED, problem=Problem("no_pictures", "None.")), None, Goal.PICTURES),
    ),
    "finished without a link": (
        *(11, record(State.EXPIRED, problem=Problem("no_pictures", "None.")), None, Goal.PICTURES),
    ),
    "a bug met while it was polled": (1, record(State.QUEUED), BUG, Goal.PICTURES),
    "a bug met while it was saved": (1, record(State.READY), BUG, Goal.PICTURES),
    "failed for no known reason": (5, record(State.FAILED), None, Goal.PICTURES),
    "not reached": (6, closed(State.CANCELLED, NotSent("no route")), None, Goal.PICTURES),
    "rate limited to the end": (6, closed(State.CANCELLED, RateLimited("slow")), None, Goal.PICTURES),
    "busy to the end": (6, closed(State.CANCELLED, Busy("later")), None, Goal.PICTURES),
    "never sent": (6, record(State.CANCELLED, problem=NEVER_SENT), None, Goal.PICTURES),
    "still queued": (7, record(State.QUEUED), None, Goal.PICTURES),
    "still running": (7, record(State.RUNNING), None, Goal.PICTURES),
    "still being submitted elsewhere": (7, record(State.SUBMITTING), None, Goal.PICTURES),
    "still planned elsewhere": (7, record(State.PLANNED), None, Goal.PICTURES),
    "service out of reach while running": (7, record(State.RUNNING), met(Unreachable("no answer")), Goal.PICTURES),
    "running but not known there": (7, record(State.QUEUED), met(JobNotFound("who?")), Goal.PICTURES),
    "no credit": (9, closed(State.FAILED, NoCredit("empty")), None, Goal.PICTURES),
    "uncertain": (10, closed(State.UNCERTAIN, Uncertain("lost")), None, Goal.PICTURES),
    "expired": (11, record(State.EXPIRED), None, Goal.PICTURES),
    "not saved": (12, record(State.READY), NOT_SAVED, Goal.PICTURES),
    "not saved before": (12, record(State.READY, problem=NOT_SAVED), None, Goal.PICTURES),
    "ready and no more": (12, record(State.READY), None, Goal.PICTURES),
    "ready and the key gone": (12, record(State.READY), KeyMissing("none").problem, Goal.PICTURES),
    "an answer that imgen does not understand": (1, record(State.QUEUED), met(NotUnderstood("what?")), Goal.PICTURES),
    "accepted, with --no-wait": (0, record(State.QUEUED), None, Goal.ACCEPTANCE),
    "already running, with --no-wait": (0, record(State.RUNNING), None, Goal.ACCEPTANCE),
    "ready, with --no-wait": (12, record(State.READY), None, Goal.ACCEPTANCE),
    "refused, with --no-wait": (4, closed(State.FAILED, InvalidRequest("no")), None, Goal.ACCEPTANCE),
    "asked and running": (0, record(State.RUNNING), None, Goal.ANSWER),
    "asked and ready": (0, record(State.READY), None, Goal.ANSWER),
    "asked in vain": (7, record(State.RUNNING), met(Unreachable("no answer")), Goal.ANSWER),
    "asked to save what is not ready": (7, record(State.RUNNING), None, Goal.WHAT_IS_READY),
    "asked to save and not saved": (12, record(State.READY), NOT_SAVED, Goal.WHAT_IS_READY),
}


@pytest.mark.parametrize("row", WAITED)
def test_the_exit_code_of_one_job(row: str) -> None:
    code, job, here, goal = WAITED[row]

    problem = problem_of(job, here, goal)

    assert exit_code(job, problem) == code
    assert exit_code(job, problem).meaning
    assert (problem is None) == (job.state is State.SAVED or code == 0)


@pytest.mark.parametrize(
    ("error", "code"),
    [(UsageProblem, 2), (KeyMissing, 3), (BadConfiguration, 3), (StillUncertain, 10), (LedgerUnusable, 12)],
)
def test_the_exit_code_of_what_is_found_before_any_job(error: type[ImgenError], code: int) -> None:
    found = error("It cannot be.", "Do this.")

    assert found.exit_code == code
    assert found.problem == Problem(error.code, "It cannot be.", "Do this.")
    assert str(found) == "It cannot be."


def test_strict_counts_a_picture_that_is_not_as_ordered() -> None:
    results = (Result("job", 1, ResultState.SAVED, differences=("format: ordered jpeg, got png",)),)
    different = record(State.SAVED, results=results)

    assert exit_code(different, None) is ExitCode.DONE
    assert exit_code(different, None, strict=True) is ExitCode.PARTIAL
    assert exit_code(SAVED, None, strict=True) is ExitCode.DONE


DONE, FAILED, PARTIAL = ExitCode.DONE, ExitCode.FAILED, ExitCode.PARTIAL
UNCERTAIN, EXPIRED, NOT_SAVED_CODE = ExitCode.UNCERTAIN, ExitCode.EXPIRED, ExitCode.NOT_SAVED


@pytest.mark.parametrize(
    ("codes", "together"),
    [
        ([], DONE),
        ([DONE], DONE),
        ([DONE, DONE], DONE),
        ([FAILED, FAILED, FAILED], FAILED),
        ([UNCERTAIN, UNCERTAIN], UNCERTAIN),
        ([DONE, FAILED], PARTIAL),
        ([DONE, PARTIAL], PARTIAL),
        ([FAILED, ExitCode.REFUSED], PARTIAL),
        ([DONE, NOT_SAVED_CODE], PARTIAL),
        ([DONE, FAILED, EXPIRED], EXPIRED),
        ([DONE, FAILED, EXPIRED, UNCERTAIN], UNCERTAIN),
        ([NOT_SAVED_CODE, UNCERTAIN], UNCERTAIN),
        ([EXPIRED, NOT_SAVED_CODE], EXPIRED),
    ],
    ids=str,
)
def test_the_exit_code_of_several_jobs(codes: list[ExitCode], together: ExitCode) -> None:
    assert {combined(order) for order in permutations(codes)} == {together}


def test_a_problem_of_this_moment_is_said_before_one_of_the_past() -> None:
    before = record(State.READY, problem=Problem("not_saved", "An hour ago."))

    assert problem_of(before, NOT_SAVED, Goal.PICTURES) == NOT_SAVED
    assert problem_of(before, None, Goal.PICTURES) == before.problem


def test_what_is_left_open_says_how_to_come_back() -> None:
    waiting = problem_of(record(State.RUNNING), None, Goal.PICTURES)
    ready = problem_of(record(State.READY), None, Goal.PICTURES)

    assert waiting is not None
    assert (waiting.code, waiting.hint) == ("unfinished", "imgen wait k3f9xy")
    assert ready is not None
    assert (ready.code, ready.hint) == ("not_saved", "imgen download k3f9xy")


def test_one_problem_stands_for_the_whole_command() -> None:
    assert headline(ExitCode.DONE, [NOT_SAVED]) is None
    assert headline(ExitCode.NOT_SAVED, [NOT_SAVED, NEVER_SENT]) == NOT_SAVED
    few = headline(ExitCode.PARTIAL, [])
    assert few is not None
    assert few.message == "Some done, some not; or fewer pictures than ordered."


def test_the_numbers_are_those_of_the_design() -> None:
    names = "DONE BUG USAGE KEY REFUSED FAILED UNREACHABLE UNFINISHED PARTIAL NO_CREDIT UNCERTAIN EXPIRED NOT_SAVED"

    assert [code.name for code in sorted(ExitCode)] == [*names.split(), "DIFFERENT", "INTERRUPTED"]
    assert [int(code) for code in sorted(ExitCode)] == [*range(14), 130]
    assert set(EXIT_CODES.values()) <= set(ExitCode)

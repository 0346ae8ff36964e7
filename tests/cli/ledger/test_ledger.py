"""Does the ledger move a job only where it may go, and never forget one that may have been paid?"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from cli.drafts import ORIGIN, draft, taken
from cli.states import JOB, TROUBLE, bring_to, finish
from imgen import records
from imgen.errors import LedgerUnusable
from imgen.ledger.pacing import SubmitLimit, TooSoon
from imgen.ledger.planning import OrderedElsewhere, SameRequestUncertain
from imgen.records import Cost, ResultState, State
from imgen_providers.base import Request

if TYPE_CHECKING:
    from collections.abc import Callable

    from cli.clock import FakeClock
    from cli.ledgers import Opens
    from imgen.ledger.ledger import Ledger


P, S, Q, R = State.PLANNED, State.SUBMITTING, State.QUEUED, State.RUNNING
READY, SAVED, EXPIRED = State.READY, State.SAVED, State.EXPIRED
FAILED, CANCELLED, UNCERTAIN = State.FAILED, State.CANCELLED, State.UNCERTAIN

MOVES: dict[str, tuple[Callable[[Ledger], object], dict[State, State]]] = {
    "submitting": (lambda ledger: ledger.jobs.submitting(JOB), {P: S}),
    "not sent": (lambda ledger: ledger.jobs.not_sent(JOB), {S: P, UNCERTAIN: P}),
    "turned away": (lambda ledger: ledger.jobs.turned_away(JOB), {S: P, UNCERTAIN: P}),
    "finished without links": (
        lambda ledger: ledger.jobs.finished_without_links(JOB, TROUBLE),
        dict.fromkeys((P, S, Q, R, FAILED, CANCELLED, UNCERTAIN), EXPIRED),
    ),
    "never sent": (lambda ledger: ledger.jobs.never_sent(JOB, TROUBLE), {P: CANCELLED}),
    "lost": (lambda ledger: ledger.jobs.mark_uncertain(JOB, TROUBLE), {S: UNCERTAIN}),
    "running": (lambda ledger: ledger.jobs.running(JOB), {Q: R}),
    "accepted": (
        lambda ledger: ledger.jobs.accepted(JOB, taken("remote")),
        dict.fromkeys((P, S, Q, R, FAILED, CANCELLED, UNCERTAIN), Q),
    ),
    "failed there": (
        lambda ledger: ledger.jobs.ended(JOB, FAILED, TROUBLE),
        dict.fromkeys((P, S, Q, R, CANCELLED, UNCERTAIN), FAILED),
    ),
    "cancelled there": (
        lambda ledger: ledger.jobs.ended(JOB, CANCELLED, TROUBLE),
        dict.fromkeys((P, S, Q, R, FAILED, UNCERTAIN), CANCELLED),
    ),
    "finished": (finish, dict.fromkeys((P, S, Q, R, FAILED, CANCELLED, UNCERTAIN), READY)),
    "link died": (lambda ledger: ledger.results.expired(JOB, 1), {}),  # one of two: the other is still ready
    "file gone": (lambda ledger: ledger.results.reopen(JOB, 1), {SAVED: READY, EXPIRED: READY}),
    "troubled": (lambda ledger: ledger.jobs.set_problem(JOB, TROUBLE), {}),
    "forgotten": (lambda ledger: ledger.jobs.forget([JOB]), {}),
}


@pytest.mark.parametrize("before", State)
@pytest.mark.parametrize("move", MOVES)
def test_a_job_moves_only_where_it_may_go(ledger: Ledger, move: str, before: State) -> None:
    bring_to(ledger, before)
    assert ledger.jobs.get(JOB).state is before
    change, allowed = MOVES[move]

    change(ledger)

    assert ledger.jobs.get(JOB).state is allowed.get(before, before)


def test_a_job_is_sent_by_the_process_that_says_so_first(ledger: Ledger, open_ledger: Opens) -> None:
    """Two processes that both found it planned: only one of them may send it."""
    bring_to(ledger, P)
    other = open_ledger()

    assert [ledger.jobs.submitting(JOB), other.jobs.submitting(JOB), ledger.jobs.submitting(JOB)] == [
        True,
        False,
        False,
    ]


@pytest.mark.parametrize("close", ["forgotten", "never sent"])
def test_a_job_that_was_closed_meanwhile_is_not_sent(ledger: Ledger, close: str) -> None:
    bring_to(ledger, P)
    MOVES[close][0](ledger)

    assert not ledger.jobs.submitting(JOB)
    assert ledger.jobs.get(JOB).submitted_at is None


def test_what_is_recorded_before_a_byte_leaves(ledger: Ledger, clock: FakeClock) -> None:
    request = Request("gemini/3.1/flash", "a fox", aspect="16:9", extras={"seed": 7}, idempotency_key="run-job")
    drawn = draft(JOB, request=request)

    ledger.jobs.plan([drawn], "me", resubmit=False)

    found = ledger.jobs.get(JOB)
    assert found.request == request
    assert (found.owner, found.created_at) == ("me", clock.wall())
    assert (found.target, found.cost) == (drawn.target, Cost("15", "credits"))
    assert (found.request_key, found.provider, found.origin) == (drawn.request_key, drawn.provider, drawn.origin)
    assert (found.submitted_at, found.accepted_at, found.finished_at, found.remote_id) == (None, None, None, None)
    assert found.results == ()


def test_times_say_what_happened_when(ledger: Ledger, clock: FakeClock) -> None:
    bring_to(ledger, P)
    clock.time = 1.0
    ledger.jobs.submitting(JOB)
    clock.time = 2.0
    ledger.jobs.not_sent(JOB)
    assert ledger.jobs.get(JOB).submitted_at is None
    clock.time = 3.0
    ledger.jobs.submitting(JOB)
    clock.time = 4.0
    ledger.jobs.mark_uncertain(JOB, TROUBLE)
    assert ledger.jobs.get(JOB).finished_at == clock.wall()
    clock.time = 5.0
    ledger.jobs.accepted(JOB, taken("remote"))
    assert ledger.jobs.get(JOB).finished_at is None
    clock.time = 9.0
    finish(ledger)

    found = ledger.jobs.get(JOB)
    start = clock.wall() - 9.0
    assert [found.created_at, found.submitted_at, found.accepted_at, found.finished_at] == [
        *(start, start + 3.0, start + 5.0, start + 9.0)
    ]


def test_a_late_acceptance_overrides_the_doubt(ledger: Ledger) -> None:
    """The waiting ended, the row is uncertain, and then the answer does come."""
    bring_to(ledger, UNCERTAIN)

    ledger.jobs.accepted(JOB, taken("remote", url="https://x/status"))

    found = ledger.jobs.get(JOB)
    assert (found.remote_id, found.handle, found.problem) == ("remote", {"url": "https://x/status"}, None)
    assert ledger.jobs.uncertain() == []


def test_a_failure_keeps_its_reason(ledger: Ledger) -> None:
    bring_to(ledger, FAILED)

    assert ledger.jobs.get(JOB).problem == TROUBLE


# The same request again --------------------------------------------------------------------------------------


def test_a_request_that_may_have_been_charged_is_not_recorded_again(ledger: Ledger) -> None:
    bring_to(ledger, State.UNCERTAIN)
    again = [draft("another", prompt="another"), draft("second", prompt=JOB)]

    with pytest.raises(SameRequestUncertain) as refused:
        ledger.jobs.plan(again, "me", resubmit=False)

    assert refused.value.job_ids == (JOB,)
    assert ledger.jobs.find("another") == ledger.jobs.find("second") == []
    assert [job.id for job in ledger.jobs.uncertain()] == [JOB]


def test_resubmit_closes_the_old_rows_and_records_the_new(ledger: Ledger, clock: FakeClock) -> None:
    run = [draft(name, prompt="fox") for name in ("one", "two")]
    ledger.jobs.plan(run, "me", resubmit=False)
    for name in ("one", "two"):
        ledger.jobs.submitting(name)
        ledger.jobs.mark_uncertain(name, TROUBLE)
    clock.time = 60.0

    ledger.jobs.plan([draft("three", prompt="fox")], "me", resubmit=True)

    assert ledger.jobs.uncertain() == []
    assert [job.forgotten_at for job in ledger.jobs.get_many(["one", "two", "three"])] == [
        clock.wall(),
        clock.wall(),
        None,
    ]
    assert [job.id for job in ledger.jobs.open()] == ["three"]


def test_a_resubmit_that_cannot_be_recorded_keeps_the_old_rows_open(ledger: Ledger) -> None:
    bring_to(ledger, State.UNCERTAIN)

    with pytest.raises(LedgerUnusable):
        ledger.jobs.plan([draft("new", prompt=JOB), draft("bad", parent_id="no job")], "me", resubmit=True)

    assert [job.id for job in ledger.jobs.uncertain()] == [JOB]
    assert ledger.jobs.find("new") == []


@pytest.mark.parametrize("state", [state for state in State if state is not State.UNCERTAIN])
def test_a_request_that_is_ordered_once_is_refused_beside_a_job_that_the_caller_does_not_know(
    ledger: Ledger, state: State
) -> None:
    bring_to(ledger, state)
    over = state in (State.FAILED, State.CANCELLED)

    def order(job_id: str, origin: str = ORIGIN) -> list[str]:
        try:
            return ledger.jobs.plan([draft(job_id, prompt=JOB, origin=origin)], "me", resubmit=False, known=[])
        except OrderedElsewhere as error:
            return list(error.job_ids)

    assert order("in the sandbox", origin="sandbox") == ["in the sandbox"]
    assert order("second") == (["second"] if over else [JOB])
    known = [JOB, "second"]
    assert ledger.jobs.plan([draft("third", prompt=JOB)], "me", resubmit=False, known=known) == ["third"]
    found = [job.id for job in ledger.jobs.with_request(ledger.jobs.get(JOB).request_key)]
    assert found == [JOB, "in the sandbox", *(["second"] if over else []), "third"]


@pytest.mark.parametrize("state", [state for state in State if state is not State.UNCERTAIN])
def test_the_same_request_may_be_made_twice_while_nothing_is_in_doubt(ledger: Ledger, state: State) -> None:
    bring_to(ledger, state)

    ledger.jobs.plan([draft("second", prompt=JOB)], "me", resubmit=False)

    assert ledger.jobs.get("second").state is State.PLANNED


def test_doubt_in_one_place_does_not_block_another(ledger: Ledger) -> None:
    ledger.jobs.plan([draft(JOB, origin="sandbox")], "me", resubmit=False)
    ledger.jobs.submitting(JOB)
    ledger.jobs.mark_uncertain(JOB, TROUBLE)

    ledger.jobs.plan([draft("real")], "me", resubmit=False)

    assert ledger.jobs.get("real").state is State.PLANNED


def test_doubt_that_a_person_has_settled_does_not_block(ledger: Ledger) -> None:
    bring_to(ledger, State.UNCERTAIN)

    ledger.jobs.forget([JOB])
    ledger.jobs.plan([draft("second", prompt=JOB)], "me", resubmit=False)

    assert ledger.jobs.get("second").state is State.PLANNED
    assert ledger.jobs.get(JOB).state is State.UNCERTAIN


def test_all_rows_of_a_run_are_recorded_or_none(ledger: Ledger) -> None:
    """A row that cannot stand is a bug of ours, and not reported as a full disk."""
    with pytest.raises(LedgerUnusable, match=r"(?i)does not take: .*foreign key.* This is a bug") as refused:
        ledger.jobs.plan([draft("one"), draft("two"), draft("three", parent_id="no job")], "me", resubmit=False)

    assert "Neither" in str(refused.value.hint), "it blames neither the file nor the disk"
    assert ledger.jobs.open() == []


def test_an_id_that_is_taken_is_drawn_again_with_its_idempotency_key(ledger: Ledger) -> None:
    bring_to(ledger, State.QUEUED)
    request = Request("m", "a fox", idempotency_key=f"run-{JOB}")

    first, second = ledger.jobs.plan([draft(JOB, request=request)] * 2, "me", resubmit=False)

    assert len({JOB, first, second}) == 3
    assert [job.request.idempotency_key for job in ledger.jobs.get_many([first, second])] == [
        f"run-{first}",
        f"run-{second}",
    ]
    assert ledger.jobs.get(JOB).state is State.QUEUED
    assert ledger.jobs.get(ledger.jobs.adopt(draft(JOB), taken("another"))).remote_id == "another"


def test_jobs_are_planned_where_most_ids_are_taken(ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of 256 ids, 200 are wanted."""
    monkeypatch.setattr(records, "_ID_LETTERS", "23")
    drawn = [draft(records.new_id()) for _ in range(200)]

    ids = ledger.jobs.plan(drawn, "me", resubmit=False)

    assert len(set(ids)) == len(drawn)


@pytest.mark.parametrize("in_doubt", [False, True])
def test_what_was_turned_away_counts_for_the_rate_limit_of_its_service_until_the_window_is_over(
    ledger: Ledger, clock: FakeClock, in_doubt: bool
) -> None:
    limit = SubmitLimit(2, 60.0)
    ledger.jobs.plan([draft("one"), draft("two"), draft("else", origin="sandbox")], "me", resubmit=False)
    for _ in range(2):
        assert ledger.jobs.submitting("one", limit)
        if in_doubt:
            ledger.jobs.mark_uncertain("one", TROUBLE)
        ledger.jobs.turned_away("one")
        clock.time += 10.0

    with pytest.raises(TooSoon) as early:
        ledger.jobs.submitting("two", limit)

    # Of many machines, two submits do not arrive as far apart as they were recorded.
    window = 61.0 if ledger.is_shared else 60.0
    assert early.value.seconds == pytest.approx(window - 20.0)
    assert ledger.jobs.submitting("else", limit)
    clock.time += window - 19.9
    assert ledger.jobs.submitting("two", limit)


def test_what_was_not_sent_counts_for_no_rate_limit(ledger: Ledger) -> None:
    ledger.jobs.plan([draft("one")], "me", resubmit=False)
    for _ in range(5):
        assert ledger.jobs.submitting("one", SubmitLimit(1, 60.0))
        ledger.jobs.not_sent("one")


def test_a_job_that_a_rebuild_opened_again_ends_without_links_beside_its_saved_picture(ledger: Ledger) -> None:
    bring_to(ledger, State.SAVED)
    # As recovery does where the row of a picture may be missing.
    ledger._database.change("UPDATE job SET stage = 'running' WHERE id = ?", (JOB,))
    ledger._database.change("DELETE FROM result WHERE job_id = ? AND number = 2", (JOB,))

    ledger.jobs.finished_without_links(JOB, TROUBLE)

    job = ledger.jobs.get(JOB)
    assert job.state is State.EXPIRED
    assert [(result.index, result.state) for result in job.results] == [
        (1, ResultState.SAVED),
        (2, ResultState.EXPIRED),
    ]

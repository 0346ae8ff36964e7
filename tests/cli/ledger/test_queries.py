"""Are jobs found by what a person types, and past times kept apart?"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from cli.drafts import ORIGIN, draft, taken
from cli.states import JOB, bring_to, finish
from imgen.ledger.jobs import IdTaken
from imgen.records import Cost, State
from imgen_providers.base import Request

if TYPE_CHECKING:
    from cli.clock import FakeClock
    from imgen.ledger.ledger import Ledger


def test_jobs_are_found_by_id_by_its_start_and_by_remote_id(ledger: Ledger) -> None:
    ledger.jobs.plan([draft("abc234", prompt="1"), draft("abd567", prompt="2")], "me", resubmit=False)
    ledger.jobs.submitting("abd567")
    ledger.jobs.accepted("abd567", taken("abc-remote"))

    def found(text: str) -> list[str]:
        return [job.id for job in ledger.jobs.find(text)]

    assert found("abc234") == ["abc234"]
    assert found("ab") == ["abc234", "abd567"]
    assert found("abc") == ["abc234"]
    assert found("abc-remote") == ["abd567"]
    assert found("abc-rem") == []
    assert found("bc2") == []
    assert found("a%") == found("a_c") == []
    assert found("abc\udcff") == found("\0") == []


def test_a_whole_id_is_meant_even_where_it_is_the_start_of_another(ledger: Ledger) -> None:
    ledger.jobs.plan([draft("abc"), draft("abcdef")], "me", resubmit=False)

    assert [job.id for job in ledger.jobs.find("abc")] == ["abc"]


def test_a_remote_id_never_stands_for_another_jobs_local_id(ledger: Ledger) -> None:
    """A service chooses its ids: it may choose one of ours, or the beginning of one."""
    ledger.jobs.plan(
        [draft("k3f9xyzz", prompt="1"), draft("m4g8", prompt="2"), draft("n5h7", prompt="3")], "me", resubmit=False
    )
    for job_id, remote in (("m4g8", "k3f9xyzz"), ("n5h7", "k3f9")):
        ledger.jobs.submitting(job_id)
        ledger.jobs.accepted(job_id, taken(remote))

    assert [job.id for job in ledger.jobs.find("k3f9xyzz")] == ["k3f9xyzz"]
    assert [job.id for job in ledger.jobs.find("k3f9")] == ["k3f9xyzz"]
    found = ledger.jobs.at_service("3daistudio", ORIGIN, "k3f9")
    assert found is not None
    assert found.id == "n5h7"


def test_a_job_that_is_not_there_is_a_key_error(ledger: Ledger) -> None:
    with pytest.raises(KeyError):
        ledger.jobs.get("unknown")


def test_open_jobs_are_those_that_need_work_in_the_order_they_were_made(ledger: Ledger) -> None:
    for state in State:
        bring_to(ledger, state, f"{10 - list(State).index(state):02} {state}")
    forgotten = "00 forgotten"
    bring_to(ledger, State.QUEUED, forgotten)
    ledger.jobs.forget([forgotten])

    assert [job.state for job in ledger.jobs.open()] == [
        State.PLANNED,
        State.SUBMITTING,
        State.QUEUED,
        State.RUNNING,
        State.READY,
    ]
    assert [job.state for job in ledger.jobs.uncertain()] == [State.UNCERTAIN]
    assert ledger.jobs.get(forgotten).forgotten_at is not None


def test_a_remote_id_belongs_to_one_job_of_a_service_at_an_origin(ledger: Ledger) -> None:
    places: list[dict[str, Any]] = [
        {"provider": "3daistudio", "origin": "https://api.3daistudio.com"},
        {"provider": "3daistudio", "origin": "sandbox"},
        {"provider": "reapi", "origin": "https://api.3daistudio.com"},
    ]
    for number, place in enumerate(places):
        ledger.jobs.plan([draft(f"job{number}", **place)], "me", resubmit=False)
        ledger.jobs.submitting(f"job{number}")
        ledger.jobs.accepted(f"job{number}", taken("same"))
    ledger.jobs.plan([draft("double", **places[0])], "me", resubmit=False)
    ledger.jobs.submitting("double")

    with pytest.raises(IdTaken) as refusal:
        ledger.jobs.accepted("double", taken("same"))

    assert refusal.value.job_id == "job0"
    assert ledger.jobs.get("double").state is State.SUBMITTING
    assert [job.id for job in ledger.jobs.find("same")] == ["job0", "job1", "job2"]


def test_a_job_from_elsewhere_is_taken_over_once(ledger: Ledger) -> None:
    ledger.jobs.adopt(draft(JOB, request=Request("", ""), cost=Cost(None, None)), taken("far", url="u"))

    found = ledger.jobs.get(JOB)
    assert (found.state, found.remote_id, found.handle, found.owner) == (State.QUEUED, "far", {"url": "u"}, None)
    assert found.accepted_at == found.created_at
    assert found.cost == Cost(None, None)
    assert ledger.jobs.adopt(draft("second"), taken("far")) == JOB


def test_past_times_are_of_the_same_service_model_and_resolution_and_never_the_sandboxs(
    ledger: Ledger, clock: FakeClock
) -> None:
    def done(name: str, took: float | None, *, resolution: str | None = "1K", **place: str) -> None:
        request = Request(place.pop("model", "m"), name, resolution=resolution)
        ledger.jobs.plan([draft(name, prompt=name, request=request, **place)], "me", resubmit=False)
        ledger.jobs.submitting(name)
        ledger.jobs.accepted(name, taken(f"remote {name}"))
        clock.time += 1.0
        finish(ledger, name, took=took)

    done("first", 10.0)
    done("second", 20.0)
    done("third", 30.0)
    done("sandbox", 1.0, origin="sandbox")
    done("gateway", 40.0, origin="https://gateway.example")
    done("unwatched", None)
    done("large", 90.0, resolution="4K")
    done("unsaid", 70.0, resolution=None)
    done("other model", 80.0, model="other")
    done("other service", 60.0, provider="reapi")

    assert ledger.jobs.seconds_taken("3daistudio", "m", "1K") == [40.0, 30.0, 20.0, 10.0]
    assert ledger.jobs.seconds_taken("3daistudio", "m", "1K", limit=2) == [40.0, 30.0]
    assert ledger.jobs.seconds_taken("3daistudio", "m", None) == [70.0]
    assert ledger.jobs.seconds_taken("3daistudio", "m", "0.5K") == []


def test_of_jobs_that_ran_at_the_same_time_not_the_slowest_count_as_the_newest(
    ledger: Ledger, clock: FakeClock
) -> None:
    """The last of them to end took longest: polls that are placed by these alone come too late for all others."""
    seconds = [60.0, 30.0, 55.0, 35.0, 50.0, 40.0]
    names = [f"job{number}" for number in range(len(seconds))]
    ledger.jobs.plan([draft(name, prompt=name) for name in names], "me", resubmit=False)
    for number, name in enumerate(names):
        clock.time = float(number)
        ledger.jobs.submitting(name)
        ledger.jobs.accepted(name, taken(f"remote {name}"))
    for took, name in sorted(zip(seconds, names, strict=True)):
        clock.time = 100.0 + took
        ledger.jobs.finished(name, ["https://x"], link_seconds=None, took_seconds=took, conversation=None)
    of = draft("one").request

    found = ledger.jobs.seconds_taken("3daistudio", of.model, of.resolution, limit=4)

    assert found == [40.0, 50.0, 35.0, 55.0], "the last that were accepted"


def test_the_latest_orders_are_whole_however_many_jobs_they_have(ledger: Ledger) -> None:
    for run, jobs, origin in (("one", 1, ORIGIN), ("many", 40, "sandbox"), ("two", 2, ORIGIN)):
        planned = [draft(f"{run}{n:02}", run_id=run, prompt=f"{run} {n}", origin=origin) for n in range(jobs)]
        ledger.jobs.plan(planned, "me", resubmit=False)

    def order(number: int, origin: str | None = None) -> tuple[set[str], int]:
        found = ledger.jobs.latest_order(number, origin)
        return {job.run_id for job in found}, len(found)

    assert [order(number) for number in (1, 2, 3, 4)] == [({"two"}, 2), ({"many"}, 40), ({"one"}, 1), (set(), 0)]
    assert [order(number, ORIGIN) for number in (1, 2, 3)] == [({"two"}, 2), ({"one"}, 1), (set(), 0)]
    assert [order(number, "sandbox") for number in (1, 2)] == [({"many"}, 40), (set(), 0)]

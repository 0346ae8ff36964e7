"""Does the ledger know of each picture whether it is saved, and by whom it is being saved?"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from cli.ledgers import being_written
from cli.states import JOB, LINKS, TROUBLE, bring_to, finish, save
from imgen.files import part_path
from imgen.ledger.jobs import Claim
from imgen.records import ResultState, State

if TYPE_CHECKING:
    from cli.clock import FakeClock
    from cli.ledgers import Opens
    from imgen.ledger.ledger import Ledger
    from imgen.ledger.sqlite.owners import Owner


def test_pictures_are_numbered_from_one_with_their_links(ledger: Ledger, clock: FakeClock) -> None:
    bring_to(ledger, State.QUEUED)
    accepted = clock.wall()
    clock.time = 50.0
    kept = ledger.results.inline_path(JOB, 2)

    ledger.jobs.finished(
        JOB,
        ["https://x/1", kept],
        link_seconds=60.0,
        took_seconds=50.0,
        conversation=["opaque"],
        unfinished_at=accepted + 45.0,
    )

    found = ledger.jobs.get(JOB)
    assert [(r.index, r.url, r.state) for r in found.results] == [
        (1, "https://x/1", ResultState.READY),
        (2, None, ResultState.READY),
    ]
    assert found.expires_at == accepted + 45.0 + 60.0
    assert found.conversation == ["opaque"]


def test_the_process_that_learns_of_the_pictures_takes_them_in_the_same_commit(ledger: Ledger) -> None:
    bring_to(ledger, State.QUEUED)
    mine, another = ledger.new_owner(), ledger.new_owner()
    parts = [part_path(Path(f"/pictures/{number}.png")) for number in (1, 2)]

    ledger.jobs.finished(
        JOB, LINKS, link_seconds=None, took_seconds=None, conversation=None, claim=Claim(mine.name, parts)
    )

    found = ledger.jobs.get(JOB).results
    assert [(result.fetcher, result.part) for result in found] == [(mine.name, part) for part in parts]
    assert not ledger.results.claim(JOB, 1, Path("/pictures/.part"), another.name)
    before = ledger.version
    assert ledger.results.claim(JOB, 1, parts[0], mine.name)
    assert ledger.version == before, "there is nothing more to write"
    mine.release()
    assert ledger.results.claim(JOB, 2, Path("/pictures/.part"), another.name)
    another.release()


def test_a_picture_that_another_process_has_taken_stays_its_own_when_its_link_is_renewed(ledger: Ledger) -> None:
    bring_to(ledger, State.READY)
    parts = [part_path(Path(f"/pictures/{number}.png")) for number in (1, 2)]
    ledger.results.claim(JOB, 1, parts[0], "another")

    renewed = ["https://x/new", "https://x/new-2"]
    claim = Claim("me", parts)
    ledger.jobs.finished(JOB, renewed, link_seconds=None, took_seconds=None, conversation=None, claim=claim)

    found = ledger.jobs.get(JOB).results
    assert [result.url for result in found] == renewed
    assert [result.fetcher for result in found] == ["another", None], "what was known before is claimed by itself"


def test_links_of_a_job_that_was_not_watched_may_be_as_old_as_its_acceptance(ledger: Ledger, clock: FakeClock) -> None:
    bring_to(ledger, State.QUEUED)
    accepted = clock.wall()
    clock.time = 5_000.0

    finish(ledger, took=None)

    assert ledger.jobs.get(JOB).expires_at == accepted + 86_400.0


def test_a_clock_that_was_set_back_lets_no_link_live_longer(ledger: Ledger, clock: FakeClock) -> None:
    clock.time = 3_600.0
    bring_to(ledger, State.QUEUED)
    clock.time = 0.0

    finish(ledger, took=None)

    assert ledger.jobs.get(JOB).expires_at == clock.wall() + 86_400.0


def test_where_nothing_is_known_of_links_nothing_is_claimed(ledger: Ledger) -> None:
    bring_to(ledger, State.QUEUED)

    ledger.jobs.finished(JOB, LINKS, link_seconds=None, took_seconds=3.0, conversation=None)

    assert ledger.jobs.get(JOB).expires_at is None


def test_a_second_finish_renews_the_links_of_ready_pictures_only(ledger: Ledger, clock: FakeClock) -> None:
    bring_to(ledger, State.QUEUED)
    finish(ledger, links=["https://x/1", "https://x/2", "https://x/3"], took=4.0)
    save(ledger, 1)
    ledger.results.expired(JOB, 2)
    first = ledger.jobs.get(JOB)
    clock.time = 100.0

    finish(ledger, links=["https://new/1", "https://new/2", "https://new/3", "https://new/4"], took=104.0)

    found = ledger.jobs.get(JOB)
    assert [(r.state, r.url) for r in found.results] == [
        (ResultState.SAVED, "https://x/1"),
        (ResultState.EXPIRED, "https://x/2"),
        (ResultState.READY, "https://new/3"),
        (ResultState.READY, "https://new/4"),
    ]
    assert found.finished_at == first.finished_at
    assert ledger.jobs.seconds_taken("3daistudio", "gemini/3.1/flash", "1K") == [4.0]
    assert found.results[0].path == Path("/pictures/1.png")


def test_a_saved_picture_is_recorded_whole(ledger: Ledger) -> None:
    bring_to(ledger, State.READY)
    ledger.jobs.set_problem(JOB, TROUBLE)
    ledger.results.claim(JOB, 1, Path("/pictures/.1.part"), "me")
    ledger.results.placing(JOB, 1, Path("/pictures/planned.png"), "cd" * 32)
    placing = ledger.jobs.get(JOB).results[0]
    assert (placing.path, placing.sha256, placing.state) == (
        Path("/pictures/planned.png"),
        "cd" * 32,
        ResultState.READY,
    )

    save(ledger, 1, differences=["format: ordered jpeg, got png"])

    found = ledger.jobs.get(JOB)
    result = found.results[0]
    assert (result.state, result.path, result.format) == (ResultState.SAVED, Path("/pictures/1.png"), "png")
    assert (result.width, result.height, result.size, result.sha256) == (1024, 768, 1_234_567, "ab" * 32)
    assert (result.fetcher, result.part) == (None, None)
    assert result.differences == ("format: ordered jpeg, got png",)
    assert found.problem == TROUBLE, "the other picture is still missing"
    save(ledger, 2)
    assert ledger.jobs.get(JOB).problem is None
    assert ledger.jobs.get(JOB).state is State.SAVED


def test_a_job_with_a_dead_link_is_expired_once_the_others_are_saved(ledger: Ledger) -> None:
    bring_to(ledger, State.READY)
    ledger.results.expired(JOB, 2)
    assert ledger.jobs.get(JOB).state is State.READY

    save(ledger, 1)

    assert ledger.jobs.get(JOB).state is State.EXPIRED


def test_a_picture_is_saved_by_one_living_process(ledger: Ledger) -> None:
    bring_to(ledger, State.READY)
    a, b = ledger.new_owner(), ledger.new_owner()
    parts = {owner.name: part_path(Path("/pictures/fox.png")) for owner in (a, b)}

    def claim(owner: Owner, number: int = 1) -> bool:
        return ledger.results.claim(JOB, number, parts[owner.name], owner.name)

    assert claim(a)
    assert claim(a), "again by the same"
    assert not claim(b)
    assert claim(b, number=2), "the other picture is free"
    a.release()
    assert claim(b), "its fetcher has ended"
    result = ledger.jobs.get(JOB).results[0]
    assert (result.fetcher, result.part) == (b.name, parts[b.name])
    b.release()


@pytest.mark.parametrize("state", [State.SAVED, State.EXPIRED])
def test_a_picture_that_is_settled_is_not_fetched_again(ledger: Ledger, state: State) -> None:
    bring_to(ledger, state)

    assert not ledger.results.claim(JOB, 1, Path("/pictures/.part"), "me")


def test_who_only_looks_needs_not_wait_for_who_writes(ledger: Ledger, open_ledger: Opens) -> None:
    """Ten processes that wait for the same hundred jobs would else keep each other waiting until SQLite gives up."""
    bring_to(ledger, State.READY)
    another = ledger.new_owner()
    ledger.results.claim(JOB, 1, Path("/pictures/.1.part"), another.name)
    with being_written(open_ledger()):
        assert not ledger.results.claim(JOB, 1, Path("/pictures/.2.part"), "me")
        finish(ledger)  # as the ledger has it
    assert [result.fetcher for result in ledger.jobs.get(JOB).results] == [another.name, None]
    another.release()


def test_only_its_fetcher_gives_a_picture_back(ledger: Ledger) -> None:
    """Cleaning up after a dead fetcher must not free what a living one has claimed meanwhile."""
    bring_to(ledger, State.READY)
    ledger.results.claim(JOB, 1, Path("/pictures/.part"), "living")

    ledger.results.unclaim(JOB, 1, "dead")
    assert ledger.jobs.get(JOB).results[0].fetcher == "living"

    ledger.results.unclaim(JOB, 1, "living")
    result = ledger.jobs.get(JOB).results[0]
    assert (result.fetcher, result.part, result.state) == (None, None, ResultState.READY)


def test_a_saved_picture_whose_file_is_gone_is_ready_again(ledger: Ledger) -> None:
    bring_to(ledger, State.SAVED)

    ledger.results.reopen(JOB, 1)

    result = ledger.jobs.get(JOB).results[0]
    assert (result.state, result.path, result.url) == (ResultState.READY, None, "https://x/1")

"""After a process was killed: is everything it left settled, and nothing that lives touched?"""

from __future__ import annotations

from typing import TYPE_CHECKING

from cli.drafts import draft, taken
from imgen.files import part_path
from imgen.pictures.verify import Picture
from imgen.records import State

if TYPE_CHECKING:
    import subprocess
    from pathlib import Path

    from cli.conftest import Children
    from imgen.ledger.ledger import Ledger


def left_by_another(ledger_place: str, part: Path, child: Children) -> subprocess.Popen[str]:
    """A living process that owns one job in each open state and has half a picture on disk."""
    other = child("leave", ledger_place, part)
    assert other.stdout is not None
    assert other.stdout.readline()
    return other


def let_leases_end(ledger: Ledger) -> None:
    """As if the time had passed in which a process that was killed still counts as alive."""
    if ledger.is_shared:
        ledger._database.change("DELETE FROM owner", ())


def states(ledger: Ledger) -> list[State]:
    return [job.state for job in ledger.jobs.get_many(["planned", "sent", "queued", "ready"])]


def test_what_a_killed_process_left_is_settled(
    ledger: Ledger, ledger_place: str, tmp_path: Path, child: Children
) -> None:
    part = part_path(tmp_path / "half.png")
    other = left_by_another(ledger_place, part, child)
    other.kill()
    other.wait()
    let_leases_end(ledger)

    ledger.close_orphans()

    assert states(ledger) == [State.CANCELLED, State.UNCERTAIN, State.QUEUED, State.READY]
    planned, sent, _, ready = ledger.jobs.get_many(["planned", "sent", "queued", "ready"])
    assert planned.problem is not None
    assert planned.problem.code == "never_sent"
    assert sent.problem is not None
    assert sent.problem.code == "uncertain"
    assert "imgen forget sent" in str(sent.problem.hint)
    assert not part.exists()
    assert (ready.results[0].fetcher, ready.results[0].part) == (None, None)
    before = ledger.jobs.get_many(["planned", "sent", "queued", "ready"])
    ledger.close_orphans()
    assert ledger.jobs.get_many(["planned", "sent", "queued", "ready"]) == before, "it is settled once"


def test_what_a_living_process_has_under_way_is_left_alone(
    ledger: Ledger, ledger_place: str, tmp_path: Path, child: Children
) -> None:
    part = part_path(tmp_path / "half.png")
    left_by_another(ledger_place, part, child)
    before = ledger.jobs.open()

    ledger.close_orphans()

    assert ledger.jobs.open() == before
    assert states(ledger) == [State.PLANNED, State.SUBMITTING, State.QUEUED, State.READY]
    assert part.exists()


def test_a_job_that_moved_on_while_we_looked_is_not_closed(ledger: Ledger) -> None:
    """Its process sent it, got the remote id, and ended, all between our two looks."""
    ledger.jobs.plan([draft("one", prompt="1"), draft("two", prompt="2")], "dead", resubmit=False)
    ledger.jobs.submitting("two")
    as_read = ledger.jobs.open()
    ledger.jobs.submitting("one")
    ledger.jobs.accepted("one", taken("far one"))
    ledger.jobs.accepted("two", taken("far two"))

    for record in as_read:
        ledger.close_orphan(record)

    assert [job.state for job in ledger.jobs.get_many(["one", "two"])] == [State.QUEUED, State.QUEUED]


def test_a_plan_without_an_owner_is_closed(ledger: Ledger) -> None:
    ledger.jobs.plan([draft("one")], "an owner whose file is gone", resubmit=False)

    ledger.close_orphans()

    assert ledger.jobs.get("one").state is State.CANCELLED


def test_an_unfinished_file_that_cannot_be_removed_stops_nothing(ledger: Ledger, tmp_path: Path) -> None:
    in_the_way = tmp_path / "part"
    in_the_way.mkdir()
    ledger.jobs.plan([draft("one")], "dead", resubmit=False)
    ledger.jobs.submitting("one")
    ledger.jobs.accepted("one", taken("far"))
    ledger.jobs.finished("one", ["https://x/1"], link_seconds=None, took_seconds=None, conversation=None)
    ledger.results.claim("one", 1, in_the_way, "dead")

    ledger.close_orphans()

    assert ledger.jobs.get("one").results[0].fetcher is None


def test_what_came_with_an_answer_goes_once_it_is_recorded_and_saved(ledger: Ledger, ledger_path: Path) -> None:
    ids = ["planned", "sent", "accepted", "ready", "saved"]
    ledger.jobs.plan([draft(each, prompt=each) for each in ids], "", resubmit=False)
    for each in ids[1:]:
        ledger.jobs.submitting(each)
    for each in ids[2:]:
        ledger.jobs.accepted(each, taken(f"far {each}"))
    for each in ids[3:]:
        ledger.jobs.finished(each, ["https://x.test/1"], link_seconds=None, took_seconds=None, conversation=None)
    picture = Picture("png", 1024, 768, 1_234_567, "ab" * 32)
    ledger.results.saved("saved", 1, ledger_path.with_name("1.png"), picture, ())
    answers, inline = ledger.results.answers_folder, ledger.results.inline_folder
    for folder in (answers, inline):
        folder.mkdir(parents=True)
    for each in [*ids, "unknown"]:
        for path in (answers / each, answers / f"{each}.part", answers / f"{each}.unread"):
            path.touch()
        for path in (ledger.results.inline_path(each, 1), part_path(ledger.results.inline_path(each, 1))):
            path.touch()

    ledger.close_orphans()

    kept = {path.name for path in answers.iterdir()}
    assert kept == {
        *(f"{each}.unread" for each in [*ids, "unknown"]),
        *(f"{each}{end}" for each in ("sent", "unknown") for end in ("", ".part")),
    }
    assert {path.name.lstrip(".").partition("-")[0] for path in inline.iterdir()} == {*ids, "unknown"} - {"saved"}
    assert len(list(inline.iterdir())) == 10

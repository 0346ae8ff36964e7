"""Does everything that is written into the ledger's columns come back as it was?"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from cli.drafts import draft, record
from imgen.errors import Problem
from imgen.ledger.codec import problem_text, read_request, request_text, target_text
from imgen.pictures.target import Target
from imgen.records import OPEN, Result, ResultState, State
from imgen_providers.base import Json, PictureFile, PictureLink, Request

if TYPE_CHECKING:
    from imgen.ledger.ledger import Ledger

text = st.text(max_size=60)
names = st.text(st.characters(exclude_characters="/\0", exclude_categories=["Cs"]), min_size=1, max_size=20)
paths = names.map(lambda name: Path("/pictures") / name)
references = st.one_of(
    st.builds(PictureFile, path=paths, media_type=text, size=st.integers(0, 2**40), sha256=text),
    st.builds(PictureLink, url=text),
)
json_values: st.SearchStrategy[Json] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | text,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(text, inner, max_size=3),
    max_leaves=6,
)
requests = st.builds(
    Request,
    model=st.text(st.characters(exclude_characters="\0"), max_size=60),  # no column of PostgreSQL holds a NUL
    prompt=text,
    references=st.lists(references, max_size=3).map(tuple),
    aspect=st.none() | text,
    resolution=st.none() | text,
    format=st.none() | text,
    count=st.integers(1, 16),
    extras=st.dictionaries(text, json_values, max_size=3),
    idempotency_key=st.none() | text,
)
targets = st.builds(
    Target,
    folder=paths,
    template=text,
    overwrite=st.booleans(),
    to_stdout=st.booleans(),
    first_index=st.integers(1, 16),
    pictures_in_run=st.integers(1, 16),
    replaces=st.dictionaries(text, text, max_size=3),
)


@given(requests)
@example(Request("m", "zero\0byte, \u202eturned, \x1b[31mred\x1b[0m, 🦊 \u2028 'quoted' \"twice\" \\u0041 {\r\n\t}"))
@example(Request("m", "half a \ud83d pair"))
def test_a_request_comes_back_as_it_was(request: Request) -> None:
    written = request_text(request)

    assert written.isascii()
    assert read_request(written) == request


@given(requests, targets)
@example(Request("m", "zero\0byte"), Target(Path("/pictures"), "{prompt}.{ext}"))
@example(Request("m", "not UTF-8"), Target(Path("/pictures/\udcff"), "{prompt}.{ext}"))
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_request_and_target_come_back_through_the_ledger(ledger: Ledger, request: Request, target: Target) -> None:
    ledger.jobs.plan([draft("job", request=request, target=target)], "me", resubmit=False)
    try:
        found = ledger.jobs.get("job")
        assert (found.request, found.target) == (request, target)
    finally:
        ledger._database.change("DELETE FROM job", ())


def test_what_the_jobs_of_one_order_have_in_common_is_in_memory_once(ledger: Ledger) -> None:
    drafts = [
        draft(
            f"job-{number}",
            project="/project",
            request=Request("model", "prompt", (), "16:9", "1K", "png", idempotency_key=f"imgen-{number}"),
            target=Target(Path("/of/this/order"), "{prompt}.{ext}", first_index=number),  # read by no test before
        )
        for number in (1, 2)
    ]
    ledger.jobs.plan(drafts, "owner", resubmit=False)
    first, second = (ledger.jobs.get(each.id) for each in drafts)

    columns = ("run_id", "request_key", "provider", "origin", "family", "owner", "project")
    assert [name for name in columns if getattr(first, name) is not getattr(second, name)] == []
    words = ("model", "prompt", "aspect", "resolution", "format")
    assert [name for name in words if getattr(first.request, name) is not getattr(second.request, name)] == []
    parts = ("folder", "template")
    assert [name for name in parts if getattr(first.target, name) is not getattr(second.target, name)] == []
    assert (first.request.idempotency_key, second.request.idempotency_key) == ("imgen-1", "imgen-2")
    assert (first.target.first_index, second.target.first_index) == (1, 2)


def test_a_target_is_written_in_ascii() -> None:
    assert target_text(Target(Path("/Bilder/füchse"), "{prompt}")).isascii()


def test_no_problem_is_no_text() -> None:
    assert problem_text(None) is None
    assert problem_text(Problem("code", "It is ü.")) == '{"code": "code", "message": "It is \\u00fc.", "hint": null}'


# What follows from a record ---------------------------------------------------------------------------------


def ready(number: int, expires_at: float | None = None, state: ResultState = ResultState.READY) -> Result:
    return Result("job", number, state, "https://x/secret", expires_at)


@pytest.mark.parametrize(
    ("pictures", "ordered", "said"),
    [(0, 2, ()), (1, 2, ("count: ordered 2, got 1",)), (2, 2, ()), (4, 1, ("count: ordered 1, got 4",))],
)
def test_another_number_than_ordered_is_a_difference(pictures: int, ordered: int, said: tuple[str, ...]) -> None:
    assert record(State.SAVED, pictures=pictures, ordered=ordered).differences == said


def test_of_a_job_that_was_adopted_it_is_not_known_how_many_were_ordered() -> None:
    assert record(State.SAVED, pictures=4, request=Request(model="", prompt="")).differences == ()


def test_differences_of_every_picture_are_those_of_the_job() -> None:
    results = (
        Result("job", 1, ResultState.SAVED, differences=("format: ordered jpeg, got png",)),
        Result("job", 2, ResultState.SAVED, differences=("size: ordered 1x1, got 2x2",)),
    )

    assert record(State.SAVED, ordered=3, results=results).differences == (
        "count: ordered 3, got 2",
        "format: ordered jpeg, got png",
        "size: ordered 1x1, got 2x2",
    )


def test_a_job_expires_with_the_first_link_of_an_unsaved_picture() -> None:
    results = (ready(1, 50.0, ResultState.SAVED), ready(2, 90.0), ready(3, 70.0), ready(4))

    assert record(State.READY, results=results).expires_at == 70.0
    assert record(State.READY, results=(ready(1),)).expires_at is None


def test_only_the_sandbox_costs_nothing() -> None:
    assert record(State.SAVED, origin="sandbox").sandbox
    assert not record(State.SAVED, origin="http://127.0.0.1:8000").sandbox


def test_a_link_is_not_printed_with_its_record() -> None:
    assert "secret" not in repr(record(State.READY, results=(ready(1),)))


def test_every_state_needs_work_or_is_an_end() -> None:
    assert {State.SAVED, State.FAILED, State.CANCELLED, State.EXPIRED, State.UNCERTAIN} == set(State) - OPEN

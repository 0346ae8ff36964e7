"""A package that adds a service is asked once, apart from us; one that is broken is named and left out."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import pytest

from imgen_providers import registry
from imgen_providers.catalog import OURS
from imgen_providers.registry import LeftOut, installed
from imgen_providers.row_check import RowRefused, checked
from imgen_providers.rows import Cadence, Price, ServiceEntry
from providers.packages import install, row_of

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

PATIENT = 50.0  # seconds; a machine under load starts a process slowly


class Kept:
    """A cache in memory."""

    def __init__(self) -> None:
        self.data: bytes | None = None
        self.writes = 0

    def read(self) -> bytes | None:
        return self.data

    def write(self, data: bytes) -> None:
        self.data = data
        self.writes += 1


@pytest.fixture
def kept() -> Iterator[Kept]:
    """Where rows are remembered in a test."""
    cache = Kept()
    registry.use(cache)
    yield cache
    registry.use(None)


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of installed packages that this process and its children import from."""
    folder = tmp_path / "site"
    folder.mkdir()
    monkeypatch.setattr(sys, "path", [*sys.path, str(folder)])
    monkeypatch.setenv("PYTHONPATH", str(folder))
    return folder


def left_out(seconds: float = PATIENT) -> tuple[LeftOut, ...]:
    added, without = installed(OURS, seconds=seconds)
    assert added == ()
    return without


def test_without_a_package_no_process_is_started_and_nothing_is_written(kept: Kept) -> None:
    assert installed(OURS, seconds=0.0) == ((), ())
    assert kept.writes == 0


@pytest.mark.parametrize("base", ["gmicloud", "gemini", "openai"])
def test_a_row_comes_back_as_it_was_given(site: Path, kept: Kept, base: str) -> None:
    install(site, "imgen-added", row_of("added", base), "added")

    [entry], without = installed(OURS, seconds=PATIENT)

    assert without == ()
    assert entry == OURS[base]._replace(
        name="added",
        title="Name",
        key_variable="ADDED_API_KEY",
        origin_variable="ADDED_BASE_URL",
        organization_variable=None,
        other_key_variables=(),
        implementation="imgen_added:Works",
        package="imgen-added 1.0",
    )


def test_a_package_is_asked_again_only_once_it_has_changed(site: Path, kept: Kept) -> None:
    install(site, "imgen-added", f"{row_of('added')}\nopen({str(site / 'ran')!r}, 'a').write('x')\n", "added")
    first = installed(OURS, seconds=PATIENT)
    assert (site / "ran").read_text() == "x"

    assert installed(OURS, seconds=0.0) == first
    assert kept.writes == 1

    install(site, "imgen-added", row_of("added").replace('title="Name"', 'title="Another"'), "added")
    [entry], _ = installed(OURS, seconds=PATIENT)
    assert entry.title == "Another"
    assert kept.writes == 2


def test_a_process_that_may_not_ask_knows_what_is_remembered(site: Path, kept: Kept) -> None:
    install(site, "imgen-added", row_of("added"), "added")
    registry.use(kept, asks=False)
    assert installed(OURS, seconds=0.0) == ((), ())

    registry.use(kept)
    known = installed(OURS, seconds=PATIENT)
    registry.use(kept, asks=False)

    assert installed(OURS, seconds=0.0) == known


@pytest.mark.parametrize("data", [b"", b"{", b"[]", b'{"packages": {}}', b"\xff"])
def test_a_cache_that_cannot_be_read_is_made_anew(site: Path, kept: Kept, data: bytes) -> None:
    install(site, "imgen-added", row_of("added"), "added")
    kept.data = data

    assert len(installed(OURS, seconds=PATIENT)[0]) == 1
    assert kept.writes == 1


@pytest.mark.parametrize(
    ("code", "reason"),
    [
        ("import no_such_module", "cannot be imported: ModuleNotFoundError: No module named 'no_such_module'"),
        ("raise ValueError('my key is 123')", "cannot be imported: ValueError"),
        ("raise SystemExit(0)", "cannot be imported: SystemExit"),
        ("def (", "cannot be imported: SyntaxError"),
        ("import os; os._exit(3)", "ended the process that imported it (exit code 3)"),
        ("print('[]'); ROW = {}", "its row is a dict, not a ServiceEntry"),
        ("", "cannot be imported: AttributeError"),
    ],
    ids=["its import fails", "it raises", "it exits", "it is no Python", "it ends", "it is no row", "it is not there"],
)
def test_a_broken_package_is_named_and_left_out(site: Path, kept: Kept, code: str, reason: str) -> None:
    install(site, "imgen-broken", code, "broken")

    [found] = left_out()

    assert (found.service, found.package) == ("broken", "imgen-broken 1.0")
    assert reason in found.reason
    assert "123" not in found.sentence
    assert left_out(0.0) == (found,)  # it is not tried again


def test_a_broken_package_is_tried_again_once_something_is_installed_beside_it(site: Path, kept: Kept) -> None:
    install(site, "imgen-added", f"import what_it_lacks\n{row_of('added')}", "added")
    assert "what_it_lacks" in left_out()[0].reason

    (site / "what_it_lacks.py").touch()

    assert len(installed(OURS, seconds=PATIENT)[0]) == 1


def test_a_slow_package_is_left_out_and_the_others_are_not(site: Path, kept: Kept) -> None:
    install(site, "imgen-slow", "import threading; threading.Event().wait()", "slow")
    assert left_out(0.3) == (LeftOut("slow", "imgen-slow 1.0", "its package takes more than 0.3 s to import"),)

    install(site, "imgen-added", row_of("added"), "added")
    kept.data = None
    registry.use(kept)
    added, without = installed(OURS, seconds=8.0)

    assert [entry.name for entry in added] == ["added"]
    assert [each.service for each in without] == ["slow"]


def test_two_of_one_name_are_both_left_out_and_none_takes_the_name_of_ours(site: Path, kept: Kept) -> None:
    install(site, "imgen-one", row_of("same"), "same")
    install(site, "imgen-two", row_of("same"), "same")
    install(site, "imgen-fal", row_of("fal"), "fal")
    install(site, "imgen-google", row_of("google"), "google")

    found = {each.package: each.reason for each in left_out()}

    assert found == {
        "imgen-one 1.0": "its name is that of Name of imgen-two 1.0",
        "imgen-two 1.0": "its name is that of Name of imgen-one 1.0",
        "imgen-fal 1.0": "its name is that of fal",
        "imgen-google 1.0": "its variable GOOGLE_API_KEY is one of Google Gemini",
    }


def test_the_folder_of_the_program_or_of_a_clone_holds_no_installed_package(
    tmp_path: Path, kept: Kept, monkeypatch: pytest.MonkeyPatch
) -> None:
    install(tmp_path / "clone", "imgen-added", row_of("added"), "added")
    monkeypatch.setattr(sys, "path", [str(tmp_path / "clone"), *sys.path])

    assert installed(OURS, seconds=0.0) == ((), ())


# The row ---------------------------------------------------------------------------------------------------------

FINE = OURS["fal"]._replace(name="fal")
MODEL = FINE.models[0]


def test_a_row_that_keeps_to_the_rules_is_taken() -> None:
    assert checked(FINE, "fal") == FINE


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        (FINE._replace(name="other"), "its row is called 'other'"),
        (FINE._replace(key_variable="OPENAI_API_KEY"), "does not begin with FAL_"),
        (FINE._replace(origin_variable="IMGEN_HOME"), "does not begin with FAL_"),
        (FINE._replace(other_key_variables=("GITHUB_TOKEN",)), "does not begin with FAL_"),
        (FINE._replace(organization_variable="FAL_KEY"), "stands for two things"),
        (FINE._replace(origin="http://fal.example"), "its origin"),
        (FINE._replace(origin="https://fal.example/path"), "its origin"),
        (FINE._replace(origin="https://user@fal.example"), "its origin"),
        (FINE._replace(origin="file:///etc/passwd"), "its origin"),
        (FINE._replace(base_path="/../.."), "its base_path"),
        (FINE._replace(title="Fal\x1b[2J"), "holds one that cannot be shown"),
        (FINE._replace(title="x" * 500), "longer than 200"),
        (FINE._replace(models=()), "it has no model"),
        (FINE._replace(models=(MODEL, MODEL)), "the same remote_id"),
        (FINE._replace(models=(MODEL._replace(family="../x"),)), "no word that an order could name"),
        (FINE._replace(models=(MODEL._replace(max_count=0),)), "numbers that cannot be"),
        (FINE._replace(models=(MODEL._replace(prices={"1K": Price("-1", "usd", "", "")}),)), "a price of"),
        (FINE._replace(models=(MODEL._replace(prices={"1K": Price("nan", "usd", "", "")}),)), "a price of"),
        (FINE._replace(models=(MODEL._replace(prices={"1K": Price("cheap", "usd", "", "")}),)), "a price of"),
        (FINE._replace(cadence=Cadence(0.0, ((0.0, 0.0),), 1.0, 1.0)), "a time in its row"),
        (FINE._replace(cadence=Cadence(0.0, (), 1.0, 1.0)), "the steps of its cadence"),
        (FINE._replace(submit_seconds=float("inf")), "a time in its row"),
        (FINE._replace(submits_per_minute=0), "submits_per_minute is below 1"),
        (FINE._replace(implementation="imgen_providers.base:Request"), "has no submit, refresh, preview"),
        (FINE._replace(implementation="imgen_providers.openai:OpenAI"), "OpenAI has no recent"),
        (FINE._replace(submit_seconds="3"), "submit_seconds of its row is wrong"),  # type: ignore[arg-type]
        (FINE._replace(models=("a model",)), "models.0"),  # type: ignore[arg-type]
    ],
)
def test_a_row_that_could_mislead_money_keys_or_screens_is_refused(row: ServiceEntry, reason: str) -> None:
    with pytest.raises(RowRefused) as refused:
        checked(row, "fal")

    assert reason in str(refused.value)


@pytest.mark.parametrize("name", ["auto", "sandbox", "imgen", "Fal", "3d", "a--b", "../x", "x" * 40, ""])
def test_a_name_that_is_no_word_for_a_service_is_refused(name: str) -> None:
    with pytest.raises(RowRefused, match="is no name for a service"):
        checked(FINE._replace(name=name), name)

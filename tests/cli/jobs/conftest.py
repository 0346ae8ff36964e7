"""The engine on both databases: each test with a `Bench` runs once with a file, and once with PostgreSQL.

Without --all only the modules in `SAMPLE` meet PostgreSQL: the suites of `tests/cli/ledger` do in every run.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from cli.jobs.bench import Bench

if TYPE_CHECKING:
    from collections.abc import Iterator

SAMPLE = ("test_machine", "test_submit", "test_uploads")


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Twice for those of a module that imports `Bench`, unless it is about the file alone."""
    if hasattr(metafunc.module, "Bench") and "ledger_kind" in metafunc.fixturenames:
        name = metafunc.module.__name__.rpartition(".")[2]
        server = pytest.param("postgres", marks=[] if name in SAMPLE else pytest.mark.whole)
        kinds = ["sqlite"] if metafunc.definition.get_closest_marker("file") else ["sqlite", server]
        metafunc.parametrize("ledger_kind", kinds, indirect=True)


@pytest.fixture(autouse=True)
def ledger_kind(request: pytest.FixtureRequest) -> Iterator[str]:
    """What the ledger of this test is in."""
    kind = str(getattr(request, "param", "sqlite"))
    if kind == "postgres":
        Bench.ledger_url = request.getfixturevalue("postgres_url")
    yield kind
    Bench.ledger_url = None

"""Each attempt is a row of the table that the whole proof ends with: its mark, and whether its test passed."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from reliability.conftest import Tell


@pytest.fixture(autouse=True)
def row(request: pytest.FixtureRequest, print_report: Tell) -> None:
    """Note the attempt with the test's own report; a test without one fails."""
    mark = request.node.get_closest_marker("attempt")
    assert mark is not None, "a test here says what it tries: @attempt(line, tried, outcome)"
    line, tried, outcome = mark.args
    print_report("attempt", [line, request.path.stem.removeprefix("test_"), tried, outcome])

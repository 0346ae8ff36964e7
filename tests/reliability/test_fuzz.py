"""Readers of a stranger's bytes against bytes by chance: some in every run of the tests, as long as wished by --fuzz.

`pytest tests/reliability --fuzz 600` runs nothing but this, for about so many seconds. What it finds is written to
tests/fixtures/fuzz, and is a case of every run from then on.
"""

from __future__ import annotations

import hashlib
import os
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, given, seed, settings

from reliability.fuzz import FUZZED

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from reliability.conftest import Tell

CASES = Path(__file__).parents[1] / "fixtures" / "fuzz"
EXAMPLES = 25  # of each reader in every run of the tests
LONG = 400  # of each round of a long run
HEALTH = (
    HealthCheck.function_scoped_fixture,
    HealthCheck.too_slow,
    HealthCheck.data_too_large,
    HealthCheck.large_base_example,
)


@pytest.fixture(autouse=True)
def no_backoff() -> Iterator[None]:
    """Questions are asked again at once, so that no test sleeps."""
    import stamina

    stamina.set_testing(True, attempts=2)
    yield
    stamina.set_testing(False)


@pytest.mark.parametrize("name", FUZZED)
def test_no_error_but_ours_comes_out(
    request: pytest.FixtureRequest, name: str, tmp_path: Path, print_report: Tell
) -> None:
    seconds = request.config.getoption("--fuzz")
    if not seconds:
        fuzz(name, tmp_path, EXAMPLES, None)
        return
    processes = int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1"))
    end = time.monotonic() + seconds * processes / len(FUZZED)
    rounds = 0
    while time.monotonic() < end:
        rounds += 1
        fuzz(name, tmp_path, LONG, time.time_ns())
    print_report("fuzzed", [name, rounds * LONG])


def fuzz(name: str, folder: Path, examples: int, start: int | None) -> None:
    """Give a reader so many examples; the smallest that fails is kept as a case."""
    fuzzed = FUZZED[name]
    last = b""

    @settings(max_examples=examples, deadline=None, suppress_health_check=list(HEALTH), print_blob=False)
    @given(data=fuzzed.data)
    def once(data: bytes) -> None:
        nonlocal last
        last = data
        fuzzed.read(data, folder)

    run: Callable[[], None] = seed(start)(once) if start is not None else once
    try:
        run()
    except Exception:
        CASES.mkdir(parents=True, exist_ok=True)
        file = f"{name.replace(' ', '-')}.{hashlib.sha256(last).hexdigest()[:8]}"
        (CASES / file).write_bytes(last)  # hypothesis ends with the smallest
        raise


@pytest.mark.parametrize("path", [pytest.param(path, id=path.name) for path in sorted(CASES.glob("*.*"))])
def test_what_was_found_once_stays_found(path: Path, tmp_path: Path) -> None:
    name = path.name.rpartition(".")[0].replace("-", " ")
    if name not in FUZZED:
        pytest.skip(f"nothing here reads {name}")

    FUZZED[name].read(path.read_bytes(), tmp_path)

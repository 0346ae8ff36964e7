"""PostgreSQL comes and goes, and no worker is killed: nothing is uncertain, and no living worker is taken for gone."""

from __future__ import annotations

import time
from dataclasses import asdict
from typing import TYPE_CHECKING

import pytest

from imgen.ledger.postgres.leases import LEASE
from reliability.fleet.fleet import count, fleet
from reliability.fleet.test_kills import check

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


@pytest.mark.fleet
@pytest.mark.timeout(900)
def test_six_restarts_and_an_absence_of_three_leases_leave_nothing_uncertain(
    tmp_path: Path, print_report: Callable[[str, object], None]
) -> None:
    with fleet(tmp_path, seconds=2.0) as here:
        here.order([f"fox {number}" for number in range(240)])
        for _ in range(3):
            here.start("--concurrency", "12")
        for mode in ("fast", "immediate", "kill", "immediate", "fast", "immediate"):
            time.sleep(2.5)
            here.restart(mode)
        time.sleep(2.0)
        assert here.open_jobs(), "all was over before the long absence"
        here.server.control("-m", "immediate", "stop")
        time.sleep(3 * LEASE)
        here.start_server()
        here.until_idle()
        found = count(here)

    print_report("fleet", ("6 restarts, away for 3 leases", 0, asdict(found)))
    check(found, 240)
    assert found.uncertain == 0
    assert found.charged == 240

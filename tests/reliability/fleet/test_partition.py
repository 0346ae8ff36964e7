"""A worker that reaches its services and not the database: it stops submitting, and its jobs move to another one."""

from __future__ import annotations

import time
from dataclasses import asdict
from typing import TYPE_CHECKING

import pytest

from imgen.ledger.postgres.leases import LEASE
from reliability.fleet.fleet import count, fleet
from reliability.fleet.gate import Gate
from reliability.fleet.test_kills import check
from reliability.fleet.test_upkeep import until

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


@pytest.mark.fleet
@pytest.mark.timeout(400)
def test_a_worker_without_the_database_sends_nothing_more(
    tmp_path: Path, print_report: Callable[[str, object], None]
) -> None:
    with fleet(tmp_path, seconds=2.0, IMGEN_SUBMITS_PER_MINUTE="60") as here, Gate(here.server.port) as gate:
        here.order([f"fox {number}" for number in range(40)])
        behind = here.url.replace(f":{here.server.port}/", f":{gate.port}/")
        here.start(IMGEN_LEDGER=behind)
        until(here, lambda: len(here.far.arrivals()) >= 8)
        gate.shut()
        shut_at = time.time()
        time.sleep(3 * LEASE)
        late = [moment - shut_at for each in here.far.arrivals().values() for moment in each if moment > shut_at]
        here.start(IMGEN_SUBMITS_PER_MINUTE="0")
        until(here, lambda: len(here.far.arrivals()) >= 30)
        gate.open()
        here.until_idle(200.0)
        found = count(here)

    print_report(
        "fleet", (f"cut off from the database: last submit {max(late, default=0.0):.1f} s later", 0, asdict(found))
    )
    assert max(late, default=0.0) <= LEASE
    check(found, 40)

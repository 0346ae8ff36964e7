"""The system's clock waits no longer than it was asked to, however short that is."""

from __future__ import annotations

import subprocess
import sys

# In a process of its own: where it hangs, nothing in it can end it.
WAITS = """
from queue import SimpleQueue
from imgen.jobs.clock import SystemClock
for _ in range(5_000):
    assert SystemClock().receive(SimpleQueue(), 1e-6, busy=False) is None
"""


def test_the_shortest_wait_for_a_new_inbox_ends() -> None:
    assert subprocess.run([sys.executable, "-c", WAITS], timeout=30, check=False).returncode == 0

"""The time zone of this process."""

from __future__ import annotations

import os
import time


def use_utc() -> None:
    """Give every date in UTC from now on, where the system lets a process choose (not on Windows)."""
    if hasattr(time, "tzset"):
        os.environ["TZ"] = "UTC"
        time.tzset()

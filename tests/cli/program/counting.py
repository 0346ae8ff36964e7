"""imgen with what it calls counted: `counting.py FILE ARGUMENT...` writes a JSON list to the file.

The exit code; then, of the main thread, openings of the ledger, closings of orphans, connections, and orders split
into drafts. Python itself reports calls and connections: nothing is replaced.
"""

from __future__ import annotations

import json
import sys
import threading
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from types import FrameType

_COUNTED = ("jobs.session.open_sound", "ledger.orphans.close_orphans", "orders.drafts.split")


def main() -> None:
    """Run one command."""
    calls: Counter[str] = Counter()

    def profiled(frame: FrameType, event: str, _: object) -> None:
        if event == "call":
            calls[f"{frame.f_globals.get('__name__', '')}.{frame.f_code.co_name}"] += 1

    def audited(event: str, arguments: tuple[object, ...]) -> None:
        if event == "sqlite3.connect" and "ledger.sqlite3" in str(arguments[0]):
            calls["connections"] += threading.current_thread() is threading.main_thread()

    sys.addaudithook(audited)
    sys.setprofile(profiled)
    from imgen.__main__ import run

    code = run(sys.argv[2:])
    sys.setprofile(None)
    openings, closings, splits = (calls[f"imgen.{name}"] for name in _COUNTED)
    Path(sys.argv[1]).write_text(json.dumps([code, openings, closings, calls["connections"], splits]))


if __name__ == "__main__":
    main()

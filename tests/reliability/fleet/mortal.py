"""imgen that stops itself on PostgreSQL: `python -P mortal.py SIGNAL MOMENT ARGUMENT...` sends itself the signal there.

With SIGKILL it dies, with SIGSTOP it stands still until a test sends SIGCONT. The program is the installed one,
untouched; what it sends to the database is watched on the way.
"""

from __future__ import annotations

import os
import signal
import sys
import time
from typing import Any

import psycopg

COMMITS = {
    "the plan": "INSERT INTO job ",
    "the submit's start": "SET stage = 'submitting'",
    "the remote id": "SET stage = 'queued'",
    "the links": "INSERT INTO result ",
    "the object": "SET object = ",
    "the end": "SET state = 'saved'",
    "the healing": "SET engine_id = ",
}
"""What a transaction does, by a part of the statement that only it has."""

SINGLE = {"the sweep": "procrastinate_retry_job_v2"}
"""Statements that are their own transaction."""


def watch(number: signal.Signals, moment: str) -> None:
    """Arrange for the signal, once."""
    when, _, what = moment.partition(" ")
    name = what.removesuffix(" is committed").removesuffix(" are committed")
    part, single = COMMITS.get(name) or SINGLE[name], name in SINGLE
    execute = psycopg.Connection.execute
    met = {"in it": False, "over": False}

    def stop() -> None:
        met["over"] = True
        os.kill(os.getpid(), number)
        time.sleep(0.2)  # another thread may be the first to stand still

    def watched(self: Any, query: Any, *rest: Any, **options: Any) -> Any:
        text = query if isinstance(query, str) else ""
        if text.startswith("BEGIN"):
            met["in it"] = False
        met["in it"] = met["in it"] or part in text
        ends = met["in it"] and (single or text == "COMMIT") and not met["over"]
        if ends and when == "before":
            stop()
        done = execute(self, query, *rest, **options)
        if ends and when == "after":
            stop()
        return done

    psycopg.Connection.execute = watched  # type: ignore[method-assign]


if __name__ == "__main__":
    watch(signal.Signals[sys.argv.pop(1)], sys.argv.pop(1))
    from imgen.__main__ import main

    sys.exit(main())

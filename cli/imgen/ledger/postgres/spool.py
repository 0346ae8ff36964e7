"""Remote ids on this disk: of jobs that a service accepted while the database was away.

The process that learned one tries until it is recorded; where it ends before, the next one here finds it.
"""

from __future__ import annotations

import json
from contextlib import suppress
from typing import TYPE_CHECKING

from imgen.files import discard, make_private_folder, write
from imgen.ledger.jobs import IdTaken
from imgen_providers.base import Job, Queued

if TYPE_CHECKING:
    from pathlib import Path

    from imgen.ledger.jobs import Jobs


class Spool:
    """A folder with a file for each such job, named by its id in the ledger."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def keep(self, job_id: str, job: Job) -> None:
        """Keep what is known of an accepted job; a disk that is full as well leaves it to the process's memory."""
        known = {"service": job.service, "remote_id": job.remote_id, "handle": dict(job.handle)}
        with suppress(OSError):
            make_private_folder(self._folder)
            write(self._folder / job_id, json.dumps(known).encode())

    def record(self, jobs: Jobs) -> None:
        """Record what ended processes left here. Raises `LedgerUnusable`, and then it stays."""
        try:
            paths = [path for path in self._folder.iterdir() if not path.name.startswith(".")]
        except OSError:
            return
        for path in paths:
            with suppress(IdTaken, KeyError, OSError, ValueError, TypeError):
                known = json.loads(path.read_bytes())
                if jobs.get(path.name).remote_id is None:
                    jobs.accepted(path.name, Job(known["service"], known["remote_id"], Queued(), known["handle"]))
                discard(path)

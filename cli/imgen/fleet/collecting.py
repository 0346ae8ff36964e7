"""Pictures that a fleet has saved in its storage, brought to this disk."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from typing import TYPE_CHECKING

from imgen import files
from imgen.errors import BadConfiguration, ExitCode, ImgenError
from imgen.pictures.prepared import usable
from imgen.records import ResultState

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from imgen.config.config import Config
    from imgen.errors import Problem
    from imgen.jobs.report import Report
    from imgen.jobs.session import Session
    from imgen.pictures.store import PictureStore
    from imgen.records import JobRecord, Result


class NotFetched(ImgenError):
    """A picture that was saved in the storage is not there any more, or is another one now."""

    exit_code = ExitCode.NOT_SAVED
    code = "not_saved"


class Collector:
    """Fetches pictures from the storage of a fleet into a folder, each once.

    `store` opens the storage and returns None where none is set.
    """

    def __init__(self, store: Callable[[], PictureStore | None], folder: Path) -> None:
        self._store = store
        self._folder = folder

    @classmethod
    def of(cls, opened: Session, config: Config) -> Collector:
        """Of the storage that is set here, into the folder for pictures as they came."""
        return cls(lambda: opened.store, config.folders.originals)

    def fetched(self, record: JobRecord) -> JobRecord:
        """The job with each of its stored pictures at a path of this disk, fetched where it is not here yet.

        Raises `NotFetched`, `BadConfiguration` where the storage cannot be read, and `LedgerUnusable` where the folder
        is full.
        """
        if not any(map(_is_stored, record.results)):
            return record
        results = (self._here(result) if _is_stored(result) else result for result in record.results)
        return record._replace(results=tuple(results))

    def fetched_all(self, records: Sequence[JobRecord]) -> tuple[list[JobRecord], dict[str, Problem]]:
        """Several jobs as `fetched` returns them, and by its id why one has pictures that are not here."""
        found, problems = [], {}
        for record in records:
            try:
                found.append(self.fetched(record))
            except (NotFetched, BadConfiguration) as error:
                found.append(record)
                problems[record.id] = error.problem
        return found, problems

    def report(self, report: Report) -> Report:
        """The same report with the stored pictures of its jobs on this disk."""
        records, problems = self.fetched_all(report.records)
        return report._replace(records=tuple(records), problems={**problems, **report.problems})

    def picture(self, record: JobRecord) -> Path | None:
        """The first picture of a job; None where it was not saved in a storage, or is not there. Raises as `fetched`.

        Other bytes than those that were saved are no picture.
        """
        if not record.results or not _is_stored(record.results[0]):
            return None
        try:
            return self._here(record.results[0]).path
        except NotFetched:
            return None

    def _here(self, result: Result) -> Result:
        """A stored picture with its path on this disk."""
        url = result.object
        assert url
        path = self._folder / f"{result.job_id}-{url.rpartition('/')[2]}"
        if not (path.exists() and _sha256(path.read_bytes()) == result.sha256):
            data = self._read(url, result)
            if _sha256(data) != result.sha256:
                raise NotFetched(
                    f"{url} is not the picture that was saved for job {result.job_id}: its bytes are others.",
                    "Restore it there from a backup; it was left as it is.",
                )
            with usable(self._folder):
                files.write(path, data)
        return replace(result, path=path)

    def _read(self, url: str, result: Result) -> bytes:
        from imgen.pictures.storage import StorageTrouble

        store = self._store()
        if store is None:
            raise BadConfiguration(
                f"The picture of job {result.job_id} is {url}, and IMGEN_STORE is not set here.",
                "Set IMGEN_STORE as it is for the workers.",
            )
        try:
            data = store.read(url)
        except StorageTrouble as error:
            raise BadConfiguration(error.message, "Check IMGEN_STORE and its credentials.") from error
        if data is None:
            raise NotFetched(
                f"The picture of job {result.job_id} is not in the storage any more: {url}.",
                "Restore it there from a backup.",
            )
        return data


def _is_stored(result: Result) -> bool:
    """Whether a picture was saved in the storage, and in no file."""
    return result.state is ResultState.SAVED and result.path is None and result.object is not None


def _sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()

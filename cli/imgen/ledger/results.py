"""The ledger's rows of pictures: who is saving one, where it lies, and what became of its link."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from imgen.errors import LedgerUnusable
from imgen.files import make_private_folder, write
from imgen.ledger.codec import ANSWERS, INLINE, inline_name, path_text
from imgen.ledger.transitions import change_result

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from imgen.ledger.backend import Backend, Connection, Owners, Row
    from imgen.pictures.target import Stored
    from imgen.pictures.verify import Picture
    from imgen.records import JobRecord


class PictureNotKept(LedgerUnusable):
    """A picture that came inside an answer is kept nowhere yet, so the ledger does not call its job finished."""


class Results:
    """The pictures of jobs, by job and number."""

    def __init__(self, database: Backend, owners: Owners) -> None:
        self._database = database
        self._owners = owners
        self.inline_folder = database.folder / INLINE
        self.answers_folder = database.folder / ANSWERS

    def inline_path(self, job_id: str, number: int) -> Path:
        """Where the bytes of a picture that came inside an answer are kept until it is saved."""
        return self.inline_folder / inline_name(job_id, number)

    def keep(self, record: JobRecord, number: int, data: bytes) -> Path | Stored:
        """Keep the bytes of a picture that came inside an answer, until it is saved. Raises `PictureNotKept`.

        They are on disk once this returns.
        """
        path = self.inline_path(record.id, number)
        try:
            make_private_folder(path.parent)
            write(path, data)  # another process may be given the same bytes at the same time
        except OSError as error:
            raise PictureNotKept(
                f"The picture came, and {path.parent} cannot take it: {error.strerror or error}.",
                f"Free some space or mend the folder, then:\nimgen wait {record.id}",
            ) from error
        return path

    def answer_path(self, job_id: str) -> Path:
        """Where the answer to the submit of a job is kept while it arrives, and until it is read."""
        return self.answers_folder / job_id

    def claim(self, job_id: str, number: int, part: Path, owner: str) -> bool:
        """Take one picture to save it; False when another running process has it, or it is no longer `ready`."""
        select = "SELECT * FROM result WHERE job_id = ? AND number = ?"
        # Checked with a plain SELECT first, so that processes that wait for a picture do not take the write lock.
        found = self._database.read(select, (job_id, number))[0]
        if self._is_taken(found, owner):
            return False
        if (found["fetcher"], found["part"]) == (owner, path_text(part)):
            return True  # claimed in the commit that recorded its link
        with self._database.write(synced=False) as write:
            if self._is_taken(write.execute(select, (job_id, number)).fetchone(), owner):
                return False
            self._take(write, job_id, number, part, owner)
        return True

    def _is_taken(self, row: Row, owner: str) -> bool:
        taken_by_another = row["fetcher"] not in (None, owner) and self._owners.is_alive(row["fetcher"])
        return row["state"] != "ready" or taken_by_another

    def _take(self, write: Connection, job_id: str, number: int, part: Path, owner: str) -> None:
        write.execute(
            "UPDATE result SET fetcher = ?, part = ? WHERE job_id = ? AND number = ?",
            (owner, path_text(part), job_id, number),
        )

    def placing(self, job_id: str, number: int, path: Path, sha256: str) -> None:
        """A verified picture is about to be put at `path`, where a later process finds it if this one is killed."""
        self._database.change(
            "UPDATE result SET path = ?, sha256 = ? WHERE job_id = ? AND number = ?",
            (path_text(path), sha256, job_id, number),
        )

    def storing(self, job_id: str, number: int, object: str, sha256: str) -> None:
        """A verified picture is about to be put into an object storage, at the URL `object`: as `placing`."""
        self._database.change(
            "UPDATE result SET object = ?, sha256 = ? WHERE job_id = ? AND number = ?",
            (object, sha256, job_id, number),
        )

    def stored(self, job_id: str, number: int, object: str, picture: Picture, differences: Sequence[str]) -> None:
        """The picture lies in an object storage, at the URL `object`."""
        self._saved(job_id, number, picture, differences, object=object)

    def saved(self, job_id: str, number: int, path: Path, picture: Picture, differences: Sequence[str]) -> None:
        """The picture lies at `path`, whole and synced."""
        self._saved(job_id, number, picture, differences, path=path_text(path))

    def _saved(self, job_id: str, number: int, picture: Picture, differences: Sequence[str], **place: str) -> None:
        # Where the picture is, and its hash, are on disk since `placing`: a later process would find it there.
        with self._database.write(synced=False) as write:
            seen = {name: getattr(picture, name) for name in ("format", "width", "height", "size", "sha256")}
            seen |= {**place, "differences": json.dumps(list(differences))}
            change_result(write, job_id, number, "saved", fetcher=None, part=None, kept=None, **seen)
            write.execute(
                "UPDATE job SET problem = NULL WHERE id = ?"
                " AND NOT EXISTS (SELECT 1 FROM result WHERE job_id = job.id AND state <> 'saved')",
                (job_id,),
            )

    def unclaim(self, job_id: str, number: int, owner: str) -> None:
        """`owner` did not save the picture this time; any process may try."""
        claimed = "job_id = ? AND number = ? AND state = 'ready' AND fetcher = ?"
        if self._database.read(f"SELECT 1 FROM result WHERE {claimed}", (job_id, number, owner)):  # noqa: S608  (our own)
            self._database.change(
                f"UPDATE result SET fetcher = NULL, part = NULL WHERE {claimed}",  # noqa: S608
                (job_id, number, owner),
                synced=False,
            )

    def expired(self, job_id: str, number: int) -> None:
        """The link expired before the picture was saved."""
        with self._database.write() as write:
            change_result(write, job_id, number, "expired", fetcher=None, part=None)

    def reopen(self, job_id: str, number: int) -> None:
        """The saved file is gone, or an expired link is given another chance: the picture is to be fetched again."""
        with self._database.write() as write:
            change_result(write, job_id, number, "reopen", path=None)

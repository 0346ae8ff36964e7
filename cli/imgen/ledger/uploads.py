"""The ledger's rows of uploads: reference pictures put somewhere for jobs, until no job needs them there."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator

    from imgen.ledger.backend import Backend

_UPLOADING = (
    "INSERT INTO upload (job_id, sha256, link, storage, key, uploader) VALUES (?, ?, ?, ?, ?, ?)"
    " ON CONFLICT (job_id, sha256) DO UPDATE SET link = excluded.link, storage = excluded.storage,"
    " key = excluded.key, uploader = excluded.uploader, removed_at = NULL"
)
_ARRIVES = 600.0  # seconds in which a storage may still take what an ended process had sent


class Upload(NamedTuple):
    """A reference picture put somewhere for a job: at `link` of the service's own, or as `key` in a `storage`.

    `uploader` is the owner that is still putting it there.
    """

    sha256: str
    link: str | None = None
    storage: str | None = None
    key: str | None = None
    uploader: str | None = None


class Uploads:
    """The uploads of jobs, recorded before their first byte leaves."""

    def __init__(self, database: Backend) -> None:
        self._database = database

    @contextmanager
    def alone(self) -> Iterator[None]:
        """No other process records an upload or removes one meanwhile. Raises `LedgerUnusable`."""
        with self._database.lock("uploads", _ARRIVES):
            yield

    def uploading(self, job_id: str, upload: Upload) -> None:
        """A picture is about to be uploaded for the job; a later process finds and removes it if this one is killed."""
        self._database.change(
            _UPLOADING,
            (job_id, upload.sha256, upload.link, upload.storage, upload.key, upload.uploader),
        )

    def uploaded(self, job_id: str, sha256: str) -> None:
        """The picture is there: this process does not write there any more."""
        self._database.change("UPDATE upload SET uploader = NULL WHERE job_id = ? AND sha256 = ?", (job_id, sha256))

    def links(self, job_id: str) -> dict[str, str]:
        """Where a service fetches the pictures put into its own place for this job, by sha256."""
        rows = self._database.read("SELECT sha256, link FROM upload WHERE job_id = ? AND link IS NOT NULL", (job_id,))
        return {row["sha256"]: row["link"] for row in rows}

    def unneeded(self, link_seconds: float) -> list[Upload]:
        """What lies in a person's storage for jobs that are all over.

        A key that is needed anywhere stays everywhere, since one storage can be written as different URLs.
        An uncertain job may still be drawn there, until the link it was given is `link_seconds` old.
        """
        over = (
            "stage IN ('finished', 'failed', 'cancelled') OR (stage = 'uncertain'"
            " AND (forgotten_at IS NOT NULL OR submitted_at < ?))"
        )
        rows = self._database.read(
            "SELECT upload.* FROM upload WHERE storage IS NOT NULL AND NOT EXISTS ("  # noqa: S608  (our own)
            "SELECT 1 FROM upload AS other JOIN job ON job.id = other.job_id"
            f" WHERE other.key = upload.key AND NOT ({over}))"
            " AND (removed_at IS NULL OR removed_at < ?)",
            (self._database.now() - link_seconds, self._database.now() - _ARRIVES),
        )
        return [Upload(row["sha256"], row["link"], row["storage"], row["key"], row["uploader"]) for row in rows]

    def is_ours(self, key: str) -> bool:
        """Whether what lies in a storage by this name was put there for a job in this ledger, or was about to be."""
        return bool(self._database.read("SELECT 1 FROM upload WHERE key = ? LIMIT 1", (key,)))

    def not_uploaded(self, job_id: str, sha256: str) -> None:
        """The picture was there already and is not ours to remove."""
        self._database.change("DELETE FROM upload WHERE job_id = ? AND sha256 = ?", (job_id, sha256))

    def removed(self, storage: str, key: str) -> None:
        """Nothing lies there any more; where its uploader ended meanwhile, it is to be removed once more later."""
        with self._database.write() as write:
            now = self._database.now()
            write.execute(
                "DELETE FROM upload WHERE storage = ? AND key = ? AND (uploader IS NULL OR removed_at < ?)",
                (storage, key, now - _ARRIVES),
            )
            write.execute(
                "UPDATE upload SET removed_at = ? WHERE storage = ? AND key = ? AND removed_at IS NULL",
                (now, storage, key),
            )

    def abandoned(self, storage: str, key: str) -> None:
        """It stays there, by the user's setting."""
        self._database.change("DELETE FROM upload WHERE storage = ? AND key = ?", (storage, key))

"""One purchase for each picture of a project: a second plan follows the job of the first one."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from imgen.ledger.postgres.database import PostgresDatabase, Transaction

_TAKE = (
    "INSERT INTO asset (project, path, recipe, job_id) VALUES (?, ?, ?, ?) ON CONFLICT (project, path, recipe)"
    # A job that brought nothing, and was not charged, leaves the asset to the next one.
    " DO UPDATE SET job_id = excluded.job_id WHERE EXISTS (SELECT 1 FROM job WHERE job.id = asset.job_id"
    " AND (stage IN ('failed', 'cancelled') OR (forgotten_at IS NOT NULL AND stage <> 'finished')))"
)
_HOLDER = "SELECT job_id FROM asset WHERE project = ? AND path = ? AND recipe = ?"


class Assets:
    """The pictures of projects' manifests, each by its project, path and recipe."""

    def __init__(self, database: PostgresDatabase) -> None:
        self._database = database

    def holder(self, project: str, path: str, recipe: str) -> str | None:
        """The job that makes, or made, this picture; None where no job was planned for it."""
        rows = self._database.read(_HOLDER, (project, path, recipe))
        return rows[0]["job_id"] if rows else None

    def take(self, write: Transaction, project: str, path: str, recipe: str, job_id: str) -> str:
        """The job that makes this picture: `job_id`, unless another was planned before and may still bring it."""
        write.execute(_TAKE, (project, path, recipe, job_id))
        return str(write.execute(_HOLDER, (project, path, recipe)).fetchall()[0]["job_id"])

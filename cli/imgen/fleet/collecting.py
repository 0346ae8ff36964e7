"""Pictures that a fleet has saved in its storage, brought to this disk."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from imgen import files
from imgen.errors import BadConfiguration
from imgen.pictures.prepared import usable
from imgen.pictures.storage import StorageTrouble
from imgen.pictures.store import configured_store
from imgen.records import ResultState

if TYPE_CHECKING:
    from pathlib import Path

    from imgen.pictures.store import PictureStore
    from imgen.records import JobRecord


class Collector:
    """Fetches pictures from the storage that IMGEN_STORE names into a folder, each once."""

    def __init__(self, store: str | None, folder: Path) -> None:
        self._url = store
        self._folder = folder
        self._store: PictureStore | None = None

    def picture(self, record: JobRecord) -> Path | None:
        """The first picture of a job, fetched where it is not here yet; None where it was not saved in a storage.

        Raises `BadConfiguration` where the storage cannot be read, and `LedgerUnusable` where the folder is full.
        """
        first = record.results[0] if record.results else None
        if first is None or first.state is not ResultState.SAVED or not first.object or not first.sha256:
            return None
        path = self._folder / f"{record.id}-{first.object.rpartition('/')[2]}"
        if path.exists() and _sha256(path.read_bytes()) == first.sha256:
            return path
        data = self._read(first.object)
        if data is None or _sha256(data) != first.sha256:
            return None
        with usable(self._folder):
            files.write(path, data)
        return path

    def _read(self, url: str) -> bytes | None:
        try:
            if self._store is None:
                self._store = configured_store(self._url)
            if self._store is None:
                raise BadConfiguration(f"The picture is in {url}, and IMGEN_STORE is not set.", "Set IMGEN_STORE.")
            return self._store.read(url)
        except StorageTrouble as error:
            raise BadConfiguration(error.message, "Check IMGEN_STORE and its credentials.") from error


def _sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()

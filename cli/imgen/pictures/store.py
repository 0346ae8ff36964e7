"""The object storage that a fleet saves its pictures in: each is put there once, verified, and never replaced.

IMGEN_STORE is a URL as IMGEN_UPLOAD takes it, or `file://` and a folder that all machines share.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from imgen.errors import BadConfiguration
from imgen.pictures.formats import EXTENSIONS
from imgen.pictures.storage import Place, Storage, StorageTrouble, parse_place, require_obstore

if TYPE_CHECKING:
    from pathlib import Path

    from imgen.pictures.verify import Picture

_EXAMPLE = "export IMGEN_STORE=s3://bucket/art, or file:///a/folder/that/all/machines/share"


class OtherBytes(Exception):
    """The storage has another picture under the name of this one; `url` is where."""

    def __init__(self, url: str) -> None:
        super().__init__(url)
        self.url = url


class PictureStore:
    """One object storage for pictures. Raises `StorageTrouble` where it cannot be opened."""

    def __init__(self, place: Place) -> None:
        self.place = place
        self._storage = Storage(place)
        self._base = urlsplit(place.url)._replace(query="").geturl().rstrip("/")

    def url(self, job_id: str, number: int, picture: Picture) -> str:
        """Where a verified picture of a job goes: `job/number-sha256.ext` below the storage's own URL."""
        return f"{self._base}/{job_id}/{number}-{picture.sha256}.{EXTENSIONS[picture.format]}"

    def put(self, url: str, path: Path, picture: Picture) -> None:
        """Put a verified file there; one with the same bytes may be there already.

        Raises `OtherBytes`, `StorageTrouble`, and `OSError` from the disk.
        """
        key = self._key(url)
        if not self._storage.create(key, path.read_bytes(), f"image/{picture.format}") and not self.has(
            url, picture.sha256
        ):
            raise OtherBytes(url)

    def check(self) -> None:
        """Prove that it can be written, before anything is paid for. Raises `StorageTrouble`."""
        self._storage.create(".imgen", b"Pictures that imgen's workers save.\n", "text/plain")

    def has(self, url: str, sha256: str) -> bool:
        """Whether exactly these bytes are there. Raises `StorageTrouble`."""
        data = self._storage.read(self._key(url))
        return data is not None and hashlib.sha256(data).hexdigest() == sha256

    def read(self, url: str) -> bytes | None:
        """The bytes of a picture; None where it is gone. Raises `StorageTrouble`."""
        return self._storage.read(self._key(url))

    def _key(self, url: str) -> str:
        base = f"{self._base}/"
        if not url.startswith(base):
            raise StorageTrouble(
                f"The picture is in {url}, and IMGEN_STORE names another storage: {self.place.name}.", refused=True
            )
        return url.removeprefix(base)


def configured_store(text: str | None) -> PictureStore | None:
    """The storage that IMGEN_STORE names, None where it is not set. Raises `BadConfiguration` and `StorageTrouble`."""
    if not text:
        return None
    place = _folder(text) if text.startswith("file:") else parse_place(text, "IMGEN_STORE")
    require_obstore()
    return PictureStore(place)


def _folder(text: str) -> Place:
    """A folder of this machine or of the network. Raises `BadConfiguration`."""
    parts = urlsplit(text)
    if parts.netloc or not parts.path.startswith("/") or parts.path == "/" or parts.query or parts.fragment:
        raise BadConfiguration("IMGEN_STORE must be file:// and the absolute path of a folder.", _EXAMPLE)
    return Place(text)

"""The object storage that a fleet saves its pictures in: each is put there once, verified, and never replaced.

IMGEN_STORE is a URL as IMGEN_UPLOAD takes it, or `file://` and a folder that all machines share. obstore makes the
requests: in every storage it can put an object only where there is none.
"""

from __future__ import annotations

import hashlib
import os
import re
from contextlib import contextmanager
from io import BufferedReader, BytesIO
from itertools import count, takewhile
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

from imgen.errors import BadConfiguration
from imgen.files import sync_folder
from imgen.pictures.formats import EXTENSIONS, HEAD, Damaged, other_format, sniff
from imgen.pictures.storage import Place, StorageTrouble, open_store, parse_place, require_obstore
from imgen.pictures.target import Stored
from imgen.pictures.verify import check

if TYPE_CHECKING:
    from collections.abc import Iterator

    from imgen.pictures.verify import Picture
    from imgen_providers.base import PictureFile

_EXAMPLE = "export IMGEN_STORE=s3://bucket/art, or file:///a/folder/that/all/machines/share"
_PROBE = ".imgen"
_ANSWERED = re.compile(r"(?P<number>[1-9]\d{0,2})-(?P<sha256>[0-9a-f]{64})\.[a-z0-9.]+")
_CLOCKS = 300.0  # seconds that the clocks of a storage and of a ledger may differ
_TEXT_LIMIT = 200  # characters of what the library reports that a message carries
_STATUS = re.compile(r"status(?: code:)? (\d{3})")


class OtherBytes(Exception):
    """The storage has another picture under the name of this one."""

    def __init__(self, url: str) -> None:
        super().__init__(url)
        self.message = f"{url} has another picture already, which is left as it is."


class PictureStore:
    """One object storage for pictures. Raises `StorageTrouble` where it cannot be opened."""

    def __init__(self, place: Place) -> None:
        from obstore.store import LocalStore

        self.place = place
        self._base = urlsplit(place.url)._replace(query="").geturl().rstrip("/")
        self._is_folder = self._base.startswith("file:")
        with self._in_words("cannot be opened"):
            path = unquote(urlsplit(place.url).path)
            self._store = LocalStore(path, mkdir=True) if self._is_folder else open_store(place)

    def url(self, job_id: str, number: int, picture: Picture) -> str:
        """Where a verified picture of a job goes: `job/number-sha256.ext` below the storage's own URL."""
        return f"{self._base}/{job_id}/{number}-{picture.sha256}.{EXTENSIONS[picture.format]}"

    def put(self, url: str, path: Path, picture: Picture) -> None:
        """Put a verified file there; one with the same bytes may be there already.

        Raises `OtherBytes`, `StorageTrouble`, and `OSError` from the disk.
        """
        self._put(url, path.read_bytes(), f"image/{picture.format}")

    def put_answered(self, job_id: str, number: int, data: bytes) -> Stored:
        """Put what came inside an answer there; what is no whole picture is named so: `….unverified.EXT`.

        Raises `OtherBytes` and `StorageTrouble`.
        """
        sha256, head = hashlib.sha256(data).hexdigest(), data[:HEAD]
        format = sniff(head)
        extension = EXTENSIONS[format] if format else other_format(head).extension
        try:
            check(BufferedReader(BytesIO(data)))
        except Damaged:
            extension = f"unverified.{extension}"
        url = f"{self._base}/{job_id}/{number}-{sha256}.{extension}"
        media_type = f"image/{format}" if format else "application/octet-stream"
        self._put(url, data, media_type)
        return Stored(url, sha256)

    def answered(self, job_id: str, since: float) -> list[Stored]:
        """What `put_answered` has put there of a job that was sent at `since`: its first pictures, each whole.

        Raises `StorageTrouble`.
        """
        import obstore

        with self._in_words("cannot be listed"):
            listed = [each for some in obstore.list(self._store, prefix=job_id) for each in some]
        found: dict[int, Stored] = {}
        for each in listed:
            name = _ANSWERED.fullmatch(each["path"].removeprefix(f"{job_id}/"))
            # What is older is of a job of another ledger, which has the same id by chance.
            if name and each["last_modified"].timestamp() > since - _CLOCKS:
                url = f"{self._base}/{each['path']}"
                data = self.read(url)
                if data is not None and hashlib.sha256(data).hexdigest() == name["sha256"]:
                    found[int(name["number"])] = Stored(url, name["sha256"])
        return [found[number] for number in takewhile(found.__contains__, count(1))]

    def put_reference(self, picture: PictureFile) -> None:
        """Put a picture that is to be sent with an order there, by its sha256, for the worker that sends it.

        Raises `OtherBytes`, `StorageTrouble`, and `OSError` where its file cannot be read or was changed.
        """
        data = picture.path.read_bytes()
        if hashlib.sha256(data).hexdigest() != picture.sha256:
            raise OSError(f"{picture.path.name} was changed meanwhile")
        self._put(self._reference_url(picture), data, picture.media_type)

    def reference(self, picture: PictureFile) -> bytes | None:
        """The bytes of such a picture; None where it is gone or another one. Raises `StorageTrouble`."""
        data = self.read(self._reference_url(picture))
        return data if data is not None and hashlib.sha256(data).hexdigest() == picture.sha256 else None

    def _put(self, url: str, data: bytes, media_type: str) -> None:
        """Put bytes there, unless the same are there already. Raises `OtherBytes` and `StorageTrouble`."""
        if not self._create(self._key(url), data, media_type) and self.read(url) != data:
            raise OtherBytes(url)

    def _reference_url(self, picture: PictureFile) -> str:
        return f"{self._base}/references/{picture.sha256}"

    def check(self) -> None:
        """Prove that it can be written, before anything is paid for. Raises `StorageTrouble`."""
        self._create(_PROBE, b"Pictures that imgen's workers save.\n", "text/plain")

    def read(self, url: str) -> bytes | None:
        """The bytes of a picture; None where it is gone. Raises `StorageTrouble`."""
        import obstore

        key = self._key(url)
        with self._in_words("cannot be read"):
            try:
                return bytes(obstore.get(self._store, key).bytes())
            except FileNotFoundError:
                return None

    def _create(self, key: str, data: bytes, media_type: str) -> bool:
        """Put an object there unless there is one; returns whether it did. Raises `StorageTrouble`."""
        import obstore

        # In one piece: the parts of an interrupted multipart upload would stay, unseen and paid for.
        attributes: dict[str, str] = {} if self._is_folder else {"Content-Type": media_type}
        with self._in_words("did not take a picture"):
            try:
                obstore.put(self._store, key, data, attributes=attributes, use_multipart=False, mode="create")
                is_new = True
            except obstore.exceptions.AlreadyExistsError:
                is_new = False
            if self._is_folder:
                _sync(Path(unquote(urlsplit(self._base).path)), key)
        return is_new

    def _key(self, url: str) -> str:
        base = f"{self._base}/"
        if not url.startswith(base):
            raise StorageTrouble(
                f"The picture is in {url}, and IMGEN_STORE names another storage: {self.place.name}.", refused=True
            )
        return url.removeprefix(base)

    @contextmanager
    def _in_words(self, what: str) -> Iterator[None]:
        """What obstore reports is `StorageTrouble`, in a sentence without addresses and keys."""
        from obstore.exceptions import BaseError, PermissionDeniedError, UnauthenticatedError

        try:
            yield
        except (BaseError, OSError, ValueError) as error:
            match error:
                case PermissionDeniedError() | UnauthenticatedError():
                    refused, why = True, "its credentials may not do that"
                case FileNotFoundError():
                    refused, why = True, "there is no such bucket"
                case _:
                    refused, why = isinstance(error, ValueError), _reason(error)
            where = self._base if self._is_folder else self.place.name
            raise StorageTrouble(f"The storage {where} {what}: {why}.", refused=refused) from error


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


def _sync(root: Path, key: str) -> None:
    """A file that obstore has put into a folder is on disk once this returns, with its name. Raises `OSError`."""
    path = root / key
    with path.open("r+b") as file:  # Windows syncs only what may be written
        os.fsync(file.fileno())
    for folder in dict.fromkeys((path.parent, root)):
        sync_folder(folder)


def _reason(error: Exception) -> str:
    """Why a request failed, without addresses: what follows the first line is for debugging, and quotes them."""
    first = next(iter(str(error).splitlines()), type(error).__name__)
    if status := _STATUS.search(first):
        return f"it answered HTTP {status[1]}"
    if "HTTP error" in first:
        return "it cannot be reached"
    return " ".join(word for word in first.split() if "://" not in word)[:_TEXT_LIMIT].rstrip(". ")

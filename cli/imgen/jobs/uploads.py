"""Reference pictures on their way to services that fetch them: put somewhere before the submit, removed after the job.

What is put into the user's own storage is in the ledger before its first byte leaves, so a later
run removes it, whenever a process was killed. The signed link is a secret that expires, and stands in the request only.
"""

from __future__ import annotations

import secrets
import threading
import time
from collections import defaultdict
from dataclasses import replace
from typing import TYPE_CHECKING

from imgen.errors import BadConfiguration, Problem
from imgen.files import write
from imgen.ledger.uploads import Upload
from imgen.pictures.download import DownloadError, DownloadFailed, peek
from imgen.pictures.storage import LINK_LIVES, Place, Storage, StorageTrouble, parse_place, require_obstore
from imgen.pictures.verify import EXTENSIONS
from imgen_providers.base import PictureFile, PictureLink, Reference, Request, TakesUploads
from imgen_providers.body import ReferenceChangedError
from imgen_providers.catalog import SERVICES
from imgen_providers.errors import NotSent
from imgen_providers.signed_urls import QUESTION_SECONDS

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from imgen.config.config import Config
    from imgen.jobs.connections import Connection
    from imgen.ledger.ledger import Ledger
    from imgen.ledger.sqlite.owners import Owner
    from imgen.pictures.store import PictureStore
    from imgen.records import JobRecord
    from imgen_providers.client import Network


_LATER = "A later run tries again; with IMGEN_UPLOAD_KEEP=1 it is left there."


class UploadFailed(Exception):
    """A picture did not get to where the service would fetch it, so nothing was sent."""

    def __init__(self, problem: Problem) -> None:
        super().__init__(problem.message)
        self.problem = problem


class Uploads:
    """The uploads of one process; its threads put each picture up once."""

    def __init__(
        self,
        ledger: Ledger,
        network: Network,
        owner: Owner,
        config: Config,
        store: Callable[[], PictureStore | None] = lambda: None,
    ) -> None:
        """`store` opens the storage of a fleet, where the pictures of its orders are; None where none is set."""
        self._store = store
        self._ledger = ledger
        self._network = network
        self._owner = owner
        self._config = config
        self._lock = threading.Lock()
        self._of_picture: defaultdict[str, threading.Lock] = defaultdict(threading.Lock)
        self._at_service: dict[tuple[str, str, str], PictureLink] = {}

    def sendable(self, record: JobRecord, connection: Connection) -> Request:
        """The job's request with each picture in the form its service takes, uploaded where it has to be.

        Raises `UploadFailed`, `BadConfiguration`, and the `ServiceError` of a service with a place of its own.
        """
        entry, request = SERVICES[record.provider], _whole(self._ledger, record)
        if record.engine_id is not None:
            request = replace(request, references=tuple(map(self._brought, request.references)))
        if entry.reference_route == "data-uri" and fits_inline(request, entry.inline_limit):
            return request
        found = tuple(self._sendable(record, connection, reference) for reference in request.references)
        return replace(request, references=found)

    def _brought(self, picture: Reference) -> Reference:
        """A picture of the machine that ordered, as a file of this one."""
        if not isinstance(picture, PictureFile):
            return picture
        folder, extension = self._config.folders.references, _extension(picture)
        path = folder / f"{picture.sha256}.{extension}"
        if not path.exists():
            from imgen.pictures.prepared import keep

            path = keep([self._of_store(picture)], folder, extension).path
        return replace(picture, path=path)

    def _of_store(self, picture: PictureFile) -> bytes:
        store = self._store()
        if store is None:
            raise BadConfiguration("The pictures of a queued order are in IMGEN_STORE, and it is not set here.")
        try:
            data = store.reference(picture)
        except StorageTrouble as error:
            if error.refused:
                raise BadConfiguration(error.message, "Check IMGEN_STORE and its credentials.") from error
            raise NotSent(error.message) from error
        if data is None:
            gone = f"The picture {picture.path.name} of this order is not in the storage any more."
            raise UploadFailed(Problem("upload_refused", gone, "Nothing was sent. Order it again: imgen batch --queue"))
        return data

    def clean(self) -> list[str]:
        """Remove what the user's storage need not hold any more; returns what could not be removed, as sentences."""
        unneeded = self._unneeded()
        if not unneeded:
            return []
        with self._ledger.uploads.alone():
            unneeded = self._unneeded()  # a job that was recorded meanwhile may need one of them
            return [text for storage in {u.storage: None for u in unneeded} if (text := self._clear(storage, unneeded))]

    def _sendable(self, record: JobRecord, connection: Connection, reference: Reference) -> Reference:
        if not isinstance(reference, PictureFile):
            return reference
        with self._lock:
            lock = self._of_picture[reference.sha256]
        with lock:
            if connection.storage:
                return self._to_service(record, connection.storage, reference)
            return self._to_storage(record, connection, reference)

    def _to_service(self, record: JobRecord, service: TakesUploads, picture: PictureFile) -> PictureLink:
        place = (record.provider, record.origin, picture.sha256)
        link = self._at_service.get(place)
        if link is None:
            link = self._at_service[place] = service.upload(picture)
        self._ledger.uploads.uploading(record.id, Upload(picture.sha256, link=link.url))
        return link

    def _to_storage(self, record: JobRecord, connection: Connection, picture: PictureFile) -> PictureLink:
        place = configured_place(self._config, SERVICES[record.provider].title)
        with self._ledger.uploads.alone():
            # A folder for each ledger: what another machine put there, this one must not remove.
            key = f"{_installation(self._config.folders.state)}/{picture.sha256}.{_extension(picture)}"
            ours = self._ledger.uploads.is_ours(key)
            self._ledger.uploads.uploading(
                record.id, Upload(picture.sha256, storage=place.url, key=key, uploader=self._owner.name)
            )
        try:
            storage = Storage(place, self._network)
            ours = storage.put(key, picture) or ours
        except StorageTrouble as error:
            if not error.unsure:
                self._nothing_put(record, picture, ours=ours)
            raise UploadFailed(_of_storage(error)) from error
        except ReferenceChangedError as error:
            self._nothing_put(record, picture, ours=ours)
            raise UploadFailed(_failed(f"The upload was cut short before it was whole: {error}.")) from error
        self._ledger.uploads.uploaded(record.id, picture.sha256)
        if not ours:
            self._ledger.uploads.not_uploaded(record.id, picture.sha256)
        try:
            link = storage.link(key)
        except StorageTrouble as error:
            raise UploadFailed(_of_storage(error)) from error
        self._check_link(link, place, connection)
        return PictureLink(link)

    def _nothing_put(self, record: JobRecord, picture: PictureFile, *, ours: bool) -> None:
        """There is nothing to remove, unless it was put there before: a storage that took no byte is left alone."""
        if ours:
            self._ledger.uploads.uploaded(record.id, picture.sha256)
        else:
            self._ledger.uploads.not_uploaded(record.id, picture.sha256)

    def _check_link(self, link: str, place: Place, connection: Connection) -> None:
        """What we cannot fetch from outside, the service cannot either."""
        try:
            peek(
                self._network,
                link,
                trusted_origin=connection.origin,
                deadline=time.monotonic() + QUESTION_SECONDS,
            )
        except DownloadFailed as error:
            raise UploadFailed(_failed(f"The picture in {place.name} cannot be fetched: {error.message}")) from error
        except DownloadError as error:
            message = f"The picture was put into {place.name}, but its link cannot be fetched: {error.message}"
            hint = "The storage must answer signed links from the open internet. Nothing was sent."
            raise UploadFailed(Problem("upload_refused", message, hint)) from error

    def _unneeded(self) -> list[Upload]:
        """Without what a running process is still uploading."""
        found = self._ledger.uploads.unneeded(LINK_LIVES.total_seconds())
        busy = {u.key for u in found if u.uploader and self._ledger.is_alive(u.uploader)}
        return [upload for upload in found if upload.key not in busy]

    def _clear(self, url: str | None, uploads: list[Upload]) -> str | None:
        assert url is not None
        try:
            storage = None if self._config.keeps_uploads else _opened(url, self._network)
            for key in {upload.key: None for upload in uploads if upload.storage == url and upload.key}:
                if storage:
                    storage.remove(key)
                    self._ledger.uploads.removed(url, key)
                else:
                    self._ledger.uploads.abandoned(url, key)
        except StorageTrouble as error:
            return f"{error.message} {_LATER}"
        except BadConfiguration as error:
            return f"Pictures are left in your storage: {error.message} {_LATER}"
        return None


def fits_inline(request: Request, limit: int | None) -> bool:
    """Whether the pictures of this disk fit into the request itself; `limit` is in bytes of base64, None for none."""
    sizes = [each.size for each in request.references if isinstance(each, PictureFile)]
    return limit is None or sum(-(-size // 3) * 4 for size in sizes) <= limit


def sent(ledger: Ledger, record: JobRecord) -> Request:
    """The job's request as it was sent to a service with a place of its own for pictures."""
    links = ledger.uploads.links(record.id)

    def as_sent(reference: Reference) -> Reference:
        if isinstance(reference, PictureFile) and reference.sha256 in links:
            return PictureLink(links[reference.sha256])
        return reference

    return replace(_whole(ledger, record), references=tuple(map(as_sent, record.request.references)))


def _whole(ledger: Ledger, record: JobRecord) -> Request:
    """The job's request with its conversation, of which the ledger may have the name alone."""
    return replace(record.request, conversation=ledger.conversations.get(record.request.conversation))


def configured_place(config: Config, title: str) -> Place:
    """The user's own storage. Raises `BadConfiguration` with the two ways out where there is none."""
    if config.upload is None:
        raise BadConfiguration(
            f"{title} fetches pictures from public URLs, and this one is on your disk: give a public URL with -i,"
            " or set IMGEN_UPLOAD to an object storage of yours.",
            'export IMGEN_UPLOAD="s3://bucket/prefix?endpoint=https://..."',
        )
    place = parse_place(config.upload)
    require_obstore()
    return place


def _opened(url: str, network: Network) -> Storage:
    require_obstore()
    return Storage(parse_place(url), network)


def _installation(folder: Path) -> str:
    """The name that keys of this ledger begin with; to be read under a lock. Raises `OSError`."""
    path = folder / "installation"
    if not path.exists() or not path.stat().st_size:  # versions before could leave an empty one
        write(path, secrets.token_hex(8).encode())
    return path.read_text(encoding="ascii")


def _extension(picture: PictureFile) -> str:
    return next(ext for name, ext in EXTENSIONS.items() if picture.media_type == f"image/{name}")


def _of_storage(error: StorageTrouble) -> Problem:
    if error.refused:
        return Problem("upload_refused", error.message, "Check IMGEN_UPLOAD and its credentials. Nothing was sent.")
    # Where no credentials are found, some storages' libraries look for them on the network.
    hint = "Nothing was sent. Check the connection and the storage's credentials, and run the command again."
    return Problem("upload_failed", error.message, hint)


def _failed(message: str) -> Problem:
    return Problem("upload_failed", message, "Nothing was sent and nothing was charged. Run the command again.")

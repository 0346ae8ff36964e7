"""Finished pictures behind links that need no key, and uploads in the other direction."""

from __future__ import annotations

import hashlib
import re
from typing import TYPE_CHECKING

from imgen_providers.sandbox.exchange import Call, Reply, Route
from imgen_providers.sandbox.tables import LINK_SECONDS

if TYPE_CHECKING:
    from collections.abc import Callable

    from imgen_providers.sandbox.faults import FaultScript
    from imgen_providers.sandbox.store import JobStore, StoredJob

_MEDIA_TYPES = {"PNG": "image/png", "JPEG": "image/jpeg", "WEBP": "image/webp"}
# Reference 1.8: for "jpg" the upload address is signed for the odd "image/jpg".
UPLOAD_TYPES = {
    "jpeg": "image/jpeg",
    "jpg": "image/jpg",
    "png": "image/png",
    "mp4": "video/mp4",
    "mp3": "audio/mpeg",
    "wav": "audio/wav",
}
_STORED = re.compile(r"/sandbox/storage/(?P<name>(?P<sha256>[0-9a-f]{64})\.(?P<type>png|jpeg|webp))")


class Pictures:
    """Draws a finished job's pictures when they are asked for, and damages them when the script says so."""

    name = "pictures"

    def __init__(self, store: JobStore, faults: FaultScript, now: Callable[[], float]) -> None:
        self._store = store
        self._faults = faults
        self._now = now
        shelf = r"/sandbox/(?P<shelf>pictures|assets|thumbnails)/(?P<service>[a-z0-9]+)"
        upload = re.compile(r"/sandbox/uploads/(?P<name>[0-9a-f]+\.(?P<type>[a-z0-9]+))")
        self.routes: tuple[Route, ...] = (
            Route("GET", re.compile(shelf + r"/(?P<id>[\w-]+)/(?P<index>\d{1,3})\.(?P<type>[a-z]+)"), self._show),
            Route("GET", upload, self._show_upload),
            Route("PUT", upload, self._take_upload),
            Route("GET", _STORED, self._show_upload),
            Route("PUT", _STORED, self._store_picture),
        )

    def link(self, origin: str, job: StoredJob, index: int, shelf: str = "pictures") -> str:
        """Where the picture of that index, from 0, can be fetched."""
        return f"{origin}/sandbox/{shelf}/{job.order.service}/{job.id}/{index}.{job.order.extension}"

    def upload_links(self, origin: str, name: str) -> tuple[str, str]:
        """Where to put an upload of that name, and where it can be fetched then."""
        public = f"{origin}/sandbox/uploads/{name}"
        return f"{public}?signature={_signature(name)}", public

    def draw(self, job: StoredJob, index: int, *, small: bool = False) -> bytes:
        """The bytes of one picture, damaged where the script says so."""
        from imgen_providers.sandbox.drawing import Scene, draw

        order = job.order
        width, height = order.size
        if small:
            width, height = max(1, width // 8), max(1, height // 8)
        elif self._faults.take("wrong-size"):
            width, height = width // 2, height // 2
        scene = Scene(
            prompt=order.prompt,
            variation=f"{job.id}/{index}",
            size=(width, height),
            references=tuple(
                (each.label, self._store.thumbnail(each.thumbnail) if each.thumbnail else None)
                for each in order.references
            ),
        )
        data = draw(scene, "JPEG" if not small and self._faults.take("jpeg-as-png") else order.format)
        return data[: len(data) * 2 // 3] if not small and self._faults.take("short-picture") else data

    def _show(self, call: Call) -> Reply:
        if "authorization" in call.headers:
            return _leaked_key()
        job = self._store.job(call.place["service"], call.place["id"])
        index = int(call.place["index"])
        now = self._now()
        if job is None or call.place["type"] != job.order.extension or index >= job.standing(now).pictures:
            return _storage_error(404, "NoSuchKey", "The specified key does not exist.")
        if now >= job.ends_at + LINK_SECONDS.get(job.order.service, float("inf")):
            return _storage_error(410, "ExpiredLink", "The link has expired.")
        small = call.place["shelf"] == "thumbnails"
        if not small and (dead := self._faults.take("dead-link")):
            return _storage_error(int(dead.value), "NoSuchKey", "The specified key does not exist.")
        data = self.draw(job, index, small=small)
        cut = len(data) // 2 if not small and self._faults.take("truncated-picture") else None
        slow = None if small else self._faults.take("slow-picture")
        return Reply(200, data, _MEDIA_TYPES[job.order.format], sent=cut, seconds=slow.value if slow else 0.0)

    def _show_upload(self, call: Call) -> Reply:
        if "authorization" in call.headers:
            return _leaked_key()
        data = self._store.upload(call.place["name"])
        if data is None:
            return _storage_error(404, "NoSuchKey", "The specified key does not exist.")
        return Reply(200, data, UPLOAD_TYPES.get(call.place["type"], f"image/{call.place['type']}"))

    def _take_upload(self, call: Call) -> Reply:
        if "authorization" in call.headers:
            return _leaked_key()
        media_type = UPLOAD_TYPES.get(call.place["type"])
        signed = call.query.get("signature") == _signature(call.place["name"])
        if not signed or call.headers.get("content-type") != media_type:
            return _storage_error(403, "SignatureDoesNotMatch", "The request signature does not match.")
        self._store.keep_upload(call.place["name"], call.body)
        return Reply(200, b"", "text/plain")

    def _store_picture(self, call: Call) -> Reply:
        if "authorization" in call.headers:
            return _leaked_key()
        if hashlib.sha256(call.body).hexdigest() != call.place["sha256"]:
            return _storage_error(400, "BadDigest", "The picture is not the one that its name says.")
        self._store.keep_upload(call.place["name"], call.body)
        return Reply(200, b"", "text/plain")


def _signature(name: str) -> str:
    return hashlib.sha256(f"imgen sandbox upload {name}".encode()).hexdigest()[:32]


def _leaked_key() -> Reply:
    # Real storage refuses a second form of authorization (reference 1.7); here it catches leaked keys.
    return _storage_error(400, "InvalidArgument", "A picture is fetched without an Authorization header.")


def _storage_error(status: int, code: str, message: str) -> Reply:
    # Errors of the storage behind the links are XML (reference 1.8).
    text = f"<Error><Code>{code}</Code><Message>{message}</Message></Error>"
    return Reply(status, f"<?xml version='1.0' encoding='UTF-8'?>{text}".encode(), "application/xml; charset=UTF-8")

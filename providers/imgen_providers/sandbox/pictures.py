"""Finished pictures behind links that need no key, and uploads in the other direction."""

from __future__ import annotations

import hashlib
import re
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

from imgen_providers.sandbox import references
from imgen_providers.sandbox.exchange import Call, Reply, Route
from imgen_providers.sandbox.gate import LOOPBACK, signature, signed
from imgen_providers.sandbox.tables import LINK_SECONDS

if TYPE_CHECKING:
    from collections.abc import Callable

    from imgen_providers.sandbox.drawing import Scene
    from imgen_providers.sandbox.faults import FaultScript
    from imgen_providers.sandbox.store import JobStore, Reference, StoredJob
    from imgen_providers.sandbox.tables import Size

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
_DRAWN = re.compile(
    r"/sandbox/(?P<shelf>pictures|assets|thumbnails)/(?P<service>[a-z0-9]+)"
    r"/(?P<id>[\w-]+)/(?P<index>\d{1,3})\.(?P<type>[a-z]+)"
)
_UPLOADED = re.compile(r"/sandbox/uploads/(?P<name>[0-9a-f]+\.(?P<type>[a-z0-9]+))")
_STORED = re.compile(r"/sandbox/storage/(?P<name>(?P<sha256>[0-9a-f]{64})\.(?P<type>png|jpeg|webp))")


class Pictures:
    """Draws a finished job's pictures when they are asked for, and damages them as the script of faults orders.

    With a `key` every link is signed, because it is followed without one.
    """

    def __init__(self, store: JobStore, faults: FaultScript, now: Callable[[], float], key: str | None = None) -> None:
        self.store = store
        self.key = key
        self._faults = faults
        self._now = now
        self.routes: tuple[Route, ...] = (
            Route("GET", _DRAWN, self._show),
            Route("GET", _UPLOADED, self._show_upload),
            Route("PUT", _UPLOADED, self._take_upload),
            Route("GET", _STORED, self._show_upload),
            Route("PUT", _STORED, self._store_picture),
        )

    def link(self, origin: str, job: StoredJob, index: int, shelf: str = "pictures") -> str:
        """Where the picture of that index, from 0, can be fetched."""
        return self._signed(f"{origin}/sandbox/{shelf}/{job.order.service}/{job.id}/{index}.{job.order.extension}")

    def upload_links(self, origin: str, name: str) -> tuple[str, str]:
        """Where to put an upload of that name, and where it can be fetched then."""
        public = f"{origin}/sandbox/uploads/{name}"
        return signed(public, self.key or ""), self._signed(public)

    def reference(self, link: str) -> Reference | None:
        """The picture behind a link, or None when it is no http(s) URL.

        A link of ours is read from the store, whichever port and key made it: conversations keep old ones.
        """
        try:
            parts = urlsplit(link)
            host, path = parts.hostname, unquote(parts.path)
        except ValueError:
            return None
        data = self._own(path) if host in LOOPBACK else None
        found = references.kept(data, f"{host}{path}", self.store) if data else None
        return found or references.from_link(link, self.store)

    def draw(self, job: StoredJob, index: int) -> bytes:
        """The bytes of one picture, damaged as the script of faults orders."""
        from imgen_providers.sandbox.drawing import draw

        width, height = job.order.size
        if self._faults.take("wrong-size"):
            width, height = width // 2, height // 2
        scene = self._scene(job, index, (width, height))
        data = draw(scene, "JPEG" if self._faults.take("jpeg-as-png") else job.order.format)
        return data[: len(data) * 2 // 3] if self._faults.take("short-picture") else data

    def _whole(self, job: StoredJob, index: int, *, share: int = 1) -> bytes:
        """A picture as it should be, its sides divided by `share`."""
        from imgen_providers.sandbox.drawing import draw

        width, height = job.order.size
        return draw(self._scene(job, index, (max(1, width // share), max(1, height // share))), job.order.format)

    def _scene(self, job: StoredJob, index: int, size: Size) -> Scene:
        from imgen_providers.sandbox.drawing import Scene

        return Scene(
            prompt=job.order.prompt,
            variation=f"{job.id}/{index}",
            size=size,
            references=tuple(
                (each.label, self.store.thumbnail(each.thumbnail) if each.thumbnail else None)
                for each in job.order.references
            ),
        )

    def _own(self, path: str) -> bytes | None:
        if drawn := _DRAWN.fullmatch(path):
            job = self.store.job(drawn["service"], drawn["id"])
            index = int(drawn["index"])
            there = job is not None and index < job.standing(self._now()).pictures
            return self._whole(job, index) if job is not None and there else None
        kept = _UPLOADED.fullmatch(path) or _STORED.fullmatch(path)
        return self.store.upload(kept["name"]) if kept else None

    def _signed(self, link: str) -> str:
        return signed(link, self.key) if self.key else link

    def _show(self, call: Call) -> Reply:
        if "authorization" in call.headers:
            return _leaked_key()
        job = self.store.job(call.place["service"], call.place["id"])
        index = int(call.place["index"])
        now = self._now()
        if job is None or call.place["type"] != job.order.extension or index >= job.standing(now).pictures:
            return _storage_error(404, "NoSuchKey", "The specified key does not exist.")
        if now >= job.ends_at + LINK_SECONDS.get(job.order.service, float("inf")):
            return _storage_error(410, "ExpiredLink", "The link has expired.")
        if call.place["shelf"] == "thumbnails":
            return Reply(200, self._whole(job, index, share=8), _MEDIA_TYPES[job.order.format])
        if dead := self._faults.take("dead-link"):
            return _storage_error(int(dead.value), "NoSuchKey", "The specified key does not exist.")
        data = self.draw(job, index)
        cut = len(data) // 2 if self._faults.take("truncated-picture") else None
        slow = self._faults.take("slow-picture")
        return Reply(200, data, _MEDIA_TYPES[job.order.format], sent=cut, seconds=slow.value if slow else 0.0)

    def _show_upload(self, call: Call) -> Reply:
        if "authorization" in call.headers:
            return _leaked_key()
        data = self.store.upload(call.place["name"])
        if data is None:
            return _storage_error(404, "NoSuchKey", "The specified key does not exist.")
        return Reply(200, data, UPLOAD_TYPES.get(call.place["type"], f"image/{call.place['type']}"))

    def _take_upload(self, call: Call) -> Reply:
        if "authorization" in call.headers:
            return _leaked_key()
        media_type = UPLOAD_TYPES.get(call.place["type"])
        entitled = call.query.get("signature") == signature(self.key or "", call.path)
        if not entitled or call.headers.get("content-type") != media_type:
            return _storage_error(403, "SignatureDoesNotMatch", "The request signature does not match.")
        self.store.keep_upload(call.place["name"], call.body)
        return Reply(200, b"", "text/plain")

    def _store_picture(self, call: Call) -> Reply:
        if "authorization" in call.headers:
            return _leaked_key()
        if hashlib.sha256(call.body).hexdigest() != call.place["sha256"]:
            return _storage_error(400, "BadDigest", "The picture does not match the sha256 in its name.")
        self.store.keep_upload(call.place["name"], call.body)
        return Reply(200, b"", "text/plain")


def _leaked_key() -> Reply:
    # Real storage refuses a second form of authorization (reference 1.7); here it catches leaked keys.
    return _storage_error(400, "InvalidArgument", "A picture is fetched without an Authorization header.")


def _storage_error(status: int, code: str, message: str) -> Reply:
    # Errors of the storage behind the links are XML (reference 1.8).
    text = f"<Error><Code>{code}</Code><Message>{message}</Message></Error>"
    return Reply(status, f"<?xml version='1.0' encoding='UTF-8'?>{text}".encode(), "application/xml; charset=UTF-8")

"""Google's Files API: an upload in two steps, and files by name (reference of the direct services, 1.9; 2026-11-25)."""

from __future__ import annotations

import base64
import hashlib
import json
import re
import secrets
from datetime import UTC, datetime
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from imgen_providers.sandbox.exchange import Call, Reply, Route, json_reply
from imgen_providers.sandbox.fields import BadField, Fields, json_object
from imgen_providers.sandbox.gate import signature

if TYPE_CHECKING:
    from collections.abc import Callable

    from imgen_providers.sandbox.store import JobStore

_KEPT_SECONDS = 48 * 3600.0
_UPLOAD = "/sandbox/gemini-files/"
_ID = r"(?P<id>[a-z0-9](?:[a-z0-9-]{0,38}[a-z0-9])?)"
_FILE = re.compile("/v1(?:beta)?/files/" + _ID)
_MEDIA_TYPE = re.compile(r"(image/[\w.+-]+|application/jsonl|jsonl|text/plain)")


class GeminiFiles:
    """Uploaded files, kept for 48 hours. With a `key` of the sandbox the place to upload to is signed with it."""

    def __init__(self, store: JobStore, now: Callable[[], float], key: str | None) -> None:
        self._store = store
        self._now = now
        self._key = key or ""
        self.routes: tuple[Route, ...] = (
            Route("POST", re.compile(r"/upload/v1(?:beta)?/files"), self._start),
            Route("GET", _FILE, self._show),
        )
        # Without a key: the address itself is the permission.
        self.place = Route("POST", re.compile(_UPLOAD + _ID), self._take)

    def content(self, uri: str) -> bytes | None:
        """The bytes behind the URI or the name of a file that is still kept, or None."""
        found = _FILE.fullmatch(urlsplit(uri).path) or _FILE.fullmatch(f"/v1/{uri}")
        if found is None or self._metadata(found["id"]) is None:
            return None
        return self._store.upload(f"{found['id']}.file")

    def _start(self, call: Call) -> Reply:
        if call.headers.get("x-goog-upload-protocol") != "resumable":
            raise BadField("protocol", "invalid", "Only resumable uploads are understood here.")
        size = call.headers.get("x-goog-upload-header-content-length", "")
        media_type = call.headers.get("x-goog-upload-header-content-type", "")
        if call.headers.get("x-goog-upload-command") != "start" or not size.isdecimal():
            raise BadField("command", "invalid", "An upload starts with its size.")
        if not _MEDIA_TYPE.fullmatch(media_type):
            raise BadField("mime_type", "invalid", f"Unsupported MIME type: {media_type}")
        given = json_object(call.body).get("file") if call.body else None
        values = given if isinstance(given, dict) else {}
        name = Fields(values).get("displayName") or Fields(values).get("display_name")
        file_id = self._new_id(values.get("name"))
        self._keep(file_id, {"mimeType": media_type, "sizeBytes": size, "displayName": name, "version": _version(call)})
        path = f"{_UPLOAD}{file_id}"
        link = f"{call.origin}{path}?upload_protocol=resumable&signature={signature(self._key, path)}"
        return Reply(200, b"", "text/plain", {"X-Goog-Upload-URL": link, "X-Goog-Upload-Status": "active"})

    def _new_id(self, name: object) -> str:
        """The part of the name behind "files/": the client's own choice, where it made one."""
        if name is None:
            return secrets.token_hex(6)
        found = _FILE.fullmatch(f"/v1/files/{str(name).removeprefix('files/')}")
        if found is None:
            raise BadField("name", "invalid", "File name may contain lowercase letters, digits and dashes only.")
        if self._metadata(found["id"]) is not None:
            raise BadField("name", "invalid", f"File {name} already exists.")
        return found["id"]

    def _take(self, call: Call) -> Reply:
        kept = self._read(call.place["id"])
        if kept is None or call.query.get("signature") != signature(self._key, call.path):
            return json_reply(404, {"error": {"code": 404, "message": "Upload not found.", "status": "NOT_FOUND"}})
        offset, commands = call.headers.get("x-goog-upload-offset", "0"), call.headers.get("x-goog-upload-command", "")
        before = self._store.upload(f"{call.place['id']}.file") or b""
        if offset != str(len(before)):
            return json_reply(400, {"error": {"code": 400, "message": "Wrong offset.", "status": "INVALID_ARGUMENT"}})
        content = before + call.body
        self._store.keep_upload(f"{call.place['id']}.file", content)
        if "finalize" not in commands:
            return Reply(200, b"", "text/plain", {"X-Goog-Upload-Status": "active"})
        now = self._now()
        digest = base64.b64encode(hashlib.sha256(content).hexdigest().encode()).decode()
        self._keep(call.place["id"], {**kept, "sizeBytes": str(len(content)), "sha256Hash": digest, "at": now})
        file = self._file(call.place["id"], call.origin)
        return json_reply(200, {"file": file}, {"X-Goog-Upload-Status": "final"})

    def _show(self, call: Call) -> Reply:
        if self._metadata(call.place["id"]) is None:
            # Google answers 403 for a file that is not there, or no longer. [assumed]
            text = f"You do not have permission to access the File {call.place['id']} or it may not exist."
            return json_reply(403, {"error": {"code": 403, "message": text, "status": "PERMISSION_DENIED"}})
        return json_reply(200, self._file(call.place["id"], call.origin))

    def _file(self, file_id: str, origin: str) -> dict[str, object]:
        kept = dict(self._read(file_id) or {})
        at, version = float(str(kept.pop("at"))), kept.pop("version")
        return {
            **{name: value for name, value in kept.items() if value is not None},
            "name": f"files/{file_id}",
            "uri": f"{origin}/{version}/files/{file_id}",
            "state": "ACTIVE",
            "createTime": timestamp(at),
            "updateTime": timestamp(at),
            "expirationTime": timestamp(at + _KEPT_SECONDS),
        }

    def _metadata(self, file_id: str) -> dict[str, object] | None:
        kept = self._read(file_id)
        at = kept.get("at") if kept else None
        return kept if isinstance(at, float) and self._now() < at + _KEPT_SECONDS else None

    def _read(self, file_id: str) -> dict[str, object] | None:
        data = self._store.upload(f"{file_id}.json")
        return json_object(data) if data else None

    def _keep(self, file_id: str, metadata: dict[str, object]) -> None:
        self._store.keep_upload(f"{file_id}.json", json.dumps(metadata).encode())


def timestamp(seconds: float) -> str:
    """Seconds since 1970 as Google writes them."""
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def _version(call: Call) -> str:
    return "v1beta" if "/v1beta/" in call.path else "v1"

"""Conversations of services, each in a file beside the ledger: one holds all its turns, and may hold their pictures.

Every turn of a conversation is a new one with all before it. In SQLite three turns made a ledger of 572 MB, and every
command read them.
"""

from __future__ import annotations

import hashlib
import json
import re
from typing import TYPE_CHECKING

from imgen.errors import LedgerUnusable
from imgen.files import make_private_folder, write

if TYPE_CHECKING:
    from pathlib import Path

    from imgen_providers.base import Json

_IN_ROW = 8 * 1024  # bytes of a conversation that stands in the ledger itself
_MOST = 64 * 1024 * 1024  # bytes of one that is kept at all; without it an edit goes on from the picture
_NAME = re.compile(r"[0-9a-f]{64}", re.ASCII)


class Conversations:
    """The files in one folder, each named by the sha256 of what it holds; `most` bytes of one conversation are kept."""

    def __init__(self, folder: Path, most: int = _MOST) -> None:
        self._folder = folder
        self._most = most

    def put(self, conversation: Json) -> Json:
        """What the ledger has in its place: a short one itself, else the name of its file; None for one without bounds.

        The file is on disk before this returns. Raises `LedgerUnusable`.
        """
        data = json.dumps(conversation).encode()
        if len(data) > self._most:
            return None
        if len(data) <= _IN_ROW and not isinstance(conversation, str):
            return conversation
        name = hashlib.sha256(data).hexdigest()
        self._keep(name, data)
        return name

    def get(self, kept: Json) -> Json:
        """The conversation that `put` gave this for; where its file is gone or damaged, what was given."""
        if not isinstance(kept, str) or _NAME.fullmatch(kept) is None:
            return kept
        data = self._kept(kept)
        if data is None or hashlib.sha256(data).hexdigest() != kept:
            return kept
        conversation: Json = json.loads(data)
        return conversation

    def _keep(self, name: str, data: bytes) -> None:
        path = self._folder / name
        try:
            if not path.exists():
                make_private_folder(self._folder)
                write(path, data)
        except OSError as error:
            raise LedgerUnusable(
                f"{self._folder} cannot take the conversation of a job: {error.strerror or error}.",
                "Free some space or mend the folder, then: imgen wait",
            ) from error

    def _kept(self, name: str) -> bytes | None:
        try:
            return (self._folder / name).read_bytes()
        except OSError:
            return None

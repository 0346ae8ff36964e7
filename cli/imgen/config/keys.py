"""Where keys are kept: the environment comes first, then the system keyring, then a file of this user's alone.

A key has one place beside the environment. For one in the keyring, an empty note stands among the key files, so that
nobody asks the keyring who keeps nothing there: it may be slow, or open a window.
"""

from __future__ import annotations

import os
import stat
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from imgen.config import keyring_process
from imgen.config.keyring_process import KeyringTrouble
from imgen.errors import BadConfiguration, UsageProblem
from imgen.files import make_private_folder, write

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from imgen_providers.catalog import ServiceEntry

Source = Literal["environment", "keyring", "file"]

_LONGEST = 64 * 1024  # bytes; no key is longer, whatever was piped or put there
_OTHERS = stat.S_IRWXG | stat.S_IRWXO


@dataclass(frozen=True, slots=True)
class KeyStore:
    """The keys that `imgen keys` keeps, each in a file of its own in `folder` or, behind a note, in the keyring.

    `asks_keyring` is False where nobody could unlock it (CI).
    """

    folder: Path
    asks_keyring: bool

    def source(self, entry: ServiceEntry) -> Source | None:
        """Where a key is kept, without looking at it; the keyring itself is not asked."""
        if _stands(self._note(entry)):
            return "keyring"
        return "file" if _stands(self.path(entry)) else None

    def path(self, entry: ServiceEntry) -> Path:
        """The file for this service's key."""
        return self.folder / entry.name

    def read(self, entry: ServiceEntry) -> str | None:
        """The key that is kept, if there is one. Raises `BadConfiguration`."""
        match self.source(entry):
            case "keyring":
                return self._from_keyring(entry)
            case "file":
                return _read(self.path(entry))
            case _:
                return None

    def in_file(self, entry: ServiceEntry) -> str | None:
        """The key in this service's file, if there is one that can be read."""
        with suppress(BadConfiguration):
            return _read(self.path(entry)) if self.source(entry) == "file" else None
        return None

    def put(self, entry: ServiceEntry, key: str, place: Literal["keyring", "file"] | None = None) -> Source:
        """Keep a key in that place and no other; without one, in the keyring if it works, else in a file.

        Raises `BadConfiguration`.
        """
        if place == "file" or not self._put_in_keyring(entry, key, required=place == "keyring"):
            self._write(self.path(entry), key)
            with suppress(KeyringTrouble):  # what may stay there is not asked for any more
                self._forget_in_keyring(entry)
            self._delete(self._note(entry))
            return "file"
        self._write(self._note(entry), "")
        self._delete(self.path(entry))
        return "keyring"

    def remove(self, entry: ServiceEntry) -> Source | None:
        """Forget a key; returns where it was. Raises `BadConfiguration`."""
        source = self.source(entry)
        try:
            self._forget_in_keyring(entry)
        except KeyringTrouble as trouble:
            raise BadConfiguration(f"The key of {entry.title} stays in the system keyring, which {trouble}.") from None
        self._delete(self._note(entry))
        self._delete(self.path(entry))
        return source

    def _note(self, entry: ServiceEntry) -> Path:
        return self.folder / f"{entry.name}.keyring"

    def _from_keyring(self, entry: ServiceEntry) -> str | None:
        try:
            self._check_keyring_may_be_asked()
            key = keyring_process.get(entry.name)
        except KeyringTrouble as trouble:
            raise BadConfiguration(
                f"The key of {entry.title} is in the system keyring, which {trouble}.",
                f"export {entry.key_variable}=..., or imgen keys set {entry.name} --file",
            ) from None
        if key is None:
            raise BadConfiguration(
                f"The key of {entry.title} is not in the system keyring any more.", f"imgen keys set {entry.name}"
            )
        return key

    def _put_in_keyring(self, entry: ServiceEntry, key: str, *, required: bool) -> bool:
        try:
            self._check_keyring_may_be_asked()
            keyring_process.put(entry.name, key)
        except KeyringTrouble as trouble:
            if required:
                raise BadConfiguration(
                    f"The system keyring {trouble}; the key was not kept.", f"imgen keys set {entry.name} --file"
                ) from None
            return False
        return True

    def _forget_in_keyring(self, entry: ServiceEntry) -> None:
        if _stands(self._note(entry)):
            self._check_keyring_may_be_asked()
            keyring_process.delete(entry.name)

    def _check_keyring_may_be_asked(self) -> None:
        if not self.asks_keyring:
            raise KeyringTrouble("is never asked in CI")

    def _delete(self, path: Path) -> None:
        with _said(path):
            path.unlink(missing_ok=True)

    def _write(self, path: Path, text: str) -> None:
        """Put a file in place in one step; at no moment can anybody else read it."""
        with _said(path):
            make_private_folder(self.folder)
            write(path, text.encode("ascii"))


def checked(text: str) -> str:
    """A key as it was typed or piped, without the white space around it. Raises `UsageProblem`, and never quotes it."""
    key = text.strip()
    if not key:
        raise UsageProblem("No key came.", "imgen keys set PROVIDER asks for it, or reads it from standard input.")
    if not (key.isascii() and key.isprintable()) or " " in key or len(key) > _LONGEST:
        raise UsageProblem("That holds characters that no key has; nothing was kept.", "Copy the key again, alone.")
    return key


def _stands(path: Path) -> bool:
    return os.path.exists(path)  # noqa: PTH110 (`Path.exists` raises for a folder closed to us)


def _read(path: Path) -> str:
    from shlex import quote

    with _said(path):
        if not path.is_file():  # a pipe would be waited for
            raise BadConfiguration(f"{path} is not a file, so no key is read from it.", f"Remove {quote(str(path))}.")
    with _said(path), path.open("rb") as file:
        # Windows has no such modes: the file is as private there as the user's own folder.
        if os.name != "nt" and os.fstat(file.fileno()).st_mode & _OTHERS:
            raise BadConfiguration(
                f"{path} can be read by others, so its key is not used.", f"chmod 600 {quote(str(path))}"
            )
        key = file.read(_LONGEST).decode("ascii", "replace").strip()
    if not key:
        raise BadConfiguration(f"{path} is empty: it holds no key.", f"imgen keys set {path.name}")
    return key


@contextmanager
def _said(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise BadConfiguration(f"{path} cannot be used: {(error.strerror or str(error)).lower()}.") from error

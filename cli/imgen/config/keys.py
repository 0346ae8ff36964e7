"""Keys that `imgen keys` keeps: in the system keyring, or each in a file for this user only; and how a key looks.

A key has one place beside the environment. For a key in the keyring, an empty marker file stands among the key
files, which avoids a slow keyring call, or a window that it opens, where no key is stored.
"""

from __future__ import annotations

import os
import re
import stat
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from imgen.errors import BadConfiguration, UsageProblem
from imgen.files import make_private_folder, require_private, write

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from imgen_providers.catalog import ServiceEntry

Source = Literal["environment", "keyring", "file"]

_LONGEST = 64 * 1024  # bytes; no key is longer, whatever was piped or put there
_OTHERS = stat.S_IRWXG | stat.S_IRWXO

# Text that is often copied together with a key: `export REAPI_API_KEY=`, `Authorization: Bearer `, quotes.
_AROUND = r"(?i)^(?:(?:(?:export|set)\s+)?\w*(?:key|token)\s*=|(?:authorization\s*:\s*)?bearer\s)\s*"
_QUOTES = ("''", '""', "``")
_WORD = r"""[^\s=,:;'"()/@?&#]+"""
_BEGINS_AS_A_KEY = r"(?i)(sk|pk|rk|ak)[-_][\w-]{6,}|eyJ[\w.-]{12,}"
_LONGEST_NAME = 15  # characters in one go that are both letters and digits: of no model, more in most keys
_REMOTE_ID = r"task_[\da-f]+|[\da-f]{8}(-[\da-f]{4}){3}-[\da-f]{12}"


@dataclass(frozen=True, slots=True)
class KeyStore:
    """The keys that `imgen keys` keeps, each in a file of its own in `folder` or, behind a marker, in the keyring.

    `asks_keyring` is False where a keyring cannot be unlocked (CI). `variables` is the environment, for the process
    that calls the keyring.
    """

    folder: Path
    asks_keyring: bool
    variables: Mapping[str, str] = field(repr=False)

    def source(self, entry: ServiceEntry) -> Source | None:
        """Where a key is kept, without reading it or calling the keyring."""
        if _exists(self._marker(entry)):
            return "keyring"
        return "file" if _exists(self.path(entry)) else None

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

    def known(self) -> list[str]:
        """Every key that can be had without asking the system keyring, to be kept out of what is written."""
        from imgen_providers.catalog import SERVICES

        found = [
            key
            for entry in SERVICES.values()
            for key in (clean(self.variables.get(entry.key_variable, "")), self.in_file(entry))
        ]
        return [key for key in found if key]

    def put(self, entry: ServiceEntry, key: str, place: Literal["keyring", "file"] | None = None) -> Source:
        """Keep a key in that place and no other; without one, in the keyring if it works, else in a file.

        Raises `BadConfiguration`.
        """
        from imgen.config.keyring_process import KeyringTrouble

        if place == "file" or not self._put_in_keyring(entry, key, required=place == "keyring"):
            self._write(self.path(entry), key)
            with suppress(KeyringTrouble):  # what may stay there is not read any more
                self._forget_in_keyring(entry)
            self._delete(self._marker(entry))
            return "file"
        self._write(self._marker(entry), "")
        self._delete(self.path(entry))
        return "keyring"

    def remove(self, entry: ServiceEntry) -> Source | None:
        """Forget a key; returns where it was. Raises `BadConfiguration`."""
        from imgen.config.keyring_process import KeyringTrouble

        source = self.source(entry)
        try:
            self._forget_in_keyring(entry)
        except KeyringTrouble as trouble:
            raise BadConfiguration(f"The key of {entry.title} stays in the system keyring, which {trouble}.") from None
        self._delete(self._marker(entry))
        self._delete(self.path(entry))
        return source

    def _marker(self, entry: ServiceEntry) -> Path:
        return self.folder / f"{entry.name}.keyring"

    def _from_keyring(self, entry: ServiceEntry) -> str | None:
        from imgen.config import keyring_process

        try:
            self._check_keyring_may_be_asked()
            key = keyring_process.get(entry.name, self.variables)
        except keyring_process.KeyringTrouble as trouble:
            raise BadConfiguration(
                f"The key of {entry.title} is in the system keyring, which {trouble}.",
                f"imgen keys set {entry.name} --file\nOr set {entry.key_variable}.",
            ) from None
        if key is None:
            raise BadConfiguration(
                f"The key of {entry.title} is not in the system keyring any more.", f"imgen keys set {entry.name}"
            )
        return key

    def _put_in_keyring(self, entry: ServiceEntry, key: str, *, required: bool) -> bool:
        from imgen.config import keyring_process

        try:
            self._check_keyring_may_be_asked()
            keyring_process.put(entry.name, key, self.variables)
        except keyring_process.KeyringTrouble as trouble:
            if required:
                raise BadConfiguration(
                    f"The system keyring {trouble}; the key was not kept.", f"imgen keys set {entry.name} --file"
                ) from None
            return False
        return True

    def _forget_in_keyring(self, entry: ServiceEntry) -> None:
        if _exists(self._marker(entry)):
            from imgen.config import keyring_process

            self._check_keyring_may_be_asked()
            keyring_process.delete(entry.name, self.variables)

    def _check_keyring_may_be_asked(self) -> None:
        if not self.asks_keyring:
            from imgen.config.keyring_process import KeyringTrouble

            raise KeyringTrouble("is never asked in CI")

    def _delete(self, path: Path) -> None:
        with _reported(path):
            path.unlink(missing_ok=True)

    def _write(self, path: Path, text: str) -> None:
        """Put a file in place in one step; at no moment can another user read it."""
        with _reported(path):
            make_private_folder(self.folder)
            write(path, text.encode("ascii"))


def checked(text: str) -> str:
    """A key as it was typed or piped, without what was copied with it. Raises `UsageProblem`, and never quotes it."""
    key = clean(text)
    if not key:
        raise UsageProblem(
            "No key was entered.", "Type or paste the key when it is asked for, or send it on standard input."
        )
    if not is_key(key):
        raise UsageProblem(
            "That holds a space or another character that no key has; nothing was kept.", "Copy the key again, alone."
        )
    return key


def clean(text: str) -> str:
    """The key alone, without quotes, `NAME=`, `Bearer` and white space around it."""
    for _ in range(3):  # such as export REAPI_API_KEY="Bearer '...'"
        text = re.sub(_AROUND, "", text.strip())
        if text[:1] + text[-1:] in _QUOTES and len(text) > 1:
            text = text[1:-1]
    return text.strip()


def is_key(text: str) -> bool:
    """Whether a service could have given out such a key."""
    return text.isascii() and text.isprintable() and " " not in text and len(text) <= _LONGEST


def looks_like_key(word: str) -> bool:
    """Whether a word has the shape of a key; names of models and ids of jobs do not."""
    if re.fullmatch(_REMOTE_ID, word):
        return False
    if re.fullmatch(_BEGINS_AS_A_KEY, word):
        return True
    runs = re.split("[-_]", word)
    return all(not run or run.isalnum() for run in runs) and any(_is_mixed(run) for run in runs)


def without_keys(text: str) -> str:
    """The text with every word hidden that has the shape of a key."""
    from imgen_providers.redaction import HIDDEN

    return re.sub(_WORD, lambda word: HIDDEN if looks_like_key(word[0]) else word[0], text)


def _is_mixed(run: str) -> bool:
    return len(run) > _LONGEST_NAME and run.isascii() and not run.isalpha() and not run.isdigit()


def _exists(path: Path) -> bool:
    return os.path.exists(path)  # noqa: PTH110 (`Path.exists` raises for a folder closed to us)


def _read(path: Path) -> str:
    from shlex import quote

    require_private(path.parent)
    with _reported(path):
        if not path.is_file():  # a pipe would be waited for
            raise BadConfiguration(f"{path} is not a file, so no key is read from it.", f"Remove {quote(str(path))}.")
    with _reported(path), path.open("rb") as file:
        # Windows has no such modes: the file is as private there as the user's own folder.
        if os.name != "nt" and os.fstat(file.fileno()).st_mode & _OTHERS:
            raise BadConfiguration(
                f"{path} can be read by others, so its key is not used.", f"chmod 600 {quote(str(path))}"
            )
        require_private(path)
        key = clean(file.read(_LONGEST).decode("ascii", "replace"))
    if not key:
        raise BadConfiguration(f"{path} is empty: it holds no key.", f"imgen keys set {path.name}")
    return key


@contextmanager
def _reported(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise BadConfiguration(f"{path} cannot be used: {(error.strerror or str(error)).lower()}.") from error

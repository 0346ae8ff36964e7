"""Where the rows of services that installed packages add are remembered. TAB reads it, so it is light to import."""

from __future__ import annotations

import os
import stat
import sys
from contextlib import suppress
from typing import TYPE_CHECKING, NamedTuple

from imgen.files import open_regular

if TYPE_CHECKING:
    from collections.abc import Mapping

_OTHERS_WRITE = stat.S_IWGRP | stat.S_IWOTH


def remember_services(*, asks: bool) -> None:
    """Before the catalogue is imported: the file of this user; `asks`: whether code of packages may run for it."""
    from imgen_providers.registry import use

    path = find_service_cache(os.environ)
    use(ServiceCache(path) if path else None, asks=asks)


def find_service_cache(environ: Mapping[str, str]) -> str | None:
    """The file, in the folder that IMGEN_HOME names, else in the system's own for caches; None without a home.

    The folder is that of platformdirs, whose import would be most of a TAB.
    """
    home = os.path.expanduser("~")  # noqa: PTH111 (pathlib takes 3 ms of a TAB)
    if named := environ.get("IMGEN_HOME"):
        folder = f"{os.path.expanduser(named)}/cache"  # noqa: PTH111
    elif sys.platform == "darwin":
        folder = f"{home}/Library/Caches/imgen"
    elif sys.platform == "win32":
        folder = f"{environ.get('LOCALAPPDATA') or f'{home}/AppData/Local'}/imgen/Cache"
    else:
        named = environ.get("XDG_CACHE_HOME", "")
        folder = f"{named if named.startswith('/') else f'{home}/.cache'}/imgen"
    return f"{folder}/services.json" if os.path.isabs(folder) else None  # noqa: PTH117


class ServiceCache(NamedTuple):
    """A private file. What another user could have written is not read: it says which code to import."""

    path: str

    def read(self) -> bytes | None:
        """The whole file; None where there is none that is this user's alone to write."""
        try:
            with open_regular(self.path) as file:
                found = os.fstat(file.fileno())
                own = os.name == "nt" or (found.st_uid == os.geteuid() and not found.st_mode & _OTHERS_WRITE)
                return file.read() if own else None
        except OSError:
            return None

    def write(self, data: bytes) -> None:
        """Put the file in place in one step; without a disk that takes it, the next process asks anew."""
        from pathlib import Path

        from imgen.errors import ImgenError
        from imgen.files import make_private_folder, write

        path = Path(self.path)
        with suppress(OSError, ImgenError):
            make_private_folder(path.parent)
            write(path, data)

"""The configuration that a command reads: settings, folders, keys. The only reader of the environment."""

from __future__ import annotations

import os
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from imgen.config.folders import Folders, find_folders, home_folder
from imgen.errors import BadConfiguration

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from imgen.config.accounts import Accounts
    from imgen.config.keys import KeyStore
    from imgen.config.network import NetworkSettings
    from imgen.config.sources import Sourced, Sources
    from imgen_providers.sandbox.faults import Fault

SANDBOX = "sandbox"
"""The origin of jobs made in the embedded services."""

_CI_VARIABLES = ("CI", "GITHUB_ACTIONS", "TF_BUILD")  # set by build servers, each by one or more of them


class Config:
    """The environment and the files that a command reads, each file at its first use, and once.

    `profile` is the one that `--profile` names. Every property may raise `BadConfiguration`.
    """

    def __init__(self, environ: Mapping[str, str], cwd: Path, profile: str | None = None) -> None:
        self.environ = environ  # it holds keys
        self.cwd = cwd
        self.profile = profile

    @cached_property
    def folders(self) -> Folders:
        """Where imgen's own files are."""
        return find_folders(self.environ)

    @cached_property
    def sources(self) -> Sources:
        """All that sets a setting."""
        from imgen.config.sources import Sources

        return Sources(self.environ, self.cwd, home_folder(), lambda: self.folders.settings, self.profile)

    @cached_property
    def accounts(self) -> Accounts:
        """Keys and the origins they may go to."""
        from imgen.config.accounts import Accounts

        return Accounts(self.environ, self.key_store, self.sources)

    @cached_property
    def key_store(self) -> KeyStore:
        """The keys that `imgen keys` keeps."""
        from imgen.config.keys import KeyStore

        return KeyStore(self.folders.keys, asks_keyring=not self.ci, variables=self.environ)

    @cached_property
    def network(self) -> NetworkSettings:
        """What HTTP needs to know."""
        from imgen.config.network import network_settings

        return network_settings(self.sources)

    @property
    def typed(self) -> tuple[str, ...]:
        """What stands in the environment's variables of ours, but for those of a service."""
        return tuple(value for name, value in self.environ.items() if name.startswith("IMGEN_"))

    @property
    def ci(self) -> bool:
        """Whether this runs on a build server, where no keyring can be unlocked."""
        return is_ci(self.environ)

    @property
    def shell_folders(self) -> tuple[Path | None, Path | None]:
        """Where shells look for data and for settings of the user: XDG's folders; None without a home folder."""
        home = home_folder()
        data, settings = self.environ.get("XDG_DATA_HOME"), self.environ.get("XDG_CONFIG_HOME")
        return (
            Path(data) if data else home and home / ".local" / "share",
            Path(settings) if settings else home and home / ".config",
        )

    @property
    def editor(self) -> str | None:
        """The command of the user's editor, where the environment names one."""
        return self.environ.get("VISUAL") or self.environ.get("EDITOR") or None

    @property
    def project(self) -> str | None:
        """The folder of the project we are in; None outside of any. Bytes that are no text are written as `\\xff`."""
        folder = self.sources.project
        return spelled(folder) if folder else None

    def setting(self, name: str) -> Sourced:
        """The value of a setting that counts, and where it comes from."""
        return self.sources.setting(name)

    @property
    def upload(self) -> str | None:
        """The user's own object storage, as one URL without credentials."""
        return self._text("upload") or None

    @cached_property
    def ledger_url(self) -> str | None:
        """The database with the ledger of many machines, a secret; None where the ledger is a file of this one."""
        if not self.environ.get("IMGEN_LEDGER") and not self.folders.settings.exists():
            return None  # known without reading the table of settings, which costs TAB its time
        return self._text("ledger") or None

    @property
    def store(self) -> str | None:
        """The object storage that a fleet's pictures go to, as one URL without credentials."""
        return self._text("store") or None

    @property
    def keeps_uploads(self) -> bool:
        """Whether pictures stay in that storage after their job."""
        return self.setting("upload_keep").value is True

    @property
    def sandbox(self) -> bool:
        """Whether the environment asks for the sandbox."""
        return self.setting("sandbox").value is True

    @property
    def sandbox_seconds(self) -> float:
        """How long a job of the embedded services takes, in seconds."""
        value = self.setting("sandbox_seconds").value
        assert isinstance(value, float)
        return value

    @property
    def sandbox_server(self) -> str | None:
        """The origin of a sandbox that runs already, on this machine. Raises `BadConfiguration`."""
        text = self._text("sandbox_server")
        if not text:
            return None
        if not is_loopback(text):
            raise BadConfiguration(
                "IMGEN_SANDBOX_SERVER must be on this machine, such as http://127.0.0.1:8000.", "imgen sandbox serve"
            )
        return text.rstrip("/")

    @property
    def sandbox_faults(self) -> Sequence[Fault]:
        """The faults that the embedded services play. Raises `BadConfiguration`."""
        text = self._text("sandbox_faults")
        if not text:
            return ()
        from imgen_providers.sandbox.faults import parse_faults

        try:
            return parse_faults(text)
        except ValueError as error:
            raise BadConfiguration(f"IMGEN_SANDBOX_FAULTS cannot be read: {error}") from error

    @property
    def submits_per_minute(self) -> int | None:
        """The user's own limit on submits, 0 for none; None where none is set."""
        value = self.setting("submits_per_minute").value
        assert value is None or isinstance(value, int)
        return value

    @property
    def timeout(self) -> float | None:
        """How many seconds to wait for jobs; None where the jobs decide."""
        value = self.setting("timeout").value
        assert value is None or isinstance(value, float)
        return value

    @property
    def preferred(self) -> tuple[str, ...]:
        """The services that the user prefers, the first one first."""
        value = self.setting("providers").value
        return value if isinstance(value, tuple) else ()

    @property
    def budget_per_day(self) -> tuple[tuple[str, str], ...]:
        """Every limit on what a day may cost, as it is written, and where; the strictest counts."""
        return self.sources.every_text("budget.day")

    @property
    def budget_per_project(self) -> tuple[tuple[str, str], ...]:
        """Every limit on what a project may cost, as it is written, and where; the strictest counts."""
        return self.sources.every_text("budget.project")

    def _text(self, name: str) -> str:
        return str(self.setting(name).value or "")


def load(profile: str | None = None) -> Config:
    """The configuration of this process."""
    return Config(os.environ, _working_folder(), profile)


def _working_folder() -> Path:
    """The working folder; one that was deleted since still has the name that the shell knows it by."""
    try:
        return Path.cwd()
    except FileNotFoundError:
        return Path(os.environ.get("PWD", os.sep))


def spelled(folder: Path) -> str:
    """The folder's path as a text that can be stored; bytes that are no text are written as `\\xff`."""
    return os.fsencode(folder).decode(errors="backslashreplace")


def is_ci(environ: Mapping[str, str]) -> bool:
    """Whether a build server runs this."""
    return any(environ.get(name, "").lower() not in ("", "0", "false") for name in _CI_VARIABLES)


def is_loopback(origin: str) -> bool:
    """Whether an origin (or "sandbox") is on this machine."""
    from urllib.parse import urlsplit

    from imgen_providers.addresses import is_loopback_host

    return origin == SANDBOX or is_loopback_host(urlsplit(origin).hostname or "")

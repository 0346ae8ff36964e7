"""What a person's environment and files say: folders, keys, settings. The only reader of environment and folders."""

from __future__ import annotations

import os
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from imgen.config.settings import Layer, Sourced
from imgen.config.sources import Layers
from imgen.errors import BadConfiguration, KeyMissing

if TYPE_CHECKING:
    from collections.abc import Mapping

    from imgen.config.keys import KeyStore, Source
    from imgen_providers.base import Account
    from imgen_providers.catalog import ServiceEntry

SANDBOX = "sandbox"
"""The origin of jobs made in the embedded services."""

_CI_VARIABLES = ("CI", "GITHUB_ACTIONS", "TF_BUILD")  # set by build servers, each by one or more of them

_LOOPBACK_HOSTS = ("127.0.0.1", "localhost", "::1")


@dataclass(frozen=True)
class Config:
    """Everything a command reads from its surroundings, read when asked for, each file once.

    `wished_profile` is the one that `--profile` names.
    """

    environ: Mapping[str, str] = field(repr=False)  # it holds keys
    cwd: Path
    wished_profile: str | None = None
    _kept_keys: dict[str, str | None] = field(default_factory=dict, init=False, repr=False, compare=False)

    # Settings ---------------------------------------------------------------------------------------------------

    @cached_property
    def layers(self) -> Layers:
        """All that says a setting. Raises `BadConfiguration`."""
        return Layers(self.environ, self.cwd, _home(), self.user_path, self.wished_profile)

    def setting(self, name: str) -> Sourced:
        """The value of a setting that counts, and where it comes from. Raises `BadConfiguration`."""
        return self.layers.setting(name)

    @property
    def project(self) -> str | None:
        """The project we are in: the folder of its imgen.toml, else the git root; None outside of any.

        Bytes of its path that are no text are written as `\\xff`.
        """
        folder = self.layers.project
        return spelled(folder) if folder else None

    @property
    def user_path(self) -> Path:
        """Where the person's own settings stand."""
        return self.config_folder / "config.toml"

    # Folders ----------------------------------------------------------------------------------------------------

    @property
    def state_folder(self) -> Path:
        """Where the ledger lives. Raises `BadConfiguration`."""
        if home := self.environ.get("IMGEN_HOME"):
            try:
                return self.cwd / Path(home).expanduser()
            except RuntimeError as error:
                raise BadConfiguration(
                    f"IMGEN_HOME is {home!r}, and nobody's home folder is known by that name.",
                    "export IMGEN_HOME=/a/folder/of/yours",
                ) from error
        import platformdirs

        return platformdirs.user_state_path("imgen", appauthor=False)

    @property
    def data_folder(self) -> Path:
        """Where copies of pictures written to standard output are kept."""
        if self.environ.get("IMGEN_HOME"):
            return self.state_folder
        import platformdirs

        return platformdirs.user_data_path("imgen", appauthor=False)

    @property
    def config_folder(self) -> Path:
        """Where the person's own settings and keys are kept."""
        if self.environ.get("IMGEN_HOME"):
            return self.state_folder
        import platformdirs

        return platformdirs.user_config_path("imgen", appauthor=False)

    @property
    def ledger_path(self) -> Path:
        """The SQLite file with every job."""
        return self.state_folder / "ledger.sqlite3"

    @property
    def owners_folder(self) -> Path:
        """The lock files of running processes."""
        return self.state_folder / "owners"

    @property
    def sandbox_folder(self) -> Path:
        """The jobs of the embedded services."""
        return self.state_folder / "sandbox"

    @property
    def kept_folder(self) -> Path:
        """The copies of pictures that went to standard output."""
        return self.data_folder / "pictures"

    @property
    def references_folder(self) -> Path:
        """Copies of pictures made to be sent."""
        return self.data_folder / "references"

    # What others read -------------------------------------------------------------------------------------------

    @property
    def upload(self) -> str | None:
        """The person's own object storage, as one URL without credentials. Raises `BadConfiguration`."""
        return self._text("upload")

    @property
    def keeps_uploads(self) -> bool:
        """Whether pictures stay in that storage after their job. Raises `BadConfiguration`."""
        return self.setting("upload_keep").value is True

    @property
    def sandbox(self) -> bool:
        """Whether the environment asks for the sandbox. Raises `BadConfiguration`."""
        return self.setting("sandbox").value is True

    @property
    def sandbox_seconds(self) -> float:
        """How long a job of the embedded services takes, in seconds. Raises `BadConfiguration`."""
        value = self.setting("sandbox_seconds").value
        assert isinstance(value, float)
        return value

    @property
    def sandbox_faults(self) -> str:
        """The faults the embedded services are to play."""
        return self._text("sandbox_faults") or ""

    @property
    def submits_per_minute(self) -> int | None:
        """The person's own limit on submits, 0 for none; None where they set none. Raises `BadConfiguration`."""
        value = self.setting("submits_per_minute").value
        assert value is None or isinstance(value, int)
        return value

    @property
    def timeout(self) -> float | None:
        """How many seconds to wait for jobs; None where it is for us to say. Raises `BadConfiguration`."""
        value = self.setting("timeout").value
        assert value is None or isinstance(value, float)
        return value

    @property
    def preferred(self) -> tuple[str, ...]:
        """The services whose order a person set, the preferred first. Raises `BadConfiguration`."""
        value = self.setting("providers").value
        return value if isinstance(value, tuple) else ()

    @property
    def budget_per_day(self) -> tuple[tuple[str, str], ...]:
        """Every limit on what a day may cost, as it was written, and where; the strictest counts."""
        return tuple((str(found.value), found.where) for found in self.layers.every("budget.day"))

    @property
    def budget_per_project(self) -> tuple[tuple[str, str], ...]:
        """Every limit on what a project may cost, as it was written, and where; the strictest counts."""
        return tuple((str(found.value), found.where) for found in self.layers.every("budget.project"))

    @property
    def ca_file(self) -> str | None:
        """The certificates to trust instead of the usual ones; in a file, a path from where that file is."""
        found = self.setting("ca_file")
        if found.file is None:
            return self._text("ca_file")
        return str(found.file.path.parent / expanded(str(found.value)))

    @property
    def system_certificates(self) -> bool:
        """Whether to trust what this machine trusts. Raises `BadConfiguration` where the extra is missing."""
        found = self.setting("certificates")
        if found.value != "system":
            return False
        from importlib.util import find_spec

        if find_spec("truststore") is None:
            raise BadConfiguration(
                f"certificates is 'system' ({found.where}), which needs truststore.",
                "pip install 'imgen[system-certs]'",
            )
        return True

    def _text(self, name: str) -> str | None:
        value = self.setting(name).value
        return str(value) if value else None

    # Keys and origins -------------------------------------------------------------------------------------------

    @property
    def ci(self) -> bool:
        """Whether this runs on a build server, where nobody can unlock anything."""
        return is_ci(self.environ)

    @property
    def keys(self) -> KeyStore:
        """The keys that `imgen keys` keeps; what the environment says comes first."""
        from imgen.config.keys import KeyStore

        return KeyStore(self.config_folder / "keys", asks_keyring=not self.ci)

    def key_source(self, entry: ServiceEntry) -> Source | None:
        """Where the key of a service would come from, without asking the system keyring."""
        return "environment" if self._set_key(entry) else self.keys.source(entry)

    def has_key(self, entry: ServiceEntry) -> bool:
        """Whether there is a key for the service that can be asked for here."""
        source = self.key_source(entry)
        return source is not None and not (source == "keyring" and self.ci)

    def origin(self, entry: ServiceEntry) -> str:
        """Where the service is: its own origin, or the one the person names. Raises `BadConfiguration`."""
        found = self.setting(f"base_url.{entry.name}")
        return entry.origin if found.layer is Layer.DEFAULT else checked_origin(found.named, str(found.value))

    def account(self, entry: ServiceEntry) -> Account:
        """The key and the one origin it may go to. Raises `KeyMissing` or `BadConfiguration`."""
        from imgen_providers.base import Account

        key = self._set_key(entry) or self._kept_key(entry)
        if not key:
            raise KeyMissing(
                f"{entry.title} needs a key, and {entry.key_variable} is not set.",
                f"export {entry.key_variable}=..., or imgen keys set {entry.name}; "
                "--sandbox tries everything without a key.",
            )
        if not (key.isascii() and key.isprintable()):
            raise BadConfiguration(
                f"The key of {entry.title} ({entry.key_variable}) holds characters that no key has.",
                "Copy the key again, without quotes.",
            )
        return Account(self.origin(entry), key, self._organization(entry))

    def known_keys(self) -> list[str]:
        """Every key that can be had without asking the system keyring, to be kept out of what is written."""
        from imgen_providers.catalog import SERVICES

        found = [key for entry in SERVICES.values() for key in (self._set_key(entry), self.keys.in_file(entry))]
        return [key for key in found if key]

    def _organization(self, entry: ServiceEntry) -> str | None:
        name = entry.organization_variable
        organization = self.environ.get(name, "").strip() if name else ""
        if not (organization.isascii() and organization.isprintable()):
            raise BadConfiguration(f"{name} holds characters that no organization's id has.", "Copy the id again.")
        return organization or None

    def _set_key(self, entry: ServiceEntry) -> str:
        return self.environ.get(entry.key_variable, "").strip()

    def _kept_key(self, entry: ServiceEntry) -> str | None:
        """Read once a process: the keyring takes its time."""
        if entry.name not in self._kept_keys:
            self._kept_keys[entry.name] = self.keys.read(entry)
        return self._kept_keys[entry.name]


def load(profile: str | None = None) -> Config:
    """The surroundings of this process."""
    return Config(os.environ, _folder(), profile)


def _folder() -> Path:
    """The folder we are in; one that was deleted under us still has the name the shell knows it by."""
    try:
        return Path.cwd()
    except FileNotFoundError:
        return Path(os.environ.get("PWD", os.sep))


def _home() -> Path | None:
    with suppress(RuntimeError):
        return Path.home()
    return None


def expanded(path: str) -> Path:
    """The path with `~` as the home folder it stands for, where somebody has one by that name."""
    with suppress(RuntimeError):
        return Path(path).expanduser()
    return Path(path)


def spelled(folder: Path) -> str:
    """The folder's path as a text that can be stored; bytes that are none are written as `\\xff`."""
    return os.fsencode(folder).decode(errors="backslashreplace")


def is_ci(environ: Mapping[str, str]) -> bool:
    """Whether a build server runs this."""
    return any(environ.get(name, "").lower() not in ("", "0", "false") for name in _CI_VARIABLES)


def is_loopback(origin: str) -> bool:
    """Whether an origin (or "sandbox") lies on this machine."""
    return origin == SANDBOX or urlsplit(origin).hostname in _LOOPBACK_HOSTS


def checked_origin(named: str, text: str) -> str:
    """The text as an origin that a key may go to; `named` is what says it. Raises `BadConfiguration`."""
    wrong = BadConfiguration(
        f"{named} must be a scheme and a host, such as http://127.0.0.1:8000.",
        "It holds more than that." if "@" in text or "?" in text else f"It is {text!r}.",  # that may be a secret
    )
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError:
        raise wrong from None
    extra = parts.path not in ("", "/") or parts.query or parts.fragment or parts.username is not None
    if parts.scheme not in ("http", "https") or not parts.hostname or port == 0 or extra:
        raise wrong
    origin = f"{parts.scheme}://{parts.netloc}".lower()
    if parts.scheme == "http" and not is_loopback(origin):
        raise BadConfiguration(
            f"{named} would send the key unencrypted: plain http is for this machine only.",
            "Use https://.",
        )
    return origin

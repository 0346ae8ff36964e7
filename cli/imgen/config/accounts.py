"""Which key belongs to which service, and the one origin that it may go to."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from imgen.config.keys import KeyStore, Source, clean, is_key, without_keys
from imgen.config.settings import Layer
from imgen.errors import SANDBOX_EXAMPLE, BadConfiguration, KeyMissing
from imgen_providers.addresses import is_loopback_host

if TYPE_CHECKING:
    from collections.abc import Mapping

    from imgen.config.sources import Sources
    from imgen_providers.base import Account
    from imgen_providers.catalog import ServiceEntry


@dataclass(frozen=True)
class Accounts:
    """Keys of the environment and those that `imgen keys` keeps, with the origins that settings name.

    Each kept key is read once, since the keyring takes its time.
    """

    environ: Mapping[str, str] = field(repr=False)
    store: KeyStore
    sources: Sources = field(repr=False)
    _kept: dict[str, str | None] = field(default_factory=dict, init=False, repr=False, compare=False)

    def key_source(self, entry: ServiceEntry) -> Source | None:
        """Where the key of a service would come from, without asking the system keyring."""
        return "environment" if self._of_environment(entry) else self.store.source(entry)

    def has_key(self, entry: ServiceEntry) -> bool:
        """Whether there is a key for the service that can be read here."""
        source = self.key_source(entry)
        return source is not None and not (source == "keyring" and not self.store.asks_keyring)

    def origin(self, entry: ServiceEntry) -> str:
        """Where the service is: its own origin, or the one that the user names. Raises `BadConfiguration`."""
        found = self.sources.setting(f"base_url.{entry.name}")
        if found.layer is Layer.DEFAULT:
            return entry.origin
        return checked_origin(found.named, str(found.value), entry.base_path)

    def account(self, entry: ServiceEntry) -> Account:
        """The key and the one origin it may go to. Raises `KeyMissing` or `BadConfiguration`."""
        from imgen_providers.base import Account

        key = self._of_environment(entry) or self._of_store(entry)
        if not key:
            raise KeyMissing(
                f"{entry.title} needs a key, and {entry.key_variable} is not set.",
                f"imgen keys set {entry.name}\nOr set {entry.key_variable}. --sandbox needs no key:\n{SANDBOX_EXAMPLE}",
            )
        if not is_key(key):
            raise BadConfiguration(
                f"The key of {entry.title} ({entry.key_variable}) holds characters that no key has.",
                "Copy the key again, without quotes.",
            )
        return Account(self.origin(entry), key, self._organization(entry))

    def report_origin(self, entry: ServiceEntry) -> None:
        """Before a key goes out: report an origin that is not the service's own, as a planted setting could name."""
        origin = self.origin(entry)
        if origin != entry.origin:
            where = self.sources.setting(f"base_url.{entry.name}").where
            self.sources.notice(f"The key of {entry.title} goes to {origin} ({where}), not to {entry.origin}.")

    def key_at_hand(self, entry: ServiceEntry) -> str | None:
        """The key of one service, if it can be had without asking the system keyring."""
        return self._of_environment(entry) or self.store.in_file(entry)

    def _organization(self, entry: ServiceEntry) -> str | None:
        name = entry.organization_variable
        organization = self.environ.get(name, "").strip() if name else ""
        if not (organization.isascii() and organization.isprintable()):
            raise BadConfiguration(f"{name} holds characters that no organization's id has.", "Copy the id again.")
        return organization or None

    def _of_environment(self, entry: ServiceEntry) -> str:
        names = (entry.key_variable, *entry.other_key_variables)
        return next((key for name in names if (key := clean(self.environ.get(name, "")))), "")

    def _of_store(self, entry: ServiceEntry) -> str | None:
        if entry.name not in self._kept:
            self._kept[entry.name] = self.store.read(entry)
        return self._kept[entry.name]


def checked_origin(named: str, text: str, base_path: str = "") -> str:
    """The text as an origin that a key may go to; `named` is the setting that holds it. Raises `BadConfiguration`.

    `base_path` may stand behind it: the path that a service's documents give with its address.
    """
    secret = "@" in text or "?" in text
    wrong = BadConfiguration(
        f"{named} must be a scheme and a host, such as http://127.0.0.1:8000.",
        "It holds more than that." if secret else f"It is {without_keys(text)!r}.",
    )
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError:
        raise wrong from None
    extra = parts.path.rstrip("/") not in ("", base_path) or parts.query or parts.fragment
    host = parts.hostname or ""
    plain = host.isascii() and host.isprintable() and " " not in host
    if parts.scheme not in ("http", "https") or not host or not plain or port == 0 or extra or "@" in parts.netloc:
        raise wrong
    if parts.scheme == "http" and not is_loopback_host(host):
        raise BadConfiguration(
            f"{named} would send the key unencrypted: plain http is for this machine only.",
            "Use https://.",
        )
    return f"{parts.scheme}://{parts.netloc}".lower()

"""The services as this process reaches them: a job goes back to the origin it came from, with that origin's key."""

from __future__ import annotations

import secrets
import threading
from contextlib import suppress
from typing import TYPE_CHECKING, NamedTuple

from imgen.config.config import SANDBOX, is_loopback
from imgen.errors import BadConfiguration
from imgen.jobs.schedule import RateLimit, Schedule, schedule
from imgen.ledger.pacing import SubmitLimit
from imgen_providers import connect
from imgen_providers.base import Account, TakesUploads
from imgen_providers.catalog import SERVICES
from imgen_providers.errors import NotSent

if TYPE_CHECKING:
    from imgen.config.config import Config
    from imgen_providers.base import Service
    from imgen_providers.catalog import ServiceEntry
    from imgen_providers.client import Network
    from imgen_providers.sandbox.server import SandboxServer

_MINUTE = 60.0  # seconds
_SANDBOX_PACE_SECONDS = 30.0  # a sandbox of 2 s answers as if a service that takes 30 s ran 15 times as fast


class Connection(NamedTuple):
    """One service at one origin. `origin` is where it really is, which for the sandbox is a loopback port.

    `storage` takes reference pictures that the service fetches; without one, they need the user's own.
    """

    service: Service
    network: Network
    origin: str
    schedule: Schedule
    rate_limit: RateLimit
    pace: float
    storage: TakesUploads | None = None


def known(provider: str) -> ServiceEntry:
    """The service that a job was made with. Raises `BadConfiguration` for one that only another imgen knows."""
    if provider not in SERVICES:
        raise BadConfiguration(
            f"This job was made at {provider}, a service that this imgen does not know.",
            "Upgrade imgen, or install the package that adds the service.",
        )
    return SERVICES[provider]


class Services:
    """Opens each service once, and the sandbox when the first of its jobs needs it."""

    def __init__(self, config: Config, poll_every: float | None = None) -> None:
        self._config = config
        self._poll_every = poll_every
        self._lock = threading.Lock()
        self._sandbox: SandboxServer | None = None
        self._sandbox_key = secrets.token_urlsafe(32)  # of this process alone: other users reach the port, too
        self._open: dict[tuple[str, str], Connection] = {}
        self.network = config.network.open()

    def connection(self, provider: str, origin: str) -> Connection:
        """The service a job was made with. Raises `KeyMissing` or `BadConfiguration`."""
        with self._lock:
            if (provider, origin) not in self._open:
                self._open[provider, origin] = self._connect(provider, origin)
            return self._open[provider, origin]

    def close(self) -> None:
        """Close every connection and stop the sandbox."""
        self.network.close()
        if self._sandbox:
            self._sandbox.close()

    def _connect(self, provider: str, origin: str) -> Connection:
        entry = known(provider)
        if origin == SANDBOX:
            account = Account(self._sandbox_origin(), self._sandbox_key)
            pace = self._config.sandbox_seconds / _SANDBOX_PACE_SECONDS
        else:
            account = self._config.accounts.account(entry)
            self._config.accounts.report_origin(entry)
            pace = 1.0
        if origin not in (SANDBOX, account.origin):
            raise BadConfiguration(
                f"This job was made at {origin}, but {entry.title} is now set to {account.origin}.",
                f"Set {entry.origin_variable}={origin} to go back to it.",
            )
        if account.origin.startswith("https:"):
            threading.Thread(target=self._prepare, args=[account.origin], daemon=True).start()
        service = connect(provider, account, self.network)
        return Connection(
            service=service,
            network=self.network,
            origin=account.origin,
            schedule=schedule(entry.cadence, pace=pace, every=self._poll_every, loopback=is_loopback(account.origin)),
            rate_limit=self._rate_limit(entry, pace),
            pace=pace,
            storage=service if isinstance(service, TakesUploads) else self._stand_in(entry, origin, account),
        )

    def _prepare(self, origin: str) -> None:
        """Read the certificates while the order is recorded; what needs them waits for them, or reports the fault."""
        with suppress(NotSent):
            self.network.prepare(origin)

    def _stand_in(self, entry: ServiceEntry, origin: str, account: Account) -> TakesUploads | None:
        """The sandbox plays the user's own storage, too."""
        if origin != SANDBOX or entry.reference_route != "public-url":
            return None
        from imgen.pictures.storage import SandboxStorage

        return SandboxStorage(entry.name, account, self.network)

    def _rate_limit(self, entry: ServiceEntry, pace: float) -> RateLimit:
        own = self._config.submits_per_minute
        most = entry.submits_per_minute if own is None else own
        return RateLimit(SubmitLimit(most or None, _MINUTE * pace), fixed=own is not None)

    def _sandbox_origin(self) -> str:
        if running := self._config.sandbox_server:
            return running
        if self._sandbox is None:
            from imgen_providers.sandbox.server import SandboxServer

            self._sandbox = SandboxServer(
                self._config.folders.sandbox,
                seconds=self._config.sandbox_seconds,
                faults=self._config.sandbox_faults,
                key=self._sandbox_key,
            )
            self._sandbox.start()
        return self._sandbox.origin

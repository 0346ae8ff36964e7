"""How many submits a minute a service takes, kept by all processes together through the ledger."""

from __future__ import annotations

import threading

from imgen.ledger.ledger import Limit
from imgen_providers.base import Service, TellsBalance
from imgen_providers.errors import ServiceError


class Pacing:
    """The limit of one service: the catalogue's, until the account itself names another.

    `fixed` says that a person set it, so the account is not asked.
    """

    def __init__(self, limit: Limit, *, fixed: bool) -> None:
        self._lock = threading.Lock()
        self._limit = limit
        self._learned = fixed

    @property
    def limit(self) -> Limit:
        """What holds now."""
        return self._limit

    def learn(self, service: Service) -> bool:
        """Ask the account for its own limit, at most once, and only when it matters; whether that changed anything."""
        with self._lock:
            if self._learned or not isinstance(service, TellsBalance):
                return False
            self._learned = True
            try:
                polled = service.balance().submits_per_minute
            except ServiceError:
                return False
            changed = polled is not None and polled > 0 and polled != self._limit.most
            if changed:
                self._limit = Limit(polled, self._limit.window)
            return changed

"""How many submits a minute a service takes, kept by all processes together through the ledger."""

from __future__ import annotations

import threading
from dataclasses import dataclass

from imgen_providers.base import Service, TellsBalance
from imgen_providers.errors import ServiceError


@dataclass(frozen=True, slots=True)
class Limit:
    """At most `most` submits in any `window` seconds; `most` None is no limit.

    A window and not a bucket that refills: after a burst of three, a refilling bucket lets six out within a minute.
    """

    most: int | None
    window: float


class TooSoon(Exception):
    """The limit is used up; the next submit may go in `seconds`."""

    def __init__(self, seconds: float) -> None:
        super().__init__(seconds)
        self.seconds = seconds


class Pacing:
    """The limit of one service: the catalogue's, until the account itself names another.

    `fixed` says that a person set it, so the account is not asked.
    """

    def __init__(self, limit: Limit, *, fixed: bool) -> None:
        self._lock = threading.Lock()
        self._limit = limit
        self._asked = fixed

    @property
    def limit(self) -> Limit:
        """What holds now."""
        return self._limit

    def learn(self, service: Service) -> bool:
        """Ask the account for its own limit, at most once, and only when it matters; whether that changed anything."""
        with self._lock:
            if self._asked or not isinstance(service, TellsBalance):
                return False
            self._asked = True
            try:
                told = service.balance().submits_per_minute
            except ServiceError:
                return False
            changed = told is not None and told > 0 and told != self._limit.most
            if changed:
                self._limit = Limit(told, self._limit.window)
            return changed

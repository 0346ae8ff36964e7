"""System keyrings for tests, as backends of the real library: PYTHON_KEYRING_BACKEND names one of them."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path

from keyring.backend import KeyringBackend


class OnDisk(KeyringBackend):
    """Keeps passwords in the file that KEYRING_OF_TESTS names; it is there as soon as anybody asked."""

    priority = 1

    def get_password(self, service: str, username: str) -> str | None:
        found = self._all().get(f"{service}/{username}")
        self._keep(self._all())
        return found

    def set_password(self, service: str, username: str, password: str) -> None:
        self._keep({**self._all(), f"{service}/{username}": password})

    def delete_password(self, service: str, username: str) -> None:
        self._keep({name: kept for name, kept in self._all().items() if name != f"{service}/{username}"})

    def _all(self) -> dict[str, str]:
        path = Path(os.environ["KEYRING_OF_TESTS"])
        return dict(json.loads(path.read_text())) if path.exists() else {}

    def _keep(self, everything: dict[str, str]) -> None:
        path = Path(os.environ["KEYRING_OF_TESTS"])
        path.write_text(json.dumps(everything))
        path.with_suffix(".environ").write_text(json.dumps(list(os.environ)))


class Locked(OnDisk):
    """Waits for a window that no person sees."""

    def get_password(self, service: str, username: str) -> str | None:
        time.sleep(60)
        return None

    def set_password(self, service: str, username: str, password: str) -> None:
        time.sleep(60)

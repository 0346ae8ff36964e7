"""The direct services in the catalogue for one test: they are not in `SERVICES` until a command can keep an answer."""

from __future__ import annotations

import pytest

from imgen_providers.catalog import SERVICES
from imgen_providers.catalog_direct import DIRECT_SERVICES


@pytest.fixture(autouse=True)
def direct_services(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each row by its name, as long as the test runs; undone in order with what the test itself changes."""
    for name, entry in DIRECT_SERVICES.items():
        monkeypatch.setitem(SERVICES, name, entry)

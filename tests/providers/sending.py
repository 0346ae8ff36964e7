"""What the tests of the client share: an account of no person, and a reference picture of any size."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

import pytest

from imgen_providers.base import Account, PictureFile
from imgen_providers.client import Api
from imgen_providers.errors import ServiceError
from imgen_providers.testing.contract import KEY, NOW

if TYPE_CHECKING:
    from pathlib import Path

    from imgen_providers.client import Network

__all__ = ["KEY", "MEGABYTE", "NOW", "api", "ended", "picture"]

MEGABYTE = 1_000_000


def api(origin: str, network: Network, key: str = KEY) -> Api:
    """A service's origin; which service makes no difference here."""
    return Api("reapi", Account(origin, key), network, headers={"Authorization": f"Bearer {key}"})


def ended(origin: str, network: Network, body: dict[str, object] | None = None) -> ServiceError:
    """How a submit that fails ends."""
    with pytest.raises(ServiceError) as caught:
        api(origin, network).post_once("/submit", body or {"prompt": "a cat"})
    return caught.value


def picture(folder: Path, size: int) -> PictureFile:
    """A reference of that many bytes."""
    content = (bytes(range(256)) * (size // 256 + 1))[:size]
    path = folder / "reference.png"
    path.write_bytes(content)
    return PictureFile(path, "image/png", size, hashlib.sha256(content).hexdigest())

"""The far side of imgen: hosted image services behind one small interface, usable without its CLI."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, cast

if TYPE_CHECKING:
    from collections.abc import Callable

    from imgen_providers.base import Account, Service
    from imgen_providers.client import Network

__all__ = ["connect"]


def connect(name: str, account: Account, network: Network) -> Service:
    """The service of that name in the catalogue, imported only now.

    Raises `KeyError` for a name the catalogue does not have, `KeyRefused` for a key that no header can hold.
    """
    from imgen_providers.catalog import SERVICES

    module, _, implementation = SERVICES[name].implementation.partition(":")
    make = cast("Callable[[Account, Network], Service]", getattr(import_module(module), implementation))
    return make(account, network)

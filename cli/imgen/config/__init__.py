"""Settings, folders, keys and network options of this machine, each with the place that its value comes from."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

listeners: list[Callable[[str], None]] = []
"""What shows a sentence about the configuration that the user must see, such as where a key goes.

The program adds its standard error. Not `logging`: it would take a tenth of the time in which a command starts.
"""

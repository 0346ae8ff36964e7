"""Lines of a lock as tests need them."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from imgen.batch.lock import Locked, LockedCost, line, text

if TYPE_CHECKING:
    from collections.abc import Iterable


def sha256(content: str | bytes) -> str:
    """The hash of a text or of bytes."""
    return hashlib.sha256(content.encode() if isinstance(content, str) else content).hexdigest()


def locked(path: str = "cat.png", content: str | bytes = "cat", **changes: Any) -> Locked:
    """An asset that was made for 0.134 usd and whose file has that content."""
    data = content.encode() if isinstance(content, str) else content
    made = Locked(
        path=path,
        recipe=sha256(path),
        sha256=sha256(data),
        size=len(data),
        time="2026-11-26T03:00:00Z",
        job="abc234",
        service="gmicloud",
        model="gemini-3-pro-image",
        cost=LockedCost("0.134", "usd"),
    )
    return replace(made, **changes)


def lock_text(assets: Iterable[Locked]) -> str:
    """A whole lock."""
    return text({each.path: line(each) for each in assets})

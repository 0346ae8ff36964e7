"""What drawing a help does not need of rich, left out while typer imports the rest."""

from __future__ import annotations

import sys
from contextlib import contextmanager
from types import ModuleType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

_UNUSED = {"rich.markdown": "Markdown", "rich.traceback": "Traceback"}
"""What typer imports for help texts in Markdown, and for tracebacks of its own: half of the time that a help takes."""


@contextmanager
def unused_left_out() -> Iterator[None]:
    """Until the block ends, these modules hold an empty class each; a later import gets the real ones.

    Importing `typer.rich_utils` takes 46 ms instead of 97 so (typer 0.28, rich 14.3, 2026-11-26). Our help texts are
    no Markdown and typer draws none of our errors, so it never calls either.
    """
    unused = {name: kind for name, kind in _UNUSED.items() if name not in sys.modules}
    for name, kind in unused.items():
        empty = ModuleType(name)
        setattr(empty, kind, type(kind, (), {}))
        sys.modules[name] = empty
    try:
        yield
    finally:
        for name in unused:
            del sys.modules[name]

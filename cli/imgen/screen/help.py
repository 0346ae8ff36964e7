"""How typer draws a help, imported without the parts of rich that no help of ours uses."""

from __future__ import annotations

import sys
from types import ModuleType

_UNUSED = {"rich.markdown": "Markdown", "rich.traceback": "Traceback"}
"""What typer imports for Markdown in help texts and for tracebacks of its own: half of the time that a help takes."""


def import_drawing() -> None:
    """Import what draws a help in boxes, with an empty class for each name that it only needs at its import.

    Measured with typer 0.28 and rich 14.3, 2026-11-26: 97 ms became 46. Nothing of it stays where others would import
    it: a later import of `rich.markdown` gets the real one.
    """
    unused = {name: kind for name, kind in _UNUSED.items() if name not in sys.modules}
    for name, kind in unused.items():
        empty = ModuleType(name)
        setattr(empty, kind, type(kind, (), {}))
        sys.modules[name] = empty
    try:
        import typer.rich_utils  # noqa: F401
    finally:
        for name in unused:
            del sys.modules[name]

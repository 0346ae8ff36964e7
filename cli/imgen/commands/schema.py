"""imgen schema: what a program may rely on in the JSON answers."""

from __future__ import annotations

from typing import Annotated

import typer


def schema(
    name: Annotated[
        str | None,
        typer.Argument(metavar="[NAME]", help="A command, or events. Default: all of them.", show_default=False),
    ] = None,
) -> int:
    """Print the JSON Schema of what a command answers with --json, or of a line of --events.

    Fields may be added later; none is taken away or changes its meaning while "version" stays 1.
    """
    import json

    from imgen.errors import UsageProblem
    from imgen.jobs.order import nearest
    from imgen.screen.console import out
    from imgen.screen.schemas import schemas

    known = schemas()
    if name is not None and name not in known:
        raise UsageProblem(f"There is no schema {name!r}.", nearest(name, known, "Schemas"))
    out(json.dumps(known[name] if name else known, indent=2))
    return 0

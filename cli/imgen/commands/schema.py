"""imgen schema: what a program may rely on in the JSON answers."""

from __future__ import annotations

from typing import Annotated

import typer

from imgen.commands import options

MANIFEST = "manifest"
"""The name of the schema for what `imgen batch` reads."""


def schema(
    words: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[COMMAND]...",
            help="A command, such as keys list, or events, or manifest. Default: all of the first two.",
            show_default=False,
        ),
    ] = None,
    json: options.Json = False,
) -> int:
    """Print the JSON Schemas of --json, --events, a manifest.

    Fields may be added later; none is taken away or changes its meaning while "version" stays 1.

    Examples:
        imgen schema
        imgen schema generate
        imgen schema events
    """
    from json import dumps

    from imgen.errors import UsageProblem
    from imgen.orders.matching import nearest
    from imgen.screen.console import out
    from imgen.screen.envelope import envelope
    from imgen.screen.schemas import schemas

    name = " ".join(words or ())
    if name == MANIFEST:
        from imgen.batch.reading.fields import json_schema

        known = {MANIFEST: json_schema()}
    else:
        known = schemas()
    if name and name not in known:
        raise UsageProblem(f"There is no schema {name!r}.", nearest(name, [*known, MANIFEST], "Schemas"))
    if json:
        out(envelope("schema", exit_code=0, data=("schemas", {name: known[name]} if name else known)))
    else:
        out(dumps(known[name] if name else known, indent=2))
    return 0

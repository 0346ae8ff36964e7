"""Options that several commands share, each declared once."""

from __future__ import annotations

from typing import Annotated

import typer

Ids = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="[JOB]...", help="Ids of jobs, unique beginnings of them, or a service's own ids.", show_default=False
    ),
]
Provider = Annotated[
    str | None,
    typer.Option("-p", "--provider", metavar="NAME", help="The service.", show_default=False),
]
Json = Annotated[bool, typer.Option("--json", help="Answer with one JSON object on standard output.")]
Quiet = Annotated[bool, typer.Option("-q", "--quiet", help="Show no progress.")]
Sandbox = Annotated[bool, typer.Option("--sandbox", help="Use the embedded services: no key, no cost, no network.")]
Timeout = Annotated[
    float | None,
    typer.Option(
        "--timeout",
        min=0.0,
        metavar="SECONDS",
        show_default=False,
        help="Stop waiting after this time; jobs go on. Default: five times the usual duration, at least 600.",
    ),
]
PollEvery = Annotated[
    float | None,
    typer.Option(
        "--poll-every",
        min=0.0,
        metavar="SECONDS",
        show_default=False,
        help="Ask this often instead of at the service's own rhythm.",
    ),
]
Strict = Annotated[bool, typer.Option("--strict", help="Exit 8 when a picture differs from the order.")]
Output = Annotated[
    str | None,
    typer.Option(
        "-o",
        "--output",
        metavar="WHERE",
        show_default=False,
        help="A file, a folder, a template such as '{slug}-{index}.{ext}', or - for standard output.",
    ),
]

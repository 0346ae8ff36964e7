"""Options that several commands share, each declared once."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from imgen.commands.times import LENGTHS, YEAR, window
from imgen.errors import UsageProblem
from imgen.screen.envelope import Form


def _countable(seconds: float | None) -> float | None:
    """A length of time that a clock can count: neither nan nor without end."""
    if seconds is not None and not seconds <= YEAR:
        raise typer.BadParameter(f"{seconds} is not a number of seconds up to a year.")
    return seconds


def answer_form(*, json: bool, events: bool) -> Form:
    """How the command is to answer. Raises `UsageProblem`."""
    if json and events:
        raise UsageProblem("--json and --events both want standard output.", "--events ends with what --json prints.")
    if events:
        return Form.EVENTS
    return Form.JSON if json else Form.TEXT


def _shown(context: typer.Context, verbose: bool) -> bool:  # noqa: FBT001 (a switch)
    """Show each exchange as it ends, from here to the end of the command."""
    if verbose:
        from imgen.screen.exchanges import exchanges_shown

        context.with_resource(exchanges_shown())
    return verbose


Ids = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="[JOB]...", help="Ids of jobs, unique beginnings of them, or a service's own ids.", show_default=False
    ),
]
Provider = Annotated[
    str | None,
    typer.Option("-p", "--provider", metavar="PROVIDER", help="The service.", show_default=False),
]
ProviderOrAuto = Annotated[
    str | None,
    typer.Option(
        "-p",
        "--provider",
        metavar="PROVIDER",
        help="The service; auto takes the cheapest that can do the order.",
        show_default=False,
    ),
]
Profile = Annotated[
    str | None,
    typer.Option("--profile", metavar="PROFILE", help="A profile of your settings file.", show_default=False),
]
Json = Annotated[bool, typer.Option("--json", help="Answer with one JSON object on standard output.")]
Events = Annotated[
    bool, typer.Option("--events", help="Write one JSON object per event to standard output, while it happens.")
]
Show = Annotated[bool, typer.Option("--show", help="Draw each saved picture in this terminal.")]
Quiet = Annotated[bool, typer.Option("-q", "--quiet", help="Show no progress.")]
Verbose = Annotated[
    bool,
    typer.Option(
        "-v", "--verbose", callback=_shown, help="Show what goes to services and comes back, without keys, on stderr."
    ),
]
Sandbox = Annotated[bool, typer.Option("--sandbox", help="Use the embedded services: no key, no cost, no network.")]
Timeout = Annotated[
    float | None,
    typer.Option(
        "--timeout",
        min=0.0,
        callback=_countable,
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
        callback=_countable,
        metavar="SECONDS",
        show_default=False,
        help="Ask this often instead of at the service's own rhythm.",
    ),
]
Expiring = Annotated[
    float | None,
    typer.Option(
        "--expiring",
        parser=window,
        metavar="TIME",
        show_default=False,
        help=f"Only what expires within this time ({LENGTHS}), and what may because its time is unknown.",
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
Elsewhere = Annotated[
    str | None,
    typer.Option(
        "-o",
        "--output",
        metavar="WHERE",
        show_default=False,
        help="Save the pictures of the jobs that are named there instead: a file, a folder or a template.",
    ),
]
Model = Annotated[
    str | None,
    typer.Option(
        "-m",
        "--model",
        metavar="MODEL",
        show_default=False,
        help="gemini-3.1-flash, gemini-3-pro, gemini-2.5-flash, or exactly: provider/remote-model-id.",
    ),
]
Aspect = Annotated[
    str | None,
    typer.Option(
        "-a",
        "--aspect",
        metavar="W:H",
        help="Such as 16:9. Default: the service's own.",
        show_default=False,
    ),
]
Resolution = Annotated[
    str | None,
    typer.Option("-r", "--resolution", metavar="SIZE", help="0.5K, 1K, 2K or 4K. Default: 1K.", show_default=False),
]
Size = Annotated[
    str | None,
    typer.Option(
        "--size",
        metavar="WxH",
        help="Pixels to cover, such as 1920x1080: chooses aspect and resolution.",
        show_default=False,
    ),
]
Format = Annotated[
    str | None,
    typer.Option("-f", "--format", metavar="FORMAT", help="png, jpeg or webp. Default: png.", show_default=False),
]
Count = Annotated[
    int | None,
    typer.Option("-n", "--count", metavar="N", help="How many pictures, 1 to 16. Default: 1.", show_default=False),
]
Channel = Annotated[
    str | None,
    typer.Option(
        "--channel",
        metavar="CHANNEL",
        help="reAPI: default or official; GPTProto: default or unified.",
        show_default=False,
    ),
]
Parameters = Annotated[
    list[str] | None,
    typer.Option("--option", metavar="KEY=VALUE", help="A parameter in the service's own words.", show_default=False),
]
PromptFile = Annotated[
    Path | None,
    typer.Option("--prompt-file", metavar="FILE", help="Read the prompt from a file.", show_default=False),
]
NoWait = Annotated[bool, typer.Option("--no-wait", help="Submit, print the ids, and end.")]
MaxCost = Annotated[
    str | None,
    typer.Option(
        "--max-cost",
        metavar="AMOUNT",
        show_default=False,
        help="Send nothing that costs more: 0.5usd, 200credits, or 0.5 in the unit of the price.",
    ),
]
AllowUnknownCost = Annotated[
    bool,
    typer.Option("--allow-unknown-cost", help="Send it although its cost cannot be compared with a limit."),
]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Print the exact request and its price, and send nothing.")]
Overwrite = Annotated[bool, typer.Option("--overwrite", help="Replace files that exist.")]
Resubmit = Annotated[
    bool,
    typer.Option("--resubmit", help="Send a request again whose first reply was lost; it may be charged twice."),
]

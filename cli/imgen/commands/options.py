"""Options that several commands share, each declared once."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from imgen.commands import panels
from imgen.commands.times import LENGTHS, patience, window
from imgen.errors import UsageProblem
from imgen.screen.console import Form


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
    typer.Argument(metavar="[JOB]...", help="Ids of jobs; the first letters are enough.", show_default=False),
]
Provider = Annotated[
    str | None,
    typer.Option(
        "-p",
        "--provider",
        metavar="PROVIDER",
        help="Only this service, such as reapi.",
        show_default=False,
        rich_help_panel=panels.MOST_USED,
    ),
]
ProviderOrAuto = Annotated[
    str | None,
    typer.Option(
        "-p",
        "--provider",
        metavar="PROVIDER",
        help="The service, such as reapi; auto: the cheapest.",
        show_default=False,
        rich_help_panel=panels.MOST_USED,
    ),
]
Profile = Annotated[
    str | None,
    typer.Option(
        "--profile",
        metavar="PROFILE",
        help="Use a profile of your settings file.",
        show_default=False,
    ),
]
Json = Annotated[
    bool, typer.Option("--json", help="Print one JSON object to standard output.", rich_help_panel=panels.OUTPUT)
]
Events = Annotated[
    bool,
    typer.Option("--events", help="Print one JSON object per event, while it happens.", rich_help_panel=panels.OUTPUT),
]
Show = Annotated[
    bool, typer.Option("--show", help="Draw each saved picture in the terminal.", rich_help_panel=panels.OUTPUT)
]
Quiet = Annotated[bool, typer.Option("-q", "--quiet", help="Show no progress.", rich_help_panel=panels.OUTPUT)]
Open = Annotated[
    bool, typer.Option("--open", help="Open the saved pictures in the system's viewer.", rich_help_panel=panels.OUTPUT)
]
Notify = Annotated[
    bool,
    typer.Option(
        "--notify",
        help="Ring the bell and notify the desktop when a wait of over 10 s ends.",
        rich_help_panel=panels.WAITING,
    ),
]
Yes = Annotated[
    bool,
    typer.Option(
        "-y",
        "--yes",
        help="Do not ask, whatever the price (imgen config set confirm 0.50usd asks).",
        rich_help_panel=panels.COST,
    ),
]
EditPrompt = Annotated[
    bool,
    typer.Option(
        "--edit-prompt", help="Write the prompt in your editor ($VISUAL or $EDITOR).", rich_help_panel=panels.PROMPT
    ),
]
Verbose = Annotated[
    bool,
    typer.Option(
        "-v",
        "--verbose",
        callback=_shown,
        help="Show requests and answers on stderr, without keys.",
        rich_help_panel=panels.OUTPUT,
    ),
]
_SANDBOX = "Use the sandbox and its jobs: no key, no cost."
Sandbox = Annotated[
    bool,
    typer.Option("--sandbox", help=_SANDBOX, rich_help_panel=panels.MOST_USED),
]
Timeout = Annotated[
    float | None,
    typer.Option(
        "--timeout",
        parser=patience,
        metavar="TIME",
        show_default=False,
        help="Stop waiting after this time, such as 90 (seconds) or 5m; jobs go on. "
        "Default: five times the usual time, at least 10m.",
        rich_help_panel=panels.WAITING,
    ),
]
PollEvery = Annotated[
    float | None,
    typer.Option(
        "--poll-every",
        parser=patience,
        metavar="TIME",
        show_default=False,
        help="Ask the service this often. Default: as it recommends.",
        rich_help_panel=panels.WAITING,
    ),
]
Expiring = Annotated[
    float | None,
    typer.Option(
        "--expiring",
        parser=window,
        metavar="TIME",
        show_default=False,
        help=f"Only what expires, or may expire, within {LENGTHS}.",
    ),
]
Strict = Annotated[
    bool,
    typer.Option("--strict", help="Exit with 8 if a picture differs from the order.", rich_help_panel=panels.WAITING),
]
Output = Annotated[
    str | None,
    typer.Option(
        "-o",
        "--output",
        metavar="WHERE",
        show_default=False,
        help="A file, a folder/, a template, or - for a pipe.",
        rich_help_panel=panels.MOST_USED,
    ),
]
Elsewhere = Annotated[
    str | None,
    typer.Option(
        "-o",
        "--output",
        metavar="WHERE",
        show_default=False,
        help="Save the named jobs there: a file, a folder/ or a template.",
    ),
]
Model = Annotated[
    str | None,
    typer.Option(
        "-m",
        "--model",
        metavar="MODEL",
        show_default=False,
        help="Such as gemini-3-pro, or provider/remote-model-id.",
        rich_help_panel=panels.MOST_USED,
    ),
]
Aspect = Annotated[
    str | None,
    typer.Option(
        "-a",
        "--aspect",
        metavar="W:H",
        help="Such as 16:9 or 1:1. Default: the service decides.",
        show_default=False,
        rich_help_panel=panels.MOST_USED,
    ),
]
Resolution = Annotated[
    str | None,
    typer.Option(
        "-r",
        "--resolution",
        metavar="SIZE",
        help="0.5K, 1K, 2K or 4K. Default: 1K.",
        show_default=False,
        rich_help_panel=panels.MOST_USED,
    ),
]
Size = Annotated[
    str | None,
    typer.Option(
        "--size",
        metavar="WxH",
        help="Pixels, such as 1920x1080, instead of -a and -r.",
        show_default=False,
        rich_help_panel=panels.PICTURE,
    ),
]
Format = Annotated[
    str | None,
    typer.Option(
        "-f",
        "--format",
        metavar="FORMAT",
        help="png, jpeg or webp. Default: png.",
        show_default=False,
        rich_help_panel=panels.PICTURE,
    ),
]
Quality = Annotated[
    str | None,
    typer.Option(
        "--quality",
        metavar="QUALITY",
        help="Such as low or high, where a service has it; it decides the price.",
        show_default=False,
        rich_help_panel=panels.PICTURE,
    ),
]
Count = Annotated[
    int | None,
    typer.Option(
        "-n",
        "--count",
        metavar="N",
        help="How many pictures, 1 to 16. Default: 1.",
        show_default=False,
        rich_help_panel=panels.MOST_USED,
    ),
]
Unchecked = Annotated[
    bool,
    typer.Option(
        "--unchecked",
        help="Give a URL to the service without a check, where only the service can reach it.",
        rich_help_panel=panels.PICTURE,
    ),
]
Channel = Annotated[
    str | None,
    typer.Option(
        "--channel",
        metavar="CHANNEL",
        help="Such as official (reAPI) or unified (GPTProto).",
        show_default=False,
        rich_help_panel=panels.PICTURE,
    ),
]
Parameters = Annotated[
    list[str] | None,
    typer.Option(
        "--option",
        metavar="KEY=VALUE",
        help="A parameter of the service, such as temperature=0.5.",
        show_default=False,
        rich_help_panel=panels.PICTURE,
    ),
]
PromptFile = Annotated[
    Path | None,
    typer.Option(
        "--prompt-file",
        metavar="FILE",
        help="Read the prompt from a file.",
        show_default=False,
        rich_help_panel=panels.PROMPT,
    ),
]
NoWait = Annotated[
    bool, typer.Option("--no-wait", help="Send the order, print its ids and end.", rich_help_panel=panels.WAITING)
]
MaxCost = Annotated[
    str | None,
    typer.Option(
        "--max-cost",
        metavar="AMOUNT",
        show_default=False,
        help="Send nothing that costs more: 0.5usd or 200credits.",
        rich_help_panel=panels.MOST_USED,
    ),
]
AllowUnknownCost = Annotated[
    bool,
    typer.Option(
        "--allow-unknown-cost",
        help="Send it even if imgen cannot compare its cost.",
        rich_help_panel=panels.COST,
    ),
]
DryRun = Annotated[
    bool,
    typer.Option(
        "--dry-run", help="Print the request and its price, and send nothing.", rich_help_panel=panels.MOST_USED
    ),
]
Overwrite = Annotated[
    bool, typer.Option("--overwrite", help="Replace files that exist.", rich_help_panel=panels.OUTPUT)
]
Tag = Annotated[
    bool,
    typer.Option(
        "--tag",
        help="Note in each picture that a model made it, and its job.",
        rich_help_panel=panels.OUTPUT,
    ),
]
Resubmit = Annotated[
    bool,
    typer.Option("--resubmit", help="Repeat an uncertain order; you may pay twice.", rich_help_panel=panels.COST),
]

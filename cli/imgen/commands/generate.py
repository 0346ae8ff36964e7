"""imgen generate: a prompt becomes saved pictures."""

from __future__ import annotations

import sys
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from imgen.commands import options
from imgen.config import SANDBOX, Config, load
from imgen.errors import UsageProblem

if TYPE_CHECKING:
    from imgen.jobs.order import Choice
    from imgen.jobs.records import Target
    from imgen.jobs.run import Report
    from imgen.screen.console import Surroundings


def generate(
    prompt: Annotated[
        str | None,
        typer.Argument(metavar="PROMPT", help="What to draw; - reads it from standard input.", show_default=False),
    ] = None,
    provider: options.Provider = None,
    model: Annotated[
        str | None,
        typer.Option(
            "-m",
            "--model",
            metavar="MODEL",
            show_default=False,
            help="gemini-3.1-flash, gemini-3-pro, gemini-2.5-flash, or exactly: provider/remote-model-id.",
        ),
    ] = None,
    aspect: Annotated[
        str | None,
        typer.Option(
            "-a",
            "--aspect",
            metavar="W:H",
            help="Such as 16:9. Default: the service's own.",
            show_default=False,
        ),
    ] = None,
    resolution: Annotated[
        str | None,
        typer.Option("-r", "--resolution", metavar="SIZE", help="0.5K, 1K, 2K or 4K. Default: 1K.", show_default=False),
    ] = None,
    size: Annotated[
        str | None,
        typer.Option(
            "--size",
            metavar="WxH",
            help="Pixels to cover, such as 1920x1080: chooses aspect and resolution.",
            show_default=False,
        ),
    ] = None,
    format: Annotated[
        str | None,
        typer.Option("-f", "--format", metavar="FORMAT", help="png, jpeg or webp. Default: png.", show_default=False),
    ] = None,
    count: Annotated[int, typer.Option("-n", "--count", metavar="N", help="How many pictures, 1 to 16.")] = 1,
    output: options.Output = None,
    channel: Annotated[
        str | None,
        typer.Option("--channel", metavar="NAME", help="reAPI: default or official.", show_default=False),
    ] = None,
    option: Annotated[
        list[str] | None,
        typer.Option(
            "--option", metavar="KEY=VALUE", help="A parameter in the service's own words.", show_default=False
        ),
    ] = None,
    prompt_file: Annotated[
        Path | None,
        typer.Option("--prompt-file", metavar="FILE", help="Read the prompt from a file.", show_default=False),
    ] = None,
    no_wait: Annotated[bool, typer.Option("--no-wait", help="Submit, print the ids, and end.")] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Print the exact request and its price, and send nothing.")
    ] = False,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace files that exist.")] = False,
    resubmit: Annotated[
        bool,
        typer.Option("--resubmit", help="Send a request again whose first reply was lost; it may be charged twice."),
    ] = False,
    strict: options.Strict = False,
    timeout: options.Timeout = None,
    poll_every: options.PollEvery = None,
    json: options.Json = False,
    quiet: options.Quiet = False,
    sandbox: options.Sandbox = False,
) -> int:
    """Make pictures from a prompt and save them.

    Ctrl-C stops the waiting, not the jobs: the command to come back is printed.
    """
    from imgen.commands.telling import bad_targets, follow, surroundings, tell, tell_choice, tell_ids
    from imgen.jobs.choice import rank
    from imgen.jobs.goals import Goal
    from imgen.jobs.options import parse_options
    from imgen.jobs.order import Order, possible
    from imgen.jobs.outcome import may_move_on
    from imgen.jobs.plan import split
    from imgen.jobs.run import past_speed, session, work
    from imgen.jobs.sizes import parse_size
    from imgen.pictures.naming import asked_format, prepare

    config = load()
    around = surroundings(config)
    order = Order(
        prompt=_prompt(prompt, prompt_file, around),
        provider=provider,
        model=model,
        aspect=aspect,
        resolution=resolution,
        format=format or asked_format(output),
        count=count,
        sandbox=sandbox or config.sandbox,
        channel=channel,
        size=parse_size(size),
        options=parse_options(option or ()),
    )
    if output == "-":
        _check_stdout(around, json=json, no_wait=no_wait)
    ranked = rank(possible(order, config), past_speed(config))
    if dry_run:
        return _show_requests(ranked[0].choice, json=json)
    with bad_targets():
        target = _target(output, format, ranked[0].choice, config, overwrite=overwrite)
        prepare(target.folder)
    goal = Goal.ACCEPTANCE if no_wait else Goal.PICTURES
    with session(config) as opened, work(opened, config, poll_every=poll_every) as working:
        asked = 0
        while True:
            candidate = ranked[asked]
            working.reach(candidate.choice.entry, candidate.choice.origin)
            if not quiet:
                tell_choice(candidate, alone=len(ranked) == 1, sized=size is not None)
            records = opened.record(split(candidate.choice, target), working.owner.name, resubmit=resubmit)
            told = follow(opened, working, records, goal, around, quiet=quiet, timeout=timeout, strict=strict)
            asked += 1
            if asked == len(ranked) or not may_move_on(told.records):
                break
    if no_wait and not json:
        return tell_ids(told, around, quiet=quiet)
    if target.to_stdout:
        return _to_stdout(told, around, quiet=quiet)
    return tell("generate", told, around, json=json, quiet=quiet)


def _prompt(argument: str | None, file: Path | None, around: Surroundings) -> str:
    from imgen.screen.console import err

    if (argument is None) == (file is None):
        reason = "There is no prompt." if argument is None else "The prompt is given twice, as words and as a file."
        raise UsageProblem(reason, 'imgen generate "a red fox in the snow"')
    try:
        if file is not None:
            return file.read_text(encoding="utf-8-sig").strip()
        if argument == "-":
            if around.stdin_is_terminal:
                err("Type the prompt, then Ctrl-D.")
            return sys.stdin.buffer.read().decode("utf-8-sig").strip()
    except OSError as error:
        hint = "--prompt-file takes a file with the prompt as its text."
        raise UsageProblem(f"The prompt cannot be read: {error.strerror or error}.", hint) from error
    except UnicodeDecodeError as error:
        raise UsageProblem("The prompt is not valid UTF-8.", "Save it as UTF-8 first.") from error
    assert argument is not None
    return argument


def _check_stdout(around: Surroundings, *, json: bool, no_wait: bool) -> None:
    if around.stdout_is_terminal:
        raise UsageProblem(
            "-o - would write picture bytes to this terminal.",
            "Send it on: imgen generate ... -o - > fox.png",
        )
    if json or no_wait:
        option = "--json" if json else "--no-wait"
        raise UsageProblem(f"-o - and {option} both want standard output.", "Leave one of them out.")


def _target(output: str | None, format: str | None, choice: Choice, config: Config, *, overwrite: bool) -> Target:
    from imgen.pictures.naming import existing, parse_output, slug
    from imgen.pictures.verify import EXTENSIONS, known_format

    request = choice.request
    target = parse_output(
        output,
        cwd=config.cwd,
        pictures=request.count,
        overwrite=overwrite,
        format=known_format(request.format) if format else None,
        kept=config.kept_folder,
    )
    taken = existing(
        target,
        slug=slug(request.prompt),
        ext=EXTENSIONS[known_format(request.format) or "png"],
        provider=choice.entry.name,
        model=choice.model.family,
        date=datetime.now().astimezone().strftime("%Y-%m-%d"),
    )
    if taken:
        hint = "Name another one with -o." if taken.is_dir() else "Name another one with -o, or add --overwrite."
        raise UsageProblem(f"{taken} exists already.", hint)
    return target


def _show_requests(choice: Choice, *, json: bool) -> int:
    from imgen.jobs.plan import split
    from imgen.jobs.records import Target
    from imgen.screen.console import out
    from imgen.screen.envelope import envelope
    from imgen.screen.requests import RequestPreview, request_lines
    from imgen_providers import connect
    from imgen_providers.base import Account
    from imgen_providers.client import Network

    origin = choice.entry.origin if choice.origin == SANDBOX else choice.origin
    service = connect(choice.entry.name, Account(origin, "hidden"), Network(user_agent="imgen"))
    shown = []
    for draft in split(choice, Target(Path(), "")):
        path, body = service.preview(draft.request)
        shown.append(RequestPreview("POST", origin + path, body, draft.request.count, draft.cost))
    if json:
        out(envelope("generate", exit_code=0, data=("requests", shown)))
    else:
        out("\n".join(request_lines(shown, choice.model.prices.get(choice.request.resolution or "1K"))))
    return 0


def _to_stdout(told: Report, around: Surroundings, *, quiet: bool) -> int:
    from imgen.commands.telling import tell_problems
    from imgen.screen.console import out_bytes

    tell_problems(told, around, quiet=quiet)
    for record in told.records:
        for result in record.results:
            if result.path:
                out_bytes(result.path.read_bytes())
    return told.exit_code

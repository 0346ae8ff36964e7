"""imgen edit: pictures go in, and changed ones come out."""

from __future__ import annotations

from typing import Annotated

import typer

from imgen.commands import options, panels
from imgen.config.config import load


def edit(
    prompt: Annotated[
        str | None,
        typer.Argument(metavar="PROMPT", help="What to change, in quotes; - reads standard input.", show_default=False),
    ] = None,
    picture: Annotated[
        list[str] | None,
        typer.Option(
            "-i",
            "--image",
            metavar="PICTURE",
            show_default=False,
            help="Files, an https URL, - for a pipe, or JOB:2.",
            rich_help_panel=panels.MOST_USED,
        ),
    ] = None,
    each: Annotated[
        bool,
        typer.Option(
            "--each",
            help="Edit each picture by itself, not all in one.",
            rich_help_panel=panels.PICTURE,
        ),
    ] = False,
    from_job: Annotated[
        str | None,
        typer.Option(
            "--from",
            metavar="JOB",
            show_default=False,
            help="Go on from an earlier job.",
            rich_help_panel=panels.MOST_USED,
        ),
    ] = None,
    fit: Annotated[
        bool, typer.Option("--fit", help="Make pictures smaller that are too big.", rich_help_panel=panels.PICTURE)
    ] = False,
    keep_metadata: Annotated[
        bool,
        typer.Option("--keep-metadata", help="Send GPS, camera data and notes too.", rich_help_panel=panels.PICTURE),
    ] = False,
    unchecked: options.Unchecked = False,
    provider: options.ProviderOrAuto = None,
    model: options.Model = None,
    aspect: options.Aspect = None,
    resolution: options.Resolution = None,
    size: options.Size = None,
    format: options.Format = None,
    quality: options.Quality = None,
    count: options.Count = None,
    output: options.Output = None,
    channel: options.Channel = None,
    option: options.Parameters = None,
    prompt_file: options.PromptFile = None,
    edit_prompt: options.EditPrompt = False,
    max_cost: options.MaxCost = None,
    allow_unknown_cost: options.AllowUnknownCost = False,
    no_wait: options.NoWait = False,
    dry_run: options.DryRun = False,
    overwrite: options.Overwrite = False,
    tag: options.Tag = False,
    yes: options.Yes = False,
    resubmit: options.Resubmit = False,
    strict: options.Strict = False,
    timeout: options.Timeout = None,
    poll_every: options.PollEvery = None,
    json: options.Json = False,
    events: options.Events = False,
    show: options.Show = False,
    open: options.Open = False,
    notify: options.Notify = False,
    verbose: options.Verbose = False,
    quiet: options.Quiet = False,
    sandbox: options.Sandbox = False,
    profile: options.Profile = None,
) -> int:
    """Make new pictures from pictures and a prompt.

    Several pictures go into one edit; with --each there is one edit, and one price, for each of them, and the results
    are named after them. GPS, camera data and notes are removed from what is sent. --from goes on from an earlier job:
    at GMI Cloud in the same conversation, elsewhere from its picture.

    Examples:
        imgen edit "both in one garden" -i fox.jpg -i owl.jpg
        imgen edit "at night" -i *.jpg --each -o night/
        imgen edit "bluer" --from JOB
    """
    from imgen.commands.defaults import resolve_order
    from imgen.commands.going_on import EXAMPLE, bases_of, check_words, expanded, named_by_picture, order_of
    from imgen.commands.making import edited_prompt, make, read_prompt
    from imgen.commands.reporting import Reporter, standard_streams
    from imgen.jobs.run_order import RunOptions
    from imgen.jobs.session import session
    from imgen.orders.order import Order, parse_options, parse_size
    from imgen.pictures.references import Changes
    from imgen.screen.console import err

    config = load(profile)
    form = options.answer_form(json=json, events=events)
    reporter = Reporter("edit", standard_streams(config), form, quiet, show, strict, open, notify)
    words = expanded(picture or [], config.cwd)
    check_words(words, prompt, from_job, reporter.streams)
    if edit_prompt:
        prompt, prompt_file = edited_prompt(prompt, prompt_file, reporter.streams, config), None
    order = Order(
        prompt=read_prompt(prompt, prompt_file, reporter.streams, EXAMPLE, pipe="-" not in words),
        provider=provider,
        model=model,
        aspect=aspect,
        resolution=resolution,
        format=format,
        count=count,
        sandbox=sandbox or config.sandbox,
        channel=channel,
        size=parse_size(size),
        options=parse_options(option or ()),
        quality=quality,
    )
    run_options = RunOptions(
        output=output,
        format=format,
        overwrite=overwrite,
        tag=tag,
        max_cost=max_cost,
        allow_unknown_cost=allow_unknown_cost,
        resubmit=resubmit,
        no_wait=no_wait,
        timeout=timeout,
        poll_every=poll_every,
    )
    with session(config, err) as opened:
        kept = Changes(fit, keep_metadata)
        bases = bases_of(words, from_job, kept, opened, config, each=each, unchecked=unchecked, timeout=timeout)
        resolved = resolve_order(order_of(order, bases[0].parent), run_options, config)
        resolved = named_by_picture(resolved, config.cwd) if each else resolved
        return make(resolved, opened, config, reporter, *bases, dry_run=dry_run, yes=yes)

"""imgen generate: a prompt becomes saved pictures."""

from __future__ import annotations

from typing import Annotated

import typer

from imgen.commands import options
from imgen.config.config import load
from imgen.errors import SANDBOX_EXAMPLE


def generate(
    prompt: Annotated[
        str | None,
        typer.Argument(metavar="PROMPT", help="What to draw, in quotes; - reads standard input.", show_default=False),
    ] = None,
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
    """Make pictures from a prompt and save them.

    Ctrl-C stops the waiting, not the jobs: the command to come back is printed.

    Examples:
        imgen generate "a red fox in the snow"
        imgen generate "a lighthouse at dusk" -a 16:9 -r 2K -n 4 -o shots/
        imgen generate "a red fox" --dry-run
    """
    from imgen.commands.defaults import resolve_order
    from imgen.commands.making import edited_prompt, make, read_prompt
    from imgen.commands.reporting import Reporter, standard_streams
    from imgen.jobs.run_order import RunOptions
    from imgen.jobs.session import session
    from imgen.orders.order import Order, parse_options, parse_size
    from imgen.screen.console import err

    config = load(profile)
    form = options.answer_form(json=json, events=events)
    reporter = Reporter("generate", standard_streams(config), form, quiet, show, strict, open, notify)
    if edit_prompt:
        prompt = edited_prompt(prompt, prompt_file, reporter.streams, config)
        prompt_file = None
    order = Order(
        prompt=read_prompt(prompt, prompt_file, reporter.streams, SANDBOX_EXAMPLE),
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
        return make(resolve_order(order, run_options, config), opened, config, reporter, dry_run=dry_run, yes=yes)

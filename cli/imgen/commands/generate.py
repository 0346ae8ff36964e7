"""imgen generate: a prompt becomes saved pictures."""

from __future__ import annotations

from typing import Annotated

import typer

from imgen.commands import options
from imgen.config.config import load


def generate(
    prompt: Annotated[
        str | None,
        typer.Argument(metavar="PROMPT", help="What to draw; - reads it from standard input.", show_default=False),
    ] = None,
    provider: options.Provider = None,
    model: options.Model = None,
    aspect: options.Aspect = None,
    resolution: options.Resolution = None,
    size: options.Size = None,
    format: options.Format = None,
    count: options.Count = None,
    output: options.Output = None,
    channel: options.Channel = None,
    option: options.Parameters = None,
    prompt_file: options.PromptFile = None,
    max_cost: options.MaxCost = None,
    allow_unknown_cost: options.AllowUnknownCost = False,
    no_wait: options.NoWait = False,
    dry_run: options.DryRun = False,
    overwrite: options.Overwrite = False,
    resubmit: options.Resubmit = False,
    strict: options.Strict = False,
    timeout: options.Timeout = None,
    poll_every: options.PollEvery = None,
    json: options.Json = False,
    events: options.Events = False,
    show: options.Show = False,
    verbose: options.Verbose = False,
    quiet: options.Quiet = False,
    sandbox: options.Sandbox = False,
    profile: options.Profile = None,
) -> int:
    """Make pictures from a prompt and save them.

    Ctrl-C stops the waiting, not the jobs: the command to come back is printed.
    """
    from imgen.commands.making import RunOptions, make, read_prompt
    from imgen.commands.reporting import standard_streams
    from imgen.orders.options import parse_options
    from imgen.orders.order import Order
    from imgen.orders.sizes import parse_size
    from imgen.pictures.naming import asked_format

    config = load(profile)
    streams = standard_streams(config)
    order = Order(
        prompt=read_prompt(prompt, prompt_file, streams, 'imgen generate "a red fox in the snow"'),
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
        wished_format=asked_format(output),
    )
    run_options = RunOptions(
        output=output,
        format=format,
        max_cost=max_cost,
        allow_unknown_cost=allow_unknown_cost,
        no_wait=no_wait,
        dry_run=dry_run,
        overwrite=overwrite,
        resubmit=resubmit,
        strict=strict,
        timeout=timeout,
        poll_every=poll_every,
        form=options.answer_form(json=json, events=events),
        show=show,
        quiet=quiet,
    )
    return make("generate", order, run_options, config, streams)

"""imgen edit: pictures go in, and changed ones come out."""

from __future__ import annotations

from typing import Annotated

import typer

from imgen.commands import options
from imgen.config.config import load


def edit(
    prompt: Annotated[
        str | None,
        typer.Argument(metavar="PROMPT", help="What to change; - reads it from standard input.", show_default=False),
    ] = None,
    picture: Annotated[
        list[str] | None,
        typer.Option(
            "-i",
            "--image",
            metavar="PICTURE",
            show_default=False,
            help="A file, an https URL, - for standard input, or a job: ID, or ID:2 for its second picture. "
            "Again for more, in order.",
        ),
    ] = None,
    from_job: Annotated[
        str | None,
        typer.Option("--from", metavar="JOB", show_default=False, help="Go on from an earlier job."),
    ] = None,
    fit: Annotated[
        bool, typer.Option("--fit", help="Convert or scale down what the service would not take, just enough.")
    ] = False,
    keep_metadata: Annotated[
        bool, typer.Option("--keep-metadata", help="Send what is noted in a picture too, such as where it was taken.")
    ] = False,
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
    """Make new pictures from pictures and a prompt, and save them.

    imgen edit "at night" -i fox.jpg; imgen edit "bluer" --from JOB goes on from an earlier job.
    """
    from imgen.commands.going_on import EXAMPLE, basis_of, check_words, order_of
    from imgen.commands.making import RunOptions, make, read_prompt
    from imgen.commands.reporting import standard_streams
    from imgen.orders.options import parse_options
    from imgen.orders.order import Order
    from imgen.orders.sizes import parse_size
    from imgen.pictures.naming import asked_format
    from imgen.pictures.references import Changes

    config = load(profile)
    streams = standard_streams(config)
    words = picture or []
    check_words(words, prompt, from_job, streams)
    order = Order(
        prompt=read_prompt(prompt, prompt_file, streams, EXAMPLE),
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
    basis = basis_of(words, from_job, Changes(fit, keep_metadata), config)
    return make("edit", order_of(order, basis.parent), run_options, config, streams, basis)

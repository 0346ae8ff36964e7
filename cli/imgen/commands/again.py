"""imgen again: a job once more, with a change."""

from __future__ import annotations

from typing import Annotated

import typer

from imgen.commands import options, panels
from imgen.config.config import load


def again(
    job: Annotated[
        str | None,
        typer.Argument(metavar="[JOB]", help="The id of a job. Default: the last order.", show_default=False),
    ] = None,
    settings: Annotated[
        list[str] | None,
        typer.Option(
            "--set",
            metavar="NAME=VALUE",
            show_default=False,
            help="A change by name, such as option.seed=7. Again for more.",
            rich_help_panel=panels.MOST_USED,
        ),
    ] = None,
    picture: Annotated[
        list[str] | None,
        typer.Option(
            "-i",
            "--image",
            metavar="PICTURE",
            help="Other pictures to edit.",
            show_default=False,
            rich_help_panel=panels.PICTURE,
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
    prompt: Annotated[
        str | None,
        typer.Option(
            "--prompt", metavar="PROMPT", help="Another prompt.", show_default=False, rich_help_panel=panels.PROMPT
        ),
    ] = None,
    provider: options.Provider = None,
    model: options.Model = None,
    aspect: options.Aspect = None,
    resolution: options.Resolution = None,
    size: options.Size = None,
    format: options.Format = None,
    count: options.Count = None,
    channel: options.Channel = None,
    option: options.Parameters = None,
    output: options.Output = None,
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
    """Order a job once more, as it was or changed.

    It is a new order, which costs money like the first one. imgen prints what changed.

    Examples:
        imgen again JOB
        imgen again last -a 1:1 -n 2
    """
    from imgen.commands.defaults import repeated_order
    from imgen.commands.going_on import basis_of, check_words, expanded
    from imgen.commands.making import make
    from imgen.commands.named_jobs import find_jobs
    from imgen.commands.reporting import Reporter, standard_streams
    from imgen.jobs.run_order import RunOptions
    from imgen.jobs.session import session
    from imgen.orders import changes
    from imgen.pictures.references import Changes
    from imgen.records import latest_number
    from imgen.screen.console import err, err_sentence
    from imgen.screen.tables import difference_lines

    config = load(profile)
    form = options.answer_form(json=json, events=events)
    reporter = Reporter("again", standard_streams(config), form, quiet, show, strict, open, notify)
    with session(config, err) as opened:
        run = find_jobs(opened, [job or "last"])
        record = run[0]
        before = changes.whole_order(run) if job is None or latest_number(job) else changes.order_of(record)
        named = {"prompt": prompt, "provider": provider, "model": model, "aspect": aspect, "resolution": resolution}
        named |= {"size": size, "format": format, "channel": channel, "count": None if count is None else str(count)}
        words = [f"{name}={value}" for name, value in named.items() if value is not None]
        words += [f"option.{text}" for text in option or ()]
        after = changes.changed(before, [*words, *(settings or ())], record.family)
        run_options = RunOptions(
            output=output,
            format=after.format,
            overwrite=overwrite,
            tag=tag,
            max_cost=max_cost,
            allow_unknown_cost=allow_unknown_cost,
            resubmit=resubmit,
            no_wait=no_wait,
            timeout=timeout,
            poll_every=poll_every,
        )
        pictures = expanded(picture or [], config.cwd) or changes.words_of(record)
        going_on = record.parent_id if record.request.conversation is not None else None
        basis = None
        if pictures or going_on:
            check_words(pictures, None, going_on, reporter.streams)
            kept = Changes(fit, keep_metadata)
            basis = basis_of(pictures, going_on, kept, opened, config, unchecked=unchecked, timeout=timeout)
        others = changes.other_pictures(record.request.references, basis.pictures if basis else ())
        if not picture:
            changes.check_unchanged(record, others)
        if not quiet:
            err_sentence("\n".join(difference_lines(record.id, [*changes.differences(before, after), *others])))
        resolved = repeated_order(after, run_options, config, sandbox=sandbox)
        return make(resolved, opened, config, reporter, basis, dry_run=dry_run, yes=yes, ask=job is None)

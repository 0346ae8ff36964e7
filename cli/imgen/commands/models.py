"""imgen models: what can be ordered, where, and for how much."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Annotated

import typer

from imgen.commands import options
from imgen.config.config import SANDBOX, Config, load
from imgen.errors import ExitCode, KeyMissing

if TYPE_CHECKING:
    from imgen.screen.console import Streams
    from imgen.screen.models import ModelRow
    from imgen_providers.base import Service
    from imgen_providers.catalog import Model, ServiceEntry


def models(
    model: Annotated[
        str | None,
        typer.Argument(metavar="[MODEL]", help="Show one model in full, with its sizes in pixels.", show_default=False),
    ] = None,
    provider: options.Provider = None,
    live: Annotated[bool, typer.Option("--live", help="Ask the services what they have today.")] = False,
    json: options.Json = False,
    verbose: options.Verbose = False,
    sandbox: options.Sandbox = False,
    profile: options.Profile = None,
) -> int:
    """List models, services, sizes and prices.

    A terminal shows each model with its cheapest service; MODEL and -p SERVICE show more, and a pipe gets all.

    Examples:
        imgen models
        imgen models gemini-3-pro
    """
    from imgen.commands.reporting import report_left_out, standard_streams
    from imgen.screen.console import err, out
    from imgen.screen.envelope import envelope
    from imgen.screen.failure import hint_lines
    from imgen.screen.models import model_details, model_overview, model_table

    config = load(profile)
    streams = standard_streams(config)
    report_left_out()
    if live:
        return _live(provider, config, streams, json=json, sandbox=sandbox or config.sandbox)
    found = _matching(model, provider)
    rows = [_row(entry, each, config, in_full=model is not None) for entry, each in found]
    if json:
        out(envelope("models", exit_code=0, data=("models", rows)))
    elif model:
        out("\n".join(model_details(rows, width=streams.stdout_width, color=streams.stdout_color)))
    elif streams.stdout_width and not provider:
        out("\n".join(model_overview(rows, width=streams.stdout_width, color=streams.stdout_color)))
        hint = "One in full:\nimgen models gemini-3-pro"
        err(hint_lines([hint], color=streams.stderr_color, width=streams.stderr_width))
    else:
        out("\n".join(model_table(rows, width=streams.stdout_width, color=streams.stdout_color)))
    return 0


def _matching(name: str | None, provider: str | None) -> list[tuple[ServiceEntry, Model]]:
    from imgen.orders.matching import find_service, no_such
    from imgen_providers.catalog import FAMILIES, SERVICES

    entries = [find_service(provider)] if provider else list(SERVICES.values())
    every = [(entry, model) for entry in entries for model in entry.models]
    every.sort(key=lambda pair: FAMILIES.index(pair[1].family))
    if name is None:
        return every
    found = [(entry, model) for entry, model in every if name in (model.family, f"{entry.name}/{model.remote_id}")]
    if not found:
        known = dict.fromkeys(model.family for _, model in every)
        raise no_such("model", name, known, "Models")
    return found


def _row(entry: ServiceEntry, model: Model, config: Config, *, in_full: bool) -> ModelRow:
    from imgen.screen.models import ModelRow, PriceEntry

    return ModelRow(
        family=model.family,
        service=entry.name,
        title=entry.title,
        remote_id=model.remote_id,
        channel=model.channel,
        resolutions=model.resolutions,
        aspects=(*model.aspects, *(("auto",) if model.auto_aspect else ())),
        references=model.max_references,
        formats=model.formats,
        prices={resolution: PriceEntry(*price) for resolution, price in model.prices.items()},
        reference_price=PriceEntry(*model.reference_price) if model.reference_price else None,
        qualities=model.qualities,
        quality_prices={
            quality: {resolution: PriceEntry(*price) for resolution, price in prices.items()}
            for quality, prices in model.quality_prices.items()
        },
        link_seconds=model.link_seconds,
        key_set=config.accounts.has_key(entry),
        pixels=model.pixels if in_full else None,
        until=model.end.day if model.end else None,
        past=model.has_ended(datetime.now().astimezone().date().isoformat()),
    )


def _price_today(service: Service, model: str) -> str | None:
    """What the service itself lists for a model, in words. Raises a `ServiceError`."""
    from imgen.money.amounts import in_money
    from imgen_providers.base import ListsPrices

    if not isinstance(service, ListsPrices):
        return None
    return ", ".join(f"{in_money(price.amount, 'usd')} per {price.per}" for price in service.prices(model)) or None


def _live(provider: str | None, config: Config, streams: Streams, *, json: bool, sandbox: bool) -> int:
    """What the services themselves list; the exit code is that of the first that could not be asked."""
    from imgen.jobs.connections import Services
    from imgen.jobs.problems import EXIT_CODES, of_question
    from imgen.orders.matching import check_sandbox_plays, find_service
    from imgen.screen.console import err, err_sentence, out
    from imgen.screen.envelope import envelope
    from imgen.screen.failure import failure_lines
    from imgen.screen.models import LiveModel, live_table
    from imgen_providers.base import ListsModels
    from imgen_providers.catalog import OURS, SERVICES
    from imgen_providers.errors import ServiceError

    every = OURS.values() if sandbox else SERVICES.values()
    entries = (
        [find_service(provider)] if provider else [each for each in every if sandbox or config.accounts.has_key(each)]
    )
    if not entries:
        raise KeyMissing(
            "No key is set or kept, so there is no service to ask.",
            "imgen keys set PROVIDER\nWithout --live no key is needed:\nimgen models",
        )
    if sandbox:
        check_sandbox_plays(entries[0])
    listed: list[LiveModel] = []
    problems = []
    services = Services(config)
    try:
        for entry in entries:
            service = services.connection(entry.name, SANDBOX if sandbox else config.accounts.origin(entry)).service
            if not isinstance(service, ListsModels):
                err_sentence(f"{entry.title} does not list its models.")
                continue
            try:
                for name in sorted(service.models()):
                    known = entry.model(name) is not None
                    price = _price_today(service, name) if known else None
                    listed.append(LiveModel(entry.name, name, known, price))
            except ServiceError as error:
                problems.append(of_question(error))
    finally:
        services.close()
    code = EXIT_CODES.get(problems[0].code, ExitCode.UNREACHABLE) if problems else ExitCode.DONE
    if json:
        out(envelope("models", exit_code=code, data=("models", listed), problem=problems[0] if problems else None))
        return code
    if listed:
        out("\n".join(live_table(listed)))
    for problem in problems:
        err(failure_lines(problem, color=streams.stderr_color, width=streams.stderr_width))
    return code

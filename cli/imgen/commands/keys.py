"""imgen keys: where the keys of services are kept."""

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING, Annotated

import typer

from imgen.commands import options
from imgen.config.config import Config, load
from imgen.errors import BadConfiguration, ExitCode, KeyMissing, UsageProblem

if TYPE_CHECKING:
    from collections.abc import Sequence

    from imgen.errors import Problem
    from imgen.jobs.connections import Services
    from imgen.screen.console import Streams
    from imgen.screen.keys import KeyCheck, KeyEntry
    from imgen_providers.base import Service
    from imgen_providers.catalog import ServiceEntry

keys = typer.Typer()

Name = Annotated[str, typer.Argument(metavar="PROVIDER", help="The service.", show_default=False)]


@keys.callback(invoke_without_command=True)
def show(context: typer.Context, json: options.Json = False) -> int:
    """Store, list and test API keys.

    Examples:
        imgen keys list
        imgen keys set reapi
        imgen keys check
    """
    if context.invoked_subcommand:
        context.default_map = {context.invoked_subcommand: {"json": json}}  # written before the word too, it counts
        return 0
    return list_keys(json=json)


# What is no option of ours comes in `context.args`, to be answered with a sentence of its own: it may be a key.
@keys.command("set", context_settings={"ignore_unknown_options": True, "allow_extra_args": True})
def set_key(
    context: typer.Context,
    provider: Name,
    keyring: Annotated[bool, typer.Option("--keyring", help="Store it in the system keyring only.")] = False,
    file: Annotated[bool, typer.Option("--file", help="Store it in a private file only.")] = False,
    json: options.Json = False,
) -> int:
    """Store a key in the system keyring or a private file.

    imgen asks for the key (typing is hidden) or reads it from a pipe. It cannot be an argument, because others could
    read it there.

    Examples:
        imgen keys set reapi
    """
    from imgen.commands.reporting import standard_streams
    from imgen.config.keys import checked
    from imgen.screen.console import err_sentence

    if context.args:
        raise UsageProblem(
            "Only the name of the service goes on the command line: a key there is seen by others, and stays in the "
            "history of the shell. Nothing was kept.",
            "Without the key; it is asked for, or read from standard input:\nimgen keys set PROVIDER",
        )
    if keyring and file:
        raise UsageProblem("--keyring and --file are two places.", "Leave one of them out.")
    entry = _service(provider)
    config = load()
    key = checked(_typed(entry, standard_streams(config)))
    source = config.accounts.store.put(entry, key, "keyring" if keyring else "file" if file else None)
    kept = "the system keyring" if source == "keyring" else str(config.accounts.store.path(entry))
    if not json:
        err_sentence(f"The key of {entry.title} is kept in {kept}.")
    if config.accounts.key_source(entry) == "environment":
        err_sentence(f"{entry.key_variable} is set too, and comes first.")
    return _polled("keys set", [_entry(entry, config)], json=json, silent=True)


@keys.command("list")
def list_keys(json: options.Json = False) -> int:
    """List the services and where their keys come from."""
    from imgen.commands.reporting import report_left_out
    from imgen_providers.catalog import SERVICES

    config = load()
    report_left_out()
    return _polled("keys list", [_entry(entry, config) for entry in SERVICES.values()], json=json)


@keys.command("remove")
def remove(provider: Name, json: options.Json = False) -> int:
    """Remove a stored key; one in the environment stays."""
    from imgen.screen.console import err_sentence

    entry = _service(provider)
    config = load()
    source = config.accounts.store.remove(entry)
    if not json:
        err_sentence(f"The key of {entry.title} is {'removed' if source else 'not kept here'}.")
    if config.accounts.key_source(entry) == "environment":
        err_sentence(f"{entry.key_variable} is set, and goes on to be used.")
    return _polled("keys remove", [_entry(entry, config)], json=json, silent=True)


@keys.command("check")
def check(
    provider: Annotated[
        str | None, typer.Argument(metavar="[PROVIDER]", help="The service; all with a key.", show_default=False)
    ] = None,
    json: options.Json = False,
    verbose: options.Verbose = False,
) -> int:
    """Test keys at their services; free."""
    from imgen.commands.reporting import standard_streams
    from imgen.jobs.connections import Services
    from imgen.jobs.problems import EXIT_CODES
    from imgen.screen.console import err
    from imgen.screen.failure import failure_lines
    from imgen_providers.catalog import SERVICES

    config = load()
    asked = (
        [_service(provider)] if provider else [entry for entry in SERVICES.values() if config.accounts.has_key(entry)]
    )
    if not asked:
        raise KeyMissing("No key is set or kept.", "imgen keys set PROVIDER")
    services = Services(config)
    try:
        checked = [check_key(entry, config, services) for entry in asked]
    finally:
        services.close()
    problems = [problem for _, problem in checked if problem]
    code = EXIT_CODES[problems[0].code] if problems else ExitCode.DONE
    if not json:
        streams = standard_streams(config)
        for problem in problems:
            err(failure_lines(problem, color=streams.stderr_color, width=streams.stderr_width))
    return _polled("keys check", [found for found, _ in checked], json=json, code=code, problems=problems)


def _service(name: str) -> ServiceEntry:
    """The service of that name; a wrong one is not repeated, because it may be a key."""
    from imgen.orders.matching import find_service, meant
    from imgen_providers.catalog import LEFT_OUT, SERVICES

    if name in (each.service for each in LEFT_OUT):
        return find_service(name)
    if name not in SERVICES:
        near = meant(name, SERVICES)
        guess = f" Did you mean {near}?" if near else ""
        raise UsageProblem(f"There is no service of that name.{guess}", f"Services: {', '.join(SERVICES)}")
    return SERVICES[name]


def _typed(entry: ServiceEntry, streams: Streams) -> str:
    if not streams.stdin_is_terminal:
        return sys.stdin.buffer.read(1024 * 1024).decode("utf-8", "replace")
    from getpass import getpass

    try:
        return getpass(f"Key of {entry.title} (it will not show): ", stream=sys.stderr)
    except EOFError:
        return ""


def _entry(entry: ServiceEntry, config: Config) -> KeyEntry:
    from imgen.screen.keys import KeyEntry

    source = config.accounts.key_source(entry)
    where = {"environment": entry.key_variable, "file": str(config.accounts.store.path(entry))}.get(source or "")
    return KeyEntry(entry.name, source or "none", where)


def check_key(entry: ServiceEntry, config: Config, services: Services) -> tuple[KeyCheck, Problem | None]:
    """What the service says of the key, and the problem where it refuses it or cannot be asked."""
    from dataclasses import asdict

    from imgen.jobs.problems import of_question
    from imgen.screen.envelope import CostEntry
    from imgen.screen.keys import KeyCheck
    from imgen_providers.errors import KeyRefused, ServiceError

    known = {**asdict(_entry(entry, config)), "balance": None, "models": None}
    try:
        service = services.connection(entry.name, config.accounts.origin(entry)).service
        balance, models = _said(service, entry)
    except (KeyMissing, BadConfiguration) as error:  # the other services are still asked
        return KeyCheck(**known, works=None), error.problem
    except ServiceError as error:
        works = False if isinstance(error, KeyRefused) else None
        return KeyCheck(**known, works=works), of_question(error)
    cost = CostEntry(*balance) if balance else None
    return KeyCheck(**{**known, "balance": cost, "models": models}, works=True), None


def _said(service: Service, entry: ServiceEntry) -> tuple[tuple[str, str] | None, int | None]:
    """The balance, or how many models there are: whichever the service reports. Raises a `ServiceError`."""
    from imgen_providers.base import Job, ListsModels, ListsRecent, Queued, ReportsBalance
    from imgen_providers.errors import JobNotFound

    try:
        if isinstance(service, ReportsBalance):
            balance = service.balance()
            return (balance.amount, balance.unit) if balance.amount is not None else None, None
        if isinstance(service, ListsModels):
            return None, len(service.models())
        if isinstance(service, ListsRecent):
            service.latest(entry.models[0].remote_id, time.time())
            return None, None
        # It reports neither; to answer that a job is not there it must have taken the key.
        service.refresh(Job(entry.name, "imgen-key-check", Queued()))
    except JobNotFound:
        pass
    return None, None


def _polled(
    command: str,
    entries: Sequence[KeyEntry],
    *,
    json: bool,
    silent: bool = False,
    code: ExitCode = ExitCode.DONE,
    problems: Sequence[Problem] = (),
) -> int:
    from imgen.screen.console import out
    from imgen.screen.envelope import envelope
    from imgen.screen.keys import key_lines

    if json:
        first = problems[0] if problems else None
        out(envelope(command, exit_code=code, data=("keys", list(entries)), problem=first))
    elif not silent:
        out("\n".join(key_lines(entries)))
    return code

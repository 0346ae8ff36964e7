"""imgen fleet: many machines that work on one ledger."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from imgen.commands import options
from imgen.config.config import load
from imgen.errors import BadConfiguration

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from imgen.config.config import Config
    from imgen.jobs.session import Session
    from imgen.ledger.postgres.address import Address
    from imgen.ledger.postgres.durability import Weakness
    from imgen.ledger.postgres.ledger import PostgresLedger

_ASSETS_A_KILL = 8  # so that there is work when a worker is killed

fleet = typer.Typer(no_args_is_help=True)


@fleet.callback()
def _group() -> None:
    """Share one ledger among many machines.

    Workers on any of them make the pictures, and each is bought once.

    Examples:
        imgen fleet try assets.toml --sandbox
        imgen fleet status
    """


@fleet.command()
def init(
    time_zone: Annotated[
        str, typer.Option("--time-zone", metavar="NAME", help="Whose days the daily budget goes by.")
    ] = "UTC",
    profile: options.Profile = None,
) -> int:
    """Make the ledger's tables in the PostgreSQL that IMGEN_LEDGER names.

    Examples:
        imgen fleet init --time-zone Europe/Berlin
    """
    return _set_up(load(profile), time_zone, "made")


@fleet.command()
def upgrade(profile: options.Profile = None) -> int:
    """Bring the ledger's tables up to date, once no worker runs.

    Examples:
        imgen fleet upgrade
    """
    from imgen.errors import UsageProblem
    from imgen.ledger.postgres.setup import hosts_at_work

    config = load(profile)
    hosts = hosts_at_work(_address(config))
    if hosts:
        raise UsageProblem(
            f"{len(hosts)} processes still use the ledger, on {', '.join(sorted(set(hosts)))}.",
            "Stop the workers first: imgen fleet status lists them. Each gives its jobs back to the queue.",
        )
    return _set_up(config, "UTC", "up to date")


@fleet.command()
def status(json: options.Json = False, profile: options.Profile = None) -> int:
    """Show the workers, the queues, what is uncertain or expires soon, and what is left of the budget.

    Examples:
        imgen fleet status --json
    """
    from imgen.fleet.status import fleet_status
    from imgen.jobs.session import session
    from imgen.orders.limits import standing_limits
    from imgen.screen.console import err, out
    from imgen.screen.envelope import envelope
    from imgen.screen.fleet import status_entry, status_lines

    config = load(profile)
    with session(config, err) as opened:
        ledger, address = fleet_ledger(opened, config)
        found = fleet_status(ledger, address, standing_limits(config), config.project)
    if json:
        out(envelope("fleet status", exit_code=0, data=("fleet", status_entry(found))))
    else:
        for line in status_lines(found):
            out(line)
    return 0


@fleet.command("try")
def try_(
    manifest: Annotated[str, typer.Argument(metavar="[FILE]", help="The manifest of `imgen batch`.")] = "assets.toml",
    workers: Annotated[int, typer.Option("--workers", min=1, max=16, metavar="N", help="How many workers.")] = 3,
    kill: Annotated[
        int, typer.Option("--kill", min=0, max=100, metavar="N", help="How often a worker is killed on the way.")
    ] = 0,
    sandbox: options.Sandbox = False,
    profile: options.Profile = None,
) -> int:
    """Make a copy of a manifest's assets with a whole fleet on this machine, and count what the far side was asked for.

    It starts a PostgreSQL of its own and workers, and ends them; the project's pictures stay as they are. With --kill,
    workers are killed on the way, others take up what they had, and the assets are repeated until there are enough.

    Examples:
        imgen fleet try assets.toml --sandbox --kill 5
    """
    from tempfile import TemporaryDirectory

    from imgen.errors import UsageProblem
    from imgen.fleet.local import require_fleet_local
    from imgen.fleet.trial import Trial, try_fleet
    from imgen.screen.console import err, out
    from imgen.screen.fleet import trial_lines

    config = load(profile)
    if not (sandbox or config.sandbox):
        raise UsageProblem(
            "imgen fleet try is for the sandbox, where nothing is charged.", "imgen fleet try assets.toml --sandbox"
        )
    require_fleet_local()
    with TemporaryDirectory(prefix="imgen-trial-") as folder:
        copied = _copied(config, manifest, Path(folder), kill * _ASSETS_A_KILL)
        counted = try_fleet(Trial(Path(folder), copied, workers, kill, config.environ), err)
    for line in trial_lines(counted):
        out(line)
    return counted.exit_code


def _copied(config: Config, name: str, folder: Path, least: int) -> str:
    """A manifest in a folder of its own, with so many assets at least; returns its name there."""
    from imgen.batch.manifest import load as load_manifest
    from imgen.batch.offers import EveryService, Offers
    from imgen.commands.trial_copy import copy_for_trial
    from imgen.orders.matching import possible
    from imgen.screen.console import err

    path = config.cwd / name
    assets = load_manifest(path, name, Offers(partial(possible, accounts=EveryService()), sandbox=False).refusal).assets
    if least > len(assets):
        err(f"The {len(assets):,} assets of {name} are repeated, so that there is work whenever a worker is killed.")
    return copy_for_trial(path.parent, assets, folder, least).name


def fleet_ledger(opened: Session, config: Config) -> tuple[PostgresLedger, Address]:
    """The ledger of the fleet, and where it is. Raises `BadConfiguration` where the ledger is a file."""
    from imgen.fleet.engine import check_version
    from imgen.ledger.postgres.ledger import PostgresLedger

    address = _address(config)
    ledger = opened.ledger
    assert isinstance(ledger, PostgresLedger)
    check_version(ledger.engine.version())
    return ledger, address


def report_weaknesses(found: Sequence[Weakness]) -> None:
    """Write to stderr how the database may forget what it has committed, each with its step."""
    from imgen.screen.console import err

    for weakness in found:
        err(f"{weakness.message}\n  try: {weakness.hint}")


def check_durability(address: Address, queues: Collection[str]) -> None:
    """Report how the database may forget what it commits; refuse to send paid jobs where a crash of it is enough.

    Jobs of the sandbox cost nothing. Raises `BadConfiguration`.
    """
    from imgen.config.config import SANDBOX
    from imgen.fleet.engine import queue_of
    from imgen.ledger.postgres.durability import weaknesses

    found = weaknesses(address)
    grave = next((each for each in found if each.is_grave), None)
    if grave and set(queues) != {queue_of(SANDBOX, SANDBOX)}:
        raise BadConfiguration(f"{grave.message} Nothing was sent.", grave.hint)
    report_weaknesses(found)


def _address(config: Config) -> Address:
    from imgen.ledger.postgres.address import parse

    if not config.ledger_url:
        raise BadConfiguration(
            "A fleet needs a ledger on PostgreSQL, and IMGEN_LEDGER is not set.",
            "export IMGEN_LEDGER=postgresql://imgen@db.example.com/imgen\n"
            "To try a fleet on this machine:\nimgen fleet try assets.toml --sandbox",
        )
    return parse(config.ledger_url, config.environ)


def _set_up(config: Config, time_zone: str, done: str) -> int:
    from imgen.fleet.engine import tables, version
    from imgen.ledger.postgres.durability import weaknesses
    from imgen.ledger.postgres.engine_rows import making_tables
    from imgen.ledger.postgres.setup import set_up
    from imgen.screen.console import err

    address = _address(config)
    set_up(address, time_zone=time_zone, also=making_tables(address, tables(), version()))
    err(f"The ledger {address.shown} is {done}.")
    report_weaknesses(weaknesses(address))
    return 0

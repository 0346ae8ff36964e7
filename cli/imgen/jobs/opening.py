"""The ledger as every command begins with it: settled, and made anew where it was damaged, all of it said."""

from __future__ import annotations

from typing import TYPE_CHECKING

from imgen.errors import ImgenError, LedgerDamaged
from imgen.jobs.file_systems import network_type
from imgen.jobs.ledger import Draft, Ledger
from imgen.jobs.records import Cost, Target
from imgen.jobs.schema import damage_note, damaged
from imgen.jobs.settle import settle
from imgen_providers.catalog import SERVICES

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from imgen.config import Config
    from imgen.jobs.clock import Clock
    from imgen.jobs.rebuild import Rebuilt
    from imgen_providers.base import ListsRecent, RecentJob
    from imgen_providers.catalog import ServiceEntry

_TAKE_OVER = "imgen wait -p PROVIDER REMOTE_ID"
_LOOK_BACK = 7 * 86_400.0  # seconds: no documented link lives longer


def open_sound(config: Config, clock: Clock, say: Callable[[str], None]) -> Ledger:
    """The ledger, settled; a damaged one is rebuilt first. Raises `LedgerUnusable`."""
    path = config.ledger_path
    if kind := network_type(path.parent):
        say(f"The ledger is on a network file system ({kind}); a local disk is safer: set IMGEN_HOME to one.")
    ledger = Ledger(path, clock.wall)
    if not path.exists():
        return ledger
    empty = not path.stat().st_size
    try:
        if damage_note(path).exists():
            raise damaged(path, "a command that ran before could not read it")
        settle(ledger, config.owners_folder)
        if empty:
            say(f"The ledger {path} was empty and begins anew. What was in it is taken over with: {_TAKE_OVER}")
    except LedgerDamaged as damage:
        ledger.close()
        _rebuild(config, clock, say, damage)
        settle(ledger, config.owners_folder)
    return ledger


def _rebuild(config: Config, clock: Clock, say: Callable[[str], None], damage: LedgerDamaged) -> None:
    from imgen.jobs.rebuild import rebuild
    from imgen.pictures.naming import DEFAULT_TEMPLATE

    target = Target(config.cwd, DEFAULT_TEMPLATE)
    rebuilt = rebuild(config.ledger_path, clock.wall(), target)
    if rebuilt is None:
        return
    say(damage.message)
    for sentence in _what_is_left(rebuilt):
        say(sentence)
    if not rebuilt.whole:
        ledger = Ledger(config.ledger_path, clock.wall)
        for sentence in _listed(config, ledger, clock.wall() - _LOOK_BACK, target):
            say(sentence)
        ledger.close()


def _what_is_left(rebuilt: Rebuilt) -> Iterator[str]:
    jobs = f"{rebuilt.read} job{'' if rebuilt.read == 1 else 's'}"
    yield f"It is kept as {rebuilt.kept}; a new one was made with the {jobs} that could be read."
    if rebuilt.remote:
        yield f"Of others the remote id is left, and they are open again: imgen wait {' '.join(rebuilt.remote)}"


def _listed(config: Config, ledger: Ledger, since: float, target: Target) -> Iterator[str]:
    """Add what the services list and the ledger has not; says of each service what came of it."""
    from imgen.jobs.services import Services
    from imgen_providers.base import ListsRecent
    from imgen_providers.errors import ServiceError

    services = Services(config)
    silent = []
    for entry in SERVICES.values():
        if not config.has_key(entry):
            continue
        try:
            service = services.connection(entry.name, config.origin(entry)).service
            if not isinstance(service, ListsRecent):
                silent.append(entry.title)
                continue
            found = _adopted(service, entry, config.origin(entry), ledger, since, target)
        except (ServiceError, ImgenError) as error:
            yield f"{entry.title} could not be asked for its jobs: {error}"
            silent.append(entry.title)
        else:
            yield f"{entry.title} lists {len(found)} of the last week that were not in it" + (
                f", and they are open now: imgen wait {' '.join(found)}" if found else "."
            )
    services.close()
    yield f"Look at your jobs at {', '.join(silent) or 'your services'}, and take over what is missing: {_TAKE_OVER}"


def _adopted(
    service: ListsRecent, entry: ServiceEntry, origin: str, ledger: Ledger, since: float, target: Target
) -> list[str]:
    known = {record.remote_id for record in ledger.find("") if record.provider == entry.name}
    found = []
    for model in dict.fromkeys(model.remote_id for model in entry.models):
        for one in service.latest(model, since):
            if one.job.remote_id not in known:
                found.append(ledger.adopt(_draft(one, entry, origin, model, target), one.job))
    return found


def _draft(one: RecentJob, entry: ServiceEntry, origin: str, model: str, target: Target) -> Draft:
    from imgen.jobs.plan import new_id
    from imgen_providers.base import Request

    prompt = one.payload.get("prompt") if isinstance(one.payload, dict) else None
    return Draft(
        id=new_id(),
        run_id=new_id(),
        request_key="",
        provider=entry.name,
        origin=origin,
        family=None,
        request=Request(model=model, prompt=prompt if isinstance(prompt, str) else ""),
        target=target,
        cost=Cost(None, None),
    )

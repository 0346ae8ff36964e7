"""After the ledger was rebuilt: report what is missing, and import missing jobs from the services' job lists."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from imgen.errors import ImgenError, LedgerUnusable
from imgen.jobs.connections import Services
from imgen.jobs.reconcile import Found, reconcile
from imgen.jobs.uploads import sent
from imgen.ledger.recovery.damage import TAKE_OVER, rebuilt_note
from imgen.ledger.recovery.note import Rebuilt, note_rebuilt, read_rebuilt
from imgen.pictures.naming import DEFAULT_TEMPLATE
from imgen.pictures.target import Target
from imgen.records import UNKNOWN, Draft, JobRecord, State, new_id
from imgen_providers.base import ListsRecent, Request
from imgen_providers.catalog import SERVICES
from imgen_providers.errors import ServiceError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from imgen.config.config import Config
    from imgen.jobs.clock import Clock
    from imgen.ledger.ledger import Ledger
    from imgen_providers.base import RecentJob
    from imgen_providers.catalog import ServiceEntry

_CLOCKS_DIFFER = 60.0  # seconds; a service's clock and ours


def report_and_reimport(config: Config, ledger: Ledger, clock: Clock, say: Callable[[str], None]) -> None:
    """Report once what a rebuild left, and poll each service until it has answered; one process at a time does it.

    Raises `LedgerUnusable`.
    """
    from filelock import FileLock, Timeout

    path = config.folders.ledger
    try:
        with FileLock(path.with_suffix(".rebuilt-lock"), timeout=0, mode=0o600):
            rebuilt = _noted(path)
            if rebuilt is None:
                return
            if not rebuilt.told:
                for sentence in _what_is_left(rebuilt):
                    say(sentence)
            rebuilt = _poll(config, ledger, rebuilt, say)
            if not rebuilt.ask or clock.wall() > rebuilt.until:
                rebuilt_note(path).unlink()
    except Timeout:
        return
    except OSError as error:
        raise _unusable(path) from error


def _noted(path: Path) -> Rebuilt | None:
    try:
        return read_rebuilt(path)
    except ValueError as error:
        raise _unusable(path) from error


def _unusable(path: Path) -> LedgerUnusable:
    return LedgerUnusable(
        f"The ledger was made anew, and {rebuilt_note(path)}, which lists what is missing, cannot be used.",
        f"Look at your jobs at your services, remove that file, and take over what is missing: {TAKE_OVER}",
    )


def _what_is_left(rebuilt: Rebuilt) -> Iterator[str]:
    jobs = f"{rebuilt.read} job{'' if rebuilt.read == 1 else 's'}"
    yield rebuilt.damage
    yield f"It is kept as {rebuilt.kept}; a new one was made with the {jobs} that could be read."
    if rebuilt.remote:
        yield f"Of other jobs the remote id is left, and they are open again: imgen wait {' '.join(rebuilt.remote)}"
    if rebuilt.doubtful:
        yield (
            f"The orders of other jobs cannot be read, and they may be charged: {', '.join(rebuilt.doubtful)}. "
            "The same order is not sent again before they are resolved; imgen status shows how."
        )
    if rebuilt.nameless:
        yield (
            f"Of these nothing but an id is left, so the same order could be charged twice: "
            f"{', '.join(rebuilt.nameless)}. Look at your services before you repeat one."
        )
    if rebuilt.ask:
        yield "Budgets do not count what is missing, nor jobs whose cost is unknown: look at imgen costs."


def _poll(config: Config, ledger: Ledger, rebuilt: Rebuilt, say: Callable[[str], None]) -> Rebuilt:
    """Poll the services that have not answered yet, and note each that has."""
    services, silent, first = Services(config), [], bool(rebuilt.ask) and not rebuilt.told
    rebuilt = replace(rebuilt, told=True)
    note_rebuilt(config.folders.ledger, rebuilt)
    try:
        for entry in [
            SERVICES[name] for name in rebuilt.ask if name in SERVICES and config.accounts.has_key(SERVICES[name])
        ]:
            answer = _polled_elsewhere(config, services, ledger, entry, rebuilt.since, say)
            if not answer:
                silent.append(entry.title)
            if answer is not False:
                rebuilt = replace(rebuilt, ask=tuple(name for name in rebuilt.ask if name != entry.name))
                note_rebuilt(config.folders.ledger, rebuilt)
    finally:
        services.close()
    if first:
        titles = ", ".join(silent) or "your services"
        say(f"Look at your jobs at {titles}, and take over what is missing: {TAKE_OVER}")
    return rebuilt


def _polled_elsewhere(
    config: Config, services: Services, ledger: Ledger, entry: ServiceEntry, since: float, say: Callable[[str], None]
) -> bool | None:
    """Whether the service listed all that it has; None for one that lists nothing at all."""
    try:
        origin = config.accounts.origin(entry)
        service = services.connection(entry.name, origin).service
        if not isinstance(service, ListsRecent):
            return None
        listing = _Listing(service, entry, origin, ledger, Target(config.cwd, DEFAULT_TEMPLATE))
        listing.reconcile(say)
        return listing.adopt(since, say)
    except LedgerUnusable:
        raise
    except (ServiceError, ImgenError) as error:
        say(f"{entry.title} did not list its jobs; the next command tries again: {error}")
        return False


@dataclass(frozen=True, slots=True)
class _Listing:
    """One service's list, and what of it belongs into the ledger."""

    service: ListsRecent
    entry: ServiceEntry
    origin: str
    ledger: Ledger
    target: Target

    def reconcile(self, say: Callable[[str], None]) -> None:
        """Match uncertain jobs to the list, before anything in it is taken for new."""
        for record in self._uncertain():
            if record.state is State.UNCERTAIN:
                outcome = reconcile(self.ledger, self.service, record)
                if isinstance(outcome, Found):
                    say(f"No reply to {record.id} came, but the service lists it: {outcome.job.remote_id}.")

    def adopt(self, since: float, say: Callable[[str], None]) -> bool:
        """Add what the ledger has not; False while some of it may belong to uncertain jobs, and is left alone."""
        models = dict.fromkeys(model.remote_id for model in self.entry.models)
        listed = [one for model in models for one in self.service.latest(model, since)]
        # Only now: a job in the list was `submitting` before it was there, and then it is still, or its id is known.
        ambiguous, bare = self._ambiguous()
        known = {record.remote_id for record in self.ledger.jobs.find("") if record.provider == self.entry.name}
        found, left = [], []
        for one in listed:
            remote = one.job.remote_id
            if remote in known:
                continue
            if remote in ambiguous or any(one.created_at >= record.created_at - _CLOCKS_DIFFER for record in bare):
                left.append(remote)
            else:
                found.append(self.ledger.jobs.adopt(self._draft(one), one.job))
        opened = f", and they are open now: imgen wait {' '.join(found)}" if found else "."
        say(f"{self.entry.title} lists {len(found)} of the last week that were not in it{opened}")
        if left:
            say(
                f"It lists more that may belong to uncertain jobs: {', '.join(left)}. Assign them (imgen wait JOB "
                "--remote ITS_ID) or forget those jobs (imgen forget JOB), then the others are imported."
            )
        return not left

    def _ambiguous(self) -> tuple[set[str], list[JobRecord]]:
        """The service's jobs that may be our uncertain ones, and uncertain ones whose request cannot be read."""
        uncertain = self._uncertain()
        polled = [record for record in uncertain if record.request.model and record.submitted_at is not None]
        found = {
            one.job.remote_id
            for record in polled
            for one in self.service.recent(sent(self.ledger, record), record.submitted_at or 0.0)
        }
        return found, [record for record in uncertain if record not in polled]

    def _uncertain(self) -> list[JobRecord]:
        """Jobs sent there, or about to be, of which no remote id is known."""
        records = [*self.ledger.jobs.open(), *self.ledger.jobs.uncertain()]
        states = (State.SUBMITTING, State.UNCERTAIN)
        here = [record for record in records if (record.provider, record.origin) == (self.entry.name, self.origin)]
        return [record for record in here if record.state in states and record.remote_id is None]

    def _draft(self, one: RecentJob) -> Draft:
        prompt = one.payload.get("prompt") if isinstance(one.payload, dict) else None
        return Draft(
            id=new_id(),
            run_id=new_id(),
            request_key="",
            provider=self.entry.name,
            origin=self.origin,
            family=None,
            request=Request(model=one.model, prompt=prompt if isinstance(prompt, str) else ""),
            target=self.target,
            cost=UNKNOWN,
        )

"""What `imgen batch` does beyond looking: it makes assets, adopts files and prunes what is no longer wanted."""

from __future__ import annotations

import sys
import time
from contextlib import closing
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from imgen.errors import ExitCode, Problem, UsageProblem
from imgen.orders.order import AUTO
from imgen.screen.envelope import Form

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from imgen.batch.asset import Asset
    from imgen.batch.options import BatchOptions
    from imgen.batch.report import AssetResult, RunReport
    from imgen.batch.run import Run
    from imgen.batch.standing import Project, Standings
    from imgen.config.config import Config
    from imgen.fleet.ordering import NotQueued, Queueing, WorkersAccounts
    from imgen.jobs.progress import Display
    from imgen.jobs.run_order import OrderPlan
    from imgen.jobs.session import Session
    from imgen.jobs.worker import Worker
    from imgen.orders.limits import Candidate
    from imgen.orders.matching import Accounts
    from imgen.orders.references import Basis
    from imgen.records import JobRecord
    from imgen.screen.batch_display import BatchDisplay
    from imgen.screen.console import Streams


@dataclass(frozen=True, slots=True)
class Asked:
    """What the command line asks for; `only` and `force` are patterns, `report` is a file."""

    path: Path
    name: str
    form: Form
    quiet: bool
    only: list[str] | None
    force: list[str]
    max_cost: str | None
    jobs: int
    report: str | None
    yes: bool = False


@dataclass(slots=True)
class _Observer:
    """What is printed while a run goes on; until there is a display, nothing is."""

    form: Form
    display: BatchDisplay | None = None
    notes: list[str] = field(default_factory=list)

    def ended(self, result: AssetResult) -> None:
        """Show an asset, and write it as an event."""
        from imgen.batch.report import Outcome
        from imgen.screen.events import asset_ended

        if self.form is Form.EVENTS and result.outcome is not Outcome.CURRENT:
            asset_ended(result, time.time())
        if self.display:
            self.display.ended(result)

    def note(self, sentence: str) -> None:
        """Show one sentence."""
        if self.display:
            self.display.say(sentence)


def loaded(asked: Asked, config: Config, *, sandbox: bool) -> Project:
    """The manifest, its lock, and how every asset stands. Raises `BadManifest`."""
    from imgen.batch.lock import LockFile, check_writable, lock_path
    from imgen.batch.manifest import load
    from imgen.batch.offers import EveryService, Offers
    from imgen.batch.plan import matching
    from imgen.batch.standing import Project, standings
    from imgen.orders.matching import possible

    every = Offers(partial(possible, accounts=EveryService()), sandbox=False)
    manifest = load(asked.path, asked.name, every.refusal)
    beside = lock_path(asked.path)
    lock = LockFile(beside, beside.name)
    check_writable(beside, beside.name)
    forced = matching(manifest, asked.force, "--force")
    return Project(manifest, lock, standings(manifest, lock.assets, sandbox=sandbox, forced=forced))


def make(asked: Asked, options: BatchOptions, config: Config) -> RunReport:
    """Make what is missing or changed; returns what came of it."""
    from imgen.batch.exclusive import alone
    from imgen.commands.reporting import standard_streams
    from imgen.screen.console import err

    streams = standard_streams(config)
    _check_report(asked.report)
    with alone(config.folders.batches, asked.path, err, timeout=options.timeout):
        return _make(asked, options, config, streams)


def _make(asked: Asked, options: BatchOptions, config: Config, streams: Streams) -> RunReport:
    from dataclasses import replace

    from imgen.batch.options import Means, Mode
    from imgen.batch.plan import matching, with_needs
    from imgen.batch.report import RunReport
    from imgen.batch.run import Run
    from imgen.batch.run_budget import RunBudget
    from imgen.fleet.collecting import Collector
    from imgen.fleet.ordering import workers_accounts
    from imgen.jobs.clock import SystemClock
    from imgen.jobs.run_order import place_order, setup_of
    from imgen.jobs.session import session
    from imgen.jobs.worker import work
    from imgen.pictures.prepared import usable
    from imgen.screen.console import err
    from imgen.screen.envelope import timestamp

    began, clock = time.time(), SystemClock()
    project = loaded(asked, config, sandbox=options.sandbox)
    if asked.only:
        selected = with_needs(matching(project.manifest, asked.only, "--only"), project.found.items)
        options = replace(options, selected=selected)
    budget = RunBudget(asked.max_cost, allow_unknown=options.allow_unknown_cost)
    workers = workers_accounts(config.accounts, _usual(config)) if options.mode is Mode.QUEUE else None
    accounts = workers or config.accounts
    if budget.most and not options.sandbox:
        budget.check_unit(_units(project.found, accounts))
    observer = _Observer(asked.form)
    with session(config, err) as opened, work(opened, config, poll_every=options.poll_every) as worker:
        with usable(config.folders.originals):
            pass  # before anything is sent
        basis = partial(_basis, project.manifest.folder.root, opened, config, queued=options.mode is Mode.QUEUE)
        collector = Collector.of(opened, config)
        means = Means(
            session=opened,
            setup=setup_of(config)._replace(accounts=accounts),
            clock=clock,
            originals=config.folders.originals,
            basis=basis,
            place=lambda plan, candidate, known: place_order(plan, candidate, worker, _is_chosen, known),
            queue=_queueing(options, opened, config),
            fetched=collector.picture,
        )
        run = Run(project, means, options, budget, observer)
        interrupted = _follow(run, observer, asked, options, streams, opened, worker)
        going_on = run.going_on() if interrupted else []
    code = ExitCode.INTERRUPTED if interrupted else run.exit_code
    results = [run.results[item.asset.path] for item in project.found.items if item.asset.path in run.results]
    report = RunReport(asked.name, timestamp(began), time.time() - began, code, options.sandbox, results)
    _write_report(asked.report, report)
    _answer(asked, options, report, project, streams, len(going_on))
    if workers and not options.sandbox:
        _name_workers(report, project, workers)
    return report


def _usual(config: Config) -> tuple[str, ...]:
    """The services that the user's settings name: the one of every order, else the preferred ones."""
    provider = str(config.setting("provider").value or AUTO)
    return config.preferred if provider == AUTO else (provider,)


def _name_workers(report: RunReport, project: Project, accounts: WorkersAccounts) -> None:
    """Say whose keys the workers need for what was queued, and which services were chosen for the user."""
    from imgen.batch.report import Outcome
    from imgen.screen.console import err
    from imgen_providers.catalog import SERVICES

    left_open = {item.asset.path for item in project.found.items if not (item.asset.provider or item.asset.model)}
    queued: dict[str, list[AssetResult]] = {}
    for result in report.assets:
        if result.outcome is Outcome.WAITING and result.service in SERVICES:
            queued.setdefault(result.service, []).append(result)
    for name, results in queued.items():
        entry, chosen = SERVICES[name], sum(result.path in left_open for result in results)
        if accounts.is_open and chosen:
            err(
                f"No key is set here and no service is named, so {entry.title} was chosen for {chosen:,} of them:"
                " it is the cheapest, where prices can be compared. provider = in the manifest names another."
            )
        if not accounts.here.has_key(entry):
            err(f"A worker needs the key of {entry.title} ({entry.key_variable}) for {len(results):,} of them.")


def _follow(
    run: Run,
    observer: _Observer,
    asked: Asked,
    options: BatchOptions,
    streams: Streams,
    opened: Session,
    worker: Worker,
) -> bool:
    """Follow the run to its end, and write the lock whatever happens; returns whether Ctrl-C ended it."""
    from imgen.batch.options import Mode
    from imgen.screen.batch_display import batch_display
    from imgen.screen.events import EventDisplay

    silent = asked.quiet or (asked.form is Form.EVENTS and streams.stdout_is_terminal)
    observer.display = batch_display(lambda: run.tally, run.asset_of, streams, time.monotonic, quiet=silent)
    display: Display = observer.display
    if asked.form is Form.EVENTS:
        display = EventDisplay(display, opened.ledger.jobs.get, time.time)
    try:
        if options.mode is not Mode.MAKE:
            with closing(display):
                while not run.over:
                    run.more(asked.jobs)
        elif not run.over:
            worker.follow_feed(run, asked.jobs, display, timeout=options.timeout)
    except KeyboardInterrupt:
        return True
    finally:
        run.close()
    return False


def _queueing(
    options: BatchOptions, opened: Session, config: Config
) -> Callable[[Sequence[Queueing]], list[JobRecord | NotQueued]]:
    """What gives orders to a fleet's workers; only `--queue` does. Raises `BadConfiguration`."""
    from imgen.batch.options import Mode

    if options.mode is not Mode.QUEUE:
        return lambda _: []
    from imgen.commands.fleet import fleet_ledger
    from imgen.fleet.engine import Engine
    from imgen.fleet.ordering import Ordering

    ledger, address = fleet_ledger(opened, config)
    return Ordering(ledger, Engine(address), lambda: opened.store).queue


def _is_chosen(_plan: OrderPlan, _candidate: Candidate) -> None:
    """Which service takes an asset is in its result."""


def _units(found: Standings, accounts: Accounts) -> set[str]:
    """The units of the prices that a run may have to pay. Raises `KeyMissing` where there is no key at all."""
    from imgen.batch.offers import Offers
    from imgen.batch.standing import TO_ORDER
    from imgen.orders.matching import possible

    offers = Offers(partial(possible, accounts=accounts), sandbox=False)
    wanted = [item.asset for item in found.items if item.standing in TO_ORDER]
    return {unit for asset in wanted if (unit := offers.best(asset).cost.unit)}


def _basis(root: Path, opened: Session, config: Config, asset: Asset, *, queued: bool) -> Basis:
    """The pictures that an asset goes on from. Raises `UsageProblem` for one that cannot be sent.

    What a service fetches itself is uploaded by the worker that sends a `queued` one.
    """
    from imgen.batch.asset import LinkPicture
    from imgen.jobs.uploads import configured_place
    from imgen.orders.references import Basis, name_picture
    from imgen.orders.sources import Link, Local
    from imgen.pictures.references import Changes

    sources = [
        Link(picture.url) if isinstance(picture, LinkPicture) else Local(root / picture.path, picture.path)
        for picture in asset.references
    ]
    return Basis(
        pictures=[name_picture(source, opened.ledger) for source in sources],
        parent=None,
        changes=Changes(fit=True, keep_metadata=False),
        folder=config.folders.references,
        network=config.network.open,
        check_storage=(lambda _: None) if queued else partial(configured_place, config),
    )


# What is printed and written ----------------------------------------------------------------------------------


def _answer(
    asked: Asked, options: BatchOptions, report: RunReport, project: Project, streams: Streams, going_on: int
) -> None:
    from imgen.batch.options import Mode
    from imgen.batch.report import TROUBLED, Outcome
    from imgen.screen.batch import COLLECT, run_entry, run_sentence
    from imgen.screen.console import err, out, out_path
    from imgen.screen.display import draws_live
    from imgen.screen.envelope import envelope

    troubled = [each for each in report.assets if each.outcome in TROUBLED]
    if asked.form is Form.TEXT:
        root = project.manifest.folder
        new = (Outcome.MADE, Outcome.FOUND, Outcome.CONVERTED, Outcome.ADOPTED)
        live = streams.stdout_is_terminal and draws_live(streams, quiet=asked.quiet)
        for result in report.assets:
            if result.outcome is Outcome.WAITING and options.wait is False and result.job_id:
                out(result.job_id)
            elif result.outcome in new and not live:
                out_path(root.path(result.path))
    else:
        first = next((each.problem for each in troubled if each.problem), None)
        hint = "imgen batch goes on where it was, and buys nothing twice."
        problem = Problem("interrupted", "Stopped waiting.", hint) if going_on else first
        if report.exit_code == ExitCode.UNFINISHED and problem is None:
            problem = Problem("unfinished", run_sentence(report), COLLECT)
        if report.exit_code and problem is None:
            problem = Problem("partial", run_sentence(report), "imgen batch --check names what is left.")
        data = ("batch", run_entry(report))
        out(envelope("batch", exit_code=report.exit_code, data=data, problem=problem, form=asked.form))
    _list_troubled(troubled, asked, streams)
    err(run_sentence(report))
    if report.exit_code == ExitCode.INTERRUPTED and options.mode is Mode.QUEUE:
        err("imgen: Stopped. All of it was put into the queue, or nothing: imgen batch --queue goes on where it was.")
    elif report.exit_code == ExitCode.INTERRUPTED:
        jobs = "1 job goes on" if going_on == 1 else f"{going_on:,} jobs go on"
        err(f"imgen: Stopped waiting; {jobs}. imgen batch goes on where it was, and buys nothing twice.")
    elif any(each.outcome is Outcome.WAITING for each in report.assets):
        err(COLLECT)


def _list_troubled(troubled: list[AssetResult], asked: Asked, streams: Streams) -> None:
    """What went wrong at the end, each with what to do; assets with one trouble together."""
    from imgen.screen.console import err
    from imgen.screen.failure import failure_lines

    by_problem: dict[Problem, list[str]] = {}
    for result in troubled:
        by_problem.setdefault(result.problem or Problem("failed", result.outcome.value), []).append(result.path)
    for problem, paths in by_problem.items():
        names = ", ".join(paths[:3]) + (f" and {len(paths) - 3:,} more" if len(paths) > 3 else "")
        said = Problem(problem.code, f"{names}: {problem.message}", problem.hint)
        err(failure_lines(said, color=streams.stderr_color))


def _check_report(name: str | None) -> None:
    """Raises `UsageProblem` for a report of a kind that there is not, before anything is sent."""
    if name is not None and Path(name).suffix.lower() not in (".json", ".xml"):
        raise UsageProblem(
            f"--report {name} is neither .json nor .xml.", "--report batch.json, or --report batch.xml for JUnit."
        )


def _write_report(name: str | None, report: RunReport) -> None:
    """Write the report; what was made stays made where that fails."""
    from imgen import files
    from imgen.batch.report import as_json, as_junit
    from imgen.screen.console import err

    if name is None:
        return
    text = as_junit(report) if Path(name).suffix.lower() == ".xml" else as_json(report)
    try:
        files.write(Path(name), text.encode(), mode=files.SHARED)
    except OSError as error:
        err(f"imgen: {name} cannot be written: {(error.strerror or str(error)).lower()}.")


# Adopting and pruning -----------------------------------------------------------------------------------------


def adopt(asked: Asked, config: Config, *, sandbox: bool) -> int:
    """Lock the files that exist; nothing is bought."""
    from imgen.batch.keeping import adopt
    from imgen.batch.plan import matching

    def change(project: Project) -> list[AssetResult]:
        selected = matching(project.manifest, asked.only, "--only") if asked.only else None
        return adopt(project.manifest, project.lock, project.found, selected, time.time())

    return _change(asked, config, change, sandbox=sandbox)


def prune(asked: Asked, config: Config, *, sandbox: bool) -> int:
    """Take what is no longer in the manifest out of the lock, with its files, once the user agreed."""
    from imgen.batch.keeping import prune
    from imgen.commands.reporting import standard_streams
    from imgen.screen.console import err
    from imgen.screen.text import for_log

    def change(project: Project) -> list[AssetResult]:
        orphans = project.found.orphans
        if orphans and not asked.yes:
            if not standard_streams(config).stdin_is_terminal:
                raise UsageProblem(
                    f"--prune removes {len(orphans):,} assets with their files, and asks first.", "--yes agrees."
                )
            for orphan in orphans:
                err(for_log(f"{orphan.path} is no longer in the manifest."))
            err("Remove them, with their files? Type y for yes.")
            if sys.stdin.readline().strip().lower() not in ("y", "yes"):
                return []
        return prune(project.manifest, project.lock, orphans)

    return _change(asked, config, change, sandbox=sandbox)


def _change(asked: Asked, config: Config, change: Callable[[Project], list[AssetResult]], *, sandbox: bool) -> int:
    from imgen.batch.exclusive import alone
    from imgen.batch.options import BatchOptions
    from imgen.batch.report import Outcome, RunReport
    from imgen.commands.reporting import standard_streams
    from imgen.jobs.report import combined
    from imgen.screen.batch import result_line
    from imgen.screen.console import err
    from imgen.screen.envelope import timestamp

    _check_report(asked.report)
    began = time.time()
    with alone(config.folders.batches, asked.path, err, timeout=None):
        project = loaded(asked, config, sandbox=sandbox)
        try:
            results = change(project)
        except OSError as error:
            reason = (error.strerror or str(error)).lower()
            raise UsageProblem(f"{error.filename or asked.name} cannot be changed: {reason}.") from error
    left = (each.outcome is Outcome.LEFT for each in results)
    code = combined(ExitCode.DIFFERENT if is_left else ExitCode.DONE for is_left in left)
    report = RunReport(asked.name, timestamp(began), time.time() - began, code, sandbox, results)
    for result in results:
        err(result_line(result))
    _write_report(asked.report, report)
    _answer(asked, BatchOptions(), report, project, standard_streams(config), 0)
    return code

"""Placing an order: matched, ranked, held to its budget, recorded, followed, and given to the next service if refused.

Prints nothing: decisions are returned, or reported to an `Observer`. `generate`, `edit` and `again` call it.
"""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING, NamedTuple, Protocol

from imgen.errors import OverBudget, UsageProblem
from imgen.jobs.progress import ENOUGH
from imgen.jobs.report import Goal, may_move_on
from imgen.orders.drafts import split
from imgen.orders.limits import Candidate, affordable, budget_of, standing_limits
from imgen.orders.matching import possible
from imgen.orders.ranking import rank
from imgen_providers.catalog import pictures_ordered

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
    from pathlib import Path

    from imgen.config.config import Config
    from imgen.jobs.progress import Display
    from imgen.jobs.report import Report
    from imgen.jobs.session import Session
    from imgen.jobs.worker import Worker
    from imgen.money.budget import Budget, Limit
    from imgen.orders.matching import Accounts
    from imgen.orders.order import Choice, Order
    from imgen.orders.references import Basis
    from imgen.pictures.naming import Certain
    from imgen.pictures.target import Target
    from imgen.records import Draft, JobRecord


class RunOptions(NamedTuple):
    """How an order is carried out: where its pictures go, what it may cost, and how long it is waited for.

    `format` is the one that the user asked for. `folder` is what `output` is relative to, None for the working
    folder. `tag` marks the pictures as made by a model. `max_cost` is the most that it may cost, as it was typed.
    `timeout` and `poll_every` are in seconds.
    """

    output: str | None = None
    format: str | None = None
    folder: Path | None = None
    overwrite: bool = False
    tag: bool = False
    max_cost: str | None = None
    allow_unknown_cost: bool = False
    resubmit: bool = False
    no_wait: bool = False
    timeout: float | None = None
    poll_every: float | None = None


class OrderSetup(NamedTuple):
    """What placing an order needs of the configuration.

    `preferred` are the names of the services that the user prefers, the first one first. `limits` are those that hold
    for every order. `kept` takes copies of pictures that go to standard output.
    """

    accounts: Accounts
    preferred: tuple[str, ...]
    limits: tuple[Limit, ...]
    project: str | None
    cwd: Path
    kept: Path


class OrderPlan(NamedTuple):
    """What would be done for an order: nothing is recorded, made on disk or sent yet.

    `candidates` are the services that can do it, the best first, at least one. `left_out` are sentences on those
    that are over the budget; where all are, they are candidates still, and `over_budget` is why none may be used.
    """

    order: Order
    options: RunOptions
    budget: Budget
    candidates: tuple[Candidate, ...]
    left_out: tuple[str, ...] = ()
    over_budget: OverBudget | None = None


class Observer(Protocol):
    """Shows how an order is placed; it decides nothing."""

    def chosen(self, plan: OrderPlan, candidate: Candidate) -> None:
        """This service gets the order now; called again if the next one does."""
        ...

    def display(self, session: Session) -> Display:
        """A new display for the jobs that were recorded; it is closed when they are left."""
        ...


def setup_of(config: Config) -> OrderSetup:
    """What an order needs of this configuration. Raises `BadConfiguration`."""
    return OrderSetup(
        accounts=config.accounts,
        preferred=config.preferred,
        limits=standing_limits(config),
        project=config.project,
        cwd=config.cwd,
        kept=config.folders.kept,
    )


def plan_order(
    order: Order, options: RunOptions, setup: OrderSetup, session: Session, *bases: Basis | None
) -> OrderPlan:
    """Match, rank and price an order; the `bases` are what its edits go on from.

    Several bases are one run: the same order at each of them, with one service, one price and one limit for all.
    Raises `UsageProblem`, `KeyMissing`, `BadConfiguration`, `PictureUnreachable` and `LedgerUnusable`.
    """
    bases = bases or (None,)
    together = _able(possible(order, setup.accounts, setup.preferred), bases, session)
    first_of_each = [same[0] for same in together]
    budget = budget_of(options.max_cost, first_of_each, setup.limits, allow_unknown=options.allow_unknown_cost)
    candidates = []
    for ranked in rank(first_of_each, lambda choice: _past_seconds(choice, session)):
        same = next(same for same in together if same[0] is ranked.choice)
        drafts = _drafts(same, bases, options, setup)
        verdicts = session.ledger.spending.verdicts(drafts, budget) if budget.limits else ()
        notes = tuple(dict.fromkeys(note for choice in same for note in choice.notes))
        candidates.append(Candidate(ranked.choice._replace(notes=notes), ranked.why, drafts, tuple(verdicts)))
    try:
        fitting, left_out = affordable(candidates)
    except OverBudget as over:
        return OrderPlan(order, options, budget, tuple(candidates), over_budget=over)
    return OrderPlan(order, options, budget, tuple(fitting), tuple(left_out))


def _able(choices: Sequence[Choice], bases: Sequence[Basis | None], session: Session) -> list[tuple[Choice, ...]]:
    """The services that take every basis, each as one choice a basis. Raises `ImgenError` where there is none."""
    each_basis = [basis.able(choices, session.ledger) if basis else choices for basis in bases]

    def at(same: Choice, found: Sequence[Choice]) -> Choice | None:
        place = same.entry.name, same.origin, same.request.model
        return next((c for c in found if (c.entry.name, c.origin, c.request.model) == place), None)

    rows = [[at(first, found) for found in each_basis] for first in each_basis[0]]
    together = [tuple(choice for choice in row if choice) for row in rows if all(row)]
    if not together:
        raise UsageProblem(
            "No service takes all of these pictures.", "Name fewer of them, or other ones:\nimgen edit --help"
        )
    return together


def _drafts(
    same: Sequence[Choice], bases: Sequence[Basis | None], options: RunOptions, setup: OrderSetup
) -> tuple[Draft, ...]:
    """The jobs of one run at one service. Pictures are counted through all of it, or by `{stem}` for each basis."""
    by_stem = "{stem}" in (options.output or "")
    every = same[0].request.count * (1 if by_stem else len(same))
    run: list[Draft] = []
    for number, (choice, basis) in enumerate(zip(same, bases, strict=True)):
        target = _target(choice, options, setup, basis.stem if basis else None, every)
        before = 0 if by_stem else number * choice.request.count
        drafts = split(choice, target, parent_id=basis.parent_id if basis else None, project=setup.project)
        run += [
            draft._replace(
                run_id=run[0].run_id if run else draft.run_id,
                target=replace(draft.target, first_index=before + draft.target.first_index, pictures_in_run=every),
            )
            for draft in drafts
        ]
    return tuple(run)


def run_order(plan: OrderPlan, session: Session, worker: Worker, observer: Observer) -> Report:
    """Record the order's jobs at the best service and follow them; the next service gets an order that cost nothing.

    Raises `OverBudget`, `StillUncertain`, `UsageProblem`, `KeyMissing`, `BadConfiguration` and `LedgerUnusable`.
    """
    if plan.over_budget:
        raise plan.over_budget
    options = plan.options
    goal = Goal.ACCEPTANCE if options.no_wait else Goal.PICTURES
    left = list(plan.candidates)
    while True:
        candidate = left.pop(0)
        records = place_order(plan, candidate, worker, observer.chosen)
        report = worker.follow(records, goal, observer.display(session), timeout=options.timeout)
        if report.interrupted or not report.in_time or not left or not may_move_on(report.records):
            return report


def place_order(
    plan: OrderPlan,
    candidate: Candidate,
    worker: Worker,
    chosen: Callable[[OrderPlan, Candidate], None],
    known: Collection[str] | None = None,
) -> list[JobRecord]:
    """Record the order's jobs at one service, to be followed; `chosen` is called before anything is connected to.

    `known` is as for `Jobs.plan`. Raises as `run_order`, and `OrderedElsewhere`.
    """
    service = candidate.choice.entry, candidate.choice.origin
    worker.check(*service)  # before a folder is made
    drafts = _placed(candidate, check_target(candidate))
    worker.own(*service)
    chosen(plan, candidate)
    worker.reach(*service)
    return worker.record(drafts, resubmit=plan.options.resubmit, budget=plan.budget, known=known)


class TargetCheck(NamedTuple):
    """What is where the pictures are to go: the folders they need, and for each job the files it may replace.

    The files are paths, each with its fingerprint.
    """

    folders: tuple[Path, ...]
    replaces: tuple[Mapping[str, str], ...]


def check_target(candidate: Candidate) -> TargetCheck:
    """Look at where the pictures of an order will go, and change nothing there. Raises `UsageProblem`."""
    from imgen.pictures.naming import existing
    from imgen.pictures.place import fingerprint

    folders: dict[Path, None] = {}
    replaces = []
    for draft in candidate.drafts:
        overwrite = draft.target.overwrite
        with bad_targets():
            known = _certain(candidate.choice, draft)
            taken = existing(known.files, overwrite=overwrite)
        if taken:
            hint = "Name another one with -o." if taken.is_dir() else "Name another one with -o, or add --overwrite."
            raise UsageProblem(f"{taken} exists already.", hint)
        folders |= dict.fromkeys(known.folders)
        marks = {str(path): fingerprint(path) for path in known.files} if overwrite else {}
        replaces.append({path: mark for path, mark in marks.items() if mark})
    return TargetCheck(tuple(folders), tuple(replaces))


def _certain(choice: Choice, draft: Draft) -> Certain:
    """The files and folders that the pictures of one job are certain to need. Raises `BadTarget`."""
    from imgen.pictures.naming import asked_format, certain, slug
    from imgen.pictures.verify import EXTENSIONS, known_format

    target = draft.target
    return certain(
        replace(target, pictures_in_run=target.first_index + draft.request.count - 1),
        slug=slug(choice.request.prompt),
        ext=EXTENSIONS[asked_format(target.template) or known_format(choice.request.format) or "png"],
        provider=choice.entry.name,
        model=choice.model.family,
        aspect=choice.request.aspect,
        date=datetime.now().astimezone().strftime("%Y-%m-%d"),
    )


def _placed(candidate: Candidate, check: TargetCheck) -> list[Draft]:
    """The jobs with consent to replace what is there, and every folder known by now made and proved writable."""
    from imgen.pictures.naming import prepare

    private = candidate.drafts[0].target.to_stdout  # copies are kept in a folder of ours
    with bad_targets():
        for folder in check.folders:
            prepare(folder, private=private)
    return [
        draft._replace(target=replace(draft.target, replaces=replaces))
        for draft, replaces in zip(candidate.drafts, check.replaces, strict=True)
    ]


def _target(choice: Choice, options: RunOptions, setup: OrderSetup, stem: str | None, pictures: int) -> Target:
    from imgen.pictures.naming import STDOUT, parse_output
    from imgen.pictures.verify import known_format

    if options.output == STDOUT:  # files are named as they come; a stream must be known to take one picture only
        pictures = max(pictures, pictures_ordered(choice.request.count, choice.request.extras) or 0)
    with bad_targets():
        target = parse_output(
            options.output,
            cwd=options.folder or setup.cwd,
            pictures=pictures,
            overwrite=options.overwrite,
            format=known_format(choice.request.format) if options.format else None,
            kept=setup.kept,
            stem=stem,
        )
    return replace(target, tag=options.tag)


@contextmanager
def bad_targets() -> Iterator[None]:
    """A place where pictures cannot go is a usage problem."""
    from imgen.pictures.template import BadTarget

    try:
        yield
    except BadTarget as error:
        raise UsageProblem(error.message, error.hint, about="output") from error


def _past_seconds(choice: Choice, session: Session) -> float | None:
    """How many seconds jobs like this took so far, by the ledger; None where there are too few."""
    if session.is_new:
        return None
    taken = session.ledger.jobs.seconds_taken(choice.entry.name, choice.model.remote_id, choice.request.resolution)
    if len(taken) < ENOUGH:
        return None
    from statistics import median

    return median(taken)

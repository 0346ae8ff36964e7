"""A run of `imgen batch`: what is missing or changed is found in the ledger or ordered, followed, and put in place.

Each order goes through `jobs/run_order`: it is planned in the ledger before anything is sent, and one job at a time is
this asset's. A few are under way at once, in one follower; of the rest nothing is planned, so that a run which is
killed leaves little behind.
"""

from __future__ import annotations

from collections import Counter, deque
from contextlib import contextmanager
from typing import TYPE_CHECKING

from imgen.batch.delivery import Deliveries, FileInTheWay, NotDelivered
from imgen.batch.disk import file_sha256
from imgen.batch.offers import order_of
from imgen.batch.options import Mode
from imgen.batch.paid import PaidJobs, has_failed, numbers, order_key, original, since
from imgen.batch.recipe import recipe
from imgen.batch.report import TROUBLED, AssetResult, Outcome, Tally
from imgen.batch.standing import Item, Standing, Work
from imgen.errors import ExitCode, ImgenError, LedgerUnusable, Problem
from imgen.fleet.ordering import Queueing
from imgen.jobs.report import combined, exit_code, may_move_on
from imgen.jobs.run_order import RunOptions, plan_order
from imgen.ledger.planning import OrderedElsewhere
from imgen.money.budget import best_known
from imgen.records import OPEN, UNKNOWN, Cost, JobRecord, State

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from imgen.batch.lock import Locked
    from imgen.batch.options import BatchOptions, Means, Observer
    from imgen.batch.run_budget import RunBudget
    from imgen.batch.standing import Project
    from imgen.jobs.report import Goal

_YOUR_CHOICE = "--adopt takes the file as it is, --force makes it anew"
_GOOD = (Outcome.CURRENT, Outcome.MADE, Outcome.FOUND, Outcome.CONVERTED)


class Run:
    """The assets of a project as a feed of jobs for one follower; `results` grows as they end."""

    def __init__(
        self, project: Project, means: Means, options: BatchOptions, budget: RunBudget, observer: Observer
    ) -> None:
        self.results: dict[str, AssetResult] = {}
        self._codes: set[ExitCode] = set()
        self._project = project
        self._means = means
        self._options = options
        self._budget = budget
        self._observer = observer
        folder, lock = project.manifest.folder, project.lock
        self._deliveries = Deliveries(folder, lock, means.originals, means.clock, observer.note)
        paths = {item.asset.path for item in project.found.items}
        held = {path: each for path, each in lock.assets.items() if path in paths}
        self._paid = PaidJobs(means.session.ledger, held, sandbox=options.sandbox)
        self._numbers = numbers(project.manifest.assets)
        self._began = means.clock.monotonic()
        self._flight: dict[str, Work] = {}
        self._ordered: set[str] = set()  # ids of the jobs that this run ordered
        self._again: deque[JobRecord] = deque()
        self._ready: deque[Item] = deque()
        self._blocked: Counter[str] = Counter()
        self._children: dict[str, list[Item]] = {}
        self._counts: Counter[Outcome] = Counter()
        self._is_stopped = False
        self._total = 0
        self._pending: list[tuple[Work, Queueing]] = []  # to be queued together
        self._sort_out()
        if options.mode is not Mode.MAKE:  # which is over at once, so that what was read does not become old
            keys = [order_key(item.recipe, self._numbers[item.asset.path]) for item in self._ready if item.recipe]
            self._paid.look_ahead(keys)

    def _sort_out(self) -> None:
        """What is current is over; the rest waits for what it goes on from."""
        chosen = self._options.selected
        items = [
            item
            for item in self._project.found.items
            if chosen is None or item.asset.path in chosen or item.standing is Standing.CURRENT
        ]
        self._total = len(items)
        waiting = {item.asset.path for item in items if item.standing is not Standing.CURRENT}
        for item in items:
            before = waiting.intersection(item.asset.goes_on_from)
            self._blocked[item.asset.path] = len(before)
            for path in before:
                self._children.setdefault(path, []).append(item)
        for item in items:
            if item.standing is Standing.CURRENT:
                self._end(item, Outcome.CURRENT)
            elif not self._blocked[item.asset.path]:
                self._ready.append(item)

    @property
    def exit_code(self) -> ExitCode:
        """The one exit code of all assets; what is under way does not make those that are done a mixed result."""
        if self._codes == {ExitCode.DONE, ExitCode.UNFINISHED}:
            return ExitCode.UNFINISHED
        return combined(self._codes)

    @property
    def tally(self) -> Tally:
        """How far it is. The time to go is what the assets took so far, for those that are left."""
        over = sum(self._counts.values()) - self._counts[Outcome.CURRENT]
        left = self._total - sum(self._counts.values())
        took = self._means.clock.monotonic() - self._began
        return Tally(
            total=self._total,
            counts=dict(self._counts),
            waiting=len(self._flight),
            spent="free" if self._options.sandbox else self._budget.so_far(),
            budget=self._budget.most,
            remaining=took / over * left if over and left else None,
        )

    def asset_of(self, job_id: str) -> str:
        """The path of the asset that a job under way is for; of another job, its id."""
        work = self._flight.get(job_id)
        return work.item.asset.path if work else job_id

    def going_on(self) -> list[JobRecord]:
        """The jobs under way, as the ledger has them: those that go on without this process."""
        return self._means.session.ledger.jobs.get_many(list(self._flight))

    def close(self) -> None:
        """Write what the lock does not have yet."""
        self._deliveries.write(at_once=True)

    # The feed ---------------------------------------------------------------------------------------------

    @property
    def over(self) -> bool:
        """Whether no more jobs will come."""
        return not self._again and not self._ready and not self._flight and not self._pending

    @property
    def waits(self) -> bool:
        """Whether none can come until a job ends."""
        return not self._again and not self._ready

    def more(self, room: int) -> Sequence[JobRecord]:
        """The jobs of at most `room` further assets; some assets have none, because they end at once."""
        records: list[JobRecord] = []
        for _ in range(room):
            if not self._again and self._ready:
                self._begin(self._ready.popleft())
            if self._again:
                records.append(self._again.popleft())
        if self._pending and not self._ready:
            self._queue_pending()
        self._deliveries.write()
        return records

    def goal(self, record: JobRecord) -> Goal:
        """How far a job is followed."""
        return self._options.goal(record)

    def ended(self, record: JobRecord, problem: Problem | None) -> None:
        """A job was followed to where this run follows it."""
        work = self._flight.pop(record.id)
        self._budget.ended(record)
        with self._own_trouble(work.item, record):
            self._after(work, record, problem)
        self._deliveries.write()

    def _after(self, work: Work, record: JobRecord, problem: Problem | None) -> None:
        match record.state:
            case State.SAVED:
                self._deliver(work, record, Outcome.MADE if work.plan else Outcome.FOUND)
            case State.UNCERTAIN:
                self._end(work.item, Outcome.UNCERTAIN, record, problem, ExitCode.UNCERTAIN)
            case State.PLANNED | State.SUBMITTING | State.QUEUED | State.RUNNING | State.READY:
                code = exit_code(record, problem) if problem else ExitCode.DONE
                outcome = Outcome.WAITING if code in (ExitCode.DONE, ExitCode.UNFINISHED) else Outcome.FAILED
                self._end(work.item, outcome, record, problem, code)
            case State.FAILED | State.CANCELLED if work.left and not self._is_stopped and may_move_on([record]):
                self._place(work)
            case State.EXPIRED:
                lost = problem and problem._replace(hint=f"imgen batch --force '{work.item.asset.path}' buys it again.")
                self._end(work.item, Outcome.FAILED, record, lost, ExitCode.EXPIRED)
            case State.FAILED | State.CANCELLED:
                self._end(work.item, Outcome.FAILED, record, problem, exit_code(record, problem))

    # One asset --------------------------------------------------------------------------------------------

    def _begin(self, item: Item) -> None:
        """End an asset at once, or put a job of it under way."""
        with self._own_trouble(item):
            asset = item.asset
            if held := next((path for path in asset.goes_on_from if not self._is_made(path)), None):
                self._hold(item, held)
                return
            root = self._project.manifest.folder.root
            made_from = item.recipe or recipe(asset, self._sha256, lambda path: file_sha256(root / path))
            work = Work(item, made_from, order_key(made_from, self._numbers[asset.path]), self._now(), item.standing)
            work.standing = self._standing(work)
            match work.standing:
                case Standing.CURRENT:
                    self._end(item, Outcome.CURRENT)
                case Standing.CONVERT:
                    self._convert(work)
                case Standing.EDITED | Standing.UNLOCKED:
                    self._recognise(work)
                case Standing.MISSING | Standing.CHANGED | Standing.SANDBOX | Standing.FORCED:
                    self._make(work)

    def _hold(self, item: Item, held: str) -> None:
        """An asset cannot begin, because one that it goes on from is not made."""
        match self.results[held].outcome if held in self.results else None:
            case Outcome.SKIPPED:
                self._end(item, Outcome.SKIPPED)
            case Outcome.WAITING if self._options.mode is not Mode.MAKE:
                self._end(item, Outcome.SKIPPED)
            case Outcome.WAITING:
                reason = f"{item.asset.path} goes on from {held}, which is under way: the next run orders it."
                self._end(item, Outcome.WAITING, None, Problem("unfinished", reason), ExitCode.UNFINISHED)
            case _:
                self._leave(item, f"goes on from {held}, which is not made")

    def _standing(self, work: Work) -> Standing:
        """How an asset stands, now that all it goes on from is made: it may have come out as before."""
        item, locked, asset = work.item, work.item.locked, work.item.asset
        is_known = item.recipe is not None or item.standing is not Standing.CHANGED
        if is_known or locked is None or locked.recipe != work.made_from:
            return item.standing
        if locked.sandbox and not self._options.sandbox:
            return Standing.SANDBOX
        if not self._project.manifest.folder.path(asset.path).exists():
            return Standing.MISSING
        same = (asset.max_width, asset.tag) == (locked.max_width, locked.tag)
        return Standing.CURRENT if same else Standing.CONVERT

    def _is_made(self, path: str) -> bool:
        result = self.results.get(path)
        return self._deliveries.locked(path) is not None and (result is None or result.outcome in _GOOD)

    def _sha256(self, path: str) -> str:
        locked = self._deliveries.locked(path)
        assert locked
        return locked.sha256

    def _make(self, work: Work) -> None:
        """Use a job that was paid for, or order a new one."""
        item, locked, path = work.item, work.item.locked, work.item.asset.path
        if self._options.sandbox and locked and not locked.sandbox:
            self._leave(item, "was not made in the sandbox, which replaces no other picture")
            return
        if work.standing is Standing.FORCED:
            work.ours = self._there(path)
        elif locked:
            work.ours = frozenset({locked.sha256})
        jobs = self._paid.ordered(work.key)
        work.known = tuple(record.id for record in jobs)
        usable = self._paid.usable(since(jobs, locked) if work.standing is Standing.FORCED else jobs, path)
        if self._options.resubmit:
            usable = [record for record in usable if record.state is not State.UNCERTAIN]
        bought = locked if work.standing is Standing.MISSING and locked and locked.job else None
        if not usable and bought and bought.recipe == work.made_from:
            mine = self._paid.locked_job(bought)
            usable = self._paid.usable([mine] if mine else [], path)
        if usable:
            self._use(work, usable[0])
        elif bought:
            here = "git checkout may bring the file back, --force buys it again"
            self._leave(item, f"was bought as job {bought.job}, whose picture is not here: {here}")
        elif self._options.retry_failed and not any(map(has_failed, jobs)):
            self._end(item, Outcome.SKIPPED)
        else:
            self._order(work)

    def _there(self, path: str) -> frozenset[str]:
        """The hash of the file that a user wants to have replaced."""
        try:
            return frozenset({file_sha256(self._project.manifest.folder.path(path))})
        except FileNotFoundError:
            return frozenset()

    def _use(self, work: Work, record: JobRecord) -> None:
        """Take a job that is in the ledger: nothing is bought."""
        self._paid.take(record.id, work.item.asset.path)
        if self._picture(record):
            self._deliver(work, record, Outcome.FOUND)
        elif record.state in OPEN and (self._options.wait is False or self._options.mode is not Mode.MAKE):
            self._wait(work, record)
        elif self._options.mode is not Mode.MAKE:
            self._not_collected(work, record)
        else:
            if record.state in (State.SAVED, State.EXPIRED):
                [record] = self._means.session.reopen_deleted([record])
            self._flight[record.id] = work
            self._again.append(record)

    def _recognise(self, work: Work) -> None:
        """Lock a file that a paid picture makes, as after a kill or a lost lock; another one is the user's."""
        item, path = work.item, work.item.asset.path
        found = self._paid.usable(self._paid.ordered(work.key), path)
        pictures = [(record, picture) for record in found if (picture := original(record))]
        if known := self._deliveries.recognise(item.asset, pictures, work.made_from):
            self._paid.take(known[1].id, path)
            self._end(item, Outcome.FOUND, known[1])
        else:
            self._leave(item, f"{item.reason}: {_YOUR_CHOICE}")

    def _convert(self, work: Work) -> None:
        item, locked = work.item, work.item.locked
        assert locked
        job = self._paid.locked_job(locked)
        picture = original(job) if job else None
        if self._deliveries.convert(item.asset, locked, picture, work.made_from):
            self._end(item, Outcome.CONVERTED, job)
        else:
            fetch = f"imgen download {locked.job} may fetch it" if locked.job else "--force makes it anew"
            self._leave(item, f"{item.reason}; its original is not here: {fetch}")

    def _deliver(self, work: Work, record: JobRecord, outcome: Outcome) -> None:
        """Put the picture of a job in its place, and into the lock."""
        picture = self._picture(record)
        if picture is None:
            raise NotDelivered(f"The picture of job {record.id} is not here.", f"imgen download {record.id}")
        self._deliveries.deliver(work.item.asset, picture, record, work.made_from, work.ours)
        self._end(work.item, outcome, record, began=work.began)

    def _picture(self, record: JobRecord) -> Path | None:
        """The picture of a job as it came: on this disk, or fetched from the storage that a fleet saves in."""
        return original(record) or self._means.fetched(record)

    def _wait(self, work: Work, record: JobRecord) -> None:
        """The asset's job goes on without this run."""
        is_late = self._options.mode is Mode.COLLECT
        self._end(work.item, Outcome.WAITING, record, code=ExitCode.UNFINISHED if is_late else ExitCode.DONE)

    def _not_collected(self, work: Work, record: JobRecord) -> None:
        if record.state is State.UNCERTAIN:
            self._end(work.item, Outcome.UNCERTAIN, record, record.problem, ExitCode.UNCERTAIN)
        else:
            self._leave(work.item, f"was made as job {record.id}, whose picture is not in the storage")

    # Orders -----------------------------------------------------------------------------------------------

    def _order(self, work: Work) -> None:
        asset, options, means = work.item.asset, self._options, self._means
        if options.mode is Mode.COLLECT:
            self._end(work.item, Outcome.SKIPPED)
            return
        run_options = RunOptions(
            output="{id}.{ext}",
            folder=means.originals,
            allow_unknown_cost=options.allow_unknown_cost,
            resubmit=options.resubmit,
        )
        basis = means.basis(asset) if asset.references else None
        order = order_of(asset, sandbox=options.sandbox)
        plan = plan_order(order, run_options, means.setup, means.session, basis)
        if plan.over_budget:
            raise plan.over_budget
        work.plan = plan
        work.left = [
            one._replace(drafts=tuple(draft._replace(request_key=work.key) for draft in one.drafts))
            for one in self._budget.fitting(plan.candidates)
        ]
        self._place(work)

    def _place(self, work: Work) -> None:
        """Plan the asset's job at the next service that is left for it."""
        assert work.plan
        candidate = work.left.pop(0)
        if self._options.mode is Mode.QUEUE:
            self._budget.reserve(candidate.drafts)
            self._pending.append((work, Queueing(work.plan, candidate, work.known)))
            return
        try:
            [record] = self._means.place(work.plan, candidate, work.known)
        except OrderedElsewhere:
            self._use_other(work)
            return
        self._placed(work, record)
        self._flight[record.id] = work
        self._again.append(record)

    def _queue_pending(self) -> None:
        """Put all that is to be ordered into the queue in one commit, as far as it is within the budget."""
        pending, self._pending = self._pending, []
        outcomes = self._means.queue([order for _, order in pending])
        for (work, order), outcome in zip(pending, outcomes, strict=True):
            self._budget.release(order.candidate.drafts)
            with self._own_trouble(work.item):
                match outcome:
                    case OrderedElsewhere():
                        self._use_other(work)
                    case JobRecord():
                        self._placed(work, outcome)
                        self._wait(work, outcome)
                    case _:
                        raise outcome

    def _placed(self, work: Work, record: JobRecord) -> None:
        """The asset's job is in the ledger."""
        work.known = (*work.known, record.id)
        self._ordered.add(record.id)
        self._budget.ordered(record)
        self._paid.take(record.id, work.item.asset.path)

    def _use_other(self, work: Work) -> None:
        """Another run has just ordered the same."""
        work.plan, work.left = None, []
        self._use(work, self._paid.usable(self._paid.ordered(work.key), work.item.asset.path)[0])

    # Ends -------------------------------------------------------------------------------------------------

    @contextmanager
    def _own_trouble(self, item: Item, record: JobRecord | None = None) -> Iterator[None]:
        """What goes wrong with one asset is its own trouble: the others go on."""
        try:
            yield
        except LedgerUnusable:
            raise
        except FileInTheWay as error:
            self._end(item, Outcome.LEFT, record, error.problem, error.exit_code)
        except ImgenError as error:
            self._end(item, Outcome.FAILED, record, error.problem, error.exit_code)
        except OSError as error:
            name = error.filename or item.asset.path
            reason = f"{name} cannot be read: {(error.strerror or str(error)).lower()}."
            self._end(item, Outcome.FAILED, record, Problem("disk", reason), ExitCode.NOT_SAVED)

    def _leave(self, item: Item, reason: str) -> None:
        path = item.asset.path
        self._end(item, Outcome.LEFT, None, Problem("left", f"{path} {reason}."), ExitCode.DIFFERENT)

    def _end(
        self,
        item: Item,
        outcome: Outcome,
        record: JobRecord | None = None,
        problem: Problem | None = None,
        code: ExitCode = ExitCode.DONE,
        *,
        began: float | None = None,
    ) -> None:
        """An asset is as it will be after this run; what goes on from it can begin."""
        path = item.asset.path
        locked = self._deliveries.locked(path) if outcome in _GOOD else None
        result = AssetResult(
            path=path,
            line=self._project.manifest.line(item.asset),
            outcome=outcome,
            cost=best_known(record) if record else _locked_cost(locked),
            seconds=self._now() - began if began is not None else 0.0,
            size=locked.size if locked else None,
            service=record.provider if record else locked.service if locked else None,
            model=record.request.model if record else locked.model if locked else None,
            job_id=record.id if record else locked.job if locked else None,
            ordered_before=record is not None and record.id not in self._ordered,
            problem=problem,
        )
        self.results[path] = result
        self._counts[outcome] += 1
        if outcome is not Outcome.SKIPPED:
            self._codes.add(code)
        self._observer.ended(result)
        for child in self._children.pop(path, ()):
            self._blocked[child.asset.path] -= 1
            if not self._blocked[child.asset.path]:
                self._ready.append(child)
        if self._options.fail_fast and outcome in TROUBLED and not self._is_stopped:
            self._stop()

    def _stop(self) -> None:
        """Begin nothing more; what is under way is followed to its end."""
        self._is_stopped = True
        self._ready.clear()
        self._pending.clear()
        under_way = {work.item.asset.path for work in self._flight.values()}
        for item in self._project.found.items:
            path = item.asset.path
            if path in self._blocked and path not in self.results and path not in under_way:
                self._end(item, Outcome.SKIPPED)

    def _now(self) -> float:
        return self._means.clock.monotonic()


def _locked_cost(locked: Locked | None) -> Cost:
    return Cost(locked.cost.amount, locked.cost.unit) if locked and locked.cost else UNKNOWN

"""A person's whole program on a test's clock: real ledger, real sandbox over real sockets, no waiting."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, ClassVar

from cli.clock import FakeClock
from imgen.config.config import Config
from imgen.jobs.report import Goal, Report
from imgen.jobs.session import Session
from imgen.jobs.worker import Worker
from imgen.orders.drafts import split
from imgen.orders.matching import possible
from imgen.orders.order import Order
from imgen.pictures.naming import parse_output
from imgen_providers.catalog import SERVICES
from imgen_providers.sandbox.faults import parse_faults
from imgen_providers.sandbox.server import SandboxServer

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path
    from types import TracebackType

    from imgen.jobs.progress import JobView
    from imgen.records import Draft, JobRecord
    from imgen_providers.base import Job, Json, Request, Service


@dataclass
class Watcher:
    """A display that keeps everything it was shown."""

    interval: float = 0.5
    shown: list[tuple[JobView, ...]] = field(default_factory=list)
    said: list[str] = field(default_factory=list)

    def show(self, jobs: Sequence[JobView]) -> None:
        self.shown.append(tuple(jobs))

    def say(self, text: str) -> None:
        self.said.append(text)

    def close(self) -> None:
        pass

    def states(self) -> list[str]:
        """The states of the first job, each once, in the order they were shown."""
        return list(dict.fromkeys(jobs[0].state.value for jobs in self.shown if jobs))

    def activities(self) -> set[str]:
        """Every activity any job was shown with."""
        return {job.activity for jobs in self.shown for job in jobs if job.activity}


class OddService:
    """A service as the sandbox plays it, whose answers a test bends: with a bug of ours, or as no sandbox answers."""

    def __init__(
        self,
        service: Service,
        submitted: Callable[[Request, Job], Job] = lambda _, job: job,
        refreshed: Callable[[Job], Job] = lambda job: job,
    ) -> None:
        self._service = service
        self._submitted = submitted
        self._refreshed = refreshed

    def submit(self, request: Request) -> Job:
        return self._submitted(request, self._service.submit(request))

    def refresh(self, job: Job) -> Job:
        return self._refreshed(self._service.refresh(job))

    def preview(self, request: Request) -> tuple[str, Json]:
        return self._service.preview(request)


class Bench:
    """One machine with one sandbox, `seconds` a job on the fake clock; processes come and go on it.

    The services go by the same clock, unless `now` is theirs. `ledger_url` is the database of its ledger, None for a
    file; by that clock, too.
    """

    ledger_url: ClassVar[str | None] = None

    def __init__(
        self,
        folder: Path,
        *,
        faults: str = "",
        seconds: float = 30.0,
        clock: FakeClock | None = None,
        now: Callable[[], float] | None = None,
    ) -> None:
        self.clock = clock or FakeClock()
        self.folder = folder
        self.log: list[str] = []
        self.said: list[str] = []
        self.just_before: dict[str, Callable[[], object]] = {}
        self.watcher = Watcher()
        self._stack = ExitStack()
        self.server = self._stack.enter_context(
            SandboxServer(
                folder / "sandbox",
                seconds=seconds,
                faults=parse_faults(faults),
                now=now or self.clock.wall,
                log=self._note,
            )
        )
        variables = {entry.origin_variable: self.server.origin for entry in SERVICES.values()}
        keys = {entry.key_variable: "not-a-real-key" for entry in SERVICES.values()}
        home = {"IMGEN_HOME": str(folder / "home")}
        ledger = {"IMGEN_LEDGER": self.ledger_url} if self.ledger_url else {}
        self.config = Config({**variables, **keys, **home, **ledger}, folder)
        self.session = Session(self.config, self.clock, self.said.append)
        self._working: Worker | None = None

    def _note(self, line: str) -> None:
        """A request was read and its answer is about to leave: `just_before` says what happens now, once."""
        self.log.append(line)
        for text in [text for text in self.just_before if text in line]:
            self.just_before.pop(text)()

    def __enter__(self) -> Bench:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._working:
            self._working.close()
        self.session.close()
        self._stack.close()

    def die(self) -> None:
        """The process that ordered dies without a word, and another one begins."""
        assert self._working
        self._working.close()
        self._working = None
        self.session.close()
        self._open()

    def restart(self) -> None:
        """Another process begins, with a session of its own."""
        self._working = None
        self._open()

    def _open(self) -> None:
        """As every command that has to do with jobs: with the ledger, whole and its orphans closed."""
        self.session = Session(self.config, self.clock, self.said.append)
        _ = self.session.ledger

    def requests(self, text: str) -> list[str]:
        """The lines of the server's log that hold a text."""
        return [line for line in self.log if text in line]

    def submits(self) -> int:
        """How many paid requests reached a service."""
        return len([line for line in self.requests("POST") if "/upload" not in line])

    def order(
        self,
        prompt: str = "a red fox",
        *,
        count: int = 1,
        resolution: str = "0.5K",
        format: str | None = "png",
        provider: str = "3daistudio",
        model: str | None = None,
        output: str | None = None,
        overwrite: bool = False,
        resubmit: bool = False,
        options: Mapping[str, Json] | None = None,
    ) -> list[JobRecord]:
        """Record the jobs of one order, as `imgen generate` would; the next `follow` is of the same process."""
        resolved = Order(prompt, provider, model, None, resolution, format, count, sandbox=False, options=options or {})
        choice = possible(resolved, self.config.accounts)[0]
        target = parse_output(
            output, cwd=self.folder / "out", pictures=count, overwrite=overwrite, format=None, kept=self.folder / "kept"
        )
        return self.record(split(choice, target, project=self.config.project), resubmit=resubmit)

    def record(self, drafts: Sequence[Draft], *, resubmit: bool = False) -> list[JobRecord]:
        """Record jobs; the next `follow` is of the same process."""
        return self.work().record(drafts, resubmit=resubmit)

    def work(self) -> Worker:
        """The process at work, begun now if there is none."""
        self._working = self._working or Worker(self.session, self.config, self.clock)
        return self._working

    def bend(
        self,
        provider: str,
        *,
        submitted: Callable[[Request, Job], Job] = lambda _, job: job,
        refreshed: Callable[[Job], Job] = lambda job: job,
    ) -> None:
        """Until the process ends, what a service answers goes through these."""
        services, origin = self.work()._services, self.config.accounts.origin(SERVICES[provider])
        connection = services.connection(provider, origin)
        odd = OddService(connection.service, submitted, refreshed)
        services._open[provider, origin] = connection._replace(service=odd)

    def follow(self, records: Sequence[JobRecord], goal: Goal = Goal.PICTURES, timeout: float | None = None) -> Report:
        """Follow jobs in the process that ordered last, or else in a new one, which ends afterwards."""
        working = self._working or Worker(self.session, self.config, self.clock)
        try:
            return working.follow(records, goal, self.watcher, timeout=timeout)
        finally:
            self._working = None
            working.close()

    def generate(self, prompt: str = "a red fox", *, count: int = 1, timeout: float | None = None) -> Report:
        """Order and follow to the pictures."""
        return self.follow(self.order(prompt, count=count), timeout=timeout)

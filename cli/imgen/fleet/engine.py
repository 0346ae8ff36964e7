"""Procrastinate, the queue of a fleet's workers. It is used for three things: defer, take, and take again later.

A job in the queue carries the id of a row of the ledger and nothing else. That nothing is bought twice is the ledger's
doing: the queue may hand a job to several workers, and to none for a while.
"""

from __future__ import annotations

import asyncio
import logging
import threading
from contextlib import asynccontextmanager, suppress
from typing import TYPE_CHECKING, Any

from imgen.config.config import SANDBOX
from imgen.errors import BadConfiguration

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Collection, Iterable, Mapping, Sequence
    from concurrent.futures import Future

    from procrastinate import App
    from procrastinate.jobs import Job
    from procrastinate.types import JSONDict

    from imgen.ledger.postgres.address import Address

FORMAT = 1
"""Of the jobs in a queue; a worker does not fetch from the queues of another format."""

_TASK = "imgen.follow"
_HEARTBEAT = 3.0  # seconds
STALLED = 10.0  # seconds without one, after which a worker counts as gone
_POLL = 2.0  # seconds between two looks into the queue, where no notification comes
_GRACE = 5.0  # seconds for jobs to be given back when a worker stops (GitHub kills 10 s after the first signal)
_RECONNECT = 0.5  # seconds before the next try, once the database has gone
_CONNECTIONS = 3


def queue_of(provider: str, origin: str) -> str:
    """The queue of a service's jobs; the sandbox's have one of their own, for they need no key."""
    return f"{SANDBOX if origin == SANDBOX else provider}/{FORMAT}"


class Again(Exception):
    """The job is to be taken again, by any worker, in `seconds`."""

    def __init__(self, seconds: float) -> None:
        super().__init__(seconds)
        self.seconds = seconds


class Engine:
    """The queue in the database of one ledger."""

    def __init__(self, address: Address) -> None:
        from procrastinate import App, SyncPsycopgConnector

        # What it logs are its own restarts, and with them the arguments of connections.
        for name in ("procrastinate", "psycopg.pool"):
            logging.getLogger(name).setLevel(logging.CRITICAL)
        self._address = address
        self._deferring = App(connector=SyncPsycopgConnector())  # never opened: it uses the connection that it is given

    def defer_all(self, connection: object, queues: Mapping[str, Sequence[str]]) -> dict[str, int]:
        """Put jobs into queues within the transaction of a psycopg connection; returns by job its id in the queue."""
        found: dict[str, int] = {}
        for queue, job_ids in queues.items():
            task = self._deferring.configure_task(_TASK, queue=queue, connection=connection)
            jobs: list[JSONDict] = [{"job_id": job_id} for job_id in job_ids]
            found |= zip(job_ids, task.batch_defer(*jobs), strict=True)
        return found

    def worker(self, queues: Iterable[str], take: Callable[[str], Future[None]], concurrency: int) -> EngineWorker:
        """What takes jobs from these queues, at most `concurrency` at a time; `take` must return at once."""
        return EngineWorker(self._address, sorted(queues), take, concurrency)


def tables() -> str:
    """The statements that make Procrastinate's tables, in the first schema of the search path."""
    from procrastinate.schema import SchemaManager

    return SchemaManager.get_schema()


def version() -> str:
    """Procrastinate's own version, which its tables belong to."""
    from importlib.metadata import version

    return version("procrastinate")


def check_version(found: str | None) -> None:
    """Raises `BadConfiguration` where the queue's tables were not made, or belong to another Procrastinate."""
    if found is None:
        raise BadConfiguration("The ledger has no tables for a queue yet.", "imgen fleet init")
    mine = version()
    if found.split(".")[:2] != mine.split(".")[:2]:
        raise BadConfiguration(
            f"The ledger's queue is of Procrastinate {found}, and this machine has {mine}. Nothing was sent.",
            "Install the same imgen on every machine, then once no worker runs:\nimgen fleet upgrade",
        )


class EngineWorker:
    """A thread that takes jobs from the queue; each is held until the future that `take` returned is done.

    A future that fails with `Again` gives its job back to the queue.
    """

    def __init__(
        self, address: Address, queues: Collection[str], take: Callable[[str], Future[None]], concurrency: int
    ) -> None:
        self._app = _open_app(address)
        self._queues = list(queues)
        self._concurrency = concurrency
        self._loop = asyncio.new_event_loop()
        self._stopped = asyncio.Event()
        self._thread = threading.Thread(target=self._run, name="queue", daemon=True)
        _add_follow_task(self._app, take)

    def start(self) -> None:
        """Begin to take jobs."""
        self._thread.start()

    def stop(self) -> None:
        """Take no more jobs; those held have some seconds to be given back, and are then. Returns at once."""
        with suppress(RuntimeError):  # it has ended already
            self._loop.call_soon_threadsafe(self._stopped.set)

    def join(self) -> None:
        """Wait until every job is given back."""
        self._thread.join(2 * _GRACE)

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        # What it would print are ends of jobs that another worker has taken over since: the ledger decides, not this.
        self._loop.set_exception_handler(lambda *_: None)
        try:
            self._loop.run_until_complete(self._work())
        finally:
            self._loop.close()

    async def _work(self) -> None:
        """Work through restarts of the database: Procrastinate's worker ends with each."""
        from procrastinate.exceptions import ProcrastinateException
        from psycopg import Error

        while not self._stopped.is_set():
            with suppress(ProcrastinateException, Error, OSError, RuntimeError):
                async with self._app.open_async():
                    await self._work_once()
            with suppress(TimeoutError):
                await asyncio.wait_for(self._stopped.wait(), _RECONNECT)

    async def _work_once(self) -> None:
        working = asyncio.ensure_future(
            self._app.run_worker_async(
                queues=self._queues,
                concurrency=self._concurrency,
                install_signal_handlers=False,
                fetch_job_polling_interval=_POLL,
                shutdown_graceful_timeout=_GRACE,
                delete_jobs="successful",
                update_heartbeat_interval=_HEARTBEAT,
                stalled_worker_timeout=STALLED,
            )
        )
        stopping = asyncio.ensure_future(self._stopped.wait())
        await asyncio.wait((working, stopping), return_when=asyncio.FIRST_COMPLETED)
        stopping.cancel()
        working.cancel()
        with suppress(asyncio.CancelledError):
            await working


def _open_app(address: Address) -> App:
    """Procrastinate on a pool of its own; each statement finds its tables in whatever connection a pooler gives it."""
    from procrastinate import App, PsycopgConnector

    from imgen.ledger.postgres.database import END_IF_IDLE

    class Connector(PsycopgConnector):
        """As pgbouncer in transaction mode needs it: nothing is prepared, and no setting outlives a transaction.

        Procrastinate's workers wait for each other's locks before they take their first job.
        """

        @asynccontextmanager
        async def _get_cursor(self, connection: Any = None) -> AsyncIterator[Any]:  # noqa: ANN401  (psycopg's)
            async with super()._get_cursor(connection) as cursor:
                await cursor.execute(f"SET LOCAL search_path TO {address.engine_schema}; {END_IF_IDLE}")
                yield cursor

    settings = {"prepare_threshold": None}
    return App(
        connector=Connector(conninfo=address.conninfo, min_size=1, max_size=_CONNECTIONS, timeout=10, kwargs=settings)
    )


def _add_follow_task(app: App, take: Callable[[str], Future[None]]) -> None:
    """The one task of the queue, which never fails: it is done, or to be taken again."""
    from procrastinate import BaseRetryStrategy, RetryDecision

    class Reschedule(BaseRetryStrategy):
        """On the worker's word, when it stops, and after any trouble with the database."""

        def get_retry_decision(self, *, exception: BaseException, job: Job) -> RetryDecision:  # noqa: ARG002
            """When the job is to be taken again."""
            match exception:
                case Again(seconds=seconds) if seconds:
                    return RetryDecision(retry_in={"milliseconds": round(seconds * 1000)})
                case Again() | asyncio.CancelledError():
                    return RetryDecision()
                case _:
                    return RetryDecision(retry_in={"seconds": round(STALLED)})

    @app.task(name=_TASK, retry=Reschedule())
    async def follow(job_id: str) -> None:
        # Shielded: the follower goes on with the job when the queue's connection is lost.
        await asyncio.shield(asyncio.wrap_future(take(job_id)))

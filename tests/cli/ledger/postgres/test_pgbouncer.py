"""Behind pgbouncer in transaction mode, where every transaction may get another connection: no session lasts."""

from __future__ import annotations

import threading
import time
from contextlib import ExitStack, closing, contextmanager, suppress
from typing import TYPE_CHECKING

import psycopg
import pytest

import postgres
from cli.drafts import draft, taken
from cli.program.program import until
from imgen.errors import LedgerUnusable
from imgen.ledger.queries import Wanted
from imgen.records import State

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from cli.ledger.postgres.conftest import Fleet

_SETTINGS = """
[databases]
* = host=127.0.0.1 port={server}
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = {port}
unix_socket_dir =
auth_type = any
pool_mode = transaction
default_pool_size = {connections}
max_client_conn = 100
query_wait_timeout = 10
server_login_retry = {login_retry}
"""


@contextmanager
def pooled(
    server: postgres.Server, url: str, connections: int = 3, login_retry: int = 3
) -> Iterator[tuple[str, Callable[[], None]]]:
    """A database through a pgbouncer of its own: its URL, and what kills the pgbouncer and starts it again.

    After its server was away, it asks again in `login_retry` seconds.
    """
    assert server.folder, "the server of IMGEN_TEST_POSTGRES may have none beside it"
    port, database = postgres.free_port(), url.rpartition("/")[2]
    settings = server.folder / f"pgbouncer-{port}.ini"
    user = url.partition("//")[2].partition("@")[0]
    text = _SETTINGS.format(server=server.port, port=port, connections=connections, login_retry=login_retry)
    settings.write_text(text.replace("* = ", f"* = user={user} "))
    postgres.own(settings)
    command = postgres.as_postgres(postgres.program("pgbouncer", "/usr/sbin/pgbouncer"), "-q", str(settings))
    through, running = f"postgresql://{user}@127.0.0.1:{port}/{database}", ExitStack()

    def start() -> None:
        running.enter_context(postgres.guarded(*command))
        end = time.monotonic() + 10.0
        while time.monotonic() < end:
            with suppress(psycopg.OperationalError), closing(psycopg.connect(through, prepare_threshold=None)):
                break
            time.sleep(0.05)

    def restart() -> None:
        running.close()  # it is killed
        start()

    with running:
        start()
        yield through, restart


@pytest.fixture
def pooled_url(postgres_server: postgres.Server, postgres_url: str) -> Iterator[str]:
    """The test's database through a pgbouncer with three connections."""
    with pooled(postgres_server, postgres_url) as (url, _):
        yield url


def test_a_job_lives_through_it_and_so_do_queries(machine: Fleet, pooled_url: str) -> None:
    ledger = machine(pooled_url)
    owner = ledger.new_owner()
    ledger.jobs.plan([draft("one"), draft("two", prompt="2")], owner.name, resubmit=False)
    assert ledger.jobs.submitting("one", owner=owner.name)
    ledger.jobs.accepted("one", taken("remote"))
    ledger.jobs.running("one")
    ledger.jobs.finished("one", ["https://x/1"], link_seconds=60.0, took_seconds=1.0, conversation=None)

    assert [job.state for job in ledger.jobs.open()] == [State.READY, State.PLANNED]
    assert ledger.jobs.history(Wanted(words=("FOX",)), 0)[1] == 1
    assert len(ledger.spending.totals()) == 2
    assert ledger.is_alive(owner.name)
    owner.release()
    assert not ledger.is_alive(owner.name)


def test_many_threads_of_several_machines_share_three_connections(machine: Fleet, pooled_url: str) -> None:
    ledgers = [machine(pooled_url) for _ in range(3)]
    ledgers[0].jobs.plan([draft(f"job{n}", prompt=str(n)) for n in range(24)], "me", resubmit=False)
    sent: list[bool] = []

    def submit(number: int) -> None:
        sent.extend(ledger.jobs.submitting(f"job{number}") for ledger in ledgers)

    threads = [threading.Thread(target=submit, args=(n,)) for n in range(24)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sorted(sent) == [False] * 48 + [True] * 24


def test_nothing_of_ours_is_left_in_a_connection_for_the_next_user(machine: Fleet, pooled_url: str) -> None:
    ledger = machine(pooled_url)
    ledger.jobs.plan([draft("one")], "me", resubmit=False)

    with closing(psycopg.connect(pooled_url, prepare_threshold=None, autocommit=True)) as other:
        for _ in range(6):
            assert other.execute("SHOW search_path").fetchone() == ('"$user", public',)
            assert other.execute("SELECT count(*) FROM pg_prepared_statements").fetchone() == (0,)


def test_a_process_that_starts_while_the_pooler_has_no_server_waits_for_it(
    machine: Fleet, own_server: postgres.Server
) -> None:
    """pgbouncer asks its server again after some seconds, and turns each client away until then."""
    with pooled(own_server, own_server.make("behind_a_pooler")) as (url, _):
        own_server.control("-m", "immediate", "stop")
        until(lambda: "server login has been failing" in _refusal(url))
        with pytest.raises(LedgerUnusable, match="behind a pooler that does not reach it") as refused:
            machine(url, patience=0.5).jobs.open()
        own_server.control("start")

        assert machine(url).jobs.open() == []

    assert "the pooler tries again by itself" in str(refused.value.hint)


def _refusal(url: str) -> str:
    """What a client without anything of imgen is answered; it waits for that at first."""
    try:
        with closing(psycopg.connect(url, prepare_threshold=None)) as connection:
            connection.execute("SELECT 1")
    except psycopg.OperationalError as error:
        return str(error)
    return ""

"""What every test stands on: no network beyond this machine, an empty environment, folders of its own."""

from __future__ import annotations

import os
import secrets
import signal
import socket
import subprocess
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import certifi
import pytest
from hypothesis import HealthCheck, settings

import postgres
from cli.program.forks import FORKS
from imgen_providers.catalog import SERVICES

if TYPE_CHECKING:
    from collections.abc import Iterator

collect_ignore_glob = ["fixtures/*"]

_OURS = ("IMGEN_", "PG")
_OF_SERVICES = {
    name
    for entry in SERVICES.values()
    for name in (entry.key_variable, *entry.other_key_variables, entry.origin_variable, entry.organization_variable)
}
_SURROUNDINGS = ("NO_COLOR", "FORCE_COLOR", "CI", "GITHUB_ACTIONS", "TF_BUILD", "COLUMNS", "SSL_CERT_FILE")
_PROXIES = ("http_proxy", "https_proxy", "all_proxy", "no_proxy")


def _unignored_by_children() -> None:
    """Signals that our parent ignores (nohup, `&`) are still ignored by us, and heard by the programs we start.

    A program inherits that a signal is ignored, but no handler of ours: that becomes the default.
    """
    for name in ("SIGINT", "SIGHUP"):  # there is no SIGHUP on Windows
        number = getattr(signal, name, None)
        if number is not None and signal.getsignal(number) is signal.SIG_IGN:
            signal.signal(number, lambda _number, _frame: None)


_unignored_by_children()


def pytest_addoption(parser: pytest.Parser) -> None:
    """The proof of tests/reliability is long: without this option only its sample runs."""
    parser.addoption("--all", action="store_true", help="run the whole proof of tests/reliability (some minutes)")
    parser.addoption("--fleet", action="store_true", help="run the whole proof of tests/reliability/fleet (minutes)")
    parser.addoption("--real-start", action="store_true", help="start the program anew for each command, and fork none")
    parser.addoption("--fuzz", type=float, metavar="SECONDS", help="run nothing but tests/reliability/test_fuzz.py")


def pytest_configure(config: pytest.Config) -> None:
    """The proof starts the program as a person does."""
    if config.getoption("--real-start") or config.getoption("--all") or config.getoption("--fleet"):
        FORKS.used = False


def pytest_xdist_auto_num_workers(config: pytest.Config) -> int | None:
    """Tests wait for sockets, disks and programs: two more than there are cores; the whole proof waits most."""
    if config.getoption("--fleet"):
        return 1  # each of its tests has many processes of its own
    return 4 if config.getoption("--all") else (os.cpu_count() or 1) + 2


_ENDED = pytest.StashKey[list[str]]()
_ENDS_WITHIN = 5.0  # seconds


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any, error: object) -> None:
    """Keep how a worker of pytest-xdist ended that crashed: a signal is a negative number."""
    if error:
        with suppress(subprocess.TimeoutExpired):  # one that was interrupted lives on
            code = node.gateway._io.popen.wait(_ENDS_WITHIN)
            node.config.stash.setdefault(_ENDED, []).append(f"{node.gateway.id} ended with code {code}")


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """Say it last, where the end of a build's log shows it."""
    for ended in config.stash.get(_ENDED, []):
        terminalreporter.write_line(ended)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out what only the whole proof runs; with --fuzz, all but that."""
    if config.getoption("--fuzz"):
        left_out = [item for item in items if item.path.name != "test_fuzz.py"]
        for item in items:
            item.add_marker(pytest.mark.timeout(0))
    else:
        long = [name for name, option in (("whole", "--all"), ("fleet", "--fleet")) if not config.getoption(option)]
        left_out = [item for item in items if any(item.get_closest_marker(name) for name in long)]
    if left_out:
        config.hook.pytest_deselected(items=left_out)
        gone = set(left_out)
        items[:] = [item for item in items if item not in gone]


@pytest.fixture(autouse=True)
def clean_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Nothing of the person's own settings reaches a test, and nothing of a test reaches the person's folders."""
    for name in list(os.environ):
        if name.startswith(_OURS) or name in _OF_SERVICES or name in _SURROUNDINGS or name.lower() in _PROXIES:
            monkeypatch.delenv(name)
    monkeypatch.setenv("IMGEN_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.setenv("TERM", "xterm-256color")
    # Programs that tests start keep their compiled modules, as a person's do: it halves what a start costs.
    monkeypatch.delenv("PYTHONDONTWRITEBYTECODE", raising=False)


@pytest.fixture(autouse=True)
def loopback_only(monkeypatch: pytest.MonkeyPatch) -> None:
    """A connection that would leave this machine fails the test that tries it."""
    connect = socket.socket.connect

    def guarded(self: socket.socket, address: Any) -> None:
        host = address[0] if isinstance(address, tuple) else "a local socket"
        if isinstance(address, tuple) and not (str(host).startswith("127.") or host in ("::1", "localhost")):
            raise AssertionError(f"a test tried to reach {address}")
        connect(self, address)

    monkeypatch.setattr(socket.socket, "connect", guarded)


@pytest.fixture(scope="session", autouse=True)
def one_authority(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Of the authorities that certifi trusts, one: none signs anything here, and to read all takes 20 ms a test."""
    first, end, _ = Path(certifi.where()).read_text(encoding="ascii").partition("-----END CERTIFICATE-----\n")
    file = tmp_path_factory.mktemp("authorities") / "cacert.pem"
    file.write_text(first + end, encoding="ascii")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(certifi, "where", lambda: str(file))
        yield


@pytest.fixture(scope="session")
def postgres_server(testrun_uid: str) -> postgres.Server:
    """One PostgreSQL for all workers of this run."""
    controller = os.getppid() if "PYTEST_XDIST_WORKER" in os.environ else os.getpid()
    return postgres.running(testrun_uid, controller)


@pytest.fixture
def postgres_url(postgres_server: postgres.Server) -> Iterator[str]:
    """A database of this test's own, with an empty ledger."""
    name = f"test_{secrets.token_hex(8)}"
    yield postgres_server.make(name)
    postgres_server.drop(name)


@pytest.fixture(scope="session")
def database_in_turn(postgres_server: postgres.Server) -> Iterator[str]:
    """A database for one test of this process after another."""
    name = f"test_{secrets.token_hex(8)}"
    postgres_server.make(name)
    yield name
    postgres_server.drop(name)


@pytest.fixture
def emptied_postgres_url(postgres_server: postgres.Server, database_in_turn: str) -> str:
    """An empty ledger for a test that changes nothing but jobs in it."""
    postgres_server.empty(database_in_turn)
    return postgres_server.url(database_in_turn)


# How long an example takes is chance on a busy machine.
settings.register_profile("suite", deadline=None, suppress_health_check=[HealthCheck.too_slow])
# `--hypothesis-profile whole`: many long runs of what the suite only samples.
settings.register_profile("whole", settings.get_profile("suite"), max_examples=2_000)
settings.load_profile("suite")

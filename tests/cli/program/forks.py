"""imgen in a process of its own, without the half second of imports that each start would cost a test.

A server process imports the installed program once and forks for each command: arguments, environment, folder, streams
and terminal are the command's own, and so are its threads, sockets, signals and end. tests/test_startup.py, and what a
test kills or lets go on beside it, start Python as a person does; with `--real-start` or `--all` every command does.
"""

from __future__ import annotations

import atexit
import gc
import importlib
import io
import json
import os
import select
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import weakref
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, NoReturn

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

IMGEN = "imgen.__main__"
_LONGEST = 1 << 18  # bytes of one command with its environment
# What the interpreter reads when it starts cannot be changed for a fork.
_OF_THE_START = ("PYTHON", "LC_", "LANG")


class Fork:
    """A command that is running: what `subprocess.Popen` is for one that was started."""

    def __init__(self, process: int, answer: socket.socket) -> None:
        # A descriptor: the number of a process may be another one's once it has ended.
        self._process, self._answer = process, answer
        self._close = weakref.finalize(self, os.close, process)
        self._code: int | None = None

    def wait(self, timeout: float | None = None) -> int:
        """Its exit code, once it has ended. Raises `subprocess.TimeoutExpired` after so many seconds."""
        if self._code is None:
            self._answer.settimeout(timeout)
            try:
                self._code = int(self._answer.recv(32))
            except TimeoutError:
                raise subprocess.TimeoutExpired("a fork", timeout or 0) from None
            self._answer.close()
            self._close()
        return self._code

    def send_signal(self, number: signal.Signals) -> None:
        """Send it a signal, unless it has ended."""
        if self._code is None:
            with suppress(ProcessLookupError):
                signal.pidfd_send_signal(self._process, number)

    def kill(self) -> None:
        """End it."""
        self.send_signal(signal.SIGKILL)


class Forks:
    """The server, seen from the tests; started by the first command."""

    def __init__(self) -> None:
        self.used = hasattr(os, "fork") and sys.platform == "linux"
        self._channel: socket.socket | None = None

    def suit(self, variables: Mapping[str, str]) -> bool:
        """Whether a command with these variables can be a fork."""
        return self.used and not any(name.startswith(_OF_THE_START) for name in variables)

    def start(
        self,
        module: str,
        arguments: Sequence[str],
        streams: Sequence[int],
        cwd: Path,
        environ: Mapping[str, str],
        *,
        on_terminal: bool = False,
    ) -> Fork:
        """Start the `main` of a module with these three streams, the first of which may be its terminal."""
        channel = self._channel = self._channel or _start(environ)
        command = {"module": module, "arguments": list(arguments), "on_terminal": on_terminal}
        asked = json.dumps({**command, "cwd": str(cwd), "environ": dict(environ)})
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with theirs:
            socket.send_fds(channel, [asked.encode()], [theirs.fileno(), *streams])
        _, [process], _, _ = socket.recv_fds(ours, 1, 1)
        return Fork(process, ours)

    def run(
        self,
        module: str,
        arguments: Sequence[str],
        stdin: bytes,
        cwd: Path,
        environ: Mapping[str, str],
        patience: float,
    ) -> tuple[int, bytes, bytes]:
        """Run it to its end; its exit code, stdout and stderr. Raises `subprocess.TimeoutExpired`."""
        with tempfile.TemporaryFile() as given, tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
            given.write(stdin)
            given.seek(0)
            streams = [file.fileno() for file in (given, out, err)]
            fork = self.start(module, arguments, streams, cwd, environ)
            try:
                return fork.wait(patience), _read(out), _read(err)
            except subprocess.TimeoutExpired:
                fork.kill()
                fork.wait()
                raise subprocess.TimeoutExpired(list(arguments), patience, _read(out), _read(err)) from None


FORKS = Forks()


def _read(file: BinaryIO) -> bytes:
    file.seek(0)
    return file.read()


def _start(environ: Mapping[str, str]) -> socket.socket:
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    server = subprocess.Popen(
        [sys.executable, __file__, str(theirs.fileno())],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        pass_fds=[theirs.fileno()],
        env=dict(environ),
    )
    theirs.close()

    def end() -> None:
        ours.close()
        server.wait()

    atexit.register(end)
    return ours


def serve(channel: socket.socket) -> None:
    """Fork for each command until the tests have ended."""
    importlib.import_module("as_user").import_everything()
    _compile_routes()
    gc.freeze()  # no collection of a fork copies the pages of what was imported
    running: dict[int, tuple[int, socket.socket]] = {}
    while True:
        for ready in select.select([channel.fileno(), *running], [], [])[0]:
            if ready in running:
                pid, answer = running.pop(ready)
                os.close(ready)
                with answer, suppress(OSError):  # the test may have ended before
                    answer.send(str(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])).encode())
                continue
            asked, given, _, _ = socket.recv_fds(channel, _LONGEST, 4)
            if not asked:
                return
            number, *streams = given
            pid = os.fork()
            if pid == 0:
                become(json.loads(asked), streams)
            for stream in streams:
                os.close(stream)
            answer = socket.socket(fileno=number)
            process = os.pidfd_open(pid)
            running[process] = pid, answer
            socket.send_fds(answer, [b"!"], [process])


def _compile_routes() -> None:
    """Fill the cache of `re` with the addresses of the sandbox, as most commands would."""
    from imgen_providers.sandbox.desk import Desk
    from imgen_providers.sandbox.faults import FaultScript
    from imgen_providers.sandbox.store import JobStore

    with tempfile.TemporaryDirectory() as folder:
        Desk(JobStore(Path(folder)), FaultScript(()), seconds=0, now=time.time, closing=threading.Event())


def become(asked: dict[str, Any], streams: list[int]) -> NoReturn:
    """Be the command, as if it had just been started, to its end."""
    if asked["on_terminal"]:
        os.login_tty(os.dup(streams[0]))
    for number, stream in enumerate(streams):
        os.dup2(stream, number)
    os.closerange(3, 1024)
    if asked["on_terminal"] and isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(line_buffering=True)
    os.chdir(asked["cwd"])
    os.environ.clear()
    os.environ.update(asked["environ"])
    sys.argv = ["imgen", *asked["arguments"]]
    code = 1
    try:
        importlib.import_module(asked["module"]).main()
        code = 0
    except SystemExit as ended:
        code = ended.code if isinstance(ended.code, int) else 0
    except BaseException:  # noqa: BLE001 (the interpreter prints it, too)
        sys.excepthook(*sys.exc_info())
    finally:
        threading._shutdown()  # type: ignore[attr-defined]
        for written in (sys.stdout, sys.stderr):
            with suppress(OSError, ValueError):
                written.flush()
        atexit._run_exitfuncs()
        os._exit(code)


if __name__ == "__main__":
    serve(socket.socket(fileno=int(sys.argv[1])))

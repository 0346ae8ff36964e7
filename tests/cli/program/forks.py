"""imgen in a process of its own, without the half second of imports that each start would cost a test.

A server process imports the installed program once and forks for each command: arguments, environment, folder and
streams are the command's own, and so are its threads, sockets, exit and death. tests/test_startup.py, the terminal
and the reliability tests start the program as a person does.
"""

from __future__ import annotations

import atexit
import importlib
import json
import os
import pkgutil
import socket
import subprocess
import sys
import tempfile
from contextlib import suppress
from typing import TYPE_CHECKING, BinaryIO, NoReturn

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

POSSIBLE = hasattr(os, "fork") and sys.platform == "linux"
_LONGEST = 1 << 18  # bytes of one command with its environment
# What the interpreter reads when it starts cannot be changed for a fork.
_OF_THE_START = ("PYTHON", "LC_", "LANG")


def suits(variables: Mapping[str, str]) -> bool:
    """Whether a command with these variables can be a fork."""
    return POSSIBLE and not any(name.startswith(_OF_THE_START) for name in variables)


class Forks:
    """The server, seen from the tests; started by the first command."""

    def __init__(self) -> None:
        self._channel: socket.socket | None = None

    def run(
        self, arguments: Sequence[str], stdin: bytes, cwd: Path, environ: Mapping[str, str], patience: float
    ) -> tuple[int, bytes, bytes]:
        """Run one command to its end; its exit code, stdout and stderr. Raises `subprocess.TimeoutExpired`."""
        channel = self._channel = self._channel or _start(environ)
        asked = json.dumps({"arguments": list(arguments), "cwd": str(cwd), "environ": dict(environ)})
        with tempfile.TemporaryFile() as given, tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
            given.write(stdin)
            given.seek(0)
            socket.send_fds(channel, [asked.encode()], [file.fileno() for file in (given, out, err)])
            pid = int(channel.recv(32))
            channel.settimeout(patience)
            try:
                code = int(channel.recv(32))
            except TimeoutError:
                os.kill(pid, 9)
                channel.settimeout(None)
                channel.recv(32)
                raise subprocess.TimeoutExpired(list(arguments), patience, _read(out), _read(err)) from None
            return code, _read(out), _read(err)


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
    for package in ("imgen", "imgen_providers"):
        found = importlib.import_module(package)
        for module in pkgutil.walk_packages(found.__path__, f"{package}."):
            importlib.import_module(module.name)
    while True:
        asked, streams, _, _ = socket.recv_fds(channel, _LONGEST, 3)
        if not asked:
            return
        pid = os.fork()
        if pid == 0:
            channel.close()
            become(json.loads(asked), streams)
        for stream in streams:
            os.close(stream)
        channel.send(str(pid).encode())
        channel.send(str(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])).encode())


def become(asked: dict[str, object], streams: list[int]) -> NoReturn:
    """Be the command, as if it had just been started, to its end."""
    for number, stream in enumerate(streams):
        os.dup2(stream, number)
        os.close(stream)
    os.chdir(str(asked["cwd"]))
    os.environ.clear()
    os.environ.update(asked["environ"])  # type: ignore[call-overload]
    sys.argv = ["imgen", *asked["arguments"]]  # type: ignore[misc]
    code = 1
    try:
        from imgen.__main__ import main

        main()
    except SystemExit as ended:
        code = ended.code if isinstance(ended.code, int) else 0
    finally:
        with suppress(OSError, ValueError):
            sys.stdout.flush()
        with suppress(OSError, ValueError):
            sys.stderr.flush()
        atexit._run_exitfuncs()
        os._exit(code)


if __name__ == "__main__":
    serve(socket.socket(fileno=int(sys.argv[1])))

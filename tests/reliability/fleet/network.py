"""A machine of its own as far as its network goes: a namespace of Linux with one cable to this one.

Every packet on the cable can be lost, as behind a firewall or a broken switch: nothing is refused, nothing answers, and
both ends believe that their connections are there. It takes `ip` (iproute2) and the rights to make a namespace.
"""

from __future__ import annotations

import ctypes
import os
import secrets
import shutil
import socket
import subprocess
import sys
import threading
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

_NAMESPACES = Path("/run/netns")
_NEWNET = 0x40000000  # CLONE_NEWNET of linux/sched.h
_NO_MACHINE = "02:00:00:00:00:fe"  # a hardware address that neither end of the cable has


@dataclass(frozen=True, slots=True)
class Machine:
    """The namespace; `here` is this machine's address on the cable, `there` its own."""

    name: str
    here: str
    there: str

    @property
    def within(self) -> tuple[str, ...]:
        """The beginning of a command that runs there; its process is that of the command."""
        return ("nsenter", f"--net={_NAMESPACES / self.name}")

    def listener(self, port: int) -> socket.socket:
        """A socket of this process that listens on that machine's loopback: what is here can be reached from there."""
        made: list[socket.socket] = []
        thread = threading.Thread(target=self._listen, args=(port, made))
        thread.start()  # a namespace is a thread's: this one ends, and no other one ever leaves ours
        thread.join()
        [listener] = made
        return listener

    def lose_packets(self) -> None:
        """From now on every packet of either side goes to a hardware address that does not exist."""
        _ip("neigh", "replace", self.there, "lladdr", _NO_MACHINE, "dev", self._cable, "nud", "permanent")
        _ip(*self._inside, "neigh", "replace", self.here, "lladdr", _NO_MACHINE, "dev", "cable", "nud", "permanent")

    def mend(self) -> None:
        """Packets arrive again."""
        _ip("neigh", "del", self.there, "dev", self._cable)
        _ip(*self._inside, "neigh", "del", self.here, "dev", "cable")

    def make(self) -> None:
        """Make the namespace and its cable. Raises `subprocess.CalledProcessError` where that is not allowed."""
        _ip("netns", "add", self.name)
        _ip("link", "add", self._cable, "type", "veth", "peer", "name", "cable", "netns", self.name)
        _ip("addr", "add", f"{self.here}/30", "dev", self._cable)
        _ip("link", "set", self._cable, "up")
        _ip(*self._inside, "addr", "add", f"{self.there}/30", "dev", "cable")
        for each in ("cable", "lo"):
            _ip(*self._inside, "link", "set", each, "up")

    def remove(self) -> None:
        """Remove it; the cable goes with it."""
        subprocess.run(["ip", "netns", "del", self.name], capture_output=True)

    @property
    def _cable(self) -> str:
        return f"im{self.name.rpartition('-')[2]}"

    @property
    def _inside(self) -> tuple[str, str]:
        return ("-n", self.name)

    def _listen(self, port: int, made: list[socket.socket]) -> None:
        libc = ctypes.CDLL(None, use_errno=True)
        with (_NAMESPACES / self.name).open() as namespace:
            if libc.setns(namespace.fileno(), _NEWNET):
                raise OSError(ctypes.get_errno(), "setns")
        made.append(socket.create_server(("127.0.0.1", port)))


@contextmanager
def other_machine() -> Iterator[Machine]:
    """A namespace for as long as the block lasts; without the means or the rights the test is skipped, in words."""
    if sys.platform != "linux" or os.getuid() != 0 or not all(map(shutil.which, ("ip", "nsenter"))):
        pytest.skip("a network namespace takes Linux, root, ip and nsenter (apt-get install iproute2)")
    number = secrets.randbelow(2**14)  # of the networks that RFC 2544 keeps for tests
    network = f"198.{18 + number // 2**13}.{number // 2**6 % 128}.{number % 2**6 * 4}"
    base, _, last = network.rpartition(".")
    machine = Machine(f"imgen-{secrets.token_hex(4)}", f"{base}.{int(last) + 1}", f"{base}.{int(last) + 2}")
    try:
        machine.make()
    except subprocess.CalledProcessError as error:
        machine.remove()
        pytest.skip(f"this machine lets no network namespace be made: {error.stderr.strip()}")
    try:
        yield machine
    finally:
        machine.remove()


def _ip(*arguments: str) -> None:
    subprocess.run(["ip", *arguments], check=True, capture_output=True, text=True)

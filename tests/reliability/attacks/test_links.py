"""Links that a service or a person names: none leads into this machine or a private network, however it is written."""

from __future__ import annotations

import socket
import threading
import time
from contextlib import contextmanager, suppress
from ipaddress import ip_address
from typing import TYPE_CHECKING

import pytest

from cli.program.program import OFTEN, Program
from imgen.errors import ExitCode
from imgen.records import State
from imgen_providers.addresses import is_public
from imgen_providers.sandbox.exchange import Reply
from reliability.attacks.attempt import HELD, attempt, plain
from reliability.attacks.hostile import hostile, texts

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from imgen_providers.sandbox.exchange import Call
    from reliability.attacks.hostile import Answer

REAL = {"THREEDAISTUDIO_API_KEY": "a-key-of-no-account-0123456789"}  # at the service's own origin, never reached
ENDS = (ExitCode.USAGE, ExitCode.UNREACHABLE)  # refused by its form, or a name that no resolver knows
OWN = (
    *("127.0.0.1", "127.1", "127.0.0.1.", "2130706433", "0x7f000001", "0x7f.1", "0177.0.0.1", "127.255.255.254"),
    *("localhost", "LOCALHOST", "localhost.", "a.localhost", "[::1]", "[0:0:0:0:0:0:0:1]", "[::ffff:127.0.0.1]"),
    *("[::ffff:7f00:1]", "[::127.0.0.1]", "[64:ff9b::7f00:1]", "0.0.0.0", "0", "[::]", "[2002:7f00:1::]"),
    *("\uff11\uff12\uff17.0.0.1", "127\u30020\u30020\u30021", "\u24db\u24de\u24d2\u24d0\u24db\u24d7\u24de\u24e2\u24e3"),
)
PRIVATE = (
    *("10.0.0.1", "10.255.255.254", "0xa.1", "012.0.0.1", "167772161", "172.16.0.1", "172.31.255.254", "192.168.0.1"),
    *("169.254.169.254", "169.254.0.1", "0xa9fea9fe", "100.64.0.1", "100.127.255.254", "198.18.0.1", "198.19.255.254"),
    *("224.0.0.1", "239.255.255.255", "240.0.0.1", "255.255.255.255", "192.0.2.1", "198.51.100.1", "203.0.113.1"),
    *("[fc00::1]", "[fd12:3456::1]", "[fe80::1]", "[ff02::1]", "[2001:db8::1]", "[::ffff:10.0.0.1]", "[100::1]"),
    *("[64:ff9b::a00:1]", "[2002:a00:1::]", "[::ffff:a9fe:a9fe]", "[64:ff9b:1::1]", "[fec0::1]", "[5f00::1]"),
)
SPECIAL = ("192.0.0.1", "192.0.0.8", "192.0.0.170", "192.88.99.1", "[2001::1]", "[2001:10::1]")
ODD = (
    *("http://example.com.", "ftp://example.com/1.png", "file:///etc/passwd", "gopher://127.0.0.1/", "data:,x"),
    *("https://user:password@10.0.0.1/", "https://10.0.0.1@127.0.0.1/", "https://", "https:///x", "//127.0.0.1/x"),
    *("https://[::1", "https://127.0.0.1\\@example.com/", "https://127.0.0.1%00.invalid/", "https://[::1%25lo]/"),
    *("https://127.0.0.1:99999/", "https://\t127.0.0.1/", "https:/127.0.0.1/", "HTTPS://LOCALHOST/", "https:127.0.0.1"),
)


@pytest.mark.parametrize(
    ("hosts", "paths"),
    [
        pytest.param(
            OWN, 2, marks=attempt(HELD, f"`edit -i` with {len(OWN) * 2} links to this machine", "no byte is sent")
        ),
        pytest.param(
            PRIVATE,
            1,
            marks=attempt(HELD, f"`edit -i` with {len(PRIVATE)} links to private networks", "no byte is sent"),
        ),
        pytest.param(
            SPECIAL,
            1,
            marks=attempt(24, f"`edit -i` with {len(SPECIAL)} links to addresses of a special use", "no byte is sent"),
        ),
        pytest.param(ODD, 0, marks=attempt(HELD, f"`edit -i` with {len(ODD)} links in odd forms", "no byte is sent")),
    ],
)
def test_a_link_of_the_command_line_leads_to_no_private_place(
    imgen: Program, hosts: tuple[str, ...], paths: int
) -> None:
    with listening() as (port, visits):
        links = [host if not paths else f"https://{host}:{port}/{n}.png" for host in hosts for n in range(paths or 1)]
        lines = [(("edit", "at night", "-i", link, "-p", "3daistudio"), REAL, b"") for link in links]
        began = time.monotonic()
        answers = imgen.run_lines(lines)

    ends = (ExitCode.USAGE,) if hosts == SPECIAL else ENDS  # an address needs no resolver
    followed = [link for link, ended in zip(links, answers, strict=True) if ended.code not in ends]
    assert followed == []
    assert visits == []
    assert time.monotonic() - began < 25
    assert imgen.jobs() == []


@contextmanager
def listening(host: str = "127.0.0.1") -> Iterator[tuple[int, list[object]]]:
    """A port of this machine that notes who comes."""
    visits: list[object] = []

    def accept() -> None:
        with suppress(OSError):
            while True:
                connection, address = listener.accept()
                visits.append(address)
                connection.close()

    with socket.create_server((host, 0)) as listener:
        threading.Thread(target=accept, daemon=True).start()
        yield listener.getsockname()[1], visits
        time.sleep(0.05)  # what was sent just before arrives
        listener.shutdown(socket.SHUT_RDWR)


def own_name() -> str | None:
    """A name of this machine that no rule of ours knows, and that leads to an address of its own."""
    try:
        found = {ip_address(str(entry[4][0])) for entry in socket.getaddrinfo(socket.gethostname(), None)}
    except OSError:
        return None
    return socket.gethostname() if found and not any(map(is_public, found)) else None


@pytest.mark.skipif(own_name() is None, reason="the name of this machine leads to no private address")
@attempt(24, "a name that resolves to a port inside", "refused before a connection is made")
def test_a_name_that_leads_inside_is_refused_before_a_connection(imgen: Program) -> None:
    with listening("") as (port, visits):
        link = f"https://{own_name()}:{port}/1.png"
        [ended] = imgen.run_lines([(("edit", "at night", "-i", link, "-p", "3daistudio"), REAL, b"")])

    assert ended.code == ExitCode.USAGE, ended
    assert visits == []


@pytest.mark.parametrize(
    "place",
    [
        pytest.param("link", marks=attempt(HELD, "a finished picture's link to a private place", "kept, not followed")),
        pytest.param(
            "redirect", marks=attempt(HELD, "a redirect of the picture to a private place", "kept, not followed")
        ),
    ],
)
@pytest.mark.parametrize("host", ["10.0.0.1", "[fd00::1]", pytest.param("192.88.99.1", marks=pytest.mark.whole)])
def test_a_picture_is_fetched_from_no_private_place(imgen: Program, tmp_path: Path, place: str, host: str) -> None:
    def twist(at: str, call: Call, reply: Reply) -> Answer:
        if place == "link" and at == "poll":
            return texts(reply, "/sandbox/pictures/", f"https://{host}/1.png")
        if place == "redirect" and at == "picture":
            return Reply(302, b"", headers={"Location": f"https://{host}/1.png"})
        return reply

    with hostile(tmp_path / "far side", twist) as services:
        began = time.monotonic()
        ended = imgen.at(services.services.origin).run("generate", "a fox", "-p", "gptproto", *OFTEN)

    assert (ended.code, plain(ended)) == (ExitCode.NOT_SAVED, True), ended
    assert "in a private network" in ended.stderr
    assert time.monotonic() - began < 15
    assert [job.state for job in imgen.jobs()] == [State.READY]


@attempt(HELD, "a redirect of the submit to another host", "the key and the order go nowhere else")
def test_a_redirect_takes_no_key_along(imgen: Program, tmp_path: Path) -> None:
    with listening() as (port, visits):

        def twist(at: str, call: Call, reply: Reply) -> Answer:
            return Reply(307, b"", headers={"Location": f"http://127.0.0.1:{port}/"})

        with hostile(tmp_path / "far side", twist) as services:
            ended = imgen.at(services.services.origin).run("generate", "a fox", "-p", "gptproto", *OFTEN)

    assert ended.code == ExitCode.REFUSED, ended
    assert visits == []

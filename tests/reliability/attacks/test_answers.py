"""What a service answers: one answer without reason is the trouble of its own job, within bounds of memory and time."""

from __future__ import annotations

import gzip
import json
import subprocess
import time
import zlib
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest
from PIL import Image

from cli.program import program
from cli.program.program import OFTEN, Program
from imgen.errors import ExitCode
from imgen.records import State
from imgen_providers.catalog import SERVICES
from imgen_providers.sandbox.exchange import Reply
from reliability.attacks.attempt import COUNTS_MEMORY, MEGABYTE, attempt, measured, plain, rows
from reliability.attacks.hostile import Endless, edited, first_of, honest, hostile, texts
from reliability.test_faults import unhurried

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from imgen_providers.sandbox.exchange import Call
    from reliability.attacks.hostile import Answer

JOBS = 4
FAMILY = "gemini-3.1-flash"
DEEP = 900
PEAK = 300 * MEGABYTE  # of a process that follows one job: 90 MB and what an answer may cost
INTERIM = Endless(b"", b"HTTP/1.1 103 Early Hints\r\n\r\n")


@dataclass(frozen=True, slots=True)
class Poison:
    """An answer that concerns one of four jobs; `lost` where that one cannot be followed afterwards."""

    service: str
    place: str
    change: Callable[[Reply], Answer]
    state: State
    afterwards: State = State.SAVED


def linked(url: str) -> Callable[[Reply], Reply]:
    """Every link to a picture becomes another."""
    return lambda reply: texts(reply, "/sandbox/pictures/", url)


def with_id(remote_id: str) -> Callable[[Reply], Reply]:
    return lambda reply: edited(reply, lambda body: {**body, "request_id": remote_id})


def nested(status: int, depth: int) -> Callable[[Reply], Reply]:
    text = '{"error":' * depth + "1" + "}" * depth
    return lambda reply: Reply(status, text.encode())


def usage(amount: str) -> Callable[[Reply], Reply]:
    return lambda reply: edited(reply, lambda body: {**body, "usage": {"credits": amount}})


def raw(body: str, status: int = 200) -> Callable[[Reply], Reply]:
    return lambda reply: Reply(status, body.encode("utf-8", "surrogatepass"))


POISONS = {
    "a link `//[.png`": Poison("gptproto", "poll", linked("//[.png"), State.READY),
    "a link `https://xn--/x`": Poison("reapi", "poll", linked("https://xn--/x"), State.READY),
    "a link with a NUL and a label of 70 letters": Poison(
        "gmicloud", "poll", linked(f"https://{'a' * 70}.example/\0"), State.READY
    ),
    "an id of 70,000 characters": Poison("gmicloud", "submit", with_id("i" * 70_000), State.SAVED),
    "a Location `https:*` of the picture's host": Poison(
        "gptproto", "picture", lambda reply: Reply(302, b"", headers={"Location": "https:*"}), State.READY
    ),
    "a Content-Range of thousands of digits": Poison(
        "gptproto",
        "picture",
        lambda reply: Reply(206, b"x", headers={"Content-Range": f"bytes 0-{'9' * 5000}/{'9' * 5000}"}),
        State.READY,
    ),
    "a 400 nested 900 deep": Poison("reapi", "submit", nested(400, DEEP), State.FAILED, State.FAILED),
    "a 200 nested 100,000 deep, to a poll": Poison("3daistudio", "poll", nested(200, 100_000), State.QUEUED),
    "credits of `1e-999999999`": Poison("reapi", "poll", usage("1e-999999999"), State.SAVED),
    "credits of `NaN`": Poison("reapi", "poll", usage("NaN"), State.SAVED),
    "a number of 100,000 digits": Poison("reapi", "poll", raw('{"status": %s}' % ("9" * 100_000)), State.QUEUED),
    "a progress of `1e400`": Poison(
        "3daistudio", "poll", raw('{"status": "IN_PROGRESS", "progress": 1e400}'), State.QUEUED
    ),
    "half a surrogate pair as a state": Poison(
        "gptproto", "poll", raw('{"data": {"status": "\\ud800"}}'), State.QUEUED
    ),
    "a Retry-After of 10^30": Poison(
        "reapi", "poll", lambda reply: Reply(429, b"{}", headers={"Retry-After": "1" + "0" * 30}), State.QUEUED
    ),
}


@pytest.mark.parametrize(
    "poison",
    rows(
        1,
        POISONS,
        "the three other jobs are saved, this one is kept",
        (
            "a link `//[.png`",
            "a Content-Range of thousands of digits",
            "an id of 70,000 characters",
            "a 400 nested 900 deep",
            "credits of `1e-999999999`",
        ),
    ),
)
def test_one_answer_without_reason_is_the_trouble_of_its_own_job(
    imgen: Program, tmp_path: Path, poison: Poison
) -> None:
    model = SERVICES[poison.service].family(FAMILY)
    assert model
    with hostile(tmp_path / "far side", first_of(poison.place, poison.change)) as services:
        here = imgen.at(services.services.origin)
        ended = here.run(
            "generate",
            "a fox",
            "-p",
            poison.service,
            "-m",
            FAMILY,
            "-n",
            str(JOBS * model.max_count),
            *OFTEN,
            "--timeout",
            "3",
        )
        asked = here.run("status", "--json")
        states = Counter(unhurried(job.state) for job in here.jobs())
        services.twist = honest
        back = here.run("wait", *OFTEN, "--timeout", "10")

    assert all(map(plain, (ended, asked, back))), ended
    assert states == Counter([State.SAVED] * (JOBS - 1) + [poison.state]), ended
    assert asked.code == ExitCode.DONE or poison.state is State.QUEUED, asked  # its question has no answer
    assert Counter(job.state for job in here.jobs()) == Counter([State.SAVED] * (JOBS - 1) + [poison.afterwards]), back
    assert len(services.submits()) == JOBS


def twice_packed(size: int) -> bytes:
    """Noughts that were packed twice: some kB stand for gigabytes."""
    pack = zlib.compressobj(9, zlib.DEFLATED, -15)
    megabyte = pack.compress(bytes(MEGABYTE)) + pack.flush(zlib.Z_FULL_FLUSH)  # stands by itself, so it can be repeated
    once = b"\x1f\x8b\x08" + bytes(7) + megabyte * (size // MEGABYTE) + pack.flush()
    return gzip.compress(once, 9)


@COUNTS_MEMORY
@pytest.mark.parametrize(
    "place",
    [
        pytest.param("submit", marks=attempt(4, "a submit answered with 4 GB, packed twice", "in little memory")),
        pytest.param("poll", marks=attempt(4, "a poll answered with 4 GB, packed twice", "in little memory")),
    ],
)
def test_a_packed_answer_does_not_fill_the_memory(imgen: Program, tmp_path: Path, place: str) -> None:
    bomb = Reply(200, twice_packed(4000 * MEGABYTE), headers={"Content-Encoding": "gzip, gzip"})
    assert len(bomb.body) < 100_000

    with hostile(tmp_path / "far side", lambda at, call, reply: bomb if at == place else reply) as services:
        here = imgen.at(services.services.origin)
        found = measured(here, "generate", "a fox", "-p", "gptproto", *OFTEN, "--timeout", "3")

    assert plain(found.ended), found.ended
    assert found.peak < PEAK
    assert [job.state in (State.UNCERTAIN, State.QUEUED) for job in here.jobs()] == [True]


@COUNTS_MEMORY
@pytest.mark.parametrize(
    "coding",
    [
        pytest.param("gzip", marks=attempt(4, "an answer that grows a thousandfold", "in little memory")),
        pytest.param("br", marks=attempt(4, "an answer packed as nothing that was asked for", "in little memory")),
    ],
)
@pytest.mark.whole
def test_one_coding_is_bounded_too(imgen: Program, tmp_path: Path, coding: str) -> None:
    pack = zlib.compressobj(9, zlib.DEFLATED, 31)
    packed = b"".join([*(pack.compress(bytes(MEGABYTE)) for _ in range(1000)), pack.flush()])
    bomb = Reply(200, packed, headers={"Content-Encoding": coding})

    with hostile(tmp_path / "far side", lambda at, call, reply: bomb if at == "poll" else reply) as services:
        here = imgen.at(services.services.origin)
        found = measured(here, "generate", "a fox", "-p", "reapi", *OFTEN, "--timeout", "3")

    assert plain(found.ended), found.ended
    assert found.peak < PEAK
    assert [job.remote_id is not None for job in here.jobs()] == [True]


@pytest.fixture
def uploads(imgen: Program) -> Program:
    """A picture to send, for a service with a place for uploads of its own."""
    Image.new("RGB", (300, 300), "gold").save(imgen.cwd / "in.png")
    return imgen


@COUNTS_MEMORY
@attempt(5, "an upload answered with bytes without end", "the order goes on, in little memory")
def test_the_answer_to_an_upload_is_not_read(uploads: Program, tmp_path: Path) -> None:
    flood = Endless(b"HTTP/1.1 200 OK\r\nContent-Length: 5000000000\r\n\r\n", bytes(8 * MEGABYTE))

    with hostile(tmp_path / "far side", lambda at, call, reply: flood if at == "upload" else reply) as services:
        here = uploads.at(services.services.origin)
        found = measured(here, "edit", "at night", "-i", "in.png", "-p", "gmicloud", *OFTEN, "--timeout", "10")

    assert found.ended.code == ExitCode.DONE, found.ended
    assert found.peak < PEAK


@pytest.mark.parametrize(
    "place",
    [
        pytest.param(url, id=url, marks=attempt(5, f"an upload sent to `{url}`", "nothing is sent there"))
        for url in (
            "https://169.254.169.254/latest/meta-data",
            "https://10.0.0.7/put",
            "http://192.168.1.1/",
            "https://[fd00::1]/",
        )
    ],
)
def test_an_upload_goes_to_no_private_place(uploads: Program, tmp_path: Path, place: str) -> None:
    def twist(at: str, call: Call, reply: Reply) -> Answer:
        if call.path.endswith("/upload-url"):
            return edited(reply, lambda body: {**body, "upload_url": place})
        return reply

    with hostile(tmp_path / "far side", twist) as services:
        began = time.monotonic()
        ended = uploads.at(services.services.origin).run(
            "edit", "at night", "-i", "in.png", "-p", "gmicloud", *OFTEN, "--timeout", "5"
        )

    assert "not safe to send to" in ended.stderr
    assert services.counts["submit"] == 0
    assert time.monotonic() - began < 10  # nothing waits for a connection


@attempt(6, "2,000 pictures for one that was ordered", "four are saved, the rest reported")
def test_many_more_pictures_than_ordered_are_not_all_saved(imgen: Program, tmp_path: Path) -> None:
    def many(body: dict[str, dict[str, object]]) -> object:
        links = body["data"]["outputs"]
        assert isinstance(links, list)
        return {**body, "data": {**body["data"], "outputs": [f"{link}?{n}" for link in links for n in range(2000)]}}

    with hostile(
        tmp_path / "far side", lambda at, call, reply: edited(reply, many) if at == "poll" else reply
    ) as services:
        ended = imgen.at(services.services.origin).run("generate", "a fox", "-p", "gptproto", *OFTEN)

    assert len(list(imgen.cwd.glob("*.png"))) == services.counts["picture"] == 4, ended
    assert "pictures; the first 4 are saved" in ended.stderr


@attempt(6, "a picture that drips for ever, with `--timeout 2`", "the waiting ends in time")
def test_a_picture_without_end_does_not_outlive_the_timeout(imgen: Program, tmp_path: Path) -> None:
    drip = Endless(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n", b"\x89")

    with hostile(tmp_path / "far side", lambda at, call, reply: drip if at == "picture" else reply) as services:
        began = time.monotonic()
        ended = imgen.at(services.services.origin).run(
            "generate", "a fox", "-p", "gptproto", "-n", "8", *OFTEN, "--timeout", "2"
        )

    assert time.monotonic() - began < 8, ended
    assert plain(ended)
    assert {job.state for job in imgen.jobs()} <= {State.READY, State.QUEUED, State.RUNNING}


@COUNTS_MEMORY
@pytest.mark.parametrize(
    "line",
    [
        pytest.param(
            6,
            marks=[
                attempt(6, "an answer of 38 MB", "the ledger stays small, history and status quick"),
                pytest.mark.whole,
            ],
        ),
        pytest.param(23, marks=attempt(23, "a conversation of 38 MB", "it stands in a file, the ledger stays small")),
    ],
)
def test_a_large_answer_makes_no_later_command_slow(imgen: Program, tmp_path: Path, line: int) -> None:
    turn = {"role": "model", "parts": [{"inlineData": {"data": "A" * 38_000_000}}]}

    def large(body: dict[str, Any]) -> object:
        if body.get("status") != "success":
            return body
        if line == 6:
            return {**body, "padding": turn}
        return {**body, "outcome": {**body["outcome"], "next_turn_contents": [turn]}}

    with hostile(
        tmp_path / "far side", lambda at, call, reply: edited(reply, large) if at == "poll" else reply
    ) as services:
        here = imgen.at(services.services.origin)
        ended = here.run("generate", "a fox", "-p", "gmicloud", *OFTEN, "-q", "--timeout", "20")
        assert ended.code == ExitCode.DONE, ended
        history, status = measured(here, "history"), measured(here, "status", here.jobs()[0].id)

    assert (imgen.home / "ledger.sqlite3").stat().st_size < MEGABYTE
    for found in (history, status):
        assert found.ended.code == ExitCode.DONE, found.ended
        assert found.peak < 120 * MEGABYTE


@attempt(23, "three turns of a conversation, each with a picture in it", "each is sent whole, the ledger stays small")
def test_turns_go_on_whole_without_growing_the_ledger(imgen: Program, tmp_path: Path) -> None:
    def talks(body: dict[str, Any]) -> object:
        if body.get("status") != "success":
            return body
        said = body["payload"].get("contents") or []
        assert isinstance(said, list)
        turn = {"role": "model", "parts": [{"inlineData": {"data": f"{len(said)}" * 300_000}}]}
        return {**body, "outcome": {**body["outcome"], "next_turn_contents": [*said, turn]}}

    with hostile(
        tmp_path / "far side", lambda at, call, reply: edited(reply, talks) if at == "poll" else reply
    ) as services:
        here = imgen.at(services.services.origin)
        ended = [here.run("generate", "a fox", "-p", "gmicloud", *OFTEN, "-q")]
        for prompt in ("bluer", "with a hat"):
            ended.append(here.run("edit", prompt, "--from", here.jobs()[-1].id, *OFTEN, "-q"))

    assert [each.code for each in ended] == [ExitCode.DONE] * 3, ended
    turns = services.submits()[-1]["payload"]["contents"]
    assert [turn["role"] for turn in turns] == ["model", "user", "model", "user"]
    assert len(json.dumps(turns)) > 600_000
    assert (imgen.home / "ledger.sqlite3").stat().st_size < MEGABYTE
    assert services.counts["submit"] == 3


@pytest.mark.parametrize(
    "service",
    [
        pytest.param("3daistudio", marks=attempt(17, "a picture to edit that drips, with `--timeout 2`", "not sent")),
        pytest.param("reapi", marks=attempt(17, "the same where the service takes links", "not sent")),
    ],
)
def test_a_picture_to_edit_that_never_comes_does_not_outlive_the_timeout(
    imgen: Program, tmp_path: Path, service: str
) -> None:
    drip = Endless(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n", b"\x89")

    with hostile(tmp_path / "far side", lambda at, call, reply: drip) as services:
        links = [word for n in range(3) for word in ("-i", f"{services.pictures.origin}/{n}.png")]
        began = time.monotonic()
        ended = imgen.at(services.services.origin).run(
            "edit", "at night", *links, "-p", service, *OFTEN, "--timeout", "2"
        )

    assert (ended.code, plain(ended)) == (ExitCode.UNREACHABLE, True), ended
    assert "took too long" in ended.stderr
    assert time.monotonic() - began < 8
    assert services.counts["submit"] == 0


@pytest.mark.whole
@pytest.mark.timeout(180)
@pytest.mark.parametrize(
    "command",
    [
        pytest.param(
            ("keys", "check", "reapi"), marks=attempt(17, "`keys check` under interim answers without end", "it ends")
        ),
        pytest.param(
            ("models", "--live", "-p", "gmicloud"), marks=attempt(17, "`models --live` under a drip", "it ends")
        ),
        pytest.param(
            ("edit", "at night", "-i", "LINK", "-p", "3daistudio"),
            marks=attempt(17, "`edit -i URL` under interim answers without end", "it ends, and nothing is sent"),
        ),
    ],
)
def test_nothing_waits_for_ever(imgen: Program, tmp_path: Path, command: tuple[str, ...]) -> None:
    drip = Endless(b"HTTP/1.1 200 OK\r\nContent-Length: 10000000\r\n\r\n", b" ")

    with hostile(tmp_path / "far side", lambda *_: drip if "models" in command else INTERIM) as services:
        here = imgen.at(services.services.origin)
        link = f"{services.pictures.origin}/fox.png"
        process = subprocess.run(
            [*program.IMGEN, *(link if word == "LINK" else word for word in command)],
            cwd=here.cwd,
            env=here.environ,
            capture_output=True,
            timeout=150,
        )

    assert process.returncode in (ExitCode.UNREACHABLE, ExitCode.REFUSED, ExitCode.DONE), process
    assert b"Traceback" not in process.stderr
    assert services.counts["submit"] == 0

"""How soon a person sees something: the first frame of an order on a terminal, and a gallery of 1,000 pictures."""

from __future__ import annotations

import hashlib
import os
import statistics
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

from PIL import Image

from benchmarks.measure import Figure, environment, seconds
from cli.drafts import draft
from imgen.ledger.ledger import Ledger
from imgen.records import new_id

if TYPE_CHECKING:
    from collections.abc import Iterator

_IMGEN = str(Path(sys.executable).with_name("imgen"))
_PICTURES = 1000
_SIZES = ((1024, 1024), (1376, 768), (768, 1376))  # pixels, as the services make them
_MOST_SECONDS = 60.0


def figures(folder: Path, runs: int) -> Iterator[Figure]:
    """Seconds until the first frame; seconds for the page of 1,000 pictures, the second time."""
    yield from _first_frame(folder, runs)
    yield from _gallery(folder)


def _first_frame(folder: Path, runs: int) -> Iterator[Figure]:
    goal = "from the start of `imgen generate` on a terminal of 80x24 to its first row of a job"
    if sys.platform == "win32":
        yield Figure("first frame", None, "s", "a pseudo-terminal of POSIX is needed")
        return
    frames = [_frame(folder, number) for number in range(runs + 1)][1:]  # the first one compiles modules
    yield Figure("first frame", statistics.median(wall for wall, _ in frames), "s", goal, most=0.2)
    cpu = "the same in CPU time of the process, which other work on the machine lengthens little"
    yield Figure("first frame, CPU", statistics.median(used for _, used in frames), "s", cpu, most=0.2)


def _frame(folder: Path, number: int) -> tuple[float, float]:
    """Seconds of the clock and of CPU until a job's row is drawn; the command then runs to its end."""
    import termios

    environ = environment(
        {"IMGEN_HOME": str(folder / "home"), "TERM": "xterm-256color", "CI": "", "IMGEN_SANDBOX_SECONDS": "0.2"}
    )
    prompt = f"a fox, {number}"
    order = [_IMGEN, "generate", prompt, "--sandbox", "-r", "0.5K", "-o", f"{folder}/pictures/"]
    master, slave = os.openpty()
    termios.tcsetwinsize(slave, (24, 80))
    begin = time.perf_counter()
    process = subprocess.Popen(order, stdin=slave, stdout=slave, stderr=slave, env=environ)
    os.close(slave)
    seen = b""
    measured: tuple[float, float] | None = None
    try:
        while time.perf_counter() - begin < _MOST_SECONDS:
            try:
                seen += os.read(master, 65536)
            except OSError:  # Linux says EIO at the end
                break
            if measured is None and prompt.encode() in seen:
                measured = time.perf_counter() - begin, _cpu(process.pid)
    finally:
        process.kill()
        os.close(master)
        process.wait()
    if measured is None:
        raise RuntimeError(f"no job was drawn: {seen[-400:].decode(errors='replace')}")
    return measured


def _cpu(pid: int) -> float:
    """CPU seconds that a process has used; as many as the clock's where the system does not say."""
    try:
        numbers = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return float("nan")
    return (int(numbers[11]) + int(numbers[12])) / os.sysconf("SC_CLK_TCK")


def _gallery(folder: Path) -> Iterator[Figure]:
    home, pictures = folder / "gallery", folder / "shots"
    pictures.mkdir()
    _fill(home, pictures)
    environ = environment({"IMGEN_HOME": str(home)})
    page = [_IMGEN, "gallery", "-n", "0", "-o", str(folder / "gallery.html"), "-q"]
    first, *later = (seconds(page, environ) for _ in range(4))
    size = (folder / "gallery.html").stat().st_size / 1e6
    note = f"{_PICTURES} pictures, {size:.0f} MB of page, small copies kept; the first time {first:.1f} s"
    yield Figure("gallery, the second time", statistics.median(later), "s", note, most=5.0)


def _fill(home: Path, folder: Path) -> None:
    """A ledger of saved jobs with one picture each, all of them different files."""
    moment = time.time() - _PICTURES
    run = [draft(new_id(), run_id=new_id(), prompt=f"{number} foxes in the snow") for number in range(_PICTURES)]
    with closing(Ledger(home / "ledger.sqlite3", lambda: moment)) as ledger:
        ids = ledger.jobs.plan(run, "me", resubmit=True)
        rows = [(job_id, *_picture(folder / f"{job_id}.png", number)) for number, job_id in enumerate(ids)]
        with ledger._database.write() as write:
            write.execute(
                "UPDATE job SET stage = 'finished', submitted_at = created_at, accepted_at = created_at,"
                " finished_at = created_at + 20, took_seconds = 20, remote_id = 'remote-' || id"
            )
            write.executemany(
                "INSERT INTO result (job_id, number, state, path, size, sha256) VALUES (?, 1, 'saved', ?, ?, ?)", rows
            )


def _picture(path: Path, number: int) -> tuple[str, int, str]:
    """Draw one; its path, bytes and sha256."""
    width, height = _SIZES[number % len(_SIZES)]
    shades = [Image.linear_gradient("L").rotate(angle * 90).resize((width, height)) for angle in range(2)]
    Image.merge("RGB", (*shades, Image.new("L", (width, height), number % 256))).save(path, compress_level=1)
    data = path.read_bytes()
    return str(path), len(data), hashlib.sha256(data).hexdigest()

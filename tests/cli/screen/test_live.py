"""The live display on real pseudo-terminals, read back through a terminal emulator."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pyte
import pytest

pty = pytest.importorskip("pty")
termios = pytest.importorskip("termios")

SCENES = Path(__file__).with_name("scenes.py")
SGR = re.compile(rb"\x1b\[[0-9;]*m")


class Terminal:
    """A terminal of `width` columns with a scene playing on its stderr."""

    def __init__(self, scene: str, width: int, height: int, **environ: str) -> None:
        self.screen = pyte.Screen(width, height)
        self.raw = b""
        self._stream = pyte.ByteStream(self.screen)
        self._master, slave = pty.openpty()
        termios.tcsetwinsize(slave, (height, width))
        dropped = ("COLUMNS", "LINES", "NO_COLOR", "FORCE_COLOR", "CI", "GITHUB_ACTIONS", "PYTHONIOENCODING")
        inherited = {name: value for name, value in os.environ.items() if name not in dropped}
        self.process = subprocess.Popen(
            [sys.executable, str(SCENES), scene],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=slave,
            env=inherited | {"TERM": "xterm-256color", "PYTHONUTF8": "1", **environ},
        )
        os.close(slave)

    def until(self, step: str) -> list[str]:
        """Read up to a step's name; the lines on the screen then, without the empty ones below."""
        mark = f"\x1b]2;{step}\x07".encode()
        while mark not in self.raw:
            assert self._read(), f"the scene ended before {step!r}: {self.raw!r}"
        return self.lines

    def next(self) -> None:
        """Let the scene go on."""
        assert self.process.stdin
        self.process.stdin.write(b"\n")
        self.process.stdin.flush()

    def rest(self) -> list[str]:
        """Read until the scene has ended; the lines on the screen then."""
        assert self.process.stdin
        self.process.stdin.close()
        self.process.stdin = None
        while self._read():
            pass
        assert self.process.wait() == 0
        return self.lines

    def resize(self, width: int, height: int) -> None:
        """Give the terminal another size."""
        termios.tcsetwinsize(self._master, (height, width))
        self.screen.resize(lines=height, columns=width)

    def hang_up(self) -> None:
        """Close the terminal while the scene plays."""
        os.close(self._master)
        self._master = -1

    def end(self) -> None:
        """Leave nothing behind."""
        if self._master >= 0:
            os.close(self._master)
        if self.process.poll() is None:
            self.process.kill()
        self.process.communicate()

    @property
    def lines(self) -> list[str]:
        """What a person sees."""
        return "\n".join(line.rstrip() for line in self.screen.display).rstrip().split("\n")

    def _read(self) -> bytes:
        try:
            data = os.read(self._master, 65536)
        except OSError:  # Linux: the other end is closed
            data = b""
        self.raw += data
        self._stream.feed(data)
        return data


Play = Callable[..., Terminal]


@pytest.fixture
def play() -> Iterator[Play]:
    terminals: list[Terminal] = []

    def start(scene: str, width: int = 80, height: int = 24, **environ: str) -> Terminal:
        terminals.append(Terminal(scene, width, height, **environ))
        return terminals[-1]

    yield start
    for terminal in terminals:
        terminal.end()


def test_rows_at_80_columns(play: Play) -> None:
    """A solid bar is the service's own number, a dashed one with "~" an estimate (see the legend)."""
    assert play("open_jobs").until("drawn") == [
        "⠴ k3f9  a red fox in the s…  running     ━━━━━───────    42%  0:18, 0:24 left",
        "⠴ 8mq2  a red fox in the s…  running     ╍╍╍╍────────   ~31%  0:18, ~0:40 left",
        "⠴ 8mq3  雪の中の赤い狐、夕…  running     ╍╍╍╍────────   ~31%  0:18, ~1:30 left",
        "· 77ab  a red fox in the s…  queued #3   ────────────         0:18",
        "⠴ 77ac  a red fox in the s…  submitting  ───━━━──────         0:02",
        "⠴ 77ad  a red fox in the s…  saving      ───━━━────── 1.4 MB 12:04",
        "⠴ 77ae  a red fox in the s…  running     waiting 20 s, rate limited",
        "⠴ 77af  a red fox in the s…  running     ───━━━──────         0:18",
        "  ~ estimate: from 34 of yours, typical",
    ]


def test_rows_at_40_columns(play: Play) -> None:
    """Without room for bars, the amount stands in for the state."""
    assert play("open_jobs", width=40).until("drawn") == [
        "⠴ k3f9  a red f…  42%        0:24 left",
        "⠴ 8mq2  a red f…  ~31%       ~0:40 left",
        "⠴ 8mq3  雪の中…   ~31%       ~1:30 left",
        "· 77ab  a red f…  queued #3  0:18",
        "⠴ 77ac  a red f…  submitting 0:02",
        "⠴ 77ad  a red f…  1.4 MB     12:04",
        "⠴ 77ae  a red f…  waiting 20 s, rate l…",
        "⠴ 77af  a red f…  running    0:18",
        "  ~ estimate: from 34 of yours, typical",
    ]


def test_rows_at_200_columns(play: Play) -> None:
    """With room, each row says what its time to go rests on, and stays short enough to read as one line."""
    lines = play("open_jobs", width=200).until("drawn")
    head = "a red fox in the snow, golden hour, looking over its should…"
    wide_head = "雪の中の赤い狐、夕暮れ、肩越しに振り返る" + 20 * " "
    assert lines[:3] == [
        f"⠴ k3f9  {head}  running     ━━━━━━━━━━──────────────    42%  0:18, 0:24 left (service)",
        f"⠴ 8mq2  {head}  running     ╍╍╍╍╍╍╍─────────────────   ~31%  0:18, ~0:40 left (from 34 of yours)",
        f"⠴ 8mq3  {wide_head}  running     ╍╍╍╍╍╍╍─────────────────   ~31%  0:18, ~1:30 left (typical)",
    ]
    assert len(lines) == 8


@pytest.mark.parametrize("width", [12, 30, 40, 63, 64, 80, 119, 120, 121, 200])
def test_a_second_frame_replaces_the_first(play: Play, width: int) -> None:
    """No row ever wraps, at any width: if one did, the frame drawn over it would leave a piece behind."""
    terminal = play("open_jobs", width=width)
    first = terminal.until("drawn")
    terminal.next()
    assert terminal.until("again") == first
    assert len(first) in (8, 9)


def test_a_ctrl_c_just_after_a_frame_leaves_no_piece_of_an_older_one(play: Play) -> None:
    """The frame is on the terminal, and rich does not know it yet: it would write it once more, below itself."""
    lines = play("interrupted_in_a_write").until("drawn")

    assert [line[2:6] for line in lines] == ["8mq2", "8mq3", "77ab", "77ac", "~ es"]


def test_settled_jobs_stay_above_the_open_ones(play: Play) -> None:
    """Paths, differences and reasons stay in the scrollback, once each; what is left open gets a line."""
    terminal = play("settling")
    terminal.until("open")
    terminal.next()
    answer = [
        "the next submit waits [red]20 s[/red] \\x1b[2J::error::",
        "✓ k3f9  saved in 18 s  a red fox in the snow, golden hour, looking over its sh…",
        "  /pictures/2026-11-20/a-red-fox-in-the-snow-golden-hour-looking-over-its-should",
        "er-k3f9-1.png",
        "  not as ordered: 1024x1024 instead of 1376x768",
        "✗ 8mq2  failed after 18 s  a red fox in the snow, golden hour, looking over it…",
        "  The content policy of 3D AI Studio refused the prompt, and nothing was paid.",
        "! 8mq3  uncertain after 18 s  雪の中の赤い狐、夕暮れ、肩越しに振り返る",
        "  It may have been charged.",
    ]
    assert terminal.until("settled") == [
        *answer,
        "· 77ab  a red fox in the s…  queued #3   ────────────         0:18",
    ]
    terminal.next()
    assert terminal.until("closed") == [
        *answer,
        "· 77ab  still queued after 18 s  a red fox in the snow, golden hour, looking o…",
    ]
    assert b"looking-over-its-shoulder-k3f9-1.png" in terminal.raw  # wrapped by the terminal only, so it can be copied


def test_what_goes_over_the_wire_is_said_above_the_rows(play: Play) -> None:
    terminal = play("talking")
    [row] = terminal.until("heard")
    terminal.next()

    assert row[1:6] == " k3f9"
    assert terminal.until("drawn") == [
        "> GET https://service.example/jobs",
        "< 200 OK \\x1b[2J[red]",
        row,
    ]


def test_a_reason_wraps_between_words_on_a_narrow_terminal(play: Play) -> None:
    terminal = play("settling", width=40)
    terminal.until("open")
    terminal.next()
    lines = terminal.until("settled")
    start = lines.index("  The content policy of 3D AI Studio")
    assert lines[start + 1 : start + 3] == ["  refused the prompt, and nothing was", "  paid."]


def test_many_jobs_fold_into_a_count(play: Play) -> None:
    """Those nearest to a picture are shown; the rest are numbers."""
    lines = play("many").until("drawn")
    assert [line[2:6] for line in lines[:8]] == [f"{number:04d}" for number in range(5, 64, 8)]
    assert lines[8:] == ["  125 submitting, 125 queued, 625 running, 125 ready"]


def test_a_low_terminal_keeps_half_of_itself(play: Play) -> None:
    assert len(play("many", height=6).until("drawn")) == 4


def test_no_color_means_no_color_codes(play: Play) -> None:
    terminal = play("settling", NO_COLOR="1")
    terminal.until("open")
    terminal.rest()
    assert SGR.findall(terminal.raw) == []


def test_colors_come_from_the_terminals_own_sixteen(play: Play) -> None:
    terminal = play("settling")
    terminal.until("open")
    terminal.rest()
    codes = set(SGR.findall(terminal.raw))
    assert {b"\x1b[36m", b"\x1b[32m", b"\x1b[31m", b"\x1b[33m"} <= codes
    assert not any(b"38;" in code for code in codes)


def test_ascii_where_the_terminal_has_no_unicode(play: Play) -> None:
    """Bars and glyphs have stand-ins, and a prompt in another script is spelt out within its column."""
    terminal = play("open_jobs", PYTHONIOENCODING="ascii")
    lines = terminal.until("drawn")
    assert terminal.raw.isascii()
    assert lines[:4] == [
        "\\ k3f9  a red fox in the...  running     #####-------    42%  0:18, 0:24 left",
        "\\ 8mq2  a red fox in the...  running     ~~~~--------   ~31%  0:18, ~0:40 left",
        "\\ 8mq3  \\u96ea\\u306e\\u4e...  running     ~~~~--------   ~31%  0:18, ~1:30 left",
        ". 77ab  a red fox in the...  queued #3   ------------         0:18",
    ]


def test_rows_follow_a_terminal_that_becomes_narrow(play: Play) -> None:
    terminal = play("open_jobs")
    terminal.until("drawn")
    terminal.resize(40, 24)
    terminal.next()
    assert terminal.until("again")[:2] == [
        "⠴ k3f9  a red f…  42%        0:24 left",
        "⠴ 8mq2  a red f…  ~31%       ~0:40 left",
    ]


def test_ctrl_c_gives_the_cursor_back(play: Play) -> None:
    """It is hidden while rows move, and shown again below the last line when the program is interrupted."""
    terminal = play("interrupted")
    terminal.until("drawn")
    assert terminal.screen.cursor.hidden
    terminal.process.send_signal(signal.SIGINT)
    assert terminal.rest() == ["· k3f9  still running after 18 s  a red fox in the snow, golden hour, looking…"]
    assert not terminal.screen.cursor.hidden
    assert (terminal.screen.cursor.y, terminal.screen.cursor.x) == (1, 0)


def test_nothing_is_left_of_the_rows_once_all_is_settled(play: Play) -> None:
    terminal = play("finishing")
    terminal.until("drawn")
    assert terminal.rest() == [
        "✓ k3f9  saved in 40 s  a red fox in the snow, golden hour, looking over its sh…",
        "  /pictures/fox.png",
    ]
    assert (terminal.screen.cursor.y, terminal.screen.cursor.x) == (2, 0)


@pytest.mark.parametrize(
    ("received", "shown"),
    [(900, "1 kB"), (1_400_000, "1.4 MB"), (23_600_000, "24 MB"), (999_400_000, "999 MB")],
)
def test_bytes_fit_their_column(play: Play, received: int, shown: str) -> None:
    assert play("saving", RECEIVED=str(received)).until("drawn") == [
        f"⠴ k3f9  a red fox in the s…  saving      ───━━━────── {shown:>6}  0:18"
    ]


def test_a_terminal_that_hangs_up_does_not_stop_the_work(play: Play) -> None:
    terminal = play("hung_up")
    terminal.until("drawn")
    terminal.hang_up()
    out, _ = terminal.process.communicate(b"\n")
    assert out == b"went on\n"
    assert terminal.process.returncode == 0

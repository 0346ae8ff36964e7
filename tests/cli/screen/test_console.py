"""The two streams, with real pipes behind them."""

from __future__ import annotations

import io
import os
import subprocess
import sys
from pathlib import Path

import pytest

from imgen.screen.console import Streams

PRELUDE = "import sys; from imgen.screen.console import err, out, out_bytes; "


def run(code: str, **environ: str) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(
        [sys.executable, "-c", PRELUDE + code], capture_output=True, env=os.environ | environ, check=False
    )


def standard_streams(encoding: str = "utf-8", **environ: str) -> Streams:
    with io.TextIOWrapper(io.BytesIO(), encoding=encoding) as stream:
        return Streams.of(stream, stream, stream, environ)


@pytest.mark.parametrize(
    ("environ", "color"),
    [
        ({}, None),
        ({"NO_COLOR": "1"}, False),
        ({"NO_COLOR": ""}, None),
        ({"FORCE_COLOR": "1"}, True),
        ({"FORCE_COLOR": "0"}, False),
        ({"FORCE_COLOR": "1", "NO_COLOR": "1"}, False),
    ],
)
def test_the_persons_wish_for_color(environ: dict[str, str], color: bool | None) -> None:
    streams = standard_streams(**environ)
    assert streams.color is color
    assert streams.stderr_color is bool(color)  # there is no terminal here, so only a wish brings colour


def test_ci_dumb_terminals_and_widths_are_read_from_the_environment() -> None:
    assert standard_streams(CI="true").ci
    assert standard_streams(GITHUB_ACTIONS="true").ci
    assert not any(standard_streams(CI=value).ci for value in ("", "0", "false"))
    assert [standard_streams(TERM=term).dumb for term in ("dumb", "xterm")] == [True, False]
    assert [standard_streams(COLUMNS=columns).width for columns in ("72", "0", "x", "")] == [72, None, None, None]


def test_unicode_is_what_stderr_can_encode() -> None:
    assert [standard_streams(encoding=name).unicode for name in ("utf-8", "ascii", "latin-1")] == [
        True,
        False,
        False,
    ]


def test_a_pipe_has_no_width() -> None:
    assert standard_streams(COLUMNS="72").stdout_width is None


def test_long_lines_stay_whole() -> None:
    assert run("out('x' * 5000); out('done\\n')").stdout == b"x" * 5000 + b"\ndone\n"


def test_data_goes_out_as_it_is() -> None:
    done = run("out('path'); out_bytes(bytes(range(256)) * 1000)", PYTHONUNBUFFERED="1")
    assert done.stdout == b"path\n" + bytes(range(256)) * 1000


def test_a_stream_that_cannot_encode_a_glyph_spells_it_out() -> None:
    done = run("out('fox ✓ 狐'); err('fox ✗')", PYTHONIOENCODING="ascii")
    assert (done.returncode, done.stdout, done.stderr) == (0, b"fox + \\u72d0\n", b"fox x\n")


def test_what_is_drawn_has_another_form_where_the_encoding_lacks_it() -> None:
    done = run("out('└─ a fox…')", PYTHONIOENCODING="cp1252")
    assert done.stdout == b"`- a fox~\n"


def test_a_path_in_a_pipe_is_what_the_disk_has() -> None:
    code = "from pathlib import Path; from imgen.screen.console import out_path; out_path(Path('日本.png'))"
    assert run(code, PYTHONIOENCODING="cp1252", PYTHONUTF8="1").stdout == "日本.png\n".encode()


def test_a_file_name_that_is_not_utf_8_goes_out_as_its_own_bytes() -> None:
    assert run("out('caf\\udce9.png')", PYTHONUTF8="1").stdout == b"caf\xe9.png\n"


@pytest.mark.parametrize("unbuffered", ["", "1"])
def test_a_reader_that_has_gone_does_not_stop_the_work(unbuffered: str) -> None:
    """As in `imgen generate ... | head -1`: the rest of the work is done, and no traceback comes at the end."""
    code = "sys.stdin.readline(); out('a'); out_bytes(b'b' * 100000); out('c'); err('saved all the same')"
    reader, writer = os.pipe()
    with subprocess.Popen(
        [sys.executable, "-c", PRELUDE + code],
        stdin=subprocess.PIPE,
        stdout=writer,
        stderr=subprocess.PIPE,
        env=os.environ | {"PYTHONUNBUFFERED": unbuffered},
    ) as process:
        os.close(writer)
        os.close(reader)
        _, stderr = process.communicate(b"\n")
    assert (process.returncode, stderr.splitlines()) == (0, [b"saved all the same"])


def test_a_full_disk_is_not_taken_for_a_reader_that_has_gone() -> None:
    device = Path("/dev/full")
    if not device.exists():
        pytest.skip("this system has no /dev/full")
    with device.open("wb") as full:
        done = subprocess.run(
            [sys.executable, "-c", f"{PRELUDE}out('data')"], stdout=full, stderr=subprocess.PIPE, check=False
        )
    assert done.returncode != 0
    assert b"No space left on device" in done.stderr

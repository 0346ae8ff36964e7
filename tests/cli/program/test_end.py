"""How the installed command ends: at once, and yet with everything done that was to be done at the end."""

from __future__ import annotations

import subprocess
import sys
from importlib.metadata import distribution

import pytest

from imgen import __version__
from imgen.errors import ExitCode

BEGIN = """
import atexit, sys, threading, time
from imgen.__main__ import command
atexit.register(print, "registered")
class Taken:
    def __del__(self): print("taken apart", flush=True)
held = Taken()
"""
THREAD = """
def work():
    threading.main_thread().join(0.2)
    print("a thread", flush=True)
threading.Thread(target=work).start()
"""


def ended(program: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", f"{program}\ncommand()", *arguments], capture_output=True, text=True, timeout=60
    )


def test_the_installed_command_is_this_one() -> None:
    (script,) = [each for each in distribution("imgen").entry_points if each.name == "imgen"]
    assert script.value == "imgen.__main__:command"


def test_it_prints_all_and_does_what_is_registered_and_nothing_is_taken_apart() -> None:
    end = ended(BEGIN, "--version")

    assert end.stdout == f"imgen {__version__}\nregistered\n"
    assert end.returncode == 0


@pytest.mark.parametrize(("arguments", "code"), [(["nonsense"], ExitCode.USAGE), (["generate"], ExitCode.USAGE)])
def test_its_exit_code_is_that_of_the_command(arguments: list[str], code: ExitCode) -> None:
    assert ended(BEGIN, *arguments).returncode == code


def test_a_thread_that_is_at_work_is_waited_for() -> None:
    end = ended(BEGIN + THREAD, "--version")

    assert "a thread" in end.stdout
    assert end.returncode == 0

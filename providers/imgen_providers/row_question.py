"""Asks an installed package for the rows of its services: each entry point in a process of its own, for so long.

Python cannot end an import, nor survive a crash of one, in the process that began it.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from importlib.metadata import Distribution
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence

_REASON_LENGTH = 300  # characters


def ask(folder: str, group: str, seconds: float) -> tuple[str, list[dict[str, Any]], set[str]]:
    """A package's name and version; for each entry point of the group its row or the reason why there is none, and the
    files by whose state all that stays true.

    `folder` is where the package's metadata is. All its entry points together have so many seconds.
    """
    found = Distribution.at(folder)
    entries = [entry for entry in found.entry_points if entry.group == group]
    files = {os.path.join(folder, "entry_points.txt")}  # noqa: PTH118
    offers = []
    for entry, answer in zip(entries, _answers([(each.name, each.value) for each in entries], seconds), strict=True):
        files.update(answer.get("files", ()))
        row = answer.get("row")
        if row is None:  # what is installed beside it may be what it lacks
            files.add(os.path.dirname(folder))  # noqa: PTH120
        offers.append({"service": _plain(entry.name), "row": row, "reason": _plain(str(answer.get("reason", "")))})
    return _plain(f"{found.name} {found.version}"), offers, files


def _answers(entries: Sequence[tuple[str, str]], seconds: float) -> list[dict[str, Any]]:
    """What the process of each entry point answers; all run at the same time."""
    end = time.monotonic() + seconds
    processes = [_start(name, value) for name, value in entries]
    try:
        return [_answer(process, end, seconds) for process in processes]
    finally:
        for process in processes:
            process.kill()
            process.communicate()


def _start(name: str, value: str) -> subprocess.Popen[bytes]:
    return subprocess.Popen(  # noqa: S603 (this Python, and what a package was installed with)
        [sys.executable, "-P", "-m", "imgen_providers.row_check", name, value],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        start_new_session=True,  # a Ctrl-C is ours alone
    )


def _answer(process: subprocess.Popen[bytes], end: float, seconds: float) -> dict[str, Any]:
    try:
        text, _ = process.communicate(timeout=max(end - time.monotonic(), 0.0))
    except subprocess.TimeoutExpired:
        return {"reason": f"its package takes more than {seconds:g} s to import"}
    try:
        found = json.loads(text)
    except ValueError:
        return {"reason": f"its package ended the process that imported it (exit code {process.returncode})"}
    return found if isinstance(found, dict) else {"reason": "its package wrote something else than its row"}


def _plain(text: str) -> str:
    """One printable line of a text that a package wrote."""
    line = " ".join("".join(each if each.isprintable() else " " for each in text).split())
    return line if len(line) <= _REASON_LENGTH else f"{line[: _REASON_LENGTH - 3]}..."

"""Timing of whole processes side by side, as ratios: two commands run in turn, so both meet the same machine."""

from __future__ import annotations

import os
import statistics
import subprocess
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence


@dataclass(frozen=True, slots=True)
class Figure:
    """One measured number beside its goal.

    `least` is the lowest value that meets the goal, `most` the highest; both None where a figure is for comparison
    only. `note` says what was measured, or why nothing was.
    """

    name: str
    value: float | None
    unit: str
    note: str
    least: float | None = None
    most: float | None = None

    @property
    def met(self) -> bool | None:
        """Whether the goal is met; None where there is no goal, or nothing was measured."""
        if self.value is None or (self.least is None and self.most is None):
            return None
        return (self.least is None or self.value >= self.least) and (self.most is None or self.value <= self.most)


def environment(extra: Mapping[str, str]) -> dict[str, str]:
    """The environment of a measured process: compiled modules are kept, as a person's Python keeps them."""
    left_out = {"PYTHONDONTWRITEBYTECODE", "IMGEN_SANDBOX"}
    return {name: value for name, value in os.environ.items() if name not in left_out} | dict(extra)


def seconds(command: Sequence[str], environ: Mapping[str, str], *, exit_codes: Sequence[int] = (0,)) -> float:
    """How long one run of a command takes. Raises `RuntimeError` where it ends with another exit code."""
    begin = time.perf_counter()
    ended = subprocess.run(command, env=dict(environ), capture_output=True, check=False, stdin=subprocess.DEVNULL)
    took = time.perf_counter() - begin
    if ended.returncode not in exit_codes:
        raise RuntimeError(f"{command} ended with {ended.returncode}: {ended.stderr[-400:].decode(errors='replace')}")
    return took


def paired(ours: Callable[[], float], theirs: Callable[[], float], runs: int) -> float:
    """The median of the ratios ours / theirs over runs in turn, after one run of each that does not count."""
    ours(), theirs()
    return statistics.median(_ratios(ours, theirs, runs))


def _ratios(ours: Callable[[], float], theirs: Callable[[], float], runs: int) -> Iterator[float]:
    for _ in range(runs):
        yield ours() / theirs()

"""What an installed package that adds a service costs a TAB, in milliseconds beside the same TAB without it."""

from __future__ import annotations

import shutil
import statistics
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.measure import Figure, environment, seconds

if TYPE_CHECKING:
    from collections.abc import Iterator

_IMGEN = str(Path(sys.executable).with_name("imgen"))
_EXAMPLE = Path(__file__).parents[1] / "fixtures" / "example_plugin" / "imgen_example.py"
_TAB = [_IMGEN, "_complete", "bash", "imgen generate -m "]


def figures(folder: Path, runs: int) -> Iterator[Figure]:
    """The median of the differences over runs in turn, after a command that asks the package for its row."""
    without = environment({"IMGEN_HOME": str(folder / "home")})
    beside = environment({"IMGEN_HOME": str(folder / "home"), "PYTHONPATH": str(_installed(folder / "site"))})
    seconds([_IMGEN, "models"], beside)
    seconds(_TAB, without), seconds(_TAB, beside)
    more = statistics.median(seconds(_TAB, beside) - seconds(_TAB, without) for _ in range(runs))
    yield Figure("plugin: TAB at a model", more * 1000, "ms more", "with a package that adds a service", most=10.0)


def _installed(site: Path) -> Path:
    """The example as an installer leaves it."""
    metadata = site / "imgen_example-1.0.dist-info"
    metadata.mkdir(parents=True)
    shutil.copy(_EXAMPLE, site)
    (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: imgen-example\nVersion: 1.0\n", encoding="utf-8")
    (metadata / "entry_points.txt").write_text("[imgen.services]\nexample = imgen_example:EXAMPLE\n", encoding="utf-8")
    return site

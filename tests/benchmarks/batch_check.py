"""How long `imgen batch --check` takes beside `sha256sum` of the same files, and `--plan` of as many new assets.

Run it by itself: `uv run python tests/benchmarks/batch_check.py [ASSETS] [BYTES]`. It prints, and fails on no clock.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

ASSETS = 10_000
BYTES = 40_000  # of one file, as a small WebP has

IMGEN = [sys.executable, "-m", "imgen", "batch"]


@dataclass(frozen=True, slots=True)
class Measured:
    """Seconds of each program from its start to its end, and what it printed last."""

    sha256sum: float
    check: float
    plan: float
    checked: str
    planned: str


def project(folder: Path, assets: int, size: int) -> None:
    """Write a manifest, its lock and its files; and a manifest of as many assets that were never made."""
    from imgen.batch.disk import file_sha256
    from imgen.batch.lock import Locked, LockedCost, LockFile
    from imgen.batch.manifest import load
    from imgen.batch.recipe import recipe

    lines = ['[defaults]\nmodel = "gemini-3-pro"\nresolution = "2K"\n']
    for number in range(assets):
        lines.append(f'[[asset]]\npath = "art/{number % 100:03}/cart-{number:05}.png"\nprompt = "A cart, {number}"\n')
    (folder / "assets.toml").write_text("\n".join(lines))
    (folder / "new.toml").write_text("\n".join(lines).replace('"art/', '"new/'))
    made = []
    for asset in load(folder / "assets.toml", "assets.toml", lambda _: None).assets:
        path = folder / asset.path
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(os.urandom(size))
        cost = LockedCost("0.134", "usd")
        made.append(
            Locked(
                asset.path,
                recipe(asset, str, str),
                file_sha256(path),
                size,
                "2026-11-26T03:00:00Z",
                job="abc234",
                service="gmicloud",
                model="gemini-3-pro-image",
                cost=cost,
            )
        )
    LockFile(folder / "assets.lock", "assets.lock").update(made)


def timed(command: list[str], folder: Path) -> tuple[float, str]:
    """Run a program once to warm the disk's cache and once to measure it; seconds, and its last line."""
    environ = {**os.environ, "IMGEN_HOME": str(folder / "home")}
    subprocess.run(command, cwd=folder, env=environ, capture_output=True, check=True)
    began = time.perf_counter()
    run = subprocess.run(command, cwd=folder, env=environ, capture_output=True, text=True, check=True)
    return time.perf_counter() - began, (run.stderr or run.stdout).splitlines()[-1]


def measure(folder: Path, assets: int, size: int) -> Measured:
    """Make a project of that many files of that many bytes below `folder`, and measure."""
    project(folder, assets, size)
    files = sorted(str(path.relative_to(folder)) for path in folder.rglob("*.png"))
    (folder / "files").write_text("\0".join(files))
    reference = ["sh", "-c", "xargs -0 sha256sum < files"] if shutil.which("sha256sum") else []
    seconds = timed(reference, folder)[0] if reference else _hashed(folder, files)
    check, checked = timed([*IMGEN, "assets.toml", "--check"], folder)
    plan, planned = timed([*IMGEN, "new.toml", "--plan", "--sandbox"], folder)
    return Measured(seconds, check, plan, checked, planned)


def _hashed(folder: Path, files: list[str]) -> float:
    """Where there is no sha256sum: the seconds that one thread of Python takes for the same."""
    began = time.perf_counter()
    for name in files:
        hashlib.sha256((folder / name).read_bytes()).hexdigest()
    return time.perf_counter() - began


def main() -> None:
    """Print how the three compare."""
    assets = int(sys.argv[1]) if len(sys.argv) > 1 else ASSETS
    size = int(sys.argv[2]) if len(sys.argv) > 2 else BYTES
    with tempfile.TemporaryDirectory() as name:
        found = measure(Path(name), assets, size)
    print(f"{assets:,} files of {size:,} bytes: sha256sum {found.sha256sum:.2f} s")
    print(f"check: {found.check:.2f} s, {found.check / found.sha256sum:.2f} times that ({found.checked})")
    print(f"plan of as many new ones: {found.plan:.2f} s ({found.planned})")


if __name__ == "__main__":
    main()

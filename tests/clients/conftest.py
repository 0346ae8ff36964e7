"""`imgen sandbox serve` in a process of its own, as a person starts it for another client."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from cli.program.program import Program

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from contextlib import AbstractContextManager


@dataclass(frozen=True)
class Serving:
    """A served sandbox: its origin, and the file with the CA of its certificate where it has one."""

    origin: str
    authority: Path | None


@contextmanager
def _serving(folder: Path, *arguments: str) -> Iterator[Serving]:
    imgen = Program(folder / "far side", folder, {"IMGEN_SANDBOX_SECONDS": "0.3"})
    with imgen.start("sandbox", "serve", *arguments) as process:
        assert process.stdout
        origin = process.stdout.readline().decode().strip()
        authority = Path(process.stdout.readline().decode().strip()) if "--tls" in arguments else None
        yield Serving(origin, authority)


@pytest.fixture
def serve(tmp_path: Path) -> Callable[..., AbstractContextManager[Serving]]:
    """Starts a sandbox: `with serve("--tls") as serving`."""
    return lambda *arguments: _serving(tmp_path, *arguments)


@pytest.fixture(scope="module")
def serving(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serving]:
    """One sandbox without options for all tests of a file."""
    with _serving(tmp_path_factory.mktemp("served")) as serving:
        yield serving

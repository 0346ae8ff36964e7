"""Rows of installed packages are remembered in the system's folder for caches, in a file of this user alone."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import platformdirs
import pytest

from imgen.config.service_cache import ServiceCache, find_service_cache

posix = pytest.mark.skipif(os.name == "nt", reason="files have no owner and no mode on Windows")


@pytest.mark.parametrize("variables", [{}, {"XDG_CACHE_HOME": "/elsewhere"}, {"XDG_CACHE_HOME": "not/absolute"}])
def test_the_folder_is_that_of_platformdirs(monkeypatch: pytest.MonkeyPatch, variables: dict[str, str]) -> None:
    if "not/absolute" in variables.values() and sys.platform.startswith("linux"):
        expected = str(Path.home() / ".cache" / "imgen")  # what the standard says; platformdirs takes it as it is
    else:
        for name, value in variables.items():
            monkeypatch.setenv(name, value)
        expected = platformdirs.user_cache_dir("imgen", appauthor=False)

    assert find_service_cache(variables) == f"{expected}/services.json"


def test_imgen_home_moves_it(tmp_path: Path) -> None:
    assert find_service_cache({"IMGEN_HOME": str(tmp_path)}) == f"{tmp_path}/cache/services.json"
    assert find_service_cache({"IMGEN_HOME": "not/absolute"}) is None


def test_what_is_written_is_read_and_is_private(tmp_path: Path) -> None:
    cache = ServiceCache(str(tmp_path / "cache" / "services.json"))
    assert cache.read() is None

    cache.write(b"rows")

    assert cache.read() == b"rows"
    if os.name != "nt":
        assert (tmp_path / "cache" / "services.json").stat().st_mode & 0o777 == 0o600
        assert (tmp_path / "cache").stat().st_mode & 0o777 == 0o700


def test_a_disk_that_takes_nothing_stops_nothing(tmp_path: Path) -> None:
    (tmp_path / "cache").touch()
    cache = ServiceCache(str(tmp_path / "cache" / "services.json"))

    cache.write(b"rows")

    assert cache.read() is None


@posix
def test_what_others_may_write_is_not_read(tmp_path: Path) -> None:
    cache = ServiceCache(str(tmp_path / "services.json"))
    cache.write(b"rows")
    Path(cache.path).chmod(0o666)

    assert cache.read() is None


@posix
def test_what_another_user_owns_is_not_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cache = ServiceCache(str(tmp_path / "services.json"))
    cache.write(b"rows")
    me = os.geteuid()
    monkeypatch.setattr(os, "geteuid", lambda: me + 1)

    assert cache.read() is None


@posix
def test_a_pipe_in_its_place_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "services.json")

    assert ServiceCache(str(tmp_path / "services.json")).read() is None

"""What `-i` takes as a picture on this machine: a path, or the URL of a file as file managers copy it."""

from __future__ import annotations

from pathlib import Path

import pytest

from imgen.errors import UsageProblem
from imgen.orders.sources import Local, find_source


def found(word: str, cwd: Path) -> Local:
    source = find_source(word, cwd=cwd, find_jobs=lambda _name: [], take_stdin=lambda: Path("never"))
    assert isinstance(source, Local)
    return source


@pytest.mark.parametrize("name", ["fox.png", "a red fox.png", "100% füchs.png"])
def test_the_url_of_a_file_is_that_file(tmp_path: Path, name: str) -> None:
    picture = tmp_path / name
    picture.write_bytes(b"a fox")

    assert found(picture.as_uri(), tmp_path).path == picture
    assert found(picture.as_uri().replace("file:///", "file://localhost/"), tmp_path).path == picture
    assert found(picture.as_uri().replace("file:///", "FILE:/"), tmp_path).path == picture


@pytest.mark.parametrize("word", ["file:///not/here.png", "file://another-machine/fox.png", "file:", "file://"])
def test_the_url_of_no_file_here_is_refused(tmp_path: Path, word: str) -> None:
    with pytest.raises(UsageProblem, match="There is no file") as refused:
        found(word, tmp_path)

    assert "path" in str(refused.value.hint)


def test_a_data_uri_is_refused_without_repeating_it(tmp_path: Path) -> None:
    with pytest.raises(UsageProblem, match="no picture as a data URI") as refused:
        found("data:image/png;base64," + "A" * 100_000, tmp_path)

    assert len(refused.value.message) < 100

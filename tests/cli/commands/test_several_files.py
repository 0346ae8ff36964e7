"""Files behind one `-i`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from imgen.commands.several_files import with_files

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(autouse=True)
def files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("a.jpg", "b.JPG", "c d.png", "notes.txt"):
        (tmp_path / name).touch()
    monkeypatch.chdir(tmp_path)


@pytest.mark.parametrize(
    ("typed", "read"),
    [
        ("edit|bluer|-i|a.jpg|b.JPG|c d.png", "edit|bluer|-i|a.jpg|-i|b.JPG|-i|c d.png"),
        ("edit|-i|a.jpg|b.JPG|bluer", "edit|-i|a.jpg|-i|b.JPG|bluer"),
        ("edit|-ia.jpg|b.JPG|--each", "edit|-ia.jpg|-i|b.JPG|--each"),
        ("edit|--image=a.jpg|b.JPG", "edit|--image=a.jpg|-i|b.JPG"),
        ("again|k3f9xyzz|-i|a.jpg|b.JPG", "again|k3f9xyzz|-i|a.jpg|-i|b.JPG"),
        ("edit|-i|a.jpg|-i|b.JPG|c d.png", "edit|-i|a.jpg|-i|b.JPG|-i|c d.png"),
    ],
)
def test_each_file_gets_an_option_of_its_own(typed: str, read: str) -> None:
    assert with_files(typed.split("|")) == read.split("|")


@pytest.mark.parametrize(
    "typed",
    [
        "edit|a.jpg|bluer",  # no -i at all: the correction names it
        "edit|-i|a.jpg|as in b.png",  # a prompt
        "edit|-i|a.jpg|none.png",  # no such file: a prompt, or a mistake that is reported
        "edit|-i|a.jpg|notes.txt",
        "edit|-i|a.jpg|-o|b.JPG",
        "edit|-i|a.jpg|bluer|b.JPG",  # behind the prompt
        "generate|a.jpg|b.JPG",
        "",
    ],
)
def test_other_words_stay_as_they_are(typed: str) -> None:
    assert with_files(typed.split("|")) == typed.split("|")

"""A fleet's pictures in an object storage: put once, whole, and never over another."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from cli.program.editing import Bucket, png
from imgen.errors import BadConfiguration
from imgen.pictures.storage import StorageTrouble
from imgen.pictures.store import OtherBytes, PictureStore, configured_store
from imgen.pictures.verify import Picture, inspect


@pytest.fixture
def picture(tmp_path: Path) -> tuple[Path, Picture]:
    """A verified picture on this disk."""
    path = tmp_path / "arrived.part"
    path.write_bytes(png("teal"))
    return path, inspect(path)


@pytest.fixture(params=["folder", "s3"])
def store(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> PictureStore:
    """One of each kind."""
    if request.param == "folder":
        found = configured_store(f"file://{tmp_path / 'a store'}")
    else:
        bucket = Bucket(request.getfixturevalue("s3"), "bucket")
        for name, value in bucket.variables.items():
            monkeypatch.setenv(name, value)
        found = configured_store(bucket.variables["IMGEN_UPLOAD"])
    assert found
    return found


def test_a_picture_is_put_once_and_read_back(store: PictureStore, picture: tuple[Path, Picture]) -> None:
    path, found = picture
    url = store.url("k3f9xy", 1, found)

    store.check()
    store.put(url, path, found)
    store.put(url, path, found)

    assert url.endswith(f"/k3f9xy/1-{found.sha256}.png")
    assert store.read(url) == path.read_bytes()
    assert store.read(url.replace("k3f9xy", "other")) is None


@pytest.mark.skipif(not Path("/proc/self/fd").is_dir(), reason="what is synced is looked up in Linux's /proc")
def test_a_picture_in_a_folder_is_on_disk_with_its_name(
    tmp_path: Path, picture: tuple[Path, Picture], monkeypatch: pytest.MonkeyPatch
) -> None:
    store = configured_store(f"file://{tmp_path / 'a store'}")
    assert store
    path, found = picture
    synced: list[Path] = []
    fsync = os.fsync

    def noted(number: int) -> None:
        synced.append(Path(f"/proc/self/fd/{number}").readlink())
        fsync(number)

    monkeypatch.setattr(os, "fsync", noted)
    store.put(store.url("k3f9xy", 1, found), path, found)

    here = tmp_path / "a store"
    assert synced == [here / "k3f9xy" / f"1-{found.sha256}.png", here / "k3f9xy", here]


def test_other_bytes_under_its_name_stay(store: PictureStore, picture: tuple[Path, Picture]) -> None:
    path, found = picture
    url = store.url("k3f9xy", 1, found)
    store.put(url, path, found)
    path.write_bytes(png("crimson"))

    with pytest.raises(OtherBytes, match="k3f9xy"):
        store.put(url, path, found)

    assert store.read(url) == png("teal")


def test_what_came_inside_an_answer_is_listed_by_its_job(store: PictureStore) -> None:
    before = time.time()
    first = store.put_answered("k3f9xy", 1, png("teal"))
    tenth = store.put_answered("k3f9xy", 10, png("crimson"))
    second = store.put_answered("k3f9xy", 2, b"no picture")
    store.put_answered("k3f9xyz", 1, png("navy"))

    assert store.answered("k3f9xy", before) == [first, second]  # between this and the tenth, some are not there

    third_to_ninth = [store.put_answered("k3f9xy", number, png("gold")) for number in range(3, 10)]

    assert store.answered("k3f9xy", before) == [first, second, *third_to_ninth, tenth]
    assert store.answered("k3f9xy", before + 3600.0) == []
    assert store.answered("other", before) == []


def test_a_storage_that_gives_nothing_out_is_reported(s3: str, monkeypatch: pytest.MonkeyPatch) -> None:
    shut = Bucket(s3, "shut")
    for name, value in shut.variables.items():
        monkeypatch.setenv(name, value)
    store = configured_store(shut.variables["IMGEN_UPLOAD"])
    assert store
    store.put_answered("k3f9xy", 1, png("teal"))

    with pytest.raises(StorageTrouble, match="credentials may not do that"):
        store.answered("k3f9xy", 0.0)


def test_an_object_of_another_storage_is_not_looked_for_in_this_one(store: PictureStore) -> None:
    with pytest.raises(StorageTrouble, match="IMGEN_STORE names another storage"):
        store.read("s3://elsewhere/k3f9xy/1-00.png")


def test_a_storage_that_takes_nothing_is_found_out_before_anything_is_sent(
    s3: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    refusing = Bucket(s3, "refusing")
    for name, value in refusing.variables.items():
        monkeypatch.setenv(name, value)
    store = configured_store(refusing.variables["IMGEN_UPLOAD"])
    assert store

    with pytest.raises(StorageTrouble, match="credentials may not do that"):
        store.check()


def test_a_folder_that_cannot_be_made_is_reported_with_its_path(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("no folder")

    with pytest.raises(StorageTrouble, match="cannot be opened"):
        configured_store(f"file://{tmp_path}/file/store")


@pytest.mark.parametrize(
    "url", ["file://host/folder", "file:relative", "file:///", "file:///a?b=c", "ftp://bucket", "s3://me:secret@bucket"]
)
def test_what_is_no_storage_is_refused_by_the_name_of_its_setting(url: str) -> None:
    with pytest.raises(BadConfiguration, match="IMGEN_STORE") as caught:
        configured_store(url)

    assert "secret" not in str(caught.value)

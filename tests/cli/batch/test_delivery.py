"""From a picture as it came to the file of an asset."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest
from PIL import Image

from cli.pictures.photos import photo
from cli.pictures.signing import signed
from imgen.batch.asset import Asset
from imgen.batch.delivery import FileInTheWay, NotDelivered, put, render
from imgen.batch.disk import file_sha256
from imgen.batch.paths import Folder

if TYPE_CHECKING:
    from pathlib import Path


def kept(folder: Path, data: bytes) -> Path:
    path = folder / "original"
    path.write_bytes(data)
    return path


def test_a_picture_of_the_right_format_is_delivered_as_it_came(tmp_path: Path) -> None:
    data = photo("png")

    rendered = render(Asset("a.png", 0, "x"), kept(tmp_path, data), "abcd2345")

    assert (rendered.data, rendered.sha256) == (data, rendered.original_sha256)


def test_what_is_transparent_is_white_in_a_jpeg(tmp_path: Path) -> None:
    Image.new("RGBA", (8, 8), (255, 0, 0, 0)).save(tmp_path / "clear.png")

    rendered = render(Asset("a.jpg", 0, "x"), tmp_path / "clear.png", None)

    assert Image.open(kept(tmp_path, rendered.data)).getpixel((4, 4)) == (255, 255, 255)


def test_the_same_picture_is_rendered_to_the_same_bytes(tmp_path: Path) -> None:
    asset = Asset("a.webp", 0, "x", max_width=10, tag=True)
    path = kept(tmp_path, photo("png"))

    assert render(asset, path, "abcd2345").sha256 == render(asset, path, "abcd2345").sha256


def test_a_signed_picture_is_not_tagged_and_that_is_said(tmp_path: Path) -> None:
    data = signed(photo("png"), "png")

    rendered = render(Asset("a.png", 0, "x", tag=True), kept(tmp_path, data), "abcd2345")

    assert rendered.data == data
    assert rendered.note == "a.png is not tagged: it holds a C2PA claim, which a change would break."


def test_a_file_that_is_no_picture_is_named_and_kept(tmp_path: Path) -> None:
    with pytest.raises(NotDelivered, match="The picture cannot be used") as caught:
        render(Asset("a.png", 0, "x"), kept(tmp_path, b"nothing"), None)

    assert str(tmp_path / "original") in (caught.value.hint or "")


def test_only_a_file_that_is_ours_is_replaced(tmp_path: Path) -> None:
    asset, folder = Asset("art/a.png", 0, "x"), Folder(tmp_path)
    rendered = render(asset, kept(tmp_path, photo("png")), None)
    put(folder, asset, rendered, ())
    put(folder, asset, rendered, ())
    target = tmp_path / "art/a.png"
    target.write_bytes(b"mine")

    with pytest.raises(FileInTheWay, match="was changed while the run was under way"):
        put(folder, asset, rendered, ())
    put(folder, asset, rendered, {file_sha256(target)})

    assert target.read_bytes() == rendered.data


@pytest.mark.skipif(os.name == "nt", reason="links need rights there")
def test_no_link_leads_a_picture_out_of_the_project(tmp_path: Path) -> None:
    project = tmp_path / "project"
    project.mkdir()
    (project / "art").symlink_to(tmp_path)
    asset = Asset("art/a.png", 0, "x")

    with pytest.raises(FileInTheWay, match="leads out of the project by a link"):
        put(Folder(project), asset, render(asset, kept(tmp_path, photo("png")), None), ())

    assert not (tmp_path / "a.png").exists()

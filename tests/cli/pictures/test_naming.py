"""What files are called: readable in every script, and never outside the folder."""

from __future__ import annotations

import contextlib
import errno
import os
import socket
import sys
import unicodedata
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from pathvalidate import is_valid_filename, sanitize_filename

from imgen.files import new_part, part_path
from imgen.pictures.naming import (
    DEFAULT_TEMPLATE,
    TEMPLATE_FIELDS,
    BadTarget,
    asked_format,
    certain,
    existing,
    file_name,
    parse_output,
    prepare,
    slug,
)
from imgen.pictures.place import place
from imgen.pictures.template import is_plain

if TYPE_CHECKING:
    from imgen.pictures.target import Target

KEPT = Path("kept").absolute()
VALUES: dict[str, Any] = {
    "slug": "a-red-cat",
    "id": "7f3a",
    "index": 1,
    "ext": "png",
    "provider": "gmicloud",
    "model": "gemini-2.5-flash",
    "date": "2026-11-20",
}


def parsed(output: str | None, cwd: Path, pictures: int = 1, *, overwrite: bool = False) -> Target:
    return parse_output(output, cwd=cwd, pictures=pictures, overwrite=overwrite, format=None, kept=KEPT)


def named(target: Target, **values: Any) -> str:
    return file_name(target, **{**VALUES, **values}).relative_to(target.folder).as_posix()


def bad(output: str, cwd: Path, pictures: int = 1) -> BadTarget:
    with pytest.raises(BadTarget) as error:
        parsed(output, cwd, pictures)
    return error.value


@pytest.mark.parametrize(
    ("prompt", "name"),
    [
        ("A red cat, sitting on a mat!", "a-red-cat-sitting-on-a-mat"),
        ("  --  ", "picture"),
        ("", "picture"),
        ("🐈🐈", "picture"),
        ("日本語の猫", "日本語の猫"),
        ("قطة حمراء", "قطة-حمراء"),
        ("Красный КОТ", "красный-кот"),
        ("हिन्दी बिल्ली", "हिन्दी-बिल्ली"),
        ("cafe\N{COMBINING ACUTE ACCENT}", "caf\N{LATIN SMALL LETTER E WITH ACUTE}"),
        ("\N{COMBINING ACUTE ACCENT}a", "a"),
        ("❤\ufe0f cat", "cat"),
        ("../../etc/passwd", "etc-passwd"),
        ("a\x1b[31m\u202eb\x00c", "a-b-c"),
        ("caf\udce9 cat", "caf-cat"),
        ("snake_case v2.0", "snake-case-v2-0"),
    ],
)
def test_a_slug_keeps_letters_and_digits_of_every_script(prompt: str, name: str) -> None:
    assert slug(prompt) == name


@pytest.mark.parametrize(
    ("prompt", "limit", "name"),
    [
        ("a quiet harbour at dawn", 19, "a-quiet-harbour-at"),
        ("a quiet harbour at dawn", 18, "a-quiet-harbour-at"),
        ("a quiet harbour at dawn", 17, "a-quiet-harbour"),
        ("a " + "x" * 50, 20, "a-" + "x" * 18),
        ("日本語", 8, "日本"),
        ("q\N{COMBINING ACUTE ACCENT}q\N{COMBINING ACUTE ACCENT}", 5, "q\N{COMBINING ACUTE ACCENT}"),
    ],
)
def test_a_long_slug_is_cut_between_words_and_never_inside_a_letter(prompt: str, limit: int, name: str) -> None:
    assert slug(prompt, limit) == name


@given(st.text(), st.integers(7, 80))
@example("İ" * 40, 60)
@example("ß" * 40, 60)
def test_any_prompt_gives_a_short_clean_slug(prompt: str, limit: int) -> None:
    name = slug(prompt, limit)
    assert 0 < len(name.encode()) <= limit
    assert name == unicodedata.normalize("NFC", name)
    assert name.strip("-") == name
    assert "--" not in name
    assert all(character == "-" or unicodedata.category(character)[0] in "LNM" for character in name)
    assert slug(name, limit) == name


def test_without_o_pictures_go_to_the_current_folder(tmp_path: Path) -> None:
    target = parsed(None, tmp_path, 3)
    assert (target.folder, target.template, target.pictures_in_run) == (tmp_path, DEFAULT_TEMPLATE, 3)
    assert named(target, index=2) == "a-red-cat-2-7f3a.png"


@pytest.mark.parametrize(
    ("stem", "name"), [("IMG_4711", "IMG_4711-blue.png"), ("a/b{c}", "a-b{c}-blue.png"), (None, "a-red-cat-blue.png")]
)
def test_the_name_of_what_was_edited_can_stand_in_the_name(tmp_path: Path, stem: str | None, name: str) -> None:
    target = parse_output(
        "{stem}-blue.png", cwd=tmp_path, pictures=1, overwrite=False, format=None, kept=tmp_path, stem=stem
    )

    assert named(target) == name


@pytest.mark.parametrize(("aspect", "name"), [("16:9", "16x9.png"), (None, "auto.png")])
def test_an_aspect_can_stand_in_a_name(tmp_path: Path, aspect: str | None, name: str) -> None:
    target = parsed("{aspect}.png", tmp_path)

    assert file_name(target, **VALUES, aspect=aspect).name == name


@pytest.mark.parametrize("suffix", ["gif", "GIF", "bmp", "tiff", "heic", "avif", "svg"])
def test_a_format_that_is_not_saved_is_refused(tmp_path: Path, suffix: str) -> None:
    for output in (f"out.{suffix}", f"{{slug}}.{suffix}"):
        with pytest.raises(BadTarget, match="saves no"):
            parsed(output, tmp_path)


def test_a_dash_keeps_a_copy_and_writes_to_stdout(tmp_path: Path) -> None:
    target = parsed("-", tmp_path)
    assert (target.folder, target.to_stdout) == (KEPT, True)


def test_a_dash_takes_one_picture(tmp_path: Path) -> None:
    assert "2 were ordered" in bad("-", tmp_path, 2).message


def test_a_folder_gets_default_names(tmp_path: Path) -> None:
    (tmp_path / "here").mkdir()
    for output in ("here", "missing/", str(tmp_path / "here")):
        target = parsed(output, tmp_path)
        assert target.template == DEFAULT_TEMPLATE
        assert target.folder == tmp_path / output
        assert target.folder.is_absolute()


def test_a_folder_above_is_named_without_dots(tmp_path: Path) -> None:
    (tmp_path / "deep").mkdir()
    assert parsed("../cat.png", tmp_path / "deep").folder == tmp_path.resolve()


@pytest.mark.parametrize(
    ("output", "ext", "name"),
    [
        ("cat.png", "png", "cat.png"),
        ("cat.png", "jpg", "cat.jpg"),
        ("cat.jpeg", "jpg", "cat.jpeg"),
        ("cat.jpg", "jpg", "cat.jpg"),
        ("CAT.PNG", "png", "CAT.PNG"),
        ("CAT.PNG", "webp", "CAT.webp"),
        ("cat", "webp", "cat.webp"),
        ("v1.2", "png", "v1.2.png"),
        (".png", "png", ".png.png"),
        ("a}b.png", "png", "a}b.png"),
        ("a: b?.png", "png", "a: b?.png"),
    ],
)
def test_a_file_keeps_its_name_and_the_extension_follows_the_bytes(
    tmp_path: Path, output: str, ext: str, name: str
) -> None:
    target = parsed(output, tmp_path)
    assert target.folder == tmp_path
    assert named(target, ext=ext) == name


@pytest.mark.parametrize(
    ("output", "names"),
    [
        ("cat.png", ["cat-1.png", "cat-2.png"]),
        ("v1.2", ["v1.2-1.png", "v1.2-2.png"]),
        ("a}b", ["a}b-1.png", "a}b-2.png"]),
        ("{id}.{ext}", ["7f3a-1.png", "7f3a-2.png"]),
        ("{index:02}/cat.png", ["01/cat.png", "02/cat.png"]),
        ("{index:03d}", ["001.png", "002.png"]),
    ],
)
def test_several_pictures_are_kept_apart(tmp_path: Path, output: str, names: list[str]) -> None:
    target = parsed(output, tmp_path, 2)
    assert [named(target, index=index) for index in (1, 2)] == names


@pytest.mark.parametrize(
    ("output", "folder", "name"),
    [
        ("out/{slug}.{ext}", "out", "a-red-cat.png"),
        ("out/{provider}/{date}/{slug}.jpg", "out", "gmicloud/2026-11-20/a-red-cat.png"),
        ("{slug}", "", "a-red-cat.png"),
        ("{model}", "", "gemini-2.5-flash.png"),
        ("{provider}/", "", "gmicloud/a-red-cat-1-7f3a.png"),
        ("{{{slug}}}.png", "", "{a-red-cat}.png"),
        ("a/{ext}/{slug}.{ext}", "a", "png/a-red-cat.png"),
    ],
)
def test_a_template_names_folders_and_files(tmp_path: Path, output: str, folder: str, name: str) -> None:
    target = parsed(output, tmp_path)
    assert target.folder == tmp_path / folder
    assert named(target) == name


def test_a_home_folder_may_be_meant(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    assert parsed("~/cat.png", Path("elsewhere")).folder == tmp_path
    assert parsed("~/{slug}.png", Path("elsewhere")).folder == tmp_path


@pytest.mark.parametrize(
    ("output", "words"),
    [
        ("", "needs a file"),
        ("a\0b", "needs a file"),
        ("~no-user-of-this-name/cat.png", "home folder"),
        ("missing/..", "'..'"),
        ("{slug}/../../cat.png", "'..'"),
        ("a\nb.png", "'a\\nb.png'"),
        ("x" * 201 + ".png", "takes no file"),
        ("{slug", "cannot be read"),
        ("{}", "{}"),
        ("{prompt}", "{prompt}"),
        ("{slug.__class__}", "{slug.__class__}"),
        ("{slug[0]}", "{slug[0]}"),
        ("{slug!r}", "{slug!r}"),
        ("{slug:>9999999999}", "{slug:>9999999999}"),
        ("{index:0999999999}", "{index:0999999999}"),
        ("{index:{id}}", "{index:{id}}"),
        ("caf\udce9.png", "UTF-8"),
    ],
)
def test_what_cannot_be_a_target_is_refused_in_words(tmp_path: Path, output: str, words: str) -> None:
    assert words in bad(output, tmp_path).message


def test_an_unknown_field_is_answered_with_the_known_ones(tmp_path: Path) -> None:
    hint = bad("{prompt}", tmp_path).hint
    assert hint is not None
    assert all(f"{{{field}}}" in hint for field in TEMPLATE_FIELDS)


@pytest.mark.parametrize(
    ("output", "wanted"),
    [
        ("cat.webp", "webp"),
        ("a/CAT.JPG", "jpeg"),
        ("cat.jpeg", "jpeg"),
        ("{slug}.png", "png"),
        ("{slug}.{ext}", None),
        ("cat.gif", None),
        ("v1.2", None),
        ("folder.png/", None),
        ("-", None),
        (None, None),
    ],
)
def test_a_suffix_asks_for_a_format(output: str | None, wanted: str | None) -> None:
    assert asked_format(output) == wanted


def test_a_suffix_and_a_format_must_agree(tmp_path: Path) -> None:
    with pytest.raises(BadTarget, match="png file, and --format for jpeg"):
        parse_output("cat.png", cwd=tmp_path, pictures=1, overwrite=False, format="jpeg", kept=KEPT)
    target = parse_output("cat.jpeg", cwd=tmp_path, pictures=1, overwrite=True, format="jpeg", kept=KEPT)
    assert target.overwrite


texts = st.text(max_size=300)


@given(
    template=st.lists(
        st.sampled_from(["{slug}", "{id}", "{index}", "{provider}", "{model}", "{date}", "{ext}", "-", "x" * 90, "/"]),
        min_size=1,
        max_size=8,
    ),
    values=st.fixed_dictionaries(dict.fromkeys(("slug", "id", "provider", "model", "date"), texts)),
    ext=st.sampled_from(["png", "jpg", "webp"]),
)
@example(["{slug}", "/", "{model}"], dict.fromkeys(("slug", "id", "provider", "model", "date"), ".."), "png")
@example(["{slug}", "/", "{model}"], dict.fromkeys(("slug", "id", "provider", "model", "date"), "/etc"), "png")
@example(["{slug}"], dict.fromkeys(("slug", "id", "provider", "model", "date"), "CON"), "png")
def test_no_value_leads_out_of_the_folder_or_makes_a_long_name(
    template: list[str], values: dict[str, str], ext: str
) -> None:
    folder = KEPT / "out"
    output = "out/{slug}" + "".join(template)
    try:
        target = parsed(output, KEPT)
    except BadTarget:
        assert output.count("x" * 90) > 1
        return
    path = file_name(target, **values, ext=ext, index=3)
    assert os.path.normpath(path).startswith(str(folder) + os.sep)
    assert path == Path(os.path.normpath(path))
    assert path.suffix == f".{ext}"
    for name in path.relative_to(folder).parts:
        assert 0 < len(name.encode()) <= 200
        assert not set(name) & set('\\:*?"<>|\0\n')
        assert name.isprintable()
    assert path.stem.upper() not in {"CON", "NUL", "PRN", "AUX"}


def test_a_name_that_is_too_long_loses_what_does_not_tell_pictures_apart(tmp_path: Path) -> None:
    target = parsed("{id}-{slug}-{model}-{index}.png", tmp_path)
    name = named(target, slug="猫" * 80, model="m" * 100)
    assert name.startswith("7f3a-猫")
    assert name.endswith("-1.png")
    assert 190 < len(name.encode()) <= 200


def test_a_folder_that_is_itself_a_link_is_fine(tmp_path: Path) -> None:
    (tmp_path / "disk").mkdir()
    (tmp_path / "out").symlink_to(tmp_path / "disk", target_is_directory=True)
    target = parsed("out/{provider}/{slug}.png", tmp_path)
    assert file_name(target, **VALUES) == tmp_path / "out" / "gmicloud" / "a-red-cat.png"


def test_a_link_below_the_folder_may_not_lead_out_of_it(tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "gmicloud").symlink_to(tmp_path, target_is_directory=True)
    target = parsed("out/{provider}/{slug}.png", tmp_path)
    with pytest.raises(BadTarget, match="leads out of"):
        file_name(target, **VALUES)


KNOWN = {name: value for name, value in VALUES.items() if name not in ("id", "index")}


def found(target: Target) -> Path | None:
    return existing(certain(target, **KNOWN).files, overwrite=target.overwrite)


@pytest.mark.parametrize(
    ("output", "pictures", "folders"),
    [
        ("out/cat.png", 1, ["out"]),
        ("out/{provider}/{date}/{slug}-{id}.png", 1, ["out/gmicloud/2026-11-20"]),
        ("out/{provider}/{id}/{slug}.png", 1, ["out/gmicloud"]),
        ("out/{id}-{provider}/{slug}.png", 1, ["out"]),
        ("out/{provider}/{index:02}/cat.png", 2, ["out/gmicloud/01", "out/gmicloud/02"]),
    ],
)
def test_folders_are_certain_until_a_name_needs_the_id(
    tmp_path: Path, output: str, pictures: int, folders: list[str]
) -> None:
    known = certain(parsed(output, tmp_path, pictures), **KNOWN)

    assert [folder.relative_to(tmp_path).as_posix() for folder in known.folders] == folders
    assert len(known.files) == (0 if "{id}" in output else pictures)


@pytest.mark.parametrize("last", ["{slug}.png", "{id}.png", "{id}/{slug}.png"])
def test_a_link_that_leads_out_is_found_before_there_is_an_id(tmp_path: Path, last: str) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "gmicloud").symlink_to(tmp_path, target_is_directory=True)

    with pytest.raises(BadTarget, match="leads out of"):
        certain(parsed("out/{provider}/" + last, tmp_path), **KNOWN)


def test_links_in_a_circle_and_names_too_long_are_no_accident(tmp_path: Path) -> None:
    (tmp_path / "gmicloud").symlink_to("gmicloud")
    (folder,) = certain(parsed("{provider}/{id}.png", tmp_path), **KNOWN).folders

    with pytest.raises(BadTarget, match="cannot hold pictures"):
        prepare(folder)
    assert parsed("gmicloud/../cat.png", tmp_path).template == "cat.png"
    assert "takes no file" in bad("x" * 300, tmp_path).message


@pytest.mark.skipif(os.name == "nt", reason="there a file has a name as long as it is open, and goes with its process")
def test_a_folder_is_tried_with_a_file_that_no_death_can_leave_behind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[list[Path]] = []
    monkeypatch.setattr(os, "fsync", lambda _: seen.append(list(tmp_path.iterdir())))

    prepare(tmp_path)

    assert seen == [[]]


def test_an_existing_file_is_found_before_anything_is_sent(tmp_path: Path) -> None:
    (tmp_path / "cat-2.png").touch()
    (tmp_path / "dangling.png").symlink_to(tmp_path / "nowhere")
    assert found(parsed("cat.png", tmp_path)) is None
    assert found(parsed("cat.png", tmp_path, 2)) == tmp_path / "cat-2.png"
    assert found(parsed("dangling.png", tmp_path)) == tmp_path / "dangling.png"
    assert found(parsed("{slug}-{id}.png", tmp_path)) is None


def test_a_file_may_be_overwritten_and_a_folder_may_not(tmp_path: Path) -> None:
    (tmp_path / "cat.png").touch()
    assert found(parsed("cat.png", tmp_path, overwrite=True)) is None
    (tmp_path / "a-red-cat.png").mkdir()
    assert found(parsed("{slug}.png", tmp_path, overwrite=True)) == tmp_path / "a-red-cat.png"


def test_a_missing_folder_is_made_and_nothing_left_in_it(tmp_path: Path) -> None:
    folder = tmp_path / "a" / "b"
    prepare(folder)
    prepare(folder)
    assert list(folder.iterdir()) == []


@pytest.mark.parametrize("below", ["", "deeper"])
def test_a_file_in_the_place_of_a_folder_is_said(tmp_path: Path, below: str) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(BadTarget, match="a file stands where a folder should be"):
        prepare(tmp_path / "file" / below)


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EROFS, errno.EACCES])
def test_a_folder_that_takes_no_file_is_said_with_the_reason(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    def fsync(descriptor: int) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(os, "fsync", fsync)
    with pytest.raises(BadTarget, match=os.strerror(number).lower()):
        prepare(tmp_path)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(os.name == "nt", reason="Windows has neither these names nor FIFOs")
@pytest.mark.parametrize(
    "output",
    ["/dev/stdout", "/dev/null", "/dev/fd/1", "/proc/self/fd/1", "pipe", "pipe.png", "socket", "to-a-pipe.png"],
)
@pytest.mark.parametrize("overwrite", [True, False])
def test_a_pipe_or_a_device_is_no_place_for_a_picture(tmp_path: Path, output: str, overwrite: bool) -> None:
    for name in ("pipe", "pipe.png"):
        os.mkfifo(tmp_path / name)
    with socket.socket(socket.AF_UNIX) as listening, contextlib.chdir(tmp_path):
        listening.bind("socket")
    (tmp_path / "to-a-pipe.png").symlink_to("pipe")

    with pytest.raises(BadTarget, match="is a pipe or a device") as error:
        parsed(output, tmp_path, overwrite=overwrite)

    assert "-o -" in (error.value.hint or "")


@pytest.mark.skipif(sys.platform != "linux", reason="the limits of Linux")
@pytest.mark.parametrize("output", ["fox.png", "{id}.png", "{slug}/{id}/fox.png", None])
def test_a_path_that_no_system_takes_is_refused_before_the_order(tmp_path: Path, output: str | None) -> None:
    deep = tmp_path
    while len(os.fsencode(deep)) < 3700:
        deep /= "d" * 200
    certain(parsed(output, deep), **KNOWN)
    deep = deep / ("d" * 100) / ("d" * (4088 - 102 - len(os.fsencode(deep))))
    with pytest.raises(BadTarget, match="more than 4,095 bytes"):
        certain(parsed(output, deep), **KNOWN)


@pytest.mark.skipif(os.name == "nt", reason="Windows names no limits")
def test_a_name_that_its_file_system_does_not_take_is_refused_before_the_order(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As an encrypted home folder has it: 143 bytes."""
    monkeypatch.setattr(os, "pathconf", lambda _path, name: 143 if name == "PC_NAME_MAX" else 4096)
    certain(parsed("x" * 100 + ".png", tmp_path), **KNOWN)
    for output in ("x" * 150 + ".png", "猫" * 50 + ".png"):
        with pytest.raises(BadTarget, match="names of 143 bytes"):
            certain(parsed(output, tmp_path), **KNOWN)


@pytest.mark.skipif(sys.platform in ("win32", "darwin"), reason="there every name is Unicode")
@pytest.mark.parametrize("output", [None, "fox.png", "{slug}/{id}.png"])
def test_pictures_go_into_a_folder_whose_name_is_not_unicode(tmp_path: Path, output: str | None) -> None:
    folder = Path(os.fsdecode(os.fsencode(tmp_path) + b"/caf\xe9"))
    folder.mkdir()
    target = parsed(output, folder)
    certain(target, **KNOWN)
    wanted = file_name(target, **VALUES)
    prepare(wanted.parent)
    part = part_path(wanted)
    with new_part(part) as file:
        file.write(b"picture")

    assert place(part, wanted, replaces=None) == wanted
    assert wanted.read_bytes() == b"picture"
    assert named(parsed(str(folder / "fox.png"), tmp_path)) == "fox.png"


@given(st.from_regex(r"[a-z0-9._-]{1,110}", fullmatch=True))
@example("con")
@example("com1.png")
@example("lpt9")
@example("gemini-3.1-flash")
@example("a-red-fox-1-k3f9xy")
def test_a_plain_text_is_one_that_pathvalidate_leaves_as_it_is(text: str) -> None:
    if is_plain(text):
        assert sanitize_filename(text, "-", platform="universal") == text
        assert is_valid_filename(text, platform="windows", max_len=200)


def test_the_usual_fields_of_a_name_are_plain() -> None:
    assert all(map(is_plain, ("a-red-fox", "fox", "k3f9xy", "png", "reapi", "gemini-3.1-flash", "16x9", "2026-11-26")))
    assert not any(map(is_plain, ("con", "nul.png", "com1", "LPT1", "a b", "a/b", "..", "fox.", "füchse", "a" * 101)))

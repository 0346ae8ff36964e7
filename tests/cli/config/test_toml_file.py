"""Are settings files read as they are meant, and every mistake in them named with its place?"""

from __future__ import annotations

import os
import tomllib
from pathlib import Path

import pytest

from imgen.config.settings import SETTINGS, Place
from imgen.config.toml_file import SettingsFile, change, parse, read
from imgen.errors import BadConfiguration, ExitCode, UsageProblem

WHOLE = """\
# mine
model = "gemini-3-pro"   # the good one
providers = [
  "reapi",  # model = "x"
  "gmicloud",
]

[budget]
day = "5 usd"

[profiles.work]
model = "gemini-2.5-flash"
base_url.reapi = "https://gateway.example"
"""


def parsed(text: str, *, project: bool = False) -> SettingsFile:
    return parse(text, Path("/x/imgen.toml"), "~/x.toml", project=project)


def test_values_come_with_their_lines() -> None:
    file = parsed(WHOLE)

    assert file.values == {"model": "gemini-3-pro", "providers": ("reapi", "gmicloud"), "budget.day": "5 usd"}
    assert file.profiles == {
        "work": {"model": "gemini-2.5-flash", "base_url.reapi": "https://gateway.example"},
    }
    assert file.line("model") == 2
    assert file.line("providers") == 3
    assert file.line("budget", "day") == 9
    assert file.line("profiles", "work", "model") == 12
    assert file.line("profiles", "work", "base_url", "reapi") == 13


@pytest.mark.parametrize(
    ("text", "says", "hints"),
    [
        ("count = 2\nmodel = \n", "~/x.toml:2:9: invalid value.", "toml.io"),
        ("model = 'x", "~/x.toml:1:11: ", "toml.io"),
        ('model = "x"\nmodel = "y"\n', "~/x.toml:2:", "toml.io"),
        (f"model = {'[' * 9000}", "nested too deeply", ""),
        ("\nmodle = 'x'", "~/x.toml, line 2: there is no setting 'modle'.", "Did you mean model?"),
        ("[budget]\ndya = 'x'", "~/x.toml, line 2: there is no setting 'budget.dya'.", "Did you mean budget.day?"),
        ("weather = 'x'", "there is no setting 'weather'.", "imgen config"),
        ("budget = '5 usd'", "~/x.toml, line 1: there is no setting 'budget'.", ""),
        ("reapi_api_key = 'x'", "reapi_api_key does not stand with the settings", "imgen keys list"),
        ("[keys]\nreapi = 'x'", "keys does not stand with the settings", "imgen keys list"),
        ("proxy = 'x'", "the environment names it for all", "export HTTPS_PROXY"),
        ("sandbox = true", "~/x.toml, line 1: sandbox stands in no file.", "export IMGEN_SANDBOX="),
        ("count = '2'", "count in ~/x.toml, line 1, is '2', which is not a whole number from 1 to 16.", "count = 4"),
        ("count = 17", "count in ~/x.toml, line 1, is 17, which is not a whole number from 1 to 16.", "count = 4"),
        ("model = ''", "model in ~/x.toml, line 1, is empty.", "imgen config unset model"),
        ("format = 'jpg'", "format in ~/x.toml, line 1, is 'jpg', which it does not take.", "Did you mean jpeg?"),
        ("providers = ['unknown']", "is ['unknown'], which it does not take.", "It takes: 3daistudio"),
        ("profiles = 3", "~/x.toml, line 1: profiles are tables.", "[profiles.work]"),
        ("profiles.work = 3", "~/x.toml, line 1: profiles are tables.", "[profiles.work]"),
        ("[profiles.work]\ncuont = 1", "~/x.toml, line 2: there is no setting 'cuont'.", "Did you mean count?"),
    ],
)
def test_a_mistake_is_named_with_its_place(text: str, says: str, hints: str) -> None:
    with pytest.raises(BadConfiguration) as refused:
        parsed(text)

    assert refused.value.exit_code is ExitCode.KEY
    assert says in refused.value.message
    assert hints in str(refused.value.hint)


def test_what_may_be_a_secret_is_not_repeated() -> None:
    for text in ("api_key = 'sesame'", "weather = 'sesame'", "token = 'sesame"):
        with pytest.raises(BadConfiguration) as refused:
            parsed(text)

        assert "sesame" not in f"{refused.value.message} {refused.value.hint}"


@pytest.mark.parametrize("name", [name for name, setting in SETTINGS.items() if setting.place is Place.USER])
def test_a_project_says_nothing_of_the_persons_own(name: str) -> None:
    setting = SETTINGS[name]
    text = f"count = 2\n{name} = {str(setting.example).lower() if setting.example in (4, True) else repr('x')}\n"

    with pytest.raises(BadConfiguration) as refused:
        parsed(text, project=True)

    assert f"~/x.toml, line 2: a project must not set {name}: {setting.why}." == refused.value.message
    assert "imgen config path" in str(refused.value.hint)


def test_a_project_brings_no_profiles() -> None:
    with pytest.raises(BadConfiguration, match="must not set profiles"):
        parsed("[profiles.work]\ncount = 2\n", project=True)


def test_what_is_no_settings_file_is_said(tmp_path: Path) -> None:
    assert read(tmp_path / "none.toml", "none", project=False) is None
    (tmp_path / "latin.toml").write_bytes(b"model = '\xfc'")
    (tmp_path / "large.toml").write_bytes(b"#" * 70_000)

    for name, says in (("latin.toml", "not valid UTF-8"), ("large.toml", "larger than 16 KB")):
        with pytest.raises(BadConfiguration, match=says):
            read(tmp_path / name, name, project=False)


# Writing ----------------------------------------------------------------------------------------------------


def test_comments_and_order_outlive_a_change(tmp_path: Path) -> None:
    path = tmp_path / "config.toml"
    path.write_text(WHOLE)
    path.chmod(0o640)
    mine = read(path, "mine", project=False)

    mine = change(path, "mine", mine, ("count",), 4, project=False)
    mine = change(path, "mine", mine, ("model",), "gemini-3.1-flash", project=False)
    mine = change(path, "mine", mine, ("budget", "project"), "9 usd", project=False)
    mine = change(path, "mine", mine, ("profiles", "work", "model"), None, project=False)
    change(path, "mine", mine, ("profiles", "home", "budget", "day"), "1 usd", project=False)

    text = path.read_text()
    assert text.startswith('# mine\nmodel = "gemini-3.1-flash"   # the good one\nproviders = [\n  "reapi",  # model')
    assert tomllib.loads(text) == {
        "model": "gemini-3.1-flash",
        "providers": ["reapi", "gmicloud"],
        "count": 4,
        "budget": {"day": "5 usd", "project": "9 usd"},
        "profiles": {
            "work": {"base_url": {"reapi": "https://gateway.example"}},
            "home": {"budget": {"day": "1 usd"}},
        },
    }
    assert os.name == "nt" or path.stat().st_mode & 0o777 == 0o640
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.skipif(os.name == "nt", reason="Windows has other permissions, and links for administrators only")
def test_a_new_file_is_the_persons_alone_and_a_linked_one_stays_linked(tmp_path: Path) -> None:
    new, link = tmp_path / "new" / "config.toml", tmp_path / "link.toml"
    (tmp_path / "real.toml").write_text("count = 2\n")
    link.symlink_to("real.toml")

    change(new, "new", None, ("providers",), ("reapi", "gmicloud"), project=False)
    change(link, "link", read(link, "link", project=False), ("count",), 3, project=False)

    assert new.read_text() == 'providers = ["reapi", "gmicloud"]\n'
    assert (new.stat().st_mode & 0o777, new.parent.stat().st_mode & 0o777) == (0o600, 0o700)
    assert link.is_symlink()
    assert (tmp_path / "real.toml").read_text() == "count = 3\n"


@pytest.mark.skipif(os.name == "nt", reason="Windows has other permissions")
def test_a_projects_new_file_is_for_whom_the_umask_says(tmp_path: Path) -> None:
    before = os.umask(0o027)
    try:
        change(tmp_path / "imgen.toml", "it", None, ("count",), 3, project=True)
    finally:
        os.umask(before)

    assert (tmp_path / "imgen.toml").stat().st_mode & 0o777 == 0o640


def test_what_may_not_stand_there_is_not_written(tmp_path: Path) -> None:
    with pytest.raises(BadConfiguration, match="must not set upload"):
        change(tmp_path / "imgen.toml", "it", None, ("upload",), "s3://bucket", project=True)
    (tmp_path / "file").write_text("")
    with pytest.raises(UsageProblem, match="it cannot be written: "):
        change(tmp_path / "file" / "config.toml", "it", None, ("count",), 3, project=False)

    assert [path.name for path in tmp_path.iterdir()] == ["file"]


# Hostile files --------------------------------------------------------------------------------------------------

_MANY = 8_000
BOMBS = {
    "one long dotted key": f"{'.'.join('a' * _MANY)}=1",
    "one long heading": f"[{'.'.join('a' * _MANY)}]",
    "headings": "".join(f"[a{number}.b.c.d]\n" for number in range(900)),
    "deep keys": "".join(f"{'.'.join('a' * 200)}.b{number}=1\n" for number in range(38)),
    "lines that name a setting": f"[x]\n{'# count' * 2}\n" * 900 + "[budget]\ncount = 1\n",
    "a number": f"count = {'1' * _MANY}",
    "a number in hexadecimal": f"count = 0x{'f' * _MANY}",
    "numbers in a list": f"providers = [0x{'f' * _MANY}]",
    "brackets": f"model = {'[' * _MANY}",
    "white space": f"count{' ' * _MANY}= 99",
    "names": f"providers = [{', '.join(['0'] * _MANY)}]",
}


@pytest.mark.timeout(50)  # before: minutes for the first of them, at 63 kB
@pytest.mark.parametrize("name", BOMBS)
def test_a_file_made_to_take_long_or_to_break_us_is_one_sentence(tmp_path: Path, name: str) -> None:
    path = tmp_path / "imgen.toml"
    path.write_text(BOMBS[name])

    with pytest.raises(BadConfiguration) as refused:
        read(path, "it", project=True)

    assert len(refused.value.message) < 400


def test_the_line_of_a_key_is_found_wherever_it_stands() -> None:
    file = parsed('count = 2 # model = 3\n"model" = "x=1"\nbudget = {day = "5 usd"}\n[ profiles . work ]\ncount=3\n')

    assert [file.line(*keys) for keys in (("count",), ("model",), ("budget", "day"))] == [1, 2, 3]
    assert file.line("profiles", "work", "count") == 5

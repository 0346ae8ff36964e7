"""Other users of this machine, and clones: what they own or leave open decides nothing, and is named."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from cli.program.forks import FORKS
from cli.program.program import IMGEN, OFTEN, SMALL, Ended, Program, served
from imgen.errors import ExitCode

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

pytestmark = pytest.mark.skipif(os.name == "nt", reason="Windows has no modes and owners of this kind")
ROOT = pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() != 0, reason="only root can become another user")
ANOTHER = 12_345  # a user of no name, as containers have it (`docker -u`)
FOX = ("generate", "a fox", "--sandbox", *SMALL)


@dataclass(frozen=True)
class User:
    """imgen run by a user of no name, in a folder where that one may write."""

    folder: Path

    def run(self, *arguments: str, stdin: bytes = b"", **environ: str) -> Ended:
        home = {"PATH": os.environ["PATH"], "IMGEN_SANDBOX_SECONDS": "0.1", **environ}
        arguments = (str(ANOTHER), *arguments)
        if FORKS.suit(environ):
            code, out, err = FORKS.run("as_user", arguments, stdin, self.folder, home, 50)
            return Ended(code, out, err.decode())
        script = [sys.executable, str(Path(__file__).with_name("as_user.py")), *arguments]
        ended = subprocess.run(script, input=stdin, capture_output=True, cwd=self.folder, env=home, timeout=50)
        return Ended(ended.returncode, ended.stdout, ended.stderr.decode())


@pytest.fixture
def user() -> Iterator[User]:
    with tempfile.TemporaryDirectory() as folder:  # pytest closes its own folders to others
        desk = Path(folder) / "desk"
        desk.mkdir()
        desk.parent.chmod(0o755)
        os.chown(desk, ANOTHER, ANOTHER)
        yield User(desk)


def loose(imgen: Program, *arguments: str, stdin: bytes = b"", **environ: str) -> Ended:
    """Run by this user, with a umask that takes nothing away and the system's own folders."""
    home = imgen.cwd.parent / "person"
    home.mkdir(exist_ok=True)
    variables = {name: value for name, value in imgen.environ.items() if not name.startswith(("IMGEN_HOME", "XDG_"))}
    ended = subprocess.run(
        [*IMGEN, *arguments],
        input=stdin,
        capture_output=True,
        cwd=imgen.cwd,
        env={**variables, "HOME": str(home), **environ},
        umask=0,
        timeout=30,
    )
    return Ended(ended.returncode, ended.stdout, ended.stderr.decode())


def modes(home: Path) -> dict[str, int]:
    folders = (path for path in home.rglob("*") if path.is_dir())
    return {str(path.relative_to(home)): path.stat().st_mode & 0o777 for path in folders}


def test_every_folder_of_ours_is_private_whatever_the_umask(imgen: Program) -> None:
    kept = loose(imgen, "keys", "set", "reapi", "--file", stdin=b"sk-kept-0123456789\n")
    set_ = loose(imgen, "config", "set", "count", "1")
    made = loose(imgen, *FOX, "-o", "-")

    assert (kept.code, set_.code, made.code) == (0, 0, 0), made.stderr
    found = modes(imgen.cwd.parent / "person")
    assert {".config/imgen/keys", ".local/share/imgen/pictures", ".local/state/imgen"} <= set(found)
    assert set(found.values()) == {0o700}, found


def test_settings_that_others_may_write_are_refused_before_a_key_goes_out(imgen: Program, tmp_path: Path) -> None:
    log: list[str] = []
    with served(tmp_path / "far side", log) as origin:
        imgen.home.mkdir()
        settings = imgen.home / "config.toml"
        settings.write_text(f'base_url.reapi = "{origin}"\n')
        keyed = replace(imgen, variables={**imgen.variables, "REAPI_API_KEY": "sk-not-a-real-key"})
        order = ("generate", "a fox", "-p", "reapi", *OFTEN)
        settings.chmod(0o666)
        loose_file = keyed.run(*order)
        settings.chmod(0o600)
        imgen.home.chmod(0o777)
        loose_folder = keyed.run(*order, "--json")
        imgen.home.chmod(0o700)
        named = keyed.run(*order, "-q")

    assert (loose_file.code, f"chmod go-w {settings}" in loose_file.stderr) == (ExitCode.KEY, True)
    assert (loose_folder.code, loose_folder.json["error"]["hint"]) == (ExitCode.KEY, f"chmod go-w {imgen.home}")
    assert named.code == 0, named.stderr
    assert named.stderr.splitlines()[0] == (
        f"The key of reAPI goes to {origin} ({settings}, line 1), not to https://reapi.ai."
    )
    assert sum("POST" in line for line in log) == 1


@ROOT
def test_a_home_or_settings_of_another_user_are_refused(imgen: Program) -> None:
    imgen.home.mkdir()
    settings = imgen.home / "config.toml"
    settings.write_text("count = 2\n")
    os.chown(settings, ANOTHER, ANOTHER)
    foreign_file = imgen.run(*FOX)
    os.chown(imgen.home, ANOTHER, ANOTHER)
    foreign_home = imgen.run("keys", "set", "reapi", "--file", stdin=b"sk-kept-0123456789")

    for ended, path in ((foreign_file, settings), (foreign_home, imgen.home)):
        assert (ended.code, f"{path} belongs to another user" in ended.stderr) == (ExitCode.KEY, True), ended.stderr
    assert [path.name for path in imgen.home.iterdir()] == ["config.toml"]


def test_a_relative_home_that_a_clone_brings_is_refused(imgen: Program) -> None:
    (imgen.cwd / "home").mkdir()

    ended = imgen.run_lines([(("status",), {"IMGEN_HOME": "home"}, b"")])[0]

    assert (ended.code, "must be an absolute path" in ended.stderr) == (ExitCode.KEY, True)


@ROOT
def test_a_project_of_another_user_decides_nothing_and_is_named(imgen: Program) -> None:
    file = imgen.cwd / "imgen.toml"
    file.write_text("count = 16\n")
    os.chown(file, ANOTHER, ANOTHER)

    ended = imgen.run(*FOX, "-q", "-o", "fox.png")

    assert ended.code == 0
    assert ended.stderr == f"{file} belongs to another user, so it does not count here.\n"
    assert [path.name for path in imgen.cwd.glob("*.png")] == ["fox.png"]


def test_a_clone_within_a_project_does_not_lift_its_budget(imgen: Program) -> None:
    (imgen.cwd / "imgen.toml").write_text('budget.project = "0.001 usd"\n')
    clone = imgen.cwd / "vendor"
    (clone / ".git").mkdir(parents=True)
    (clone / "imgen.toml").write_text('budget.project = "1000 usd"\n')
    keyed = replace(imgen, variables={**imgen.variables, "GMI_API_KEY": "sk-not-a-real-key"})

    ended = keyed.elsewhere(clone).run("generate", "a fox", "-p", "gmicloud", "-m", "gemini-3-pro", "--dry-run")
    ordered = keyed.elsewhere(clone).run("generate", "a fox", "-p", "gmicloud", "-m", "gemini-3-pro")

    assert ordered.code == ExitCode.NO_CREDIT, ended.stderr
    assert "$0.001 for this project" in ordered.stderr
    assert not keyed.jobs()


@pytest.mark.parametrize("output", ["\\u001b]52;c;eA==\\u0007/", "a\\nb/", "a\\u0000b/", "a\\u202eb/"])
def test_a_project_puts_no_control_character_into_a_path(imgen: Program, output: str) -> None:
    (imgen.cwd / "imgen.toml").write_text(f'output = "{output}"\n')

    ended = imgen.run(*FOX)

    assert ended.code == ExitCode.KEY
    assert "output in " in ended.stderr
    assert "\x1b" not in ended.stderr
    assert [path.name for path in imgen.cwd.iterdir()] == ["imgen.toml"]


def test_a_key_typed_into_another_setting_is_not_repeated(imgen: Program) -> None:
    key = "sk-live-0123456789abcdefABCDEF"
    plain = "a-key-that-has-no-usual-shape"
    lines = [
        (("config",), {"SSL_CERT_FILE": key}, b""),
        (("config",), {"IMGEN_PROFILE": key}, b""),
        (("config", "--json"), {"REAPI_BASE_URL": f"https://{key}"}, b""),
        (("generate", "a fox", "-p", "reapi"), {"REAPI_API_KEY": plain, "REAPI_BASE_URL": plain}, b""),
        (("generate", "a fox", "-p", "reapi"), {"REAPI_API_KEY": plain, "REAPI_BASE_URL": key}, b""),
        (("models", "--live", "-p", "gmicloud"), {"GMI_API_KEY": plain, "SSL_CERT_FILE": f"/nowhere/{key}"}, b""),
    ]

    for ended in imgen.run_lines(lines):
        assert key not in ended.stdout.decode() + ended.stderr
        assert plain not in ended.stdout.decode() + ended.stderr


def test_a_project_file_that_is_a_link_is_not_written_through(imgen: Program) -> None:
    mine = imgen.cwd.parent / "mine.toml"
    mine.write_text("count = 2\n")
    (imgen.cwd / "imgen.toml").symlink_to(mine)

    ended = imgen.run("config", "set", "count", "3", "--project")

    assert (ended.code, "is a link" in ended.stderr) == (ExitCode.USAGE, True)
    assert mine.read_text() == "count = 2\n"


# Users without a home, folders of others -----------------------------------------------------------------------


@ROOT
@pytest.mark.timeout(300)
def test_a_user_without_a_home_reads_what_to_set(user: User) -> None:
    asked: Sequence[tuple[str, ...]] = (("status",), ("generate", "a fox", "--sandbox", "--json"), ("config",))
    runs = [user.run(*each) for each in asked]
    works = user.run(*FOX, "-q", "-o", "fox.png", IMGEN_HOME=str(user.folder / "home"))

    assert [each.code for each in runs] == [ExitCode.KEY] * 3
    assert runs[0].stderr.splitlines() == [
        "imgen: There is no folder for imgen's own files: HOME is not set, and this user has no home folder.",
        "  try: export IMGEN_HOME=/a/folder/of/yours",
    ]
    assert json.loads(runs[1].stdout)["error"]["code"] == "configuration"
    assert "Traceback" not in "".join(each.stderr for each in runs)
    assert works.code == 0, works.stderr


@ROOT
@pytest.mark.timeout(300)
def test_a_home_in_which_nothing_may_be_made_is_said_in_words(user: User) -> None:
    """Some containers set HOME=/ for a user who may not write there."""
    asked: Sequence[tuple[str, ...]] = (("status",), ("generate", "a fox", "--sandbox", "--json"), ("history",))
    runs = [user.run(*each, HOME="/") for each in asked]

    for ended in runs:
        said = ended.stdout.decode() + ended.stderr
        assert "Errno" not in said
        assert "Traceback" not in said
    assert [each.code for each in runs[:2]] == [ExitCode.NOT_SAVED] * 2
    assert "The ledger /.local/state/imgen/ledger.sqlite3 cannot be opened: Permission denied." in runs[0].stderr


@ROOT
@pytest.mark.timeout(300)
@pytest.mark.parametrize("mode", [0o755, 0o700], ids=["open to read", "closed"])
def test_folders_of_another_user_end_in_a_sentence(user: User, mode: int) -> None:
    home = user.folder.parent / "person"
    for name in (".local/state/imgen", ".local/share/imgen"):
        (home / name).mkdir(parents=True)
        (home / name).chmod(mode)

    status = user.run("status", HOME=str(home))
    edited = user.run("edit", "at night", "-i", "-", "--sandbox", "--json", stdin=b"\x89PNG...", HOME=str(home))
    out = user.run(*FOX, "-o", "-", HOME=str(home))

    assert [each.code for each in (status, edited, out)] == [ExitCode.NOT_SAVED] * 3, (status, edited, out)
    assert str(home / ".local") in status.stderr
    assert not edited.json["ok"]

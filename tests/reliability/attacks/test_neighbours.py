"""Other users of the machine, and clones: what they own, leave open or bring decides nothing."""

from __future__ import annotations

import os
import stat
import subprocess
import urllib.error
import urllib.request
from dataclasses import replace
from pathlib import Path

import pytest

from cli.program import program
from cli.program.program import KEY, OFTEN, SMALL, Ended, Program, until
from imgen.errors import ExitCode
from reliability.attacks.attempt import attempt, plain
from reliability.attacks.hostile import hostile

pytestmark = pytest.mark.skipif(os.name == "nt", reason="Windows has no modes and owners of this kind")
ROOT = pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() != 0, reason="only root can make files of others")
ANOTHER = 12_345
FOX = ("generate", "a fox", "--sandbox", *SMALL)


def loose(imgen: Program, *arguments: str, stdin: bytes = b"", umask: int = 0) -> Ended:
    """Run in a process of its own with a loose umask and the system's own folders."""
    home = imgen.cwd.parent / "person"
    home.mkdir(exist_ok=True)
    variables = {name: value for name, value in imgen.environ.items() if not name.startswith(("IMGEN_HOME", "XDG_"))}
    ended = subprocess.run(
        [*program.IMGEN, *arguments],
        input=stdin,
        capture_output=True,
        cwd=imgen.cwd,
        env={**variables, "HOME": str(home)},
        umask=umask,
        timeout=30,
    )
    return Ended(ended.returncode, ended.stdout, ended.stderr.decode())


@pytest.mark.parametrize(
    "umask",
    [
        pytest.param(
            0o000, marks=attempt(3, "`keys set --file` under umask 000", "every folder is 0700, every key 0600")
        ),
        pytest.param(
            0o002, marks=attempt(3, "`keys set --file` under umask 002", "every folder is 0700, every key 0600")
        ),
    ],
)
def test_no_folder_of_keys_is_left_open(imgen: Program, umask: int) -> None:
    ended = loose(imgen, "keys", "set", "reapi", "--file", stdin=b"sk-kept-0123456789\n", umask=umask)

    assert ended.code == ExitCode.DONE, ended
    below = list((imgen.cwd.parent / "person").rglob("*"))
    assert {stat.S_IMODE(path.stat().st_mode) for path in below if path.is_dir()} == {0o700}
    assert {stat.S_IMODE(path.stat().st_mode) for path in below if path.is_file()} == {0o600}


@attempt(16, "a picture on standard output under umask 000", "data, pictures and ledger are for their owner only")
def test_no_folder_of_data_is_left_open(imgen: Program) -> None:
    ended = loose(imgen, *FOX, "-o", "-")

    assert ended.code == ExitCode.DONE, ended
    below = list((imgen.cwd.parent / "person").rglob("*"))
    assert {stat.S_IMODE(path.stat().st_mode) for path in below if path.is_dir()} == {0o700}
    assert {stat.S_IMODE(path.stat().st_mode) for path in below if path.suffix == ".sqlite3"} == {0o600}


@pytest.mark.parametrize(
    "opened",
    [
        pytest.param("file", marks=attempt(3, "settings of mode 0666 with a `base_url`", "refused, no key leaves")),
        pytest.param(
            "folder", marks=attempt(3, "settings in a folder of mode 0777 with a `base_url`", "refused, no key leaves")
        ),
        pytest.param("foreign", marks=[attempt(3, "an `IMGEN_HOME` of another user", "refused, no key leaves"), ROOT]),
        pytest.param(
            "relative", marks=attempt(3, "a relative `IMGEN_HOME` that a clone brings", "exit 3, no key leaves")
        ),
    ],
)
def test_settings_that_others_may_write_send_no_key_away(imgen: Program, tmp_path: Path, opened: str) -> None:
    imgen.home.mkdir()
    settings = imgen.home / "config.toml"
    with hostile(tmp_path / "far side") as services:
        settings.write_text(f'base_url.reapi = "{services.services.origin}"\n')
        here = replace(imgen, variables={**imgen.variables, "REAPI_API_KEY": KEY})
        match opened:
            case "file":
                settings.chmod(0o666)
            case "folder":
                imgen.home.chmod(0o777)
            case "foreign":
                os.chown(imgen.home, ANOTHER, ANOTHER)
            case _:
                (imgen.cwd / "home").symlink_to(imgen.home)
                here = replace(here, variables={**here.variables, "IMGEN_HOME": "home"})
        ended = here.run("generate", "a fox", "-p", "reapi", *OFTEN)

    assert (ended.code, plain(ended)) == (ExitCode.KEY, True), ended
    assert services.calls == []


@attempt(3, "a `base_url` of the user's own file", "the origin is named on stderr, also with -q")
def test_a_key_that_goes_elsewhere_is_announced(imgen: Program, tmp_path: Path) -> None:
    imgen.home.mkdir()
    with hostile(tmp_path / "far side", seconds=0.05) as services:
        (imgen.home / "config.toml").write_text(f'base_url.reapi = "{services.services.origin}"\n')
        here = replace(imgen, variables={**imgen.variables, "REAPI_API_KEY": KEY})
        ended = here.run("generate", "a fox", "-p", "reapi", *OFTEN, "-q")

    assert ended.code == ExitCode.DONE, ended
    assert services.services.origin in ended.stderr


OUTPUTS = {"ESC": "\\u001b]52;c;eA==\\u0007/", "a line end": "a\\nb/", "NUL": "a\\u0000b/", "a bidi mark": "a\\u202eb/"}


@pytest.mark.parametrize(
    "output",
    [
        pytest.param(output, marks=attempt(7, f"`output` of a project's file with {name}", "refused"), id=name)
        for name, output in OUTPUTS.items()
    ],
)
def test_a_project_puts_no_control_character_into_a_path(imgen: Program, output: str) -> None:
    (imgen.cwd / "imgen.toml").write_text(f'output = "{output}"\n')

    ended = imgen.run(*FOX)

    assert ended.code == ExitCode.KEY, ended
    assert "\x1b" not in ended.stderr
    assert [path.name for path in imgen.cwd.iterdir()] == ["imgen.toml"]


@ROOT
@pytest.mark.parametrize(
    "where",
    [
        pytest.param("here", marks=attempt(8, "an `imgen.toml` of another user", "named, and decides nothing")),
        pytest.param("above", marks=attempt(8, "an `imgen.toml` of another user in a folder above", "decides nothing")),
    ],
)
def test_a_project_of_another_user_decides_nothing(imgen: Program, where: str) -> None:
    file = imgen.cwd / "imgen.toml"
    file.write_text('count = 4\nresolution = "2K"\n')
    (imgen.cwd / ".git").mkdir()
    os.chown(file, ANOTHER, ANOTHER)
    os.chown(imgen.cwd / ".git", ANOTHER, ANOTHER)
    below = imgen.cwd / "below"
    here = imgen if where == "here" else imgen.elsewhere(below)

    ended = here.run(*FOX, "-q", "-o", "fox.png")

    assert ended.code == ExitCode.DONE, ended
    assert [path.name for path in imgen.cwd.rglob("*.png")] == ["fox.png"]


@pytest.mark.parametrize(
    "nested",
    [
        pytest.param(".git", marks=attempt(8, "a `.git` within a project with a budget", "the budget above counts")),
        pytest.param(
            "imgen.toml", marks=attempt(8, "an `imgen.toml` within a project with a budget", "the budget above counts")
        ),
    ],
)
def test_what_a_clone_brings_lifts_no_budget_above_it(imgen: Program, tmp_path: Path, nested: str) -> None:
    (imgen.cwd / "imgen.toml").write_text('budget.project = "0.001 usd"\n')
    clone = imgen.cwd / "vendor"
    (clone / ".git").mkdir(parents=True)
    if nested == "imgen.toml":
        (clone / nested).write_text('budget.project = "1000 usd"\n')

    with hostile(tmp_path / "far side") as services:
        ended = imgen.at(services.services.origin).elsewhere(clone).run("generate", "a fox", "-p", "gmicloud", *OFTEN)

    assert ended.code == ExitCode.NO_CREDIT, ended
    assert services.counts["submit"] == 0


@attempt(9, "a project's file that names a model without a price, 16 times", "nothing is sent without `-m`")
def test_a_project_orders_no_model_at_an_unknown_price(imgen: Program, tmp_path: Path) -> None:
    (imgen.cwd / "imgen.toml").write_text('model = "gmicloud/some-dear-model"\ncount = 16\n')

    with hostile(tmp_path / "far side") as services:
        ended = imgen.at(services.services.origin).run("generate", "a fox", *OFTEN, "--timeout", "5")

    assert (ended.code, plain(ended)) == (ExitCode.KEY, True), ended
    assert services.counts["submit"] == 0


@pytest.mark.skipif(not Path("/proc/self/net/tcp").exists(), reason="only Linux shows the ports of a process this way")
@pytest.mark.parametrize(
    ("header", "value"),
    [
        pytest.param("X-None", "x", marks=attempt(11, "another user asks the sandbox of a running command", "refused")),
        pytest.param(
            "Authorization", "Bearer sandbox", marks=attempt(11, "the same with a key of their own", "refused")
        ),
        pytest.param("Host", "evil.example", marks=attempt(11, "a request under a foreign host name", "refused")),
    ],
)
def test_a_sandbox_shows_nothing_to_another(imgen: Program, header: str, value: str) -> None:
    here = replace(imgen, variables={"IMGEN_SANDBOX_SECONDS": "60"})
    with here.start(
        "generate", "a private fox", "--sandbox", "-p", "gmicloud", "-v", stderr=subprocess.PIPE
    ) as running:
        until(lambda: any(job.remote_id for job in imgen.jobs()))
        origin = port_of(running.pid)
        request = urllib.request.Request(f"{origin}/api/v1/ie/requestqueue/apikey/requests", headers={header: value})
        with pytest.raises(urllib.error.HTTPError) as refused:
            urllib.request.urlopen(request, timeout=10)
        said = refused.value.read()

    assert 400 <= refused.value.code < 500
    assert b"private" not in said


def port_of(pid: int) -> str:
    """The origin at which a process listens, by what Linux shows of its sockets."""
    mine = {str(link.readlink()) for link in Path(f"/proc/{pid}/fd").iterdir() if link.is_symlink()}
    for line in Path(f"/proc/{pid}/net/tcp").read_text(encoding="ascii").splitlines()[1:]:
        fields = line.split()
        if fields[3] == "0A" and f"socket:[{fields[9]}]" in mine:
            return f"http://127.0.0.1:{int(fields[1].partition(':')[2], 16)}"
    raise AssertionError("it does not listen")

"""Does what the environment says reach the program as it was meant, and no key anybody else?"""

from __future__ import annotations

import os
import re
import sys
from pathlib import Path

import pytest

from imgen.config.config import Config, is_loopback, load, spelled
from imgen.errors import BadConfiguration, ExitCode, KeyMissing
from imgen.installation import installation
from imgen_providers.base import Account
from imgen_providers.catalog import SERVICES

STUDIO, GMI = SERVICES["3daistudio"], SERVICES["gmicloud"]
KEY = "sk-not-a-real-key"


def config(**environ: str) -> Config:
    return Config(environ, Path("/somewhere"))


# Folders ----------------------------------------------------------------------------------------------------


def test_one_variable_moves_everything_we_write(tmp_path: Path) -> None:
    moved = config(IMGEN_HOME=str(tmp_path))

    assert moved.folders.state == moved.folders.data == tmp_path
    assert moved.folders.ledger == tmp_path / "ledger.sqlite3"
    for folder in (moved.folders.owners, moved.folders.sandbox, moved.folders.kept):
        assert folder.parent == tmp_path


def test_the_home_may_be_written_short(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    monkeypatch.chdir(tmp_path)

    assert config(IMGEN_HOME="~/imgen").folders.state == tmp_path / "imgen"


@pytest.mark.parametrize("named", ["here", "./here", "../here", "~no-user-of-this-name/x"])
def test_a_home_that_a_clone_could_bring_is_refused(named: str) -> None:
    with pytest.raises(BadConfiguration, match=f"IMGEN_HOME is '{re.escape(named)}': "):
        _ = config(IMGEN_HOME=named).folders


@pytest.mark.skipif(os.name == "nt", reason="Windows deletes no folder that a process is in")
def test_a_folder_deleted_under_us_has_the_name_the_shell_knows(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    gone = tmp_path / "gone"
    gone.mkdir()
    monkeypatch.chdir(gone)
    monkeypatch.setenv("PWD", str(gone))
    gone.rmdir()

    assert load().cwd == gone


@pytest.mark.skipif(os.name == "nt", reason="Windows knows its folders otherwise")
def test_without_it_the_systems_folders_are_used(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("XDG_STATE_HOME", raising=False)
    monkeypatch.delenv("XDG_DATA_HOME", raising=False)

    usual = config()

    assert usual.folders.state.is_relative_to(tmp_path)
    assert usual.folders.state.name == usual.folders.data.name == "imgen"
    assert usual.folders.kept == usual.folders.data / "pictures"


def test_the_surroundings_are_those_of_this_process(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("IMGEN_SANDBOX", "1")

    found = load()

    assert found.cwd == tmp_path
    assert found.sandbox


# Keys -------------------------------------------------------------------------------------------------------


def test_a_key_goes_with_the_one_origin_it_is_for() -> None:
    assert config(GMI_API_KEY=f" {KEY}\n", GMI_ORG_ID="org").accounts.account(GMI) == Account(GMI.origin, KEY, "org")
    assert config(GMI_API_KEY=KEY, GMI_ORG_ID="").accounts.account(GMI).organization is None
    with pytest.raises(BadConfiguration, match="GMI_ORG_ID holds characters"):
        config(GMI_API_KEY=KEY, GMI_ORG_ID="é").accounts.account(GMI)
    assert config(THREEDAISTUDIO_API_KEY=KEY, GMI_ORG_ID="org").accounts.account(STUDIO) == Account(STUDIO.origin, KEY)


def test_a_key_is_never_printed() -> None:
    found = config(GMI_API_KEY=KEY)

    assert KEY not in repr(found)
    assert KEY not in repr(found.accounts.account(GMI))


@pytest.mark.parametrize("environ", [{}, {"GMI_API_KEY": ""}, {"GMI_API_KEY": "  "}], ids=str)
def test_a_missing_key_is_said_with_its_variable_and_the_way_without(environ: dict[str, str]) -> None:
    with pytest.raises(KeyMissing) as missing:
        config(**environ).accounts.account(GMI)

    assert missing.value.exit_code is ExitCode.KEY
    assert missing.value.message == "GMI Cloud needs a key, and GMI_API_KEY is not set."
    assert "--sandbox" in str(missing.value.hint)
    assert not config(**environ).accounts.has_key(GMI)


@pytest.mark.parametrize("key", ["sk-\u2026real", "sk-a\nb", "“sk-quoted”", "sk-\udcff"], ids=ascii)
def test_a_key_no_service_gives_out_is_refused_and_not_repeated(key: str) -> None:
    with pytest.raises(BadConfiguration, match="characters that no key has") as refused:
        config(GMI_API_KEY=key).accounts.account(GMI)

    assert refused.value.exit_code is ExitCode.KEY
    assert key not in f"{refused.value.message} {refused.value.hint}"


# Origins ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "origin"),
    [
        ("", STUDIO.origin),
        ("https://gateway.example", "https://gateway.example"),
        ("https://gateway.example:8443/", "https://gateway.example:8443"),
        (" HTTPS://Gateway.Example ", "https://gateway.example"),
        ("http://127.0.0.1:8000", "http://127.0.0.1:8000"),
        ("http://localhost:8000", "http://localhost:8000"),
        ("http://[::1]:8000", "http://[::1]:8000"),
        ("http://127.0.0.2:8000", "http://127.0.0.2:8000"),
        ("http://app.localhost:8000", "http://app.localhost:8000"),
    ],
)
def test_an_origin_is_scheme_and_host(text: str, origin: str) -> None:
    assert config(THREEDAISTUDIO_BASE_URL=text).accounts.origin(STUDIO) == origin


@pytest.mark.parametrize(
    "text",
    [
        "https://gateway.example/v1",
        "https://gateway.example/api/v1",
        "https://gate way.example",
        "https://gateway.example?to=x",
        "https://gateway.example#x",
        "https://name@gateway.example",
        "https://@gateway.example",
        "https://gateway.example:0",
        "https://gateway.example:99999",
        "https://gateway.example:port",
        "https://[half",
        "https://",
        "gateway.example",
        "ftp://gateway.example",
        "file:///etc/passwd",
        "//gateway.example",
    ],
)
def test_anything_else_is_refused_before_a_key_goes_there(text: str) -> None:
    with pytest.raises(BadConfiguration, match="must be a scheme and a host") as refused:
        config(THREEDAISTUDIO_API_KEY=KEY, THREEDAISTUDIO_BASE_URL=text).accounts.account(STUDIO)

    assert refused.value.exit_code is ExitCode.KEY
    assert "THREEDAISTUDIO_BASE_URL" in refused.value.message


@pytest.mark.parametrize(
    ("name", "path"), [("gmicloud", "/api/v1/ie/requestqueue/apikey"), ("reapi", "/api/v1"), ("reapi", "/api/v1/")]
)
def test_the_documented_path_behind_an_origin_is_taken(name: str, path: str) -> None:
    entry = SERVICES[name]

    assert config(**{entry.origin_variable: f"https://gateway.example{path}"}).accounts.origin(entry) == (
        "https://gateway.example"
    )


@pytest.mark.parametrize("text", ["https://name:sesame@gateway.example", "https://gateway.example/?key=sesame"])
def test_a_secret_in_an_origin_is_not_repeated(text: str) -> None:
    with pytest.raises(BadConfiguration) as refused:
        config(THREEDAISTUDIO_BASE_URL=text).accounts.origin(STUDIO)

    assert "sesame" not in f"{refused.value.message} {refused.value.hint}"


@pytest.mark.parametrize("host", ["gateway.example", "10.0.0.1", "127.0.0.1.example", "localhost.example"])
def test_a_key_never_leaves_this_machine_unencrypted(host: str) -> None:
    with pytest.raises(BadConfiguration, match="unencrypted") as refused:
        config(THREEDAISTUDIO_BASE_URL=f"http://{host}:8000").accounts.origin(STUDIO)

    assert refused.value.exit_code is ExitCode.KEY


def test_the_sandbox_is_on_this_machine() -> None:
    assert is_loopback("sandbox")
    assert is_loopback("http://127.0.0.1:1")
    assert not is_loopback("https://api.3daistudio.com")


# Files ------------------------------------------------------------------------------------------------------


@pytest.fixture
def at_home(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A home folder, with imgen's own folder in it."""
    home = tmp_path / "person"
    (home / "imgen").mkdir(parents=True)
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("USERPROFILE", str(home))
    return home


def here(home: Path, cwd: Path, *, profile: str | None = None, **environ: str) -> Config:
    return Config({"IMGEN_HOME": str(home / "imgen"), **environ}, cwd, profile)


def write(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


def test_the_strongest_word_counts(at_home: Path) -> None:
    project = at_home / "fox"
    write(at_home / "imgen" / "config.toml", 'model = "user"\n[profiles.work]\nmodel = "profile"\n')
    write(project / "imgen.toml", 'model = "project"\n')

    def said(cwd: Path, *, profile: str | None = None, **environ: str) -> tuple[object, str, str]:
        found = here(at_home, cwd, profile=profile, **environ).setting("model")
        return found.value, found.layer, found.where.replace(os.sep, "/")

    assert said(at_home) == ("user", "user", "~/imgen/config.toml, line 1")
    assert said(at_home, profile="work") == ("profile", "profile", "~/imgen/config.toml, line 3")
    assert said(at_home, IMGEN_PROFILE="work")[0] == "profile"
    assert said(project, profile="work") == ("project", "project", "~/fox/imgen.toml, line 1")
    assert said(project, profile="work", IMGEN_MODEL="variable") == ("variable", "environment", "IMGEN_MODEL")
    assert here(at_home, at_home).setting("count").layer == "default"


def test_every_budget_counts(at_home: Path) -> None:
    write(at_home / "imgen" / "config.toml", 'budget.day = "5 usd"\n[profiles.work.budget]\nday = "4 usd"\n')
    write(at_home / "fox" / "imgen.toml", '[budget]\nday = "9 usd"\nproject = "20 usd"\n')

    found = here(at_home, at_home / "fox", profile="work", IMGEN_BUDGET_DAY="3 usd")

    assert [(text, where.replace(os.sep, "/")) for text, where in found.budget_per_day] == [
        ("3 usd", "IMGEN_BUDGET_DAY"),
        ("9 usd", "~/fox/imgen.toml, line 2"),
        ("4 usd", "~/imgen/config.toml, line 3"),
        ("5 usd", "~/imgen/config.toml, line 1"),
    ]
    assert [text for text, _ in found.budget_per_project] == ["20 usd"]
    assert here(at_home, at_home).budget_per_project == ()


def test_a_project_is_found_from_within_and_no_further_than_its_repository(at_home: Path) -> None:
    repository, deep = at_home / "fox", at_home / "fox" / "a" / "b"
    deep.mkdir(parents=True)
    write(at_home / "imgen.toml", "count = 2\n")

    assert here(at_home, deep).setting("count").value == 2
    assert here(at_home, deep).project == str(at_home)

    (repository / ".git").mkdir()
    assert here(at_home, deep).setting("count").value == 1
    assert here(at_home, deep).project == str(repository)

    write(repository / "a" / "imgen.toml", "count = 3\n")
    assert here(at_home, deep).setting("count").value == 3
    assert here(at_home, deep).project == str(repository / "a")


def test_outside_of_home_and_repositories_only_the_folder_itself_counts(at_home: Path, tmp_path: Path) -> None:
    inner = tmp_path / "shared" / "inner"
    inner.mkdir(parents=True)
    write(tmp_path / "shared" / "imgen.toml", "count = 2\n")

    assert here(at_home, inner).setting("count").value == 1
    assert here(at_home, inner).project is None
    assert here(at_home, inner.parent).setting("count").value == 2


def test_a_broken_project_is_in_no_ones_way_home(at_home: Path) -> None:
    write(at_home / "imgen.toml", "upload = 's3://of-another'\n")
    found = here(at_home, at_home, GMI_API_KEY=KEY)

    with pytest.raises(BadConfiguration, match="a project must not set upload"):
        found.setting("count")

    assert found.accounts.account(GMI).origin == GMI.origin
    assert (found.upload, found.network.ca_file, found.submits_per_minute, found.timeout) == (None, None, None, None)


def test_a_profile_that_is_not_there_is_said(at_home: Path) -> None:
    with pytest.raises(BadConfiguration, match="There is no profile 'work'") as refused:
        here(at_home, at_home, profile="work").setting("model")
    assert "--profile work" in str(refused.value.hint)

    write(at_home / "imgen" / "config.toml", "[profiles.home]\n")
    with pytest.raises(BadConfiguration, match="There is no profile 'work'") as refused:
        here(at_home, at_home, IMGEN_PROFILE="work").setting("model")
    assert refused.value.hint == "It has: home"


def test_the_persons_own_settings_come_from_their_file(at_home: Path) -> None:
    write(
        at_home / "imgen" / "config.toml",
        """
        providers = ["gptproto"]
        submits_per_minute = 0
        upload = "s3://bucket"
        upload_keep = true
        timeout = 90
        ca_file = "company.pem"
        certificates = "system"
        base_url.reapi = "https://gateway.example"
        base_url.gmicloud = "https://gateway.example/v1"
        """,
    )
    found = here(at_home, at_home)

    assert found.preferred == ("gptproto",)
    assert (found.submits_per_minute, found.timeout) == (0, 90.0)
    assert (found.upload, found.keeps_uploads) == ("s3://bucket", True)
    assert found.network.ca_file == str(at_home / "imgen" / "company.pem")
    assert found.network.system_certificates
    assert found.accounts.origin(SERVICES["reapi"]) == "https://gateway.example"
    with pytest.raises(BadConfiguration, match=r"base_url\.gmicloud in .*, line 10 must be a scheme and a host"):
        found.accounts.origin(GMI)


def test_the_machines_own_certificates_need_their_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "truststore", None)

    with pytest.raises(BadConfiguration, match="needs truststore") as refused:
        _ = config(IMGEN_CERTIFICATES="system").network.system_certificates

    assert refused.value.hint == installation().with_extra("system-certs")
    assert not config(IMGEN_CERTIFICATES="bundled").network.system_certificates


def test_a_value_of_the_environment_that_cannot_be_is_named_with_its_variable() -> None:
    with pytest.raises(BadConfiguration, match="IMGEN_COUNT is 'many', which is not a whole number") as refused:
        config(IMGEN_COUNT="many").setting("count")

    assert refused.value.hint == "export IMGEN_COUNT=4"


# Sandbox and the rest ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(("text", "on"), [("", False), ("0", False), ("1", True), ("yes", True)])
def test_the_sandbox_can_be_asked_for(text: str, on: bool) -> None:
    assert config(IMGEN_SANDBOX=text).sandbox is on


def test_the_sandbox_can_be_set() -> None:
    assert config().sandbox_seconds == config(IMGEN_SANDBOX_SECONDS="").sandbox_seconds == 2.0
    assert config(IMGEN_SANDBOX_SECONDS="0.25").sandbox_seconds == 0.25
    assert [fault.name for fault in config(IMGEN_SANDBOX_FAULTS="dead-link").sandbox_faults] == ["dead-link"]
    assert config().sandbox_faults == ()


def test_a_fault_that_the_sandbox_does_not_play_is_refused() -> None:
    with pytest.raises(BadConfiguration, match="IMGEN_SANDBOX_FAULTS cannot be read: 'no-such' is not a fault"):
        _ = config(IMGEN_SANDBOX_FAULTS="no-such").sandbox_faults


@pytest.mark.parametrize("text", ["soon", "-1", "nan", "inf", "-inf", "86400", "1e99", "2s", "0x10"])
def test_seconds_that_are_no_time_are_refused(text: str) -> None:
    with pytest.raises(BadConfiguration, match="IMGEN_SANDBOX_SECONDS") as refused:
        _ = config(IMGEN_SANDBOX_SECONDS=text).sandbox_seconds

    assert refused.value.exit_code is ExitCode.KEY
    assert text in refused.value.message


def test_other_certificates_can_be_trusted() -> None:
    assert config(SSL_CERT_FILE="/etc/ca.pem").network.ca_file == "/etc/ca.pem"
    assert config(SSL_CERT_FILE="").network.ca_file is None


# Budgets ----------------------------------------------------------------------------------------------------


def test_each_limit_says_where_it_was_set() -> None:
    assert config(IMGEN_BUDGET_DAY=" 5 usd ").budget_per_day == (("5 usd", "IMGEN_BUDGET_DAY"),)
    assert config(IMGEN_BUDGET_PROJECT="5 usd").budget_per_project == (("5 usd", "IMGEN_BUDGET_PROJECT"),)
    assert config(IMGEN_BUDGET_DAY="").budget_per_day == config().budget_per_project == ()


def test_a_project_is_the_nearest_folder_with_a_file_of_ours_or_else_the_git_root(tmp_path: Path) -> None:
    deep = tmp_path / "repository" / "shots" / "today"
    deep.mkdir(parents=True)
    assert Config({}, deep).project is None

    (tmp_path / "repository" / ".git").mkdir()
    assert Config({}, deep).project == str(tmp_path / "repository")

    (tmp_path / "imgen.toml").touch()
    assert Config({}, deep).project == str(tmp_path / "repository"), "a file beyond the git root is another project's"

    (tmp_path / "repository" / "shots" / "imgen.toml").touch()
    assert Config({}, deep).project == str(tmp_path / "repository" / "shots")


@pytest.mark.skipif(os.name == "nt", reason="a name is always text on Windows")
def test_a_path_that_is_no_text_can_be_written_down() -> None:
    assert spelled(Path("/somewhere/caf\udce9")) == "/somewhere/caf\\xe9"

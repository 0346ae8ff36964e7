"""Where keys are kept, with the real keyring library in its process of its own."""

from __future__ import annotations

import json
import os
import stat
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from imgen.__main__ import run
from imgen.config.config import Config, load
from imgen.config.keys import checked
from imgen.errors import BadConfiguration, ExitCode, KeyMissing, UsageProblem
from imgen_providers.catalog import SERVICES
from imgen_providers.testing.wire import Reply, WireServer, reply

if TYPE_CHECKING:
    from collections.abc import Callable

    from imgen_providers.catalog import ServiceEntry

REAPI, GMI = SERVICES["reapi"], SERVICES["gmicloud"]
KEY = "sk-kept-0123456789abcdef"
TESTS = Path(__file__).parents[2]
KEYRING_VARIABLES = ("PATH", "PYTHONPATH", "PYTHON_KEYRING_BACKEND", "KEYRING_OF_TESTS")
private = pytest.mark.skipif(os.name == "nt", reason="Windows has no file modes")


@pytest.fixture
def keyring(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], Path]:
    """Chooses the keyring of this system; gives the file that is there once it was asked."""

    def choose(name: str) -> Path:
        asked = tmp_path / "keyring.json"
        monkeypatch.setenv("PYTHON_KEYRING_BACKEND", f"cli.config.keyrings.{name}")
        monkeypatch.setenv("KEYRING_OF_TESTS", str(asked))
        monkeypatch.setenv("PYTHONPATH", str(TESTS))
        monkeypatch.setattr("imgen.config.keyring_process._SECONDS", 20.0)  # the tests' machine may be busy
        return asked

    return choose


def config(tmp_path: Path, **environ: str) -> Config:
    of_the_keyring = {name: os.environ[name] for name in KEYRING_VARIABLES if name in os.environ}
    return Config({"IMGEN_HOME": str(tmp_path / "home"), **of_the_keyring, **environ}, tmp_path)


def test_a_key_in_a_file_is_for_its_owner_and_its_service(tmp_path: Path) -> None:
    here = config(tmp_path)

    assert (
        here.accounts.store.put(REAPI, "sk-old-0123456789", "file")
        == here.accounts.store.put(REAPI, KEY, "file")
        == "file"
    )

    assert config(tmp_path).accounts.account(REAPI).key == KEY
    assert [path.name for path in here.accounts.store.folder.iterdir()] == ["reapi"]
    assert (here.accounts.key_source(REAPI), here.accounts.key_source(GMI), here.accounts.has_key(GMI)) == (
        "file",
        None,
        False,
    )
    with pytest.raises(KeyMissing):
        here.accounts.account(GMI)


@private
def test_a_key_file_is_readable_by_no_other_user_at_any_moment(tmp_path: Path) -> None:
    usual = os.umask(0)
    try:
        store = config(tmp_path).accounts.store
        store.put(REAPI, KEY, "file")
    finally:
        os.umask(usual)

    assert stat.S_IMODE(store.path(REAPI).stat().st_mode) == 0o600
    assert stat.S_IMODE(store.folder.stat().st_mode) == 0o700


@private
@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660])
def test_a_key_file_that_others_can_read_is_refused_with_the_way_to_mend_it(tmp_path: Path, mode: int) -> None:
    store = config(tmp_path).accounts.store
    store.put(REAPI, KEY, "file")
    store.path(REAPI).chmod(mode)

    with pytest.raises(BadConfiguration, match="can be read by others") as refused:
        config(tmp_path).accounts.account(REAPI)

    assert refused.value.hint == f"chmod 600 {store.path(REAPI)}"


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="there are no pipes with a name")
def test_a_pipe_in_the_place_of_a_key_file_is_not_waited_for(tmp_path: Path) -> None:
    here = config(tmp_path)
    here.accounts.store.folder.mkdir(parents=True)
    os.mkfifo(here.accounts.store.path(REAPI), 0o600)

    with pytest.raises(BadConfiguration, match="is not a file"):
        here.accounts.account(REAPI)


@pytest.mark.parametrize("content", ["", " \n"])
def test_a_key_file_without_a_key_is_said_to_be_empty_where_it_is_listed(tmp_path: Path, content: str) -> None:
    here = config(tmp_path)
    here.accounts.store.put(REAPI, KEY, "file")
    here.accounts.store.path(REAPI).write_text(content, encoding="ascii")

    assert here.accounts.key_source(REAPI) == "file"
    with pytest.raises(BadConfiguration, match="is empty: it holds no key") as caught:
        here.accounts.account(REAPI)
    assert caught.value.hint == "imgen keys set reapi"


def test_kept_keys_are_known_to_the_redaction_and_no_keyring_is_asked(
    tmp_path: Path, keyring: Callable[[str], Path]
) -> None:
    asked = keyring("OnDisk")
    here = config(tmp_path, THREEDAISTUDIO_API_KEY="sk-of-the-environment")
    here.accounts.store.put(REAPI, KEY, "file")
    here.accounts.store.put(GMI, "sk-kept-in-the-keyring", "file")
    here.accounts.store.path(GMI).rename(here.accounts.store.path(GMI).with_suffix(".keyring"))

    assert here.key_store.known() == ["sk-of-the-environment", KEY]
    assert not asked.exists()


def test_keys_alone_lists_them(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setenv("REAPI_API_KEY", KEY)

    codes = [run(["keys", *rest]) for rest in (["--json"], ["--json", "list"], ["list", "--json"])]

    answers = [json.loads(line) for line in capfd.readouterr().out.splitlines()]
    assert codes == [ExitCode.DONE] * 3
    assert answers[0] == answers[1] == answers[2]
    assert [key["source"] for key in answers[0]["keys"]] == ["none", "none", "environment", *["none"] * 5]


def test_a_check_says_where_the_key_is_from(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> None:
    with WireServer(reply({"balance": 123})) as server:
        monkeypatch.setenv("REAPI_API_KEY", KEY)
        monkeypatch.setenv("REAPI_BASE_URL", server.origin)
        run(["keys", "check"])
        monkeypatch.setenv("REAPI_BASE_URL", "http://example.test")
        run(["keys", "check"])

    assert capfd.readouterr().out.splitlines() == [
        "reapi  works, 123 credits left (the key from the environment, REAPI_API_KEY)",
        "reapi  could not be asked (the key from the environment, REAPI_API_KEY)",
    ]


def test_the_environment_comes_first(tmp_path: Path) -> None:
    config(tmp_path).accounts.store.put(REAPI, "sk-kept-0123456789", "file")
    here = config(tmp_path, REAPI_API_KEY=KEY)

    assert here.accounts.account(REAPI).key == KEY
    assert here.accounts.key_source(REAPI) == "environment"


def test_a_key_moves_into_the_keyring_and_out_again(tmp_path: Path, keyring: Callable[[str], Path]) -> None:
    kept = keyring("OnDisk")
    here = config(tmp_path)
    here.accounts.store.put(REAPI, "sk-old-0123456789", "file")

    assert here.accounts.store.put(REAPI, KEY) == "keyring"
    assert json.loads(kept.read_text()) == {"imgen/reapi": KEY}
    assert KEY not in "".join(path.read_text() for path in here.accounts.store.folder.iterdir())
    assert not here.accounts.store.path(REAPI).exists()
    assert config(tmp_path).accounts.account(REAPI).key == KEY

    assert here.accounts.store.remove(REAPI) == "keyring"
    assert json.loads(kept.read_text()) == {}
    assert here.accounts.key_source(REAPI) is None


def test_no_keyring_is_asked_for_what_is_not_there(tmp_path: Path, keyring: Callable[[str], Path]) -> None:
    asked = keyring("OnDisk")
    here = config(tmp_path)
    here.accounts.store.folder.mkdir(parents=True)
    (here.accounts.store.folder / "reapi.keyring").touch()  # the note that one is there

    assert (here.accounts.key_source(REAPI), here.accounts.has_key(REAPI)) == ("keyring", True)
    with pytest.raises(KeyMissing):
        here.accounts.account(GMI)
    assert not asked.exists()


def test_a_keyring_that_does_not_answer_is_given_up(
    tmp_path: Path, keyring: Callable[[str], Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    keyring("Locked")
    monkeypatch.setattr("imgen.config.keyring_process._SECONDS", 0.3)
    here = config(tmp_path)

    with pytest.raises(BadConfiguration, match="it may be locked; the key was not kept"):
        here.accounts.store.put(REAPI, KEY, "keyring")
    assert here.accounts.store.put(REAPI, KEY) == "file"
    (here.accounts.store.folder / "gmicloud.keyring").touch()
    with pytest.raises(BadConfiguration, match="did not answer") as ended:
        here.accounts.account(GMI)
    assert "imgen keys set gmicloud --file" in str(ended.value.hint)


def test_in_ci_a_keyring_is_never_asked(tmp_path: Path, keyring: Callable[[str], Path]) -> None:
    asked = keyring("OnDisk")
    here = config(tmp_path, CI="true")
    here.accounts.store.folder.mkdir(parents=True)
    (here.accounts.store.folder / "gmicloud.keyring").touch()

    assert here.accounts.store.put(REAPI, KEY) == "file"
    with pytest.raises(BadConfiguration, match="never asked in CI"):
        here.accounts.store.put(REAPI, KEY, "keyring")
    with pytest.raises(BadConfiguration, match="never asked in CI"):
        here.accounts.account(GMI)
    with pytest.raises(BadConfiguration, match="never asked in CI"):
        here.accounts.store.remove(GMI)
    assert not here.accounts.has_key(GMI)
    assert here.accounts.store.put(GMI, KEY, "file") == here.accounts.key_source(GMI) == "file"
    assert not asked.exists()


@pytest.mark.parametrize("text", ["", " \n", "sk-\x1b[31m0123456789", "sk-naïve-0123456789", "two words", "a\nb"])
def test_what_is_no_key_is_not_kept_and_not_repeated(text: str) -> None:
    with pytest.raises(UsageProblem) as refused:
        checked(text)

    assert not text.strip() or text.strip() not in f"{refused.value.message} {refused.value.hint}"
    assert checked(f" {KEY}\r\n") == KEY


def check(
    entry: ServiceEntry, answer: Reply, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> tuple[int, dict[str, Any]]:
    """What `imgen keys check` says of a key to whose service's questions this is the answer."""
    with WireServer(answer) as server:
        monkeypatch.setenv(entry.key_variable, KEY)
        monkeypatch.setenv(entry.origin_variable, server.origin)
        code = run(["keys", "check", entry.name, "--json"])
        forms = (f"Bearer {KEY}", f"Key {KEY}", KEY)
        sent = [
            request.headers.get("authorization") or request.headers["x-goog-api-key"] for request in server.requests
        ]
        assert sent
        assert set(sent) <= set(forms)
        assert {request.method for request in server.requests} == {"GET"}
    return code, json.loads(capfd.readouterr().out)


@pytest.mark.parametrize("entry", SERVICES.values(), ids=list(SERVICES))
def test_a_key_that_is_refused_is_said_to_be(
    entry: ServiceEntry, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    refusal = reply({"message": f"no such key {KEY}"}, 401, {"X-Request-Id": "trace-7"})

    code, answer = check(entry, refusal, monkeypatch, capfd)

    assert (code, answer["error"]["code"], answer["keys"][0]["works"]) == (ExitCode.KEY, "key_refused", False)
    assert KEY not in json.dumps(answer)
    assert "trace-7" in answer["error"]["message"]


@pytest.mark.parametrize(
    ("name", "answer", "balance", "models"),
    [
        ("3daistudio", reply({"balance": "20.00", "rate_limit": 3}), {"amount": "20.00", "unit": "credits"}, None),
        ("gmicloud", reply({"model_ids": ["a", "b"]}), None, 2),
        ("reapi", reply({"balance": 123}), {"amount": "123", "unit": "credits"}, None),
        ("gptproto", reply({"message": "no such prediction"}, 404), None, None),
    ],
)
def test_a_key_that_works_is_shown_with_what_the_service_says(
    name: str,
    answer: Reply,
    balance: object,
    models: int | None,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    code, ended = check(SERVICES[name], answer, monkeypatch, capfd)

    where = SERVICES[name].key_variable
    known = {"provider": name, "source": "environment", "where": where, "works": True}
    assert (code, ended["keys"]) == (ExitCode.DONE, [{**known, "balance": balance, "models": models}])


def test_a_key_file_that_cannot_be_used_does_not_keep_the_others_from_being_checked(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    store = load().accounts.store
    store.put(GMI, KEY, "file")
    store.path(GMI).write_text("naïve", encoding="utf-8")
    with WireServer(reply({"balance": 123})) as server:
        monkeypatch.setenv("REAPI_API_KEY", KEY)
        monkeypatch.setenv("REAPI_BASE_URL", server.origin)
        code = run(["keys", "check", "--json"])

    answer = json.loads(capfd.readouterr().out)
    assert (code, answer["error"]["code"]) == (ExitCode.KEY, "configuration")
    assert {key["provider"]: key["works"] for key in answer["keys"]} == {"gmicloud": None, "reapi": True}


@pytest.mark.parametrize(
    "text",
    [
        f'"{KEY}"',
        f"'{KEY}'",
        f"REAPI_API_KEY={KEY}",
        f'export REAPI_API_KEY="{KEY}"\n',
        f"Bearer {KEY}",
        f"Authorization: Bearer {KEY}",
        f"bearer '{KEY}'",
        f"`{KEY}`",
        f"api_key = '{KEY}'",
    ],
)
def test_what_was_copied_with_a_key_is_taken_off(tmp_path: Path, text: str) -> None:
    assert checked(text) == KEY
    assert config(tmp_path, REAPI_API_KEY=text).accounts.account(REAPI).key == KEY


@pytest.mark.parametrize("key", ["monkey-of-a-key=", "a=b=c", "sk-it's", "bearer", "QUJD=="])
def test_a_key_that_only_looks_so_stays_whole(key: str) -> None:
    assert checked(key) == key


def test_the_keyring_gets_the_keys_of_no_other_service(tmp_path: Path, keyring: Callable[[str], Path]) -> None:
    asked = keyring("OnDisk")
    here = config(tmp_path, GMI_API_KEY="sk-of-gmi-0123456789", AWS_SECRET_ACCESS_KEY="secret", HF_TOKEN="token")

    assert here.accounts.store.put(REAPI, KEY, "keyring") == "keyring"

    ended = json.loads(asked.with_suffix(".environ").read_text())
    assert "PATH" in ended
    assert not {"GMI_API_KEY", "AWS_SECRET_ACCESS_KEY", "HF_TOKEN"} & set(ended)

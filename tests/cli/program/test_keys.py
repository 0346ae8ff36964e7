"""imgen keys as a person runs it, and the proof that no key is left anywhere: not raw, quoted, escaped, or encoded."""

from __future__ import annotations

import base64
import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote, quote_plus

import pytest

from cli.program.program import IMGEN, OFTEN, SMALL, Program, served
from imgen.errors import ExitCode
from imgen_providers.catalog import SERVICES

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

TESTS = Path(__file__).parent.parent.parent
# One for each service, with everything in it that quoting, escaping or encoding changes.
KEYS = {name: f'sk-{number}q"u%o\\t/e+{number}&=~0123456789aBcDeF{name}' for number, name in enumerate(SERVICES)}
KEPT = "sk-kept/0123456789+aBcDeF"

# A bug planted in the middle of a paid run, with the key in its message, its cause and its locals.
PLANTED = """
import os
import imgen.jobs.worker
def reach(*_arguments, **_named):
    key = os.environ["REAPI_API_KEY"]
    try:
        raise KeyError(key)
    except KeyError:
        raise ZeroDivisionError(f"Bearer {key}")
imgen.jobs.worker.Worker.reach = reach
from imgen.__main__ import main
main()
"""


def forms(key: str) -> set[bytes]:
    """Every form of a key that can be read back, made without the code that is tested."""
    found = {key, quote(key), quote(key, safe=""), quote_plus(key), json.dumps(key)[1:-1]}
    found.add(json.dumps(json.dumps(key))[3:-3])
    for before in range(3):  # where it may stand among the triples of what is encoded
        shifted = base64.b64encode(b"\0" * before + key.encode()).decode().rstrip("=")
        core = shifted[(before * 8 + 5) // 6 : -1]
        found |= {core, core.replace("+", "-").replace("/", "_")}
    return {form.encode() for form in found}


def files_below(folder: Path) -> Iterator[Path]:
    return (path for path in folder.rglob("*") if path.is_file())


def test_a_key_is_in_nothing_that_is_said_or_written(imgen: Program, tmp_path: Path) -> None:
    log: list[str] = []
    faults = "poll-5xx,truncated-picture,garbage-poll,odd-state,429=0"
    temporary = tmp_path / "tmp"
    temporary.mkdir()
    own = {SERVICES[name].key_variable: key for name, key in KEYS.items()}
    no_server = "http://127.0.0.1:9"
    with (
        served(tmp_path / "far", log, faults=faults, seconds=0.1) as origin,
        served(tmp_path / "no", log, faults="bad-key") as refusing,
        served(tmp_path / "poor", log, faults="no-credit") as poor,
        served(tmp_path / "lost", log, faults="lost-reply*always,submit-5xx") as lost,
        served(tmp_path / "policy", log, faults="content-policy,poll-5xx*9") as policy,
    ):
        here = imgen.at(origin)
        here = replace(here, variables={**here.variables, **own, "TMPDIR": str(temporary)})

        def at(place: str) -> Mapping[str, str]:
            return {entry.origin_variable: place for entry in SERVICES.values()}

        def order(name: str, *more: str) -> Sequence[str]:
            return ("generate", f"a fox by {name}", "-p", name, *OFTEN, "-v", *more)

        lines: list[tuple[Sequence[str], Mapping[str, str], bytes, ExitCode]] = [
            *((order(name), {}, b"", ExitCode.DONE) for name in SERVICES),
            (order("reapi", "--dry-run"), {}, b"", ExitCode.DONE),
            (("keys", "check", "-v"), {}, b"", ExitCode.DONE),
            (("keys", "list"), {}, b"", ExitCode.DONE),
            (("models", "--live", "-v", "--json"), {}, b"", ExitCode.DONE),
            (order("3daistudio", "--json"), at(refusing), b"", ExitCode.KEY),
            (order("reapi"), at(poor), b"", ExitCode.NO_CREDIT),
            (order("gptproto"), at(policy), b"", ExitCode.REFUSED),
            (order("gmicloud", "--timeout", "1"), at(lost), b"", ExitCode.UNCERTAIN),
            (order("reapi"), at(no_server), b"", ExitCode.UNREACHABLE),
            (("keys", "check", "gmicloud", "-v"), at(no_server), b"", ExitCode.UNREACHABLE),
            (order("reapi"), {"REAPI_BASE_URL": f"https://{quote(KEYS['reapi'], safe='')}@x"}, b"", ExitCode.KEY),
            (order("reapi"), {"REAPI_API_KEY": f"{KEYS['reapi']}\u2026"}, b"", ExitCode.KEY),
            (("keys", "set", KEYS["reapi"]), {}, b"", ExitCode.USAGE),
            (("keys", "set", "reapi", f"--key={KEYS['reapi']}"), {}, b"", ExitCode.USAGE),
            (("keys", "set", "reapi", KEYS["reapi"]), {}, b"", ExitCode.USAGE),
            (("keys", "set", "reapi", "--file"), {}, f"{KEYS['reapi']} {KEYS['reapi']}".encode(), ExitCode.USAGE),
            (("keys", "set", "reapi", "--file"), {}, KEPT.encode(), ExitCode.DONE),
            (order("reapi", "-q"), {"REAPI_API_KEY": ""}, b"", ExitCode.DONE),
            (("status", "-v", "--json"), {}, b"", ExitCode.DONE),
        ]
        ended = here.run_lines([(line, variables, stdin) for line, variables, stdin, _ in lines])
        crashed = subprocess.run(
            [sys.executable, "-c", PLANTED, *order("reapi", *SMALL)],
            capture_output=True,
            cwd=here.cwd,
            env=here.environ,
            timeout=30,
        )
        kept = here.home / "keys" / "reapi"

    for (line, _, _, code), end in zip(lines, ended, strict=True):
        assert end.code == code, (line, end.stderr)
    assert (crashed.returncode, (here.home / "crash.txt").exists()) == (ExitCode.BUG, True)
    assert kept.read_text() == KEPT
    written = [path for path in files_below(tmp_path) if path != kept]
    assert {path.name for path in written} >= {"crash.txt", "ledger.sqlite3"}
    said = [text for end in ended for text in (end.stdout, end.stderr.encode())]
    everything = [*said, crashed.stdout, crashed.stderr, "\n".join(log).encode(), *(f.read_bytes() for f in written)]
    assert b"> Authorization: [hidden]" in b"".join(said)
    found = [form for key in (*KEYS.values(), KEPT) for form in forms(key) if any(form in text for text in everything)]
    assert found == []


def test_keys_are_kept_listed_used_and_removed_without_being_shown(imgen: Program, tmp_path: Path) -> None:
    keyring = {
        "PYTHON_KEYRING_BACKEND": "cli.config.keyrings.OnDisk",
        "KEYRING_OF_TESTS": str(tmp_path / "keyring.json"),
        "PYTHONPATH": str(TESTS),
    }
    here = replace(imgen, variables={**imgen.variables, **keyring})
    untouched = tmp_path / "untouched.json"
    # What is quick, and what stays in the sandbox, asks no keyring.
    quick = [("--version",), ("status",), ("models", "--json"), ("keys", "list"), ("generate", "a fox", "--sandbox")]
    set_, listed, *ended, removed, unknown = here.run_lines(
        [
            (("keys", "set", "reapi", "--json"), {}, f"{KEPT}\n".encode()),
            (("keys", "list", "--json"), {"GMI_API_KEY": KEPT}, b""),
            *((line, {"KEYRING_OF_TESTS": str(untouched)}, b"") for line in quick),
            (("keys", "remove", "reapi", "--json"), {}, b""),
            (("keys", "check", "reapi", "--json"), {}, b""),
        ]
    )

    assert set_.json["keys"] == [{"provider": "reapi", "source": "keyring", "where": None}]
    assert [key["source"] for key in listed.json["keys"]] == ["none", "environment", "keyring", *["none"] * 5]
    assert [key["where"] for key in listed.json["keys"]] == [None, "GMI_API_KEY", None, *[None] * 5]
    assert [end.code for end in ended] == [0] * len(quick)
    assert not untouched.exists()
    assert removed.json["keys"] == [{"provider": "reapi", "source": "none", "where": None}]
    assert (unknown.code, unknown.json["error"]["code"]) == (ExitCode.KEY, "key_missing")


def test_a_typed_key_does_not_show(imgen: Program) -> None:
    pexpect = pytest.importorskip("pexpect", reason="there are no pseudo-terminals")
    command, *arguments = IMGEN
    child = pexpect.spawn(
        command, [*arguments, "keys", "set", "reapi", "--file"], cwd=str(imgen.cwd), env=imgen.environ, timeout=20
    )
    child.expect_exact("Key of reAPI (it will not show): ")
    child.sendline(KEPT)
    child.expect(pexpect.EOF)

    assert b"The key of reAPI is kept in" in child.before
    assert KEPT.encode() not in child.before
    assert (imgen.home / "keys" / "reapi").read_text() == KEPT

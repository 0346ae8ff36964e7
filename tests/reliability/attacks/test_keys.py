"""Keys and signed links: in nothing that is printed, whatever echoes them, and in no process that needs none."""

from __future__ import annotations

import base64
import re
from dataclasses import replace
from importlib.metadata import requires
from typing import TYPE_CHECKING
from urllib.parse import quote

import pytest

from cli.program.program import KEY, OFTEN, Program
from imgen_providers.sandbox.exchange import Reply, json_reply
from reliability.attacks.attempt import HELD, attempt, plain
from reliability.attacks.hostile import edited, hostile, texts

if TYPE_CHECKING:
    from pathlib import Path

    from imgen_providers.sandbox.exchange import Call
    from reliability.attacks.hostile import Answer

SIGNATURE = "deadbeefcafe0123456789abcdef"
SPELLINGS = {
    "as a query": "https://x.example/1.png?X-Amz-Signature={}",
    "of Google": "https://x.example/1.png?X-Goog-Signature={}&x=1",
    "of Azure": "https://x.example/1.png?sv=2024&sig={}",
    "in capital letters": "HTTPS://X.EXAMPLE/1.png?SIGNATURE={}",
    "behind a semicolon": "https://x.example/1.png;sig={}",
    "behind a fragment": "https://x.example/1.png#token={}",
    "as a password": "https://user:{}@x.example/1.png",
    "encoded inside another link": "https://x.example/go?to=https%3A%2F%2Fy.example%2F1.png%3Fsig%3D{}",
    "with escaped slashes": "https:\\/\\/x.example\\/1.png?token={}",
    "without a scheme": "//x.example/1.png?Policy={}",
    "without a name": "https://x.example/1.png?{}",
}


@pytest.mark.parametrize(
    "link",
    [
        pytest.param(
            link, id=name, marks=attempt(13, f"a signed link {name}, with `--verbose`", "its signature is hidden")
        )
        for name, link in SPELLINGS.items()
    ],
)
def test_no_signature_is_shown(imgen: Program, tmp_path: Path, link: str) -> None:
    signed = link.format(SIGNATURE)

    def twist(at: str, call: Call, reply: Reply) -> Answer:
        return edited(reply, lambda body: {**body, "note": signed}) if at == "poll" else reply

    with hostile(tmp_path / "far side", twist, seconds=0.05) as services:
        ended = imgen.at(services.services.origin).run("generate", "a fox", "-p", "reapi", "-v", *OFTEN)

    assert plain(ended), ended
    assert "x.example" in ended.stderr.lower()
    assert SIGNATURE not in ended.stderr


ECHOES = {
    "as it is": (HELD, KEY),
    "quoted for a URL": (HELD, quote(KEY, safe="")),
    "in base64": (HELD, base64.b64encode(KEY.encode()).decode()),
    "in base64 of a header": (HELD, base64.b64encode(f"Bearer {KEY}".encode()).decode()),
    "with U+200B inside": (18, KEY[:9] + "\u200b" + KEY[9:]),
    "with a soft hyphen inside": (18, KEY[:9] + "\u00ad" + KEY[9:]),
}


@pytest.mark.parametrize(
    "echo",
    [
        pytest.param(echo, id=name, marks=attempt(line, f"a key echoed {name}", "shown nowhere"))
        for name, (line, echo) in ECHOES.items()
    ],
)
def test_an_echoed_key_is_shown_and_written_nowhere(imgen: Program, tmp_path: Path, echo: str) -> None:
    def twist(at: str, call: Call, reply: Reply) -> Answer:
        return (
            json_reply(422, {"error": {"message": f"The key {echo} is fine."}, "request_id": echo}, {})
            if at == "submit"
            else reply
        )

    with hostile(tmp_path / "far side", twist, seconds=0.05) as services:
        here = imgen.at(services.services.origin)
        ended = [
            here.run("generate", f"a fox {n}", "-p", "reapi", *OFTEN, *form)
            for n, form in enumerate(((), ("-v",), ("--json",)))
        ]

    printed = "".join(each.stderr + each.stdout.decode() for each in ended)
    written = b"".join(path.read_bytes() for path in imgen.home.rglob("*") if path.is_file())
    visible = re.sub("[\u200b\u00ad]|\\\\u200b|\\\\u00ad", "", printed)
    assert KEY not in visible
    assert echo not in printed
    assert KEY.encode() not in written
    assert echo.encode() not in written


WRONG = ("REAPI_BASE_URL", "IMGEN_PROFILE", "SSL_CERT_FILE", "IMGEN_PROVIDER", "IMGEN_MODEL")


@pytest.mark.parametrize(
    "variable",
    [pytest.param(name, marks=attempt(18, f"a key typed into `{name}`", "not repeated")) for name in WRONG],
)
def test_a_key_in_the_wrong_place_is_not_repeated(imgen: Program, variable: str) -> None:
    key = "sk-live-0123456789abcdefABCDEF"
    here = replace(imgen, variables={**imgen.variables, "REAPI_API_KEY": KEY, variable: key})

    ended = [here.run("config"), here.run("config", "--json"), here.run("generate", "a fox", "--dry-run")]

    assert key not in "".join(each.stderr + each.stdout.decode() for each in ended)


@attempt(18, "the process that asks the keyring", "it inherits no key")
def test_the_process_of_the_keyring_has_no_key(imgen: Program) -> None:
    """Each Python notes its command line and environment as it starts, the child too."""
    seen = imgen.cwd.parent / "environment"
    note = "repr((sys.orig_argv, dict(os.environ))) + chr(10)"
    (imgen.cwd / "sitecustomize.py").write_text(f"import os, sys\nopen({str(seen)!r}, 'a').write({note})\n")
    here = replace(imgen, variables={**imgen.variables, "REAPI_API_KEY": KEY, "PYTHONPATH": str(imgen.cwd)})

    ended = here.run("keys", "set", "gptproto", "--keyring", stdin=b"sk-another-0123456789")

    noted = seen.read_text().splitlines()
    children = [line for line in noted if "keyring_process" in line]
    assert plain(ended), ended
    assert any(KEY in line for line in noted)
    assert children
    assert not any(KEY in line for line in children)


FLOORS = {"pillow": 13, "filelock": 3.20}


@pytest.mark.parametrize(
    "name",
    [pytest.param(n, marks=attempt(14, f"versions of {n} with known critical faults", "not admitted")) for n in FLOORS],
)
def test_no_dependency_admits_a_known_critical_fault(name: str) -> None:
    (floor,) = [found[1] for line in requires("imgen") or [] if (found := re.match(rf"{name}>=(\d+(?:\.\d+)?)", line))]

    assert float(floor) >= FLOORS[name]


@attempt(HELD, "answers that hold the key as the id of a job", "the key is in no ledger")
def test_a_key_as_an_id_is_kept_nowhere(imgen: Program, tmp_path: Path) -> None:
    with hostile(
        tmp_path / "far side", lambda at, call, reply: texts(reply, "task_", KEY) if at == "submit" else reply
    ) as services:
        ended = imgen.at(services.services.origin).run("generate", "a fox", "-p", "reapi", *OFTEN, "--timeout", "1")

    assert plain(ended)
    assert KEY not in ended.stderr
    assert KEY.encode() not in b"".join(path.read_bytes() for path in imgen.home.rglob("*") if path.is_file())

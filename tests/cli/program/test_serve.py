"""`imgen sandbox serve`: how long its jobs take, https with a certificate made now, and what stands in its way."""

from __future__ import annotations

import socket
import ssl
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import pytest

from cli.program.program import Program
from imgen.errors import ExitCode
from imgen.installation import installation
from providers.sandbox.asking import ask

if TYPE_CHECKING:
    from collections.abc import Mapping

SUBMIT = "/api/v1/images/generations"
FOX = {"model": "gemini-3-pro-image-preview", "prompt": "a red fox"}


def line_of(serving: subprocess.Popen[bytes]) -> str:
    """The next line of its standard output."""
    assert serving.stdout
    return serving.stdout.readline().decode().strip()


@pytest.mark.parametrize(
    ("variables", "arguments", "state"),
    [
        ({"IMGEN_SANDBOX_SECONDS": "0"}, (), "completed"),
        ({"IMGEN_SANDBOX_SECONDS": "600"}, (), "processing"),
        ({"IMGEN_SANDBOX_SECONDS": "600"}, ("--seconds", "0"), "completed"),
        ({}, (), "processing"),
    ],
)
def test_a_job_takes_as_long_as_the_environment_or_the_option_says(
    tmp_path: Path, variables: Mapping[str, str], arguments: tuple[str, ...], state: str
) -> None:
    with Program(tmp_path / "home", tmp_path, variables).start("sandbox", "serve", *arguments) as serving:
        origin = line_of(serving)
        task = ask(origin + SUBMIT, "POST", body=FOX).json()["id"]
        assert ask(f"{origin}/api/v1/tasks/{task}", "GET").json()["status"] == state


def peer(origin: str, name: str, trust: ssl.SSLContext) -> str | None:
    """The version of TLS that a client which trusts these authorities gets to under this name."""
    port = urlsplit(origin).port
    assert port
    with (
        socket.create_connection(("127.0.0.1", port), timeout=10) as plain,
        trust.wrap_socket(plain, server_hostname=name) as secured,
    ):
        return secured.version()


def test_tls_is_for_who_trusts_the_authority_whose_path_is_printed(tmp_path: Path) -> None:
    with Program(tmp_path / "home", tmp_path).start("sandbox", "serve", "--tls", stderr=subprocess.PIPE) as serving:
        origin, authority = line_of(serving), Path(line_of(serving))
        assert serving.stderr
        said = serving.stderr.readline().decode()
        trust = ssl.create_default_context(cafile=authority)
        versions = [peer(origin, name, trust) for name in ("127.0.0.1", "localhost")]
        for name, who in (("127.0.0.1", ssl.create_default_context()), ("services.example", trust)):
            with pytest.raises(ssl.SSLCertVerificationError):
                peer(origin, name, who)

    assert urlsplit(origin).scheme == "https"
    assert versions == ["TLSv1.3", "TLSv1.3"]
    assert authority == tmp_path / "home" / "sandbox" / "tls" / f"{urlsplit(origin).port}.pem"
    assert f"SSL_CERT_FILE={authority}" in said
    assert "PRIVATE" not in authority.read_text()


def test_imgen_itself_makes_a_picture_over_tls(imgen: Program, tmp_path: Path) -> None:
    far_side = Program(tmp_path / "far side", tmp_path, {"IMGEN_SANDBOX_SECONDS": "0.1"})
    with far_side.start("sandbox", "serve", "--tls") as serving:
        origin, authority = line_of(serving), line_of(serving)
        here = imgen.at(origin)
        trusting = Program(here.home, here.cwd, {**here.variables, "SSL_CERT_FILE": authority})
        ended = trusting.run("generate", "a red fox", "-p", "reapi", "-o", "fox.png", "--poll-every", "0.1")

    assert ended.code == ExitCode.DONE, ended.stderr
    assert (imgen.cwd / "fox.png").read_bytes().startswith(b"\x89PNG")


def test_tls_without_its_extra_names_the_extra(tmp_path: Path) -> None:
    shadow = tmp_path / "shadow"
    shadow.mkdir()
    (shadow / "trustme.py").write_text("raise ModuleNotFoundError('No module named trustme')\n")
    ended = Program(tmp_path / "home", tmp_path, {"PYTHONPATH": str(shadow)}).run("sandbox", "serve", "--tls")

    assert ended.code == ExitCode.KEY
    assert ended.stderr.splitlines()[1] == f"  try: {installation().with_extra('tls')}"
    assert ended.stdout == b""


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    home = tmp_path / "home"
    home.mkdir()
    (home / "sandbox").write_text("in the way")
    ended = Program(home, tmp_path).run("sandbox", "serve")

    assert ended.code == ExitCode.KEY
    assert f"cannot keep its jobs in {home / 'sandbox'}" in " ".join(ended.stderr.split())

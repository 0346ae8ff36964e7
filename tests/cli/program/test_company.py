"""Behind a company's proxy, with its own certificates: everything goes through it, nothing leaks, nothing is lost."""

from __future__ import annotations

import shutil
import subprocess
from typing import TYPE_CHECKING

import pytest

from cli.program.company import HOST, ORIGIN, PASSWORD, Company, company
from cli.program.program import SMALL
from imgen.errors import ExitCode
from imgen.records import State

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from cli.program.program import Ended, Program

FOX = ("generate", "a fox", "-p", "3daistudio", *SMALL, "--poll-every", "0.05")


@pytest.fixture
def network(tmp_path: Path) -> Iterator[Company]:
    with company(tmp_path) as found:
        yield found


def show_no_secret(*ended: Ended) -> None:
    for each in ended:
        assert PASSWORD not in each.stdout.decode() + each.stderr


def test_everything_goes_through_the_proxy_to_who_its_certificate_vouches_for(imgen: Program, network: Company) -> None:
    streams = {"HTTPS_PROXY": network.proxy, "SSL_CERT_FILE": str(network.ca_file)}

    saved, asked = imgen.at(ORIGIN).run_lines([(FOX, streams, b""), (("status", "--json"), streams, b"")])

    assert saved.code == ExitCode.DONE, saved.stderr
    assert [job.state for job in imgen.jobs()] == [State.SAVED]
    assert asked.code == ExitCode.DONE
    # Submit, questions and the picture, each on a connection of its own thread.
    assert len(network.connects) >= 3
    assert set(network.connects) == {f"{HOST}:443"}
    show_no_secret(saved, asked)


def test_without_trust_or_a_way_through_nothing_is_sent(imgen: Program, network: Company) -> None:
    no_trust = {"HTTPS_PROXY": network.proxy}
    no_way = {"HTTPS_PROXY": network.closed_proxy, "SSL_CERT_FILE": str(network.ca_file)}

    distrusted, turned_away = imgen.at(ORIGIN).run_lines([(FOX, no_trust, b""), (FOX, no_way, b"")])

    for ended in (distrusted, turned_away):
        assert ended.code == ExitCode.UNREACHABLE
        assert "Nothing was sent and nothing was charged." in ended.stderr
    assert "its certificate is not trusted here (unable to get local issuer certificate)" in distrusted.stderr
    assert "SSL_CERT_FILE names a file with those to trust" in distrusted.stderr
    assert "407 Proxy Authentication Required" in turned_away.stderr
    assert {job.state for job in imgen.jobs()} == {State.CANCELLED}
    assert network.connects
    assert network.requests == []
    show_no_secret(distrusted, turned_away)


def test_what_no_proxy_names_is_reached_without_it(imgen: Program, network: Company) -> None:
    streams = {"HTTPS_PROXY": network.proxy, "SSL_CERT_FILE": str(network.ca_file)}
    models = ("models", "--live", "-p", "gmicloud")  # a question, which is given up sooner than a submit
    nowhere = imgen.at("https://0.0.0.0:9")  # this machine, but not by a name of loopback, which takes no proxy at all

    through, past = nowhere.run_lines([(models, streams, b""), (models, {**streams, "NO_PROXY": "0.0.0.0"}, b"")])

    assert through.code == past.code == ExitCode.UNREACHABLE
    assert set(network.connects) == {"0.0.0.0:9"}
    show_no_secret(through, past)


@pytest.mark.skipif(shutil.which("openssl") is None, reason="openssl names certificates for a folder of them")
def test_the_machines_own_certificates_can_be_trusted(imgen: Program, network: Company, tmp_path: Path) -> None:
    hashed = subprocess.run(
        ["openssl", "x509", "-hash", "-noout", "-in", network.ca_file], capture_output=True, text=True, check=True
    )
    folder = tmp_path / "trusted by the machine"
    folder.mkdir()
    shutil.copy(network.ca_file, folder / f"{hashed.stdout.strip()}.0")
    streams = {"HTTPS_PROXY": network.proxy, "SSL_CERT_DIR": str(folder)}
    models = ("models", "--live", "-p", "gmicloud")

    bundled, system = imgen.at(ORIGIN).run_lines(
        [(models, streams, b""), (models, {**streams, "IMGEN_CERTIFICATES": "system"}, b"")]
    )

    assert bundled.code == ExitCode.UNREACHABLE
    assert "not trusted" in bundled.stderr
    assert system.code == ExitCode.DONE, system.stderr

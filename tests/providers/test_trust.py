"""TLS with certificates of our own making: whom the library trusts, and what it says of the others."""

from __future__ import annotations

import ssl
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest
import trustme
import truststore

from imgen_providers.client import Network
from imgen_providers.errors import NotSent, Unreachable
from imgen_providers.sandbox.server import SandboxServer
from imgen_providers.trust import distrust
from providers.sending import api, ended

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


@contextmanager
def served(folder: Path, certificate: trustme.LeafCert) -> Iterator[str]:
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    certificate.configure_cert(tls)
    with SandboxServer(folder, tls=tls) as server:
        yield server.origin


def network(folder: Path, authority: trustme.CA) -> Network:
    file = folder / "company.pem"
    authority.cert_pem.write_to_path(file)
    return Network(user_agent="imgen-tests/1", ca_file=str(file))


def test_who_the_file_vouches_for_is_trusted(tmp_path: Path, authority: trustme.CA) -> None:
    trusting = network(tmp_path, authority)
    with served(tmp_path / "far", authority.issue_cert("127.0.0.1")) as origin:
        answer = api(origin, trusting).get("/api/v1/ie/requestqueue/apikey/models")

    assert answer.status == 200
    trusting.close()


def test_a_stranger_is_named_with_the_way_to_trust_them(tmp_path: Path, authority: trustme.CA) -> None:
    bundled = Network(user_agent="imgen-tests/1")
    with served(tmp_path / "far", authority.issue_cert("127.0.0.1")) as origin:
        paid = ended(origin, bundled)
        with pytest.raises(Unreachable) as asked:
            api(origin, bundled).get("/status")

    assert type(paid) is NotSent
    for printed in (paid.message, asked.value.message):
        assert "its certificate is not trusted here (unable to get local issuer certificate)" in printed
        assert printed.endswith("; SSL_CERT_FILE names a file with those to trust, such as your company's.")
    bundled.close()


def test_another_fault_of_a_certificate_is_no_question_of_whom_to_trust(tmp_path: Path, authority: trustme.CA) -> None:
    trusting = network(tmp_path, authority)
    yesterday = datetime.now(UTC) - timedelta(days=1)
    faults = {
        "certificate has expired": authority.issue_cert("127.0.0.1", not_after=yesterday),
        "IP address mismatch": authority.issue_cert("elsewhere.test"),
    }
    for fault, certificate in faults.items():
        with served(tmp_path / "far", certificate) as origin:
            error = ended(origin, trusting)

        assert type(error) is NotSent
        assert f"its certificate is not trusted here ({fault}" in error.message
        assert "SSL_CERT_FILE" not in error.message
    trusting.close()


def test_the_machine_is_asked_only_where_no_file_is_named(tmp_path: Path, authority: trustme.CA) -> None:
    system = Network(user_agent="imgen-tests/1", system_certificates=True)
    network(tmp_path, authority)
    file = Network(user_agent="imgen-tests/1", ca_file=str(tmp_path / "company.pem"), system_certificates=True)

    assert isinstance(system.certificates(), truststore.SSLContext)
    assert not isinstance(file.certificates(), truststore.SSLContext)


def test_what_is_no_certificates_fault_says_nothing_of_it() -> None:
    assert distrust(ConnectionResetError("reset")) is None


def test_an_error_that_leads_back_to_itself_is_read_to_its_end() -> None:
    first, second = OSError("one"), OSError("two")
    first.__context__, second.__context__ = second, first

    assert distrust(first) is None

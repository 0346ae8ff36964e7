"""Every kind of storage is opened from its URL and signs a link without asking anybody; what is wrong is said."""

from __future__ import annotations

import base64
import json
import os
from typing import TYPE_CHECKING
from urllib.parse import parse_qs, urlsplit

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from imgen.errors import BadConfiguration
from imgen.pictures.storage import Storage, StorageTrouble, parse_place

if TYPE_CHECKING:
    from pathlib import Path

    from imgen_providers.network import Network

AMAZON = {"AWS_ACCESS_KEY_ID": "unknown", "AWS_SECRET_ACCESS_KEY": "nothing"}
AZURE = {"AZURE_STORAGE_ACCOUNT_KEY": base64.b64encode(bytes(64)).decode()}
GOOGLE = {"GOOGLE_APPLICATION_CREDENTIALS": "account.json"}
AZURE_HOST = "https://noaccount.blob.core.windows.net"


@pytest.fixture(autouse=True)
def no_credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    """None but those of the test."""
    for name in os.environ:
        if name.startswith(("AWS_", "AZURE_", "GOOGLE_")):
            monkeypatch.delenv(name)


@pytest.fixture
def account(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A service account of Google's, made up, with a key made for this test."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048).private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    facts = {"type": "service_account", "private_key_id": "1", "private_key": key.decode()}
    named = {**facts, "client_email": "account@example.com", "client_id": "1"}
    (tmp_path / "account.json").write_text(json.dumps(named))
    monkeypatch.chdir(tmp_path)


@pytest.mark.usefixtures("account")
@pytest.mark.parametrize(
    ("url", "variables", "where", "lives"),
    [
        ("s3://bucket/prefix", AMAZON, "https://s3.us-east-1.amazonaws.com/bucket/prefix/", "X-Amz-Expires"),
        (
            "s3://bucket/prefix?endpoint=https://noaccount.r2.cloudflarestorage.com",
            AMAZON,
            "https://noaccount.r2.cloudflarestorage.com/bucket/prefix/",
            "X-Amz-Expires",
        ),
        (
            "https://noaccount.r2.cloudflarestorage.com/bucket/prefix",
            AMAZON,
            "https://noaccount.r2.cloudflarestorage.com/bucket/prefix/",
            "X-Amz-Expires",
        ),
        ("gs://bucket/prefix", GOOGLE, "https://storage.googleapis.com/bucket/prefix/", "X-Goog-Expires"),
        ("az://bucket/prefix?account_name=noaccount", AZURE, f"{AZURE_HOST}/bucket/prefix/", "se"),
        (f"{AZURE_HOST}/bucket/prefix", AZURE, f"{AZURE_HOST}/bucket/prefix/", "se"),
    ],
)
def test_a_link_is_signed_for_two_hours(
    url: str, variables: dict[str, str], where: str, lives: str, network: Network, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in variables.items():
        monkeypatch.setenv(name, value)

    link = urlsplit(Storage(parse_place(url), network).link("ab.png"))

    assert link._replace(query="").geturl() == f"{where}ab.png"
    signed = parse_qs(link.query)
    assert set(signed) & {"X-Amz-Signature", "X-Goog-Signature", "sig"}
    if lives == "se":  # the times themselves, as 2026-11-21T13:20:02Z
        began, ends = (int(signed[name][0][11:13]) for name in ("st", "se"))
        assert (ends - began) % 24 == 2
    else:
        assert signed[lives] == ["7200"]


@pytest.mark.parametrize(
    ("url", "variables", "says"),
    [
        ("az://bucket/prefix", AZURE, "Your storage az://bucket cannot be opened: .*Account must be specified"),
        (
            "az://bucket?account_name=noaccount",
            {"AZURE_STORAGE_ACCOUNT_KEY": "no key"},
            "az://bucket cannot be opened: .*Invalid Access Key",
        ),
        ("gs://bucket", GOOGLE, "gs://bucket cannot be opened: .*Unable to open service account file"),
        ("https://files.example.com/x", {}, "cannot be opened: it is neither S3, nor Google Cloud Storage, nor Azure"),
    ],
)
def test_what_cannot_be_opened_is_said_and_is_a_matter_of_configuration(
    url: str, variables: dict[str, str], says: str, network: Network, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in variables.items():
        monkeypatch.setenv(name, value)

    with pytest.raises(StorageTrouble, match=says) as trouble:
        Storage(parse_place(url), network)

    assert trouble.value.refused


@pytest.mark.parametrize(
    ("url", "says"),
    [
        ("gs://bucket?endpoint=https://storage.example.com", "has a setting 'endpoint'; gs:// takes none"),
        ("s3://bucket?account_name=noaccount", "has a setting 'account_name'; s3:// takes endpoint and region"),
        ("az://bucket?region=eu", "has a setting 'region'; az:// takes endpoint and account_name"),
    ],
)
def test_a_setting_of_another_kind_of_storage_is_found_at_once(url: str, says: str) -> None:
    with pytest.raises(BadConfiguration, match=says):
        parse_place(url)

"""The user's own object storage, for services that fetch reference pictures themselves.

obstore knows S3 (and what is compatible: R2, MinIO), Google Cloud Storage and Azure, finds its credentials where their
own tools do, and signs URLs. The requests are ours: obstore's own read an error of any size into memory, and follow
redirects anywhere. It is an extra: `imgen[upload]`.
"""

from __future__ import annotations

import re
from datetime import timedelta
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import parse_qsl, urlsplit

from imgen.config.config import is_loopback
from imgen.errors import BadConfiguration
from imgen_providers.base import PictureLink
from imgen_providers.errors import ServiceError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Literal

    from obstore.store import AzureStore, GCSStore, S3Store

    from imgen_providers.base import Account, PictureFile
    from imgen_providers.client import Network

    Method = Literal["GET", "PUT", "DELETE"]

LINK_LIVES = timedelta(hours=2)
"""How long a signed link can be fetched."""

# What may follow the ?, by scheme; an https URL (of R2, S3 or Azure) says everything itself.
_SETTINGS = {"s3": ("endpoint", "region"), "gs": (), "az": ("endpoint", "account_name"), "https": ()}
_EXAMPLE = 'export IMGEN_UPLOAD="s3://bucket/prefix?endpoint=https://..."'
_TEXT_LIMIT = 200  # characters of what the storage said that a message carries
_NOT_TAKEN = "did not take the picture"
_GENERIC = re.compile(r"^Generic \w+ error: ")
_CREDENTIALS = frozenset({401, 403})
_MISSING = 404
_EMPTY = 416  # an object without a first byte: it is there
_TAKEN = frozenset({409, 412})  # what storages answer where an object of that name is, or is just being written
_TRANSIENT = frozenset({408, 425, 429})
# Where a library looks for credentials once it found none on this machine: inside a cloud, they are there.
_METADATA = re.compile(r"//(169\.254\.|metadata\.google)")


class StorageTrouble(Exception):
    """The storage did not do what it was asked; `message` is for people and holds no link and no key.

    `refused` says that it answered no (wrong credentials, no such bucket), so trying again will not help; `unsure`,
    that what it was sent may be there all the same.
    """

    def __init__(self, message: str, *, refused: bool, unsure: bool = False) -> None:
        super().__init__(message)
        self.message = message
        self.refused = refused
        self.unsure = unsure


class Place(NamedTuple):
    """Where the storage is, from one URL; it holds no credentials, so the ledger may keep it."""

    url: str

    @property
    def name(self) -> str:
        """What to call it: scheme and bucket."""
        parts = urlsplit(self.url)
        return f"{parts.scheme}://{parts.netloc}"

    @property
    def endpoint(self) -> str | None:
        """The origin of the storage, where the URL names one beside the bucket."""
        return dict(parse_qsl(urlsplit(self.url).query)).get("endpoint")


def parse_place(text: str, variable: str = "IMGEN_UPLOAD") -> Place:
    """The storage that a URL such as "s3://bucket/prefix?endpoint=https://..." names; `variable` is where it stands.

    Raises `BadConfiguration`.
    """
    example = _EXAMPLE.replace("IMGEN_UPLOAD", variable)
    try:
        parts = urlsplit(text)
        settings = dict(parse_qsl(parts.query, keep_blank_values=True, strict_parsing=bool(parts.query)))
        secret = parts.username is not None or parts.password is not None
    except ValueError:
        raise BadConfiguration(f"{variable} cannot be read as a URL.", example) from None
    if secret:
        raise BadConfiguration(
            f"{variable} has a user name or password in it.",
            "Credentials stay where the storage's own tools look, such as AWS_ACCESS_KEY_ID.",
        )
    if parts.scheme not in _SETTINGS or not parts.netloc:
        raise BadConfiguration(f"{variable} must begin with one of {', '.join(_SETTINGS)} and a bucket.", example)
    taken = _SETTINGS[parts.scheme]
    unknown = sorted(set(settings) - set(taken))
    if unknown:
        raise BadConfiguration(
            f"{variable} has a setting {unknown[0]!r}; {parts.scheme}:// takes {' and '.join(taken) or 'none'}.",
            "Credentials stay where the storage's own tools look, such as AWS_ACCESS_KEY_ID.",
        )
    endpoint = settings.get("endpoint", "https://")
    if not endpoint.startswith("https://") and not (endpoint.startswith("http://") and is_loopback(endpoint)):
        raise BadConfiguration(f"The endpoint in {variable} must be an https URL.", example)
    return Place(text)


def require_obstore() -> None:
    """Raises `BadConfiguration` where the extra is not installed."""
    from importlib.util import find_spec

    from imgen.installation import installation

    if find_spec("obstore") is None:
        raise BadConfiguration(
            "Uploading to a storage of your own needs the extra upload.", installation().with_extra("upload")
        )


class Storage:
    """One object storage, opened. Raises `StorageTrouble` where it cannot be."""

    def __init__(self, place: Place, network: Network) -> None:
        from obstore.exceptions import BaseError

        self.place = place
        self._network = network
        try:
            self._store = open_store(place)
        except (BaseError, ValueError) as error:
            raise StorageTrouble(self._sentence("cannot be opened", _first_line(error)), refused=True) from error

    def put(self, key: str, picture: PictureFile) -> bool:
        """Put the picture there unless the key is taken; returns whether it did.

        Raises `StorageTrouble`, and `ReferenceChangedError` where the file is not the one that was recorded.
        """
        if self._has(key):
            return False
        try:
            status = self._ask(_NOT_TAKEN, "PUT", key, picture=picture, headers=_new_only(self._store))
        except StorageTrouble as trouble:
            trouble.unsure = not trouble.refused
            raise
        if status in _TAKEN and self._has(key):
            return False
        if not _is_success(status):
            raise self._answered(_NOT_TAKEN, status)
        return True

    def link(self, key: str) -> str:
        """A link that lets its owner fetch the picture for two hours: a secret. Raises `StorageTrouble`."""
        return self._signed("cannot sign a link", "GET", key)

    def remove(self, key: str) -> None:
        """Remove a picture; fine if it is gone already. Raises `StorageTrouble`."""
        what = "did not remove a picture"
        status = self._ask(what, "DELETE", key)
        if status != _MISSING and not _is_success(status):
            raise self._answered(what, status)

    def _has(self, key: str) -> bool:
        """By its first byte, since Azure signs no HEAD."""
        status = self._ask(_NOT_TAKEN, "GET", key, headers={"Range": "bytes=0-0", "Accept-Encoding": "identity"})
        if status == _MISSING:
            return False
        if status != _EMPTY and not _is_success(status):
            raise self._answered(_NOT_TAKEN, status)
        return True

    def _ask(
        self,
        what: str,
        method: Method,
        key: str,
        *,
        picture: PictureFile | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> int:
        """The status of the answer to one request. Raises `StorageTrouble` where none came."""
        from imgen_providers.peers import PeerRefused
        from imgen_providers.signed_urls import QUESTION_SECONDS, UPLOAD_SECONDS, send

        link = self._signed(what, method, key)
        origin = "{0.scheme}://{0.netloc}".format(urlsplit(link))
        try:
            return send(
                self._network,
                method,
                link,
                trusted_origin=origin,
                seconds=UPLOAD_SECONDS if picture else QUESTION_SECONDS,
                picture=picture,
                headers=headers,
            )
        except PeerRefused as error:
            raise StorageTrouble(self._sentence(what, error.message.rstrip(".")), refused=True) from error
        except ServiceError as error:
            reason = f"it cannot be reached ({error.message})"
            raise StorageTrouble(self._sentence(what, reason), refused=False) from error

    def _signed(self, what: str, method: Method, key: str) -> str:
        import obstore

        try:
            return obstore.sign(self._store, method, key, LINK_LIVES)
        except (obstore.exceptions.BaseError, ValueError, OSError) as error:
            no_credentials = _METADATA.search(str(error).partition("\n")[0])
            reason = "no credentials for it were found" if no_credentials else _first_line(error)
            raise StorageTrouble(self._sentence(what, reason), refused=isinstance(error, ValueError)) from error

    def _answered(self, what: str, status: int) -> StorageTrouble:
        """The trouble that a status means; after a 5xx, the picture may be there all the same."""
        if status in _CREDENTIALS:
            return StorageTrouble(self._sentence(what, "its credentials may not do that"), refused=True)
        if status == _MISSING:
            return StorageTrouble(self._sentence(what, "there is no such bucket"), refused=True)
        if 300 <= status < 400:
            reason = "it answered with a redirect, as where the region is another one"
            return StorageTrouble(self._sentence(what, reason), refused=True)
        refused = 400 <= status < 500 and status not in _TAKEN | _TRANSIENT
        return StorageTrouble(
            self._sentence(what, f"it answered HTTP {status}"),
            refused=refused,
            unsure=status not in _TRANSIENT and not refused,
        )

    def _sentence(self, what: str, why: str) -> str:
        at = f" at {self.place.endpoint}" if self.place.endpoint else ""
        return f"Your storage {self.place.name}{at} {what}: {why}."


def _is_success(status: int) -> bool:
    return 200 <= status < 300


def _new_only(store: S3Store | GCSStore | AzureStore) -> dict[str, str]:
    """Headers of a PUT that is to replace nothing; Google's would have to be signed, so there only `_has` says it."""
    from obstore.store import AzureStore, S3Store

    match store:
        case AzureStore():
            return {"x-ms-blob-type": "BlockBlob", "If-None-Match": "*"}
        case S3Store():
            return {"If-None-Match": "*"}
        case _:
            return {}


def open_store(place: Place) -> S3Store | GCSStore | AzureStore:
    """The storage as obstore has it. Raises `ValueError`, and obstore's own errors."""
    from obstore.store import AzureStore, GCSStore, S3Store, from_url

    parts = urlsplit(place.url)
    settings: dict[str, Any] = dict(parse_qsl(parts.query))
    endpoint = settings.get("endpoint", "")
    store = from_url(
        parts._replace(query="").geturl(),
        client_options={
            "allow_http": endpoint.startswith("http://"),
            "connect_timeout": timedelta(seconds=10),
            "timeout": timedelta(seconds=120),
        },
        retry_config={"max_retries": 2, "retry_timeout": timedelta(seconds=60)},
        **settings,
    )
    if not isinstance(store, S3Store | GCSStore | AzureStore):
        raise ValueError("it is neither S3, nor Google Cloud Storage, nor Azure")
    return store


def _first_line(error: Exception) -> str:
    """The library's sentence, without addresses; what follows it is for debugging, and quotes them."""
    said = _GENERIC.sub("", next(iter(str(error).splitlines()), type(error).__name__))
    return " ".join(word for word in said.split() if "://" not in word)[:_TEXT_LIMIT].rstrip(". ")


class SandboxStorage:
    """A stand-in for the user's storage: the sandbox takes pictures, and its services fetch them from there."""

    def __init__(self, service: str, account: Account, network: Network) -> None:
        from imgen_providers.client import Api

        self._account = account
        self._api = Api(service, account, network, headers={})

    def upload(self, picture: PictureFile) -> PictureLink:
        """Put the picture there under its sha256. Raises `Unreachable` or `NotSent`."""
        from imgen_providers.sandbox.gate import signed

        name = f"{picture.sha256}.{picture.media_type.removeprefix('image/')}"
        link = signed(f"{self._account.origin}/sandbox/storage/{name}", self._account.key)
        self._api.put_file(link, picture)
        return PictureLink(link)

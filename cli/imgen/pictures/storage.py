"""The user's own object storage, for services that fetch reference pictures themselves, and for a fleet's pictures.

obstore speaks S3 (and what is compatible: R2, MinIO), Google Cloud Storage and Azure, and finds its credentials where
their own tools do. It is an extra: `imgen[upload]`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, unquote, urlsplit

from imgen.config.config import is_loopback
from imgen.errors import BadConfiguration
from imgen_providers.base import PictureLink
from imgen_providers.body import ReferenceChangedError, open_checked

if TYPE_CHECKING:
    from obstore.store import AzureStore, GCSStore, LocalStore, S3Store

    from imgen_providers.base import Account, PictureFile
    from imgen_providers.client import Network

LINK_LIVES = timedelta(hours=2)
"""How long a signed link can be fetched."""

# What may follow the ?, by scheme; an https URL (of R2, S3 or Azure) says everything itself.
_SETTINGS = {"s3": ("endpoint", "region"), "gs": (), "az": ("endpoint", "account_name"), "https": ()}
_EXAMPLE = 'export IMGEN_UPLOAD="s3://bucket/prefix?endpoint=https://..."'
_TEXT_LIMIT = 200  # characters of what the storage said that a message carries
_NOT_TAKEN = "did not take the picture"
_GENERIC = re.compile(r"^Generic \w+ error: ")
_STATUS = re.compile(r"status(?: code:)? (\d{3})")
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


@dataclass(frozen=True, slots=True)
class Place:
    """Where the storage is, from one URL; it holds no credentials, so the ledger may keep it."""

    url: str

    @property
    def name(self) -> str:
        """What to call it: scheme and bucket."""
        parts = urlsplit(self.url)
        return f"{parts.scheme}://{parts.netloc}"

    @property
    def is_folder(self) -> bool:
        """Whether it is a folder, such as one that machines share."""
        return urlsplit(self.url).scheme == "file"

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

    if find_spec("obstore") is None:
        raise BadConfiguration("An object storage of your own needs obstore.", "pip install 'imgen[upload]'")


class Storage:
    """One object storage, opened. Raises `StorageTrouble` where it cannot be."""

    def __init__(self, place: Place) -> None:
        from obstore.exceptions import BaseError

        self.place = place
        try:
            self._store = _open(place)
        except (BaseError, ValueError) as error:
            raise StorageTrouble(self._sentence("cannot be opened", _first_line(error)), refused=True) from error

    def put(self, key: str, picture: PictureFile) -> bool:
        """Put the picture there unless the key is taken; returns whether it did.

        Raises `StorageTrouble`, and `OSError` from the disk.
        """
        try:
            with open_checked(picture) as file:
                data = file.read()
        except ReferenceChangedError as error:
            raise StorageTrouble(f"The upload was not begun: {error}.", refused=True) from error
        return not self._has(key) and self.create(key, data, picture.media_type)

    def create(self, key: str, data: bytes, media_type: str) -> bool:
        """Put bytes there unless the key is taken; returns whether it did. Raises `StorageTrouble`."""
        import obstore

        # In one piece: the parts of an interrupted multipart upload would stay, unseen and paid for.
        attributes: dict[str, str] = {} if self.place.is_folder else {"Content-Type": media_type}
        try:
            obstore.put(self._store, key, data, attributes=attributes, use_multipart=False, mode="create")
        except obstore.exceptions.AlreadyExistsError:
            return False
        except (obstore.exceptions.BaseError, OSError) as error:
            trouble = self._trouble(_NOT_TAKEN, error)
            trouble.unsure = not trouble.refused
            raise trouble from error
        return True

    def read(self, key: str) -> bytes | None:
        """The bytes of an object; None where there is none. Raises `StorageTrouble`."""
        import obstore

        try:
            return bytes(obstore.get(self._store, key).bytes())
        except FileNotFoundError:
            return None
        except (obstore.exceptions.BaseError, OSError) as error:
            raise self._trouble("cannot be read", error) from error

    def link(self, key: str) -> str:
        """A link that lets its owner fetch the picture for two hours: a secret. Raises `StorageTrouble`."""
        import obstore
        from obstore.store import LocalStore

        assert not isinstance(self._store, LocalStore)  # IMGEN_UPLOAD takes none
        try:
            return obstore.sign(self._store, "GET", key, LINK_LIVES)
        except (obstore.exceptions.BaseError, ValueError) as error:
            raise self._trouble("cannot sign a link", error) from error

    def remove(self, key: str) -> None:
        """Remove a picture; fine if it is gone already. Raises `StorageTrouble`."""
        import obstore

        try:
            obstore.delete(self._store, key)
        except FileNotFoundError:
            return
        except (obstore.exceptions.BaseError, OSError) as error:
            raise self._trouble("did not remove a picture", error) from error

    def _has(self, key: str) -> bool:
        import obstore

        try:
            obstore.head(self._store, key)
        except FileNotFoundError:
            return False
        except (obstore.exceptions.BaseError, OSError) as error:
            raise self._trouble(_NOT_TAKEN, error) from error
        return True

    def _trouble(self, what: str, error: Exception) -> StorageTrouble:
        from obstore.exceptions import PermissionDeniedError, UnauthenticatedError

        match error:
            case PermissionDeniedError() | UnauthenticatedError():
                return StorageTrouble(self._sentence(what, "its credentials may not do that"), refused=True)
            case FileNotFoundError():
                return StorageTrouble(self._sentence(what, "there is no such bucket"), refused=True)
            case _:
                return StorageTrouble(self._sentence(what, _reason(error)), refused=isinstance(error, ValueError))

    def _sentence(self, what: str, why: str) -> str:
        at = f" at {self.place.endpoint}" if self.place.endpoint else ""
        return f"Your storage {self.place.name}{at} {what}: {why}."


def _open(place: Place) -> S3Store | GCSStore | AzureStore | LocalStore:
    from obstore.store import AzureStore, GCSStore, LocalStore, S3Store, from_url

    parts = urlsplit(place.url)
    if place.is_folder:
        return LocalStore(unquote(parts.path), mkdir=True)
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


def _reason(error: Exception) -> str:
    """Why a request failed: the library has one exception for all of it, and a sentence for programmers."""
    said = str(error).partition("\n")[0]
    if _METADATA.search(said):
        return "no credentials for it were found"
    if status := _STATUS.search(said):
        return f"it answered HTTP {status[1]}"
    if "HTTP error" in said:
        return "it cannot be reached"
    if "redirect" in said:
        return "it answered with a redirect, as where the region is another one"
    return _first_line(error)


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

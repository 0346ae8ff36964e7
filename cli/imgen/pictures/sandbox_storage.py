"""What stands in for a person's own object storage, at services that fetch reference pictures from public links."""

from __future__ import annotations

from typing import TYPE_CHECKING

from imgen_providers.base import PictureLink
from imgen_providers.client import Api
from imgen_providers.sandbox.gate import signed

if TYPE_CHECKING:
    from imgen_providers.base import Account, PictureFile
    from imgen_providers.client import Network


class SandboxStorage:
    """Puts pictures into the sandbox's folder over its socket; its services fetch them from there the same way."""

    def __init__(self, service: str, account: Account, network: Network) -> None:
        self._account = account
        self._api = Api(service, account, network, headers={})

    def upload(self, picture: PictureFile) -> PictureLink:
        """Put the picture there under its sha256. Raises `Unreachable` or `NotSent`."""
        name = f"{picture.sha256}.{picture.media_type.removeprefix('image/')}"
        link = signed(f"{self._account.origin}/sandbox/storage/{name}", self._account.key)
        self._api.put_file(link, picture)
        return PictureLink(link)

"""What HTTP needs to know of this machine: the certificates to trust."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from imgen.config.folders import expanded
from imgen.config.keys import without_keys
from imgen.errors import BadConfiguration

if TYPE_CHECKING:
    from imgen.config.sources import Sources
    from imgen_providers.client import Network


class NetworkSettings(NamedTuple):
    """`ca_file` is a PEM file to trust instead of the usual certificates, and `ca_name` what sentences call it.

    `system_certificates` trusts what this machine trusts.
    """

    ca_file: str | None = None
    ca_name: str | None = None
    system_certificates: bool = False

    def open(self) -> Network:
        """The way out of this machine for one process; the caller closes it."""
        from imgen import __version__
        from imgen_providers.client import Network

        return Network(
            user_agent=f"imgen/{__version__}",
            ca_file=self.ca_file,
            ca_name=self.ca_name,
            system_certificates=self.system_certificates,
        )


def network_settings(sources: Sources) -> NetworkSettings:
    """The settings. Raises `BadConfiguration` where the extra that one needs is missing."""
    system = sources.setting("certificates")
    if system.value == "system":
        from importlib.util import find_spec

        from imgen.installation import installation

        if find_spec("truststore") is None:
            raise BadConfiguration(
                f"certificates is 'system' ({system.where}), which needs truststore.",
                installation().with_extra("system-certs"),
            )
    named = sources.setting("ca_file")
    if named.value is None:
        return NetworkSettings(system_certificates=system.value == "system")
    text = str(named.value)
    file = str(named.file.path.parent / expanded(text)) if named.file else text
    return NetworkSettings(file, f"{named.named} ({without_keys(text)})", system.value == "system")

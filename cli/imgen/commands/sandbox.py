"""imgen sandbox serve: the embedded services for any other client."""

from __future__ import annotations

import secrets
import shlex
from typing import TYPE_CHECKING, Annotated

import typer

from imgen.config.config import load
from imgen.errors import BadConfiguration, UsageProblem
from imgen.installation import installation

if TYPE_CHECKING:
    from pathlib import Path

    from imgen.config.config import Config
    from imgen_providers.sandbox.certificate import Certificate

sandbox = typer.Typer(no_args_is_help=True)


@sandbox.callback()
def _group() -> None:
    """Serve the fake services, for tests of other programs.

    They speak the wire formats of the real ones, without a key and at no cost.

    Examples:
        imgen sandbox serve
    """


@sandbox.command()
def serve(
    port: Annotated[
        int, typer.Option("--port", min=0, max=65535, metavar="PORT", help="The port; 0 for any free one.")
    ] = 0,
    seconds: Annotated[
        float | None,
        typer.Option("--seconds", min=0.0, metavar="SECONDS", help="How long a job takes.", show_default=False),
    ] = None,
    faults: Annotated[
        str,
        typer.Option(
            "--faults", metavar="FAULTS", help="Faults to play, such as lost-reply,429=2.", show_default=False
        ),
    ] = "",
    tls: Annotated[bool, typer.Option("--tls", help="Serve https; prints the path of the CA to trust.")] = False,
    quiet: Annotated[bool, typer.Option("-q", "--quiet", help="Do not log requests.")] = False,
) -> int:
    """Serve the fake services on this machine until Ctrl-C.

    Examples:
        imgen sandbox serve --seconds 1 --faults lost-reply
    """
    from imgen.screen.console import err, out
    from imgen.screen.text import for_log
    from imgen_providers.sandbox.faults import parse_faults
    from imgen_providers.sandbox.server import SandboxServer

    config = load()
    try:
        script = parse_faults(faults) if faults else config.sandbox_faults
    except ValueError as error:
        raise UsageProblem(str(error)) from error
    certificate = _certificate() if tls else None
    try:
        server = SandboxServer(
            config.folders.sandbox,
            seconds=config.sandbox_seconds if seconds is None else seconds,
            port=port,
            faults=script,
            log=None if quiet else lambda line: err(for_log(line)),
            tls=certificate.context if certificate else None,
        )
    except OSError as error:
        if error.filename is not None:
            raise BadConfiguration(
                f"The sandbox cannot keep its jobs in {error.filename}: {error.strerror}.",
                "Set IMGEN_HOME to a folder of yours.",
            ) from error
        raise UsageProblem(
            f"Port {port} cannot be used: {error.strerror or error}.", "Choose another with --port."
        ) from error
    with server:
        authority = _authority_file(config, server.port, certificate.authority) if certificate else None
        out(server.origin)
        if authority:
            out(str(authority))
        err(f"Any key works. For imgen: export {_variables(server.origin, authority)}")
        try:
            server.serve_forever()
        except KeyboardInterrupt:
            err("Stopped. The jobs stay on disk.")
    return 0


def _certificate() -> Certificate:
    from imgen_providers.sandbox.certificate import make_certificate

    try:
        return make_certificate()
    except ModuleNotFoundError as error:
        raise BadConfiguration(
            "--tls needs trustme, which makes the certificate.", installation().with_extra("tls")
        ) from error


def _authority_file(config: Config, port: int, pem: bytes) -> Path:
    """The file with the CA's certificate: one for each port, so that its path can be known beforehand."""
    path = config.folders.sandbox / "tls" / f"{port}.pem"
    try:
        path.parent.mkdir(mode=0o700, exist_ok=True)
        part = path.with_suffix(f".{secrets.token_hex(4)}")
        part.write_bytes(pem)
        part.replace(path)
    except OSError as error:
        raise BadConfiguration(
            f"The certificate cannot be written to {path}: {error.strerror or error}.",
            "Set IMGEN_HOME to a folder of yours.",
        ) from error
    return path


def _variables(origin: str, authority: Path | None) -> str:
    from imgen_providers.catalog import OURS

    trust = [f"SSL_CERT_FILE={shlex.quote(str(authority))}"] if authority else []
    return " ".join([*(f"{entry.origin_variable}={origin}" for entry in OURS.values()), *trust])

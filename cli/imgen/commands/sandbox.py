"""imgen sandbox serve: the embedded services for any other client."""

from __future__ import annotations

from typing import Annotated

import typer

from imgen.config.config import load
from imgen.errors import UsageProblem

sandbox = typer.Typer(help="The embedded services: the same wire formats, no key, no cost.", no_args_is_help=True)


@sandbox.callback()
def _group() -> None:
    """Keeps `serve` a command of its own while it is the only one."""


@sandbox.command()
def serve(
    port: Annotated[int, typer.Option("--port", min=0, max=65535, help="0: any free port.")] = 0,
    seconds: Annotated[float, typer.Option("--seconds", min=0.0, help="How long a job takes.")] = 2.0,
    faults: Annotated[
        str,
        typer.Option(
            "--faults", metavar="FAULTS", help="Faults to play, such as lost-reply,429=2.", show_default=False
        ),
    ] = "",
    quiet: Annotated[bool, typer.Option("-q", "--quiet", help="Do not log requests.")] = False,
) -> int:
    """Serve the embedded services on this machine until Ctrl-C."""
    from imgen.screen.console import err, out
    from imgen.screen.text import for_log
    from imgen_providers.catalog import SERVICES
    from imgen_providers.sandbox.faults import parse_faults
    from imgen_providers.sandbox.server import SandboxServer

    config = load()
    try:
        script = parse_faults(faults or config.sandbox_faults)
    except ValueError as error:
        raise UsageProblem(str(error)) from error
    try:
        server = SandboxServer(
            config.folders.sandbox,
            seconds=seconds,
            port=port,
            faults=script,
            log=None if quiet else lambda line: err(for_log(line)),
        )
    except OSError as error:
        raise UsageProblem(
            f"Port {port} cannot be used: {error.strerror or error}.", "Choose another with --port."
        ) from error
    with server:
        out(server.origin)
        variables = " ".join(f"{entry.origin_variable}={server.origin}" for entry in SERVICES.values())
        err(f"Any key works. For imgen: export {variables}")
        try:
            server.serve_forever()
        except KeyboardInterrupt:
            err("Stopped. The jobs stay on disk.")
    return 0

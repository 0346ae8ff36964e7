"""imgen run by another user, who may be unable to read the Python that root uses: everything is imported before.

`python as_user.py UID ARGUMENTS...` is that process.
"""

from __future__ import annotations

import importlib
import os
import pkgutil
import sys
from contextlib import suppress

# What commands import as they run, of Python and of libraries.
_LATER = (
    "PIL.BmpImagePlugin PIL.GifImagePlugin PIL.JpegImagePlugin PIL.PngImagePlugin PIL.PpmImagePlugin "
    "PIL.WebPImagePlugin certifi concurrent.futures.thread encodings.idna encodings.utf_8_sig filelock getpass html "
    "http.server httpcore httpx jinja2 pathvalidate platformdirs platformdirs.unix pydantic.deprecated rich.live "
    "rich.markup rich.panel rich.text rich.traceback shlex sqlite3 stamina stringprep tomlkit tomllib "
    "typer._click.decorators typer.rich_utils unicodedata urllib.request uuid zoneinfo"
)


def import_everything() -> None:
    """Import every module of ours, and what their bodies import."""
    import imgen
    import imgen_providers

    for package in (imgen, imgen_providers):
        for module in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
            importlib.import_module(module.name)
    for name in _LATER.split():
        with suppress(ImportError):
            importlib.import_module(name)


def main() -> None:
    """Import what a command may need, become the user, and run the command."""
    import_everything()
    from imgen.__main__ import app, main

    app()
    user = int(sys.argv[1])
    os.setgroups([])
    os.setgid(user)
    os.setuid(user)
    sys.argv[1:] = sys.argv[2:]
    main()


if __name__ == "__main__":
    main()

"""The process between `imgen fleet try` and its PostgreSQL: it stops the server once its standard input ends.

That is when the program closes it, and also when the program was killed. `python -m imgen.fleet.guardian PROGRAMS
FOLDER PORT [UID GID]`; the data is in FOLDER/data.
"""

from __future__ import annotations

import subprocess
import sys
import threading
from pathlib import Path

_STOPS_WITHIN = 10.0  # seconds


def main(programs: str, folder: str, port: str, uid: str | None = None, gid: str | None = None) -> None:
    """Run the server until standard input ends."""
    user, group = (int(uid), int(gid)) if uid and gid else (None, None)
    data = str(Path(folder) / "data")
    settings = {"listen_addresses": "127.0.0.1", "port": port, "unix_socket_directories": ""}
    options = [word for name, value in settings.items() for word in ("-c", f"{name}={value}")]
    groups = None if group is None else [group]
    environ = {"PATH": "/usr/bin:/bin", "LC_ALL": "C"}
    with (Path(folder) / "log").open("ab") as log:
        server = subprocess.Popen(  # noqa: S603
            [str(Path(programs) / "postgres"), "-D", data, *options],
            cwd=folder,
            env=environ,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            user=user,
            group=group,
            extra_groups=groups,
        )
    threading.Thread(target=_end_with, args=(server,), daemon=True).start()
    sys.stdin.read()
    if server.poll() is not None:
        return
    stop = [str(Path(programs) / "pg_ctl"), "-D", data, "-m", "fast", "-w", "stop"]
    quiet = subprocess.DEVNULL
    subprocess.run(  # noqa: S603
        stop,
        cwd=folder,
        env=environ,
        stdout=quiet,
        stderr=quiet,
        user=user,
        group=group,
        extra_groups=groups,
        check=False,
    )
    try:
        server.wait(_STOPS_WITHIN)
    except subprocess.TimeoutExpired:
        server.kill()


def _end_with(server: subprocess.Popen[bytes]) -> None:
    """A server that ends by itself ends this process, too."""
    import os

    os._exit(server.wait() and 1)


if __name__ == "__main__":
    main(*sys.argv[1:])

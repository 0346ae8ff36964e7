"""What kind of file system a folder is on: SQLite's write-ahead log needs memory that all its users share."""

from __future__ import annotations

import sys
from pathlib import Path, PurePath

_MOUNTS = Path("/proc/self/mountinfo")
_NETWORK = {
    *("nfs", "nfs4", "cifs", "smb3", "smbfs", "9p", "afs", "ceph", "coda", "ncpfs", "lustre", "gpfs", "beegfs"),
    *("glusterfs", "ocfs2", "gfs2", "orangefs", "pvfs2", "davfs", "vboxsf", "virtiofs", "vmhgfs", "acfs"),
}
"""Types by which Linux names file systems that several machines can write at once."""

_LOCAL_FUSE = {"fuseblk", "fuse.ntfs-3g", "fuse.exfat", "fuse.ext2", "fuse.fuse-overlayfs", "fuse.gocryptfs"}


def network_type(folder: Path) -> str | None:
    """The type of the network file system that a folder is on, None for a local one.

    Known on Linux only. On Windows a network path (`\\\\server\\share`) is known by its name; a mapped drive, and
    everything on macOS, counts as local.
    """
    if sys.platform == "win32":
        return "a network share" if folder.absolute().drive.startswith("\\\\") else None
    try:
        mounts = _MOUNTS.read_text(encoding="utf-8", errors="surrogateescape")
    except OSError:
        return None
    kind = mounted(mounts, folder.resolve())
    return kind if kind is not None and is_network(kind) else None


def is_network(kind: str) -> bool:
    """Whether a file system of that type may be shared by several machines; an unknown one in user space may."""
    return kind in _NETWORK or (kind.startswith("fuse") and kind not in _LOCAL_FUSE)


def mounted(mounts: str, folder: PurePath) -> str | None:
    """The type of the file system that holds a folder, from the text of /proc/self/mountinfo (proc(5))."""
    found: tuple[int, str] | None = None
    below = f"{folder.as_posix()}/"  # compared as text: each command does this several times
    for line in mounts.splitlines():
        place, _, source = line.partition(" - ")
        fields, kinds = place.split(" "), source.split(" ")
        if len(fields) < 5 or not kinds[0]:
            continue
        point = _unescaped(fields[4]).rstrip("/") + "/"
        # Of two at one place, the later lies over the earlier.
        if below.startswith(point) and (found is None or len(point) >= found[0]):
            found = (len(point), kinds[0])
    return found[1] if found else None


def _unescaped(point: str) -> str:
    for code, character in (("\\040", " "), ("\\011", "\t"), ("\\012", "\n"), ("\\134", "\\")):
        point = point.replace(code, character)
    return point

"""The folders that imgen keeps its own files in."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from imgen.errors import BadConfiguration, LedgerUnusable
from imgen.files import is_own, require_private

if TYPE_CHECKING:
    from collections.abc import Mapping


class Folders(NamedTuple):
    """`state` holds the ledger, `data` copies of pictures, `config` settings and keys; all absolute."""

    state: Path
    data: Path
    config: Path

    @property
    def ledger(self) -> Path:
        """The SQLite file with every job. Raises `LedgerUnusable` where its folder is closed or another user's."""
        path = self.state / "ledger.sqlite3"
        try:
            own = not self.state.exists() or is_own(self.state)
            path.exists()
        except OSError as error:
            own, reason = False, (error.strerror or str(error)).lower()
        else:
            reason = "it belongs to another user"
        if not own:
            raise LedgerUnusable(
                f"The folder {self.state} cannot be used: {reason}.",
                "Nothing was sent. Mend the folder, or set IMGEN_HOME to another one.",
            )
        return path

    @property
    def owners(self) -> Path:
        """The lock files of running processes."""
        return self.state / "owners"

    @property
    def sandbox(self) -> Path:
        """The jobs of the embedded services."""
        return self.state / "sandbox"

    @property
    def kept(self) -> Path:
        """Copies of pictures that went to standard output."""
        return self.data / "pictures"

    @property
    def originals(self) -> Path:
        """The pictures of `imgen batch` as services sent them."""
        return self.data / "originals"

    @property
    def batches(self) -> Path:
        """The lock files of running `imgen batch`, one a manifest."""
        return self.state / "batches"

    @property
    def references(self) -> Path:
        """Copies of pictures made to be sent."""
        return self.data / "references"

    @property
    def keys(self) -> Path:
        """Keys of services, one a file."""
        return self.config / "keys"

    @property
    def settings(self) -> Path:
        """The user's own settings file."""
        return self.config / "config.toml"


def find_folders(environ: Mapping[str, str]) -> Folders:
    """The folder that IMGEN_HOME names, for everything; else the system's own (platformdirs). Makes none of them.

    Raises `BadConfiguration` where a folder is not known, or IMGEN_HOME belongs to another user.
    """
    if named := environ.get("IMGEN_HOME"):
        home = _imgen_home(named)
        return Folders(home, home, home)
    import platformdirs

    try:
        folders = Folders(
            platformdirs.user_state_path("imgen", appauthor=False),
            platformdirs.user_data_path("imgen", appauthor=False),
            platformdirs.user_config_path("imgen", appauthor=False),
        )
    except RuntimeError:  # so do new versions of platformdirs; older ones return "~"
        folders = Folders(Path("~"), Path("~"), Path("~"))
    for folder in (folders.state, folders.data, folders.config):
        if not folder.is_absolute():
            no_home = str(folder).startswith("~")
            reason = "HOME is not set, and this user has no home folder" if no_home else f"{folder} is not absolute"
            raise BadConfiguration(
                f"There is no folder for imgen's own files: {reason}.", "export IMGEN_HOME=/a/folder/of/yours"
            )
    return folders


def _imgen_home(named: str) -> Path:
    """The folder. A relative one could come with a clone, and one of another user could name where keys go."""
    try:
        home = Path(named).expanduser()
    except RuntimeError:
        home = None
    if home is None or not home.is_absolute():
        reason = "there is no home folder of that name" if home is None else "it must be an absolute path"
        raise BadConfiguration(f"IMGEN_HOME is {named!r}: {reason}.", "export IMGEN_HOME=/a/folder/of/yours")
    require_private(home)
    return home


def home_folder() -> Path | None:
    """The user's home folder; None where there is none."""
    try:
        return Path.home()
    except RuntimeError:
        return None


def expanded(path: str) -> Path:
    """The path with `~` as the home folder it stands for, where there is one."""
    try:
        return Path(path).expanduser()
    except RuntimeError:
        return Path(path)

"""imgen doctor: whether everything that an order needs is there."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from imgen import __version__
from imgen.commands import options
from imgen.config.config import Config, load
from imgen.errors import ExitCode, ImgenError
from imgen.installation import installation

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from imgen.screen.checks import CheckEntry
    from imgen.screen.console import Streams


def doctor(json: options.Json = False, profile: options.Profile = None) -> int:
    """Check keys, network, folders and terminal, free.

    Each line is ok, or names what to do next. It prints no secret, so you can send it with a report.

    Examples:
        imgen doctor
    """
    from imgen.commands.reporting import standard_streams
    from imgen.screen.checks import check_lines
    from imgen.screen.console import out
    from imgen.screen.envelope import envelope

    config = load(profile)
    streams = standard_streams(config)
    checks = [_checked(name, check, config, streams) for name, check in _CHECKS.items()]
    code = ExitCode.DONE if all(check.ok for check in checks) else ExitCode.KEY
    if json:
        out(envelope("doctor", exit_code=code, data=("checks", checks)))
    else:
        out("\n".join(check_lines(checks, width=streams.stdout_width, color=streams.stdout_color)))
    return code


def _checked(
    name: str, check: Callable[[Config, Streams], tuple[str, str | None]], config: Config, streams: Streams
) -> CheckEntry:
    """One check; what it raises is what is wrong."""
    from imgen.screen.checks import CheckEntry

    try:
        found, advice = check(config, streams)
    except ImgenError as error:
        found, advice = error.message, (error.hint or "imgen config").splitlines()[0]
    except OSError as error:
        found, advice = f"{error.strerror or error}", "imgen config path"
    return CheckEntry(name, advice is None, found, advice)


def _program(config: Config, streams: Streams) -> tuple[str, str | None]:
    return f"imgen {__version__}, Python {sys.version.split()[0]}, {sys.platform}", None


def _settings(config: Config, streams: Streams) -> tuple[str, str | None]:
    from imgen.config.settings import SETTINGS

    for name in SETTINGS:
        config.setting(name)
    return str(config.folders.settings), None


def _keys(config: Config, streams: Streams) -> tuple[str, str | None]:
    """Where each key comes from, and whether its service takes it; that costs nothing."""
    from imgen.commands.keys import check_key
    from imgen.jobs.connections import Services
    from imgen_providers.catalog import SERVICES

    keyed = [entry for entry in SERVICES.values() if config.accounts.has_key(entry)]
    if not keyed:
        return "no key is set", f"imgen keys set {next(iter(SERVICES))}"
    services = Services(config)
    try:
        asked = {entry.name: check_key(entry, config, services)[1] for entry in keyed}
    finally:
        services.close()
    said = [f"{name} ({problem.message.rstrip('.') if problem else 'works'})" for name, problem in asked.items()]
    wrong = next((name for name, problem in asked.items() if problem), None)
    return ", ".join(said), f"imgen keys check {wrong}" if wrong else None


def _network(config: Config, streams: Streams) -> tuple[str, str | None]:
    """Which certificates count, and where services are, if not at their own addresses."""
    from imgen.config.settings import Layer
    from imgen_providers.catalog import SERVICES

    config.network.open().close()
    elsewhere = [name for name in SERVICES if config.setting(f"base_url.{name}").layer is not Layer.DEFAULT]
    moved = f"; other addresses for {', '.join(elsewhere)}" if elsewhere else ""
    return f"{config.setting('certificates').value} certificates{moved}", None


def _packages(config: Config, streams: Streams) -> tuple[str, str | None]:
    """The services that installed packages add, from the packages themselves, whatever is remembered of them."""
    from imgen.config.keys import without_keys
    from imgen_providers.catalog import OURS
    from imgen_providers.registry import installed

    added, left_out = installed(OURS, anew=True)
    found = [f"{entry.name} ({entry.package})" for entry in added]
    found += [f"{each.service} ({each.package}) is left out: {without_keys(each.reason)}" for each in left_out]
    wrong = next((each.package.split()[0] for each in left_out), None)
    return "; ".join(found) or "none that add a service", installation().package_upgraded(wrong) if wrong else None


def _proxy(config: Config, streams: Streams) -> tuple[str, str | None]:
    from urllib.parse import urlsplit

    names = ("HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy")
    found = next((config.environ[name] for name in names if config.environ.get(name)), None)
    return urlsplit(found).hostname or "set" if found else "none", None


def _folders(config: Config, streams: Streams) -> tuple[str, str | None]:
    from imgen.files import make_private_folder
    from imgen.pictures.naming import prepare

    folders = config.folders
    for folder in dict.fromkeys((folders.state, folders.data, folders.config)):
        make_private_folder(folder)
        prepare(folder, private=True)
    return ", ".join(map(str, dict.fromkeys((folders.state, folders.data)))), None


def _ledger(config: Config, streams: Streams) -> tuple[str, str | None]:
    from imgen.jobs.session import session
    from imgen.screen.console import err

    with session(config, err) as opened:
        if opened.is_new:
            return "empty", None
        unsaved = len(opened.open_jobs(sandbox=False))
        every = opened.ledger.jobs.count()
    found = f"{every:,} jobs" + (f", {unsaved} open" if unsaved else "")
    return found, None


def _storage(config: Config, streams: Streams) -> tuple[str, str | None]:
    from imgen.config.settings import shown

    found = config.setting("upload")
    if found.value is None:
        return "none of your own: needed only to edit files at reAPI and GPTProto", None
    from imgen.pictures.storage import parse_place

    parse_place(str(found.value))
    return str(shown(found.setting, found.value)), None


def _terminal(config: Config, streams: Streams) -> tuple[str, str | None]:
    return ", ".join(_abilities(streams)), None


def _abilities(streams: Streams) -> Iterator[str]:
    from imgen.screen.preview import can_draw

    yield f"{streams.stdout_width} columns" if streams.stdout_is_terminal else "no terminal"
    yield "colour" if streams.stdout_color else "no colour"
    yield "Unicode" if streams.unicode else "ASCII"
    yield "pictures with --show" if can_draw() else "--show needs the extra preview"


_CHECKS = {
    "program": _program,
    "settings": _settings,
    "keys": _keys,
    "packages": _packages,
    "network": _network,
    "proxy": _proxy,
    "folders": _folders,
    "ledger": _ledger,
    "storage": _storage,
    "terminal": _terminal,
}
"""What is checked, in this order."""

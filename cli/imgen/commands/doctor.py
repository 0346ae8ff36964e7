"""imgen doctor: whether everything that an order needs is there."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from imgen import __version__
from imgen.commands import options
from imgen.config.config import load
from imgen.errors import ExitCode, ImgenError
from imgen.installation import installation

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from imgen.config.config import Config
    from imgen.errors import Problem
    from imgen.screen.checks import CheckEntry
    from imgen.screen.console import Streams
    from imgen_providers.catalog import ServiceEntry
    from imgen_providers.proxies import Proxy


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
    subject = _Subject(config, streams)
    checks = [_checked(name, check, subject) for name, check in _CHECKS.items()]
    code = ExitCode.DONE if all(check.ok for check in checks) else ExitCode.KEY
    if json:
        out(envelope("doctor", exit_code=code, data=("checks", checks)))
    else:
        out("\n".join(check_lines(checks, width=streams.stdout_width, color=streams.stdout_color)))
    return code


_UNREACHABLE = "unreachable"
_OFFLINE = "Is this machine online? Behind a proxy:\nexport HTTPS_PROXY=http://proxy.example.com:3128"


@dataclass(frozen=True)
class _Subject:
    """The settings, the streams and the answers of services that the checks read."""

    config: Config
    streams: Streams

    @cached_property
    def answers(self) -> dict[str, Problem | None]:
        """What is wrong with the key of each service that has one; each is asked once, free."""
        from imgen.commands.keys import check_key
        from imgen.jobs.connections import Services

        keyed = self._keyed()
        services = Services(self.config)
        try:
            return {entry.name: check_key(entry, self.config, services)[1] for entry in keyed}
        finally:
            services.close()

    @property
    def unreached(self) -> Problem | None:
        """Why a service could not be reached."""
        return next((each for each in self.answers.values() if each and each.code == _UNREACHABLE), None)

    @property
    def is_cut_off(self) -> bool:
        """Whether none of the services could be reached."""
        return bool(self.answers) and all(each and each.code == _UNREACHABLE for each in self.answers.values())

    @property
    def proxy(self) -> Proxy | None:
        """The proxy that is taken to the first service with a key, else to the first of all."""
        from imgen_providers.catalog import SERVICES
        from imgen_providers.proxies import proxy_of

        entry = next(iter(self._keyed()), next(iter(SERVICES.values())))
        return proxy_of(self.config.accounts.origin(entry))

    def _keyed(self) -> list[ServiceEntry]:
        from imgen_providers.catalog import SERVICES

        return [entry for entry in SERVICES.values() if self.config.accounts.has_key(entry)]


def _checked(name: str, check: Callable[[_Subject], tuple[str, str | None]], subject: _Subject) -> CheckEntry:
    """One check; what it raises is what is wrong."""
    from imgen.screen.checks import CheckEntry
    from imgen.screen.failure import is_command

    try:
        found, advice = check(subject)
    except ImgenError as error:
        steps = (error.hint or "imgen config").splitlines()
        found, advice = error.message, next(filter(is_command, steps), steps[0])
    except OSError as error:
        found, advice = f"{error.strerror or error}", "imgen config path"
    return CheckEntry(name, advice is None, found, advice)


def _program(subject: _Subject) -> tuple[str, str | None]:
    return f"imgen {__version__}, Python {sys.version.split()[0]}, {sys.platform}", None


def _settings(subject: _Subject) -> tuple[str, str | None]:
    from imgen.config.settings import SETTINGS

    for name in SETTINGS:
        subject.config.setting(name)
    return str(subject.config.folders.settings), None


def _keys(subject: _Subject) -> tuple[str, str | None]:
    """Where each key comes from, and whether its service takes it; that costs nothing."""
    from imgen_providers.catalog import SERVICES

    answers = subject.answers
    if not answers:
        return "no key is set", f"imgen keys set {next(iter(SERVICES))}"
    said = [f"{name} ({_outcome(problem)})" for name, problem in answers.items()]
    wrong = next((name for name, problem in answers.items() if problem and problem.code != _UNREACHABLE), None)
    if wrong or not subject.unreached:
        return ", ".join(said), f"imgen keys check {wrong}" if wrong else None
    return ", ".join(said), "The network comes first: see below."


def _outcome(problem: Problem | None) -> str:
    if problem is None:
        return "works"
    return "not reached" if problem.code == _UNREACHABLE else problem.message.rstrip(".")


def _network(subject: _Subject) -> tuple[str, str | None]:
    """Which certificates count, where services are, if not at their own addresses, and whether one can be reached."""
    from imgen.config.settings import Layer
    from imgen_providers.catalog import SERVICES

    config = subject.config
    config.network.open().close()
    if subject.is_cut_off and subject.unreached:
        return (
            subject.unreached.message,
            f"Check the address in {subject.proxy.variable}." if subject.proxy else _OFFLINE,
        )
    elsewhere = [name for name in SERVICES if config.setting(f"base_url.{name}").layer is not Layer.DEFAULT]
    moved = f"; other addresses for {', '.join(elsewhere)}" if elsewhere else ""
    return f"{config.setting('certificates').value} certificates{moved}", None


def _packages(subject: _Subject) -> tuple[str, str | None]:
    """The services that installed packages add, from the packages themselves, whatever is remembered of them."""
    from imgen.config.keys import without_keys
    from imgen_providers.catalog import OURS
    from imgen_providers.registry import installed

    added, left_out = installed(OURS, anew=True)
    found = [f"{entry.name} ({entry.package})" for entry in added]
    found += [f"{each.service} ({each.package}) is left out: {without_keys(each.reason)}" for each in left_out]
    wrong = next((each.package.split()[0] for each in left_out), None)
    return "; ".join(found) or "none that add a service", installation().package_upgraded(wrong) if wrong else None


def _proxy(subject: _Subject) -> tuple[str, str | None]:
    """The proxy that is taken to the services, if any."""
    if subject.proxy is None:
        return "none", None
    advice = f"Nothing came through it: check the address in {subject.proxy.variable}, and the network."
    return subject.proxy.shown, advice if subject.is_cut_off else None


def _folders(subject: _Subject) -> tuple[str, str | None]:
    from imgen.files import make_private_folder
    from imgen.pictures.naming import prepare

    folders = subject.config.folders
    for folder in dict.fromkeys((folders.state, folders.data, folders.config)):
        make_private_folder(folder)
        prepare(folder, private=True)
    return ", ".join(map(str, dict.fromkeys((folders.state, folders.data)))), None


def _ledger(subject: _Subject) -> tuple[str, str | None]:
    from imgen.jobs.session import session
    from imgen.money.budget import jobs_text
    from imgen.screen.console import err

    with session(subject.config, err) as opened:
        if opened.is_new:
            return "empty", None
        unsaved = len(opened.open_jobs(sandbox=False))
        every = opened.ledger.jobs.count()
    found = jobs_text(every) + (f", {unsaved} open" if unsaved else "")
    return found, None


def _storage(subject: _Subject) -> tuple[str, str | None]:
    from imgen.config.settings import shown

    found = subject.config.setting("upload")
    if found.value is None:
        return "none of your own: needed only to edit files at reAPI and GPTProto", None
    from imgen.pictures.storage import parse_place

    parse_place(str(found.value))
    return str(shown(found.setting, found.value)), None


def _terminal(subject: _Subject) -> tuple[str, str | None]:
    return ", ".join(_abilities(subject.streams)), None


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

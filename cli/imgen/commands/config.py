"""imgen config: every setting and where its value comes from; and writing them."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated

import typer

from imgen.commands import options
from imgen.config.config import Config, load
from imgen.errors import BadConfiguration, UsageProblem

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from imgen.config.settings import Setting, Value
    from imgen.config.sources import Sourced
    from imgen.config.toml_file import SettingsFile

config = typer.Typer()

Key = Annotated[str, typer.Argument(metavar="SETTING", help="Such as model, or budget.day.", show_default=False)]
InProject = Annotated[bool, typer.Option("--project", help="Write ./imgen.toml, for all who work in this project.")]


@config.callback(invoke_without_command=True)
def show(context: typer.Context, profile: options.Profile = None, json: options.Json = False) -> int:
    """Show settings and where they come from, or change them.

    Examples:
        imgen config
        imgen config set model gemini-3-pro
        imgen config unset model
    """
    if context.invoked_subcommand:
        context.obj = profile, json  # they count before the subcommand too
        return 0

    from imgen.config.settings import SETTINGS

    settings = load(profile)
    _print([settings.setting(name) for name in SETTINGS], settings, json=json)
    return 0


@config.command("set", context_settings={"ignore_unknown_options": True})  # -1 is no value, and no option either
def set_(
    context: typer.Context,
    setting: Key,
    value: Annotated[list[str], typer.Argument(metavar="VALUE", show_default=False)],
    project: InProject = False,
    profile: options.Profile = None,
    json: options.Json = False,
) -> int:
    """Write a setting to your own file, or with --project to ./imgen.toml.

    Examples:
        imgen config set model gemini-3-pro
        imgen config set budget.day "5 usd, 200 credits"
        imgen config set count 4 --project
    """
    from shlex import quote

    from imgen.config.settings import Place

    with _typed():
        found = _writable(setting)
        text = " ".join(value)
        meant = _meant(found, text)
    if project and found.place is Place.USER:
        raise UsageProblem(
            f"A project must not set {setting}: {found.why}.", f"imgen config set {setting} {quote(text)}"
        )
    return _write(context, found, meant, project=project, profile=profile, json=json)


@config.command("list")
def list_(context: typer.Context, profile: options.Profile = None, json: options.Json = False) -> int:
    """Show every setting and where its value comes from, as `imgen config` alone."""
    from imgen.config.settings import SETTINGS

    earlier_profile, earlier_json = context.obj or (None, False)
    settings = load(profile or earlier_profile)
    found = [settings.setting(name) for name in SETTINGS]
    _print(found, settings, json=json or earlier_json, command="config list")
    return 0


@config.command("get")
def get(context: typer.Context, setting: Key, profile: options.Profile = None, json: options.Json = False) -> int:
    """Print the value of one setting, and nothing where it is not set."""
    from imgen.config.settings import SETTINGS, shown
    from imgen.config.toml_file import unknown
    from imgen.screen.console import out
    from imgen.screen.settings import value_text

    earlier_profile, earlier_json = context.obj or (None, False)
    if setting not in SETTINGS:
        with _typed():
            raise unknown(setting)
    settings = load(profile or earlier_profile)
    found = settings.setting(setting)
    if json or earlier_json:
        _print([found], settings, json=True, command="config get")
    elif found.value is not None:
        out(value_text(shown(found.setting, found.value)))
    return 0


@config.command("path")
def path_(context: typer.Context, project: InProject = False, json: options.Json = False) -> int:
    """Print where your settings file is, or with --project the project's."""
    from imgen.config.toml_file import PROJECT_FILE
    from imgen.screen.console import out, out_path
    from imgen.screen.envelope import envelope

    settings = load()
    path = settings.cwd / PROJECT_FILE if project else settings.folders.settings
    if json or (context.obj or (None, False))[1]:
        out(envelope("config path", exit_code=0, data=("path", str(path))))
    else:
        out_path(path)
    return 0


@config.command("edit")
def edit(project: InProject = False, json: options.Json = False) -> int:
    """Open your settings file in your editor ($VISUAL or $EDITOR), and check it afterwards."""
    from imgen.commands.editor import edit as edit_file
    from imgen.config.toml_file import PROJECT_FILE, read
    from imgen.files import make_private_folder
    from imgen.screen.console import err_sentence, out
    from imgen.screen.envelope import envelope

    settings = load()
    path = settings.cwd / PROJECT_FILE if project else settings.folders.settings
    if not project:
        make_private_folder(path.parent)
        path.touch(mode=0o600)
    edit_file(path, settings)
    name = settings.sources.short(path)
    read(path, name, project=project)
    if json:
        out(envelope("config edit", exit_code=0))
    else:
        err_sentence(f"{name} can be read.")
    return 0


@config.command("unset")
def unset(
    context: typer.Context,
    setting: Key,
    project: InProject = False,
    profile: options.Profile = None,
    json: options.Json = False,
) -> int:
    """Remove a setting from your own file, or with --project from ./imgen.toml.

    Examples:
        imgen config unset model
    """
    with _typed():
        found = _writable(setting)
    return _write(context, found, None, project=project, profile=profile, json=json)


def _write(
    context: typer.Context, setting: Setting, value: Value | None, *, project: bool, profile: str | None, json: bool
) -> int:
    from imgen.config.toml_file import PROFILES, PROJECT_FILE, change
    from imgen.screen.console import err_sentence

    earlier_profile, earlier_json = context.obj or (None, False)
    profile, json = profile or earlier_profile, json or earlier_json
    if project and profile:
        raise UsageProblem("--project and --profile are two places.", "Leave one of them out.")
    settings = load()
    path = settings.cwd / PROJECT_FILE if project else settings.folders.settings
    name = settings.sources.short(path)
    before = _before(path, name, project=project)
    keys = (*((PROFILES, profile) if profile else ()), *setting.name.split("."))
    stands = value is not None or _has(before, setting, profile)
    if stands:
        change(path, name, before, keys, value, project=project)
    counts = load(profile if value is not None else None).setting(setting.name)
    if json:
        _print([counts], settings, json=True, command=f"config {context.info_name}")
        return 0
    done = "set" if value is not None else "removed" if stands else "not set"
    err_sentence(f"{setting.name} is {done} {'from' if done == 'removed' else 'in'} {_place(name, profile)}.")
    if value is not None and counts.value != value:
        err_sentence(f"{counts.where} sets another value, which counts here.")
    return 0


def _before(path: Path, name: str, *, project: bool) -> SettingsFile | None:
    """The file as it is now. Raises `BadConfiguration`, also where another user may have written it."""
    from imgen.config.toml_file import read
    from imgen.files import require_private

    if not project:
        require_private(path.parent)
        require_private(path)
    return read(path, name, project=project)


def _writable(name: str) -> Setting:
    """The setting of that name. Raises `BadConfiguration` and `UsageProblem`."""
    from imgen.config.settings import SETTINGS, Place
    from imgen.config.toml_file import unknown

    setting = SETTINGS.get(name)
    if setting is None:
        raise unknown(name)
    if setting.place is Place.NO_FILE:
        raise UsageProblem(f"{name} stands in no file.", f"export {setting.variable}=...")
    return setting


@contextmanager
def _typed() -> Iterator[None]:
    """What is a bad configuration in a file is bad usage on the command line."""
    try:
        yield
    except BadConfiguration as error:
        raise UsageProblem(error.message, error.hint) from error


def _meant(setting: Setting, text: str) -> Value:
    """The value that the word means, if an order could use it. Raises `BadConfiguration` and `UsageProblem`."""
    from imgen.config.settings import from_text
    from imgen.config.toml_file import wrong

    example = f"imgen config set {setting.name} {setting.example_text}"
    try:
        value = from_text(setting, text)
    except ValueError:
        raise wrong(setting, setting.name, text, example) from None
    _check_meaning(setting, text)
    return value


def _check_meaning(setting: Setting, text: str) -> None:
    """A text is checked by what reads it later. Raises `BadConfiguration` and `UsageProblem`."""
    from imgen.orders.matching import check_resolution

    match setting.name.partition("."):
        case "model", _, _:
            _check_model(text)
        case "resolution", _, _:
            check_resolution(text)
        case "ca_file", _, _:
            _check_certificates(load().folders.config, text)
        case "base_url", _, service:
            from imgen.config.accounts import checked_origin
            from imgen_providers.catalog import SERVICES

            checked_origin(setting.name, text, SERVICES[service].base_path)
        case "upload", _, _:
            from imgen.pictures.storage import parse_place

            parse_place(text)
        case (("budget" | "confirm"), _, _):
            from imgen.orders.limits import checked_amounts

            checked_amounts(setting.name, text)
        case _:
            pass


def _check_model(text: str) -> None:
    from imgen.orders.matching import check_family, find_service

    service, slash, _ = text.partition("/")
    if slash:
        find_service(service)
    else:
        check_family(text)


def _check_certificates(folder: Path, text: str) -> None:
    from imgen.config.folders import expanded
    from imgen.config.keys import without_keys

    path = folder / expanded(text)
    if not path.is_file():
        raise UsageProblem(
            f"There is no file {without_keys(str(path))}.",
            "Name it with its whole path, or from the settings' folder.",
        )


def _has(file: SettingsFile | None, setting: Setting, profile: str | None) -> bool:
    if file is None:
        return False
    return setting.name in (file.profiles.get(profile, {}) if profile else file.values)


def _place(name: str, profile: str | None) -> str:
    return f"{name}, profile {profile}" if profile else name


def _print(found: list[Sourced], settings: Config, *, json: bool, command: str = "config") -> None:
    from imgen.commands.reporting import standard_streams
    from imgen.config.settings import shown
    from imgen.screen.console import out
    from imgen.screen.envelope import envelope
    from imgen.screen.settings import SettingEntry, SettingRow, setting_table

    if json:
        entries = [
            SettingEntry(
                name=each.setting.name,
                value=shown(each.setting, each.value),
                source=each.layer,
                variable=each.setting.variable,
                file=str(each.file.path) if each.file else None,
                line=each.line,
            )
            for each in found
        ]
        out(envelope(command, exit_code=0, data=("settings", entries)))
        return
    rows = [SettingRow(each.setting.name, shown(each.setting, each.value), _from(each)) for each in found]
    streams = standard_streams(settings)
    out("\n".join(setting_table(rows, width=streams.stdout_width, color=streams.stdout_color)))


def _from(found: Sourced) -> str:
    from imgen.config.settings import Layer

    return f"{found.where}, profile {found.keys[1]}" if found.layer is Layer.PROFILE else found.where

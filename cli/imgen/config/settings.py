"""The table of settings: the files' parser, `imgen config`, the README's table and completions come from it."""

from __future__ import annotations

import re
from enum import Enum, StrEnum
from typing import TYPE_CHECKING, NamedTuple

from imgen.config.keys import without_keys
from imgen_providers.catalog import SERVICES

if TYPE_CHECKING:
    from collections.abc import Mapping

Value = str | int | float | bool | tuple[str, ...]

MOST_PICTURES = 16
"""How many pictures one command may order; more is a job for several commands."""

_MOST_SECONDS = 86_400.0  # a day
_ON, _OFF = ("1", "true", "yes", "on"), ("0", "false", "no", "off")
_PASSWORD = re.compile(r"//[^/@]*@")
# Control characters, and those that turn the order of what is shown: a path with one deceives who reads it.
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]")
_CREDENTIALS = re.compile(r"//.*@")  # of a database: its password may hold any character
_PARAMETER = re.compile(r"([?&](?!(?:endpoint|region|account_name|schema|service|sslmode)=)[^=&]*=)[^&]*")


class Kind(StrEnum):
    """What kind of value a setting has, in words."""

    TEXT = "a text"
    WHOLE = "a whole number"
    SECONDS = "a number of seconds"
    SWITCH = "true or false"
    NAMES = "a list of names"


class Place(Enum):
    """Where a setting may stand beside the environment."""

    NO_FILE = "in no file"
    USER = "in your own file"
    ANY = "in your own file and in a project's"


class Setting(NamedTuple):
    """One setting. `name` is its place in a file ("budget.day" is `day` of the table `budget`).

    `variable` is the environment variable that sets the same. `default` None leaves the choice to the code that
    reads it, as `help` describes. `choices` are all it takes, where they are known, and `form` is how a text must
    look, such as `sample`; a number is from `least` to `most`. `why` completes "must not set it: ", for a project's
    file.
    """

    name: str
    kind: Kind
    help: str
    variable: str
    default: Value | None = None
    choices: tuple[str, ...] = ()
    form: str | None = None
    sample: str = "..."
    place: Place = Place.ANY
    why: str = ""
    least: int = 0
    most: int | None = None

    @property
    def wanted(self) -> str:
        """What its value is, in words that complete "which is not ..."."""
        if self.form:
            return f"{self.kind} such as {self.sample}"
        return self.kind if self.most is None else f"{self.kind} from {self.least} to {self.most}"

    @property
    def example(self) -> Value:
        """A value that it takes."""
        match self.kind:
            case Kind.TEXT:
                return self.choices[-1] if self.choices else self.sample
            case Kind.WHOLE:
                return 4
            case Kind.SECONDS:
                return 600
            case Kind.SWITCH:
                return True
            case Kind.NAMES:
                return self.choices[:2]

    @property
    def example_text(self) -> str:
        """The same in one word, as the environment and the command line take it."""
        example = self.example
        return ",".join(example) if isinstance(example, tuple) else str(example).lower()


class Layer(StrEnum):
    """The sources of a setting's value, the one with the highest priority first."""

    FLAG = "flag"
    ENVIRONMENT = "environment"
    PROJECT = "project"
    PROFILE = "profile"
    USER = "user"
    DEFAULT = "default"


_WHERE = "it would decide where your keys and pictures go"
_LEDGER = "it would decide where your jobs and prompts are recorded"
_TRUST = "it would decide whom this machine trusts"

_TABLE = (
    Setting("provider", Kind.TEXT, "the service of an order", "IMGEN_PROVIDER", choices=("auto", *SERVICES)),
    Setting(
        "providers",
        Kind.NAMES,
        "services, the preferred first, if prices cannot be compared",
        "IMGEN_PROVIDERS",
        choices=tuple(SERVICES),
    ),
    Setting("model", Kind.TEXT, "the model of an order", "IMGEN_MODEL"),
    Setting(
        "aspect",
        Kind.TEXT,
        "such as `16:9`; else the service's own",
        "IMGEN_ASPECT",
        form=r"\d{1,4}:\d{1,4}|auto",
        sample="16:9",
    ),
    Setting("resolution", Kind.TEXT, "`0.5K`, `1K`, `2K` or `4K`; else `1K`", "IMGEN_RESOLUTION"),
    Setting(
        "format",
        Kind.TEXT,
        "`png`, `jpeg` or `webp`, for services that take one",
        "IMGEN_FORMAT",
        choices=("png", "jpeg", "webp"),
    ),
    Setting(
        "count",
        Kind.WHOLE,
        "how many pictures an order makes",
        "IMGEN_COUNT",
        default=1,
        least=1,
        most=MOST_PICTURES,
    ),
    Setting("output", Kind.TEXT, "where pictures go, as with `-o`; in a project's file, inside it", "IMGEN_OUTPUT"),
    Setting(
        "timeout",
        Kind.SECONDS,
        "seconds to wait for jobs; else five times the usual duration, at least 600",
        "IMGEN_TIMEOUT",
        place=Place.USER,
        why="how long you wait is yours to say",
    ),
    Setting(
        "budget.day", Kind.TEXT, "the most to spend a day, such as `5 usd`; the strictest counts", "IMGEN_BUDGET_DAY"
    ),
    Setting(
        "budget.project",
        Kind.TEXT,
        "the most to spend in one project; the strictest counts",
        "IMGEN_BUDGET_PROJECT",
    ),
    Setting(
        "confirm",
        Kind.TEXT,
        "from this price on, such as `0.50 usd`, a terminal is asked before an order is sent; scripts are never asked",
        "IMGEN_CONFIRM",
        place=Place.USER,
        why="when you are asked is yours to say",
    ),
    Setting(
        "submits_per_minute",
        Kind.WHOLE,
        "how many requests a minute may go to one service, of all imgens together; `0`: no limit; "
        "else what the service documents",
        "IMGEN_SUBMITS_PER_MINUTE",
        place=Place.USER,
        why="it is about your account",
    ),
    Setting(
        "upload",
        Kind.TEXT,
        "an object storage of your own, for pictures to edit at reAPI and GPTProto",
        "IMGEN_UPLOAD",
        place=Place.USER,
        why=_WHERE,
    ),
    Setting(
        "upload_keep",
        Kind.SWITCH,
        "whether pictures stay in that storage after their job",
        "IMGEN_UPLOAD_KEEP",
        default=False,
        place=Place.USER,
        why=_WHERE,
    ),
    Setting(
        "ledger",
        Kind.TEXT,
        "a database for the ledger of many machines, such as `postgresql://imgen@db/imgen`; else a file of your own",
        "IMGEN_LEDGER",
        place=Place.USER,
        why=_LEDGER,
    ),
    Setting(
        "store",
        Kind.TEXT,
        "an object storage of your own for the pictures of a fleet, such as `s3://bucket/art`",
        "IMGEN_STORE",
        place=Place.USER,
        why=_WHERE,
    ),
    *(
        Setting(
            f"base_url.{entry.name}",
            Kind.TEXT,
            f"another origin for {entry.title}, as scheme and host: a gateway, or `imgen sandbox serve`",
            entry.origin_variable,
            default=entry.origin,
            place=Place.USER,
            why=_WHERE,
        )
        for entry in SERVICES.values()
    ),
    Setting(
        "certificates",
        Kind.TEXT,
        "`bundled`: those that come with imgen; `system`: this machine's own",
        "IMGEN_CERTIFICATES",
        default="bundled",
        choices=("bundled", "system"),
        place=Place.USER,
        why=_TRUST,
    ),
    Setting(
        "ca_file",
        Kind.TEXT,
        "a PEM file with the certificates to trust instead",
        "SSL_CERT_FILE",
        place=Place.USER,
        why=_TRUST,
    ),
    Setting(
        "profile", Kind.TEXT, "the profile of your own file, as with `--profile`", "IMGEN_PROFILE", place=Place.NO_FILE
    ),
    Setting("home", Kind.TEXT, "the folder for ledger, copies and your own file", "IMGEN_HOME", place=Place.NO_FILE),
    Setting(
        "sandbox",
        Kind.SWITCH,
        "whether to use the sandbox, as with `--sandbox`",
        "IMGEN_SANDBOX",
        default=False,
        place=Place.NO_FILE,
    ),
    Setting(
        "sandbox_server",
        Kind.TEXT,
        "a running `imgen sandbox serve` to use for the sandbox, such as `http://127.0.0.1:8000`",
        "IMGEN_SANDBOX_SERVER",
        place=Place.NO_FILE,
    ),
    Setting(
        "sandbox_seconds",
        Kind.SECONDS,
        "how long a job takes in the sandbox",
        "IMGEN_SANDBOX_SECONDS",
        default=2.0,
        place=Place.NO_FILE,
    ),
    Setting(
        "sandbox_faults",
        Kind.TEXT,
        "what goes wrong in the sandbox",
        "IMGEN_SANDBOX_FAULTS",
        place=Place.NO_FILE,
    ),
)

SETTINGS: Mapping[str, Setting] = {setting.name: setting for setting in _TABLE}


def from_text(setting: Setting, text: str) -> Value:
    """The value that an environment variable or a command line names. Raises `ValueError`."""
    match setting.kind:
        case Kind.TEXT:
            return _chosen(setting, text)
        case Kind.WHOLE:
            return _checked(setting, int(text) if text.isdecimal() else text)
        case Kind.SECONDS:
            return _checked(setting, float(text))
        case Kind.SWITCH:
            return _checked(setting, {**dict.fromkeys(_ON, True), **dict.fromkeys(_OFF, False)}.get(text.lower(), text))
        case Kind.NAMES:
            return _checked(setting, text.replace(",", " ").split())


def from_file(setting: Setting, value: object) -> Value:
    """The value that a TOML value means. Raises `ValueError`."""
    return _checked(setting, value)


def shown(setting: Setting, value: Value | None) -> Value | None:
    """The value as it may be printed: a secret may have been put there by mistake."""
    if not isinstance(value, str):
        return value
    if setting.name == "ledger":
        return _PARAMETER.sub(r"\1***", _CREDENTIALS.sub("//***@", value))
    value = without_keys(value)
    if setting.name.partition(".")[0] not in ("upload", "store", "base_url"):
        return value
    return _PARAMETER.sub(r"\1***", _PASSWORD.sub("//***@", value))


def _checked(setting: Setting, value: object) -> Value:
    match setting.kind, value:
        case Kind.TEXT, str():
            return _chosen(setting, value)
        case Kind.SWITCH, bool():
            return value
        case ((Kind.WHOLE | Kind.SECONDS), bool()):
            raise ValueError
        case Kind.WHOLE, int() if setting.least <= value and (setting.most is None or value <= setting.most):
            return value
        case Kind.SECONDS, int() | float() if 0.0 <= value < _MOST_SECONDS:
            return float(value)
        case Kind.NAMES, list() if value and all(isinstance(name, str) for name in value):
            return tuple(_chosen(setting, name) for name in value)
        case _:
            raise ValueError


def _chosen(setting: Setting, text: str) -> str:
    fits = text in setting.choices if setting.choices else re.fullmatch(setting.form or ".+", text)
    if not text.strip() or _CONTROL.search(text) or not fits:
        raise ValueError
    return text

"""The system keyring, called in a process of its own: behind a locked screen or a broken bus a call may never return.

`python -m imgen.config.keyring_process` is that process. Keys travel through its pipes, never through its arguments,
and the keys of other services are not in its environment: a keyring's backend is code of others.
"""

from __future__ import annotations

import json
import re
import sys
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Mapping

_OURS = "imgen"  # the name that the keyring's own window shows
_SECONDS = 2.0
_SECRET = re.compile(r"(?i)(api_?key|access_?key|secret|token|password|credentials?)")  # in the name of a variable

Verb = Literal["get", "set", "delete"]


class KeyringTrouble(Exception):
    """The keyring did not do what it should; the message is why, as the end of a sentence."""


@dataclass(frozen=True, slots=True)
class _Request:
    verb: Verb
    service: str
    key: str | None = None


def installed() -> bool:
    """Whether the library is there: the extra `imgen[keyring]`."""
    from importlib.util import find_spec

    return find_spec("keyring") is not None


def get(service: str, environ: Mapping[str, str]) -> str | None:
    """The key kept for a service of ours. Raises `KeyringTrouble`."""
    return _call(_Request("get", service), environ)


def put(service: str, key: str, environ: Mapping[str, str]) -> None:
    """Keep a key, and check that it is kept. Raises `KeyringTrouble`."""
    if _call(_Request("set", service, key), environ) != key:
        raise KeyringTrouble("does not keep what it is given")


def delete(service: str, environ: Mapping[str, str]) -> None:
    """Forget a key, if there is one. Raises `KeyringTrouble`."""
    _call(_Request("delete", service), environ)


def _call(request: _Request, environ: Mapping[str, str]) -> str | None:
    import subprocess

    if not installed():
        raise KeyringTrouble("needs the extra keyring, which is not installed")
    try:
        # -P: the working folder may hold a keyring.py that is not the library.
        answered = subprocess.run(  # noqa: S603 (this program, with no argument from outside)
            [sys.executable, "-P", "-m", __name__],
            input=json.dumps(asdict(request)).encode(),
            env={name: value for name, value in environ.items() if not _SECRET.search(name)},
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            timeout=_SECONDS,
            check=True,
        )
        answer = json.loads(answered.stdout)
    except subprocess.TimeoutExpired:
        raise KeyringTrouble(f"did not answer within {_SECONDS:.0f} s; it may be locked") from None
    except (OSError, subprocess.CalledProcessError, ValueError):
        raise KeyringTrouble("does not work") from None
    if trouble := answer.get("trouble"):
        raise KeyringTrouble(trouble)
    key = answer.get("key")
    return key if isinstance(key, str) else None


def _answer(request: _Request) -> dict[str, str | None]:
    import keyring
    from keyring.errors import KeyringError, KeyringLocked, NoKeyringError

    try:
        match request.verb:
            case "set":
                keyring.set_password(_OURS, request.service, request.key or "")
            case "delete":
                if keyring.get_password(_OURS, request.service) is not None:
                    keyring.delete_password(_OURS, request.service)
            case "get":
                pass
        return {"key": keyring.get_password(_OURS, request.service)}
    except NoKeyringError:
        return {"trouble": "is not there: this system has none that the library knows"}
    except KeyringLocked:
        return {"trouble": "is locked"}
    except KeyringError as error:  # its words may hold anything
        return {"trouble": f"does not work ({type(error).__name__})"}


if __name__ == "__main__":
    sys.stdout.write(json.dumps(_answer(_Request(**json.load(sys.stdin)))))

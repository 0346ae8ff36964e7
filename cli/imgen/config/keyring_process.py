"""The system keyring, asked in a process of its own: behind a locked screen or a dead bus it may never answer.

`python -m imgen.config.keyring_process` is that process. Keys travel through its pipes, never through its arguments.
"""

from __future__ import annotations

import json
import sys
from dataclasses import asdict, dataclass
from typing import Literal

_OURS = "imgen"  # the name that the keyring's own window shows
_SECONDS = 2.0

Verb = Literal["get", "set", "delete"]


class KeyringTrouble(Exception):
    """The keyring did not do what it was asked; the message says why, as the end of a sentence."""


@dataclass(frozen=True, slots=True)
class _Question:
    verb: Verb
    service: str
    key: str | None = None


def installed() -> bool:
    """Whether the library is there: the extra `imgen[keyring]`."""
    from importlib.util import find_spec

    return find_spec("keyring") is not None


def get(service: str) -> str | None:
    """The key kept for a service of ours. Raises `KeyringTrouble`."""
    return _ask(_Question("get", service))


def put(service: str, key: str) -> None:
    """Keep a key, and see that it is kept. Raises `KeyringTrouble`."""
    if _ask(_Question("set", service, key)) != key:
        raise KeyringTrouble("forgets what it is told")


def delete(service: str) -> None:
    """Forget a key, if there is one. Raises `KeyringTrouble`."""
    _ask(_Question("delete", service))


def _ask(question: _Question) -> str | None:
    import subprocess

    if not installed():
        raise KeyringTrouble("needs the extra imgen[keyring], which is not installed")
    try:
        # -P: the folder we are in may be anybody's, and hold a keyring.py.
        answered = subprocess.run(  # noqa: S603 (ourselves, and no word of anybody's)
            [sys.executable, "-P", "-m", __name__],
            input=json.dumps(asdict(question)).encode(),
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


def _answer(question: _Question) -> dict[str, str | None]:
    import keyring
    from keyring.errors import KeyringError, KeyringLocked, NoKeyringError

    try:
        match question.verb:
            case "set":
                keyring.set_password(_OURS, question.service, question.key or "")
            case "delete":
                if keyring.get_password(_OURS, question.service) is not None:
                    keyring.delete_password(_OURS, question.service)
            case "get":
                pass
        return {"key": keyring.get_password(_OURS, question.service)}
    except NoKeyringError:
        return {"trouble": "is not there: this system has none that the library knows"}
    except KeyringLocked:
        return {"trouble": "is locked"}
    except KeyringError as error:  # its words may hold anything
        return {"trouble": f"does not work ({type(error).__name__})"}


if __name__ == "__main__":
    sys.stdout.write(json.dumps(_answer(_Question(**json.load(sys.stdin)))))

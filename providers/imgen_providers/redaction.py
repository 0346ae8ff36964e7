"""What may be shown of what went over the wire: no key in any form, no signature of a link. Standard library only."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

HIDDEN = "[hidden]"
"""What stands in place of anything secret but a key."""

_KEY = "[key]"
_LEAST = 8  # characters; shorter than any real key, and too short to blank out of a text without harm
_HEADER_TO_HIDE = r"(?i)auth|cookie|token|secret|signature|credential|(api|access|^x)-?key"
# Also as JSON writes it ("https:\/\/"): up to the query, then that. A fragment never leaves, so it tells nothing.
_LINK = r"(?i)\b(https?:\\?/\\?/)([^\s\"'<>?#]*)(\?[^\s\"'<>#]*)?"
# As JSON may write "&" too.
_PARAMETER = r"(?<==)(?:(?!\\u0026)[^&])+"


class Redaction:
    """Takes keys out of texts: as they are, quoted for a URL, escaped in JSON, or somewhere inside base64.

    Keys of fewer than 8 characters are left alone.
    """

    def __init__(self, keys: Iterable[str] = ()) -> None:
        # The longest first: a form may be part of another one.
        forms = {form for key in keys if len(key) >= _LEAST for form in _forms(key)}
        self._forms = sorted(forms, key=lambda form: (-len(form), form))

    def text(self, text: str) -> str:
        """The text without the keys."""
        while present := [form for form in self._forms if form in text]:  # taking one out may leave another
            for form in present:
                text = text.replace(form, _KEY)
        return text

    def data(self, data: bytes) -> bytes:
        """The bytes without the keys."""
        return self.text(data.decode("latin-1")).encode("latin-1")


def _forms(key: str) -> set[str]:
    import json
    from urllib.parse import quote, quote_plus

    data = key.encode()
    quoted = {quote(key, safe=""), quote(key), quote_plus(key)}
    escaped = json.dumps(key)[1:-1]
    return {
        key,
        *quoted,
        *(re.sub("%..", lambda match: match[0].lower(), form) for form in quoted),
        escaped,
        escaped.replace("/", "\\/"),
        json.dumps(escaped)[1:-1],  # an answer quoted inside an answer
        "".join(c if c.isalnum() else f"\\u{ord(c):04x}" for c in key),
        *_base64_forms(data),
    }


def _base64_forms(data: bytes) -> set[str]:
    """The characters that the data alone decides, wherever it begins among the triples of a longer text."""
    import base64

    found = set()
    for before in range(3):
        whole = base64.b64encode(bytes(before) + data).decode()
        first = (before * 8 + 5) // 6
        last = (before + len(data)) * 8 // 6
        found.add(whole[first:last])
    return found | {form.translate(str.maketrans("+/", "-_")) for form in found}


def is_secret_header(name: str) -> bool:
    """Whether a header of this name holds something that nobody else may see."""
    return re.search(_HEADER_TO_HIDE, name) is not None


def without_signatures(text: str) -> str:
    """The text with the value of each query parameter in its links hidden, and what stands before an @ in one."""
    return re.sub(_LINK, _unsigned, text)


def _unsigned(link: re.Match[str]) -> str:
    scheme, rest, query = link.groups()
    host, slash, path = rest.partition("/")
    host = f"{HIDDEN}@{host.rpartition('@')[2]}" if "@" in host else host
    return f"{scheme}{host}{slash}{path}{re.sub(_PARAMETER, HIDDEN, query or '')}"

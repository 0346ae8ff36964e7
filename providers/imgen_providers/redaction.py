"""What may be shown of what went over the wire: no key in any form, no signature of a link. Standard library only."""

from __future__ import annotations

import base64
import json
import re
from functools import cache
from typing import TYPE_CHECKING
from urllib.parse import quote, quote_plus

if TYPE_CHECKING:
    from collections.abc import Iterable

HIDDEN = "[hidden]"
"""What stands in place of anything secret but a key."""

_KEY = "[key]"
_LEAST = 8  # characters; shorter than any real key, and too short to blank out of a text without harm
_SECRET_HEADER = re.compile(r"auth|cookie|token|secret|signature|credential|(api|access|^x)-?key", re.IGNORECASE)
_WORD = re.compile(r"[^\s\"'<>`]+")
# Where the readable part of a link begins, and where it ends: plain, or encoded once or more times inside another.
_BEGIN = re.compile(r"//|/|%(?:25)*2[Ff]|\w\.\w")
_END = re.compile(r"[?;#]|%(?:25)*(?:3[FfBb]|23)")
_USER = re.compile(r"(?i)((?:[a-z][a-z0-9+.-]*:)?//)[^/?#@\s]*@")
_VALUE = re.compile(
    r"(?i)((?<![\w.%-])[\w.%-]{0,60}?(?:sig|token|secret|credential|auth|passw|policy|expires|key)[\w.-]{0,60}(?:=|%(?:25)*3d))[^\s&\"'<>]+"
)
_ESCAPES = {"003f": "?", "0026": "&", "003d": "=", "0023": "#", "003b": ";", "002f": "/", "003a": ":", "0025": "%"}
_ESCAPED = re.compile(rf"(?i)\\u({'|'.join(_ESCAPES)})|\\/")
# Characters that are not seen: a key that comes back with one of these inside can be read all the same.
_UNSEEN = (
    "\0\x01\x02\x03\x04\x05\x06\x07\x08\x0b\x0c\x0e\x0f\x1b\x7f"
    "\u00ad\u034f\u061c\u180e\u200b\u200c\u200d\u200e\u200f\u2028\u2029\u202a\u202b\u202c\u202d\u202e"
    "\u2060\u2061\u2062\u2063\u2064\u2066\u2067\u2068\u2069\ufe0e\ufe0f\ufeff"
)


class Redaction:
    """Takes keys out of texts: as they are, quoted for a URL, escaped in JSON, or somewhere inside base64.

    Keys of fewer than 8 characters are left alone.
    """

    def __init__(self, keys: Iterable[str] = ()) -> None:
        # The longest first: a form may be part of another one.
        forms = {form for key in keys for form in _forms(key) if len(form) >= _LEAST}
        self._forms = sorted(forms, key=lambda form: (-len(form), form))

    def text(self, text: str) -> str:
        """The text without the keys."""
        while present := [form for form in self._forms if form in text]:  # taking one out may leave another
            for form in present:
                text = text.replace(form, _KEY)
        if self._forms and _may_hide(text) and (unseen := set(_unseen_mark().findall(text))):
            between = f"(?:{'|'.join(map(re.escape, sorted(unseen)))})*"
            for form in self._forms:
                text = re.sub(between.join(map(re.escape, form)), _KEY, text)
        return text

    def data(self, data: bytes) -> bytes:
        """The bytes without the keys."""
        return self.text(data.decode("latin-1")).encode("latin-1")


def _forms(key: str) -> set[str]:
    """The forms of a key, with and without what is not seen in it, also as UTF-8 that is read as Latin-1."""
    seen = "".join(character for character in key if character not in _UNSEEN)
    found = {form for each in (key, seen) if len(each) >= _LEAST for form in _spellings(each)}
    return found | {form.encode("utf-8", "surrogatepass").decode("latin-1") for form in found}


def _spellings(key: str) -> set[str]:
    data = key.encode("utf-8", "surrogatepass")
    quoted = {quote(data, safe=""), quote(data), quote_plus(data)}
    escaped = json.dumps(key)[1:-1]
    return {
        key,
        *quoted,
        *(re.sub("%..", lambda match: match[0].lower(), form) for form in quoted),
        escaped,
        escaped.replace("/", "\\/"),
        json.dumps(key, ensure_ascii=False)[1:-1],
        json.dumps(escaped)[1:-1],  # an answer quoted inside an answer
        "".join(c if c.isalnum() else f"\\u{ord(c):04x}" for c in key),
        *_base64_forms(data),
    }


def _may_hide(text: str) -> bool:
    """Whether a text may hold one of the forms below; most answers are plain, and the pattern takes 2 ms to compile."""
    return not (text.isascii() and text.isprintable()) or "\\" in text or "%" in text or "&" in text


def _unseen_forms() -> list[str]:
    """Every way in which a character that is not seen may be written, the longest first."""
    plain = set(_UNSEEN)
    latin = {mark.encode().decode("latin-1") for mark in plain}
    escaped = {f"\\u{ord(mark):04{case}}" for mark in plain for case in "xX"}
    coded = {quote(mark) for mark in plain}
    entities = {"&#8203;", "&#x200b;", "&#x200B;"}
    found = plain | latin | escaped | coded | {form.lower() for form in coded} | entities
    return sorted(found, key=lambda form: (-len(form), form))


@cache
def _unseen_mark() -> re.Pattern[str]:
    """One pattern for all, since an answer may hold pictures: 150 searches of 38 MB took 20 s."""
    return re.compile("|".join(map(re.escape, _unseen_forms())))


def _base64_forms(data: bytes) -> set[str]:
    """The characters that the data alone decides, wherever it begins among the triples of a longer text."""
    found = set()
    for before in range(3):
        whole = base64.b64encode(bytes(before) + data).decode()
        first = (before * 8 + 5) // 6
        last = (before + len(data)) * 8 // 6
        found.add(whole[first:last])
    return found | {form.translate(str.maketrans("+/", "-_")) for form in found}


def is_secret_header(name: str) -> bool:
    """Whether a header of this name holds a secret."""
    return _SECRET_HEADER.search(name) is not None


def without_signatures(text: str) -> str:
    """The text with everything hidden that stands behind the path of its links, and before an @ in one.

    A signature may stand in a query, in a parameter or in a fragment, under any name: so none of these is shown.
    Also as JSON writes them ("https:\\/\\/"), and percent-encoded inside another link.
    """
    return _VALUE.sub(rf"\1{HIDDEN}", _WORD.sub(lambda word: _unsigned(word[0]), text))


def without_signature(link: str) -> str:
    """The same of a text that is one link, with white space in it or not."""
    return _unsigned(link)


def _unsigned(link: str) -> str:
    plain = _ESCAPED.sub(lambda escape: _ESCAPES[escape[1].lower()] if escape[1] else "/", link)
    begin = _BEGIN.search(plain)
    if begin is None or plain[:5].lower() == "data:":
        return link
    end = _END.search(plain, begin.end())
    if end and end.end() < len(plain):
        plain = plain[: end.end()] + HIDDEN
    return _USER.sub(rf"\1{HIDDEN}@", plain)

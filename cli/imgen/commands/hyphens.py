"""Long options with one hyphen: `-model x` would be read as `-m odel`, and `-open` would write to `pen`."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from imgen.errors import UsageProblem

if TYPE_CHECKING:
    from collections.abc import Sequence

_LOOKS_LONG = re.compile(r"-[a-z][a-z-]{2,}(=.*)?", re.DOTALL)


def check_hyphens(arguments: Sequence[str]) -> None:
    """Raises `UsageProblem` for the name of a long option behind one hyphen."""
    if not any(map(_LOOKS_LONG.fullmatch, arguments)):
        return
    from imgen.commands.corrections import long_option

    for word in filter(_LOOKS_LONG.fullmatch, arguments):
        if meant := long_option(word, arguments):
            name = word.partition("=")[0]
            raise UsageProblem(
                f"There is no option {name}. Did you mean {meant.partition('=')[0]}?", correction=(word, meant)
            )

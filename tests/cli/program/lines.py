"""imgen for many command lines in one process, since a start costs more than a mistake does.

Reads a JSON list of [line, variables, stdin] and writes [exit code, stdout, stderr] of each as a line of JSON.
"""

from __future__ import annotations

import io
import json
import os
import sys

from imgen.__main__ import run


def outcome(line: list[str], variables: dict[str, str], stdin: str) -> tuple[int, str, str]:
    """What one command line does, in an environment with these variables."""
    usual = dict(os.environ)
    out, err = io.BytesIO(), io.BytesIO()
    sys.stdin = io.TextIOWrapper(io.BytesIO(stdin.encode("latin-1")), "utf-8")
    sys.stdout, sys.stderr = io.TextIOWrapper(out, "utf-8"), io.TextIOWrapper(err, "utf-8")
    os.environ.update(variables)
    try:
        code = run(line)
        return code, out.getvalue().decode(), err.getvalue().decode()
    finally:
        sys.stdin, sys.stdout, sys.stderr = sys.__stdin__, sys.__stdout__, sys.__stderr__
        for name in variables:
            del os.environ[name]
        os.environ.update(usual)


def main() -> None:
    """Answer what stands on stdin."""
    for each in json.load(sys.stdin):
        print(json.dumps(outcome(*each)), file=sys.__stdout__)


if __name__ == "__main__":
    main()

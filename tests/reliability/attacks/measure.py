"""imgen in a process that notes the most memory it had: `python -P measure.py FILE MOST ARGUMENT...`.

MOST is in bytes: more than that is not given, so that a bomb stops there. Linux only, as /proc is.
"""

from __future__ import annotations

import re
import resource
import sys
from pathlib import Path

if __name__ == "__main__":
    file, most = Path(sys.argv.pop(1)), int(sys.argv.pop(1))
    resource.setrlimit(resource.RLIMIT_AS, (most, most))
    from imgen.__main__ import main

    try:
        sys.exit(main())
    finally:
        found = re.search(r"VmHWM:\s+(\d+) kB", Path("/proc/self/status").read_text(encoding="ascii"))
        file.write_text(found[1] if found else "", encoding="ascii")

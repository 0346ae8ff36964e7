"""Our side of `bytes`: pictures fetched by four threads, `checked` or `unchecked`, each synced and put in place.

python -m benchmarks.bytes_side SIDE ORIGIN FOLDER PICTURES
"""

from __future__ import annotations

import json
import resource
import sys
import threading
import time
from pathlib import Path
from queue import Empty, SimpleQueue

from imgen.files import part_path
from imgen.pictures.download import fetch
from imgen.pictures.place import place
from imgen.pictures.verify import inspect
from imgen_providers.client import Network

_THREADS = 4  # as imgen has them


def main(side: str, origin: str, folder: Path, pictures: int) -> dict[str, float]:
    """Save the pictures as `imgen download` does. Raises `RuntimeError` where one is not there."""
    network = Network(user_agent="imgen")
    numbers: SimpleQueue[int] = SimpleQueue()
    for number in range(pictures):
        numbers.put(number)
    sizes: list[int] = []

    def work() -> None:
        while True:
            try:
                wanted = folder / f"{numbers.get_nowait()}.png"
            except Empty:
                return
            part = part_path(wanted)
            size = fetch(network, f"{origin}/picture/{wanted.name}", part, trusted_origin=origin, on_bytes=_unseen)
            if side == "checked":
                inspect(part)
            place(part, wanted, replaces=None)
            sizes.append(size)

    threads = [threading.Thread(target=work) for _ in range(_THREADS)]
    begin = time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    took = time.perf_counter() - begin
    if len(sizes) != pictures:
        raise RuntimeError(f"{len(sizes)} of {pictures} pictures were saved")
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return {"took": took, "peak": float(peak), "bytes": float(sizes[0])}


def _unseen(_: int) -> None:
    pass


if __name__ == "__main__":
    print(json.dumps(main(sys.argv[1], sys.argv[2], Path(sys.argv[3]), int(sys.argv[4]))))

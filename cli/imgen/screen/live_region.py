"""The moving region at the bottom of a terminal, as rich draws it."""

from __future__ import annotations

from contextlib import suppress

from rich.control import Control
from rich.live import Live


class LiveRegion(Live):
    """A region that is drawn only when it is asked for, and ends also where a Ctrl-C cut its start short."""

    def stop(self) -> None:
        """Leave what was drawn last, and give the cursor back."""
        if not self.is_started:
            return
        try:
            with suppress(IndexError):  # rich takes away what its start had not put there yet
                super().stop()
        finally:  # past what rich may still hold back, because a Ctrl-C came while it was about to write
            self.console.file.write(str(Control.show_cursor(True)))  # noqa: FBT003  (rich's own form)
            self.console.file.flush()

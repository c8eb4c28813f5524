"""How often the agent began without ever being well: after too many times only the link and the configuration run.

The count is one line in the station's directory, `COUNT INSTALLATION`, written before anything that could go wrong. It
lies above the lives that a configuration's trial (2) and a release's (3) may use up, so that both go back first.
"""

from __future__ import annotations

import contextlib
import sys
from pathlib import Path

from agent.fleet.releases import installation

FILE = "starts"
# So many starts may go badly one after the other.
BAD_STARTS = 5
# A life that lasted so long began well.
STEADY_S = 60.0


class Starts:
    """The starts of the agent in one directory; a new release begins to count anew."""

    def __init__(self, directory: Path, prefix: Path | None = None) -> None:
        self._path = directory / FILE
        self._installation = installation(prefix or Path(sys.prefix)) or "checkout"

    def begin(self) -> bool:
        """Count this start; return whether the whole station may start (False: safe mode).

        A directory that can't be written is for the store to tell of.
        """
        count = self._count() + 1
        self._write(count)
        return count <= BAD_STARTS

    def good(self) -> None:
        """This life began well, or ended because it was told to."""
        self._write(0)

    def once_more(self) -> None:
        """The next start may be a whole one; if it goes badly, too, the one after it is in safe mode again."""
        self._write(BAD_STARTS - 1)

    def _count(self) -> int:
        try:
            count, _, installed = self._path.read_text(encoding="ascii").strip().partition(" ")
            return int(count) if installed == self._installation else 0
        except (OSError, ValueError):
            return 0

    def _write(self, count: int) -> None:
        with contextlib.suppress(OSError):
            self._path.parent.mkdir(parents=True, exist_ok=True)
            new = self._path.with_name(FILE + ".new")
            new.write_text(f"{count} {self._installation}\n", encoding="ascii")
            new.replace(self._path)

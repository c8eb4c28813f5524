"""How often the agent ended by its own fault without ever being well: after too many times it starts in safe mode.

What counts is a bug, a configuration that can't be opened, and a crash below Python (a segmentation fault, an abort,
the watchdog's SIGABRT), which faulthandler writes into `crash.txt`. A power cut or a kill says nothing of the program.
The limit lies above the lives that a trial of a configuration (2) and of a release (3) may use up: both go back first.
"""

from __future__ import annotations

import contextlib
import faulthandler
import logging
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from agent.fleet.releases import installation

if TYPE_CHECKING:
    from collections.abc import Iterator

LOG = logging.getLogger("packbench")
FILE, CRASH, CRASHED = "starts", "crash.txt", "crash.old.txt"
# So many lives may end badly one after the other.
BAD_ENDS = 5
# A life that lasted so long began well.
STEADY_S = 60.0


class Starts:
    """The lives of the agent in one directory; a new release begins to count anew."""

    def __init__(self, directory: Path, prefix: Path | None = None) -> None:
        self._path, self._crash = directory / FILE, directory / CRASH
        self._installation = installation(prefix or Path(sys.prefix)) or "checkout"

    def begin(self) -> bool:
        """Look how the last life ended; return whether the whole station may start (False: safe mode).

        A directory that can't be written is for the store to tell of.
        """
        with contextlib.suppress(OSError):
            if self._crash.exists() and self._crash.stat().st_size:
                self.bad()
                kept = self._crash.replace(self._crash.with_name(CRASHED))
                first = kept.read_text(encoding="utf-8", errors="replace").partition("\n")[0]
                LOG.warning("the last life ended with %s; all of it: %s", first, kept)
        return self._count() < BAD_ENDS

    @contextlib.contextmanager
    def watched(self) -> Iterator[None]:
        """Write a crash below Python down, for the next life to find."""
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            file = self._crash.open("w", encoding="utf-8")
        except OSError:
            yield
            return
        with file:
            faulthandler.enable(file)
            try:
                yield
            finally:
                faulthandler.disable()

    def bad(self) -> None:
        """A life ended by its own fault."""
        self._write(self._count() + 1)

    def good(self) -> None:
        """This life is well, or ended because it was told to."""
        self._write(0)

    def once_more(self) -> None:
        """The next start may be a whole one; if it ends badly, too, the one after it is in safe mode again."""
        self._write(BAD_ENDS - 1)

    def _count(self) -> int:
        try:
            count, _, installed = self._path.read_text(encoding="ascii").strip().partition(" ")
            return int(count) if installed == self._installation else 0
        except (OSError, ValueError):
            return 0

    def _write(self, count: int) -> None:
        if count == self._count():
            return
        with contextlib.suppress(OSError):
            self._path.parent.mkdir(parents=True, exist_ok=True)
            new = self._path.with_name(FILE + ".new")
            new.write_text(f"{count} {self._installation}\n", encoding="ascii")
            new.replace(self._path)

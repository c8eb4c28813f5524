"""One measurement under way in a process of its own: codes are read on meanwhile, and its memory goes with it."""

from __future__ import annotations

import multiprocessing
from typing import TYPE_CHECKING

from agent.vision import dimensions

if TYPE_CHECKING:
    from collections.abc import Sequence
    from multiprocessing.connection import Connection


class Measuring:
    """Begins to measure at once, by one camera's look or several.

    Fitting a box takes a second of CPU and 150 MB; a Pi Zero 2 W has 512 MB, so the process ends with its answer. It is
    a daemon: a station that is told to stop ends within its second, whatever is being measured.
    """

    def __init__(self, looks: Sequence[dimensions.Look]) -> None:
        spawn = multiprocessing.get_context("spawn")
        self._answer, there = spawn.Pipe(duplex=False)
        self._found: dimensions.Dimensions | dimensions.Refused | None = None
        self._process = spawn.Process(target=_measure, args=(there, looks), name="measure", daemon=True)
        self._process.start()
        there.close()

    @property
    def found(self) -> dimensions.Dimensions | dimensions.Refused | None:
        """Return the answer, or None until it is known. A process that died without one is a refusal."""
        if self._found is None and self._answer.poll():
            try:
                self._found = self._answer.recv()
            except EOFError:
                self._found = dimensions.refused("camera.measuring-failed")
            self._answer.close()
            self._process.join()
        return self._found

    def close(self) -> None:
        """Give up: nobody wants the answer any more."""
        if self._found is None:
            self._process.kill()
            self._process.join()
            self._answer.close()


def _measure(answer: Connection, looks: Sequence[dimensions.Look]) -> None:
    import os

    os.nice(5)  # the station's own threads come first
    answer.send(dimensions.measure(looks))
    answer.close()

"""One measurement under way in a thread of its own: codes are read on meanwhile, and nobody waits for it at the end."""

from __future__ import annotations

from threading import Thread
from typing import TYPE_CHECKING

from agent.vision import dimensions

if TYPE_CHECKING:
    from collections.abc import Sequence


class Measuring:
    """Begins to measure one look at once; `found` is None until it is done.

    The thread is a daemon: a station that is told to stop ends within its second, whatever is being measured.
    """

    def __init__(self, look: dimensions.Look) -> None:
        self.found: dimensions.Dimensions | dimensions.Refused | None = None
        Thread(target=self._measure, args=([look],), name="measure", daemon=True).start()

    def _measure(self, looks: Sequence[dimensions.Look]) -> None:
        self.found = dimensions.measure(looks)

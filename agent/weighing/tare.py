"""Tare: what belongs to the packing and not to the goods. A preset of the carton's type, or what stands there now."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from agent.weighing.events import NotEmpty, PlatformCleared, WeightStable

if TYPE_CHECKING:
    from agent.weighing.events import WeighingEvent


@dataclass(slots=True)
class Tare:
    """The tare of one visit. It ends with the visit: a forgotten tare makes every box after it wrong.

    A preset by carton type is the safer kind; it is given anew for each box by whoever knows the carton.
    """

    capacity_g: float
    grams: float = 0.0
    kind: Literal["none", "preset", "weighed"] = "none"
    _stable_g: float | None = None

    def feed(self, event: WeighingEvent) -> None:
        """Follow the weigher: the last stable weight may become the tare, the end of the visit clears it."""
        if isinstance(event, WeightStable):
            self._stable_g = event.gross_g
        elif isinstance(event, PlatformCleared | NotEmpty):
            self.grams, self.kind, self._stable_g = 0.0, "none", None

    def preset(self, grams: float) -> bool:
        """Take the tare of a carton type; False, and nothing changed, below zero or above the capacity."""
        if not 0.0 <= grams <= self.capacity_g:
            return False
        self.grams, self.kind = grams, "preset"
        return True

    def weigh(self) -> bool:
        """Take what stands there as tare; False, and nothing changed, without a stable weight from 0 to capacity."""
        if self._stable_g is None or not 0.0 <= self._stable_g <= self.capacity_g:
            return False
        self.grams, self.kind = self._stable_g, "weighed"
        return True

    def net_g(self, gross_g: float) -> float:
        """Return gross less tare; negative when the tare is heavier, which is told and never hidden."""
        return gross_g - self.grams

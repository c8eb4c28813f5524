"""From loading to a weight: growing windows, each asked whether it is still, and a hold."""

from __future__ import annotations

from math import sqrt
from typing import TYPE_CHECKING, NamedTuple

from agent.weighing.stillness import Stretch, judged, stretch
from agent.weighing.sway import TAPER_COST, disagreement, prepare, tapered_mean, without_sway

if TYPE_CHECKING:
    from agent.weighing.events import Quality

SHORTEST_S = 0.45
GROWTH = 1.45
LONGEST_S = 2.9
LONG_S = 0.7
BLOCK_S = 0.075
HOLD_S = 0.20
PREDICTED_S = 0.25
PREDICTED_BLOCK_S = 0.05
PREDICTED_LIMIT_D = 0.17
SLOW_SPS = 30.0
"""Below this rate the converter's own filter has swallowed most of the ring."""
SLOW_RING_S = 1.3
SHAKY_D = 0.06
"""An empty platform that moves more than this stands next to something that shakes it."""
DEEP_WITHIN = 6.0
"""A double notch can bring the scatter down by so much, and is not tried for more."""
EAGER_S = 2.5
"""After so long without a weight the long windows are asked every third look only: that costs 0.1 s and saves half."""
FLOOR_D = 0.05
"""What an empty platform moves at least, in d: the noise of a good cell."""
SHAKEN_VON_NEUMANN = 1.1
"""The unrest of a shaken place is no white noise; below this it wanders."""
AGREE_D = 0.5
"""The halves of a long window differ by less, or something slower than the window moves the load."""


class Limits(NamedTuple):
    """How still is still. In d: scatter and rise of a quick window, creep in a second, and the error of a long mean.

    `calm_von_neumann`: in a calm place only the ring's remains are left in a long window, and they alternate; a hand
    wanders.
    """

    sd_d: float
    trend_d: float
    creep_d_per_s: float
    mean_sd_d: float
    calm_von_neumann: float


FAST = Limits(0.11, 0.16, 0.20, 0.20, 1.5)
SLOW = Limits(0.10, 0.15, 0.20, 0.14, 1.9)
"""A slow converter smooths a hand's unrest as it smooths the noise, and a stretch holds few of its samples."""


class Estimate(NamedTuple):
    """A level in grams above the electrical zero, the standard uncertainty of its mean, and how it was found."""

    level_g: float
    u_g: float
    quality: Quality
    window_s: float
    ring: float


class Settling:
    """Finds the moment when a load stands still. Feed it a look every hop; it keeps no samples itself."""

    def __init__(self, rate_sps: float, division_g: float, capacity_g: float) -> None:
        self._d = division_g
        self._dead_load_g = 0.05 * capacity_g
        self._rate = rate_sps
        self._limits = FAST if rate_sps > SLOW_SPS else SLOW
        self.notches = 2 if rate_sps > SLOW_SPS else 0
        self._looks = 0
        self._per_block = max(1, round(BLOCK_S * rate_sps))
        self._predicted_block = max(1, round(PREDICTED_BLOCK_S * rate_sps))
        windows = []
        window_s = SHORTEST_S
        while window_s <= LONGEST_S:
            windows.append(max(4, round(window_s * rate_sps)))
            window_s *= GROWTH
        self._windows = windows
        # A notch takes up to four samples, and with them perhaps a block.
        prepare({(window - lost) // self._per_block for window in windows if window >= LONG_S * rate_sps
                 for lost in (0, 2, 4)}, self._per_block / rate_sps)
        self._predicted_window = max(4, round(PREDICTED_S * rate_sps))
        self.longest = windows[-1]
        self._held: Estimate | None = None
        self._held_since_s = 0.0
        self._deep_below_g = 0.0

    def begin(self) -> None:
        """Forget what was held: the load moves again."""
        self._held = None

    def look(self, samples: list[float], at_s: float, *, floor_g: float, load_g: float,
             waited_s: float) -> Estimate | None:
        """Return the weight when the newest samples have been still for the whole hold, else None.

        `samples` are grams, oldest first; `floor_g` is what the empty platform moves, `load_g` the load so far and
        `waited_s` the time since it last changed.
        """
        found = self._still(samples, floor_g, load_g, waited_s)
        if found is None:
            self._held = None
            return None
        held = self._held
        if held is None or abs(found.level_g - held.level_g) > 0.3 * self._d:
            self._held, self._held_since_s = found, at_s
            return None
        self._held = found
        return self._held_mean(samples, found) if at_s - self._held_since_s >= HOLD_S - 0.5 / self._rate else None

    def _held_mean(self, samples: list[float], found: Estimate) -> Estimate | None:
        """Return the level over the window and the hold before it; None when a slow rise shows in that longer time."""
        window = min(len(samples), round((found.window_s + HOLD_S) * self._rate))
        seen = stretch(samples[-window:], self._per_block, self._notches_of(window), self._deep_below_g)
        if seen is None or abs(seen.mean - found.level_g) > 0.3 * self._d:
            return found
        if found.quality == "quick" and abs(seen.trend) > self._limits.creep_d_per_s * self._d * window / self._rate:
            return None  # it creeps: too slow for the short window to see
        if found.quality == "quick":
            return found._replace(level_g=seen.mean, u_g=seen.sd / sqrt(seen.blocks), window_s=window / self._rate)
        return found._replace(level_g=tapered_mean(seen.means), u_g=_shaken_u(seen), window_s=window / self._rate)

    def level(self, samples: list[float]) -> float | None:
        """Return the newest level without its ring, still or not; None for too few samples."""
        seen = stretch(samples[-self._predicted_window:], self._predicted_block, self.notches)
        return None if seen is None else seen.mean

    def predict(self, samples: list[float]) -> float | None:
        """Return a first level for the screen, or None while nothing can be said."""
        if len(samples) < self._predicted_window:
            return None
        seen = stretch(samples[-self._predicted_window:], self._predicted_block, self.notches)
        limit_g = PREDICTED_LIMIT_D * self._d
        return seen.mean if seen is not None and seen.sd <= limit_g and abs(seen.trend) <= 1.5 * limit_g else None

    def _notches_of(self, window: int) -> int:
        """Two; one where only seconds of a slow converter show a ring, and none in its short windows."""
        if self.notches == 0:
            return 1 if window >= SLOW_RING_S * self._rate else 0
        return self.notches

    def _quiet(self, seen: Stretch) -> bool:
        return seen.sd <= self._limits.sd_d * self._d and abs(seen.trend) <= self._limits.trend_d * self._d

    def _still(self, samples: list[float], floor_g: float, load_g: float, waited_s: float) -> Estimate | None:
        d = self._d
        patience = max(1.0, min(2.0, waited_s - 0.5)) if floor_g > SHAKY_D * d else 1.0
        shakes_g = max(floor_g, FLOOR_D * d) * 2.0 * patience * (1.0 + max(0.0, load_g) / self._dead_load_g)
        self._deep_below_g = DEEP_WITHIN * max(shakes_g, self._limits.sd_d * d) if self.notches else 0.0
        self._looks += 1
        rarely = self._held is None and waited_s > EAGER_S and self._looks % 3
        for window in self._windows[:2] if rarely else self._windows:
            if window > len(samples):
                return None
            short = window == self._windows[0]
            seen = stretch(samples[-window:], self._per_block, self._notches_of(window),
                           0.0 if short else self._deep_below_g)
            if seen is None:
                return None
            if self._quiet(seen):
                return Estimate(seen.mean, seen.sd / sqrt(seen.blocks), "quick", window / self._rate, seen.ring)
            if short and abs(seen.trend) > 20.0 * d and seen.residual_sd < abs(seen.trend) / 4.0:
                return None
            if window >= LONG_S * self._rate and seen.sd <= shakes_g:
                if floor_g > SHAKY_D * d and seen.von_neumann < SHAKEN_VON_NEUMANN:
                    seen = judged(without_sway(seen.means, self._per_block / self._rate), seen.ring)
                if self._averages(seen, floor_g, patience):
                    quality: Quality = "averaged" if patience == 1.0 else "relaxed"
                    return Estimate(tapered_mean(seen.means), _shaken_u(seen), quality, window / self._rate, seen.ring)
        return None

    def _averages(self, seen: Stretch, floor_g: float, patience: float) -> bool:
        """Tell whether what still moves is mere scatter, and its mean is good enough."""
        enough_g = self._limits.mean_sd_d * self._d * patience
        random = SHAKEN_VON_NEUMANN if floor_g > SHAKY_D * self._d else self._limits.calm_von_neumann
        chance = seen.residual_sd * sqrt(12.0 / seen.blocks)  # what a line through mere scatter rises by
        return (seen.sd <= enough_g * sqrt(seen.blocks) and seen.von_neumann >= random
                and abs(seen.trend) <= 1.5 * chance and disagreement(seen.means) <= AGREE_D * self._d * patience)


def _shaken_u(seen: Stretch) -> float:
    """Return the standard uncertainty of a tapered mean: from the blocks' scatter, and from what is slower."""
    return sqrt(TAPER_COST * seen.sd ** 2 / seen.blocks + (0.4 * disagreement(seen.means)) ** 2)

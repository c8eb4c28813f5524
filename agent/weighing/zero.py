"""Zero tracking: the empty platform's level, followed slowly and never far.

OIML R 76-1 allows tracking at a stable zero and at most 0.5 d/s. That alone would swallow a slow fill whole, so the
zero also moves at most 5 d in 10 minutes and 2 % of capacity from the calibration, and only while the level rests:
a fill rises, a drifted cell or a leaf stands still.
"""

from __future__ import annotations

from collections import deque
from statistics import median
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from agent.weighing.stillness import Stretch

BUDGET_D, BUDGET_S, BUCKET_S = 5.0, 600.0, 5.0
SMOOTHING_LOOKS = 10
RATE_D_PER_S = 0.5
RANGE_SHARE = 0.02
REST_TREND_D = 0.1
REST_SD_D = 0.25


class ZeroTracking:
    """Follows the empty platform; `offset_g` is its distance from the calibration's zero."""

    def __init__(self, division_g: float, capacity_g: float, *, legal: bool) -> None:
        self.offset_g = 0.0
        self.u_g = 0.05 * division_g
        """Standard uncertainty of the zero."""
        self.exhausted = False
        self._d = division_g
        self._window_g = (0.5 if legal else 3.0) * division_g
        self._range_g = RANGE_SHARE * capacity_g
        self._looks = 0
        self._moves: deque[tuple[float, float]] = deque()
        self._floors: deque[float] = deque(maxlen=9)

    @property
    def floor_g(self) -> float:
        """What the empty platform moves (sd of its block means about a line), from the last nine looks at it."""
        return median(self._floors) if self._floors else 0.0

    def rests(self, seen: Stretch, span_s: float) -> bool:
        """Tell whether a stretch of an empty platform is at rest, as far as its surroundings ever let it be."""
        shakes_g = max(REST_SD_D * self._d, 2.0 * self.floor_g)
        drift_g = max(REST_TREND_D * self._d * span_s, 2.0 * self.floor_g)
        return seen.sd <= shakes_g and abs(seen.trend) <= drift_g

    def observe(self, seen: Stretch) -> None:
        """Learn what the empty platform moves; a hand that passes is outvoted by the median."""
        self._floors.append(seen.residual_sd)

    def set(self, level_g: float) -> bool:
        """Take this level as zero at once (power-up, or the zero key); False when it is out of the zero range."""
        if abs(level_g) > self._range_g:
            return False
        self.offset_g = level_g
        self._moves.clear()
        self._looks = 0
        self.exhausted = False
        return True

    def follow(self, at_s: float, seen: Stretch, passed_s: float) -> None:
        """Move towards the level of a platform that is empty and at rest since `passed_s` ago."""
        self.u_g = max(0.02 * self._d, seen.sd / seen.blocks ** 0.5)
        error_g = seen.mean - self.offset_g
        if abs(error_g) > self._window_g:
            if error_g < 0.0 <= self.offset_g + error_g:
                self.offset_g = seen.mean  # what was zeroed at power-up has been taken off again
            return
        while self._moves and at_s - self._moves[0][0] > BUDGET_S:
            self._moves.popleft()
        self._looks = 1 if abs(error_g) > 0.5 * self._d else min(self._looks + 1, SMOOTHING_LOOKS)
        allowed_g = RATE_D_PER_S * self._d * passed_s
        step_g = max(-allowed_g, min(allowed_g, error_g / self._looks))
        moved_g = sum(move for _, move in self._moves)
        low_g, high_g = -BUDGET_D * self._d - moved_g, BUDGET_D * self._d - moved_g
        bounded_g = max(low_g, min(high_g, step_g))
        bounded_g = max(-self._range_g, min(self._range_g, self.offset_g + bounded_g)) - self.offset_g
        self.exhausted = abs(bounded_g - step_g) > 0.02 * self._d and abs(error_g) > self._d
        self.offset_g += bounded_g
        if self._moves and at_s - self._moves[-1][0] < BUCKET_S:
            self._moves[-1] = (self._moves[-1][0], self._moves[-1][1] + bounded_g)
        else:
            self._moves.append((at_s, bounded_g))

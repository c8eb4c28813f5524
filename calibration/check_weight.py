"""Between calibrations: what check-weights say of drift, and what temperature does to zero. Pure arithmetic."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from math import sqrt
from statistics import median
from typing import TYPE_CHECKING, Literal

from calibration.scale import permitted_g

if TYPE_CHECKING:
    from collections.abc import Sequence

LAMBDA, LIMIT_SIGMA = 0.2, 2.86
"""EWMA chart with an average run length of 370 in control; it finds a shift of one sigma in ten checks."""
MINUTE_S = 60.0


@dataclass(frozen=True, slots=True)
class CheckState:
    """What the last check-weight means. `ewma_g` is the smoothed error, `limit_g` where it warns."""

    verdict: Literal["well", "drifting", "warn", "block"]
    error_g: float
    ewma_g: float
    limit_g: float
    text: str


def judged_checks(errors_g: Sequence[float], load_g: float, e_g: float) -> CheckState:
    """Return what a series of check-weights of one mass says, oldest first; at least one error in grams.

    Hard rules stand above the chart: more than half of the in-service limit (twice the initial one, OIML R 76-1) warns,
    more than the limit blocks. The chart's sigma is the series' own scatter, at least 0.1 e.
    """
    steps = [b - a for a, b in pairwise(errors_g)]
    # Few checks say little of their scatter: until there are more they count beside ten of 0.2 e.
    variance = (10.0 * (0.2 * e_g) ** 2 + sum(step * step for step in steps) / 2.0) / (10.0 + len(steps))
    sigma_g = max(sqrt(variance), 0.1 * e_g)
    ewma_g = 0.0
    for error_g in errors_g:
        ewma_g = LAMBDA * error_g + (1.0 - LAMBDA) * ewma_g
    limit_g = LIMIT_SIGMA * sigma_g * sqrt(LAMBDA / (2.0 - LAMBDA))
    error_g, permitted = errors_g[-1], 2.0 * permitted_g(load_g, e_g)
    if abs(error_g) > permitted:
        return CheckState("block", error_g, ewma_g, limit_g, "Above the limit: calibrate before the next box.")
    if abs(error_g) > 0.5 * permitted:
        return CheckState("warn", error_g, ewma_g, limit_g, "Above half of the limit: clean, level, check again.")
    if abs(ewma_g) > limit_g:
        return CheckState("drifting", error_g, ewma_g, limit_g, "The scale drifts; still inside, calibrate soon.")
    return CheckState("well", error_g, ewma_g, limit_g, "In control.")


@dataclass(frozen=True, slots=True)
class Warmth:
    """Grams that zero moves for one kelvin, how sure that is (r squared), and the span of temperature behind it."""

    g_per_kelvin: float
    r_squared: float
    span_kelvin: float

    @property
    def usable(self) -> bool:
        """True when it may correct: more than 5 K seen, and more than half of the movement explained."""
        return self.span_kelvin > 5.0 and self.r_squared > 0.5


def zero_and_warmth(log: Sequence[tuple[float, float, float]]) -> Warmth | None:
    """Return the zero's coefficient from (seconds, degrees C, zero in grams); None for too little.

    Theil-Sen on differences over 15 to 60 minutes: a slow drift of the cell cancels, and outliers do not count.
    """
    pairs = [(t2 - t1, z2 - z1) for i, (at1, t1, z1) in enumerate(log) for at2, t2, z2 in log[i + 1:]
             if 15 * MINUTE_S <= at2 - at1 <= 60 * MINUTE_S]
    slopes = [dz / dt for dt, dz in pairs if abs(dt) >= 0.2]
    if len(slopes) < 10:
        return None
    slope = median(slopes)
    all_g = sum(dz * dz for _, dz in pairs)
    left_g = sum((dz - slope * dt) ** 2 for dt, dz in pairs)
    degrees = [degree for _, degree, _ in log]
    return Warmth(slope, 1.0 - left_g / all_g if all_g > 0.0 else 0.0, max(degrees) - min(degrees))

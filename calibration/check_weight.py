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
FEWEST_OF_A_TREND, FAR = 8, 100.0


@dataclass(frozen=True, slots=True)
class CheckState:
    """What the last check-weight means. `ewma_g` is the smoothed error, `limit_g` where it warns."""

    verdict: Literal["well", "drifting", "warn", "block"]
    error_g: float
    ewma_g: float
    limit_g: float
    text: str


def judged_checks(errors_g: Sequence[float], load_g: float, e_g: float, step_g: float = 0.0) -> CheckState:
    """Return what a series of check-weights of one mass says, oldest first; at least one error in grams.

    Hard rules stand above the chart: more than half of the in-service limit (twice the initial one, OIML R 76-1) warns,
    more than the limit blocks. The chart's sigma is the series' own scatter, at least 0.1 e, and at least what rounding
    to `step_g` makes: an instrument shows whole steps.
    """
    steps = [b - a for a, b in pairwise(errors_g)]
    # Few checks say little of their scatter: until there are more they count beside ten of 0.2 e.
    variance = (10.0 * (0.2 * e_g) ** 2 + sum(step * step for step in steps) / 2.0) / (10.0 + len(steps))
    sigma_g = max(sqrt(variance), 0.1 * e_g, step_g / sqrt(12.0))
    ewma_g = 0.0
    for error_g in errors_g:
        ewma_g = LAMBDA * error_g + (1.0 - LAMBDA) * ewma_g
    limit_g = LIMIT_SIGMA * sigma_g * sqrt(LAMBDA / (2.0 - LAMBDA))
    error_g, permitted = errors_g[-1], 2.0 * permitted_g(load_g, e_g)
    if abs(error_g) > permitted:
        return CheckState("block", error_g, ewma_g, limit_g, "Above the limit: calibrate before the next box.")
    soon = _soon(errors_g, ewma_g, permitted)
    if abs(error_g) > 0.5 * permitted:
        text = f"Above half of the limit: clean, level, check again.{soon}"
        return CheckState("warn", error_g, ewma_g, limit_g, text)
    if abs(ewma_g) > limit_g:
        text = f"The scale drifts; still inside, calibrate soon.{soon}"
        return CheckState("drifting", error_g, ewma_g, limit_g, text)
    return CheckState("well", error_g, ewma_g, limit_g, "In control.")


def _soon(errors_g: Sequence[float], ewma_g: float, permitted: float) -> str:
    """Return when the limit will be reached if it goes on like this; empty where no trend is seen.

    The trend is the median of all slopes between two of the last twenty checks (Theil-Sen).
    """
    newest = list(errors_g[-20:])
    if len(newest) < FEWEST_OF_A_TREND:
        return ""
    slope_g = median((b - a) / (j - i) for i, a in enumerate(newest) for j, b in enumerate(newest) if j > i)
    if slope_g * ewma_g <= 0.0:
        return ""
    checks = (permitted - abs(ewma_g)) / abs(slope_g)
    return f" About {checks:.0f} checks until the limit." if checks < FAR else ""


@dataclass(frozen=True, slots=True)
class Warmth:
    """Grams that zero or a check-weight moves for one kelvin, how sure that is (r squared), and the span behind it."""

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


def span_and_warmth(checks: Sequence[tuple[float, float]]) -> Warmth | None:
    """Return how check-weights move with temperature, from (degrees C, error in grams); None for too little.

    Theil-Sen over all pairs that lie two degrees apart; ten checks over eight degrees are the least.
    """
    degrees = [degree for degree, _ in checks]
    if len(checks) < 10 or max(degrees) - min(degrees) < 8.0:
        return None
    pairs = [(t2 - t1, e2 - e1) for i, (t1, e1) in enumerate(checks) for t2, e2 in checks[i + 1:]]
    slope = median(de / dt for dt, de in pairs if abs(dt) >= 2.0)
    all_g = sum(de * de for _, de in pairs)
    left_g = sum((de - slope * dt) ** 2 for dt, de in pairs)
    return Warmth(slope, 1.0 - left_g / all_g if all_g > 0.0 else 0.0, max(degrees) - min(degrees))

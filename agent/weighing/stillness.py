"""How still a stretch of samples is, with the platform's ring taken out of it.

A box on a load cell rings for seconds (measured on kitchen scales: 21 Hz, damping 0.01-0.02), but a ring is no
doubt about the weight. An autoregressive model of second order, fitted to the stretch itself, gives the ring's
frequency and damping; dividing it out leaves the level (unit gain at 0 Hz, a zero at the ring). The idea is
system identification as in Niedzwiecki, Meller, Pietrzak (IFAC 2014), with the model fitted anew each time, so
that nothing has to be tuned when the load changes the frequency.
"""

from __future__ import annotations

from itertools import pairwise
from math import acos, pi, sqrt
from operator import mul
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from agent.weighing.events import Cause


class Stretch(NamedTuple):
    """One stretch of samples, seen as block means.

    `mean`, `sd` (of the blocks), `trend` (rise of the fitted line over the stretch) and `residual_sd` (around that
    line) have the unit of the samples; `von_neumann` is about 2 for independent blocks and falls towards 0 for a
    wander; `blocks` is their number; `ring` is the first notch's frequency in cycles a sample, 0.0 without one;
    `means` are the blocks themselves, oldest first.
    """

    mean: float
    sd: float
    trend: float
    residual_sd: float
    von_neumann: float
    blocks: int
    ring: float
    means: list[float]


def notched(samples: list[float]) -> tuple[list[float], float]:
    """Return the samples with their strongest oscillation removed, and its frequency in cycles a sample.

    The answer is the input itself and 0.0 when the stretch does not oscillate, or when removing it would raise
    the noise more than twelvefold. Two samples are lost otherwise.
    """
    count = len(samples)
    mean = sum(samples) / count
    y = [x - mean for x in samples]
    y0, y1, y2 = y[2:], y[1:-1], y[:-2]
    r11 = sum(map(mul, y1, y1))
    r12 = sum(map(mul, y1, y2))
    r22 = r11 + y[0] * y[0] - y[-2] * y[-2]
    p1 = sum(map(mul, y0, y1))
    p2 = sum(map(mul, y0, y2))
    determinant = r11 * r22 - r12 * r12
    if determinant <= 1e-12 * r11 * r22:
        return samples, 0.0
    a1 = (p1 * r22 - p2 * r12) / determinant
    a2 = (p2 * r11 - p1 * r12) / determinant
    gain = 1.0 - a1 - a2
    if not -1.02 <= a2 < 0.0 or a1 * a1 + 4.0 * a2 >= 0.0 or gain < 0.08:
        return samples, 0.0
    scale, b1, b2 = 1.0 / gain, a1 / gain, a2 / gain
    ring = acos(max(-1.0, min(1.0, a1 / (2.0 * sqrt(-a2))))) / (2.0 * pi)
    return [scale * x - b1 * x1 - b2 * x2 for x, x1, x2 in zip(samples[2:], samples[1:], samples, strict=False)], ring


def doubly_notched(samples: list[float]) -> list[float]:
    """Return the samples with two oscillations removed at once (AR model of fourth order); the input if that fails.

    Better than two single notches in a row where ring and rocking lie close together, at three times the cost. Four
    samples are lost.
    """
    count = len(samples)
    mean = sum(samples) / count
    y = [x - mean for x in samples]
    lags = [y[4 - i:count - i] for i in range(5)]
    rows = [[sum(map(mul, lags[i + 1], lags[j + 1])) for j in range(4)] + [sum(map(mul, lags[i + 1], lags[0]))]
            for i in range(4)]
    model = _solved(rows)
    if model is None:
        return samples
    gain = 1.0 - sum(model)
    if gain < 0.05 or abs(model[3]) > 1.05:
        return samples
    a1, a2, a3, a4 = (a / gain for a in model)
    return [x / gain - a1 * x1 - a2 * x2 - a3 * x3 - a4 * x4 for x, x1, x2, x3, x4 in zip(
        samples[4:], samples[3:], samples[2:], samples[1:], samples, strict=False)]


def _solved(rows: list[list[float]]) -> list[float] | None:
    """Return the solution of a small symmetric system (last column: right side); None when it has none."""
    size = len(rows)
    first = [rows[i][i] for i in range(size)]
    for i in range(size):
        pivot = rows[i][i]
        if pivot <= 1e-10 * first[i]:
            return None
        for below in rows[i + 1:]:
            factor = below[i] / pivot
            for k in range(i, size + 1):
                below[k] -= factor * rows[i][k]
    found = [0.0] * size
    for i in reversed(range(size)):
        rest = sum(rows[i][k] * found[k] for k in range(i + 1, size))
        found[i] = (rows[i][size] - rest) / rows[i][i]
    return found


def stretch(samples: list[float], per_block: int, notches: int, deep_below: float = 0.0) -> Stretch | None:
    """Return how still the samples are; None when there are fewer than three blocks.

    `per_block` samples make one block mean (counted from the newest), `notches` is the number of oscillations to
    take out first. Where the blocks' scatter is not far off, below `deep_below`, a double notch is tried as well, and
    the stiller answer counts.
    """
    clean, ring = samples, 0.0
    for turn in range(notches):
        clean, found = notched(clean)
        if found == 0.0:
            break
        if turn == 0:
            ring = found
    seen = _blocks(clean, per_block, ring)
    if seen is not None and seen.sd < deep_below:
        other = _blocks(doubly_notched(samples), per_block, ring)
        if other is not None and other.sd < seen.sd:
            return other
    return seen


def unrest(seen: Stretch) -> Cause:
    """Return what keeps a stretch from being still: it rises or falls, it wanders as hands do, or it shakes."""
    if abs(seen.trend) > 3.0 * seen.residual_sd:
        return "drift"
    return "hand" if seen.von_neumann < 1.0 else "vibration"


def _blocks(samples: list[float], per_block: int, ring: float) -> Stretch | None:
    blocks = len(samples) // per_block
    if blocks < 3:
        return None
    if per_block == 1:
        return judged(samples, ring)
    first = len(samples) - blocks * per_block
    return judged([sum(samples[i:i + per_block]) / per_block for i in range(first, len(samples), per_block)], ring)


def judged(means: list[float], ring: float) -> Stretch:
    """Return the figures of at least three block means."""
    blocks = len(means)
    mean = sum(means) / blocks
    deviations = [x - mean for x in means]
    square = sum(map(mul, deviations, deviations))
    slope = sum(map(mul, deviations, range(blocks))) / (blocks * (blocks * blocks - 1) / 12.0)
    about_line = max(0.0, square - slope * slope * blocks * (blocks * blocks - 1) / 12.0)
    steps = sum((b - a) * (b - a) for a, b in pairwise(deviations))
    return Stretch(
        mean=mean,
        sd=sqrt(square / (blocks - 1)),
        trend=slope * blocks,
        residual_sd=sqrt(about_line / (blocks - 2)),
        von_neumann=steps / square * blocks / (blocks - 1) if square > 0.0 else 2.0,
        blocks=blocks,
        ring=ring,
        means=means,
    )

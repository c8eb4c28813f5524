"""The slow sway of a table, taken out of a row of block means; and a mean that hardly hears what is left of it.

A table that sways at 0.7 to 4 Hz moves a heavy box by more than a division, and a stretch of one or two seconds holds
only a few periods: too few for the notch, which would make six times the noise of so low a frequency. A sinusoid of
best fit (least-squares spectral analysis: Lomb 1976) takes little from the noise, and its frequency is the table's.
"""

from __future__ import annotations

from functools import lru_cache
from math import cos, pi, sin, sqrt
from operator import mul
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

SLOWEST_HZ, FASTEST_HZ = 0.6, 4.2
TAPER_COST = pi * pi / 8.0
PERIODS = 1.4
"""A stretch that holds fewer periods cannot tell a sway from a hand that eases off."""


def tapered_mean(means: list[float]) -> float:
    """Return the mean under half a sine: vibration of f Hz leaks by 1 / ((2 f T)^2 - 1), not by 1 / (pi f T).

    White noise counts more than in a plain mean of the same T seconds: its variance by `TAPER_COST`.
    """
    level: float = sum(map(mul, _half_sine(len(means)), means))
    return level


def disagreement(means: list[float]) -> float:
    """Return by how much the tapered means of the first, the middle and the last half differ at most.

    That is the unrest which is slower than the stretch, so the error that no mean over it takes away.
    """
    half, quarter = len(means) // 2, len(means) // 4
    levels = [tapered_mean(means[first:first + half]) for first in (0, quarter, len(means) - half)]
    return max(levels) - min(levels)


def without_sway(means: list[float], block_s: float) -> list[float]:
    """Return the block means without the sinusoid that fits them best; their mean stays what it was.

    `block_s` is the time from block to block. The input itself where it is too short to hold a sway.
    """
    pairs = _sinusoids(len(means), round(1000.0 * block_s))
    if not pairs:
        return means

    def energy(place: int) -> float:
        cosine, sine = pairs[place]
        c: float = sum(map(mul, cosine, means))
        s: float = sum(map(mul, sine, means))
        return c * c + s * s

    coarse = max(range(min(1, len(pairs) - 1), len(pairs), 3), key=energy)
    cosine, sine = pairs[max(range(max(0, coarse - 1), min(len(pairs), coarse + 2)), key=energy)]
    c, s = sum(map(mul, cosine, means)), sum(map(mul, sine, means))
    return [x - c * a - s * b for x, a, b in zip(means, cosine, sine, strict=True)]


def prepare(counts: Iterable[int], block_s: float) -> None:
    """Work out the sinusoids for stretches of so many blocks now: later a sample would wait milliseconds for them."""
    for count in counts:
        _sinusoids(count, round(1000.0 * block_s))


@lru_cache(maxsize=64)
def _half_sine(count: int) -> tuple[float, ...]:
    weights = [sin(pi * (i + 0.5) / count) for i in range(count)]
    total = sum(weights)
    return tuple(weight / total for weight in weights)


@lru_cache(maxsize=64)
def _sinusoids(count: int, block_ms: int) -> tuple[tuple[tuple[float, ...], tuple[float, ...]], ...]:
    """Return pairs of unit vectors, each at right angles to its partner and to a constant, for each frequency."""
    length_s = count * block_ms / 1000.0
    found = []
    hz = max(SLOWEST_HZ, PERIODS / length_s)
    while hz <= FASTEST_HZ:
        turn = 2.0 * pi * hz * block_ms / 1000.0
        cosine = _unit([cos(turn * i) for i in range(count)])
        sine = _unit([sin(turn * i) for i in range(count)])
        overlap = sum(map(mul, cosine, sine))
        found.append((tuple(cosine), tuple(_unit([s - overlap * c for c, s in zip(cosine, sine, strict=True)]))))
        hz += 0.13 / length_s
    return tuple(found)


def _unit(values: list[float]) -> list[float]:
    mean = sum(values) / len(values)
    norm = sqrt(sum((x - mean) ** 2 for x in values))
    return [(x - mean) / norm for x in values]

"""EAN-13 and UPC-A read from grey values: the likeliest number of all that have a right check digit.

Other readers decide bar by bar where an edge is, and blur or a coarse grid of pixels moves edges: they then agree on
the same wrong number. Here nothing is decided before the end. Each digit's seven modules are compared with all twenty
patterns as they look when blurred, and the number with the least total misfit wins, if the runner-up is clearly
worse. Patterns, parity and check digit: GS1 General Specifications, section 5.2.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

import cv2
import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

MODULES = 95
QUIET = 5
"""Light modules before and behind the code that are looked at; the standard asks for 7 to 11."""
BENDS = (-2.0, -1.0, 0.0, 1.0, 2.0)
"""How far the middle of the code may be out of line, in modules: perspective, round packages."""
SAMPLES = 4
"""Grey values looked at per module."""
BLURS = (0.35, 0.6, 0.9)
"""Blur of print, lens and pixels together: standard deviation in modules."""
LEAST_FIT = 0.8
"""Least mean correlation of the digits with their patterns."""
LEAST_MARGIN = 1.25
"""The runner-up's misfit must be so many times the winner's."""

_LEFT = ("0001101", "0011001", "0010011", "0111101", "0100011", "0110001", "0101111", "0111011", "0110111", "0001011")
_FIRST = ("LLLLLL", "LLGLGG", "LLGGLG", "LLGGGL", "LGLLGG", "LGGLLG", "LGGGLL", "LGLGLG", "LGLGGL", "LGGLGL")
_STARTS = tuple(3 + 7 * place + (5 if place > 5 else 0) for place in range(12))


@dataclass(frozen=True, slots=True)
class Retail:
    """A number with its first and last module's place in the profile, as shares of its length."""

    digits: str
    left: float
    right: float


def read_retail(profile: Floats) -> Retail | None:
    """Return the EAN-13 (UPC-A as EAN-13 with a leading 0) in a row of grey values, or None if no number is clear.

    The code may lie anywhere in the row, either way round, with light before and behind it; it is at least half as
    long.
    """
    dark = _darkness(profile)
    best: tuple[float, Retail] | None = None
    for row, turned in ((dark, False), (dark[::-1], True)):
        for places in _alignments(row):
            misfit, digits, clear = _likeliest(_cells(row, places))
            if clear and (best is None or misfit < best[0]):
                left, right = places[0] / len(row), places[-1] / len(row)
                best = (misfit, Retail(digits, 1 - right if turned else left, 1 - left if turned else right))
    return best[1] if best else None


def _darkness(profile: Floats) -> Floats:
    """The row from 0 (paper) to 1 (ink), with light that changes along it taken out."""
    row = profile.astype(np.float32)[None]
    window = max(5, len(profile) // 9)
    high = cv2.blur(cv2.dilate(row, np.ones((1, window), np.uint8)), (window, 1))
    low = cv2.blur(cv2.erode(row, np.ones((1, window), np.uint8)), (window, 1))
    contrast = high - low
    # Where nothing is printed the contrast is noise, which must not look like ink.
    floor = max(6.0, 0.35 * float(np.percentile(contrast, 80)))
    return np.asarray(((high - row) / np.maximum(contrast, floor))[0], np.float64)


def _alignments(row: Floats) -> list[Floats]:
    """Where the samples of all modules lie in the row, for the few likeliest starts, ends and bends of the code.

    A code starts where ink begins and ends where it stops. Such pairs are first compared with the mean of all numbers
    (guard bars, quiet zones, what each digit begins and ends with); the likeliest are then moved a little to fit any
    digits best.
    """
    starts = _crossings(row)
    ends = len(row) - _crossings(row[::-1])
    pairs = [(a, b) for a in starts for b in ends if b - a > 0.45 * len(row)]
    if not pairs:
        return []
    first = _varied(np.array([(a, b, 0.0) for a, b in pairs]), ((0.0,), (0.0,), BENDS))
    at = (np.arange(-QUIET * 2, (MODULES + QUIET) * 2) + 0.5) / (MODULES * 2)
    seen = _look(row, first, at)
    outside = np.concatenate([seen[:, : QUIET * 2], seen[:, -QUIET * 2 :]], axis=1).mean(axis=1)
    mean = np.repeat(_mean_pattern(), 2)
    seen = seen - seen.mean(axis=1, keepdims=True)
    fit = seen @ (mean - mean.mean()) / (np.linalg.norm(seen, axis=1) + 1e-9)
    likeliest = first[np.argsort(outside - fit)[:30]]
    fine = (np.arange(MODULES * SAMPLES) + 0.5) / (MODULES * SAMPLES)
    for step, keep in ((0.5, 6), (0.25, 3)):
        moved = _varied(likeliest, ((-step, 0.0, step), (-step, 0.0, step), (-step, 0.0, step)))
        fits = _any_digits(_look(row, moved, fine).reshape(len(moved), MODULES, SAMPLES))
        likeliest = moved[np.argsort(-fits)[:keep]]
    return list(_spread(likeliest, fine))


def _crossings(row: Floats) -> Floats:
    """Where the row becomes darker than half, to a fraction of a sample."""
    before = np.nonzero((row[:-1] < 0.5) & (row[1:] >= 0.5))[0]
    return np.asarray(before + (0.5 - row[before]) / (row[before + 1] - row[before] + 1e-9))


def _varied(places: Floats, moves: tuple[tuple[float, ...], ...]) -> Floats:
    """Each start, end and bend moved by some modules in all combinations."""
    module = (places[:, 1] - places[:, 0])[:, None, None] / MODULES
    steps = np.stack(np.meshgrid(*moves, indexing="ij"), axis=-1).reshape(1, -1, 3)
    return np.asarray((places[:, None] + steps * module).reshape(-1, 3))


def _spread(places: Floats, at: Floats) -> Floats:
    start, end, bend = (places[:, column, None] for column in range(3))
    return np.asarray(start + (end - start) * at + bend * 4 * at * (1 - at))


def _look(row: Floats, places: Floats, at: Floats) -> Floats:
    return np.asarray(np.interp(_spread(places, at), np.arange(len(row)), row))


def _any_digits(cells: Floats) -> Floats:
    """How well the best pattern of each place fits, on the mean of the places, for many alignments at once."""
    spans = np.stack([cells[:, start - 1 : start + 8].reshape(len(cells), -1) for start in _STARTS], axis=1)
    spans = spans - spans.mean(axis=2, keepdims=True)
    fits = spans @ _patterns(BLURS[1]).T / (np.linalg.norm(spans, axis=2, keepdims=True) + 1e-9)
    return np.asarray(fits[:, :6, :20].max(axis=2).mean(axis=1) + fits[:, 6:, 20:].max(axis=2).mean(axis=1))


def _cells(row: Floats, places: Floats) -> Floats:
    return np.asarray(np.interp(places, np.arange(len(row)), row).reshape(MODULES, SAMPLES))


def _likeliest(cells: Floats) -> tuple[float, str, bool]:
    """The least misfit, its number, and whether it is clear."""
    best = (np.inf, "", False)
    for blur in BLURS:
        costs, fits = _costs(cells, blur)
        left, right = fits[:6, :20].max(axis=1), fits[6:, 20:].max(axis=1)
        if left.mean() + right.mean() < 2 * LEAST_FIT:
            continue
        (first, digits), (second, _) = _two_best(costs)
        fit = float(np.mean([fits[place, _pattern_of(digits, place)] for place in range(12)]))
        if first < best[0]:
            best = (first, digits, fit >= LEAST_FIT and second >= LEAST_MARGIN * first)
    return best


def _costs(cells: Floats, blur: float) -> tuple[Floats, Floats]:
    """For 12 places and 30 patterns (L, G, R by digit): squared misfit, and correlation."""
    patterns = _patterns(blur)
    spans = np.stack([cells[start - 1 : start + 8].ravel() for start in _STARTS])
    spans = spans - spans.mean(axis=1, keepdims=True)
    energy = (spans**2).sum(axis=1, keepdims=True)
    fits = spans @ patterns.T / (np.sqrt(energy) + 1e-9)
    return np.asarray(energy * (1 - np.maximum(fits, 0) ** 2)), np.asarray(fits)


def _pattern_of(digits: str, place: int) -> int:
    digit = int(digits[place + 1])
    return 20 + digit if place > 5 else digit + (10 if _FIRST[int(digits[0])][place] == "G" else 0)


def _two_best(costs: Floats) -> tuple[tuple[float, str], tuple[float, str]]:
    """The two numbers with the least total misfit among those with a right check digit.

    One pass over the places keeps, for each first digit and each sum modulo 10 so far, the two best beginnings.
    """
    firsts, sums = np.arange(10), np.arange(10)
    group = np.array(
        [[20 if place > 5 else 10 if parity[place] == "G" else 0 for place in range(12)] for parity in _FIRST]
    )
    total = np.full((10, 10, 2), np.inf)
    total[firsts, firsts, 0] = 0.0  # the first digit itself weighs 1
    back = np.zeros((12, 10, 10, 2), np.int64)
    for place in range(12):
        row = costs[place][group[:, place, None] + sums]
        weight = 3 if place % 2 == 0 else 1
        # For each first digit and new sum: ten digits, each from the sum that it was before, two beginnings each.
        before = (sums[:, None] - weight * sums) % 10
        ways = (total[:, before] + row[:, None, :, None]).reshape(10, 10, 20)
        back[place] = np.argsort(ways, axis=2)[:, :, :2]
        total = np.take_along_axis(ways, back[place], axis=2)
    ends = sorted((float(total[first, 0, rank]), int(first), rank) for first in firsts for rank in (0, 1))
    (one, *at_one), (two, *at_two) = ends[0], ends[1]
    return (one, _traced(back, *at_one)), (two, _traced(back, *at_two))


def _traced(back: NDArray[np.int64], first: int, rank: int) -> str:
    digits: list[int] = []
    total = 0
    for place in range(11, -1, -1):
        digit, rank = divmod(int(back[place, first, total, rank]), 2)
        digits.append(digit)
        total = (total - (3 if place % 2 == 0 else 1) * digit) % 10
    return str(first) + "".join(str(digit) for digit in reversed(digits))


@cache
def _patterns(blur: float) -> Floats:
    """The 30 patterns with the module before and behind, blurred, zero mean, unit length, `SAMPLES` a module."""
    rows = []
    for code in (*_LEFT, *(_reverse(_opposite(code)) for code in _LEFT), *map(_opposite, _LEFT)):
        # A left digit follows a dark module and precedes a light one; a right digit the other way round.
        around = f"01{code}01" if code[0] == "0" else f"10{code}10"
        fine = np.repeat(np.array([float(bit) for bit in around]), SAMPLES * 4)
        soft = cv2.GaussianBlur(fine[None], (0, 0), blur * SAMPLES * 4)[0]
        rows.append(soft.reshape(-1, 4).mean(axis=1)[SAMPLES:-SAMPLES])
    table = np.array(rows)
    table -= table.mean(axis=1, keepdims=True)
    return np.asarray(table / np.linalg.norm(table, axis=1, keepdims=True))


@cache
def _mean_pattern() -> Floats:
    """How dark each of the 95 modules is on the average of all numbers, quiet zones around them."""
    left = np.mean(
        [[float(bit) for bit in code] for code in (*_LEFT, *(_reverse(_opposite(c)) for c in _LEFT))], axis=0
    )
    right = np.mean([[float(bit) for bit in _opposite(code)] for code in _LEFT], axis=0)
    bars = [[1, 0, 1], np.tile(left, 6), [0, 1, 0, 1, 0], np.tile(right, 6), [1, 0, 1]]
    return np.concatenate([np.zeros(QUIET), *bars, np.zeros(QUIET)])


def _opposite(code: str) -> str:
    return code.translate(str.maketrans("01", "10"))


def _reverse(code: str) -> str:
    return code[::-1]

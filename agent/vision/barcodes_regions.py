"""Where codes are, at any angle: the structure tensor of the picture, pooled in cells of a few pixels.

Bigun and Granlund 1987: the 2x2 matrix of averaged gradient products has one large eigenvalue where all gradients
point the same way, as in a linear code, and two where they point both ways, as in a matrix code or in print.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import combinations
from typing import TYPE_CHECKING

import cv2
import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from agent.vision.barcodes_views import Grey, Quad

    Field = NDArray[np.float32]

CELL_PX = 4
TENSOR_SIDE_PX = 1300
COHERENCE = 0.7
ONE_SIDED = 0.08
BOTH_WAYS = 0.12
LEAST_ENERGY = 40.0
"""Mean squared gradient in grey levels per pixel: sensor noise of 4 levels makes about 5, bars of contrast 30 200."""


@dataclass(frozen=True, slots=True)
class Tensor:
    """Structure tensor and mean gradient, pooled in cells, and how many pixels of the picture a cell is wide."""

    xx: Field
    yy: Field
    xy: Field
    x: Field
    y: Field
    cell_px: float

    @property
    def energy(self) -> Field:
        return np.asarray(self.xx + self.yy, np.float32)

    @property
    def coherence(self) -> Field:
        return np.asarray(np.hypot(self.xx - self.yy, 2 * self.xy) / (self.energy + 1e-3), np.float32)

    @property
    def one_sided(self) -> Field:
        """How much the gradients have one sign, 0 to 1: bars go up and down again, the edge of a label goes one way."""
        return np.asarray((self.x**2 + self.y**2) / (self.energy + 1e-3), np.float32)

    def spread(self, cells: int) -> Tensor:
        """Return the tensor averaged over a square of `cells` x `cells`."""
        xx, yy, xy, x, y = (
            np.asarray(cv2.blur(m, (cells, cells)), np.float32) for m in (self.xx, self.yy, self.xy, self.x, self.y)
        )
        return Tensor(xx, yy, xy, x, y, self.cell_px)


def tensor(grey: Grey, side_px: int = TENSOR_SIDE_PX) -> Tensor:
    """Return the structure tensor of a copy whose longer side is at most `side_px`."""
    scale = min(1.0, side_px / max(grey.shape))
    small = cv2.resize(grey, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA) if scale < 1 else grey
    gx, gy = (cv2.Scharr(small, cv2.CV_32F, *order, scale=1 / 32) for order in ((1, 0), (0, 1)))
    size = (max(1, small.shape[1] // CELL_PX), max(1, small.shape[0] // CELL_PX))
    xx, yy, xy, x, y = (
        np.asarray(cv2.resize(m, size, interpolation=cv2.INTER_AREA), np.float32)
        for m in (gx * gx, gy * gy, gx * gy, gx, gy)
    )
    return Tensor(xx, yy, xy, x, y, grey.shape[1] / size[0])


def linear_regions(field: Tensor, *, most: int = 6, least_cells: int = 18) -> list[Quad]:
    """Return up to `most` quadrilaterals in the picture, the largest first; their first side runs along the code.

    The left and right sides follow the bars, which converge under perspective, and the other two the code's own skew.
    """
    wide = field.spread(5)
    energy = wide.energy
    floor = max(LEAST_ENERGY, 0.2 * float(np.percentile(energy, 97)))
    mask = ((wide.coherence > COHERENCE) & (energy > floor) & (wide.one_sided < ONE_SIDED)).astype(np.uint8)
    mask = np.asarray(cv2.morphologyEx(mask, cv2.MORPH_CLOSE, np.ones((3, 3), np.uint8)), np.uint8)
    mask = np.asarray(cv2.morphologyEx(mask, cv2.MORPH_OPEN, np.ones((2, 2), np.uint8)), np.uint8)
    count, labels, stats, _ = cv2.connectedComponentsWithStats(mask)
    largest = sorted(range(1, count), key=lambda i: -stats[i, cv2.CC_STAT_AREA])[:most]
    parts = [np.nonzero(labels == i) for i in largest if stats[i, cv2.CC_STAT_AREA] >= least_cells]
    quads = [_quad(part, field) for part in parts]
    # A blurred code, or one under glare, comes in pieces; pieces in one line are tried together too.
    for a, b in combinations(range(len(parts)), 2):
        one, other = quads[a], quads[b]
        if one is not None and other is not None and _in_line(one, other):
            both = tuple(np.concatenate(pair) for pair in zip(parts[a], parts[b], strict=True))
            quads.append(_quad(both, field))
    return [quad for quad in quads if quad is not None]


def _in_line(one: Quad, other: Quad) -> bool:
    """Whether two quadrilaterals look like pieces of one code: same direction, same rows, not far apart."""
    first, second = (quad[1] + quad[2] - quad[0] - quad[3] for quad in (one, other))
    lengths = float(np.hypot(*first)) / 2, float(np.hypot(*second)) / 2
    if abs(float(first @ second)) < 0.97 * 4 * lengths[0] * lengths[1]:
        return False
    along = first / (2 * lengths[0])
    apart = other.mean(axis=0) - one.mean(axis=0)
    beside = abs(float(along[0] * apart[1] - along[1] * apart[0]))
    height = float(np.linalg.norm(one[3] - one[0] + one[2] - one[1])) / 2
    gap = abs(float(along @ apart)) - sum(lengths) / 2
    return beside < 0.4 * height and gap < 0.5 * max(lengths)


def _quad(cells: tuple[NDArray[np.int64], ...], field: Tensor) -> Quad | None:
    ys, xs = cells
    weights = field.energy[cells]
    total = float(weights.sum()) + 1e-6
    xx, yy, xy = (float(m[cells].sum()) / total for m in (field.xx, field.yy, field.xy))
    if np.hypot(xx - yy, 2 * xy) < 0.6 * (xx + yy):
        return None  # not one direction
    theta = 0.5 * np.arctan2(2 * xy, xx - yy)
    along, across = np.array([np.cos(theta), np.sin(theta)]), np.array([-np.sin(theta), np.cos(theta)])
    points = np.column_stack([xs, ys]) + 0.5
    middle = points.mean(axis=0)
    u, v = (points - middle) @ along, (points - middle) @ across
    left, right = float(u.min()) - 0.5, float(u.max()) + 0.5
    if right - left < 5:
        return None
    turn = _turn_per_cell(u, cells, field, theta)
    skew, top, bottom = _edges(u, v)
    corners = []
    for end, edge in ((left, top), (right, top), (right, bottom), (left, bottom)):
        height = edge + skew * end
        # The bars at this end lean by turn * end against those in the middle.
        corners.append(middle + along * (end - np.tan(turn * end) * height) + across * height)
    return np.asarray(np.array(corners) * field.cell_px - 0.5, np.float32)


def _turn_per_cell(u: NDArray[np.float64], cells: tuple[NDArray[np.int64], ...], field: Tensor, theta: float) -> float:
    """Return by how many radians the bars turn from one cell to the next along the code (perspective)."""
    doubled = np.arctan2(2 * field.xy[cells], field.xx[cells] - field.yy[cells]) - 2 * theta
    lean = 0.5 * np.arctan2(np.sin(doubled), np.cos(doubled))
    weights = field.energy[cells] * (np.abs(lean) < 0.35)
    moment = float((weights * u * u).sum())
    turn = float((weights * u * lean).sum()) / moment if moment > 0 else 0.0
    limit = 0.35 / max(1.0, float(np.abs(u).max()))
    return float(np.clip(turn, -limit, limit))


def _edges(u: NDArray[np.float64], v: NDArray[np.float64]) -> tuple[float, float, float]:
    """Return the code's skew (dv/du of its middle line) and the offsets of its upper and lower edge from the origin."""
    bins = np.round(u).astype(int)
    bins -= bins.min()
    counts = np.bincount(bins)
    full = counts > 0.5 * np.median(counts[counts > 0])
    centres = np.bincount(bins, v)[full] / counts[full]
    at = np.bincount(bins, u)[full] / counts[full]
    spread = float(((at - at.mean()) ** 2).sum())
    skew = float(((at - at.mean()) * centres).sum()) / spread if spread > 0 and len(at) > 4 else 0.0
    skew = float(np.clip(skew, -1.0, 1.0))
    rest = v - skew * u
    top, bottom = np.percentile(rest, [4, 96])
    return skew, float(top) - 0.3, float(bottom) + 0.3


@dataclass(frozen=True, slots=True)
class Blob:
    """A place that may hold a matrix code: middle and half sides in pixels of the picture, upright."""

    middle: tuple[float, float]
    half: tuple[float, float]

    def resembles(self, other: Blob) -> bool:
        """Return whether both are the same place, more or less."""
        size = max(self.half)
        return math.dist(self.middle, other.middle) < 0.3 * size and 0.75 < max(other.half) / size < 1.33


def matrix_regions(field: Tensor, *, most: int = 12, least_cells: int = 6) -> list[Blob]:
    """Return up to `most` places of each of two strengths where gradients point both ways, the strongest first.

    What hangs together by print and the ends of bars at the lower strength comes apart at the higher one.
    """
    near = field.spread(3)
    energy = near.energy
    weaker = 0.5 * (energy - np.hypot(near.xx - near.yy, 2 * near.xy))
    strongest = float(np.percentile(weaker, 99.5))
    blobs: list[Blob] = []
    for share in (0.1, 0.4):
        mask = (weaker > max(LEAST_ENERGY / 2, share * strongest)) & (weaker > BOTH_WAYS * energy)
        for blob in _blobs(mask, weaker, field.cell_px, most, least_cells):
            if not any(blob.resembles(other) for other in blobs):
                blobs.append(blob)
    return blobs


def _blobs(mask: NDArray[np.bool_], weaker: Field, cell_px: float, most: int, least_cells: int) -> Iterator[Blob]:
    count, labels, stats, _ = cv2.connectedComponentsWithStats(mask.astype(np.uint8), connectivity=4)
    strength = np.bincount(np.asarray(labels, np.intp).ravel(), weaker.ravel(), minlength=count)
    strength[0] = 0
    for i in np.argsort(-strength)[:most]:
        if i == 0 or stats[i, cv2.CC_STAT_AREA] < least_cells:
            continue
        x, y, w, h = (int(side) for side in stats[i, :4])
        yield Blob(((x + w / 2) * cell_px - 0.5, (y + h / 2) * cell_px - 0.5), (w * cell_px / 2, h * cell_px / 2))


def lattice_angle(grey: Grey, blob: Blob) -> float:
    """Return the direction of the edges of a square pattern, in radians within 45 degrees of the rows.

    All four edge directions of a square lattice are the same angle times four, so the mean of exp(4i angle) finds it.
    """
    (x, y), (a, b) = blob.middle, blob.half
    part = grey[max(0, int(y - b)) : int(y + b) + 1, max(0, int(x - a)) : int(x + a) + 1]
    gx, gy = (cv2.Scharr(part, cv2.CV_32F, *order) for order in ((1, 0), (0, 1)))
    # (gx + i gy)^4 / |g|^2: the fourth power of the direction, weighted by the squared gradient.
    square = (gx + 1j * gy) ** 2
    power = np.abs(square)
    return float(np.angle(np.sum(square * square / (power + 1e-3))) / 4)

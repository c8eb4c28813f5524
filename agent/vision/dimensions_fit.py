"""Pulls a box onto the edges of the picture, to a tenth of a pixel.

Robust least squares on the distances from the predicted edges to the edges found across them (Lowe 1991; Cauchy
weights).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import cv2
import numpy as np

from agent.vision import dimensions_cuboid as cuboid

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from agent.vision.dimensions_evidence import Evidence
    from agent.vision.dimensions_view import View

    Points = NDArray[np.float64]

# search half width in pixels, spread of the preference for near edges, rounds
SCHEDULE = ((8.0, 4.5, 3), (5.0, 2.5, 3), (4.0, 1.8, 5))
FINE = ((4.0, 1.8, 4),)
STRONG = 5.0
COLOURED, RISING = 1.5, 5.0
# How far outside an edge the platform is looked for (the map is blurred), and the standing of an edge without it.
BEYOND_PX, INNER = 6.0, 0.15


@dataclass(frozen=True, slots=True, eq=False)
class Samples:
    """Points on the visible edges of one box in one view: n rows.

    `edge` and `share` say where on the box, `pixel` and `normal` where in the picture (outwards for an outline).
    """

    edge: NDArray[np.int64]
    share: Points
    pixel: Points
    normal: Points
    outline: NDArray[np.bool_]

    def only(self, held: NDArray[np.bool_]) -> Samples:
        """Return the samples that are held (n flags)."""
        return Samples(self.edge[held], self.share[held], self.pixel[held], self.normal[held], self.outline[held])


def place(view: View, box: Points, edge: NDArray[np.int64], share: Points, radius_mm: float) -> Points:
    """Return the pixels (n x 2) of points on the rounded edges of a box."""
    start, end = cuboid.rounded_edges(box, view.centre, radius_mm)
    return view.pixels(start[edge] + share[:, None] * (end - start)[edge])


def samples(view: View, box: Points, radius_mm: float, every_px: float = 5.0) -> Samples:
    """Return points along the visible edges of a box, the ends left out."""
    kinds = cuboid.seen_edges(box[None], view.centre)[0]
    start, end = cuboid.rounded_edges(box, view.centre, radius_mm)
    ends = view.pixels(np.stack([start, end]))
    length = np.sqrt(((ends[1] - ends[0]) ** 2).sum(axis=1))
    counts = np.where(kinds > 0, np.clip(length / every_px, 5, 48).astype(np.int64), 0)
    edge = np.repeat(np.arange(12), counts)
    number = np.arange(len(edge)) - np.repeat(np.cumsum(counts) - counts, counts)
    share = 0.05 + 0.9 * (number + 0.5) / counts[edge]
    along = (end - start)[edge]
    point = start[edge] + share[:, None] * along
    pixel, further = view.pixels(np.stack([point, point + 0.01 * along]))
    ahead = further - pixel
    ahead /= np.maximum(np.sqrt((ahead * ahead).sum(axis=1, keepdims=True)), 1e-9)
    normal = np.column_stack([ahead[:, 1], -ahead[:, 0]])
    middle = view.pixels(np.array([[box[0], box[1], box[5] / 2]]))[0]
    outward = np.sum(normal * (pixel - middle), axis=1) >= 0
    normal = np.where(outward[:, None], normal, -normal)
    return Samples(edge, share, pixel, normal, kinds[edge] == 1)


def across(seen: Evidence, points: Samples, reach_px: float) -> tuple[Points, Points, Points]:
    """Return offsets (k), the edge strength (n x k) along each sample's normal, background removed, and its standing.

    An edge's standing (n x k, 0 ... 1) is how far it may be the outline: beyond that there is platform, while beyond
    the rim of a label on the wall there is more wall. Creases have 1.
    """
    offsets = np.arange(-reach_px, reach_px + 0.01, 0.5)
    x = (points.pixel[:, 0:1] + offsets * points.normal[:, 0:1] - seen.left).astype(np.float32)
    y = (points.pixel[:, 1:2] + offsets * points.normal[:, 1:2] - seen.top).astype(np.float32)
    now, before = (_strength(tensor, x, y, points.normal) for tensor in (seen.tensor, seen.tensor_empty))
    strength = np.maximum(now - np.where(points.outline[:, None], 0.9 * before, 0.0), 0)
    foot = points.edge < 4
    if foot.any():
        # where light rises outwards, its steepest place is the shadow's end; colours say where the wall ends
        now, before = (_strength(tensor, x[foot], y[foot], points.normal[foot])
                       for tensor in (seen.chroma, seen.chroma_empty))
        colour = np.maximum(now - 0.9 * before, 0)
        rise = _grey(seen, points, 4.0)[foot] - _grey(seen, points, -3.0)[foot]
        edge = points.edge[foot]
        clear = ((_medians(edge, colour.max(axis=1)) > COLOURED) & (_medians(edge, rise) > RISING))[edge]
        rows = np.nonzero(foot)[0][clear]
        strength[rows] = 1.5 * colour[clear] + 0.18 * strength[rows]
    beyond = cv2.remap(seen.platform, x + BEYOND_PX * points.normal[:, 0:1].astype(np.float32),
                       y + BEYOND_PX * points.normal[:, 1:2].astype(np.float32), cv2.INTER_LINEAR,
                       borderMode=cv2.BORDER_REPLICATE)
    standing = np.where(points.outline[:, None], INNER + (1 - INNER) * beyond, 1.0)
    return offsets, np.asarray(strength, float), np.asarray(standing, float)


def _medians(edge: NDArray[np.int64], values: Points) -> Points:
    """The median of the samples' values (n) on each of the four edges at the foot; samples are in order of edges."""
    counts = np.bincount(edge, minlength=4)
    ordered = np.append(values[np.lexsort((values, edge))], 0.0)
    return np.asarray(ordered[np.cumsum(counts) - counts + counts // 2])


def _grey(seen: Evidence, points: Samples, out_px: float) -> Points:
    """The grey value (n) that far outside each sample."""
    place = (points.pixel + out_px * points.normal - (seen.left, seen.top)).astype(np.float32)
    return np.asarray(cv2.remap(seen.grey, place[:, 0:1], place[:, 1:2], cv2.INTER_LINEAR,
                                borderMode=cv2.BORDER_REPLICATE)[:, 0], float)


def _strength(tensor: NDArray[np.float32], x: NDArray[np.float32], y: NDArray[np.float32], normal: Points) -> Points:
    """The slope along each sample's normal (n x k) at map positions x, y (n x k)."""
    found = cv2.remap(tensor, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_CONSTANT, borderValue=0)
    nx, ny = normal[:, 0:1], normal[:, 1:2]
    return np.asarray(np.sqrt(np.maximum(found[:, :, 0] * nx * nx + 2 * found[:, :, 1] * nx * ny
                                         + found[:, :, 2] * ny * ny, 0)), float)


def nearest(offsets: Points, strength: Points, standing: Points, spread_px: float) -> tuple[Points, Points]:
    """Return for each sample the offset of its best edge and that edge's strength (0 where there is none)."""
    if len(strength) == 0:
        return np.zeros(0), np.zeros(0)
    inner = strength[:, 1:-1]
    peak = (inner >= strength[:, :-2]) & (inner >= strength[:, 2:]) & (inner > 0.4)
    wish = np.where(peak, np.sqrt(inner * standing[:, 1:-1]) * np.exp(-0.5 * (offsets[1:-1] / spread_px) ** 2), 0)
    best = wish.argmax(axis=1)
    row = np.arange(len(strength))
    before, here, after = strength[row, best], strength[row, best + 1], strength[row, best + 2]
    bend = before - 2 * here + after
    shift = np.where(bend < -1e-6, 0.5 * (before - after) / np.minimum(bend, -1e-6), 0)
    found = wish[row, best] > 0
    return np.where(found, offsets[best + 1] + 0.5 * np.clip(shift, -1, 1), 0.0), np.where(found, here, 0.0)


def slopes(view: View, box: Points, points: Samples) -> Points:
    """Return how each sample moves along its normal (n x 6) when the six numbers of the box change.

    By the pinhole model: distortion changes these slopes by a few per cent, which costs a step and no accuracy.
    """
    first, last = cuboid.SIGNS[cuboid.STARTS[points.edge]], cuboid.SIGNS[cuboid.ENDS[points.edge]]
    sign = first + points.share[:, None] * (last - first)
    cos, sin = math.cos(box[2]), math.sin(box[2])
    x, y = sign[:, 0] * box[3] / 2, sign[:, 1] * box[4] / 2
    world = np.column_stack([box[0] + x * cos - y * sin, box[1] + x * sin + y * cos, sign[:, 2] * box[5]])
    seen = world @ view.R.T + view.t
    flat = seen[:, :2] / seen[:, 2:]
    along = points.normal * (view.K[0, 0], view.K[1, 1]) / seen[:, 2:]
    toward = along @ view.R[:2] - np.sum(along * flat, axis=1, keepdims=True) * view.R[2]
    return np.column_stack([toward[:, 0], toward[:, 1],
                            toward[:, 0] * (-x * sin - y * cos) + toward[:, 1] * (x * cos - y * sin),
                            sign[:, 0] / 2 * (toward[:, 0] * cos + toward[:, 1] * sin),
                            sign[:, 1] / 2 * (toward[:, 1] * cos - toward[:, 0] * sin),
                            sign[:, 2] * toward[:, 2]])


def refine(views: Sequence[Evidence], box: Points, radius_mm: float,
           schedule: tuple[tuple[float, float, int], ...] = SCHEDULE) -> Points:
    """Return the box (6) that fits the edges near the given one in all views at once."""
    box = box.copy()
    for reach_px, spread_px, rounds in schedule:
        for _ in range(rounds):
            matrix, right = np.diag([1e-5, 1e-5, 1.0, 1e-5, 1e-5, 1e-5]), np.zeros(6)
            for seen in views:
                points = samples(seen.view, box, radius_mm, 6.0 if reach_px > 5 else 5.0)
                offset, strength = nearest(*across(seen, points, reach_px), spread_px)
                scale = max(0.35 * spread_px, 0.9)
                weight = np.minimum(strength / STRONG, 1.0) / (1 + (offset / scale) ** 2)
                slope = slopes(seen.view, box, points)
                matrix += slope.T @ (slope * weight[:, None])
                right += slope.T @ (weight * offset)
            change = np.linalg.solve(matrix, right)
            limit = np.array([15, 15, 0.05, 20, 20, 20])
            box += np.clip(change, -limit, limit)
            box[3:] = np.maximum(box[3:], 8.0)
            if np.all(np.abs(change) < (0.05, 0.05, 1e-4, 0.05, 0.05, 0.05)):
                break
    return box

"""How well a box explains a frame: its edges are there, platform is around it, and nothing else asks for an answer."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import cv2
import numpy as np

from agent.vision import dimensions_cuboid as cuboid
from agent.vision import dimensions_fit as fit
from agent.vision.dimensions_search import GRID, coarse_shape, new_lines

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from agent.vision.dimensions_evidence import Evidence
    from agent.vision.dimensions_search import Aligned

    Points = NDArray[np.float64]
    Mask = NDArray[np.uint8]

@dataclass(frozen=True, slots=True)
class Marks:
    """What speaks for and against a box in one view; shares are 0 ... 1.

    `support`: mean support of its visible edges. `weakest`: the support of its worst outline edge. `rms_px`: spread of
    the found edges about it.
    `foreign`: what certainly is no platform outside it, as a share of its area. `hollow`: platform inside it.
    `unexplained`: the share of aligned edges outside it.
    `crease`: the support of the edges between visible faces. `gap`: the longest share of an outline edge that has
    platform on both sides and no edge between.
    """

    support: float
    weakest: float
    rms_px: float
    foreign: float
    hollow: float
    unexplained: float
    crease: float
    gap: float

    @property
    def score(self) -> float:
        """One figure to rank boxes by."""
        return (self.support - 0.6 * max(0.0, self.foreign - 0.02) - 0.6 * max(0.0, self.hollow - 0.05)
                - 0.6 * self.unexplained - 0.2 * max(0.0, 0.5 - self.weakest))


def marks(seen: Evidence, edges: Aligned, box: Points, radius_mm: float) -> Marks:
    """Return how well a box (6) explains one view."""
    points = fit.samples(seen.view, box, radius_mm)
    if len(points.edge) == 0:
        return Marks(0.0, 0.0, 9.0, 1.0, 1.0, 1.0, 0.0, 1.0)
    offset, strength = fit.nearest(*fit.across(seen, points, 4.0), 1.8)
    clear = np.minimum(strength / fit.STRONG, 1.0) ** 0.5 * np.exp(-0.5 * (offset / 1.6) ** 2)
    outside = look(seen.platform, seen, points.pixel + 8 * points.normal)
    inside = look(seen.platform, seen, points.pixel - 5 * points.normal)
    bounded = (0.5 + 0.5 * outside) * (0.5 + 0.5 * (1 - inside))
    support = clear * np.where(points.outline, bounded, 1.0)
    sizes = np.bincount(points.edge, minlength=12)
    shown, edge_sizes = sizes > 0, np.maximum(sizes, 1)
    means = np.bincount(points.edge, support, 12) / edge_sizes
    outlines = np.bincount(points.edge, points.outline, 12) > 0
    open_here = points.outline & (inside > 0.7) & (outside > 0.7) & (strength < 2.0)
    gap = float((np.bincount(points.edge, open_here, 12) / edge_sizes).max())
    creases = means[shown & ~outlines]
    held = strength > 0.8
    rms = float(np.sqrt(np.mean(np.minimum(np.abs(offset[held]), 3) ** 2))) if held.any() else 9.0
    hull = hull_mask(seen, box)
    area = max(1.0, float(hull.sum()))
    grown, shrunk = cv2.dilate(hull, np.ones((5, 5), np.uint8)), cv2.erode(hull, np.ones((5, 5), np.uint8))
    outer = ((edges.platform < 0.2) & (grown == 0)).astype(np.uint8)
    foreign = cv2.morphologyEx(outer, cv2.MORPH_OPEN, np.ones((2, 2), np.uint8))
    hollow = ((edges.platform > 0.8) & (shrunk == 1)).sum() / area
    total = float(edges.strongest.sum()) + 1e-6
    return Marks(float(support.mean()), float(means[outlines].min()) if outlines.any() else 0.0, rms,
                 float(foreign.sum()) / area, float(hollow), float(edges.strongest[grown == 0].sum()) / total,
                 float(creases.mean()) if len(creases) else 0.0, gap)


def look(picture: NDArray[np.float32], seen: Evidence, pixels: Points) -> Points:
    """Return a map's values at picture pixels (n x 2); its border goes on."""
    x = (pixels[:, 0] - seen.left).astype(np.float32)[:, None]
    y = (pixels[:, 1] - seen.top).astype(np.float32)[:, None]
    return np.asarray(cv2.remap(picture, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)[:, 0], float)


def stray(seen: Evidence, box: Points) -> float:
    """Return the length of new straight lines outside a box, as a multiple of its size in the picture.

    A second box of the platform's own colour hides nothing that could be missed, but it has edges, in any direction.
    A shadow has a soft rim.
    """
    lines, fresh_px = new_lines(seen)
    hull = cv2.dilate(hull_mask(seen, box), np.ones((5, 5), np.uint8))
    middle = np.clip(lines.mean(axis=1) / GRID, 0, np.array(hull.shape[::-1]) - 1).astype(int)
    outside = hull[middle[:, 1], middle[:, 0]] == 0
    return float(fresh_px[outside].sum() / (GRID * max(1.0, float(hull.sum())) ** 0.5))


def hull_mask(seen: Evidence, box: Points) -> Mask:
    """Return where the box is, 1 inside, on the grid of the evidence's maps."""
    mask = np.zeros(coarse_shape(seen), np.uint8)
    pixels = (seen.view.pixels(cuboid.corners(box[None])[0]) - (seen.left, seen.top) + 0.5) / GRID - 0.5
    hull = cv2.convexHull(pixels.astype(np.float32)).reshape(-1, 2)
    cv2.fillConvexPoly(mask, np.round(hull * 16).astype(np.int32), 1, cv2.LINE_8, 4)
    return mask

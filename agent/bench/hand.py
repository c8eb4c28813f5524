"""A forearm and four fingers, as rounded rods."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import cv2
import numpy as np

from agent.bench.lens import straight_map
from agent.bench.raster import Layer, Region, spread_px, strips

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from agent.bench.lens import Lens
    from agent.bench.scene import Hand

    Points = NDArray[np.float64]
    Rod = tuple[Points, Points, float, float, tuple[float, float, float]]

SKIN = (0.23, 0.32, 0.52)
SLEEVE = (0.20, 0.10, 0.07)


def rods(hand: Hand) -> list[Rod]:
    """Return the hand's rods: start, end (world), radius at start and end in mm, colour."""
    turn = math.radians(hand.from_deg)
    back = np.array([math.cos(turn), math.sin(turn), 0.0])
    side = np.array([-back[1], back[0], 0.0])
    tip = np.array([hand.x_mm, hand.y_mm, max(hand.z_mm, 9.0)])
    knuckles = tip + 75 * back + np.array([0, 0, 18.0])
    wrist = tip + 165 * back + np.array([0, 0, 34.0])
    cuff = tip + 300 * back + np.array([0, 0, 70.0])
    elbow = tip + 800 * back + np.array([0, 0, 190.0])
    parts = [(knuckles, wrist, 32.0, 29.0, SKIN), (wrist, cuff, 28.0, 36.0, SKIN), (cuff, elbow, 46.0, 58.0, SLEEVE)]
    for place, shorter in ((-27, 8), (-9, 0), (9, 3), (27, 16)):
        parts.append((tip + place * side * 0.85 + shorter * back, knuckles + place * side * 0.8, 8.0, 9.5, SKIN))
    return parts


def draw(lens: Lens, hand: Hand, level: float) -> Layer | None:
    """Return the hand as a layer of the picture; None when all of it is out of view."""
    parts = rods(hand)
    ends = np.array([point for start, end, *_ in parts for point in (start, end)])
    seen = lens.depth_mm(ends) > 150
    region = Region.around(lens.pixels(ends[seen]), lens, 140) if seen.any() else Region(0, 0, 0, 0)
    if region.empty:
        return None
    layer = Layer(lens, region)
    for rod in parts:
        _draw_rod(layer, lens, rod, level)
    return layer


def _draw_rod(layer: Layer, lens: Lens, rod: Rod, level: float) -> None:
    """Put a rod over what the layer has: round in shade, soft at its rim, half a ball at both ends."""
    start, end, thick_start, thick_end, colour = rod
    ends = np.stack([start, end])
    flat = lens.straight(ends)
    radius = np.array([thick_start, thick_end]) * lens.focal_px / np.maximum(lens.depth_mm(ends), 150)
    x0, y0 = (float(place) for place in flat[0])
    along_x, along_y = (float(step) for step in flat[1] - flat[0])
    square = max(along_x**2 + along_y**2, 1.0)
    soft = 1 / (2.5 * spread_px(lens))
    map_x, map_y = straight_map(lens)
    for part in strips(_outline(lens.pixels(ends), radius), layer.region):
        x, y = part.of(map_x), part.of(map_y)
        share = cv2.addWeighted(x, along_x / square, y, along_y / square, -(x0 * along_x + y0 * along_y) / square)
        share = np.clip(share, 0.0, 1.0)
        size = radius[0] + (radius[1] - radius[0]) * share
        away = cv2.magnitude(cv2.addWeighted(x, 1.0, share, -along_x, -x0),
                             cv2.addWeighted(y, 1.0, share, -along_y, -y0))
        cover = np.clip((size - away) * soft + 0.5, 0.0, 1.0)
        shade = np.sqrt(np.clip(1 - (away / size) ** 2, 0.0, 1.0)) * (0.65 * level) + 0.3 * level
        light = part.within(layer.region, layer.light)
        light *= cv2.merge([1 - cover] * 3)
        lit = cover * shade
        light += cv2.merge([lit * part_of for part_of in colour])
        of_cover = part.within(layer.region, layer.cover)
        of_cover += cover * (1 - of_cover)


def _outline(ends: Points, radius: Points) -> Points:
    """The corners of the upright rectangles round a rod's ends, as the convex outline of both."""
    reach = np.array([[-1, -1], [1, -1], [1, 1], [-1, 1]])
    corners = np.concatenate([end + size * reach for end, size in zip(ends, radius * 1.05, strict=True)])
    return np.asarray(cv2.convexHull(corners.astype(np.float32)), np.float64).reshape(-1, 2)

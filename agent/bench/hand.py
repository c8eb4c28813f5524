"""A forearm and four fingers, as rounded rods."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from agent.bench.lens import straight_map
from agent.bench.raster import Layer, Region, spread_px

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from agent.bench.lens import Lens
    from agent.bench.scene import Hand

    Points = NDArray[np.float64]

SKIN = (0.23, 0.32, 0.52)
SLEEVE = (0.20, 0.10, 0.07)


def rods(hand: Hand) -> list[tuple[Points, Points, float, float, tuple[float, float, float]]]:
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
    map_x, map_y = straight_map(lens)
    x, y = region.of(map_x), region.of(map_y)
    for start, end, thick_start, thick_end, colour in parts:
        ends = np.stack([start, end])
        flat = lens.straight(ends).astype(np.float32)
        scale = (lens.focal_px / np.maximum(lens.depth_mm(ends), 150)).astype(np.float32)
        radius = np.array([thick_start, thick_end], np.float32) * scale
        along = flat[1] - flat[0]
        share = ((x - flat[0, 0]) * along[0] + (y - flat[0, 1]) * along[1]) / np.float32(max(float(along @ along), 1.0))
        np.clip(share, 0.0, 1.0, out=share)
        size = radius[0] + (radius[1] - radius[0]) * share
        away = np.hypot(x - flat[0, 0] - along[0] * share, y - flat[0, 1] - along[1] * share)
        cover = np.clip((size - away) / np.float32(2.5 * spread_px(lens)) + np.float32(0.5), 0, 1)
        shade = np.sqrt(np.clip(1 - (away / size) ** 2, 0.0, 1.0)) * np.float32(0.65 * level) + np.float32(0.3 * level)
        layer.light *= 1 - cover[:, :, None]
        layer.light += (cover * shade)[:, :, None] * np.array(colour, np.float32)
        layer.cover += cover * (1 - layer.cover)
    return layer

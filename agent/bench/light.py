"""How much light falls where: on a face by its normal, on the platform in the shadow of what stands on it."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import cv2
import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from agent.bench.scene import Light

    Points = NDArray[np.float64]
    Floats = NDArray[np.float32]

LAMP_DISTANCE_MM = 2000.0
SHADOW_MM_PX = 2.0
# A smaller change of the light is less than half a grey level.
UNSEEN = 1 / 300
# Skylight of a hall is a little bluer than its lamps, so a shadow is not only darker.
AMBIENT_TINT = np.array((1.06, 1.0, 0.95))


def lamp_mm(light: Light) -> Points:
    """Return points spread over the lamp's disc (n x 3, world)."""
    azimuth, elevation = math.radians(light.azimuth_deg), math.radians(light.elevation_deg)
    out = np.array([math.cos(elevation) * math.cos(azimuth), math.cos(elevation) * math.sin(azimuth),
                    math.sin(elevation)])
    right = np.array([-math.sin(azimuth), math.cos(azimuth), 0.0])
    up = np.cross(out, right)
    ring = np.arange(14)
    radius = light.size_mm / 2 * np.sqrt((ring + 0.5) / len(ring))
    angle = ring * 2.399963  # the golden angle spreads points evenly over a disc
    disc = np.outer(radius * np.cos(angle), right) + np.outer(radius * np.sin(angle), up)
    return np.asarray(out * LAMP_DISTANCE_MM + disc)


def direct_share(light: Light, normal: Points) -> float:
    """Return the lamp's part of the light on a surface, 0 ... 1."""
    azimuth, elevation = math.radians(light.azimuth_deg), math.radians(light.elevation_deg)
    towards = np.array([math.cos(elevation) * math.cos(azimuth), math.cos(elevation) * math.sin(azimuth),
                        math.sin(elevation)])
    return (1 - light.ambient) * max(0.0, float(normal @ towards)) / max(0.2, math.sin(elevation))


def gain(light: Light, normal: Points) -> tuple[float, float, float]:
    """Return the light on a surface, blue green red; 1.0 on a level one."""
    sky = light.ambient * (0.68 + 0.32 * float(normal[2]))
    total = light.level * (sky * AMBIENT_TINT + direct_share(light, normal))
    warm = np.array((1 - light.warmth, 1.0, 1 + light.warmth))
    blue, green, red = (float(part) for part in total * warm)
    return blue, green, red


def shadow(light: Light, outline: Points, foot: Points, colour: tuple[float, float, float],
           reach_mm: float) -> tuple[Floats, Points]:
    """Return the platform's brightness ratio (h x w x 3) around one object, and its four world corners.

    `outline` (n x 3) spans the object's convex hull, `foot` (n x 2) is where it touches the platform; near the foot the
    sky is hidden, and the object's own colour shines back a little.
    """
    middle = foot.mean(axis=0)
    count = int(2 * reach_mm / SHADOW_MM_PX)
    origin = middle - reach_mm

    def texel(points: Points) -> NDArray[np.int32]:
        flat = (points - origin) / SHADOW_MM_PX - 0.5
        return np.round(np.stack([flat[:, 0], count - 1 - flat[:, 1]], axis=1) * 16).astype(np.int32)

    dark = np.zeros((count, count), np.float32)
    single = np.zeros((count, count), np.uint8)
    lamps = lamp_mm(light)
    for lamp in lamps:
        share = outline[:, 2:] / (lamp[2] - outline[:, 2:])
        cast = outline[:, :2] + (outline[:, :2] - lamp[:2]) * share
        hull = cv2.convexHull(np.concatenate([cast, foot]).astype(np.float32)).reshape(-1, 2)
        single[:] = 0
        cv2.fillConvexPoly(single, texel(hull.astype(np.float64)), 1, cv2.LINE_8, 4)
        dark += single
    dark = np.asarray(cv2.GaussianBlur(dark / np.float32(len(lamps)), (0, 0), 2.0), np.float32)
    touched = np.full((count, count), 1, np.uint8)
    cv2.fillConvexPoly(touched, texel(cv2.convexHull(foot.astype(np.float32)).reshape(-1, 2).astype(np.float64)), 0,
                       cv2.LINE_8, 4)
    away_mm = np.asarray(cv2.distanceTransform(touched, cv2.DIST_L2, 5)) * np.float32(SHADOW_MM_PX)
    tall = max(20.0, float(outline[:, 2].max()))
    hidden = np.float32(0.30) * _fading(away_mm, 7.0) + np.float32(0.38) * _fading(away_mm, 0.35 * tall)
    direct = direct_share(light, np.array([0.0, 0.0, 1.0]))
    bounce = np.float32(0.10) * _fading(away_mm, 45.0)
    level = light.ambient * AMBIENT_TINT + direct
    rim = np.minimum(np.arange(count), np.arange(count)[::-1]) / np.float32(60.0 / SHADOW_MM_PX)
    fade = np.clip(np.minimum(rim[:, None], rim[None, :]), 0, 1).astype(np.float32)
    # Only what the object changes: less sky, less lamp, and its own colour shining back.
    change = [fade * (bounce * np.float32(own / all_) - hidden * np.float32(light.ambient * tint / all_)
                      - dark * np.float32(direct / all_))
              for tint, own, all_ in zip(AMBIENT_TINT, colour, level, strict=True)]
    ratio = cv2.merge(change) + np.float32(1)
    rows, columns = _extent(np.abs(change[1]) > UNSEEN)
    low = origin + np.array([columns.start, count - rows.stop]) * SHADOW_MM_PX
    high = origin + np.array([columns.stop, count - rows.start]) * SHADOW_MM_PX
    corners = np.array([[low[0], low[1], 0], [high[0], low[1], 0], [high[0], high[1], 0], [low[0], high[1], 0]])
    return np.ascontiguousarray(ratio[rows, columns], np.float32), corners


def _fading(away_mm: Floats, reach_mm: float) -> Floats:
    return np.asarray(cv2.exp(away_mm * np.float32(-1 / reach_mm)), np.float32)


def _extent(mask: NDArray[np.bool_]) -> tuple[slice, slice]:
    """Rows and columns that hold all that is set, at least two of each."""
    rows, columns = (np.flatnonzero(mask.any(axis=axis)) for axis in (1, 0))
    if not rows.size:
        return slice(0, 2), slice(0, 2)
    return slice(int(rows[0]), int(rows[-1]) + 2), slice(int(columns[0]), int(columns[-1]) + 2)

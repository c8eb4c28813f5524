"""Where linear codes are, at any angle: places whose grey values change in one direction only (structure tensor).

Bigun and Granlund 1987: the 2x2 matrix of averaged gradient products has one large eigenvalue where all gradients agree.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import cv2
import numpy as np

if TYPE_CHECKING:
    from agent.vision.barcodes_views import Grey, Quad

COHERENCE = 0.75
LEAST_ENERGY = 2e4


def linear_regions(grey: Grey, *, most: int = 5, side_px: int = 960) -> list[Quad]:
    """Return up to `most` quadrilaterals in pixels of the picture, the largest first; their first side runs along the code.

    They are searched in a copy whose longer side is at most `side_px`.
    """
    scale = min(1.0, side_px / max(grey.shape))
    small = cv2.resize(grey, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA) if scale < 1 else grey
    a = small.astype(np.float32)
    gx, gy = cv2.Scharr(a, cv2.CV_32F, 1, 0), cv2.Scharr(a, cv2.CV_32F, 0, 1)
    xx, yy, xy = (cv2.boxFilter(m, -1, (15, 15)) for m in (gx * gx, gy * gy, gx * gy))
    energy = xx + yy
    coherence = np.sqrt((xx - yy) ** 2 + 4 * xy ** 2) / (energy + 1e-3)
    angle = 0.5 * np.arctan2(2 * xy, xx - yy)
    floor = max(LEAST_ENERGY, 0.25 * float(np.percentile(energy, 97)))
    mask = ((coherence > COHERENCE) & (energy > floor)).astype(np.uint8)
    mask = cv2.morphologyEx(mask, cv2.MORPH_CLOSE, np.ones((9, 9), np.uint8)).astype(np.uint8)
    mask = cv2.morphologyEx(mask, cv2.MORPH_OPEN, np.ones((7, 7), np.uint8)).astype(np.uint8)
    count, labels, stats, _ = cv2.connectedComponentsWithStats(mask)
    quads: list[Quad] = []
    for i in sorted(range(1, count), key=lambda i: -stats[i, cv2.CC_STAT_AREA])[:most]:
        if stats[i, cv2.CC_STAT_AREA] < 300:
            break
        here = labels == i
        c, s = float(np.cos(2 * angle[here]).mean()), float(np.sin(2 * angle[here]).mean())
        if np.hypot(c, s) < 0.7:
            continue
        theta = 0.5 * np.arctan2(s, c)
        along = np.array([np.cos(theta), np.sin(theta)])
        across = np.array([-along[1], along[0]])
        ys, xs = np.nonzero(here)
        points = np.stack([xs, ys], 1).astype(np.float32)
        left, right = np.percentile(points @ along, [0.5, 99.5])
        top, bottom = np.percentile(points @ across, [3, 97])
        if right - left >= 20 and bottom - top >= 3:
            quad = [along * u + across * v for u, v in ((left, top), (right, top), (right, bottom), (left, bottom))]
            quads.append((np.array(quad) / scale).astype(np.float32))
    return quads

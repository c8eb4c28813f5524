"""Views of a picture: the same pixels with better contrast, enlarged, turned or rectified, so that a reader can read them.

Each view knows how to carry its points back into the picture, so a code's corners are always in the picture's pixels.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import cv2
import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from agent.vision.barcodes_decoders import Corners

    Grey = NDArray[np.uint8]
    Quad = NDArray[np.float32]

CLAHE_CLIP = 2.0
CLAHE_TILES = (8, 8)


@dataclass(frozen=True, slots=True)
class View:
    """Grey pixels, the stage that made them, and the 3x3 homography from their pixels to the picture's."""

    pixels: Grey
    stage: str
    to_picture: NDArray[np.float64] = field(default_factory=lambda: np.eye(3))

    def in_picture(self, points: Sequence[tuple[float, float]]) -> Corners:
        """Return four points of this view in pixels of the picture."""
        homogeneous = np.column_stack([np.asarray(points, np.float64), np.ones(len(points))]) @ self.to_picture.T
        flat = homogeneous[:, :2] / homogeneous[:, 2:]
        a, b, c, d = ((round(float(x), 1), round(float(y), 1)) for x, y in flat)
        return (a, b, c, d)


def whole(grey: Grey) -> View:
    """Return the picture itself."""
    return View(grey, "fast")


def contrast(view: View, stage: str) -> View:
    """Return the view with its contrast equalised tile by tile (CLAHE); lifts linear codes, can ruin small 2-D codes."""
    clahe = cv2.createCLAHE(CLAHE_CLIP, CLAHE_TILES)
    return View(np.asarray(clahe.apply(view.pixels), np.uint8), stage, view.to_picture)


def enlarged(grey: Grey, box: tuple[int, int, int, int], scale: float, stage: str) -> View:
    """Return the part left, top, right, bottom of the picture, `scale` times as large (cubic)."""
    left, top, right, bottom = box
    part = cv2.resize(grey[top:bottom, left:right], None, fx=scale, fy=scale, interpolation=cv2.INTER_CUBIC)
    # cv2.resize maps pixel centres: x_view + 0.5 = scale * (x_part + 0.5).
    shift = 0.5 / scale - 0.5
    back = np.array([[1 / scale, 0, left + shift], [0, 1 / scale, top + shift], [0, 0, 1]])
    return View(np.asarray(part, np.uint8), stage, back)


def rectified(grey: Grey, quad: Quad, stage: str, *, quiet: float = 0.15) -> View | None:
    """Return the quadrilateral as an upright strip, its first side along the rows, with `quiet` of its length at both ends.

    Short codes are stretched along the code only, so that no bar edge falls between two pixels. None when it is too small.
    """
    width = float(np.linalg.norm(quad[0] - quad[1]) + np.linalg.norm(quad[2] - quad[3])) / 2
    height = float(np.linalg.norm(quad[1] - quad[2]) + np.linalg.norm(quad[3] - quad[0])) / 2
    if width < 10 or height < 2:
        return None
    stretch = 3 if width < 250 else 2 if width < 600 else 1
    long, high, pad = int(width * stretch), max(8, int(height)), int(quiet * width * stretch)
    upright = np.array([[pad, 0], [pad + long, 0], [pad + long, high], [pad, high]], np.float32)
    strip = cv2.warpPerspective(grey, cv2.getPerspectiveTransform(quad, upright), (long + 2 * pad, high),
                                flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE)
    return View(np.asarray(strip, np.uint8), stage, np.asarray(cv2.getPerspectiveTransform(upright, quad), np.float64))

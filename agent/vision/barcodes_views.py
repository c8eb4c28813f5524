"""Views of a picture: with better contrast, enlarged, turned or rectified, so that a reader can read them.

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
    """Return the view with its contrast equalised tile by tile (CLAHE); it lifts linear codes, ruins small 2-D ones."""
    clahe = cv2.createCLAHE(CLAHE_CLIP, CLAHE_TILES)
    return View(np.asarray(clahe.apply(view.pixels), np.uint8), stage, view.to_picture)


def enlarged(grey: Grey, scale: float, stage: str) -> View:
    """Return the whole picture `scale` times as large (cubic)."""
    size = (round(grey.shape[1] * scale), round(grey.shape[0] * scale))
    pixels = cv2.resize(grey, size, interpolation=cv2.INTER_CUBIC if scale > 1 else cv2.INTER_AREA)
    # cv2.resize maps pixel centres: x_view + 0.5 = scale * (x + 0.5).
    sx, sy = size[0] / grey.shape[1], size[1] / grey.shape[0]
    back = np.array([[1 / sx, 0, 0.5 / sx - 0.5], [0, 1 / sy, 0.5 / sy - 0.5], [0, 0, 1]])
    return View(np.asarray(pixels, np.uint8), stage, back)


def turned(grey: Grey, middle: tuple[float, float], half_px: float, angle: float, scale: float, stage: str) -> View:
    """Return a square window round `middle`, its rows along `angle` (radians), `scale` times as large."""
    c, s = np.cos(angle) / scale, np.sin(angle) / scale
    side = max(1, round(2 * half_px * scale))
    x = y = side / 2 - 0.5
    back = np.array([[c, -s, middle[0] - c * x + s * y], [s, c, middle[1] - s * x - c * y], [0, 0, 1]])
    window = cv2.warpAffine(
        grey, back[:2], (side, side), flags=cv2.INTER_CUBIC | cv2.WARP_INVERSE_MAP, borderMode=cv2.BORDER_REPLICATE
    )
    return View(np.asarray(window, np.uint8), stage, back)


def sharpened(view: View, sigma_px: float) -> View:
    """Return the view with blur of about `sigma_px` undone (unsharp mask); for enlarged views, whose noise is soft."""
    soft = cv2.GaussianBlur(view.pixels, (0, 0), sigma_px)
    return View(np.asarray(cv2.addWeighted(view.pixels, 3.0, soft, -2.0, 0), np.uint8), view.stage, view.to_picture)


def rectified(grey: Grey, quad: Quad, stage: str, *, quiet: float = 0.12, upward: float = 1.0) -> View | None:
    """Return a quadrilateral as an upright strip, its first side along the rows, `quiet` of its length at both ends.

    Short codes are stretched along the code, so that no bar edge falls between two pixels, and by `upward` across it.
    None when it is too small.
    """
    width = float(np.linalg.norm(quad[0] - quad[1]) + np.linalg.norm(quad[2] - quad[3])) / 2
    height = float(np.linalg.norm(quad[1] - quad[2]) + np.linalg.norm(quad[3] - quad[0])) / 2
    if width < 16 or height < 3:
        return None
    stretch = 3 if width < 400 else 2 if width < 900 else 1
    long, high, pad = int(width * stretch), max(8, int(height * upward)), int(quiet * width * stretch)
    upright = np.array([[pad, 0], [pad + long, 0], [pad + long, high], [pad, high]], np.float32)
    strip = cv2.warpPerspective(
        grey,
        cv2.getPerspectiveTransform(quad, upright),
        (long + 2 * pad, high),
        flags=cv2.INTER_CUBIC,
        borderMode=cv2.BORDER_REPLICATE,
    )
    return View(np.asarray(strip, np.uint8), stage, np.asarray(cv2.getPerspectiveTransform(upright, quad), np.float64))


BAND_SIGMA_PX = 3.0
BAND_ROWS = 8
"""zxing-cpp wants more than one row that agrees, so each averaged row is repeated."""


def bands(strip: View, count: int, stage: str, *, sharpen: float = 0.0) -> View:
    """Return a strip as `count` bands, each the average of its rows: bars stay, noise and scratches go.

    `sharpen` undoes some of the blur along the code, which averaged rows have little enough noise for.
    """
    rows = cv2.resize(strip.pixels, (strip.pixels.shape[1], count), interpolation=cv2.INTER_AREA).astype(np.float32)
    if sharpen:
        rows = rows + sharpen * (rows - cv2.GaussianBlur(rows, (0, 0), sigmaX=BAND_SIGMA_PX, sigmaY=0.01))
    low, high = np.percentile(rows, [2, 98], axis=1, keepdims=True)
    rows = np.clip((rows - low) * (235 / np.maximum(high - low, 8)) + 10, 0, 255)
    tall = np.repeat(rows.astype(np.uint8), BAND_ROWS, axis=0)
    squeeze = np.diag([1.0, strip.pixels.shape[0] / (count * BAND_ROWS), 1.0])
    return View(tall, stage, strip.to_picture @ squeeze)

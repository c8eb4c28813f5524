"""A calibrated camera: world points to pixels, pixels to rays. All measuring is done in the distorted picture."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import cv2
import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from firmware_config.camera import CameraCalibration

    Points = NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class View:
    """Lens and pose: camera matrix (3 x 3), distortion k1 k2 p1 p2 k3, x_cam = R x_world + t, millimetres."""

    width_px: int
    height_px: int
    K: Points
    distortion: Points
    R: Points
    t: Points

    @classmethod
    def of(cls, calibration: CameraCalibration) -> View:
        """Return the view that a calibration record describes."""
        return cls(calibration.width_px, calibration.height_px, np.array(calibration.matrix, float),
                   np.array(calibration.distortion, float), np.array(calibration.rotation, float),
                   np.array(calibration.translation_mm, float))

    @property
    def centre(self) -> Points:
        """The camera's centre in the world, millimetres."""
        return np.asarray(-self.R.T @ self.t)

    def turned(self, small: Points, moved_mm: Points | None = None, focal: float = 0.0,
               centre_px: tuple[float, float] = (0.0, 0.0)) -> View:
        """Return this view turned by a rotation vector (radians, about its own centre), moved, zoomed or shifted."""
        turn = np.asarray(cv2.Rodrigues(small)[0], float)
        K = self.K.copy()
        K[0, 0] *= 1 + focal
        K[1, 1] *= 1 + focal
        K[:2, 2] += centre_px
        t = turn @ self.t + (0 if moved_mm is None else moved_mm)
        return View(self.width_px, self.height_px, K, self.distortion, turn @ self.R, t)

    def pixels(self, world: Points) -> Points:
        """Return the pixels (... x 2) of world points (... x 3), by Brown's model as OpenCV defines it."""
        seen = world @ self.R.T + self.t
        depth = np.maximum(seen[..., 2], 1.0)
        x, y = seen[..., 0] / depth, seen[..., 1] / depth
        k1, k2, p1, p2, k3 = self.distortion
        square = x * x + y * y
        radial = 1 + square * (k1 + square * (k2 + square * k3))
        bent_x = x * radial + 2 * p1 * x * y + p2 * (square + 2 * x * x)
        bent_y = y * radial + p1 * (square + 2 * y * y) + 2 * p2 * x * y
        return np.stack([bent_x * self.K[0, 0] + self.K[0, 2], bent_y * self.K[1, 1] + self.K[1, 2]], axis=-1)

    def rays(self, pixels: Points) -> Points:
        """Return the directions (n x 3, world, third camera coordinate 1) that pixels (n x 2) look along."""
        if len(pixels) == 0:
            return np.zeros((0, 3))
        flat = cv2.undistortPoints(np.asarray(pixels, float).reshape(-1, 1, 2), self.K, self.distortion).reshape(-1, 2)
        return np.asarray(np.column_stack([flat, np.ones(len(flat))]) @ self.R)

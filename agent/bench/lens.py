"""Where a point of the bench falls on the sensor: pinhole, Brown distortion, pose.

World: millimetres, origin in the middle of the platform, x to the right, y away from the packer, z up.
Camera: x right, y down, z forward. The centre of the first pixel is (0, 0).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np

from firmware_config.camera import CameraCalibration, Row

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Lens:
    """One camera: picture size in pixels, focal length and centre in pixels, Brown's k1 k2 p1 p2, and its pose.

    `azimuth_deg` turns the camera about the platform (0 looks along +y), `elevation_deg` is the angle of the view
    above the platform, `slant_mm` the distance from `aim_mm`. `roll_deg` turns the picture. The default looks at
    60 x 40 cm of the platform with 1920 x 1080 pixels.
    """

    width_px: int = 1920
    height_px: int = 1080
    focal_px: float = 3500.0
    centre_px: tuple[float, float] = (966.0, 533.0)
    distortion: tuple[float, float, float, float] = (-0.09, 0.06, 0.0003, -0.0002)
    azimuth_deg: float = 24.0
    elevation_deg: float = 57.0
    slant_mm: float = 1100.0
    roll_deg: float = 0.6
    aim_mm: tuple[float, float, float] = (0.0, 0.0, 45.0)
    blur_px: float = 0.62

    def eye(self) -> Floats:
        """Return the camera's centre in the world, millimetres."""
        azimuth, elevation = math.radians(self.azimuth_deg), math.radians(self.elevation_deg)
        flat = math.cos(elevation)
        away = np.array([-flat * math.sin(azimuth), -flat * math.cos(azimuth), math.sin(elevation)])
        return np.asarray(self.aim_mm) + self.slant_mm * away

    def rotation(self) -> Floats:
        """Return the 3 x 3 rotation from world to camera."""
        return _pose(self)[0]

    def translation(self) -> Floats:
        """Return t of x_cam = R x_world + t, millimetres."""
        return _pose(self)[1]

    def matrix(self) -> Floats:
        """Return the 3 x 3 camera matrix in pixels."""
        return np.array([[self.focal_px, 0, self.centre_px[0]], [0, self.focal_px, self.centre_px[1]], [0, 0, 1]])

    def calibration(self) -> CameraCalibration:
        """Return the true lens and pose as a calibration would state them."""
        def rows(matrix: Floats) -> tuple[Row, Row, Row]:
            first, second, third = ((float(a), float(b), float(c)) for a, b, c in matrix)
            return first, second, third

        x_mm, y_mm, z_mm = (float(value) for value in self.translation())
        return CameraCalibration(
            width_px=self.width_px, height_px=self.height_px, matrix=rows(self.matrix()), rms_px=0.0,
            distortion=(*self.distortion, 0.0), rotation=rows(self.rotation()), translation_mm=(x_mm, y_mm, z_mm),
            edge_radius_mm=0.0,
        )

    def straight(self, world: Floats) -> Floats:
        """Return the undistorted pinhole pixels (n x 2) of world points (n x 3)."""
        seen = world @ self.rotation().T + self.translation()
        return np.asarray(seen[:, :2] / seen[:, 2:] * self.focal_px + np.asarray(self.centre_px))

    def pixels(self, world: Floats) -> Floats:
        """Return the pixels (n x 2), distortion included, of world points (n x 3)."""
        flat = (self.straight(world) - np.asarray(self.centre_px)) / self.focal_px
        bent = bend(flat[:, 0], flat[:, 1], self.distortion)
        return np.asarray(np.stack(bent, axis=1) * self.focal_px + np.asarray(self.centre_px))

    def depth_mm(self, world: Floats) -> Floats:
        """Return the distances along the optical axis of world points (n x 3), millimetres."""
        return np.asarray(world @ self.rotation()[2] + self.translation()[2])


@lru_cache(maxsize=16)
def _pose(lens: Lens) -> tuple[Floats, Floats]:
    """Rotation and translation; asked for a hundred times a picture."""
    forward = np.asarray(lens.aim_mm) - lens.eye()
    forward /= np.linalg.norm(forward)
    right = np.cross(forward, (0.0, 0.0, 1.0))
    right /= np.linalg.norm(right)
    down = np.cross(forward, right)
    roll = math.radians(lens.roll_deg)
    level = np.stack([right, down, forward])
    turn = np.array([[math.cos(roll), -math.sin(roll), 0], [math.sin(roll), math.cos(roll), 0], [0, 0, 1]])
    rotation = np.asarray(turn @ level)
    return rotation, np.asarray(-rotation @ lens.eye())


def bend(x: Floats, y: Floats, distortion: tuple[float, float, float, float]) -> tuple[Floats, Floats]:
    """Return normalised coordinates after Brown's distortion (D. C. Brown 1971; the same terms as OpenCV's)."""
    k1, k2, p1, p2 = distortion
    square = x * x + y * y
    radial = 1 + square * (k1 + k2 * square)
    return (x * radial + 2 * p1 * x * y + p2 * (square + 2 * x * x),
            y * radial + p1 * (square + 2 * y * y) + 2 * p2 * x * y)


@lru_cache(maxsize=4)
def straight_map(lens: Lens) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Return, for each pixel of the picture, the undistorted pinhole pixel that it looks at (x map, y map)."""
    return _unbent(lens, np.arange(lens.width_px, dtype=np.float64), np.arange(lens.height_px, dtype=np.float64))


# A coarse map has so many points beyond each side of the picture, so that it can be enlarged up to its edges.
BEYOND = 2


@lru_cache(maxsize=4)
def coarse_map(lens: Lens, step_px: int) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Return `straight_map` at the middle of each square of `step_px` pixels, and of `BEYOND` squares around."""
    def middles(size_px: int) -> Floats:
        return (np.arange(-BEYOND, -(-size_px // step_px) + BEYOND, dtype=np.float64) + 0.5) * step_px - 0.5

    return _unbent(lens, middles(lens.width_px), middles(lens.height_px))


def _unbent(lens: Lens, across: Floats, down: Floats) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Brown's distortion undone by fixed-point iteration, on a grid of pixels."""
    columns, rows = np.meshgrid(across, down)
    bent_x = (columns - lens.centre_px[0]) / lens.focal_px
    bent_y = (rows - lens.centre_px[1]) / lens.focal_px
    x, y = bent_x.copy(), bent_y.copy()
    for _ in range(8):
        again_x, again_y = bend(x, y, lens.distortion)
        x += bent_x - again_x
        y += bent_y - again_y
    return ((x * lens.focal_px + lens.centre_px[0]).astype(np.float32),
            (y * lens.focal_px + lens.centre_px[1]).astype(np.float32))

"""The bare platform as a camera sees it now, and where that camera is by now.

The first picture of the bare platform, the calibration's own where there is one, stays the measure of where the camera
was. A newer one brings today's light and dust; were it compared with nothing, a camera that was pushed would measure
wrongly without a word.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import cv2
import numpy as np
from msgspec.structs import replace

from agent.vision.dimensions_motion import alike, follow, nudge
from agent.vision.dimensions_view import View

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from firmware_config.camera import CameraCalibration, Row

    Picture = NDArray[np.uint8]

CALM = 10.0
"""Grey levels by which a picture at rest may change, seen in pixels eight times as wide."""

ALIKE = 0.5
"""The bare platform seen from the same place correlates by more, whatever the light; from another place by less."""


class Background:
    """One camera's bare platform. `empty` is None until it was seen."""

    def __init__(self, calibration: CameraCalibration, first: Picture | None) -> None:
        self._calibrated, self._first = calibration, first
        self.calibration, self.empty = calibration, first
        self.moved_px = 0.0
        self.lost = False

    def see(self, before: Picture, now: Picture) -> bool:
        """Take the bare platform from two pictures with a moment between them; False when something moved there.

        `moved_px` then says how far the camera has moved since the first picture: a small turn is corrected in
        `calibration`, after anything else it is `lost`, and the old background stays.
        """
        if now.shape != before.shape or not is_calm(before, now):
            return False
        if self._first is None or self._first.shape != now.shape:
            self._first = self.empty = now
            return True
        view = View.of(self._calibrated)
        moved = nudge(view, now, self._first)
        self.moved_px = moved.moved_px if moved is not None else 0.0
        as_before = follow(view, self._first, moved.turn)[1] if moved is not None else self._first
        self.lost = (moved is not None and not moved.corrected) or alike(as_before, now) < ALIKE
        if not self.lost:
            self.calibration = _turned(self._calibrated, moved.turn) if moved is not None else self._calibrated
            self.empty = now
        return True


def is_calm(before: Picture, now: Picture) -> bool:
    """Return whether nothing moved between two pictures: no hand, no swinging shadow."""
    small = [cv2.resize(one, None, fx=1 / 8, fy=1 / 8, interpolation=cv2.INTER_AREA) for one in (before, now)]
    return float(np.percentile(cv2.absdiff(small[0], small[1]), 99.8)) < CALM


def _turned(calibration: CameraCalibration, turn: tuple[float, float, float]) -> CameraCalibration:
    view = View.of(calibration).turned(np.array(turn))
    x, y, z = (float(part) for part in view.t)
    first, second, third = ((float(row[0]), float(row[1]), float(row[2])) for row in view.R)
    rotation: tuple[Row, Row, Row] = first, second, third
    return replace(calibration, rotation=rotation, translation_mm=(x, y, z))

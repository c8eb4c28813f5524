"""The fitted box drawn into its picture."""

from __future__ import annotations

from typing import TYPE_CHECKING

import cv2
import numpy as np

from agent.vision import dimensions_cuboid as cuboid
from agent.vision.dimensions import Dimensions
from agent.vision.dimensions_view import View

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from agent.vision.dimensions import Refused
    from firmware_config.camera import CameraCalibration
    Picture = NDArray[np.uint8]

GOOD, BAD = (80, 220, 60), (60, 90, 240)


def drawn(picture: Picture, calibration: CameraCalibration, answer: Dimensions | Refused) -> Picture:
    """Return the picture with the box's visible edges and its size, or the reason for none."""
    canvas = picture.copy()
    good = isinstance(answer, Dimensions)
    colour = GOOD if good else BAD
    if answer.box is not None:
        view = View.of(calibration)
        box = np.array(answer.box)[None]
        points = cuboid.corners(box)[0]
        for index in np.nonzero(cuboid.seen_edges(box, view.centre)[0])[0]:
            share = np.linspace(0, 1, 17)[:, None]
            line = points[cuboid.STARTS[index]] * (1 - share) + points[cuboid.ENDS[index]] * share
            pixels = np.clip(view.pixels(line), -9999, 9999)
            cv2.polylines(canvas, [np.round(pixels * 8).astype(np.int32)], isClosed=False, color=colour, thickness=1,
                          lineType=cv2.LINE_AA, shift=3)
    if isinstance(answer, Dimensions):
        text = " x ".join(f"{side.value_mm:.0f}+-{side.u95_mm:.1f}" for side in
                          (answer.length, answer.width, answer.height)) + " mm"
    else:
        text = answer.code
    scale = canvas.shape[1] / 1600
    cv2.putText(canvas, text, (12, int(36 * scale) + 8), cv2.FONT_HERSHEY_SIMPLEX, scale, (0, 0, 0), 5, cv2.LINE_AA)
    cv2.putText(canvas, text, (12, int(36 * scale) + 8), cv2.FONT_HERSHEY_SIMPLEX, scale, colour, 2, cv2.LINE_AA)
    return canvas

"""About how large something is that is no box: a bag, a mailer. An indication for a screen, never for a bill."""

from __future__ import annotations

from typing import TYPE_CHECKING

import cv2
import numpy as np

from agent.vision.dimensions_search import outline

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from agent.vision.dimensions_evidence import Evidence

    Points = NDArray[np.float64]

# A soft parcel's outline is seen about at half its height; filled mailers are 3 to 8 cm high.
HALF_HEIGHT_MM = 25.0


def footprint_mm(seen: Evidence, level_mm: float = HALF_HEIGHT_MM) -> Points | None:
    """Return length and width (mm) of the smallest rectangle round what hides the platform; None when nothing does.

    The outline is laid on a level plane `level_mm` above the platform. On 16 rendered mailers it erred by 4 mm in the
    median and by 19 at worst; real bags have no such clear ends.
    """
    rim = outline(seen)
    if len(rim) < 3:
        return None
    rays = seen.view.rays(rim)
    eye = seen.view.centre
    if (rays[:, 2] >= 0).any():
        return None  # the outline reaches over the horizon
    ground = eye[:2] + rays[:, :2] * ((level_mm - eye[2]) / rays[:, 2:])
    return np.array(sorted(cv2.minAreaRect(ground.astype(np.float32))[1], reverse=True), float)

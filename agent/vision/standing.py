"""Where the box of a visit stands in one camera's pictures, and so which codes are on it and which lie beside it.

Three answers, from the best to the least:

1. The box was fitted, and the place where it stood still hides the platform: a code is on the box when all of its
   corners lie within one of the box's visible faces.
2. It was never fitted (not measured yet, refused, no calibration): a code is on the box when it lies within the outline
   of the largest thing that hides the platform. A label that touches the box is then taken for one on it.
3. The bare platform was never seen, or nothing larger than a paper hides it: nobody can tell, and the code counts.

A box that was fitted and then turned or pushed is fitted again from one picture; until then no code counts as on it,
or, when that fails three times, the second answer does.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import cv2
import numpy as np

from agent.vision import dimensions
from agent.vision.dimensions_cuboid import FACE_CORNERS, corners, seen_faces
from agent.vision.dimensions_evidence import grain, lamp_change, log_ratio, platform_map
from agent.vision.dimensions_view import View
from agent.vision.measuring import Measuring, look_of, share_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from agent.vision.barcodes import Code
    from firmware_config.camera import CameraCalibration

    Picture = NDArray[np.uint8]
    Mask = NDArray[np.uint8]
    SixNumbers = tuple[float, float, float, float, float, float]
    Outline = tuple[tuple[float, float], ...]

# A face is this much larger for a label than it was fitted: what a fit is off at the most, and a label over an edge.
TOLERANCE_MM = 4.0
COARSE_PX = 480
# What may come to light of the platform within a fitted box's outline before it must have moved.
UNCOVERED = 0.06
# So often a box is fitted in vain before the lesser answer must do.
TRIES = 3
# The largest thing in the picture is a box only when it is this much larger than the paper that the code is on.
LARGER = 2.5


@dataclass(frozen=True, slots=True, eq=False)
class Fit:
    """A fitted box: its visit, the outlines of its visible faces, and how much of the platform it hid (0 ... 1)."""

    visit: int
    faces: tuple[Outline, ...]
    hull: Picture
    hidden: float


class Standing:
    """Follows one camera's boxes. It must be shown the bare platform first; without it every code counts."""

    def __init__(self, calibration: CameraCalibration | None, empty: Picture | None = None) -> None:
        self._calibration = calibration
        self._view = View.of(calibration) if calibration is not None else None
        self._empty = empty
        self._fit: Fit | None = None
        self._tried = (0, 0)
        self._again: tuple[int, Picture, Measuring] | None = None

    def see_empty(self, picture: Picture, calibration: CameraCalibration | None = None) -> None:
        """Keep the newest picture of the bare platform, and where the camera was when it took it."""
        self._empty = picture
        if calibration is not None:
            self._calibration, self._view = calibration, View.of(calibration)

    def fitted(self, visit: int, box: SixNumbers, picture: Picture, *, nudged_px: float = 0.0) -> None:
        """Take the box of a visit as it was fitted in a picture: x, y, yaw, length, width, height (mm, radians).

        `nudged_px` is how far the camera had moved since its calibration: so much less is known of where a face is.
        """
        hidden = self._hidden(picture)
        if self._view is None or hidden is None:
            return
        scale = hidden.shape[1] / picture.shape[1]
        points = self._view.pixels(corners(np.array([box]))[0])
        hull = np.zeros(hidden.shape, np.uint8)
        cv2.fillConvexPoly(hull, cv2.convexHull(np.rint(points * scale).astype(np.int32)), 1)
        self._fit = Fit(visit, faces(self._view, box, nudged_px), hull, _share(hidden, hull))

    def beside(
        self, visit: int, codes: Sequence[Code], picture: Picture, *, measuring: bool = False
    ) -> tuple[str, ...]:
        """Return the texts of those codes that are in the picture but not on the box of this visit.

        `measuring` says that the box is being fitted elsewhere, and will be told as `fitted`.
        """
        self._take_fit()
        if not codes or not visit:
            return ()
        hidden = self._hidden(picture)
        if hidden is None:
            return ()
        fit = self._fit if self._fit is not None and self._fit.visit == visit else None
        if fit is not None and _share(hidden, fit.hull) >= fit.hidden - UNCOVERED:
            off = [code for code in codes if not any(code.lies_within(face) for face in fit.faces)]
        else:
            trying = measuring or self._place(visit, picture)
            doubtful = fit is not None and trying
            off = [code for code in codes if doubtful or _is_apart(code, hidden, picture)]
        return tuple(sorted({code.text for code in off}))

    def _place(self, visit: int, picture: Picture) -> bool:
        """Begin to fit the box as it stands now, unless that is under way; False when it was tried too often."""
        if self._calibration is None or self._empty is None:
            return False
        if self._again is None:
            tries = self._tried[1] if self._tried[0] == visit else 0
            if tries >= TRIES:
                return False
            self._tried = visit, tries + 1
            look = look_of(self._calibration, self._empty, (picture,))
            self._again = visit, picture, Measuring([look])
        return True

    def _take_fit(self) -> None:
        if self._again is None or self._again[2].found is None:
            return
        (visit, picture, answer), self._again = self._again, None
        if isinstance(answer.found, dimensions.Dimensions) and self._calibration is not None:
            self._tried = visit, 0
            nudged_px = answer.found.nudged_px / share_of(self._calibration)
            self.fitted(visit, answer.found.box, picture, nudged_px=nudged_px)

    def _hidden(self, picture: Picture) -> Mask | None:
        """Return where the platform is hidden: 1 or 0 in a small copy; shadows hide nothing. None without an idea."""
        if self._empty is None or self._empty.shape != picture.shape:
            return None
        size = (COARSE_PX, round(COARSE_PX * picture.shape[0] / picture.shape[1]))
        now, then = (cv2.resize(one, size, interpolation=cv2.INTER_AREA).astype(np.float32)
                     for one in (picture, self._empty))
        gain = lamp_change(log_ratio(now, then, (0.0, 0.0, 0.0)))
        noise = grain(picture) * size[0] / picture.shape[1]
        hidden = (platform_map(now, then, gain, noise) < 0.5).astype(np.uint8)
        return np.asarray(cv2.morphologyEx(hidden, cv2.MORPH_OPEN, np.ones((3, 3), np.uint8)), np.uint8)


def faces(view: View, box: SixNumbers, nudged_px: float = 0.0) -> tuple[Outline, ...]:
    """Return the outlines (pixels) of the faces that a camera sees of a box, each a little larger than fitted."""
    away_mm = float(np.linalg.norm(view.centre - np.array([box[0], box[1], 0.0])))
    slack_mm = TOLERANCE_MM + nudged_px * away_mm / float(view.K[0, 0])
    grown = np.array([box]) + np.array([0, 0, 0, 2 * slack_mm, 2 * slack_mm, slack_mm])
    points = view.pixels(corners(grown)[0])
    seen = seen_faces(np.array([box]), view.centre)[0]
    return tuple(tuple((float(x), float(y)) for x, y in points[list(place)])
                 for place, visible in zip(FACE_CORNERS, seen, strict=True) if visible)


def _share(hidden: Mask, hull: Mask) -> float:
    return float(hidden[hull == 1].mean()) if hull.any() else 0.0


def _is_apart(code: Code, hidden: Mask, picture: Picture) -> bool:
    """True when a code lies outside the largest thing that hides the platform, and that is no paper like its own."""
    count, labels, stats, _ = cv2.connectedComponentsWithStats(hidden)
    if count < 2:
        return False
    largest = 1 + int(stats[1:, cv2.CC_STAT_AREA].argmax())
    scale = hidden.shape[1] / picture.shape[1]
    quad = np.asarray(code.corners, np.float32) * np.float32(scale)
    middle = np.rint(quad.mean(axis=0)).astype(int)
    own = int(labels[np.clip(middle[1], 0, hidden.shape[0] - 1), np.clip(middle[0], 0, hidden.shape[1] - 1)])
    if own and stats[largest][cv2.CC_STAT_AREA] < LARGER * stats[own][cv2.CC_STAT_AREA] and own != largest:
        return False
    hull = cv2.convexHull(cv2.findNonZero((labels == largest).astype(np.uint8)))
    return any(cv2.pointPolygonTest(hull, (float(x), float(y)), measureDist=True) < -2 for x, y in quad)

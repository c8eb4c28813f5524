"""A carton of known size says whether a camera measures right, and how round the edges of cartons are."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from msgspec.structs import replace

from calibration.camera import NotCalibrated

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from firmware_config.camera import CameraCalibration

    Picture = NDArray[np.uint8]
    Sizes = tuple[float, float, float]

WRONG_MM = 8.0
"""A new calibration that is off by more measures a wrong board, a wrong carton, or a platform that is not flat."""
RADII_MM = (0.0, 4.0)
"""Edges are at the sharpest as sharp as these, and at the roundest as round."""


@dataclass(frozen=True, slots=True)
class Checked:
    """The reference carton as it is and as it was measured (length, width, height), and its edges' radius; mm."""

    known_mm: Sizes
    measured_mm: Sizes
    u95_mm: Sizes
    edge_radius_mm: float

    @property
    def errors_mm(self) -> Sizes:
        """Measured less known."""
        length, width, height = (round(seen - known, 1)
                                 for seen, known in zip(self.measured_mm, self.known_mm, strict=True))
        return length, width, height

    @property
    def sentence(self) -> str:
        """What a person reads."""
        sizes = " x ".join(f"{size:.1f}" for size in self.measured_mm)
        off = " ".join(f"{error:+.1f}" for error in self.errors_mm)
        return f"the carton measures {sizes} mm, off by {off} mm; its edges are {self.edge_radius_mm:.1f} mm round"


def checked(calibration: CameraCalibration, empty: Picture, frames: Sequence[Picture],
            known_mm: Sizes) -> Checked | NotCalibrated:
    """Return what a new calibration makes of a carton of known length, width and height, or what is wrong with it.

    Its edges' radius is the one, between `RADII_MM`, with which its sizes come out least wrong: sizes change nearly
    linearly with it.
    """
    long, wide = sorted(known_mm[:2], reverse=True)
    known = (long, wide, known_mm[2])
    sharp, round_ = (_measured(replace(calibration, edge_radius_mm=radius), empty, frames) for radius in RADII_MM)
    if isinstance(sharp, NotCalibrated):
        return sharp
    if isinstance(round_, NotCalibrated):
        return round_
    slope = (round_[0] - sharp[0]) / (RADII_MM[1] - RADII_MM[0])
    best = float((np.array(known) - sharp[0]) @ slope / max(float(slope @ slope), 1e-9))
    radius_mm = round(min(RADII_MM[1], max(RADII_MM[0], best)), 2)
    share = (radius_mm - RADII_MM[0]) / (RADII_MM[1] - RADII_MM[0])
    length, width, height = (round(float(size), 1) for size in sharp[0] + share * (round_[0] - sharp[0]))
    found = Checked(known, (length, width, height), sharp[1], radius_mm)
    if max(abs(error) for error in found.errors_mm) > WRONG_MM:
        return NotCalibrated("calibration.wrong-carton", f"{found.sentence}, which is too much.",
                             "Check its sizes, the measured square and the board's thickness, and that the board lay "
                             "flat.")
    return found


def _measured(calibration: CameraCalibration, empty: Picture,
              frames: Sequence[Picture]) -> tuple[NDArray[np.float64], Sizes] | NotCalibrated:
    from agent.vision.dimensions import Look, Refused, measure

    found = measure([Look(calibration, empty, frames)])
    if isinstance(found, Refused):
        return NotCalibrated("calibration.carton-not-measured", f"the reference carton is refused: {found.code}.",
                             found.hint)
    sides = (found.length, found.width, found.height)
    return np.array([side.value_mm for side in sides]), (sides[0].u95_mm, sides[1].u95_mm, sides[2].u95_mm)

"""What is wrong with a picture before anything is read in it: black, too dark, over-exposed, out of focus."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import cv2
import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

BLACK, WHITE = 16, 250
BLACK_SHARE = 0.98
DARK_MEDIAN = 32.0
WHITE_SHARE = 0.25
BLURRED_EDGE_PX = 5.5
EDGES_SHARE = 0.002
LEAST_CONTRAST = 50.0
"""An edge must rise by so many levels to tell anything about focus."""


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing that is wrong: a stable code, what was seen, what to do."""

    code: str
    detail: str
    hint: str


@dataclass(frozen=True, slots=True)
class Exposure:
    """Figures of a picture: median grey level, shares of black and white pixels, and how wide its sharpest edges are.

    `edge_px` is None where the picture has no clear edges, as an empty mat has none.
    """

    median: float
    black_share: float
    white_share: float
    edge_px: float | None

    @property
    def faults(self) -> tuple[Fault, ...]:
        """What a technician has to mend, worst first."""
        found = []
        if self.black_share > BLACK_SHARE:
            return (
                Fault(
                    "camera.black",
                    f"{self.black_share:.0%} of the picture is black.",
                    "Take the cap off, switch the lamp on, or raise the exposure time.",
                ),
            )
        if self.median < DARK_MEDIAN:
            found.append(
                Fault(
                    "camera.too-dark",
                    f"half of the picture is darker than {self.median:.0f} of 255.",
                    "Switch the lamp on, or raise the exposure time.",
                )
            )
        if self.white_share > WHITE_SHARE:
            found.append(
                Fault(
                    "camera.over-exposed",
                    f"{self.white_share:.0%} of the picture is white.",
                    "Lower the exposure time or the gain; keep lamps out of the picture.",
                )
            )
        if self.edge_px is not None and self.edge_px > BLURRED_EDGE_PX:
            found.append(
                Fault(
                    "camera.blurred",
                    f"the sharpest edges are {self.edge_px:.1f} pixels wide.",
                    "Focus on the top of a middling box, and lock the focus there; clean the lens.",
                )
            )
        return tuple(found)


def light_of(grey: NDArray[np.uint8]) -> Exposure:
    """Return the figures of a grey picture, which may be a reduced one, but for its focus."""
    histogram = np.bincount(grey.ravel(), minlength=256) / grey.size
    return Exposure(
        median=float(np.searchsorted(np.cumsum(histogram), 0.5)),
        black_share=float(histogram[:BLACK].sum()),
        white_share=float(histogram[WHITE:].sum()),
        edge_px=None,
    )


def exposure_of(grey: NDArray[np.uint8]) -> Exposure:
    """Return the figures of a grey picture.

    The width of an edge is its rise divided by its steepest slope; noise hardly touches the strongest ones.
    """
    return replace(light_of(grey), edge_px=_edge_px(grey))


def _edge_px(grey: NDArray[np.uint8]) -> float | None:
    calm = cv2.GaussianBlur(grey, (3, 3), 0)
    window = np.ones((15, 15), np.uint8)
    rise = cv2.dilate(calm, window).astype(np.float32) - cv2.erode(calm, window)
    slope = cv2.magnitude(
        cv2.Sobel(calm, cv2.CV_32F, 1, 0, scale=1 / 8), cv2.Sobel(calm, cv2.CV_32F, 0, 1, scale=1 / 8)
    )
    steepest = cv2.dilate(slope, window)
    strong = rise > max(LEAST_CONTRAST, 0.6 * float(rise.max(initial=0)))
    if strong.mean() < EDGES_SHARE:
        return None
    return float(np.percentile(rise[strong] / np.maximum(steepest[strong], 0.5), 20))

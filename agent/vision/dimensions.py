"""The size of a box on the platform, from one camera or several: three lengths with their uncertainty, or a reason.

`measure` fits the first frame, verifies with the others, and answers only when nothing contradicts the box. It is no
legal-for-trade instrument.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

import numpy as np

from agent.vision import dimensions_fit as fit
from agent.vision.dimensions_evidence import Evidence, evidence
from agent.vision.dimensions_motion import Nudge, follow, nudge
from agent.vision.dimensions_reasons import U95_MM, hint_of, objection
from agent.vision.dimensions_soft import footprint_mm
from agent.vision.dimensions_solve import Answer, answers
from agent.vision.dimensions_uncertainty import uncertainty
from agent.vision.dimensions_view import View

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from firmware_config.camera import CameraCalibration

    Points = NDArray[np.float64]
    Picture = NDArray[np.uint8]

# What the model leaves out: boards are not quite flat, edges not quite straight, rounding differs from edge to edge.
MODEL_MM = 0.4
AGREE_MM = 3.0
# The median of 8-bit values below which noise is as large as edges.
DARKEST = 14


@dataclass(frozen=True, slots=True, eq=False)
class Look:
    """What one camera has to say: its calibration, the empty platform, and one to three frames, oldest first (BGR)."""

    calibration: CameraCalibration
    empty: Picture
    frames: Sequence[Picture]


@dataclass(frozen=True, slots=True)
class Extent:
    """One dimension in millimetres with its expanded uncertainty (95 %) and a word for a screen."""

    value_mm: float
    u95_mm: float
    quality: Literal["good", "fair"]


@dataclass(frozen=True, slots=True, eq=False)
class Dimensions:
    """A measured box. Length is the longer horizontal side, height is vertical; edges, without bulge.

    `box` is x, y, yaw (radians), the two sides and the height, for drawing. `nudged_px` is how far a corrected camera
    had moved.
    """

    length: Extent
    width: Extent
    height: Extent
    box: tuple[float, float, float, float, float, float]
    nudged_px: float = 0.0
    frames: int = 1


@dataclass(frozen=True, slots=True, eq=False)
class Refused:
    """No dimensions: a stable code and what to do. `box` is what came nearest, for drawing only.

    `length` and `width` are there when the height alone cannot be seen, as from straight above. `about_mm` is length
    and width of something soft, as an indication: no bill may be made of it.
    """

    code: str
    hint: str
    box: tuple[float, float, float, float, float, float] | None = None
    length: Extent | None = None
    width: Extent | None = None
    about_mm: tuple[float, float] | None = None


def measure(looks: Sequence[Look], range_height_mm: float | None = None) -> Dimensions | Refused:
    """Return the dimensions of what stands on the platform, or why there are none.

    `range_height_mm` is a range sensor's idea of the height; it can only contradict.
    """
    if not all(_fits(look) for look in looks):
        return refused("camera.wrong-size")
    views = [View.of(look.calibration) for look in looks]
    radius_mm = sum(look.calibration.edge_radius_mm for look in looks) / len(looks)
    first = _seen(looks, views, 0)
    if isinstance(first, Refused):
        return first
    seen, moved_px = first
    found = answers(seen, radius_mm)
    spread = uncertainty(seen, found[0].box, radius_mm) if found else np.full(3, np.inf)
    u95 = 1.96 * np.hypot(spread, MODEL_MM)
    code = objection(seen, found, u95, range_height_mm)
    if code:
        answer = refused(code, found[0] if found else None)
        if code == "dimensions.not-a-box":
            return replace(answer, about_mm=_about(seen))
        if code == "dimensions.height-not-observable" and u95[:2].max() <= U95_MM:
            length, width, _ = _extents(found[0].box, u95)
            return replace(answer, length=length, width=width)
        return answer
    boxes = [found[0].box]
    for number in range(1, len(looks[0].frames)):
        then = _seen(looks, views, number)
        if isinstance(then, Refused):
            return then
        again = fit.refine(then[0], found[0].box, radius_mm, fit.FINE)
        if np.abs(again[3:] - found[0].box[3:]).max() > AGREE_MM:
            return refused("dimensions.unsteady", found[0])
        boxes.append(again)
    box = np.median(boxes, axis=0)
    return Dimensions(*_extents(box, u95), _six(box), moved_px, len(boxes))


def refused(code: str, nearest: Answer | None = None) -> Refused:
    """Return a refusal with the hint that belongs to its code."""
    return Refused(code, hint_of(code), _six(nearest.box) if nearest is not None else None)


def _extents(box: Points, u95_mm: Points) -> tuple[Extent, Extent, Extent]:
    """Length, width and height of a box (6) whose two sides and height have these uncertainties."""
    along, across, height = (Extent(round(float(value), 1), round(float(size), 1), "good" if size <= 3 else "fair")
                             for value, size in zip(box[3:], u95_mm, strict=True))
    return (across, along, height) if along.value_mm < across.value_mm else (along, across, height)


def _about(views: Sequence[Evidence]) -> tuple[float, float] | None:
    """Length and width of something soft that is wholly in view, rounded to centimetres."""
    found = [footprint_mm(seen) for seen in views if not seen.border]
    sizes = [size for size in found if size is not None]
    if not sizes:
        return None
    length, width = (10.0 * round(float(side) / 10) for side in np.mean(sizes, axis=0))
    return length, width


def _six(box: Points) -> tuple[float, float, float, float, float, float]:
    x, y, yaw, length, width, height = (float(value) for value in box)
    return x, y, yaw, length, width, height


def _fits(look: Look) -> bool:
    """True when all pictures have the size that the camera was calibrated in."""
    wanted = (look.calibration.height_px, look.calibration.width_px, 3)
    return all(picture.shape == wanted for picture in (look.empty, *look.frames))


def _seen(looks: Sequence[Look], views: Sequence[View], number: int) -> tuple[list[Evidence], float] | Refused:
    """What changed in each camera's frame of this number, and how far the camera that moved most had moved (pixels)."""
    seen: list[Evidence] = []
    moved_px = 0.0
    for look, view in zip(looks, views, strict=True):
        frame = look.frames[number]
        if np.median(frame[::8, ::8]) < DARKEST:
            return refused("camera.too-dark")
        changed, nudged = _evidence(view, frame, look.empty)
        if nudged is not None:
            if not nudged.corrected:
                return refused("camera.moved")
            moved_px = max(moved_px, nudged.moved_px)
        if changed is None:
            return refused("dimensions.empty")
        seen.append(changed)
    return seen, moved_px


def _evidence(view: View, frame: Picture, empty: Picture) -> tuple[Evidence | None, Nudge | None]:
    """What changed in a frame, after correcting for a small turn of the camera."""
    nudged = nudge(view, frame, empty)
    if nudged is not None:
        if not nudged.corrected:
            return None, nudged
        view, empty = follow(view, empty, nudged.turn)
    return evidence(view, frame, empty), nudged

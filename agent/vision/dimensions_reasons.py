"""When a box is not an answer: every reason has a code that stays and a sentence that says what to do."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from agent.vision import dimensions_cuboid as cuboid
from agent.vision.dimensions_score import stray

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from agent.vision.dimensions_evidence import Evidence
    from agent.vision.dimensions_score import Marks
    from agent.vision.dimensions_solve import Answer

    Points = NDArray[np.float64]

HINTS = {
    "camera.bad-frame": "The picture cannot be read. Take it again.",
    "camera.measuring-failed": "The measuring broke off. Put the box on once more.",
    "camera.moved": "The camera was moved. Put it back or calibrate it again.",
    "camera.not-calibrated": "This camera has no calibration. Run `packbench calibrate camera`.",
    "camera.not-in-time": "The box was taken before its size was known. Leave it a moment longer.",
    "camera.too-dark": "It is too dark to measure. Switch the lamp on.",
    "camera.wrong-size": "The picture's size is not the calibration's. Set the camera's mode back or calibrate again.",
    "dimensions.ambiguous": "Two sizes fit equally well. Turn the box by a hand's breadth.",
    "dimensions.empty": "Nothing stands on the platform. Put the box on it.",
    "dimensions.hand-in-view": "Something reaches into the picture. Take the hand away.",
    "dimensions.height-not-observable": "From this camera the height cannot be seen. Measure the height by hand.",
    "dimensions.not-a-box": "This is not a box with straight edges. Measure it by hand.",
    "dimensions.partial": "The box or a hand reaches out of the picture. Move the box to the middle and let go.",
    "dimensions.range-disagrees": "Range sensor and camera disagree about the height. Measure it by hand.",
    "dimensions.same-colour": "The box looks like the platform. Put a mat of another colour under it.",
    "dimensions.two-objects": "Something lies beside the box. Leave only the box on the platform.",
    "dimensions.uncertain": "The edges cannot be seen well enough. Turn the box or measure it by hand.",
    "dimensions.unsteady": "The box moved while it was measured. Let go of it.",
}

SCORE = 0.53
RMS_PX = 1.2
GAP = 0.28
FOREIGN = 0.014
UNEXPLAINED, UNEXPLAINED_LOOSE = 0.09, 0.05
STRAY = 0.7
WEAKEST, WEAKEST_OF_MANY, CLEAR, FIRM = 0.40, 0.12, 0.50, 0.60
HOLLOW, HOLLOWEST = 0.30, 0.50
LOWEST_MM = 20.0
RIVAL, RIVAL_LARGER, RIVAL_LARGER_CALM = 0.04, 0.11, 0.07
CALM = 0.015
RIVAL_MM = 4.0
U95_MM = 5.3
RANGE_MM = 30.0


def hint_of(code: str) -> str:
    """Return the sentence of a refusal's code."""
    return HINTS[code]


def objection(views: Sequence[Evidence], found: Sequence[Answer], u95_mm: Points,
              range_height_mm: float | None) -> str:
    """Return the code of the first reason not to believe the best box, or an empty text when there is none."""
    if not found:
        return "dimensions.partial" if any(seen.border for seen in views) else "dimensions.not-a-box"
    best = found[0]
    if any(not _in_view(seen, best.box) for seen in views):
        return "dimensions.partial"
    strange = "dimensions.hand-in-view" if any(seen.border for seen in views) else "dimensions.two-objects"
    if max(mark.foreign for mark in best.marks) > FOREIGN:
        return strange
    if len(views) == 1 and _like_platform(best.marks[0]):
        return "dimensions.same-colour"
    if best.score < SCORE or max(mark.rms_px for mark in best.marks) > RMS_PX or best.box[5] < LOWEST_MM:
        return "dimensions.not-a-box"
    if any(mark.unexplained > (UNEXPLAINED if mark.weakest > FIRM else UNEXPLAINED_LOOSE) for mark in best.marks):
        return strange
    # one wrong edge is a wrong size; a second camera sees it before another background and leaves no room for one
    if min(mark.gap for mark in best.marks) > GAP:
        return "dimensions.uncertain"
    if min(mark.weakest for mark in best.marks) < (WEAKEST if len(views) == 1 else WEAKEST_OF_MANY):
        return "dimensions.uncertain"
    # the walls of a larger box go on outside a smaller one: where nothing does, it needs more to speak for it
    calm = max(mark.unexplained for mark in best.marks) < CALM
    larger = RIVAL if len(views) > 1 else RIVAL_LARGER_CALM if calm else RIVAL_LARGER
    for other in found[1:]:
        more = other.sides - best.sides
        # tape and print are edges inside a box: a larger box needs less to speak for it than a smaller one
        margin = larger if more.min() > -RIVAL_MM else RIVAL
        if other.score > best.score - margin and np.abs(more).max() > RIVAL_MM:
            return "dimensions.ambiguous"
    if u95_mm[2] > U95_MM:
        return "dimensions.height-not-observable"
    if u95_mm.max() > U95_MM:
        return "dimensions.uncertain"
    if any(stray(seen, best.box) > STRAY for seen in views):
        return strange
    if range_height_mm is not None and abs(range_height_mm - best.box[5]) > RANGE_MM:
        return "dimensions.range-disagrees"
    return ""


def _like_platform(mark: Marks) -> bool:
    """Whether so much of the box looks like the platform that an edge may hide in it."""
    return mark.support > SCORE and mark.hollow > (HOLLOW if mark.weakest < CLEAR else HOLLOWEST)


def _in_view(seen: Evidence, box: Points) -> bool:
    """Whether all eight corners are in the picture."""
    pixels = seen.view.pixels(cuboid.corners(box[None])[0])
    return bool((pixels > 2).all() and (pixels[:, 0] < seen.view.width_px - 3).all()
                and (pixels[:, 1] < seen.view.height_px - 3).all())

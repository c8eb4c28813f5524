"""From evidence to ranked boxes: guesses from every view, refined in all views, and what else could be meant."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from agent.vision import dimensions_cuboid as cuboid
from agent.vision import dimensions_fit as fit
from agent.vision.dimensions_score import Marks, marks
from agent.vision.dimensions_search import (
    LARGEST_MM,
    SMALLEST_MM,
    Aligned,
    aligned,
    distinct,
    guesses,
    quick_scores,
    yaws,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from agent.vision.dimensions_evidence import Evidence

    Points = NDArray[np.float64]

GUESSES = 6
ROUGH = ((8.0, 4.5, 2), (5.0, 2.5, 2))
STEP_MM = 6.0


@dataclass(frozen=True, slots=True, eq=False)
class Answer:
    """A refined box (x, y, yaw, length, width, height) and its marks in each view."""

    box: Points
    marks: tuple[Marks, ...]

    @property
    def score(self) -> float:
        """The mean score over the views."""
        return sum(mark.score for mark in self.marks) / len(self.marks)

    @property
    def sides(self) -> Points:
        """Longer horizontal side, shorter horizontal side, height, mm."""
        return np.array([max(self.box[3:5]), min(self.box[3:5]), self.box[5]])


def answers(views: Sequence[Evidence], radius_mm: float) -> list[Answer]:
    """Return the boxes that the evidence of all views allows, the best first; empty when it suggests none."""
    ranked: list[Answer] = []
    for yaw in _yaws(views):
        edges = [aligned(seen, yaw) for seen in views]
        boxes = _guesses(views, edges)
        if len(boxes) == 0:
            continue
        rough = [fit.refine(views, box, radius_mm, ROUGH) for box in boxes]
        found = [_answer(views, edges, box, radius_mm) for box in distinct(np.array(rough), GUESSES, 3.0)]
        found.sort(key=lambda answer: -answer.score)
        best = found[0].box
        others = [*_other_bases(views, edges, best), *_other_depths(views, edges, best)]
        found += [_answer(views, edges, box, radius_mm) for box in others]
        ranked += found
    ranked.sort(key=lambda answer: -answer.score)
    kept: list[Answer] = []
    for answer in ranked:
        if all(np.abs(answer.sides - other.sides).max() > 1.5 for other in kept):
            kept.append(answer)
    return kept


def _answer(views: Sequence[Evidence], edges: Sequence[Aligned], box: Points, radius_mm: float) -> Answer:
    fine = fit.refine(views, box, radius_mm, fit.FINE)
    return Answer(fine, tuple(marks(seen, edge, fine, radius_mm) for seen, edge in zip(views, edges, strict=True)))


def _yaws(views: Sequence[Evidence]) -> list[float]:
    """The likeliest yaws over all views, no two within 1.5 degrees."""
    kept: list[float] = []
    candidates = [yaws(seen) for seen in views]
    for rank in range(2):
        for found in candidates:
            if rank < len(found) and all(_apart(found[rank], other) > math.radians(1.5) for other in kept):
                kept.append(found[rank])
    return kept[:2]


def _apart(one: float, other: float) -> float:
    """The angle between two yaws that differ by quarter turns."""
    away = (one - other) % (math.pi / 2)
    return min(away, math.pi / 2 - away)


def _guesses(views: Sequence[Evidence], edges: Sequence[Aligned]) -> Points:
    """Guesses from every view, ranked by their edges in all of them."""
    pool = [guesses(seen, edge, 24 if len(views) > 1 else GUESSES) for seen, edge in zip(views, edges, strict=True)]
    boxes = np.concatenate(pool)
    if len(boxes) == 0 or len(views) == 1:
        return boxes
    scores = sum(quick_scores(seen, edge, boxes) for seen, edge in zip(views, edges, strict=True))
    return distinct(boxes[np.argsort(-np.asarray(scores))], GUESSES)


def _other_bases(views: Sequence[Evidence], edges: Sequence[Aligned], box: Points) -> list[Points]:
    """The same lid in the first view over other bases: what a shadow or a printed band would make of it."""
    if len(views) > 1:
        return []
    eye = views[0].view.centre
    heights = np.arange(12.0, 0.75 * eye[2], STEP_MM)
    scale = (eye[2] - heights) / (eye[2] - box[5])
    boxes = np.column_stack([eye[0] + (box[0] - eye[0]) * scale, eye[1] + (box[1] - eye[1]) * scale,
                             np.full(len(scale), box[2]), box[3] * scale, box[4] * scale, heights])
    return _peaks(views, edges, boxes, np.abs(heights - box[5]) > STEP_MM, 2)


def _other_depths(views: Sequence[Evidence], edges: Sequence[Aligned], box: Points) -> list[Points]:
    """The same near walls with other hidden walls behind: what tape on a lid of the table's colour would make of it."""
    found = []
    faces = np.any([cuboid.seen_faces(box[None], seen.view.centre)[0] for seen in views], axis=0)
    for axis, sign in ((0, 1), (0, -1), (1, 1), (1, -1)):
        if faces[2 * axis + (sign < 0)]:
            continue
        sizes = np.arange(SMALLEST_MM, LARGEST_MM / 2, STEP_MM)
        more = sign * (sizes - box[3 + axis]) / 2
        boxes = np.repeat(box[None], len(sizes), axis=0)
        boxes[:, 0] += more * (math.cos(box[2]) if axis == 0 else -math.sin(box[2]))
        boxes[:, 1] += more * (math.sin(box[2]) if axis == 0 else math.cos(box[2]))
        boxes[:, 3 + axis] = sizes
        for wanted in (sizes > box[3 + axis] + STEP_MM, sizes < box[3 + axis] - STEP_MM):
            found += _peaks(views, edges, boxes, wanted, 1)
    return found


def _peaks(views: Sequence[Evidence], edges: Sequence[Aligned], boxes: Points, wanted: NDArray[np.bool_],
           count: int) -> list[Points]:
    """Of a row of boxes that grow step by step, the wanted ones that the edges support better than their neighbours."""
    scores = np.sum([quick_scores(seen, edge, boxes) for seen, edge in zip(views, edges, strict=True)], axis=0)
    peaks = [index for index in range(1, len(boxes) - 1) if wanted[index]
             and scores[index] >= scores[index - 1] and scores[index] >= scores[index + 1]]
    peaks.sort(key=lambda index: -scores[index])
    return [boxes[index] for index in peaks[:count]]

"""How far off a fitted box may be: what its edges leave open, and what is not known of camera and board.

First-order propagation through the least-squares fit (after Criminisi, Reid, Zisserman 2000). Samples of one edge err
together, because real edges are bowed; so do all edges at the foot, all round edges, and all that one camera sees.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import cv2
import numpy as np

from agent.vision import dimensions_fit as fit

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from agent.vision.dimensions_evidence import Evidence
    from agent.vision.dimensions_view import View

    Points = NDArray[np.float64]

# What stays unknown of a sample, alone and of a whole edge (pixels), and of the calibration.
SAMPLE_PX, EDGE_PX = 0.32, 0.29
CALIBRATION = (("turn", 1.6e-4, 3), ("move", 0.45, 3), ("focal", 5e-4, 1), ("centre", 0.4, 2))
# Boards differ in how round they fold: 1 to 3 mm, evenly spread.
RADIUS_MM = 0.58
# All edges at the foot lie in one shadow, which moves them together.
FOOT_PX = 0.30
# An edge this strong was found; an edge with fewer samples says nothing.
FOUND, FEWEST = 0.8, 3


def uncertainty(views: Sequence[Evidence], box: Points, radius_mm: float) -> Points:
    """Return the standard uncertainties (3, mm) of length, width and height: of fit, calibration, roundness, shadow."""
    found = [_found(seen, box, radius_mm) for seen in views]
    # edges that contradict each other say how far any of them may be off
    misses = [offset[points.edge == edge].mean() for points, offset in found for edge in np.unique(points.edge)]
    edge_px = math.hypot(EDGE_PX, float(np.sqrt(np.mean(np.square(misses or [0.0])))))
    total, common = np.zeros((6, 6)), np.zeros((6, 2))
    pulls = []
    for seen, (points, _) in zip(views, found, strict=True):
        slope = fit.slopes(seen.view, box, points)
        moves = np.hstack([_calibration_moves(seen.view, box, points, radius_mm),
                           _board_moves(seen.view, box, points, radius_mm)])
        pull = np.zeros((6, moves.shape[1]))
        for edge in np.unique(points.edge):
            rows = points.edge == edge
            tau = (points.share[rows] - 0.5) * math.sqrt(12)
            together = np.column_stack([np.ones_like(tau), tau])
            spread = SAMPLE_PX ** 2 * np.eye(len(tau)) + edge_px ** 2 * together @ together.T
            trusted = np.linalg.solve(spread, slope[rows])
            total += slope[rows].T @ trusted
            pull += trusted.T @ moves[rows]
        pulls.append(pull[:, :-2])
        common += pull[:, -2:]
    inverse = np.linalg.inv(total + np.diag([1e-9] * 6))
    # each camera errs for itself, the box is as round and as shaded for all of them
    moved = [inverse @ pull for pull in (*pulls, common)]
    return np.asarray(np.sqrt(np.diag(inverse + sum(move @ move.T for move in moved)))[3:])


def _found(seen: Evidence, box: Points, radius_mm: float) -> tuple[fit.Samples, Points]:
    """The samples that found an edge, of all visible edges that three or more did, and how far off it was (pixels)."""
    points = fit.samples(seen.view, box, radius_mm)
    offset, strength = fit.nearest(*fit.across(seen, points, 4.0), 1.8)
    held = strength > FOUND
    held &= np.bincount(points.edge[held], minlength=12)[points.edge] >= FEWEST
    return points.only(held), offset[held]


def _board_moves(view: View, box: Points, points: fit.Samples, radius_mm: float) -> Points:
    """How each sample moves along its normal (n x 2) when the board is rounder, and when the foot's shade is wider."""
    rounder = fit.place(view, box, points.edge, points.share, radius_mm + RADIUS_MM) - points.pixel
    return np.column_stack([np.sum(rounder * points.normal, axis=1), np.where(points.edge < 4, FOOT_PX, 0.0)])


def _calibration_moves(view: View, box: Points, points: fit.Samples, radius_mm: float) -> Points:
    """How each sample moves along its normal (n x 9) when the calibration errs by one standard uncertainty."""
    columns = []
    nothing = np.zeros(3)
    for kind, size, count in CALIBRATION:
        for index in range(count):
            small = np.zeros(3)
            small[index] = size
            if kind == "turn":
                # the pose is fitted to a board on the platform, so a turn goes with the move that keeps its middle
                other = view.turned(small, view.t - np.asarray(cv2.Rodrigues(small)[0]) @ view.t)
            elif kind == "move":
                other = view.turned(nothing, small)
            elif kind == "focal":
                other = view.turned(nothing, np.array([0, 0, size * view.t[2]]), size)
            else:
                other = view.turned(nothing, None, 0.0, (small[0], small[1]))
            moved = fit.place(other, box, points.edge, points.share, radius_mm) - points.pixel
            columns.append(np.sum(moved * points.normal, axis=1))
    return np.stack(columns, axis=1)

"""Has the camera moved since the empty platform was photographed? Small turns are corrected, the rest is refused."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

import cv2
import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from agent.vision.dimensions_view import View

    Points = NDArray[np.float64]
    Corners = NDArray[np.float32]
    Picture = NDArray[np.uint8]

STILL_PX = 0.6
LARGEST_PX = 40.0
RESIDUAL_PX = 0.9
FEWEST = 12
LEAP_SCALE, LEAP_PX, LEAP_RESPONSE = 8, 10.0, 0.08
WINDOW_PX, LEVELS = (15, 15), 3
MOST = 300
AGREEING = 0.4
EVEN_PX, LEAST_CONTRAST = (31, 31), 3.0


@dataclass(frozen=True, slots=True)
class Nudge:
    """How the picture moved: the median in pixels, the rotation vector that explains it (radians), and whether it does.

    `corrected` is False for a movement that no small turn of the camera explains.
    """

    moved_px: float
    turn: tuple[float, float, float]
    corrected: bool


def nudge(view: View, frame: Picture, empty: Picture) -> Nudge | None:
    """Return the camera's movement between the empty platform and the frame (BGR); None when it stands still.

    Corners of the empty picture are followed into the frame and back (Lucas-Kanade, pyramids); those that the box hides
    get lost on the way.
    """
    before, after = _evened(_grey(empty)), _evened(_grey(frame))
    half = cv2.resize(before, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA)
    # OpenCV's types do not say that it finds None in a picture without corners
    found = cast("Corners | None", cv2.goodFeaturesToTrack(half, MOST, 0.02, 10))
    if found is None or len(found) < FEWEST:
        return _leap(before, after)
    start = (found.reshape(-1, 1, 2) * 2 + 0.5).astype(np.float32)
    there, kept_there = _followed(before, after, start)
    back, kept_back = _followed(after, before, there)
    kept = kept_there & kept_back & (np.linalg.norm((back - start).reshape(-1, 2), axis=1) < 0.5)
    first, flow = _agreed(start[kept].reshape(-1, 2).astype(float), there[kept].reshape(-1, 2).astype(float))
    if len(first) < FEWEST or np.median(np.linalg.norm(flow, axis=1)) < STILL_PX:
        return _leap(before, after)
    moved = float(np.linalg.norm(np.median(flow, axis=0)))
    turn, residual = _turn(view, first, flow)
    good = bool((residual < RESIDUAL_PX).mean() > 0.6 and moved < LARGEST_PX)
    if good:  # corners of a ruled mat may have been followed to the next line
        _, turned = follow(view, before, (float(turn[0]), float(turn[1]), float(turn[2])))
        good = _leap(turned, after) is None
    return Nudge(moved, (float(turn[0]), float(turn[1]), float(turn[2])), good)


def _agreed(first: Points, then: Points) -> tuple[Points, Points]:
    """The corners (n x 2) that agree on a movement, and their flow; none where too few do.

    Any movement of a camera moves a plane by a homography; what noise makes of a smooth mat has no common direction.
    """
    if len(first) >= FEWEST:
        # OpenCV's types do not say that it finds None where nothing agrees
        plane, agrees = cast("tuple[Points | None, Picture]", cv2.findHomography(first, then, cv2.RANSAC, 1.0))
        if plane is not None and int(agrees.sum()) >= max(FEWEST, AGREEING * len(first)):
            inside = first[agrees[:, 0] == 1]
            moved = cv2.perspectiveTransform(inside.reshape(-1, 1, 2), plane).reshape(-1, 2)
            return inside, np.asarray(moved - inside, float)
    return np.zeros((0, 2)), np.zeros((0, 2))


def alike(one: Picture, other: Picture) -> float:
    """Return the correlation of two pictures (BGR) with even light: near 1 for the same view, 0 for another."""
    small = [cv2.resize(_evened(_grey(picture)), None, fx=0.25, fy=0.25, interpolation=cv2.INTER_AREA).ravel()
             for picture in (one, other)]
    return float(np.corrcoef(small[0], small[1])[0, 1])


def _grey(picture: Picture) -> Picture:
    return np.asarray(cv2.cvtColor(picture, cv2.COLOR_BGR2GRAY), np.uint8)


def _evened(grey: Picture) -> Picture:
    """The picture with its light and contrast made even from place to place.

    A box takes half of a narrow picture and throws a shadow on the rest: no one gain brings both pictures to the same
    brightness, and corners are followed by their brightness.
    """
    wide = grey.astype(np.float32)
    flat = wide - cv2.blur(wide, EVEN_PX)
    contrast = cv2.sqrt(cv2.blur(flat * flat, EVEN_PX)) + np.float32(LEAST_CONTRAST)
    return np.asarray(cv2.convertScaleAbs(cv2.divide(flat, contrast), alpha=40, beta=128), np.uint8)


def _followed(before: Picture, after: Picture, start: Corners) -> tuple[Corners, NDArray[np.bool_]]:
    """Where corners (n x 1 x 2) went from one grey picture to the next, and which were found again (n)."""
    there, found, _ = cv2.calcOpticalFlowPyrLK(before, after, start, np.zeros_like(start), winSize=WINDOW_PX,
                                               maxLevel=LEVELS)
    return np.asarray(there, np.float32), np.asarray(found)[:, 0] == 1


def _leap(before: Picture, after: Picture) -> Nudge | None:
    """A movement too large to follow corners through, by phase correlation of the whole pictures; else None."""
    scale = 1 / LEAP_SCALE
    one, other = (cv2.resize(grey, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA).astype(np.float32)
                  for grey in (before, after))
    window = cv2.createHanningWindow((one.shape[1], one.shape[0]), cv2.CV_32F)
    (across, down), response = cv2.phaseCorrelate(one, other, window)
    moved = float(np.hypot(across, down)) * LEAP_SCALE
    if moved < LEAP_PX or response < LEAP_RESPONSE:
        return None
    return Nudge(moved, (0.0, 0.0, 0.0), corrected=False)


def _turn(view: View, points: Points, flow: Points) -> tuple[Points, Points]:
    """The rotation vector that moves the picture points (n x 2) by `flow`, and what it leaves over in pixels (n)."""
    flat = cv2.undistortPoints(points.reshape(-1, 1, 2), view.K, view.distortion).reshape(-1, 2)
    x, y = flat[:, 0], flat[:, 1]
    # d(x/z, y/z) for a small turn w of the camera frame: d(X) = w x X
    rows_x = np.column_stack([-x * y, 1 + x * x, -y]) * view.K[0, 0]
    rows_y = np.column_stack([-(1 + y * y), x * y, x]) * view.K[1, 1]
    matrix = np.concatenate([rows_x, rows_y])
    wanted = np.concatenate([flow[:, 0], flow[:, 1]])
    weight = np.ones(len(points))
    turn = np.zeros(3)
    residual = np.linalg.norm(flow, axis=1)
    for _ in range(12):
        both = np.concatenate([weight, weight])
        turn = np.linalg.lstsq(matrix * both[:, None], wanted * both, rcond=None)[0]
        left = wanted - matrix @ turn
        residual = np.hypot(left[:len(points)], left[len(points):])
        weight = 1 / (1 + (residual / 0.7) ** 2)
    return np.asarray(turn), np.asarray(residual)


def follow(view: View, empty: Picture, turn: tuple[float, float, float]) -> tuple[View, Picture]:
    """Return the view after a small turn, and the empty platform as it would look from there."""
    small = np.array(turn)
    rotation = np.asarray(cv2.Rodrigues(small)[0], float)
    moved = view.K @ rotation @ np.linalg.inv(view.K)
    size = (empty.shape[1], empty.shape[0])
    turned = cv2.warpPerspective(empty, moved, size, flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    return view.turned(small), np.asarray(turned, np.uint8)

"""First guesses of the box: edges vote for planes through the camera, and triples of planes are boxes.

A level edge of direction e lies in a plane through the camera's centre that holds e, whatever its height; the angle of
that plane about e is one number. Two families of level edges and the uprights so give three short lists of numbers, and
every way to read them as near base, near top, far top, left and right is a box (after Criminisi, Reid, Zisserman 2000).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import combinations, permutations
from typing import TYPE_CHECKING, cast

import cv2
import numpy as np

from agent.vision import dimensions_cuboid as cuboid

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from agent.vision.dimensions_evidence import Evidence

    Floats = NDArray[np.float32]
    Points = NDArray[np.float64]

GRID = 4
YAW_BIN_DEG = 0.25
ANGLE_BIN = math.radians(0.06)
PEAKS, UPRIGHTS = 8, 4
ROUGH_SAMPLES = 4
SMALLEST_MM, LARGEST_MM = 35.0, 800.0
LOWEST_MM = 12.0
SHORTEST_PX = 9.0


@dataclass(frozen=True, slots=True, eq=False)
class Aligned:
    """How strongly each pixel lies on an edge along x, y or z of a box with this yaw (h x w x 3), less the platform.

    `strongest` is the strongest of the three, and `platform` the evidence's map, both on a grid of every fourth pixel.
    """

    yaw: float
    strength: Floats
    strongest: Floats
    platform: Floats


def new_lines(seen: Evidence) -> tuple[Points, Points]:
    """Return straight segments (n x 2 x 2, map pixels) and how much of each, in pixels, the empty platform lacks."""
    # OpenCV's types do not say that it finds None where there is no segment
    found = cast("Floats | None", cv2.createLineSegmentDetector(cv2.LSD_REFINE_STD, 1.0).detect(seen.grey)[0])
    if found is None:
        return np.zeros((0, 2, 2)), np.zeros(0)
    lines = found.reshape(-1, 2, 2).astype(float)
    size = np.linalg.norm(lines[:, 1] - lines[:, 0], axis=1)
    lines, size = lines[size > SHORTEST_PX], size[size > SHORTEST_PX]
    return lines, size * _new_edge(seen, lines)


def yaws(seen: Evidence, count: int = 2) -> list[float]:
    """Return the likeliest yaws (radians, 0 ... pi/2), best first, from straight segments."""
    lines, weight = new_lines(seen)
    if len(lines) == 0:
        return []
    offset = np.array([seen.left, seen.top], float)
    first = seen.view.rays(lines[:, 0] + offset)
    second = seen.view.rays(lines[:, 1] + offset)
    plane = np.cross(first, second)
    plane /= np.maximum(np.linalg.norm(plane, axis=1, keepdims=True), 1e-12)
    level = np.cross(plane, (0.0, 0.0, 1.0))
    steep = np.linalg.norm(level, axis=1)
    # a plane that holds the vertical is an upright's, or an edge that happens to point at the camera
    weight = weight * np.where(np.abs(plane[:, 2]) < 0.05, 0.25, 1.0) * (steep > 0.05)
    angle = np.degrees(np.arctan2(level[:, 1], level[:, 0])) % 90
    bins = int(90 / YAW_BIN_DEG)
    votes, _ = np.histogram(angle, bins=bins, range=(0, 90), weights=weight)
    reach = np.arange(-6, 7)
    kernel = np.exp(-0.5 * (reach * YAW_BIN_DEG / 0.5) ** 2)
    smooth = np.convolve(np.concatenate([votes[-6:], votes, votes[:6]]), kernel, "valid")
    best: list[tuple[float, float]] = []
    for _ in range(count):
        peak = int(smooth.argmax())
        if smooth[peak] <= 0 or (best and smooth[peak] < 0.15 * best[0][1]):
            break
        middle = (peak + 0.5) * YAW_BIN_DEG
        away = (angle - middle + 45) % 90 - 45
        near = np.abs(away) < 0.8
        mean = middle + float(np.average(away[near], weights=weight[near])) if weight[near].sum() > 0 else middle
        best.append((math.radians(mean % 90), float(smooth[peak])))
        index = (np.arange(bins) - peak + bins // 2) % bins - bins // 2
        smooth[np.abs(index) * YAW_BIN_DEG < 4] = 0
    return [yaw for yaw, _ in best]


def _new_edge(seen: Evidence, lines: Points) -> Points:
    """How much of each segment (0 ... 1) the empty platform does not show as well."""
    share = np.linspace(0.1, 0.9, 7)[:, None]
    points = lines[:, None, 0] + share * (lines[:, None, 1] - lines[:, None, 0])
    height, width = seen.shape
    x = np.clip(points[..., 0].round().astype(int), 0, width - 1)
    y = np.clip(points[..., 1].round().astype(int), 0, height - 1)
    now = np.sqrt(seen.tensor[y, x, 0] + seen.tensor[y, x, 2])
    before = np.sqrt(seen.tensor_empty[y, x, 0] + seen.tensor_empty[y, x, 2])
    fresh = np.clip(now - 1.2 * before, 0, None) / (now + 1e-6)
    shaded = seen.platform[y, x]
    return np.asarray((fresh * (1 - 0.7 * shaded)).mean(axis=1), float)


def aligned(seen: Evidence, yaw: float) -> Aligned:
    """Return the edge strength along the three directions of a box with this yaw, less what the platform shows."""
    height, width = seen.shape
    columns = (np.arange(width, dtype=np.float32) + seen.left)[None, :]
    rows = (np.arange(height, dtype=np.float32) + seen.top)[:, None]
    soft = cv2.GaussianBlur(seen.tensor, (0, 0), 1.0)
    soft_empty = cv2.GaussianBlur(seen.tensor_empty, (0, 0), 1.4)
    cos, sin = math.cos(yaw), math.sin(yaw)
    strength = np.empty((height, width, 3), np.float32)
    fresh = 1 - np.float32(0.8) * cv2.erode(seen.platform, np.ones((7, 7), np.uint8))
    for axis, direction in enumerate(((cos, sin, 0.0), (-sin, cos, 0.0), (0.0, 0.0, 1.0))):
        point = seen.view.K @ (seen.view.R @ np.array(direction))  # the vanishing point, homogeneous
        along_x = np.float32(point[0]) - np.float32(point[2]) * columns
        along_y = np.float32(point[1]) - np.float32(point[2]) * rows
        square = along_x * along_x + along_y * along_y + np.float32(1e-6)
        nxx, nxy, nyy = along_y * along_y / square, -along_x * along_y / square, along_x * along_x / square
        across = soft[:, :, 0] * nxx + 2 * soft[:, :, 1] * nxy + soft[:, :, 2] * nyy
        lengthwise = soft[:, :, 0] + soft[:, :, 2] - across
        before = soft_empty[:, :, 0] * nxx + 2 * soft_empty[:, :, 1] * nxy + soft_empty[:, :, 2] * nyy
        value = np.sqrt(np.maximum(across - 6 * lengthwise, 0)) - 1.1 * np.sqrt(np.maximum(before, 0))
        strength[:, :, axis] = np.clip(value, 0, 12) * fresh
    strongest = cv2.max(cv2.max(strength[:, :, 0], strength[:, :, 1]), strength[:, :, 2])
    return Aligned(yaw, strength, _coarse(seen, strongest), _coarse(seen, seen.platform))


def coarse_shape(seen: Evidence) -> tuple[int, int]:
    """Return height and width of the grid that whole boxes are judged on."""
    height, width = seen.shape
    return (height + GRID - 1) // GRID, (width + GRID - 1) // GRID


def _coarse(seen: Evidence, values: NDArray[np.float32] | cv2.typing.MatLike) -> Floats:
    return np.asarray(cv2.resize(values, coarse_shape(seen)[::-1], interpolation=cv2.INTER_AREA), np.float32)


def _peaks(angles: Points, weights: Points, count: int) -> tuple[Points, Points]:
    """The strongest angles of a weighted list, and their votes."""
    if len(angles) == 0:
        return np.zeros(0), np.zeros(0)
    low = float(angles.min())
    bins = max(16, int((float(angles.max()) - low) / ANGLE_BIN) + 8)
    reach_all = (low - 4 * ANGLE_BIN, low + (bins - 4) * ANGLE_BIN)
    votes, _ = np.histogram(angles, bins=bins, range=reach_all, weights=weights)
    reach = np.arange(-6, 7)
    smooth = np.convolve(votes, np.exp(-0.5 * (reach / 1.8) ** 2), "same")
    places: list[float] = []
    values: list[float] = []
    for _ in range(count):
        peak = int(smooth.argmax())
        if smooth[peak] <= 0 or (values and smooth[peak] < 0.04 * values[0]):
            break
        near = slice(max(0, peak - 3), peak + 4)
        centre = float(np.average(np.arange(bins)[near], weights=votes[near] + 1e-9))
        places.append(low + (centre - 4 + 0.5) * ANGLE_BIN)
        values.append(float(smooth[peak]))
        smooth[max(0, peak - 6):peak + 7] = 0
    return np.array(places), np.array(values)


def profiles(seen: Evidence, edges: Aligned, rim: Points, threshold: float = 1.2) -> list[tuple[Points, Points]]:
    """Return for the x and y directions the peaks of plane angles about them, and their votes; `rim` is the outline.

    The angle is measured in the vertical plane across the direction, from the horizontal that points away from the
    camera's side (+y for x edges, -x for y edges).
    """
    cos, sin = math.cos(edges.yaw), math.sin(edges.yaw)
    ends_of = seen.view.rays(rim)
    found = []
    for axis, away in ((0, (-sin, cos)), (1, (cos, sin))):
        strength = edges.strength[:, :, axis]
        rows, columns = np.nonzero(strength > threshold)
        weights = np.sqrt(strength[rows, columns].astype(float))
        rays = seen.view.rays(np.column_stack([columns + seen.left, rows + seen.top]).astype(float))
        angle = np.arctan2(rays[:, 2], rays[:, 0] * away[0] + rays[:, 1] * away[1])
        places, votes = _peaks(angle, weights, PEAKS)
        # an edge in front of its own colour votes for nothing, but the box's outline ends there all the same
        ends = np.arctan2(ends_of[:, 2], ends_of[:, 0] * away[0] + ends_of[:, 1] * away[1])
        for end in (ends.min(), ends.max()) if len(ends) else ():
            if len(places) == 0 or np.abs(places - end).min() > 8 * ANGLE_BIN:
                places, votes = np.append(places, end), np.append(votes, 0.0)
        found.append((places, votes))
    return found


def outline(seen: Evidence) -> Points:
    """Return the hull (n x 2, picture pixels) of the largest part that is certainly not the platform."""
    changed = cv2.erode((seen.platform < 0.3).astype(np.uint8), np.ones((5, 5), np.uint8))
    count, labels, stats, _ = cv2.connectedComponentsWithStats(changed)
    if count < 2:
        return np.zeros((0, 2))
    largest = 1 + int(stats[1:, cv2.CC_STAT_AREA].argmax())
    points = cv2.findNonZero((labels == largest).astype(np.uint8))
    return np.asarray(cv2.convexHull(points).reshape(-1, 2) + np.array((seen.left, seen.top)), float)


def guesses(seen: Evidence, edges: Aligned, limit: int) -> Points:
    """Return up to `limit` boxes (n x 6) that the edges suggest, those with the best supported edges first."""
    rim = outline(seen)
    peaks = profiles(seen, edges, rim)
    upright = uprights(seen, edges)
    boxes = np.concatenate([_readings(seen, edges.yaw, peaks, upright, near) for near in (0, 1)])
    if len(boxes) == 0:
        return boxes
    boxes = boxes[_inside(seen, boxes, rim)]
    if len(boxes) == 0:
        return boxes
    if len(boxes) > 300:
        boxes = boxes[np.argsort(-quick_scores(seen, edges, boxes, ROUGH_SAMPLES))[:300]]
    scores = quick_scores(seen, edges, boxes)
    return distinct(boxes[np.argsort(-scores)], limit)


def distinct(boxes: Points, limit: int, apart_mm: float = 5.0) -> Points:
    """Return the first `limit` boxes (n x 6) of which no two are alike; sizes and places differ by `apart_mm`."""
    chosen: list[Points] = []
    kept: list[Points] = []
    for box in boxes:
        place = np.array([box[0], box[1], box[3], box[4], box[5]])
        if all(np.abs(place - other).max() > apart_mm for other in chosen):
            chosen.append(place)
            kept.append(box)
        if len(chosen) == limit:
            break
    return np.array(kept) if kept else np.zeros((0, 6))


def uprights(seen: Evidence, edges: Aligned, threshold: float = 1.2) -> Points:
    """Return the strongest azimuths (radians) of upright edges, seen from above the camera's foot."""
    strength = edges.strength[:, :, 2]
    rows, columns = np.nonzero(strength > threshold)
    rays = seen.view.rays(np.column_stack([columns + seen.left, rows + seen.top]).astype(float))
    weights = np.sqrt(strength[rows, columns].astype(float))
    middle = math.atan2(*(-seen.view.centre[1::-1])) if len(rays) else 0.0
    angle = (np.arctan2(rays[:, 1], rays[:, 0]) - middle + math.pi) % (2 * math.pi) - math.pi
    return _peaks(angle, weights, UPRIGHTS)[0] + middle


def _readings(seen: Evidence, yaw: float, peaks: list[tuple[Points, Points]], upright: Points, near: int) -> Points:
    """Every box that reads two angles as near base and near top, others as its ends and its far side.

    Ends are lid edges of the other direction or uprights on the near side; the far side is a lid edge, or an upright
    behind one of the ends.
    """
    eye = seen.view.centre
    cos, sin = math.cos(yaw), math.sin(yaw)
    away = np.array([[-sin, cos], [cos, sin]])  # across the x edges, across the y edges
    across, ends = away[near], away[1 - near]
    first, second = np.sort(peaks[near][0]), np.sort(peaks[1 - near][0])
    beside = (np.cos(upright) * ends[0] + np.sin(upright) * ends[1]) / (
        np.cos(upright) * across[0] + np.sin(upright) * across[1] + 1e-9)
    sides = np.array(list(combinations(range(len(second) + len(upright)), 2)), int).reshape(-1, 2)
    mixed = sides[:, 1] >= len(second)
    boxes = []
    for base, top in permutations(first, 2):  # the near side may be on either side of the camera
        run = -eye[2] / math.tan(base)
        height = eye[2] + run * math.tan(top)
        if not LOWEST_MM < height < 0.8 * eye[2]:
            continue
        places = np.concatenate([(height - eye[2]) / np.tan(second), run * beside])[sides]
        lids = np.broadcast_to((height - eye[2]) / np.tan(first), (len(sides), len(first)))
        behind = np.where(mixed[:, None], (places[:, :, None] / (beside + 1e-9)).reshape(len(sides), -1), 0.0)
        far = np.concatenate([lids, behind], axis=1)
        depth, size = np.abs(far) - abs(run), np.abs(places[:, 1] - places[:, 0])
        good = ((far * run > 0) & (depth > SMALLEST_MM) & (depth < LARGEST_MM)
                & (size > SMALLEST_MM)[:, None] & (size < LARGEST_MM)[:, None])
        row, column = np.nonzero(good)
        deep = (run + far[row, column]) / 2
        centre = eye[:2] + deep[:, None] * across + places[row].mean(axis=1)[:, None] * ends
        both = depth[row, column], size[row]
        length, width = both[::-1] if near == 0 else both
        boxes.append(np.column_stack([centre, np.full(len(row), yaw), length, width, np.full(len(row), height)]))
    return np.concatenate(boxes) if boxes else np.zeros((0, 6))


def _inside(seen: Evidence, boxes: Points, rim: Points) -> NDArray[np.bool_]:
    """Which boxes lie within the changed part of the picture and reach as far as what certainly is no platform."""
    pixels = seen.view.pixels(cuboid.corners(boxes))
    height, width = seen.shape
    low, high = pixels.min(axis=1), pixels.max(axis=1)
    within = ((low[:, 0] > seen.left - 12) & (low[:, 1] > seen.top - 12)
              & (high[:, 0] < seen.left + width + 12) & (high[:, 1] < seen.top + height + 12))
    if len(rim) == 0:
        return np.asarray(within)
    slack = 8 + 0.06 * (rim.max(axis=0) - rim.min(axis=0))
    reaching = within & (low < rim.min(axis=0) + slack).all(axis=1) & (high > rim.max(axis=0) - slack).all(axis=1)
    return np.asarray(reaching if reaching.any() else within)


def quick_scores(seen: Evidence, edges: Aligned, boxes: Points, samples: int = 12) -> Points:
    """Return for each box the mean edge support along its visible edges, found within three pixels."""
    ready = cv2.dilate(np.minimum(edges.strength, 5.0) / np.float32(5.0), np.ones((5, 5), np.uint8))
    points = cuboid.corners(boxes)
    flat = seen.view.pixels(points) - (seen.left, seen.top)
    share = ((np.arange(samples) + 0.5) / samples)[:, None]
    if samples > ROUGH_SAMPLES:
        start, end = points[:, cuboid.STARTS, None], points[:, cuboid.ENDS, None]
        pixels = seen.view.pixels(start + share * (end - start)) - (seen.left, seen.top)
    else:  # an edge is bowed by the lens by no more pixels than the support is spread
        start, end = flat[:, cuboid.STARTS, None], flat[:, cuboid.ENDS, None]
        pixels = start + share * (end - start)
    height, width = seen.shape
    x = np.clip(pixels[..., 0].round().astype(int), 0, width - 1)
    y = np.clip(pixels[..., 1].round().astype(int), 0, height - 1)
    support = ready[y, x, cuboid.AXES[None, :, None]].mean(axis=2)
    kinds = cuboid.seen_edges(boxes, seen.view.centre)
    weight = np.where(kinds == 1, 1.0, np.where(kinds == 2, 0.7, 0.0))
    length = np.linalg.norm(flat[:, cuboid.STARTS] - flat[:, cuboid.ENDS], axis=2)
    weight = weight * np.sqrt(length)
    return np.asarray((support * weight).sum(axis=1) / weight.sum(axis=1))

"""A carton standing on the platform, as six numbers: x, y, yaw, length, width, height (mm, radians).

Faces: 0 +x, 1 -x, 2 +y, 3 -y, 4 top, 5 base (of the box's own axes). Everything works on many boxes at once.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Points = NDArray[np.float64]
    Flags = NDArray[np.bool_]

SIGNS = np.array([[x, y, z] for z in (0, 1) for x, y in ((-1, -1), (1, -1), (1, 1), (-1, 1))], float)
# start corner, end corner, the two faces that meet, and the direction: 0 along x, 1 along y, 2 upright
EDGES = ((0, 1, 3, 5, 0), (1, 2, 0, 5, 1), (2, 3, 2, 5, 0), (3, 0, 1, 5, 1),
         (4, 5, 3, 4, 0), (5, 6, 0, 4, 1), (6, 7, 2, 4, 0), (7, 4, 1, 4, 1),
         (0, 4, 3, 1, 2), (1, 5, 3, 0, 2), (2, 6, 2, 0, 2), (3, 7, 2, 1, 2))
STARTS, ENDS, FACES_A, FACES_B, AXES = (np.array(column) for column in zip(*EDGES, strict=True))
FACE_CORNERS = ((1, 2, 6, 5), (3, 0, 4, 7), (2, 3, 7, 6), (0, 1, 5, 4), (4, 5, 6, 7), (0, 3, 2, 1))


def corners(boxes: Points) -> Points:
    """Return the eight corners (n x 8 x 3) of boxes (n x 6)."""
    cos, sin = np.cos(boxes[:, 2]), np.sin(boxes[:, 2])
    x = SIGNS[:, 0] * boxes[:, 3:4] / 2
    y = SIGNS[:, 1] * boxes[:, 4:5] / 2
    return np.stack([boxes[:, 0:1] + x * cos[:, None] - y * sin[:, None],
                     boxes[:, 1:2] + x * sin[:, None] + y * cos[:, None],
                     SIGNS[:, 2] * boxes[:, 5:6]], axis=2)


def normals(boxes: Points) -> Points:
    """Return the outward normals (n x 6 x 3)."""
    cos, sin = np.cos(boxes[:, 2]), np.sin(boxes[:, 2])
    zero, one = np.zeros_like(cos), np.ones_like(cos)
    along_x = np.stack([cos, sin, zero], axis=1)
    along_y = np.stack([-sin, cos, zero], axis=1)
    up = np.stack([zero, zero, one], axis=1)
    return np.stack([along_x, -along_x, along_y, -along_y, up, -up], axis=1)


def seen_faces(boxes: Points, eye: Points) -> Flags:
    """Return which faces (n x 6) look towards the eye."""
    cos, sin = np.cos(boxes[:, 2]), np.sin(boxes[:, 2])
    away_x, away_y = eye[0] - boxes[:, 0], eye[1] - boxes[:, 1]
    local_x, local_y = cos * away_x + sin * away_y, -sin * away_x + cos * away_y
    below = np.zeros(len(boxes), bool)
    return np.stack([local_x > boxes[:, 3] / 2, local_x < -boxes[:, 3] / 2, local_y > boxes[:, 4] / 2,
                     local_y < -boxes[:, 4] / 2, eye[2] > boxes[:, 5], below], axis=1)


def seen_edges(boxes: Points, eye: Points) -> NDArray[np.int64]:
    """Return 0 for a hidden edge, 1 for one of the outline, 2 for a crease between two visible faces (n x 12)."""
    faces = seen_faces(boxes, eye)
    return faces[:, FACES_A].astype(np.int64) + faces[:, FACES_B]


def rounded_edges(box: Points, eye: Points, radius_mm: float) -> tuple[Points, Points]:
    """Return where the twelve edges of one box (6) seem to begin and end (12 x 3 each) when they are round.

    A round edge is a quarter cylinder. Its outline is where the line of sight touches it, inside the sharp edge. A
    crease is seen where the shading turns fastest, which is on the darker wall's side of the rounding: seen from above,
    that falls on the sharp edge. The rounding at the foot lies in its own shade: there the edge that a camera sees is
    the end of the wall.
    """
    boxes = box[None]
    points, outward = corners(boxes)[0], normals(boxes)[0]
    kinds = seen_edges(boxes, eye)[0]
    start, end = points[STARTS], points[ENDS]
    both = outward[FACES_A] + outward[FACES_B]
    along = outward[2 * AXES]
    across = _crossed(along, (start + end) / 2 - eye)
    across /= np.maximum(np.sqrt((across * across).sum(axis=1, keepdims=True)), 1e-9)
    across *= np.sign((across * both).sum(axis=1, keepdims=True))
    outline = radius_mm * (across - both)
    shift = np.where((kinds == 2)[:, None], 0.0, outline)
    shift[FACES_B == 5] = (0.0, 0.0, radius_mm)
    return start + shift, end + shift


def _crossed(one: Points, other: Points) -> Points:
    """The cross products of rows; numpy's own takes longer than all the rest of an edge."""
    x, y, z = one.T
    u, v, w = other.T
    return np.stack([y * w - z * v, z * u - x * w, x * v - y * u], axis=1)

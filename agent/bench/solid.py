"""Boxes and bags as small quadrilaterals in the world, with rounded edges, bulge, taper and skew."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from agent.bench.scene import Bag, Box

    Points = NDArray[np.float64]

FACES = ("top", "front", "right", "back", "left")


@dataclass(frozen=True, slots=True)
class Patch:
    """One quadrilateral: its face, 4 world corners (left bottom first, anticlockwise), what share of the face's
    texture it shows (u0, v0, u1, v1 with v upwards) and its outward normal.
    """

    face: str
    corners: Points
    share: tuple[float, float, float, float]
    normal: Points


def standing(points: Points, x_mm: float, y_mm: float, yaw_deg: float) -> Points:
    """Return local points (n x 3) turned about z and moved to their place on the platform."""
    turn = math.radians(yaw_deg)
    cos, sin = math.cos(turn), math.sin(turn)
    matrix = np.array([[cos, -sin, 0], [sin, cos, 0], [0, 0, 1]])
    return np.asarray(points @ matrix.T + np.array([x_mm, y_mm, 0.0]))


def face_frame(box: Box, face: str) -> tuple[Points, Points, Points, float, float]:
    """Return a face's middle, its unit vectors to the right and up as seen from outside, and its size in mm.

    Local to the box: x along the length, y along the width, z up.
    """
    length, width, height = box.length_mm, box.width_mm, box.height_mm
    up = np.array([0.0, 0.0, 1.0])
    if face == "top":
        return np.array([0, 0, height]), np.array([1.0, 0, 0]), np.array([0, 1.0, 0]), length, width
    middle = {"front": (0, -width / 2), "back": (0, width / 2), "left": (-length / 2, 0), "right": (length / 2, 0)}
    right = {"front": (1.0, 0), "back": (-1.0, 0), "left": (0, -1.0), "right": (0, 1.0)}
    wide = length if face in {"front", "back"} else width
    return (np.array([*middle[face], height / 2]), np.array([*right[face], 0.0]), up, wide, height)


def on_face(box: Box, face: str, across: Points, upwards: Points, out_mm: float = 0.0) -> Points:
    """Return world points on a face; `across`, `upwards` are millimetres from its middle, `out_mm` in front of it."""
    middle, right, up, _, _ = face_frame(box, face)
    local = middle + np.outer(across, right) + np.outer(upwards, up) + out_mm * np.cross(right, up)
    return standing(local, box.x_mm, box.y_mm, box.yaw_deg)


def shaped(box: Box, local: Points) -> tuple[Points, Points]:
    """Return points of the sharp box moved to the real carton's surface, and the normals there (both n x 3, local)."""
    half = np.array([box.length_mm / 2, box.width_mm / 2, box.height_mm / 2])
    point = local - np.array([0, 0, half[2]])
    radius = max(min(box.radius_mm, float(half.min()) * 0.5), 1e-3)
    inner = np.clip(point, -half + radius, half - radius)
    out = point - inner
    normal = out / np.maximum(np.linalg.norm(out, axis=1, keepdims=True), 1e-9)
    moved = inner + radius * normal
    across = 1 - np.clip(np.abs(moved) / half, 0, 1) ** 2
    for axis, swell in enumerate(box.bulge_mm):
        others = [other for other in range(3) if other != axis]
        outward = swell * np.sign(normal[:, axis]) * normal[:, axis] ** 2
        moved[:, axis] += outward * across[:, others[0]] * across[:, others[1]]
    rise = (moved[:, 2] / half[2] + 1) / 2
    for axis in (0, 1):
        moved[:, axis] *= 1 - box.taper_mm[axis] / (2 * half[axis]) * rise
    moved[:, 0] += box.skew_mm * moved[:, 1] / (2 * half[1])
    moved[:, 2] = np.maximum(moved[:, 2] + half[2], 0.0)
    return moved, normal


def steps(size_mm: float, radius_mm: float, parts: int) -> Points:
    """Return where a face's grid lines lie along one side, -half ... half; dense in the rounded edges."""
    half = size_mm / 2
    if radius_mm <= 0:
        return np.linspace(-half, half, parts + 1)
    flat = np.linspace(-half + radius_mm, half - radius_mm, parts + 1)
    # equal angles on the rounded edge: tan of the angle gives the place on the sharp box
    bend = radius_mm * (1 - np.tan(np.radians([45.0, 30.0, 15.0])))
    return np.concatenate([-half + bend, flat, (half - bend)[::-1]])


def box_patches(box: Box) -> list[Patch]:
    """Return the quadrilaterals of a carton's five outer faces."""
    patches = []
    for face in FACES:
        middle, right, up, wide, high = face_frame(box, face)
        out = np.cross(right, up)
        if box.plain:
            half_x, half_y = wide / 2, high / 2
            corners = on_face(box, face, np.array([-half_x, half_x, half_x, -half_x]),
                              np.array([-half_y, -half_y, half_y, half_y]))
            patches.append(Patch(face, corners, (0, 0, 1, 1), standing(out[None], 0, 0, box.yaw_deg)[0]))
            continue
        parts = 8 if any(box.bulge_mm) else 2
        across, upwards = steps(wide, box.radius_mm, parts), steps(high, box.radius_mm, parts)
        grid_x, grid_y = np.meshgrid(across, upwards)
        sharp = middle + grid_x.reshape(-1, 1) * right + grid_y.reshape(-1, 1) * up
        moved, normal = shaped(box, sharp)
        world = standing(moved, box.x_mm, box.y_mm, box.yaw_deg).reshape(len(upwards), len(across), 3)
        normals = standing(normal, 0, 0, box.yaw_deg).reshape(world.shape)
        patches += grid_patches(face, world, normals, across / wide + 0.5, upwards / high + 0.5)
    return patches


def grid_patches(face: str, world: Points, normals: Points, u: Points, v: Points) -> list[Patch]:
    """Return the cells of a grid of world points (rows upwards, columns to the right)."""
    patches = []
    for row in range(len(v) - 1):
        for column in range(len(u) - 1):
            corners = np.array([world[row, column], world[row, column + 1],
                                world[row + 1, column + 1], world[row + 1, column]])
            normal = normals[row:row + 2, column:column + 2].reshape(4, 3).mean(axis=0)
            share = (float(u[column]), float(v[row]), float(u[column + 1]), float(v[row + 1]))
            patches.append(Patch(face, corners, share, normal / max(float(np.linalg.norm(normal)), 1e-9)))
    return patches


def bag_patches(bag: Bag) -> list[Patch]:
    """Return the upper side of a mailer: a pillow with a flat seam and a few creases."""
    dice = np.random.default_rng(bag.seed)
    count = 18
    u = np.linspace(-1, 1, count + 1)
    grid_x, grid_y = np.meshgrid(u, u)
    dome = ((1 - np.abs(grid_x) ** 2.5) * (1 - np.abs(grid_y) ** 2.5)) ** 0.6
    creases = 1 + 0.12 * np.sin(3.1 * grid_x + 5 * dice.random()) * np.cos(2.3 * grid_y + 5 * dice.random())
    height = bag.height_mm * dome * creases
    pull = 1 - 0.08 * dome
    local = np.stack([grid_x * bag.length_mm / 2 * pull, grid_y * bag.width_mm / 2 * pull, height], axis=2)
    world = standing(local.reshape(-1, 3), bag.x_mm, bag.y_mm, bag.yaw_deg).reshape(local.shape)
    along_x, along_y = np.gradient(world, axis=1), np.gradient(world, axis=0)
    normal = np.cross(along_x, along_y)
    normal /= np.maximum(np.linalg.norm(normal, axis=2, keepdims=True), 1e-9)
    return grid_patches("bag", world, normal, u / 2 + 0.5, u / 2 + 0.5)

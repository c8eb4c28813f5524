from __future__ import annotations

import math

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from agent.vision import dimensions_cuboid as cuboid
from agent.vision import dimensions_fit as fit
from agent.vision.dimensions_view import View

EYE = np.array([300.0, -500.0, 850.0])


def view() -> View:
    forward = -EYE / np.linalg.norm(EYE)
    right = np.cross(forward, (0, 0, 1))
    right /= np.linalg.norm(right)
    turn = np.stack([right, np.cross(forward, right), forward])
    matrix = np.array([[960.0, 0, 640], [0, 960, 360], [0, 0, 1]])
    return View(1280, 720, matrix, np.array([-0.08, 0.03, 4e-4, -3e-4, 0.01]), turn, -turn @ EYE)


@given(st.floats(-200, 200), st.floats(-200, 200), st.floats(0, 300))
def test_a_pixel_looks_back_along_the_line_of_its_point(x: float, y: float, z: float) -> None:
    point = np.array([[x, y, z]])
    ray = view().rays(view().pixels(point))[0]
    away = point[0] - EYE
    assert np.linalg.norm(np.cross(ray, away)) / np.linalg.norm(ray) < 0.05


def test_from_above_a_corner_nine_edges_of_a_box_are_seen() -> None:
    box = np.array([[0.0, 0.0, 0.3, 250, 180, 120]])
    kinds = cuboid.seen_edges(box, EYE)[0]
    assert (kinds == 1).sum() == 6
    assert (kinds == 2).sum() == 3


def test_straight_from_above_only_the_lid_is_seen() -> None:
    kinds = cuboid.seen_edges(np.array([[0.0, 0.0, 0.3, 250, 180, 120]]), np.array([0.0, 0.0, 900.0]))[0]
    assert kinds[4:8].tolist() == [1, 1, 1, 1]
    assert kinds.sum() == 4


def test_a_round_outline_is_seen_inside_the_sharp_one_and_a_crease_on_it() -> None:
    box = np.array([0.0, 0.0, 0.3, 250, 180, 120])
    sharp_start, sharp_end = cuboid.rounded_edges(box, EYE, 0.0)
    start, end = cuboid.rounded_edges(box, EYE, 2.0)
    kinds = cuboid.seen_edges(box[None], EYE)[0]
    moved = np.linalg.norm((start + end - sharp_start - sharp_end) / 2, axis=1)
    assert (moved[kinds == 1] > 0.1).all()
    assert (moved[kinds == 1] < 2.0 * math.sqrt(2)).all()
    assert (moved[kinds == 2] == 0).all()


def test_slopes_are_what_moving_the_box_does() -> None:
    lens, box = view(), np.array([10.0, -20.0, 0.4, 250, 180, 120])
    straight = View(1280, 720, lens.K, np.zeros(5), lens.R, lens.t)
    points = fit.samples(straight, box, 0.0)
    slopes = fit.slopes(straight, box, points)
    for index, step in enumerate((0.1, 0.1, 1e-4, 0.1, 0.1, 0.1)):
        other = box.copy()
        other[index] += step
        moved = fit.place(straight, other, points.edge, points.share, 0.0) - points.pixel
        assert np.allclose(np.sum(moved * points.normal, axis=1) / step, slopes[:, index], rtol=0.02, atol=0.02)



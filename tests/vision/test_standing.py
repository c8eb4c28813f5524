"""A code counts only on the box of this visit: not on the table, not on the next box, not where it stood before."""

from __future__ import annotations

import threading
import time
from functools import cache
from typing import TYPE_CHECKING

import numpy as np
import pytest

from agent.bench.camera import LENS, render
from agent.bench.scene import Box, Scene, Sticker
from agent.papers.fonts import Fonts
from agent.vision.barcodes import Code, read_codes
from agent.vision.standing import Standing
from tests.campaigns.paper_camera import shown

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from agent.bench.scene import Face

    Picture = NDArray[np.uint8]

BOX = Box(230, 170, 110, 0, 0, 12, "kraft")
SIX = (0.0, 0.0, float(np.radians(12)), 230.0, 170.0, 110.0)
LOOK_S = 120.0


@cache
def label(number: int) -> tuple[Picture, str]:
    """A shipping label as printed, and its mark."""
    page, mark, _ = shown(2 * number + 1, Fonts.installed())
    return np.asarray(page.image.convert("L")), mark


@cache
def empty() -> Picture:
    return render(Scene(), 1)


def fitted(visit: int = 1) -> Standing:
    """The box was measured as it stood there, without a label."""
    standing = Standing(LENS.calibration(), empty())
    standing.fitted(visit, SIX, render(Scene(BOX), 2))
    return standing


def seen(picture: Picture, *marks: str) -> list[Code]:
    """The codes of a picture, read without hurry."""
    codes = [code for code in read_codes(picture, expect=marks, budget_s=LOOK_S, now=time.process_time)
             if code.accepted]
    assert set(marks) <= {code.text for code in codes}
    return codes


@pytest.mark.parametrize(("face", "rotation_deg"), [("top", 0), ("top", 137), ("front", 90)])
def test_a_label_on_a_visible_face_is_on_the_box(face: Face, rotation_deg: float) -> None:
    picture, mark = label(0)
    frame = render(Scene(BOX, (Sticker(picture, face, 20 if face == "top" else 0, 5, rotation_deg),)), 3)
    assert fitted().beside(1, seen(frame, mark), frame) == ()


def test_the_label_on_the_table_is_beside_and_the_other_parcels_label_on_the_box_is_not() -> None:
    (mine, mark), (other, others_mark) = label(0), label(1)
    frame = render(Scene(BOX, (Sticker(mine, "table", 235, -40, 20), Sticker(other, "top", 20, 0, 40))), 4)
    beside = fitted().beside(1, seen(frame, mark, others_mark), frame)
    assert mark in beside
    assert others_mark not in beside


def test_without_a_fit_the_outline_of_what_hides_the_platform_must_do() -> None:
    picture, mark = label(0)
    for calibration in (None, LENS.calibration()):
        standing = Standing(calibration, empty())
        for sticker, is_beside in ((Sticker(picture, "table", 235, -40, 20), True), (Sticker(picture), False)):
            frame = render(Scene(BOX, (sticker,)), 5)
            assert (mark in standing.beside(1, seen(frame, mark), frame, measuring=True)) == is_beside


def test_a_fit_of_the_last_visit_says_nothing_about_this_one() -> None:
    picture, mark = label(0)
    frame = render(Scene(BOX, (Sticker(picture, "top", 20, 5),)), 6)
    assert fitted(visit=1).beside(2, seen(frame, mark), frame, measuring=True) == ()


def test_a_label_that_is_shown_without_a_box_is_not_where_the_box_stood() -> None:
    picture, mark = label(0)
    frame = render(Scene(None, (Sticker(picture, "shown"),)), 7)
    assert mark in fitted().beside(1, seen(frame, mark), frame)


def test_a_box_that_was_turned_is_fitted_again_before_a_label_counts() -> None:
    picture, mark = label(0)
    standing = fitted()
    frame = render(Scene(Box(230, 170, 110, 20, -5, 40, "kraft"), (Sticker(picture, "top", 20, 5),)), 8)
    codes = seen(frame, mark)
    assert mark in standing.beside(1, codes, frame)
    until_s = time.monotonic() + LOOK_S
    while (beside := standing.beside(1, codes, frame)) and time.monotonic() < until_s:
        threading.Event().wait(0.02)  # every look asks whether the fit is there; it is made meanwhile
    assert beside == ()


def test_who_never_saw_the_bare_platform_cannot_tell_and_lets_the_code_count() -> None:
    frame = np.full((1080, 1920, 3), 90, np.uint8)
    code = Code("A", b"A", "DataMatrix", "]d1", ((1, 1), (9, 1), (9, 9), (1, 9)), "fast", accepted=True)
    assert Standing(LENS.calibration()).beside(1, [code], frame) == ()
    assert fitted().beside(0, [code], frame) == (), "a slip that is held up while no box stands there"

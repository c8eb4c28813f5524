"""A box is sized only by pictures of the size that the camera was calibrated in; any other ends as a refusal."""

from __future__ import annotations

import os
import threading
import time
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from agent.bench.camera import LENS
from agent.station.values import Length, Refused, unmeasured
from agent.vision import dimensions
from agent.vision.measuring import Measuring
from agent.vision.sizing import Sizing
from agent.vision.standing import Standing
from agent.vision.together import Joint, Together

if TYPE_CHECKING:
    from pathlib import Path

    import pytest

    from agent.station.values import Dimensions

PATIENCE_S = 120.0


def answer(sizing: Sizing, shape: tuple[int, int]) -> Dimensions:
    """What comes of one visit's pictures of this height and width, shown until there is an answer."""
    until_s = time.monotonic() + PATIENCE_S
    while time.monotonic() < until_s:
        found = sizing.see_box(1, np.zeros((*shape, 3), np.uint8))
        if found is not None:
            return found
    raise AssertionError("no answer in time")


class Told(Joint):
    """A measurement whose answer is known."""

    def __init__(self, answer: dimensions.Dimensions | dimensions.Refused) -> None:
        super().__init__(1, 1)
        self._told = answer

    @property
    def found(self) -> dimensions.Dimensions | dimensions.Refused:
        return self._told


class Telling(Together):
    """Measures nothing: gives these answers, one after the other."""

    def __init__(self, *answers: dimensions.Dimensions | dimensions.Refused) -> None:
        super().__init__()
        self._left = list(answers)

    def begin(self, visit: int, camera: str, look: dimensions.Look) -> Joint:
        return Told(self._left.pop(0))


BARE = np.zeros((LENS.height_px, LENS.width_px, 3), np.uint8)
SIDE = dimensions.Extent(200.0, 2.0, "good")
BOX = dimensions.Dimensions(SIDE, SIDE, SIDE, (0, 0, 0, 200, 200, 200))


def sized(folder: Path, *answers: dimensions.Dimensions | dimensions.Refused) -> Dimensions:
    """What a visit's box is said to measure when its pictures give these answers."""
    sizing = Sizing(LENS.calibration(), folder / "empty.png", Telling(*answers))
    sizing.see_empty(BARE, BARE)
    return answer(sizing, BARE.shape[:2])


def test_a_hand_in_the_first_pictures_is_no_reason_to_leave_a_box_unmeasured(tmp_path: Path) -> None:
    for code in ("dimensions.hand-in-view", "dimensions.partial", "dimensions.unsteady"):
        assert isinstance(sized(tmp_path / "once" / code, dimensions.refused(code), BOX).length, Length)
        assert sized(tmp_path / "twice" / code, *[dimensions.refused(code)] * 2) == unmeasured(code)


def test_a_camera_straight_above_tells_length_and_width_without_a_height(tmp_path: Path) -> None:
    code = "dimensions.height-not-observable"
    found = sized(tmp_path, dimensions.Refused(code, "", length=SIDE, width=SIDE))
    assert isinstance(found.length, Length)
    assert isinstance(found.width, Length)
    assert found.height == Refused(refused=code)


class Deadly:
    """Ends the process that unpickles it, as the kernel does when memory is short."""

    def __reduce__(self) -> tuple[Any, tuple[int]]:
        return os._exit, (1,)


def test_a_measuring_process_that_is_killed_before_it_has_the_pictures_is_a_refusal() -> None:
    looks: list[Any] = [Deadly(), BARE]
    killed = Measuring(looks)
    until_s = time.monotonic() + PATIENCE_S
    while killed.found is None and time.monotonic() < until_s:
        threading.Event().wait(0.01)
    assert isinstance(killed.found, dimensions.Refused)
    assert killed.found.code == "camera.measuring-failed"


def test_how_far_a_camera_moved_is_told_in_pixels_of_its_own_pictures(
        tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[float] = []
    monkeypatch.setattr(Standing, "fitted", lambda *_, nudged_px: told.append(nudged_px))
    sized(tmp_path, replace(BOX, nudged_px=4.0))
    assert told == [4.0 * LENS.width_px / 1280]


def test_a_camera_in_another_mode_than_calibrated_is_refused(tmp_path: Path) -> None:
    sizing = Sizing(LENS.calibration(), tmp_path / "empty.png")
    bare = np.zeros((480, 640, 3), np.uint8)
    sizing.see_empty(bare, bare)
    assert answer(sizing, (480, 640)) == unmeasured("camera.wrong-size")


def test_a_bare_platform_kept_in_another_size_is_not_taken_for_todays(tmp_path: Path) -> None:
    bare = np.zeros((480, 640, 3), np.uint8)
    Sizing(LENS.calibration(), tmp_path / "empty.png").see_empty(bare, bare)
    again = Sizing(LENS.calibration(), tmp_path / "empty.png")
    assert not again.ready
    found = again.see_box(1, np.zeros((LENS.height_px, LENS.width_px, 3), np.uint8))
    assert found is not None
    assert found.length == Refused(refused="camera.no-empty-picture")

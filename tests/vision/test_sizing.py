"""A box is sized only by pictures of the size that the camera was calibrated in; any other ends as a refusal."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import numpy as np

from agent.bench.camera import LENS
from agent.station.values import Refused, unmeasured
from agent.vision.sizing import Sizing

if TYPE_CHECKING:
    from pathlib import Path

    from agent.station.values import Dimensions

PATIENCE_S = 20.0


def answer(sizing: Sizing, shape: tuple[int, int]) -> Dimensions:
    """What comes of one visit's pictures of this height and width, shown until there is an answer."""
    until_s = time.monotonic() + PATIENCE_S
    while time.monotonic() < until_s:
        found = sizing.see_box(1, np.zeros((*shape, 3), np.uint8))
        if found is not None:
            return found
    raise AssertionError("no answer in time")


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

"""Cameras that measure one box wait for each other, but not for one that does not come."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from agent.bench.camera import LENS
from agent.vision import measuring, together
from agent.vision.dimensions import Look
from agent.vision.together import Together

if TYPE_CHECKING:
    from collections.abc import Sequence

LOOK = Look(LENS.calibration(), np.zeros((2, 2, 3), np.uint8), ())


@pytest.fixture
def begun(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many looks went into each measurement that began."""
    counts: list[int] = []

    class Noted:
        found = None

        def __init__(self, looks: Sequence[Look]) -> None:
            counts.append(len(looks))

        def close(self) -> None:
            counts.append(0)

    monkeypatch.setattr(measuring, "Measuring", Noted)
    monkeypatch.setattr(together, "LATE_S", 600.0)
    return counts


def pair() -> Together:
    both = Together()
    both.join("camera[0]")
    both.join("camera[1]")
    return both


def test_a_measurement_begins_when_the_last_camera_has_its_pictures(begun: list[int]) -> None:
    both = pair()
    first = both.begin(1, "camera[0]", LOOK)
    assert first.found is None
    assert begun == []
    assert both.begin(1, "camera[1]", LOOK) is first
    assert begun == [2]


def test_a_camera_that_does_not_come_is_not_waited_for(begun: list[int], monkeypatch: pytest.MonkeyPatch) -> None:
    both = pair()
    alone = both.begin(1, "camera[0]", LOOK)
    monkeypatch.setattr(together, "LATE_S", -1.0)
    assert alone.found is None  # the answer is not there yet
    assert begun == [1]
    assert both.begin(1, "camera[1]", LOOK) is alone  # too late for its pictures, but not for the answer
    assert begun == [1]


def test_a_refused_box_is_measured_again_and_the_next_visit_anew(begun: list[int]) -> None:
    both = pair()
    first = both.begin(1, "camera[0]", LOOK)
    again = both.begin(1, "camera[0]", LOOK)
    assert again is not first
    assert both.begin(1, "camera[1]", LOOK) is again
    assert both.begin(2, "camera[1]", LOOK) is not again
    again.close()
    assert again.found is None
    assert begun == [2, 0]

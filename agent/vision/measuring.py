"""One measurement under way in a process of its own: codes are read on meanwhile, and its memory goes with it."""

from __future__ import annotations

import contextlib
import multiprocessing
from typing import TYPE_CHECKING

import cv2
import numpy as np
from msgspec.structs import replace

from agent.vision import dimensions

if TYPE_CHECKING:
    from collections.abc import Sequence
    from multiprocessing.connection import Connection

    from numpy.typing import NDArray

    from firmware_config.camera import CameraCalibration

    Picture = NDArray[np.uint8]

# Pictures are measured at this width at the most; codes are read at the camera's own. A quarter of the pixels is
# measured in a third of the time, and edges are fitted over hundreds of them.
WIDEST_PX = 1280


def share_of(calibration: CameraCalibration) -> float:
    """Return by how much this camera's pictures are reduced before they are measured; 1.0 for small ones."""
    return min(1.0, WIDEST_PX / calibration.width_px)


def look_of(calibration: CameraCalibration, empty: Picture, frames: Sequence[Picture]) -> dimensions.Look:
    """Return a camera's pictures as they are measured, reduced where they are large."""
    share = share_of(calibration)
    return dimensions.Look(_reduced(calibration, share), _shrunk(empty, share),
                           tuple(_shrunk(frame, share) for frame in frames))


class Measuring:
    """Begins to measure at once, by one camera's look or several.

    Fitting a box takes a second of CPU and 150 MB; a Pi Zero 2 W has 512 MB, so the process ends with its answer. It is
    a daemon: a station that is told to stop ends within its second, whatever is being measured.
    """

    def __init__(self, looks: Sequence[dimensions.Look]) -> None:
        spawn = multiprocessing.get_context("spawn")
        self._answer, there = spawn.Pipe()
        self._found: dimensions.Dimensions | dimensions.Refused | None = None
        self._process = spawn.Process(target=_measure, args=(there,), name="measure", daemon=True)
        self._process.start()
        there.close()
        # Pictures as arguments would be written to a pipe of which this process holds the other end, too: had the
        # kernel killed the new one for its memory by then, the camera's thread would wait for ever.
        with contextlib.suppress(OSError):
            self._answer.send(looks)

    @property
    def found(self) -> dimensions.Dimensions | dimensions.Refused | None:
        """Return the answer, or None until it is known. A process that died without one is a refusal."""
        if self._found is None and self._answer.poll():
            try:
                self._found = self._answer.recv()
            except (EOFError, OSError):
                self._found = dimensions.refused("camera.measuring-failed")
            self._answer.close()
            self._process.join()
        return self._found

    def close(self) -> None:
        """Give up: nobody wants the answer any more."""
        if self._found is None:
            self._process.kill()
            self._process.join()
            self._answer.close()


def _measure(station: Connection) -> None:
    import os

    os.nice(5)  # the station's own threads come first
    station.send(dimensions.measure(station.recv()))
    station.close()


def _shrunk(picture: Picture, share: float) -> Picture:
    """The picture at a share of its size."""
    if share >= 1.0:
        return picture
    height, width = picture.shape[:2]
    size = (round(width * share), round(height * share))
    return np.asarray(cv2.resize(picture, size, interpolation=cv2.INTER_AREA), np.uint8)


def _reduced(calibration: CameraCalibration, share: float) -> CameraCalibration:
    """The calibration of a picture at a share of its size; the centre of the first pixel is (0, 0)."""
    if share >= 1.0:
        return calibration
    width, height = round(calibration.width_px * share), round(calibration.height_px * share)
    x, y = width / calibration.width_px, height / calibration.height_px
    (fx, skew, cx), (_, fy, cy), last = calibration.matrix
    matrix = ((fx * x, skew * x, (cx + 0.5) * x - 0.5), (0.0, fy * y, (cy + 0.5) * y - 0.5), last)
    return replace(calibration, width_px=width, height_px=height, matrix=matrix)

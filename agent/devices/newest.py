"""The newest frame of a camera that streams: a thread puts it in, whoever asks waits for one taken after that."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from agent.devices import DeviceError, Frame

if TYPE_CHECKING:
    from collections.abc import Callable

FROZEN_FRAMES = 20
"""Sensor noise makes any two frames differ; so many equal ones in a row come from a camera that hangs."""


class Newest:
    """Holds one frame, or the error that stands in its way. Safe between threads."""

    def __init__(self, clock_ms: Callable[[], int], camera: str) -> None:
        self._clock_ms = clock_ms
        self._camera = camera
        self._changed = threading.Condition()
        self._frame: Frame | None = None
        self._error: DeviceError | None = None
        self._number = 0
        self._equal = 0

    def put(self, jpeg: bytes) -> None:
        """Make this the newest frame; it ends an error."""
        with self._changed:
            self._equal = self._equal + 1 if self._frame and self._frame.jpeg == jpeg else 0
            self._frame = Frame(self._clock_ms(), jpeg, self._camera)
            self._number += 1
            self._error = (
                None
                if self._equal < FROZEN_FRAMES
                else DeviceError(
                    "camera.frozen",
                    f"the camera has sent the same picture {self._equal + 1} times.",
                    "Unplug the camera and plug it in again.",
                )
            )
            self._changed.notify_all()

    def fail(self, error: DeviceError) -> None:
        """Tell everyone who waits, and who asks until the next frame, that the camera is broken."""
        with self._changed:
            self._error = error
            self._changed.notify_all()

    def after_now(self, timeout_s: float) -> Frame:
        """Return a frame that came after this call began. Raises DeviceError: the camera's own, or `camera.mute`.

        The next frame may have been on its way already, so the second one is waited for.
        """
        with self._changed:
            wanted = self._number + 2
            self._changed.wait_for(lambda: self._number >= wanted or self._error is not None, timeout_s)
            if self._error is not None:
                raise self._error
            if self._number < wanted or self._frame is None:
                raise DeviceError(
                    "camera.mute",
                    f"no new picture came within {timeout_s:g} s.",
                    "Check the camera's cable and power; it is tried again by itself.",
                )
            return self._frame

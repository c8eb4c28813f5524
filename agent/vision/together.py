"""One measurement by all cameras that see the box: it begins when each has its pictures, or the others are late."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from agent.vision import dimensions
    from agent.vision.measuring import Measuring

LATE_S = 2.0
"""So long a camera that has its pictures waits for the others; then the box is measured without them."""


class Together:
    """What the measuring cameras of a station share. Safe between their threads."""

    def __init__(self) -> None:
        self._cameras: set[str] = set()
        self._lock = threading.Lock()
        self._now: Joint | None = None

    def join(self, camera: str) -> None:
        """Count on this camera's look from now on."""
        with self._lock:
            self._cameras.add(camera)

    def begin(self, visit: int, camera: str, look: dimensions.Look) -> Joint:
        """Return the measurement of a visit that this camera's look belongs to.

        A camera that comes again, since the last measurement was refused, begins the next one.
        """
        with self._lock:
            if self._now is None or self._now.visit != visit or camera in self._now.came:
                self._now = Joint(visit, len(self._cameras))
            self._now.take(camera, look)
            return self._now


class Joint:
    """One measurement of one visit: which cameras came, their looks until it begins, then the answer."""

    def __init__(self, visit: int, cameras: int) -> None:
        self.visit, self._cameras = visit, cameras
        self.came: set[str] = set()
        self._looks: dict[str, dimensions.Look] = {}
        self._since_s = time.monotonic()
        self._lock = threading.Lock()
        self._measuring: Measuring | None = None
        self._closed = False

    def take(self, camera: str, look: dimensions.Look) -> None:
        """Take one camera's look; too late, it is not used any more."""
        with self._lock:
            self.came.add(camera)
            if self._measuring is None:
                self._looks[camera] = look
            self._begin_when_all_are_there()

    @property
    def found(self) -> dimensions.Dimensions | dimensions.Refused | None:
        """Return the answer, or None until it is known."""
        with self._lock:
            self._begin_when_all_are_there()
            return self._measuring.found if self._measuring is not None and not self._closed else None

    def close(self) -> None:
        """Give up: nobody wants the answer any more."""
        with self._lock:
            if self._measuring is not None and not self._closed:
                self._measuring.close()
            self._closed = True

    def _begin_when_all_are_there(self) -> None:
        late = time.monotonic() - self._since_s > LATE_S
        if self._measuring is None and not self._closed and self._looks and (len(self._looks) == self._cameras or late):
            from agent.vision.measuring import Measuring

            self._measuring = Measuring([self._looks[camera] for camera in sorted(self._looks)])
            self._looks.clear()  # the pictures of each camera are 10 MB

"""The size of the box that stands there now: pictures are gathered per visit, and measured once there are enough."""

from __future__ import annotations

from typing import TYPE_CHECKING

from agent.station.values import Dimensions, Length, Refused, unmeasured
from agent.vision import dimensions
from agent.vision.background import Background
from agent.vision.measuring import look_of, share_of
from agent.vision.standing import Standing
from agent.vision.together import Together

if TYPE_CHECKING:
    from pathlib import Path

    import numpy as np
    from numpy.typing import NDArray

    from agent.vision.together import Joint
    from firmware_config.camera import CameraCalibration

    Picture = NDArray[np.uint8]

# One picture is fitted, two more must agree with it.
PICTURES = 3
# A hand that is still in the way is gone in the next pictures, or the box can't be measured.
TRIES = 2
PASSING = ("bad-frame", "hand-in-view", "partial", "two-objects", "unsteady")


class Sizing:
    """Measures each visit's box with one calibrated camera, or with several `together`.

    It must be shown the bare platform first. The measuring runs in a process of its own: codes are read on meanwhile.
    """

    def __init__(self, calibration: CameraCalibration, empty_file: Path, together: Together | None = None) -> None:
        self._empty_file = empty_file
        self.background = Background(calibration, _kept(empty_file, calibration))
        self._together = together or Together()
        self._name = empty_file.name.partition("-empty")[0]
        self._together.join(self._name)
        self._visit = 0
        self._tries = 0
        self._pictures: list[Picture] = []
        self._answer: Joint | None = None
        self.standing = Standing(calibration, self.background.empty)

    def see_empty(self, before: Picture, now: Picture) -> bool:
        """Look at the bare platform in two pictures, a moment apart; False when something moved there.

        The first one ever is written down: it is there at the next start with a box on the platform, and tells whether
        the camera was moved since.
        """
        first = self.background.empty is None
        if not self.background.see(before, now) or self.background.empty is None:
            return False
        if first:
            self._keep(self.background.empty)
        self.standing.see_empty(self.background.empty, self.background.calibration)
        return True

    def _keep(self, picture: Picture) -> None:
        import cv2

        self._empty_file.parent.mkdir(parents=True, exist_ok=True)
        cv2.imwrite(str(self._empty_file), picture)

    @property
    def ready(self) -> bool:
        """True when the bare platform was seen: a box can be measured."""
        return self.background.empty is not None

    def see_box(self, visit: int, picture: Picture) -> Dimensions | None:
        """Take one more picture of a visit's box; return its dimensions, or None while they are not known yet."""
        if visit != self._visit:
            if self._answer is not None:
                self._answer.close()
            self._visit, self._tries, self._pictures, self._answer = visit, 0, [], None
        background = self.background
        if background.empty is None:
            return unmeasured("camera.no-empty-picture")
        if background.lost:
            return unmeasured("camera.moved")
        if self._answer is not None:
            found = self._answer.found
            if found is None:
                return None
            if isinstance(found, dimensions.Dimensions):
                if self._pictures:
                    nudged_px = found.nudged_px / share_of(background.calibration)
                    self.standing.fitted(visit, found.box, self._pictures[-1], nudged_px=nudged_px)
                    self._pictures = []
                return _of(found)
            if self._tries >= TRIES or found.code.rpartition(".")[2] not in PASSING:
                return _without_height(found)
            self._answer, self._pictures = None, []
        self._pictures.append(picture)
        if len(self._pictures) == PICTURES:
            self._tries += 1
            look = look_of(background.calibration, background.empty, self._pictures)
            self._answer = self._together.begin(visit, self._name, look)
        return None


def _kept(path: Path, calibration: CameraCalibration) -> Picture | None:
    """The bare platform of the last run; None when the camera was calibrated in another size since."""
    import cv2
    import numpy as np

    picture = cv2.imread(str(path)) if path.exists() else None
    if picture is None or picture.shape[:2] != (calibration.height_px, calibration.width_px):
        return None
    return np.asarray(picture, np.uint8)


def _of(found: dimensions.Dimensions) -> Dimensions:
    return Dimensions(length=_edge(found.length), width=_edge(found.width), height=_edge(found.height))


def _without_height(found: dimensions.Refused) -> Dimensions:
    """A refused measurement; a camera straight above still tells length and width."""
    if found.length is None or found.width is None:
        return unmeasured(found.code)
    return Dimensions(length=_edge(found.length), width=_edge(found.width), height=Refused(refused=found.code))


def _edge(side: dimensions.Extent) -> Length:
    return Length(value_mm=side.value_mm, u95_mm=side.u95_mm, quality=side.quality)

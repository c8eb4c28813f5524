"""The dialogue of a camera's calibration: hands-free, one picture at a time.

The board is seen to come, to be held still and to be new; nobody presses Enter. First views for the lens until
nothing is missing, then the board flat on the platform, then the bare platform, then the reference carton if there is
one. Nothing is changed here; what comes out is a result, or a refusal with its reason.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from agent.vision.background import is_calm
from agent.vision.exposure import exposure_of, light_of
from calibration.board import find
from calibration.camera import CELLS, Calibrated, NotCalibrated, calibrate, coverage, posed
from calibration.carton import Checked, checked

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from agent.vision.exposure import Exposure
    from calibration.board import Board, Sighting
    from firmware_config.camera import CameraCalibration

    Picture = NDArray[np.uint8]
    Grey = NDArray[np.uint8]

WANTED_VIEWS = 12
WANTED_CELLS = 13
"""Of sixteen: the outermost corners of a picture are hard to reach with a board's inner corners."""
WANTED_TILTS = 3
TILT_DEG = 12.0
MOST_VIEWS = 30
"""After so many views the maths decides whether they suffice."""
STILL_SHARE = 0.0008
"""A board that moved by less of the picture's width since the last picture is held still."""
LYING_SHARE = 0.0002
"""Nobody's hands are as still as a board that lies; a tenth of a pixel is noise."""
NEW_SHARE = 0.05
NEW_DEG = 8.0
LYING_PICTURES, EMPTY_PICTURES, CARTON_PICTURES = 4, 5, 3
STEP_TIMEOUT_S = 300.0
SIDES = ("right", "bottom", "left", "top")

Phase = Literal["views", "flat", "empty", "carton", "over"]
DO: dict[Phase, str] = {
    "over": "",
    "views": "Hold the board so that it is seen whole, and hold it still. Then elsewhere, tilted otherwise.",
    "flat": "Lay the board flat in the middle of the platform, print up, and take your hands away.",
    "empty": "Take the board away. The platform must be bare, and nothing may reach into the picture.",
    "carton": "Put the reference carton on the platform, turned so that three of its sides are seen.",
}


@dataclass(frozen=True, slots=True)
class Said:
    """One line of the dialogue; `missing` is what the views still lack, in words."""

    what: Literal["do", "view", "done", "refused", "result"]
    text: str
    code: str = ""
    views: int = 0
    missing: tuple[str, ...] = ()
    cells: tuple[tuple[int, ...], ...] = ()


@dataclass(slots=True)
class CameraSession:
    """Feed it pictures (BGR); it answers with what to do, and in the end holds `result` or `refused`.

    `carton_mm` are length, width and height of a reference carton, or None. Where the `lens` is known already, only the
    pose is taken: the dialogue begins with the board on the platform.
    """

    board: Board
    size: tuple[int, int]
    carton_mm: tuple[float, float, float] | None = None
    lens: CameraCalibration | None = None
    phase: Phase = "views"
    views: list[Sighting] = field(default_factory=list)
    empty: list[Picture] = field(default_factory=list)
    result: Calibrated | None = None
    carton: Checked | None = None
    refused: Said | None = None
    _flat: list[Sighting] = field(default_factory=list)
    _cartons: list[Picture] = field(default_factory=list)
    _tilts: list[tuple[float, float]] = field(default_factory=list)
    _last: Sighting | None = None
    _before: Picture | None = None
    _began: bool = False
    _since_s: float = 0.0

    @property
    def over(self) -> bool:
        """True when there is a result or a refusal."""
        return self.phase == "over"

    @property
    def background(self) -> Picture:
        """The mean of the pictures of the bare platform."""
        return np.asarray(np.round(np.mean(self.empty, axis=0, dtype=np.float32)), np.uint8)

    @property
    def cells(self) -> tuple[tuple[int, ...], ...]:
        """Corners seen in each cell of a 4 x 4 grid over the picture."""
        return tuple(tuple(int(count) for count in row) for row in coverage(self.size, self.views))

    @property
    def missing(self) -> tuple[str, ...]:
        """What the views still lack, in words; nothing where the lens is known."""
        if self.lens is not None:
            return ()
        found = [f"{WANTED_VIEWS - len(self.views)} more views"] if len(self.views) < WANTED_VIEWS else []
        bare = [(row, column) for row in range(CELLS) for column in range(CELLS) if not self.cells[row][column]]
        if len(bare) > CELLS * CELLS - WANTED_CELLS:
            found.append("the board in the blank cells of the map")
        tilted = {SIDES[round(direction / 90) % 4] for tilt, direction in self._tilts if tilt > TILT_DEG}
        if len(tilted) < WANTED_TILTS:
            found.append("tilts with the far side at the " + " or ".join(side for side in SIDES if side not in tilted))
        return tuple(found)

    def feed(self, at_s: float, picture: Picture) -> list[Said]:
        """Take one picture of `size`, taken at a second of any clock; return what is to be said about it."""
        import cv2

        if self.over:
            return []
        if (picture.shape[1], picture.shape[0]) != self.size:
            return [self._refuse("camera.wrong-size", f"a picture is {picture.shape[1]} x {picture.shape[0]}, not "
                                 f"{self.size[0]} x {self.size[1]}.")]
        grey = np.asarray(cv2.cvtColor(picture, cv2.COLOR_BGR2GRAY), np.uint8)
        said: list[Said] = []
        if not self._began:
            self._began, self._since_s = True, at_s
            if refusal := self._exposed(light_of(grey)):
                return refusal
            if self.lens is not None:
                self.phase = "flat"
            said = [Said("do", DO[self.phase], missing=self.missing, cells=self.cells)]
        if at_s - self._since_s > STEP_TIMEOUT_S:
            return [*said, self._refuse("calibration.timeout", f"nothing came of it for {STEP_TIMEOUT_S:.0f} s: "
                                        f"{'; '.join(self.missing) or DO[self.phase]}")]
        before = self.phase, len(self.views)
        sighting = find(self.board, f"view{len(self.views) + 1}", grey) if self.phase != "carton" else None
        calm = self._before is not None and is_calm(self._before, picture)
        self._before = picture
        match self.phase:
            case "views":
                said += self._view(sighting, grey)
            case "flat":
                said += self._lying(sighting)
            case "empty":
                said += self._bare(picture, calm=calm and sighting is None)
            case "carton":
                said += self._carton(picture, calm=calm)
            case "over":
                pass
        if (self.phase, len(self.views)) != before:
            self._since_s = at_s
        return said

    def _exposed(self, figures: Exposure) -> list[Said]:
        """A refusal where nothing can be seen in a picture."""
        return [self._refuse(fault.code, f"{fault.detail} {fault.hint}") for fault in figures.faults[:1]]

    def _view(self, sighting: Sighting | None, grey: Grey) -> list[Said]:
        last, self._last = self._last, sighting
        if sighting is None or len(sighting.numbers) < 8:
            return []
        tilt = _tilt(sighting, self.size)
        if not _moved_less(last, sighting, STILL_SHARE * self.size[0]) or not self._is_new(sighting, tilt):
            return []
        if not self.views and (refusal := self._exposed(exposure_of(grey))):
            return refusal  # only a board that is held still tells whether the lens is in focus
        self.views.append(sighting)
        self._tilts.append(tilt)
        missing = self.missing
        said = [Said("view", f"{len(self.views)} views", views=len(self.views), missing=missing, cells=self.cells)]
        if missing and len(self.views) < MOST_VIEWS:
            return said
        return [*said, *self._next("flat")]

    def _is_new(self, sighting: Sighting, tilt: tuple[float, float]) -> bool:
        """Whether no earlier view has the board in the same place, tilted alike."""
        here = np.array([tilt[0] * math.cos(math.radians(tilt[1])), tilt[0] * math.sin(math.radians(tilt[1]))])
        for view, (lean, direction) in zip(self.views, self._tilts, strict=True):
            there = np.array([lean * math.cos(math.radians(direction)), lean * math.sin(math.radians(direction))])
            if np.hypot(*(here - there)) < NEW_DEG and _moved_less(view, sighting, NEW_SHARE * self.size[0]):
                return False
        return True

    def _lying(self, sighting: Sighting | None) -> list[Said]:
        last = self._flat[-1] if self._flat else None
        if sighting is None or not _moved_less(last, sighting, LYING_SHARE * self.size[0]):
            self._flat = []
        if sighting is not None:
            self._flat.append(sighting)
        if len(self._flat) < LYING_PICTURES:
            return []
        return [Said("done", f"{len(self._flat[-1].numbers)} corners"), *self._next("empty")]

    def _bare(self, picture: Picture, *, calm: bool) -> list[Said]:
        self.empty = [*self.empty, picture] if calm else []
        if len(self.empty) < EMPTY_PICTURES:
            return []
        found = (calibrate(self.board, self.size, self.views, self._flat[-1]) if self.lens is None
                 else posed(self.board, self.lens, self._flat[-1]))
        if isinstance(found, NotCalibrated):
            return [self._refuse(found.code, f"{found.detail} {found.hint}")]
        self.result = found
        return [Said("done", "the bare platform"), *self._next("carton" if self.carton_mm else "over")]

    def _carton(self, picture: Picture, *, calm: bool) -> list[Said]:
        self._cartons = [*self._cartons, picture] if calm and self._differs(picture) else []
        if len(self._cartons) < CARTON_PICTURES or self.result is None or self.carton_mm is None:
            return []
        found = checked(self.result.calibration, self.background, self._cartons, self.carton_mm)
        if isinstance(found, NotCalibrated):
            return [self._refuse(found.code, f"{found.detail} {found.hint}")]
        self.carton = found
        return [Said("done", found.sentence), *self._next("over")]

    def _differs(self, picture: Picture) -> bool:
        """Whether something stands on the platform: a fiftieth of the picture is not as it was when bare."""
        import cv2

        now, then = (cv2.resize(one, (160, 90), interpolation=cv2.INTER_AREA) for one in (picture, self.empty[-1]))
        return float(np.mean(cv2.absdiff(now, then).max(axis=2) > 25)) > 0.02

    def _next(self, phase: Phase) -> list[Said]:
        self.phase = phase
        self._last = None
        if phase == "over":
            return [Said("result", "calibrated")]
        return [Said("do", DO[phase], views=len(self.views), cells=self.cells)]

    def _refuse(self, code: str, text: str) -> Said:
        self.phase = "over"
        self.result = None
        self.refused = Said("refused", text, code, len(self.views), self.missing, self.cells)
        return self.refused


def _moved_less(before: Sighting | None, now: Sighting, limit_px: float) -> bool:
    """Whether the corners that both have moved by less, half of them at least; False when they share hardly any."""
    if before is None:
        return False
    shared, first, second = np.intersect1d(before.numbers, now.numbers, return_indices=True)
    if len(shared) < 6:
        return False
    moved = np.linalg.norm(before.pixels[first] - now.pixels[second], axis=1)
    return float(np.median(moved)) < limit_px


def _tilt(sighting: Sighting, size: tuple[int, int]) -> tuple[float, float]:
    """Return how far the board leans from facing the camera (degrees), and to which side its far edge is.

    0 is right, 90 bottom. A lens is guessed, since none is known yet; the lean is right within a few degrees.
    """
    import cv2

    K = np.array([[1.4 * size[0], 0, size[0] / 2], [0, 1.4 * size[0], size[1] / 2], [0, 0, 1]])
    done, turn, _ = cv2.solvePnP(sighting.board, sighting.pixels, K, np.zeros(5))
    if not done:
        return 0.0, 0.0
    normal = np.asarray(cv2.Rodrigues(turn)[0], float)[:, 2]
    # The board's z axis points away from the camera; in the picture it leans to the board's nearer side.
    return (math.degrees(math.acos(min(1.0, abs(float(normal[2]))))),
            math.degrees(math.atan2(-float(normal[1]), -float(normal[0]))) % 360)


def as_row(said: Said) -> dict[str, Any]:
    """Return a line of the dialogue as the values that are printed as JSON."""
    return {"what": said.what, "text": said.text, "code": said.code, "views": said.views,
            "missing": list(said.missing), "coverage": [list(row) for row in said.cells]}

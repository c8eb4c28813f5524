"""Lens and pose of a camera from pictures of a board: held in the hand for the lens, flat on the platform for the pose.

Zhang's method (2000) as OpenCV has it. Every refusal says what to photograph next.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from msgspec.structs import replace

from firmware_config.camera import CameraCalibration

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from calibration.board import Board, Sighting
    from firmware_config.camera import Row

    Points = NDArray[np.float64]
    Picture = NDArray[np.uint8]

FEWEST_VIEWS = 8
FEWEST_FLAT = 12
CELLS = 4
FEWEST_CELLS = 9
TILT_DEG = 12.0
FEWEST_TILTED = 4
RMS_PX = 0.6
VIEW_PX = 1.0


@dataclass(frozen=True, slots=True, eq=False)
class Calibrated:
    """Lens and pose, and what they rest on.

    `view_px`: rms of each picture used; `left_out`: pictures not used and why; `residuals`: n x 4, pixel and miss;
    `coverage`: corners seen in each cell of a 4 x 4 grid over the picture.
    """

    calibration: CameraCalibration
    view_px: dict[str, float]
    left_out: dict[str, str]
    residuals: Points
    coverage: NDArray[np.int64]
    height_mm: float
    elevation_deg: float


@dataclass(frozen=True, slots=True)
class NotCalibrated:
    """No calibration: a stable code, what was found, what to do next."""

    code: str
    detail: str
    hint: str


def calibrate(board: Board, size: tuple[int, int], views: Sequence[Sighting], flat: Sighting | None,
              left_out: dict[str, str] | None = None) -> Calibrated | NotCalibrated:
    """Return the calibration of a camera with pictures of `size` (width, height), or why there is none.

    `views` are sightings of the board held at many angles, `flat` is the board lying on the platform.
    """
    import cv2

    dropped = dict(left_out or {})
    refusal = _too_little(board, size, views, flat)
    if refusal is not None or flat is None:
        return refusal or NotCalibrated("calibration.no-flat-board", "", "")
    lens = _agreed(size, [view for view in views if len(view.numbers) >= 8], flat, dropped)
    if isinstance(lens, NotCalibrated):
        return lens
    tilts = [math.degrees(math.acos(min(1.0, abs(float(np.asarray(cv2.Rodrigues(turn)[0])[2, 2])))))
             for turn in lens.turns]
    if sum(tilt > TILT_DEG for tilt in tilts[:-1]) < FEWEST_TILTED:
        return NotCalibrated("calibration.not-tilted", "the board faced the camera in nearly all pictures.",
                             "Take pictures with the board tilted by 20 to 40 degrees to all four sides.")
    if lens.rms_px > RMS_PX:
        return NotCalibrated("calibration.poor-fit", f"corners miss by {lens.rms_px:.2f} px.",
                             "Check the measured square, a stiff board, locked focus and one picture size.")
    k1, k2, p1, p2 = (float(term) for term in lens.distortion[:4])
    R, t = platform_pose(board, np.asarray(cv2.Rodrigues(lens.turns[-1])[0], float), lens.moves[-1].ravel())
    record = CameraCalibration(
        width_px=size[0], height_px=size[1], matrix=_rows(lens.K), distortion=(k1, k2, p1, p2, 0.0),
        rotation=_rows(R), translation_mm=(float(t[0]), float(t[1]), float(t[2])), rms_px=round(lens.rms_px, 4))
    eye = -R.T @ t
    return Calibrated(record,
                      {view.name: round(miss, 3) for view, miss in zip(lens.views, lens.view_px, strict=True)},
                      dropped, lens.residuals(), coverage(size, lens.views), float(eye[2]),
                      math.degrees(math.asin(-float(R[2, 2]))))


def posed(board: Board, known: CameraCalibration, flat: Sighting) -> Calibrated | NotCalibrated:
    """Return a calibration whose lens is known, with the pose that the board on the platform shows, or why not."""
    import cv2

    K, distortion = np.array(known.matrix, float), np.array(known.distortion, float)
    done, turn, move = cv2.solvePnP(flat.board, flat.pixels, K, distortion)
    away = np.asarray(cv2.projectPoints(flat.board, turn, move, K, distortion)[0]).reshape(-1, 2) - flat.pixels
    rms = float(np.sqrt((away**2).sum(axis=1).mean()))
    if not done or rms > RMS_PX:
        return NotCalibrated("calibration.other-lens", f"corners miss by {rms:.2f} px with the known lens.",
                             "Focus or picture mode changed: calibrate the whole camera anew, without --pose.")
    R, t = platform_pose(board, np.asarray(cv2.Rodrigues(turn)[0], float), np.asarray(move, float).ravel())
    eye, size = -R.T @ t, (known.width_px, known.height_px)
    record = replace(known, rotation=_rows(R), translation_mm=(float(t[0]), float(t[1]), float(t[2])), record="")
    return Calibrated(record, {flat.name: round(rms, 3)}, {}, np.column_stack([flat.pixels, away]),
                      coverage(size, [flat]), float(eye[2]), math.degrees(math.asin(-float(R[2, 2]))))


@dataclass(frozen=True, slots=True, eq=False)
class _Lens:
    """A lens and the board's pose in each view: rms in all and of each view (px), matrix, k1 k2 p1 p2 k3, poses."""

    views: list[Sighting]
    rms_px: float
    view_px: list[float]
    K: Points
    distortion: Points
    turns: list[Points]
    moves: list[Points]

    def residuals(self) -> Points:
        """Return pixel and miss of every corner (n x 4)."""
        import cv2

        return np.concatenate([np.column_stack([view.pixels, np.asarray(
            cv2.projectPoints(view.board, turn, move, self.K, self.distortion)[0]).reshape(-1, 2) - view.pixels])
            for view, turn, move in zip(self.views, self.turns, self.moves, strict=True)])


def _lens(size: tuple[int, int], views: list[Sighting]) -> _Lens | None:
    """The lens that explains these views best; None when none does."""
    import cv2

    try:
        rms, K, distortion, turns, moves, _, _, misses = cv2.calibrateCameraExtended(
            [view.board.astype(np.float32) for view in views], [view.pixels.astype(np.float32) for view in views],
            size, np.eye(3), np.zeros(5), flags=cv2.CALIB_FIX_K3)
    except cv2.error:
        return None
    return _Lens(views, float(rms), [float(miss) for miss in np.asarray(misses).ravel()], np.asarray(K, float),
                 np.asarray(distortion, float).ravel(), [np.asarray(turn, float) for turn in turns],
                 [np.asarray(move, float) for move in moves])


def _agreed(size: tuple[int, int], views: list[Sighting], flat: Sighting,
            dropped: dict[str, str]) -> _Lens | NotCalibrated:
    """The lens of the views that agree with each other; those that don't are named in `dropped`."""
    lens = _lens(size, [*views, flat])
    while lens is not None:
        limit = max(VIEW_PX, 3 * float(np.median(lens.view_px)))
        good = [view for view, miss in zip(views, lens.view_px[:-1], strict=True) if miss <= limit]
        if len(good) == len(views):
            return lens
        dropped |= {view.name: "the board was bent or moved" for view in views if view not in good}
        if len(good) < FEWEST_VIEWS:
            return NotCalibrated("calibration.blurred", f"only {len(good)} pictures agree with each other.",
                                 "Glue the board to something stiff, hold still, lock the focus and start again.")
        views = good
        lens = _lens(size, [*views, flat])
    return NotCalibrated("calibration.poor-fit", "no lens explains these pictures.",
                         "Take them again, the board flat and at many angles.")


def platform_pose(board: Board, turn: Points, move: Points) -> tuple[Points, Points]:
    """Return R and t of x_cam = R x_world + t from the pose of the board that lies on the platform.

    World: origin below the board's middle, x along its long side, y towards its upper edge, z up; z = 0 is the
    platform, one board thickness below the print. The board's own axes are x right, y down, z into the platform.
    """
    middle = np.array([*board.middle_mm, board.thickness_mm])
    R = turn @ np.diag([1.0, -1.0, -1.0])
    return R, turn @ middle + move


def coverage(size: tuple[int, int], views: Sequence[Sighting]) -> NDArray[np.int64]:
    """Return how many corners were seen in each cell of a 4 x 4 grid over the picture."""
    pixels = np.concatenate([view.pixels for view in views]) if views else np.zeros((0, 2))
    counts, _, _ = np.histogram2d(pixels[:, 1], pixels[:, 0], bins=CELLS, range=((0, size[1]), (0, size[0])))
    return np.asarray(counts, np.int64)


def _too_little(board: Board, size: tuple[int, int], views: Sequence[Sighting],
                flat: Sighting | None) -> NotCalibrated | None:
    """What is missing before a calibration can be tried."""
    full = [view for view in views if len(view.numbers) >= 8]
    if len(full) < FEWEST_VIEWS:
        return NotCalibrated("calibration.too-few-views", f"the board is readable in {len(full)} pictures.",
                             f"Take at least {FEWEST_VIEWS}, better 15, with the whole board lit and sharp; "
                             f"the board is {board.across} x {board.down} squares of {board.dictionary}.")
    covered = coverage(size, full)
    if (covered > 0).sum() < FEWEST_CELLS:
        empty = ", ".join(_cell_name(row, column) for row, column in np.argwhere(covered == 0))
        return NotCalibrated("calibration.not-covered", f"no corner was seen in: {empty}.",
                             "Hold the board there, too.")
    if flat is None or len(flat.numbers) < FEWEST_FLAT:
        seen = 0 if flat is None else len(flat.numbers)
        return NotCalibrated("calibration.no-flat-board", f"{seen} corners of the board on the platform are readable.",
                             "Lay the board flat in the middle of the platform, print side up, and take it again.")
    return None


def _cell_name(row: int, column: int) -> str:
    return f"row {row + 1} of {CELLS} from the top, column {column + 1} of {CELLS} from the left"


def _rows(matrix: Points) -> tuple[Row, Row, Row]:
    first, second, third = ((float(row[0]), float(row[1]), float(row[2])) for row in matrix)
    return first, second, third


def residual_picture(found: Calibrated) -> Picture:
    """Return a picture of all corners with their misses drawn fifty times longer than they are (BGR)."""
    import cv2

    width, height = found.calibration.width_px, found.calibration.height_px
    canvas = np.full((height, width, 3), 255, np.uint8)
    for x, y, away_x, away_y in found.residuals:
        end = (round(float(x + 50 * away_x)), round(float(y + 50 * away_y)))
        cv2.line(canvas, (round(float(x)), round(float(y))), end, (200, 60, 30), 1, cv2.LINE_AA)
        cv2.circle(canvas, (round(float(x)), round(float(y))), 2, (60, 60, 60), -1, cv2.LINE_AA)
    text = f"rms {found.calibration.rms_px:.3f} px; lines are 50 times the miss"
    cv2.putText(canvas, text, (12, 28), cv2.FONT_HERSHEY_SIMPLEX, 0.7, (0, 0, 0), 2, cv2.LINE_AA)
    return canvas

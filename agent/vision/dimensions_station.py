"""Stations on disk: a manifest with cameras, empty pictures and measurements, as recordings and tests keep them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
import numpy as np

from agent.vision.dimensions import Look, measure, refused
from firmware_config.camera import CameraCalibration

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from agent.vision.dimensions import Dimensions, Refused

    Picture = NDArray[np.uint8]

MANIFEST_BYTES = 4_000_000
PICTURE_PIXELS = 50_000_000


class StationFileError(Exception):
    """A station's manifest cannot be used; `problems` names every reason found."""

    def __init__(self, problems: list[str]) -> None:
        super().__init__("; ".join(problems))
        self.problems = problems


class Estimate(msgspec.Struct):
    """A calibration as the manifest writes it: x_cam = R x_world + t, mm; k1 k2 p1 p2 k3."""

    K: list[list[float]]
    dist: list[float]
    R_world_to_cam: list[list[float]]
    t: list[float]
    rms_px: float = 0.0


class CameraEntry(msgspec.Struct):
    """One camera: picture size, empty pictures, calibration."""

    size: tuple[int, int]
    background: list[str]
    estimate: Estimate | None = None
    calibration_images: list[str] = []
    flat_board_image: str = ""


class ViewEntry(msgspec.Struct):
    """One picture of a measurement."""

    camera: str
    file: str


class RangeEntry(msgspec.Struct):
    """A range sensor over the platform: its reading without and with the box, mm."""

    empty_mm: float
    reading_mm: float
    repeat_sd_mm: float = 0.0


class Measurement(msgspec.Struct):
    """One box: the pictures of it, and the range sensor's reading where there is one."""

    id: str
    views: list[ViewEntry]
    range: RangeEntry | None = None


class Board(msgspec.Struct):
    """The ChArUco board that the calibration pictures show."""

    squares: tuple[int, int] = (8, 5)
    square_mm: float = 50.0
    marker_mm: float = 38.0
    dictionary: str = "DICT_4X4_100"
    thickness_mm: float = 0.0


class Manifest(msgspec.Struct):
    """What a station knows of itself, and what it photographed."""

    cameras: dict[str, CameraEntry]
    measurements: list[Measurement]
    board: Board = msgspec.field(default_factory=Board)


class Station:
    """A manifest with its calibrations and empty pictures loaded; measures on demand."""

    def __init__(self, folder: Path, manifest: Manifest, calibrations: dict[str, CameraCalibration],
                 empty: dict[str, Picture]) -> None:
        self.folder = folder
        self.manifest = manifest
        self.calibrations = calibrations
        self.empty = empty

    def measure(self, row: Measurement) -> Dimensions | Refused:
        """Return the answer to one measurement; a picture that cannot be used is a refusal."""
        frames: dict[str, list[Picture]] = {}
        for view in row.views:
            picture = read_picture(self.folder / view.file)
            if picture is None:
                return refused("camera.bad-frame")
            calibration = self.calibrations[view.camera]
            if picture.shape[:2] != (calibration.height_px, calibration.width_px):
                return refused("camera.wrong-size")
            frames.setdefault(view.camera, []).append(picture)
        count = min(len(taken) for taken in frames.values())
        looks = [Look(self.calibrations[camera], self.empty[camera], taken[:count])
                 for camera, taken in frames.items()]
        height = row.range.empty_mm - row.range.reading_mm if row.range is not None else None
        return measure(looks, height)


def read_manifest(path: Path) -> Manifest:
    """Return a manifest. Raises StationFileError for a file that is none."""
    try:
        if path.stat().st_size > MANIFEST_BYTES:
            raise StationFileError([f"{path} is larger than a manifest can be"])
        return msgspec.json.decode(path.read_bytes(), type=Manifest)
    except OSError as error:
        raise StationFileError([f"{path} cannot be read: {error.strerror}"]) from error
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise StationFileError([f"{path} is no station manifest: {error}"]) from error


def load_station(path: Path, calibrations: dict[str, CameraCalibration] | None = None) -> Station:
    """Return the station of a manifest file, its empty pictures averaged.

    `calibrations` replaces or completes the manifest's own estimates. Raises StationFileError with all problems.
    """
    manifest = read_manifest(path)
    known = dict(calibrations or {})
    empty: dict[str, Picture] = {}
    problems: list[str] = []
    for name, camera in manifest.cameras.items():
        if name not in known:
            found = calibration_of(camera)
            if isinstance(found, str):
                problems.append(f"camera {name}: {found}")
                continue
            known[name] = found
        averaged = _averaged(path.parent, camera)
        if isinstance(averaged, str):
            problems.append(f"camera {name}: {averaged}")
        else:
            empty[name] = averaged
    problems += [f"measurement {row.id}: {fault}" for row in manifest.measurements
                 if (fault := _fault(row, manifest)) is not None]
    if problems:
        raise StationFileError(problems)
    return Station(path.parent, manifest, known, empty)


def _fault(row: Measurement, manifest: Manifest) -> str | None:
    if not row.views:
        return "it has no views"
    unknown = sorted({view.camera for view in row.views} - manifest.cameras.keys())
    return f"no camera is called {', '.join(unknown)}" if unknown else None


def calibration_of(camera: CameraEntry) -> CameraCalibration | str:
    """Return the calibration of a manifest's camera, or what is wrong with it."""
    estimate = camera.estimate
    if estimate is None:
        return "it has no calibration (`estimate`)"
    K, R = np.array(estimate.K, float) if _square(estimate.K) else None, None
    if _square(estimate.R_world_to_cam):
        R = np.array(estimate.R_world_to_cam, float)
    if K is None or R is None or len(estimate.t) != 3 or not 4 <= len(estimate.dist) <= 5:
        return "K and R_world_to_cam are 3 x 3, t has 3 values, dist has 5"
    values = np.concatenate([K.ravel(), R.ravel(), np.array(estimate.t), np.array(estimate.dist)])
    if not np.isfinite(values).all() or K[0, 0] <= 0 or K[1, 1] <= 0:
        return "the calibration holds values that are no lens"
    if np.abs(R @ R.T - np.eye(3)).max() > 1e-3 or np.linalg.det(R) < 0:
        return "R_world_to_cam is no rotation"
    if (-R.T @ np.array(estimate.t))[2] <= 50:
        return "the camera is not above the platform"
    dist = [*estimate.dist, 0.0][:5]
    try:
        return msgspec.convert({
            "width_px": camera.size[0], "height_px": camera.size[1], "matrix": K.tolist(), "distortion": dist,
            "rotation": R.tolist(), "translation_mm": estimate.t, "rms_px": estimate.rms_px}, CameraCalibration)
    except msgspec.ValidationError as error:
        return str(error)


def _square(rows: list[list[float]]) -> bool:
    return len(rows) == 3 and all(len(row) == 3 for row in rows)


def read_picture(path: Path) -> Picture | None:
    """Return a picture file as BGR in the sensor's own orientation; None for one that cannot be used."""
    import cv2
    from PIL import Image, UnidentifiedImageError

    try:
        with Image.open(path) as header:
            width, height = header.size
    except (OSError, UnidentifiedImageError, Image.DecompressionBombError, ValueError, SyntaxError):
        return None
    if width * height > PICTURE_PIXELS or min(width, height) < 1:
        return None
    try:
        picture = cv2.imread(str(path), cv2.IMREAD_COLOR | cv2.IMREAD_IGNORE_ORIENTATION)
    except cv2.error:
        return None
    return None if picture is None else np.asarray(picture, np.uint8)


def _averaged(folder: Path, camera: CameraEntry) -> Picture | str:
    """The mean of the empty pictures, or what is wrong with them."""
    if not camera.background:
        return "it has no empty pictures (`background`)"
    total: NDArray[np.float32] | None = None
    for name in camera.background:
        picture = read_picture(folder / name)
        if picture is None:
            return f"the empty picture {name} cannot be read"
        if picture.shape[:2] != (camera.size[1], camera.size[0]):
            return f"the empty picture {name} is {picture.shape[1]} x {picture.shape[0]}, not {camera.size}"
        total = picture.astype(np.float32) if total is None else total + picture
    return np.asarray(np.round(np.asarray(total) / len(camera.background)), np.uint8)

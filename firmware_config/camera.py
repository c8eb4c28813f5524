"""What calibrating a camera leaves behind: its lens, and where it is over the platform."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Annotated

import msgspec
from msgspec import Meta

Row = tuple[float, float, float]


class CameraCalibration(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Lens and pose of one camera in one picture size.

    World: millimetres, platform plane z = 0, z up. `x_cam = rotation x_world + translation_mm`; pixels by OpenCV's
    model, the centre of the first pixel is (0, 0). `distortion` is k1 k2 p1 p2 k3.
    """

    width_px: Annotated[int, Meta(ge=160, le=20_000)]
    height_px: Annotated[int, Meta(ge=120, le=20_000)]
    matrix: tuple[Row, Row, Row]
    distortion: tuple[float, float, float, float, float]
    rotation: tuple[Row, Row, Row]
    translation_mm: Row
    rms_px: float
    edge_radius_mm: Annotated[float, Meta(ge=0, le=10)] = 2.0
    """How round a carton's edges are: folded board is 1 to 3 mm round, or what the reference carton gave."""
    locked: dict[str, float] = msgspec.field(default_factory=dict)
    """Focus, exposure, gain and white balance as they were locked, by the driver's own names: it sets them again."""
    record: str = ""
    """SHA-256 of the calibration record that these figures come from; empty for a guess."""


def camera_names(count: int) -> list[str]:
    """Return the station's names for so many cameras.

    >>> camera_names(1), camera_names(2)
    (['camera'], ['camera[0]', 'camera[1]'])
    """
    return ["camera"] if count == 1 else [f"camera[{n}]" for n in range(count)]


def calibration_file(directory: Path, name: str, told: str) -> Path:
    """Return where a camera's record is: where the settings say, else in the station's directory under its name."""
    return Path(told) if told else directory / "calibration" / f"{name}.json"


def empty_file(directory: Path, name: str, record: str) -> Path:
    """Return where the first picture of the bare platform is kept: each calibration has its own."""
    return directory / "calibration" / f"{name}-empty{record[:12] and '-' + record[:12]}.png"


class _Record(msgspec.Struct):
    """The part of a calibration record that the daemon needs."""

    calibration: CameraCalibration


def read_calibration(path: Path) -> CameraCalibration:
    """Return the calibration of a record that `packbench calibrate camera` wrote, with the record's hash.

    Raises OSError when the file cannot be read and msgspec.DecodeError when it is no such record.
    """
    content = path.read_bytes()
    found = msgspec.json.decode(content, type=_Record).calibration
    return msgspec.structs.replace(found, record=hashlib.sha256(content).hexdigest())

"""The record of a camera's calibration: written once under its own hash, with its pictures; a copy is in force."""

from __future__ import annotations

import hashlib
import json
import os
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import msgspec

from agent.devices import DeviceError
from calibration.camera import residual_picture
from firmware_config.camera import empty_file

if TYPE_CHECKING:
    from pathlib import Path

    import numpy as np
    from numpy.typing import NDArray

    from calibration.board import Board
    from calibration.camera import Calibrated

    Picture = NDArray[np.uint8]


def as_row(found: Calibrated) -> dict[str, Any]:
    """Return a calibration and what it rests on as the values of its record."""
    return {"calibration": msgspec.to_builtins(found.calibration), "height_mm": round(found.height_mm, 1),
            "elevation_deg": round(found.elevation_deg, 1), "views_px": found.view_px, "left_out": found.left_out,
            "coverage": found.coverage.tolist()}


def write(found: Calibrated, board: Board, empty: Picture | None, target: Path, **more: object) -> Path:
    """Write record, picture of the misses and bare platform into a folder, and return the record's path.

    They are named by the record's hash, so a record is never changed. Raises DeviceError `calibration.not-written`.
    """
    record = json.dumps(as_row(found) | {"board": asdict(board), **more}, indent=1).encode()
    name = f"camera-{hashlib.sha256(record).hexdigest()[:16]}"
    pictures = {f"{name}.residuals.png": residual_picture(found)}
    if empty is not None:
        pictures[f"{name}.empty.png"] = empty
    try:
        target.mkdir(parents=True, exist_ok=True)
        for file, picture in pictures.items():
            (target / file).write_bytes(_png(picture))
        path = target / f"{name}.json"
        if not path.exists():
            with path.open("xb") as file_object:
                file_object.write(record)
            path.chmod(0o444)
    except OSError as error:
        raise _not_written(target, error) from error
    return path


def put_in_force(record: Path, empty: Picture, in_force: Path, directory: Path, name: str) -> None:
    """Make a record the one that the station's camera `name` measures by, and `empty` its bare platform.

    All or nothing after a crash. Raises DeviceError `calibration.not-written`.
    """
    try:
        content = record.read_bytes()
        bare = empty_file(directory, name, hashlib.sha256(content).hexdigest())
        for path, written in ((bare, _png(empty)), (in_force, content)):
            path.parent.mkdir(parents=True, exist_ok=True)
            _replace(path, written)
    except OSError as error:
        raise _not_written(in_force, error) from error


def _replace(path: Path, content: bytes) -> None:
    draft = path.with_name(path.name + ".new")
    with draft.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    draft.replace(path)


def _png(picture: Picture) -> bytes:
    import cv2

    return cv2.imencode(".png", picture)[1].tobytes()


def _not_written(path: Path, error: OSError) -> DeviceError:
    return DeviceError("calibration.not-written", f"{path}: {error.strerror}.",
                       "The old calibration is still in force; name another folder or make room.")

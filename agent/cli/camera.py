"""`packbench camera`: measure boxes from pictures of a calibrated station."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from agent.vision.dimensions import Dimensions, Refused
    from agent.vision.dimensions_station import Measurement, Station
    from firmware_config.camera import CameraCalibration


@click.group()
def group() -> None:
    """Measure boxes from pictures."""


@group.command()
@click.option("--station", "manifest", required=True, type=click.Path(path_type=Path), metavar="MANIFEST",
              help="The station's manifest.json: cameras, empty pictures, measurements.")
@click.option("--draw", "folder", type=click.Path(path_type=Path, file_okay=False), metavar="DIR",
              help="Write each picture with the fitted box drawn in.")
@click.option("--json", "as_json", is_flag=True, help="Print the answers as JSON.")
def measure(manifest: Path, folder: Path | None, as_json: bool) -> None:
    """Length, width and height of each measurement of a station, or the reason why not."""
    import cv2

    from agent.vision.dimensions_station import StationFileError, load_station

    cv2.setNumThreads(1)
    try:
        station = load_station(manifest, own_calibrations(manifest))
    except StationFileError as error:
        for problem in error.problems:
            click.echo(f"station.unusable: {problem}", err=True)
        click.echo("Mend the manifest or make the pictures again.", err=True)
        sys.exit(2)
    if folder is not None and not _made(folder):
        sys.exit(2)
    answers: dict[str, dict[str, Any]] = {}
    rows = station.manifest.measurements
    for number, row in enumerate(rows, 1):
        if len(rows) > 3 and sys.stderr.isatty():
            click.echo(f"\r{number}/{len(rows)} {row.id}  ", nl=number == len(rows), err=True)
        answer = station.measure(row)
        answers[row.id] = as_row(answer)
        if folder is not None:
            _draw(station, row, answer, folder)
        if not as_json:
            click.echo(as_line(row.id, answer))
    if as_json:
        click.echo(json.dumps(answers, indent=1))


def own_calibrations(path: Path) -> dict[str, CameraCalibration]:
    """Return calibrations from board pictures, for the cameras of a manifest that bring no estimate.

    A camera whose pictures do not suffice is left out, with its reason on the error output. Raises StationFileError.
    """
    from agent.vision.dimensions_station import read_manifest, read_picture
    from calibration.board import Board, find
    from calibration.camera import Calibrated, calibrate

    manifest = read_manifest(path)
    found: dict[str, CameraCalibration] = {}
    for name, entry in manifest.cameras.items():
        if entry.estimate is not None or not entry.calibration_images:
            continue
        given = manifest.board
        board = Board(*given.squares, given.square_mm, given.marker_mm, given.dictionary, given.thickness_mm)
        if fault := board.fault():
            click.echo(f"camera {name}: calibration.no-board: {fault}", err=True)
            continue
        sightings = [find(board, file, picture) for file in (*entry.calibration_images, entry.flat_board_image)
                     if (picture := read_picture(path.parent / file)) is not None]
        views = [sighting for sighting in sightings if sighting is not None and sighting.name != entry.flat_board_image]
        flat = next((sighting for sighting in sightings
                     if sighting is not None and sighting.name == entry.flat_board_image), None)
        result = calibrate(board, entry.size, views, flat)
        if isinstance(result, Calibrated):
            found[name] = result.calibration
        else:
            click.echo(f"camera {name}: {result.code}: {result.detail} {result.hint}", err=True)
    return found


def as_row(answer: Dimensions | Refused) -> dict[str, Any]:
    """Return an answer as the values that are printed as JSON."""
    from agent.vision.dimensions import Dimensions

    if isinstance(answer, Dimensions):
        sides = (answer.length, answer.width, answer.height)
        return {"ok": True, "length_mm": answer.length.value_mm, "width_mm": answer.width.value_mm,
                "height_mm": answer.height.value_mm, "u95_mm": [side.u95_mm for side in sides],
                "quality": [side.quality for side in sides], "nudged_px": round(answer.nudged_px, 1)}
    row: dict[str, Any] = {"ok": False, "reason": answer.code, "hint": answer.hint}
    if answer.about_mm is not None:
        row["about_mm"] = list(answer.about_mm)
    if answer.length is not None and answer.width is not None:
        row |= {"length_mm": answer.length.value_mm, "width_mm": answer.width.value_mm,
                "u95_mm": [answer.length.u95_mm, answer.width.u95_mm, None]}
    return row


def as_line(name: str, answer: Dimensions | Refused) -> str:
    """Return an answer as one line for a person."""
    from agent.vision.dimensions import Dimensions

    if isinstance(answer, Dimensions):
        sides = " x ".join(f"{side.value_mm:.1f} ± {side.u95_mm:.1f}" for side in
                           (answer.length, answer.width, answer.height))
        moved = f" (camera moved by {answer.nudged_px:.1f} px, corrected)" if answer.nudged_px else ""
        return f"{name}: {sides} mm{moved}"
    size = ""
    if answer.about_mm is not None:
        size = " It is about {:.0f} x {:.0f} mm; do not bill by that.".format(*answer.about_mm)
    if answer.length is not None and answer.width is not None:
        sides = " x ".join(f"{side.value_mm:.1f} ± {side.u95_mm:.1f}" for side in (answer.length, answer.width))
        size = f" It is {sides} mm large."
    return f"{name}: refused, {answer.code}. {answer.hint}{size}"


def _made(folder: Path) -> bool:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        click.echo(f"draw.no-folder: {folder} cannot be made: {error.strerror}. Name another folder.", err=True)
        return False
    return True


def _draw(station: Station, row: Measurement, answer: Dimensions | Refused, folder: Path) -> None:
    """Write the pictures of one measurement with the answer drawn in."""
    import cv2

    from agent.vision.dimensions_draw import drawn
    from agent.vision.dimensions_station import read_picture

    for view in row.views:
        picture = read_picture(station.folder / view.file)
        if picture is not None:
            name = f"{Path(view.file).stem}.png"
            done, encoded = cv2.imencode(".png", drawn(picture, station.calibrations[view.camera], answer))
            if done:
                (folder / name).write_bytes(encoded.tobytes())

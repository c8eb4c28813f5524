"""`packbench calibrate camera`: print the board, then lens and pose from pictures; one record, written once."""

from __future__ import annotations

import hashlib
import json
import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

import click

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from calibration.board import Board, Sighting
    from calibration.camera import Calibrated

    Picture = NDArray[np.uint8]

SUFFIXES = {".jpg", ".jpeg", ".png", ".bmp", ".tif", ".tiff", ".webp"}
SHADES = " .:+#"


@click.command()
@click.option("--print-board", "sheet", type=click.Path(path_type=Path, dir_okay=False), metavar="PDF",
              help="Write the board to print (A3, true size) and stop.")
@click.option("--images", "folder", type=click.Path(path_type=Path), metavar="DIR",
              help="Pictures of the board; `flat` in a name: it lies on the platform; `empty` or `bg`: no board.")
@click.option("--square-mm", type=click.FloatRange(5, 200), help="One printed square, measured over several.")
@click.option("--thickness-mm", type=click.FloatRange(0, 50), help="How thick board and backing are.")
@click.option("--squares", nargs=2, type=click.IntRange(3, 30), default=(8, 5), show_default=True)
@click.option("--dictionary", default="DICT_4X4_100", show_default=True, help="The board's markers.")
@click.option("--record", "target", type=click.Path(path_type=Path), metavar="DIR",
              help="Where the record goes; without it nothing is written.")
@click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")
def camera(sheet: Path | None, folder: Path | None, square_mm: float | None, thickness_mm: float | None,
           squares: tuple[int, int], dictionary: str, target: Path | None, as_json: bool) -> None:
    """Lens, pose and background of a camera."""
    from calibration.board import Board, write_pdf

    board = Board(*squares, square_mm or 50.0, 0.76 * (square_mm or 50.0), dictionary)
    fault = board.fault()
    if fault:
        stop("calibration.no-board", fault, "Name the board that is printed.")
    if sheet is not None:
        try:
            write_pdf(board, sheet)
        except OSError as error:
            stop("calibration.no-pdf", f"{sheet} cannot be written: {error.strerror}.", "Name another file.")
        click.echo(f"{sheet}: print at 100 % on A3, glue it flat, measure a square over the whole board.")
        return
    if folder is None:
        stop("calibration.no-pictures", "there are no pictures.", "Give --images DIR, or --print-board FILE first.")
    if square_mm is None or thickness_mm is None:
        square_mm, thickness_mm = _asked(square_mm, thickness_mm)
    board = Board(*squares, square_mm, 0.76 * square_mm, dictionary, thickness_mm)
    found, empty = _calibrated(board, folder, quiet=as_json)
    written = _write(found, board, empty, target) if target is not None else None
    if as_json:
        click.echo(json.dumps(_row(found) | {"record": str(written) if written else None}, indent=1))
    else:
        _say(found, written)


def stop(code: str, detail: str, hint: str, status: int = 2) -> NoReturn:
    """Say what is wrong and what to do, and leave. Raises SystemExit."""
    click.echo(f"{code}: {detail} {hint}", err=True)
    sys.exit(status)


def _asked(square_mm: float | None, thickness_mm: float | None) -> tuple[float, float]:
    """Both figures of the board, asked for where a person can answer."""
    if not sys.stdin.isatty():
        stop("calibration.board-not-measured", "printers rarely print at exactly 100 %.",
             "Measure the board and give --square-mm and --thickness-mm.")
    square = square_mm or click.prompt("Measured side of a square in mm", type=click.FloatRange(5, 200))
    thick = thickness_mm if thickness_mm is not None else click.prompt("Thickness of the board in mm",
                                                                       type=click.FloatRange(0, 50))
    return float(square), float(thick)


def _calibrated(board: Board, folder: Path, *, quiet: bool) -> tuple[Calibrated, list[Picture]]:
    """The calibration from a folder's pictures, and the pictures of the empty platform."""
    from agent.vision.dimensions_station import read_picture
    from calibration import camera as maths
    from calibration.board import find

    try:
        names = sorted(path for path in folder.iterdir() if path.suffix.lower() in SUFFIXES)
    except OSError as error:
        stop("calibration.no-pictures", f"{folder} cannot be read: {error.strerror}.", "Name the pictures' folder.")
    sightings: list[Sighting] = []
    left_out: dict[str, str] = {}
    flat: Sighting | None = None
    empty: list[Picture] = []
    sizes: dict[tuple[int, int], str] = {}
    for number, path in enumerate(names, 1):
        picture = read_picture(path)
        if picture is None:
            left_out[path.name] = "it cannot be read"
            continue
        sizes.setdefault((picture.shape[1], picture.shape[0]), path.name)
        if _named(path, ("empty", "bg", "background")):
            empty.append(picture)
            continue
        sighting = find(board, path.name, picture)
        if _named(path, ("flat",)):
            flat = sighting
        elif sighting is None:
            left_out[path.name] = "no board was found in it"
        else:
            sightings.append(sighting)
        if not quiet and sys.stderr.isatty():
            click.echo(f"\r{number}/{len(names)} {path.name}: {len(sighting.numbers) if sighting else 0} corners   ",
                       nl=number == len(names), err=True)
    if len(sizes) > 1:
        stop("calibration.mixed-sizes", f"the pictures have {len(sizes)} sizes: "
             + ", ".join(f"{name} {size[0]} x {size[1]}" for size, name in sizes.items()) + ".",
             "Take all pictures in the mode that the station will use.")
    found = maths.calibrate(board, next(iter(sizes), (0, 0)), sightings, flat, left_out)
    if isinstance(found, maths.NotCalibrated):
        for name, why in left_out.items():
            click.echo(f"{name}: {why}", err=True)
        stop(found.code, found.detail, found.hint, 1)
    return found, empty


def _named(path: Path, words: tuple[str, ...]) -> bool:
    """Whether a part of the file's name begins with one of these words, as in `cam1_flat.jpg` or `empty2.png`."""
    return any(part.startswith(words) for part in re.split(r"[^a-z0-9]+", path.stem.lower()))


def _row(found: Calibrated) -> dict[str, Any]:
    import msgspec

    return {"calibration": msgspec.to_builtins(found.calibration), "height_mm": round(found.height_mm, 1),
            "elevation_deg": round(found.elevation_deg, 1), "views_px": found.view_px, "left_out": found.left_out,
            "coverage": found.coverage.tolist()}


def _say(found: Calibrated, written: Path | None) -> None:
    """The result for a person: figures, what was left out, and where corners were seen."""
    click.echo(f"rms {found.calibration.rms_px:.3f} px over {len(found.view_px)} pictures; camera "
               f"{found.height_mm:.0f} mm above the platform, looking down by {found.elevation_deg:.1f} degrees")
    for name, why in found.left_out.items():
        click.echo(f"left out {name}: {why}")
    click.echo("corners seen over the picture (blank: none):")
    most = max(1, int(found.coverage.max()))
    for row in found.coverage:
        click.echo("  |" + "".join(SHADES[min(4, int(-(-4 * count // most)))] * 4 for count in row) + "|")
    click.echo(f"record: {written}" if written else "nothing written; give --record DIR to keep it")


def _write(found: Calibrated, board: Board, empty: list[Picture], target: Path) -> Path:
    """Write record, picture of the misses and empty platform under the name of the record's hash, once."""
    from dataclasses import asdict

    import cv2
    import numpy as np

    from calibration.camera import residual_picture

    record = json.dumps(_row(found) | {"board": asdict(board), "empty_pictures": len(empty)}, indent=1).encode()
    name = f"camera-{hashlib.sha256(record).hexdigest()[:16]}"
    pictures = {f"{name}.residuals.png": residual_picture(found)}
    if empty:
        mean = np.mean([picture.astype(np.float32) for picture in empty], axis=0)
        pictures[f"{name}.empty.png"] = np.asarray(np.round(mean), np.uint8)
    try:
        target.mkdir(parents=True, exist_ok=True)
        for file, picture in pictures.items():
            (target / file).write_bytes(cv2.imencode(".png", picture)[1].tobytes())
        path = target / f"{name}.json"
        if not path.exists():
            with path.open("xb") as file_object:
                file_object.write(record)
            path.chmod(0o444)
    except OSError as error:
        stop("calibration.not-written", f"{target}: {error.strerror}.", "Nothing is changed; name another folder.", 1)
    return path

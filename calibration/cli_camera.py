"""`packbench calibrate camera`: print the board, then lens and pose at the camera or from pictures; one record."""

from __future__ import annotations

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


@click.command()
@click.option("--print-board", "sheet", type=click.Path(path_type=Path, dir_okay=False), metavar="PDF",
              help="Write the board to print (A3, true size) and stop.")
@click.option("--images", "folder", type=click.Path(path_type=Path), metavar="DIR",
              help="Not at the camera, but from pictures; `flat` in a name: the board lies on the platform; `empty` or "
                   "`bg`: no board.")
@click.option("--square-mm", type=click.FloatRange(5, 200), help="One printed square, measured over several.")
@click.option("--thickness-mm", type=click.FloatRange(0, 50), help="How thick board and backing are.")
@click.option("--squares", nargs=2, type=click.IntRange(3, 30), default=(8, 5), show_default=True)
@click.option("--dictionary", default="DICT_4X4_100", show_default=True, help="The board's markers.")
@click.option("--record", "target", type=click.Path(path_type=Path), metavar="DIR",
              help="With --images: where the record goes; without it nothing is written.")
@click.option("--config", type=click.Path(path_type=Path), help="The station's file; /etc/packbench/station.toml.")
@click.option("--socket", type=click.Path(path_type=Path), help="The daemon to borrow the camera from.")
@click.option("--camera", "name", default="", help="Which one, where the station has several: camera[1].")
@click.option("--carton", nargs=3, type=click.FloatRange(50, 900), metavar="L W H",
              help="A reference carton, mm over its edges: checks the calibration and tells how round edges are.")
@click.option("--pose", is_flag=True, help="Only where the measuring cameras are, all at once; their lenses stay.")
@click.option("--technician", default="", help="Who does it; goes on the record.")
@click.option("--yes", is_flag=True, help="Give the last yes beforehand.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON; the default at a camera without a terminal.")
def camera(sheet: Path | None, folder: Path | None, square_mm: float | None, thickness_mm: float | None,
           squares: tuple[int, int], dictionary: str, target: Path | None, **live: Any) -> None:  # noqa: ANN401 (click)
    """Lens, pose and background of a camera.

    A running station lends its camera. The board is seen to come and to be held still, nobody presses a key; a map
    shows where it is still missing. Nothing changes until the last yes. Exit status 1 when it was refused or not
    accepted, 2 for bad input.
    """
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
    if square_mm is None or thickness_mm is None:
        square_mm, thickness_mm = _asked(square_mm, thickness_mm)
    board = Board(*squares, square_mm, 0.76 * square_mm, dictionary, thickness_mm)
    if folder is None:
        _live(board, **live)
        return
    as_json = bool(live["as_json"])
    found, empty = _calibrated(board, folder, quiet=as_json)
    written = _written(found, board, empty, target) if target is not None else None
    if as_json:
        from calibration.camera_record import as_row

        click.echo(json.dumps(as_row(found) | {"record": str(written) if written else None}, indent=1))
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


def _live(board: Board, *, config: Path | None, name: str, socket: Path | None, pose: bool,
          carton: tuple[float, float, float] | None, **how: Any) -> None:  # noqa: ANN401 (click checked them)
    from agent.devices import DeviceError
    from calibration.camera_live import calibrate_live
    from calibration.camera_pose import pose_live
    from calibration.camera_source import camera_of, cameras_that_measure

    try:
        sources = cameras_that_measure(config, socket) if pose else [camera_of(config, name, socket)]
    except DeviceError as error:
        stop(error.code, error.detail, error.hint)
    try:
        if pose:
            pose_live(sources, board, **how)
        else:
            calibrate_live(sources[0], board, carton, **how)
    except KeyboardInterrupt:
        stop("calibration.aborted", "stopped by Ctrl-C.", "The old calibration is still in force.", 1)
    except DeviceError as error:
        stop(error.code, error.detail, error.hint, 1)


def _say(found: Calibrated, written: Path | None) -> None:
    """The result for a person: figures, what was left out, and where corners were seen."""
    from calibration.camera_live import figures, map_of

    click.echo(figures(found))
    for name, why in found.left_out.items():
        click.echo(f"left out {name}: {why}")
    click.echo("corners seen over the picture (blank: none):")
    click.echo("\n".join(map_of(found.coverage.tolist())))
    click.echo(f"record: {written}" if written else "nothing written; give --record DIR to keep it")


def _written(found: Calibrated, board: Board, empty: list[Picture], target: Path) -> Path:
    """The path of the record, written once. Raises SystemExit."""
    import numpy as np

    from agent.devices import DeviceError
    from calibration.camera_record import write

    mean = np.asarray(np.round(np.mean(empty, axis=0, dtype=np.float32)), np.uint8) if empty else None
    try:
        return write(found, board, mean, target, empty_pictures=len(empty))
    except DeviceError as error:
        stop(error.code, error.detail, error.hint, 1)

from __future__ import annotations

import json
import os
from pathlib import Path

import cv2
import numpy as np
import pytest
from click.testing import CliRunner

from calibration.board import Board, Sighting, find, write_pdf
from calibration.camera import Calibrated, NotCalibrated, calibrate, residual_picture
from calibration.cli_camera import camera
from firmware_config.camera import read_calibration

RECORDINGS = os.environ.get("PACKBENCH_RECORDINGS", "")
BOARD = Board(thickness_mm=4.0)
SIZE = (1280, 720)
K = np.array([[960.0, 0, 632], [0, 960, 366], [0, 0, 1]])
DISTORTION = np.array([-0.09, 0.04, 3e-4, -2e-4, 0.0])
INNER = np.array([[x * 50.0, y * 50.0, 0.0] for y in range(1, 5) for x in range(1, 8)])


def seen(name: str, turn: tuple[float, float, float], middle: tuple[float, float, float], noise: int) -> Sighting:
    """The board's corners with a tenth of a pixel of noise, its middle at a place in front of the camera (mm)."""
    rotation = np.asarray(cv2.Rodrigues(np.array(turn, float))[0], float)
    move = np.array(middle) - rotation @ np.array([*BOARD.middle_mm, 0.0])
    pixels = np.asarray(cv2.projectPoints(INNER, np.array(turn, float), move, K, DISTORTION)[0]).reshape(-1, 2)
    pixels = pixels + np.random.default_rng(noise).normal(0, 0.1, pixels.shape)
    inside = ((pixels > 5) & (pixels < np.array(SIZE) - 5)).all(axis=1)
    return Sighting(name, np.arange(28, dtype=np.int32)[inside], INNER[inside], pixels[inside])


def held(tilt: float = 0.45, count: int = 14) -> list[Sighting]:
    places = [(x, y, 780.0) for x in (-330.0, 0.0, 330.0) for y in (-180.0, 0.0, 180.0)] * 2
    return [seen(f"view{index}", (tilt * np.cos(2.4 * index), tilt * np.sin(2.4 * index), 0.3 * index),
                 places[index], index) for index in range(count)]


def lying() -> Sighting:
    return seen("flat", (np.pi / 2 * 0.45, 0.1, 0.2), (10.0, -5.0, 1050.0), 99)


def test_lens_and_pose_come_back_from_noisy_corners() -> None:
    found = calibrate(BOARD, SIZE, held(), lying())
    assert isinstance(found, Calibrated)
    assert found.calibration.rms_px < 0.2
    assert abs(found.calibration.matrix[0][0] - 960) < 3
    turn = np.asarray(cv2.Rodrigues(np.array([np.pi / 2 * 0.45, 0.1, 0.2]))[0], float)
    # the board's z axis points into the platform, whose surface is one thickness below the print
    true_height = float((turn.T @ np.array([10.0, -5.0, 1050.0]))[2]) + BOARD.thickness_mm
    assert abs(found.height_mm - true_height) < 3
    assert residual_picture(found).shape == (720, 1280, 3)


def test_the_board_s_thickness_lowers_the_platform() -> None:
    thin = calibrate(Board(), SIZE, held(), lying())
    thick = calibrate(Board(thickness_mm=8.0), SIZE, held(), lying())
    assert isinstance(thin, Calibrated)
    assert isinstance(thick, Calibrated)
    assert thick.height_mm - thin.height_mm == pytest.approx(8.0)


@pytest.mark.parametrize(("views", "flat", "code"), [
    (held(count=5), lying(), "calibration.too-few-views"),
    ([seen(f"v{index}", (0.4, 0.1 * index, 0.0), (0.0, 0.0, 1500.0), index) for index in range(10)], lying(),
     "calibration.not-covered"),
    (held(), None, "calibration.no-flat-board"),
    (held(tilt=0.02), lying(), "calibration.not-tilted"),
])
def test_each_refusal_has_its_cause(views: list[Sighting], flat: Sighting | None, code: str) -> None:
    found = calibrate(BOARD, SIZE, views, flat)
    assert isinstance(found, NotCalibrated)
    assert found.code == code
    assert found.hint


def test_a_bent_board_is_left_out() -> None:
    views = held()
    views[3].pixels[:14] += 9.0
    found = calibrate(BOARD, SIZE, views, lying())
    assert isinstance(found, Calibrated)
    assert list(found.left_out) == ["view3"]


def test_the_printed_board_is_an_a3_page_whose_squares_are_true(tmp_path: Path) -> None:
    import pypdfium2

    write_pdf(BOARD, tmp_path / "board.pdf")
    page = pypdfium2.PdfDocument(tmp_path / "board.pdf")[0]
    assert page.get_width() * 25.4 / 72 == pytest.approx(420, abs=0.1)
    dots_mm = 4
    picture = np.asarray(page.render(scale=dots_mm * 25.4 / 72).to_numpy())
    sighting = find(BOARD, "page", np.ascontiguousarray(picture[:, :, :3]))
    assert sighting is not None
    assert len(sighting.numbers) == BOARD.corners
    across = np.ptp(sighting.pixels[:, 0]) / dots_mm
    assert across == pytest.approx(6 * 50.0, abs=0.3)


def test_without_the_measured_square_nothing_starts(tmp_path: Path) -> None:
    done = CliRunner().invoke(camera, ["--images", str(tmp_path)])
    assert done.exit_code == 2
    assert "calibration.board-not-measured" in done.output


def test_a_folder_without_boards_says_what_to_photograph(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(cv2.imencode(".png", np.zeros((48, 64, 3), np.uint8))[1].tobytes())
    (tmp_path / "b.png").write_bytes(b"broken")
    done = CliRunner().invoke(camera, ["--images", str(tmp_path), "--square-mm", "50", "--thickness-mm", "3"])
    assert done.exit_code == 1
    assert "calibration.too-few-views" in done.output
    assert "b.png: it cannot be read" in done.output


@pytest.mark.skipif(not RECORDINGS, reason="PACKBENCH_RECORDINGS is not set")
def test_recorded_board_pictures_make_a_record_that_the_daemon_reads(tmp_path: Path) -> None:
    source, pictures = Path(RECORDINGS) / "dimension" / "example", tmp_path / "pictures"
    pictures.mkdir()
    for path in source.glob("e1a_*.jpg"):
        (pictures / path.name).write_bytes(path.read_bytes())
    command = ["--images", str(pictures), "--square-mm", "50", "--thickness-mm", "3", "--record",
               str(tmp_path / "kept"), "--json"]
    done = CliRunner().invoke(camera, command)
    assert done.exit_code == 0, done.output
    result = json.loads(done.stdout)
    assert result["calibration"]["rms_px"] < 0.3
    true = json.loads((source / "truth.json").read_text())["cameras"]["e1a"]
    height = float((-np.array(true["R_world_to_cam"]).T @ np.array(true["t"]))[2])
    assert abs(result["height_mm"] - height) < 3
    record = Path(result["record"])
    assert read_calibration(record).record
    assert record.stat().st_mode & 0o222 == 0
    written = record.read_bytes()
    # The solver's threads add in any order: a second run may differ in the seventh decimal and be a record of its own.
    assert CliRunner().invoke(camera, command).exit_code == 0
    assert record.read_bytes() == written

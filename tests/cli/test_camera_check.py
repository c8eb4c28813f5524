"""`packbench check camera`: what is wrong is said with what to do about it, and the exit status tells a script."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np
import pytest
from click.testing import CliRunner

from agent.cli.camera_check import check
from agent.vision.exposure import exposure_of
from tests.campaigns.barcode_frames import Shot, label, photograph

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray


def frame(module_px: float = 4.0) -> NDArray[np.uint8]:
    rng = np.random.default_rng(2)
    shot = Shot(module_px, rotation_deg=10, tilt_deg=20, tilt_axis_deg=0, size=(1000, 900))
    return photograph(label(rng), shot, rng)


def report(tmp_path: Path, picture: NDArray[np.uint8] | None) -> tuple[int, dict[str, Any]]:
    if picture is not None:
        cv2.imwrite(str(tmp_path / "a.png"), picture)
    result = CliRunner().invoke(check, ["--driver", "folder", "--path", str(tmp_path), "--json"])
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    (one,) = json.loads(result.stdout)
    return result.exit_code, one


def test_a_good_camera_is_ok_and_its_codes_are_measured_in_pixels_a_module(tmp_path: Path) -> None:
    status, found = report(tmp_path, frame())
    assert (status, found["faults"], found["size"]) == (0, [], [1000, 900])
    measured = {code["symbology"]: code["module_px"] for code in found["codes"]}
    assert set(measured) == {"Code128", "EAN13", "QRCode", "DataMatrix"}
    assert all(3.5 < px < 4.7 for px in measured.values()), measured


def test_codes_that_are_too_small_are_said(tmp_path: Path) -> None:
    status, found = report(tmp_path, frame(2.2))
    assert status == 3
    assert {fault["code"] for fault in found["faults"]} == {"camera.codes-too-small"}


@pytest.mark.parametrize(
    ("change", "code"),
    [
        (lambda grey: grey * 0 + 3, "camera.black"),
        (lambda grey: grey // 8, "camera.too-dark"),
        (lambda grey: np.clip(grey.astype(int) * 2, 0, 255).astype(np.uint8), "camera.over-exposed"),
        (lambda grey: cv2.GaussianBlur(grey, (0, 0), 4), "camera.blurred"),
        (lambda grey: grey, ""),
        (lambda grey: np.full_like(grey, 120), ""),
    ],
)
def test_a_bad_picture_is_named_by_its_first_fault(change: Any, code: str) -> None:  # noqa: ANN401 (a lambda of arrays)
    faults = exposure_of(np.asarray(change(cv2.cvtColor(frame(), cv2.COLOR_BGR2GRAY)), np.uint8)).faults
    assert [fault.code for fault in faults][:1] == ([code] if code else [])
    assert all(fault.hint for fault in faults)


def test_a_camera_that_is_not_there_is_a_fault_with_a_hint(tmp_path: Path) -> None:
    status, found = report(tmp_path, None)
    assert status == 3
    assert [fault["code"] for fault in found["faults"]] == ["camera.missing"]


def test_without_a_station_file_the_way_out_is_told(tmp_path: Path) -> None:
    result = CliRunner().invoke(check, ["--config", str(tmp_path / "none.toml")])
    assert result.exit_code == 2
    assert "--driver" in result.stderr

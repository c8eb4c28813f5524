"""A folder of pictures is a camera like any other, and says what is wrong with it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import cv2
import numpy as np
import pytest

from agent.devices import DeviceError
from agent.devices.folder import FolderCamera

if TYPE_CHECKING:
    from pathlib import Path


def _grey(level: int) -> np.ndarray[tuple[int, ...], np.dtype[np.uint8]]:
    return np.full((24, 32, 3), level, np.uint8)


def _fill(folder: Path, *names: str) -> None:
    for step, name in enumerate(names):
        cv2.imwrite(str(folder / name), _grey(40 * (step + 1)))


def _levels(camera: FolderCamera, frames: int) -> list[int]:
    return [round(float(camera.frame(0.1).pixels().mean())) for _ in range(frames)]


def test_pictures_come_in_the_order_of_their_names_and_start_again(tmp_path: Path) -> None:
    _fill(tmp_path, "a.jpg", "b.png", "c.jpeg")
    assert _levels(FolderCamera(tmp_path, lambda: 7), 5) == [40, 80, 120, 40, 80]


def test_without_a_loop_the_last_picture_stays_until_another_one_is_put_there(tmp_path: Path) -> None:
    _fill(tmp_path, "a.jpg", "b.jpg")
    camera = FolderCamera(tmp_path, lambda: 7, loop=False)
    assert _levels(camera, 4) == [40, 80, 80, 80]
    cv2.imwrite(str(tmp_path / "c.jpg"), _grey(200))
    assert _levels(camera, 2) == [200, 200]


def test_a_jpeg_is_passed_on_byte_by_byte_with_the_clock_and_the_role(tmp_path: Path) -> None:
    _fill(tmp_path, "a.jpg")
    frame = FolderCamera(tmp_path / "a.jpg", lambda: 1234, camera="measure").frame(0.1)
    assert frame.jpeg == (tmp_path / "a.jpg").read_bytes()
    assert (frame.at_ms, frame.camera) == (1234, "measure")


@pytest.mark.parametrize("content", [b"", b"\x89PNG\r\n\x1a\n", b"text"])
def test_a_png_that_does_not_decode_is_a_bad_frame_and_the_next_one_is_shown(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "a.png").write_bytes(content)
    _fill(tmp_path, "b.png")
    camera = FolderCamera(tmp_path, lambda: 0)
    with pytest.raises(DeviceError) as broken:
        camera.frame(0.1)
    assert broken.value.code == "camera.bad-frame"
    assert _levels(camera, 1) == [40]


def test_an_empty_or_missing_folder_is_a_missing_camera(tmp_path: Path) -> None:
    for path in (tmp_path, tmp_path / "nowhere"):
        with pytest.raises(DeviceError) as missing:
            FolderCamera(path, lambda: 0).frame(0.1)
        assert missing.value.code == "camera.missing"

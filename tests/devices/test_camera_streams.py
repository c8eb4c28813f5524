"""Streaming cameras through real child programs and video files: newest frame, reopened, and what is wrong said."""

from __future__ import annotations

import errno
import sys
import threading
from itertools import count
from typing import TYPE_CHECKING

import cv2
import numpy as np
import pytest

from agent.devices import DeviceError, Frame
from agent.devices.newest import FROZEN_FRAMES, Newest
from agent.devices.rpicam import RpicamStill, RpicamVideo, lock_options
from agent.devices.rpicam import lock as lock_rpicam
from agent.devices.v4l2 import V4l2Camera
from agent.devices.v4l2_controls import CONTROL, S_CTRL, SWITCHES, VALUES, put_back
from agent.devices.v4l2_controls import lock as lock_controls

if TYPE_CHECKING:
    from pathlib import Path

WAIT_S = 10.0

# A stand-in for rpicam-vid: counts its starts in a file, sends junk, then JPEGs of rising brightness, split anywhere.
CHILD = """
import os, sys, time, cv2, numpy as np
starts = sys.argv[1]
open(starts, "a").write("x")
assert sys.argv[2:7] == ["-t", "0", "-n", "--codec", "mjpeg"], sys.argv
frames = int(os.environ.get("FRAMES", "100000"))
out = sys.stdout.buffer
out.write(b"junk\\xff\\xd9")
for number in range(frames):
    ok, jpeg = cv2.imencode(".jpg", np.full((48, 64, 3), number % 200 + 20, np.uint8))
    for piece in (jpeg.tobytes()[:100], jpeg.tobytes()[100:]):
        out.write(piece)
        out.flush()
sys.exit(3)
"""


def video(tmp_path: Path, retry_s: float = 2.0) -> tuple[RpicamVideo, Path]:
    script, starts = tmp_path / "child.py", tmp_path / "starts"
    script.write_text(CHILD)
    program = (sys.executable, str(script), str(starts))
    return RpicamVideo(count(1).__next__, width=64, height=48, program=program, retry_s=retry_s), starts


def test_rpicam_gives_whole_jpegs_each_newer_than_the_question(tmp_path: Path) -> None:
    camera, _ = video(tmp_path)
    frames = [camera.frame(WAIT_S) for _ in range(3)]
    camera.close()
    assert all(frame.jpeg[:2] == b"\xff\xd8" and frame.jpeg[-2:] == b"\xff\xd9" for frame in frames)
    assert frames[0].pixels().shape == (48, 64, 3)
    assert [frame.at_ms for frame in frames] == sorted({frame.at_ms for frame in frames})


def test_rpicam_that_ends_is_said_and_started_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FRAMES", "0")
    camera, starts = video(tmp_path, retry_s=0.01)
    for _ in range(2):
        with pytest.raises(DeviceError) as gone:
            camera.frame(WAIT_S)
        assert gone.value.code == "camera.gone"
    monkeypatch.setenv("FRAMES", "1000000")
    frame = None
    while frame is None:
        try:
            frame = camera.frame(WAIT_S)
        except DeviceError as error:
            assert error.code == "camera.gone"  # noqa: PT017 (until the new one streams)
    camera.close()
    assert len(starts.read_text()) >= 2


def test_a_program_that_is_not_installed_is_said() -> None:
    camera = RpicamVideo(lambda: 0, width=64, height=48, program=("/nowhere/rpicam-vid",))
    with pytest.raises(DeviceError) as missing:
        camera.frame(WAIT_S)
    camera.close()
    assert missing.value.code == "camera.missing"


def test_a_stream_that_never_ends_a_picture_is_mute_not_endless(tmp_path: Path) -> None:
    script = tmp_path / "mute.py"
    script.write_text(
        "import time, sys\nsys.stdout.buffer.write(b'\\xff\\xd8...')\nsys.stdout.flush()\ntime.sleep(60)\n"
    )
    camera = RpicamVideo(lambda: 0, width=64, height=48, program=(sys.executable, str(script)))
    with pytest.raises(DeviceError) as mute:
        camera.frame(0.3)
    camera.close()
    assert mute.value.code == "camera.mute"


@pytest.mark.parametrize(
    ("script", "code"),
    [
        (
            (
                "import sys, cv2, numpy as np\n"
                "sys.stdout.buffer.write(cv2.imencode('.jpg', np.zeros((48, 64, 3), np.uint8))[1].tobytes())"
            ),
            "",
        ),
        ("import sys\nsys.stdout.buffer.write(b'\\xff\\xd8 cut off')", "camera.gone"),
        ("import sys\nsys.exit(255)", "camera.gone"),
        ("import time\ntime.sleep(60)", "camera.mute"),
    ],
)
def test_a_still_is_one_whole_picture_or_a_reason(tmp_path: Path, script: str, code: str) -> None:
    (tmp_path / "still.py").write_text(script)
    camera = RpicamStill(lambda: 9, width=64, height=48, program=(sys.executable, str(tmp_path / "still.py")))
    if code:
        with pytest.raises(DeviceError) as error:
            camera.frame(0.3 if code == "camera.mute" else WAIT_S)
        assert error.value.code == code
    else:
        frame = camera.frame(WAIT_S)
        assert (frame.at_ms, frame.pixels().shape) == (9, (48, 64, 3))


def film(path: Path, frames: int, size: tuple[int, int] = (64, 48)) -> Path:
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"MJPG"), 10, size)
    for number in range(frames):
        writer.write(np.full((size[1], size[0], 3), 20 + number % 200, np.uint8))
    writer.release()
    return path


def test_v4l2_gives_newer_frames_and_opens_the_camera_again_after_it_went_away(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A film stands in for the camera: at its end OpenCV's read fails as it does after an unplug."""
    path = film(tmp_path / "film.avi", 40)
    monkeypatch.setattr(V4l2Camera, "RETRY_S", 0.0)
    camera = V4l2Camera(str(path), count(1).__next__, width=64, height=48, backend=cv2.CAP_OPENCV_MJPEG)
    taken: list[Frame] = []
    errors: set[str] = set()
    while len(taken) < 30 or not errors:
        try:
            taken.append(camera.frame(WAIT_S))
        except DeviceError as error:
            errors.add(error.code)
    camera.close()
    assert errors == {"camera.gone"}
    assert taken[-1].pixels().shape == (48, 64, 3)
    assert [frame.at_ms for frame in taken] == sorted({frame.at_ms for frame in taken})


def test_v4l2_refuses_a_size_that_was_not_asked_for(tmp_path: Path) -> None:
    path = film(tmp_path / "film.avi", 5)
    camera = V4l2Camera(str(path), lambda: 0, width=640, height=480, backend=cv2.CAP_OPENCV_MJPEG)
    with pytest.raises(DeviceError) as wrong:
        camera.frame(WAIT_S)
    camera.close()
    assert wrong.value.code == "camera.wrong-size"
    assert "64x48" in wrong.value.detail


def test_v4l2_says_that_no_camera_is_there(tmp_path: Path) -> None:
    camera = V4l2Camera(str(tmp_path / "video9"), lambda: 0, width=64, height=48)
    with pytest.raises(DeviceError) as missing:
        camera.frame(WAIT_S)
    camera.close()
    assert missing.value.code == "camera.missing"


def test_a_frame_from_before_the_question_is_never_given() -> None:
    newest = Newest(count(1).__next__, "codes")
    newest.put(b"old")
    asked = threading.Event()
    answers: list[bytes] = []

    def ask() -> None:
        asked.set()
        answers.append(newest.after_now(WAIT_S).jpeg)

    thread = threading.Thread(target=ask)
    thread.start()
    asked.wait(WAIT_S)
    number = 0
    while thread.is_alive():
        newest.put(f"new {number}".encode())
        number += 1
    assert answers[0].startswith(b"new")


def test_a_camera_that_repeats_itself_is_frozen_until_it_moves() -> None:
    newest = Newest(count(1).__next__, "codes")
    for _ in range(FROZEN_FRAMES + 1):
        newest.put(b"same")
    with pytest.raises(DeviceError) as frozen:
        newest.after_now(0.0)
    assert frozen.value.code == "camera.frozen"
    newest.put(b"other")
    with pytest.raises(DeviceError) as mute:
        newest.after_now(0.0)
    assert mute.value.code == "camera.mute"


class Knobs:
    """A camera's controls behind ioctl: number to value; a number that is not there is refused as the kernel does."""

    def __init__(self, *absent: int, stuck: int = 0) -> None:
        self.values = dict.fromkeys((*VALUES.values(), *(switch for switch, _ in SWITCHES)), 100)
        self._stuck = stuck
        for number in absent:
            del self.values[number]

    def __call__(self, node: int, request: int, asked: bytearray) -> int:
        number, value = CONTROL.unpack(asked)
        if number not in self.values:
            raise OSError(errno.EINVAL, "Invalid argument")
        if request == S_CTRL and number != self._stuck:
            self.values[number] = value
        asked[:] = CONTROL.pack(number, self.values[number])
        return 0


def test_what_a_usb_camera_moves_by_itself_is_locked_where_it_is_and_set_again(tmp_path: Path) -> None:
    path = str(tmp_path / "video0")
    (tmp_path / "video0").touch()
    knobs = Knobs(VALUES["focus_absolute"])
    knobs.values[VALUES["exposure_absolute"]] = 157
    locked = lock_controls(path, knobs)
    assert locked == {"exposure_absolute": 157.0, "gain": 100.0, "white_balance_temperature": 100.0}
    assert [knobs.values[number] for number, _ in SWITCHES] == [off for _, off in SWITCHES]
    unplugged = Knobs(VALUES["focus_absolute"])
    put_back(path, locked, unplugged)
    assert unplugged.values == knobs.values


@pytest.mark.parametrize(("knobs", "locked"), [
    (Knobs(VALUES["gain"]), {"gain": 4.0}),
    (Knobs(stuck=VALUES["gain"]), {"gain": 4.0}),
    (Knobs(), {"LensPosition": 1.0}),
])
def test_another_camera_than_the_calibrated_one_is_told(tmp_path: Path, knobs: Knobs, locked: dict[str, float]) -> None:
    (tmp_path / "video0").touch()
    with pytest.raises(DeviceError) as told:
        put_back(str(tmp_path / "video0"), locked, knobs)
    assert told.value.code == "camera.not-locked"
    with pytest.raises(DeviceError) as gone:
        put_back(str(tmp_path / "video1"), {}, knobs)
    assert gone.value.code == "camera.missing"


def rest(tmp_path: Path, told: str) -> dict[str, float]:
    """Where a Pi camera says that it came to rest."""
    script = tmp_path / "still.py"
    script.write_text(f"import sys\nassert '--metadata' in sys.argv\nprint({told!r})")
    return lock_rpicam((sys.executable, str(script)))


def test_a_pi_camera_tells_where_it_came_to_rest_and_is_kept_there(tmp_path: Path) -> None:
    told = '{"ExposureTime": 9994, "AnalogueGain": 1.5, "ColourGains": [1.8, 1.5], "LensPosition": 1.25, "x": 1}'
    assert lock_options(rest(tmp_path, told)) == [
        "--shutter", "9994", "--gain", "1.5", "--autofocus-mode", "manual", "--lens-position", "1.25",
        "--awbgains", "1.8,1.5",
    ]


@pytest.mark.parametrize("told", ['{"ColourGains": 3}', "no JSON", "[" * 5000])
def test_a_pi_camera_that_does_not_tell_is_not_locked(tmp_path: Path, told: str) -> None:
    with pytest.raises(DeviceError) as error:
        rest(tmp_path, told)
    assert error.value.code == "camera.not-locked"

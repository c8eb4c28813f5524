"""A camera is calibrated by holding a board before it: what is missing is said, nothing changes before the yes."""

from __future__ import annotations

import json
from dataclasses import replace
from functools import cache
from typing import TYPE_CHECKING, Any

import cv2
import msgspec
import numpy as np
import pytest
from click.testing import CliRunner
from msgspec.structs import replace as with_figures

from agent.bench.bench import BOARD_SIZE_MM, charuco
from agent.bench.camera import LENS, render
from agent.bench.scene import Box, Hand, Panel, Scene
from agent.devices import Frame
from calibration.board import Board
from calibration.camera import NotCalibrated
from calibration.camera_live import Screen
from calibration.camera_session import CameraSession
from calibration.carton import checked
from calibration.cli_camera import camera
from firmware_config.camera import empty_file, read_calibration

if TYPE_CHECKING:
    from pathlib import Path

    from agent.bench.lens import Lens
    from calibration.camera_session import Said

LENS_720 = replace(LENS, width_px=1280, height_px=720, focal_px=1500.0, centre_px=(644.0, 355.0))
SIZE = (1280, 720)
BOARD = Board(thickness_mm=3.0)
CARTON = (240.0, 180.0, 110.0)
# Where the board's middle is held over the platform, in turn leaning five ways: facing the camera, then past it.
PLACES = ((-90, 70), (90, -60), (0, 0), (-90, -60), (90, 70), (0, 70), (0, -70), (-110, 0), (110, 0), (-120, 90),
          (120, -90), (-120, -90), (120, 90))
LEANS = ((33, 246), (60, 246), (8, 246), (38, 190), (38, 302))


@cache
def picture(scene: Scene, noise: int) -> bytes:
    return cv2.imencode(".jpg", render(scene, noise, LENS_720))[1].tobytes()


@cache
def held() -> tuple[Scene, ...]:
    board = charuco()
    return tuple(Scene(panel=Panel(board, BOARD_SIZE_MM, x, y, 140.0, *LEANS[n % 5], 0 if n % 3 else 180))
                 for n, (x, y) in enumerate(PLACES))


@cache
def shown() -> tuple[bytes, ...]:
    """A technician's pictures: the board held twice in each place, lying, away; then the carton."""
    lying = Scene(panel=Panel(charuco(), BOARD_SIZE_MM, z_mm=3.0))
    carton = Scene(Box(*CARTON, yaw_deg=12, radius_mm=2.0))
    scenes = [scene for scene in held() for _ in range(2)] + [lying] * 6 + [Scene()] * 8 + [carton] * 6
    return tuple(picture(scene, n) for n, scene in enumerate(scenes))


def pixels(jpeg: bytes) -> np.ndarray[tuple[int, ...], np.dtype[np.uint8]]:
    return np.asarray(cv2.imdecode(np.frombuffer(jpeg, np.uint8), cv2.IMREAD_COLOR), np.uint8)


def play(session: CameraSession, pictures: tuple[bytes, ...]) -> list[Said]:
    return [said for n, jpeg in enumerate(pictures) for said in session.feed(n * 0.2, pixels(jpeg))]


@cache
def played() -> tuple[CameraSession, list[Said]]:
    session = CameraSession(BOARD, SIZE, CARTON)
    return session, play(session, shown())


@pytest.fixture
def technician(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:  # noqa: ANN401 (a function)
    """Runs the command at a station whose camera sees the given pictures; returns exit status and lines."""
    file = tmp_path / "station.toml"
    file.write_text(f'directory = "{tmp_path}"\nsocket = "{tmp_path}/none.sock"\n[station]\nid = "s"\nsite = "a"\n'
                    '[broker]\nurl = "mqtt://x"\n[camera]\ndriver = "folder"\npath = "x"\n'
                    'width_px = 1280\nheight_px = 720\n')

    class Shown:
        def __init__(self, pictures: tuple[bytes, ...]) -> None:
            self._rest = list(pictures)

        def frame(self, timeout_s: float) -> Frame:
            del timeout_s
            if not self._rest:
                raise KeyboardInterrupt
            return Frame(1000 - len(self._rest), self._rest.pop(0), "codes")

        def close(self) -> None:
            pass

    def run(pictures: tuple[bytes, ...], *words: str) -> tuple[int, list[dict[str, Any]], str]:
        monkeypatch.setattr("calibration.camera_source.open_camera", lambda *_, **__: Shown(pictures))
        done = CliRunner().invoke(camera, ["--config", str(file), "--square-mm", "50", "--thickness-mm", "3", *words])
        return done.exit_code, [json.loads(line) for line in done.stdout.splitlines()], done.stderr

    return run


def test_lens_pose_and_edges_come_back_from_a_board_held_before_the_camera() -> None:
    session, said = played()
    steps = [one.what for one in said if one.what != "view"]
    assert steps == ["do", "do", "done", "do", "done", "do", "done", "result"]
    assert session.result is not None
    assert session.carton is not None
    calibration = session.result.calibration
    assert calibration.rms_px < 0.1
    assert abs(calibration.matrix[0][0] - LENS_720.focal_px) < 3
    assert abs(session.result.height_mm - LENS_720.eye()[2]) < 1.5
    assert max(abs(error) for error in session.carton.errors_mm) < 2
    assert 1.0 < session.carton.edge_radius_mm < 3.5


def test_what_is_missing_is_said_and_shrinks() -> None:
    said = [one for one in played()[1] if one.what == "view"]
    assert "11 more views" in said[0].missing
    assert any("blank cells" in text for text in said[0].missing)
    assert any("tilts" in text for text in said[0].missing)
    assert said[-1].missing == ()
    seen = [sum(count > 0 for row in one.cells for count in row) for one in said]
    assert seen == sorted(seen)


def test_a_board_that_moves_or_comes_again_in_the_same_place_is_no_new_view() -> None:
    session = CameraSession(BOARD, SIZE)
    for scene in held()[:4]:  # each in one picture only: on its way
        session.feed(0.0, pixels(picture(scene, 1)))
    assert session.views == []
    for noise in range(6):
        session.feed(1.0, pixels(picture(held()[2], noise)))
    assert len(session.views) == 1


def test_only_a_board_that_is_held_still_says_that_the_lens_is_out_of_focus() -> None:
    sharp, blurred = pixels(picture(held()[2], 1)), [
        np.asarray(cv2.GaussianBlur(pixels(picture(held()[2], noise)), (0, 0), 2.5), np.uint8) for noise in (1, 2)]
    moving = CameraSession(BOARD, SIZE)
    assert [said.what for one in (blurred[0], sharp, sharp) for said in moving.feed(0.0, one)] == ["do", "view"]
    still = CameraSession(BOARD, SIZE)
    said = [said for one in blurred for said in still.feed(0.0, one)]
    assert (said[-1].what, said[-1].code) == ("refused", "camera.blurred")


def test_a_hand_in_the_picture_is_not_the_bare_platform() -> None:
    session = CameraSession(BOARD, SIZE)
    session.phase = "empty"
    scenes = [Scene(hand=Hand(10.0 * n, 0, 60)) for n in range(4)]
    for n, scene in enumerate(scenes):
        session.feed(float(n), pixels(picture(scene, n)))
    assert session.phase == "empty"
    assert len(session.empty) == 0


def test_the_record_is_written_once_and_put_in_force_after_the_yes(technician: Any, tmp_path: Path) -> None:  # noqa: ANN401 (a fixture)
    status, lines, _ = technician(shown())
    in_force = tmp_path / "calibration" / "camera.json"
    assert (status, lines[-1]["what"], in_force.exists()) == (1, "kept", False)
    carton = ("--carton", *(f"{side:g}" for side in CARTON))
    status, lines, _ = technician(shown(), *carton, "--yes", "--technician", "A.B.")
    assert (status, lines[-1]["what"]) == (0, "accepted")
    calibration = read_calibration(in_force)
    assert abs(calibration.matrix[0][0] - LENS_720.focal_px) < 3
    assert calibration.edge_radius_mm != type(calibration).edge_radius_mm
    assert empty_file(tmp_path, "camera", calibration.record).exists()
    record = json.loads(in_force.read_text())
    assert record["technician"] == "A.B."
    assert record["carton"]["known_mm"] == list(CARTON)
    assert record["board"]["thickness_mm"] == 3.0


@pytest.mark.parametrize(("pictures", "code"), [
    ("black", "camera.black"),
    ("white", "camera.over-exposed"),
    ("views", "calibration.aborted"),
])
def test_a_refusal_has_its_cause_and_changes_nothing(technician: Any, tmp_path: Path,  # noqa: ANN401 (a fixture)
                                                     pictures: str, code: str) -> None:
    flat = {"black": 2, "white": 255}
    level = cv2.imencode(".png", np.full((720, 1280, 3), flat.get(pictures, 0), np.uint8))[1].tobytes()
    status, lines, told = technician(shown()[:8] if pictures == "views" else (level,), "--yes")
    assert status == 1
    assert code in (lines[-1].get("code") or told)
    assert not (tmp_path / "calibration").exists()


def test_a_carton_of_another_size_refuses_the_calibration() -> None:
    session, _ = played()
    assert session.result is not None
    found = checked(session.result.calibration, session.background, [pixels(shown()[-1])], (300.0, 180.0, 110.0))
    assert isinstance(found, NotCalibrated)
    assert found.code == "calibration.wrong-carton"
    assert "-59" in found.detail


def test_a_station_of_two_cameras_is_asked_which(technician: Any, tmp_path: Path) -> None:  # noqa: ANN401 (a fixture)
    file = tmp_path / "station.toml"
    file.write_text(file.read_text().replace("[camera]", "[[camera]]") + '[[camera]]\ndriver = "folder"\npath = "y"\n')
    status, _, told = technician(())
    assert status == 2
    assert "calibration.no-camera" in told
    assert "camera[0], camera[1]" in told


def test_a_terminal_shows_one_map_that_is_drawn_over(capsys: pytest.CaptureFixture[str]) -> None:
    screen = Screen(as_json=False)
    first, second = (one for one in played()[1][:3] if one.what == "view")
    screen.say(first)
    lines = len(capsys.readouterr().out.splitlines())
    screen.say(second)
    drawn = capsys.readouterr().out
    assert drawn.startswith(f"\x1b[{lines}A\x1b[J")
    assert drawn.count("|") == 8
    assert "still missing: 10 more views" in drawn


def test_the_pose_alone_is_taken_of_all_cameras_at_once_and_their_worlds_agree(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = replace(LENS_720, azimuth_deg=LENS_720.azimuth_deg - 85)
    file = tmp_path / "station.toml"
    cameras = "".join(f'[[camera]]\ndriver = "folder"\npath = "{n}"\nwidth_px = 1280\nheight_px = 720\n'
                      for n in (0, 1))
    file.write_text(f'directory = "{tmp_path}"\nsocket = "{tmp_path}/none.sock"\n[station]\nid = "s"\nsite = "a"\n'
                    f'[broker]\nurl = "mqtt://x"\n{cameras}')
    (tmp_path / "calibration").mkdir()
    for number, lens in enumerate((LENS_720, other)):  # the lenses are known, where they are is not
        known = with_figures(lens.calibration(), translation_mm=(0.0, 0.0, 1000.0))
        record = json.dumps({"calibration": msgspec.to_builtins(known)})
        (tmp_path / "calibration" / f"camera[{number}].json").write_text(record)
    lying = Scene(panel=Panel(charuco(), BOARD_SIZE_MM, 12.0, -7.0, 3.0, turn_deg=20))

    class Eye:
        def __init__(self, lens: Lens) -> None:
            self._lens, self._frames = lens, 0

        def frame(self, timeout_s: float) -> Frame:
            del timeout_s
            self._frames += 1
            scene = lying if self._frames < 6 else Scene()
            jpeg = cv2.imencode(".jpg", render(scene, self._frames, self._lens))[1].tobytes()
            return Frame(self._frames * 200, jpeg, "measure")

        def close(self) -> None:
            pass

    monkeypatch.setattr("calibration.camera_source.open_camera",
                        lambda _, path, *__, **___: Eye((LENS_720, other)[int(path)]))
    done = CliRunner().invoke(camera, ["--pose", "--config", str(file), "--square-mm", "50", "--thickness-mm", "3",
                                       "--yes"])
    assert done.exit_code == 0, done.output
    found = [read_calibration(tmp_path / "calibration" / f"camera[{number}].json") for number in (0, 1)]
    eyes = [-np.array(one.rotation).T @ np.array(one.translation_mm) for one in found]
    between = float(np.linalg.norm(eyes[0] - eyes[1]))
    assert abs(between - float(np.linalg.norm(LENS_720.eye() - other.eye()))) < 2.0
    assert all(abs(eye[2] - LENS_720.eye()[2]) < 2.0 for eye in eyes)

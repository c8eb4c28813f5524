"""The camera's thread: what it says of a bad camera, when it learns the bare platform, and which labels count."""

from __future__ import annotations

import queue
from dataclasses import dataclass, field, replace
from functools import cache
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np
import pytest

from agent.bench.camera import LENS, render
from agent.bench.scene import Box, Hand, Scene, Sticker
from agent.clock import Clock
from agent.devices import DeviceError, Frame
from agent.papers.fonts import Fonts
from agent.station.events import CodesSeen, DeviceFailed, DeviceRecovered
from agent.station.values import Dimensions, Refused
from agent.station.view import Look
from agent.vision.together import Together
from agent.vision_worker import VisionWorker
from tests.campaigns.paper_camera import shown

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from agent.bench.lens import Lens
    from firmware_config.camera import CameraCalibration

    Picture = NDArray[np.uint8]

BOX = Box(230, 170, 110, 0, 0, 12, "kraft")
BARE, ASKED = Look(0, (), empty=True), Look(1, (), measure=True)
PATIENCE_S = 60.0
# For what needs no code to be read: a third of the pixels.
SMALL = replace(LENS, width_px=1280, height_px=720, focal_px=2330.0, centre_px=(644.0, 355.0))


@cache
def label(number: int) -> tuple[Picture, str]:
    """A shipping label as printed, and its mark."""
    page, mark, _ = shown(2 * number + 1, Fonts.installed())
    return np.asarray(page.image.convert("L")), mark


@dataclass
class Eye:
    """A worker whose camera sees what the test puts there: a scene, a picture, or an error."""

    root: Path
    lens: Lens = LENS
    sees: Any = field(default_factory=Scene)
    together: Together | None = None
    name: str = "camera"
    calibration: CameraCalibration | None = None
    frames: int = 0
    turned_px: float = 0.0
    """How far the camera was turned to the side about its own centre, in pixels of its picture."""

    def __post_init__(self) -> None:
        self.events: queue.SimpleQueue[Any] = queue.SimpleQueue()
        self.calibration = self.calibration or self.lens.calibration()
        self.worker = VisionWorker(self.name, Clock(), self.events.put, lambda: self, self.root,
                                   lambda: self.calibration, self.together)
        self.worker._open()

    def frame(self, timeout_s: float) -> Frame:
        del timeout_s
        self.frames += 1
        if isinstance(self.sees, DeviceError):
            raise self.sees
        picture = self.sees if isinstance(self.sees, np.ndarray) else render(self.sees, self.frames, self.lens)
        if self.turned_px:
            shift = np.array([[1, 0, self.turned_px], [0, 1, 0]])  # a small turn moves a narrow picture sideways
            picture = cv2.warpAffine(picture, shift, picture.shape[1::-1], borderMode=cv2.BORDER_REPLICATE)
        return Frame(self.frames, cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, 92])[1].tobytes(), "codes")

    def close(self) -> None:
        """Nothing is held."""

    def look(self, at: Look, sees: Any = None, times: int = 1) -> list[Any]:  # noqa: ANN401 (see `sees`)
        """Answer a question about what is there now; return what the worker told."""
        self.sees = self.sees if sees is None else sees
        self.worker.ask(at)
        for _ in range(times):
            self.worker._asked.set()  # nobody waits for the worker's own pauses
            try:
                self.worker._serve(self)
            except DeviceError as error:  # as the thread does
                self.worker.broke(error.code, error.hint)
        told = []
        while not self.events.empty():
            told.append(self.events.get())
        return told

    def rest(self, sees: Any = None) -> list[str]:  # noqa: ANN401 (see `sees`)
        """Rest over the bare platform until it was looked at anew; return the codes of what the worker told."""
        self.worker._emptied_s = -1.0
        told = self.look(BARE, sees, times=2)
        return [one.code if isinstance(one, DeviceFailed) else "ok" for one in told if not isinstance(one, CodesSeen)]

    def knows_the_platform(self) -> bool:
        """Whether the worker can measure."""
        return self.worker.measures

    def size(self, scene: Scene, visit: int = 1) -> Dimensions:
        """Measure what stands there: show it three times, wait for the answer, and show it once more."""
        told = self.look(Look(visit, (), measure=True), scene, times=3)
        assert self.worker._sizing is not None
        joint = self.worker._sizing._answer
        if joint is not None and joint.found is None:
            assert joint._measuring is not None
            assert joint._measuring._answer.poll(PATIENCE_S)
        told += self.look(Look(visit, (), measure=True), scene)
        return next(one.dims for one in told if isinstance(one, CodesSeen) and one.dims is not None)


def grey(level: int) -> Picture:
    return np.full((SMALL.height_px, SMALL.width_px, 3), level, np.uint8)


def test_a_picture_that_the_disk_does_not_take_is_no_picture_and_ends_nothing(tmp_path: Path) -> None:
    worker = Eye(tmp_path, SMALL, grey(120)).worker
    (tmp_path / "photos").write_bytes(b"no folder")
    assert worker._keep(1, ("J-1",), b"jpeg") == ""
    (tmp_path / "photos").unlink()
    name = worker._keep(2, ("J-1",), b"jpeg")
    assert (tmp_path / "photos" / f"{name}.jpg").read_bytes() == b"jpeg"


@pytest.mark.parametrize(("sees", "code"), [
    (grey(3), "camera.black"),
    (grey(20), "camera.too-dark"),
    (grey(255), "camera.over-exposed"),
    (DeviceError("camera.frozen", "the same picture 21 times", "Unplug it."), "camera.frozen"),
    (DeviceError("camera.gone", "it stopped sending", "Check its cable."), "camera.gone"),
    (DeviceError("camera.wrong-size", "640x480", "Set the size."), "camera.wrong-size"),
], ids=lambda value: value if isinstance(value, str) else "")
def test_a_camera_that_sees_badly_says_so_once_while_nobody_asks_and_once_that_it_is_well(
    tmp_path: Path, sees: object, code: str,
) -> None:
    eye = Eye(tmp_path, SMALL)
    assert eye.rest(Scene()) == []
    assert eye.rest(sees) == [code]
    assert eye.rest() == []
    assert eye.rest(Scene()) == ["ok"]


def test_a_black_picture_is_said_with_a_box_on_the_platform_too_but_a_white_box_is_no_fault(tmp_path: Path) -> None:
    eye = Eye(tmp_path, SMALL)
    eye.rest(Scene())
    assert [type(one) for one in eye.look(ASKED, grey(255))] == [CodesSeen]
    assert eye.look(ASKED, grey(3))[0].code == "camera.black"
    assert DeviceRecovered in [type(one) for one in eye.look(ASKED, Scene(BOX))]


def test_an_idle_camera_is_looked_at_now_and_then(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    eye = Eye(tmp_path, SMALL)
    eye.rest(Scene())
    before = eye.frames
    eye.look(BARE, times=3)
    assert eye.frames == before
    monkeypatch.setattr(VisionWorker, "ALIVE_EVERY_S", 0.0)
    told = eye.look(BARE, DeviceError("camera.gone", "", ""))
    assert [one.code for one in told] == ["camera.gone"]


def test_the_background_is_learnt_only_from_a_platform_that_is_bare_and_still(tmp_path: Path) -> None:
    eye = Eye(tmp_path, SMALL)
    eye.look(BARE, Scene(hand=Hand(0, 0, 60)))  # the first of two pictures; the hand is gone in the second
    eye.look(BARE, Scene())
    assert not eye.knows_the_platform()
    eye.look(BARE, Scene())
    eye.look(ASKED, Scene(BOX))  # a box lands between the two
    eye.look(BARE, Scene())
    assert not eye.knows_the_platform()
    eye.look(BARE, Scene())
    assert eye.knows_the_platform()
    assert list((tmp_path / "calibration").glob("camera-empty*.png"))


def test_a_camera_that_was_pushed_a_little_still_measures_and_one_pushed_far_says_so(tmp_path: Path) -> None:
    eye = Eye(tmp_path, SMALL)
    eye.rest(Scene())
    true = eye.size(Scene(BOX))
    eye.turned_px = 6.0
    assert eye.rest(Scene()) == []
    pushed = eye.size(Scene(BOX), visit=2)
    assert isinstance(true.height, type(pushed.height)), (true, pushed)
    for before, after in ((true.length, pushed.length), (true.width, pushed.width), (true.height, pushed.height)):
        assert not isinstance(before, Refused)
        assert not isinstance(after, Refused)
        assert abs(before.value_mm - after.value_mm) < 2.0
    eye.turned_px = 0.0
    eye.lens = replace(SMALL, elevation_deg=SMALL.elevation_deg + 8)
    assert eye.rest(Scene()) == ["camera.moved"]
    assert eye.size(Scene(BOX), visit=3).length == Refused(refused="camera.moved")
    eye.lens = SMALL
    assert eye.rest(Scene()) == ["ok"]


def test_a_new_calibration_is_in_force_when_the_camera_is_opened_again(tmp_path: Path) -> None:
    eye = Eye(tmp_path, SMALL)
    eye.rest(Scene())
    assert eye.knows_the_platform()
    eye.calibration = replace(SMALL, focal_px=2300.0).calibration()
    eye.worker._open()
    assert eye.worker._sizing is not None
    assert eye.worker._sizing.background.calibration == eye.calibration


def test_two_cameras_measure_a_box_together(tmp_path: Path) -> None:
    together = Together()
    one = Eye(tmp_path, SMALL, together=together, name="camera[0]")
    other = Eye(tmp_path, replace(SMALL, azimuth_deg=SMALL.azimuth_deg - 85), together=together, name="camera[1]")
    for eye in (one, other):
        eye.rest(Scene())
        assert not [told for told in eye.look(ASKED, Scene(BOX), times=3) if told.dims is not None]
    assert together._now is not None
    assert sorted(together._now.came) == ["camera[0]", "camera[1]"]
    found = [eye.size(Scene(BOX)) for eye in (one, other)]
    assert found[0] == found[1]
    sides = [found[0].length, found[0].width, found[0].height]
    for side, true in zip(sides, (230, 170, 110), strict=True):
        assert not isinstance(side, Refused)
        assert abs(side.value_mm - true) < 2


def seen_on_box(eye: Eye, scene: Scene, mark: str, visit: int = 1) -> list[bool]:
    """For two pictures: whether the mark was read and is on this visit's box."""
    told = eye.look(Look(visit, (mark,)), scene, times=2)
    return [mark in one.codes and mark not in one.beside for one in told if isinstance(one, CodesSeen)]


@pytest.fixture(scope="module")
def fitted(tmp_path_factory: pytest.TempPathFactory) -> Eye:
    """A worker that has measured the box of visit 1."""
    eye = Eye(tmp_path_factory.mktemp("station"))
    eye.rest(Scene())
    assert not isinstance(eye.size(Scene(BOX)).height, Refused)
    return eye


@pytest.mark.parametrize(("place", "counts"), [("on the box", True), ("on the table", False),
                                               ("another parcel's on the box", False),
                                               ("on a screen, without the box", False),
                                               ("on a screen, beside the box", False)])
def test_only_this_label_on_this_box_counts(fitted: Eye, place: str, counts: bool) -> None:  # noqa: FBT001 (a table)
    (mine, mark), (other, _) = label(0), label(1)
    scene = {
        "on the box": Scene(BOX, (Sticker(mine, "top", 20, 5, 30),)),
        "on the table": Scene(BOX, (Sticker(mine, "table", 235, -40, 20),)),
        "another parcel's on the box": Scene(BOX, (Sticker(other, "top", 20, 5, 30),)),
        "on a screen, without the box": Scene(None, (Sticker(mine, "shown"),)),
        "on a screen, beside the box": Scene(BOX, (Sticker(mine, "shown", -120, 0, 8),)),
    }[place]
    assert seen_on_box(fitted, scene, mark) == [counts, counts]

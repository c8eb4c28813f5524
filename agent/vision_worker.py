"""The thread that looks: it answers what lies in front of a camera, picture by picture, and says what it can't see."""

from __future__ import annotations

import ctypes
import logging
import threading
import time
from contextlib import suppress
from hashlib import sha256
from typing import TYPE_CHECKING

from agent.clock import effort
from agent.devices import DeviceError
from agent.station.events import CodesSeen
from agent.station.gs1 import GS1_IDENTIFIERS
from agent.workers import Worker
from firmware_config.camera import empty_file

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from agent.clock import Clock
    from agent.devices import Camera, Frame
    from agent.station.events import Event
    from agent.station.view import Look
    from agent.vision.sizing import Picture, Sizing
    from agent.vision.standing import Standing
    from agent.vision.together import Together
    from firmware_config.camera import CameraCalibration

_LOG = logging.getLogger("packbench.camera")


class VisionWorker(Worker):
    """Answers the standing question of what lies in front of a camera, picture by picture."""

    BUDGET_S = 0.3
    EMPTY_EVERY_S = 60.0
    # So often a camera that nobody asks is looked at all the same: unplugged, dark or pushed, it says so by itself.
    ALIVE_EVERY_S = 5.0
    # When only the size is still missing, the processor is better used for measuring than for reading on.
    ONLY_SIZE_S = 0.3

    def __init__(self, device: str, clock: Clock, post: Callable[[Event], None],
                 open_camera: Callable[[], Camera], directory: Path,
                 calibrated: Callable[[], CameraCalibration | None], together: Together | None = None) -> None:
        super().__init__(device, clock, post)
        self._open_camera, self._directory, self._calibrated = open_camera, directory, calibrated
        self._together = together
        self._calibration: CameraCalibration | None = None
        self._sizing: Sizing | None = None
        self._standing: Standing | None = None
        self._emptied_s = self._looked_s = -1.0
        self._bare: Picture | None = None
        self._look: Look | None = None
        self._asked = threading.Event()
        self._kept: tuple[int, frozenset[str]] = (0, frozenset())
        self._dim: tuple[str, str] | None = None
        self._littered = False
        self._told_px = 0.0

    @property
    def measures(self) -> bool:
        """True when this camera can measure the next box."""
        return self._sizing is not None and self._sizing.ready

    def ask(self, look: Look | None) -> None:
        """Change the question; None is none. Called by the owner loop, returns at once."""
        if look != self._look:
            self._look = look
            self._asked.set()

    def stop(self) -> None:
        super().stop()
        self._asked.set()

    def lend(self) -> None:
        super().lend()
        self._asked.set()

    def _open(self) -> Camera:
        import cv2

        from agent.vision import barcodes  # noqa: F401 (a second of loading that the first box must not wait for)
        from agent.vision.standing import Standing

        cv2.setNumThreads(1)  # the other processors are the scale's, the printer's and the link's
        calibration = self._calibrated()  # a technician may have brought a new one
        if calibration is None:
            self._standing = self._standing or Standing(None)
        elif self._sizing is None or calibration != self._calibration:
            from agent.vision.sizing import Sizing

            file = empty_file(self._directory, self.device, calibration.record)
            self._sizing = Sizing(calibration, file, self._together)
            self._calibration, self._standing, self._emptied_s = calibration, self._sizing.standing, -1.0
        camera = self._open_camera()
        try:
            self._take(camera, bare=False)  # one picture is the proof; nobody may ask for the next one for hours
        except DeviceError:
            camera.close()
            raise
        return camera

    def _serve(self, opened: Camera) -> None:
        look = self._look
        if look is None or (look.empty and not look.expect):
            self._asked.wait(0.3 if self._emptied_s < 0 else 1.0)
            self._asked.clear()
            self._rest(opened, bare=look is not None and look is self._look)
            if self._littered:
                self._littered = False
                _give_memory_back()
            return
        from agent.vision.barcodes import read_codes

        self._bare = None
        frame = self._take(opened, bare=False)
        image = frame.pixels()
        codes = read_codes(image, expect=look.expect, budget_s=self.BUDGET_S, now=effort())
        seen = [code for code in codes if code.accepted]
        texts = tuple(sorted({code.text for code in seen}))
        photo = self._keep(look.visit, texts, frame.jpeg) if look.visit and texts else ""
        sizing = self._sizing if look.measure else None
        dims = sizing.see_box(look.visit, image) if sizing is not None else None
        measuring = sizing is not None and dims is None
        beside = (self._standing.beside(look.visit, seen, image, measuring=measuring)
                  if self._standing is not None else ())
        self._post(CodesSeen(
            at_ms=frame.at_ms, visit=look.visit, codes=texts, photo_sha256=photo, dims=dims,
            measuring=measuring, beside=beside,
            gs1=tuple(sorted({code.text for code in seen if code.identifier in GS1_IDENTIFIERS})),
        ))
        if measuring and look.expect and set(look.expect) <= set(texts):
            self._ending.wait(self.ONLY_SIZE_S)

    def _rest(self, camera: Camera, *, bare: bool) -> None:
        """Look now and then though nobody asks; the bare platform is what a box is measured against.

        It counts when it is still bare a moment later, and nothing moved there: no hand with a box was on its way.
        """
        now_s = time.monotonic()
        if not bare:
            self._bare = None
        elif self._bare is not None:
            before, now, self._bare = self._bare, self._take(camera, bare=True).pixels(), None
            if self._dim is not None or self._look is None or not self._look.empty:
                return
            if self._sizing is not None:
                if not self._sizing.see_empty(before, now):
                    return
                self._note_movement(self._sizing.background.moved_px)
                self._judge(None)
            elif self._standing is not None:
                self._standing.see_empty(now)
            self._emptied_s = time.monotonic()
            return
        elif self._emptied_s < 0 or now_s - self._emptied_s > self.EMPTY_EVERY_S:
            self._bare = self._take(camera, bare=True).pixels()
            return
        if now_s - self._looked_s > self.ALIVE_EVERY_S:
            self._take(camera, bare=bare)

    def _take(self, camera: Camera, *, bare: bool) -> Frame:
        """Take a picture, and say what is wrong with it or with the camera's place, or that all is well.

        Only the bare platform tells whether the light is right; a white box or a hand changes too much.
        """
        import cv2
        import numpy as np

        from agent.vision.exposure import light_of

        frame = camera.frame(5.0)
        self._looked_s, self._littered = time.monotonic(), True
        small = cv2.imdecode(np.frombuffer(frame.jpeg, np.uint8), cv2.IMREAD_REDUCED_GRAYSCALE_8)
        faults = light_of(np.asarray(small, np.uint8)).faults if small is not None else ()
        black = next(((fault.code, fault.hint) for fault in faults if fault.code == "camera.black"), None)
        if bare or black is None:
            self._dim = next(((fault.code, fault.hint) for fault in faults), None) if bare else self._dim
        self._judge(black)
        return frame

    def _judge(self, black: tuple[str, str] | None) -> None:
        """Say the worst of what is wrong, or that all is well."""
        wrong = black or self._dim or self._misplaced()
        if wrong is not None:
            self.broke(*wrong)
        else:
            self.works()

    def _misplaced(self) -> tuple[str, str] | None:
        from agent.vision.dimensions_reasons import hint_of

        lost = self._sizing is not None and self._sizing.background.lost
        return ("camera.moved", hint_of("camera.moved")) if lost else None

    def _note_movement(self, moved_px: float) -> None:
        """Write down that the camera was pushed a little; a large push is told as a broken device."""
        if abs(moved_px - self._told_px) > 0.5:
            _LOG.warning("%s has moved by %.1f px since its calibration", self.device, moved_px)
            self._told_px = moved_px

    def _keep(self, visit: int, texts: tuple[str, ...], jpeg: bytes) -> str:
        """Keep the picture when it shows something new of this box; return its SHA-256, else an empty text."""
        seen = frozenset(texts)
        if self._kept[0] == visit and seen <= self._kept[1]:
            return ""
        self._kept = (visit, seen | (self._kept[1] if self._kept[0] == visit else frozenset()))
        name = sha256(jpeg).hexdigest()
        photos = self._directory / "photos"
        draft = photos / f"{self.device}.new"
        try:
            photos.mkdir(parents=True, exist_ok=True)
            draft.write_bytes(jpeg)
            draft.replace(photos / f"{name}.jpg")
        except OSError as error:  # a full disk costs the picture, never the station
            _LOG.warning("%s: the picture of visit %d can't be kept: %s", self.device, visit, error.strerror)
            return ""
        return name


def _give_memory_back() -> None:
    """Give what pictures have left in the allocator back to the kernel (malloc_trim(3)): some 60 MB after a look.

    It is done when nobody asks any more; an allocator that does it for each picture makes looking a third slower.
    """
    with suppress(AttributeError):  # glibc alone has it
        ctypes.CDLL(None).malloc_trim(0)

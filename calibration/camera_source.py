"""Which camera a technician's command talks to: the station's, or one that is named; borrowed while a daemon runs."""

from __future__ import annotations

import time
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from agent.devices import DeviceError
from agent.devices.cameras import Driver, lock, open_camera
from calibration.source import SETTINGS, settings_in
from firmware_config.camera import calibration_file, camera_names

if TYPE_CHECKING:
    from collections.abc import Iterator

    from agent.devices import Camera
    from agent.local import Loan
    from firmware_config.settings import Camera as Section
    from firmware_config.settings import Settings

SETTLE_FRAMES = 20
"""A USB camera has focused and exposed after so many pictures."""


@dataclass(frozen=True, slots=True)
class CameraSource:
    """A camera by its station's name for it, where its calibration goes, and the socket of a daemon that has it."""

    name: str
    driver: Driver
    path: str
    size: tuple[int, int]
    rate_hz: float
    in_force: Path
    directory: Path
    station: str = ""
    socket: Path | None = None

    @contextmanager
    def lent(self) -> Iterator[Loan]:
        """Borrow the camera until the end, if a daemon runs. Raises DeviceError `camera.not-lent`."""
        from agent.local import Loan, LocalError, borrowed

        if self.socket is None or self.driver == "folder":
            yield Loan(self.name, None)
            return
        try:
            with borrowed(self.socket, self.name) as loan:
                yield loan
        except LocalError as error:
            raise DeviceError("camera.not-lent", str(error), "The old calibration is still in force.") from error

    @contextmanager
    def locked(self) -> Iterator[tuple[Camera, dict[str, float]]]:
        """Open the camera with focus, exposure, gain and white balance locked; give it and what they are locked at.

        Raises DeviceError.
        """
        at = lock(self.driver, self.path) if self.driver in ("rpicam", "rpicam-still") else {}
        camera = self._opened(at)
        try:
            if self.driver == "v4l2":
                for _ in range(SETTLE_FRAMES):
                    camera.frame(5.0)
                at = lock(self.driver, self.path)
            yield camera, at
        finally:
            camera.close()

    @contextmanager
    def opened(self, at: dict[str, float]) -> Iterator[Camera]:
        """Open the camera as it was locked. Raises DeviceError."""
        camera = self._opened(at)
        try:
            yield camera
        finally:
            camera.close()

    def _opened(self, at: dict[str, float]) -> Camera:
        return open_camera(self.driver, self.path, lambda: int(time.monotonic() * 1000), width=self.size[0],
                           height=self.size[1], rate_hz=self.rate_hz, locked=at)


def camera_of(config: Path | None, name: str, socket: Path | None) -> CameraSource:
    """Return a station's camera by its name, or its only measuring one for an empty name. Raises DeviceError."""
    settings = settings_in(config or SETTINGS)
    names = camera_names(len(settings.camera))
    measuring = [one.name for one in cameras_that_measure(config, socket)]
    if not name and len(measuring) == 1:
        name = measuring[0]
    if name not in names:
        raise DeviceError("calibration.no-camera", f"the station has {', '.join(names) or 'no camera'}"
                          + (f", not {name}." if name else "."), "Say which one with --camera.")
    return _source(settings, name, settings.camera[names.index(name)], socket)


def cameras_that_measure(config: Path | None, socket: Path | None) -> list[CameraSource]:
    """Return a station's measuring cameras. Raises DeviceError."""
    settings = settings_in(config or SETTINGS)
    return [_source(settings, name, one, socket)
            for name, one in zip(camera_names(len(settings.camera)), settings.camera, strict=True)
            if "measure" in one.role]


def _source(settings: Settings, name: str, one: Section, socket: Path | None) -> CameraSource:
    return CameraSource(
        name, one.driver, settings.bench if one.driver == "bench" else one.path, (one.width_px, one.height_px),
        one.rate_hz, calibration_file(Path(settings.directory), name, one.calibration), Path(settings.directory),
        settings.station.id, socket or Path(settings.socket))

"""Which driver stands for which name."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, get_args

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from agent.devices import Camera

Driver = Literal["bench", "folder", "v4l2", "rpicam", "rpicam-still"]
DRIVERS: tuple[Driver, ...] = get_args(Driver)


def open_camera(
    driver: Driver,
    path: str,
    clock_ms: Callable[[], int],
    *,
    width: int = 1920,
    height: int = 1080,
    rate_hz: float = 10.0,
    camera: str = "codes",
    locked: Mapping[str, float] | None = None,
) -> Camera:
    """Return a camera; `path` is the folder of bench or pictures, or the `/dev/v4l/by-id` name; rpicam has none.

    `locked` is what `lock` found when it was calibrated: focus, exposure, gain and white balance stay there.
    Raises DeviceError when the bench is not there; the others say so with their first frame.
    """
    match driver:
        case "bench":
            from agent.devices.bench import BenchCamera

            return BenchCamera(path, clock_ms)
        case "folder":
            from agent.devices.folder import FolderCamera

            return FolderCamera(path, clock_ms, camera=camera)
        case "v4l2":
            from agent.devices.v4l2 import V4l2Camera

            return V4l2Camera(path, clock_ms, width=width, height=height, rate_hz=rate_hz, camera=camera, locked=locked)
        case "rpicam":
            from agent.devices.rpicam import RpicamVideo, lock_options

            return RpicamVideo(clock_ms, width=width, height=height, rate_hz=rate_hz, camera=camera,
                               options=lock_options(locked or {}))
        case "rpicam-still":
            from agent.devices.rpicam import RpicamStill, lock_options

            return RpicamStill(clock_ms, width=width, height=height, camera=camera, options=lock_options(locked or {}))


def lock(driver: Driver, path: str) -> dict[str, float]:
    """Lock what a camera moves by itself where it is now, and return it; nothing for those that move nothing.

    A USB camera must have streamed for a moment; a Pi camera must be closed. Raises DeviceError.
    """
    match driver:
        case "v4l2":
            from agent.devices.v4l2_controls import lock as lock_controls

            return lock_controls(path)
        case "rpicam" | "rpicam-still":
            from agent.devices.rpicam import lock as lock_rpicam

            return lock_rpicam()
        case "bench" | "folder":
            return {}

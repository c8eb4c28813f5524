"""Which driver stands for which name."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, get_args

if TYPE_CHECKING:
    from collections.abc import Callable

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
) -> Camera:
    """Return a camera; `path` is the folder of bench or pictures, or the `/dev/v4l/by-id` name; rpicam has none.

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

            return V4l2Camera(path, clock_ms, width=width, height=height, rate_hz=rate_hz, camera=camera)
        case "rpicam":
            from agent.devices.rpicam import RpicamVideo

            return RpicamVideo(clock_ms, width=width, height=height, rate_hz=rate_hz, camera=camera)
        case "rpicam-still":
            from agent.devices.rpicam import RpicamStill

            return RpicamStill(clock_ms, width=width, height=height, camera=camera)

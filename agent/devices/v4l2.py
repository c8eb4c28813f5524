"""A USB camera through OpenCV's V4L2 backend: its own JPEGs, always the newest, opened again after an unplug.

Pi ribbon cameras are not for this driver: their V4L2 nodes deliver raw sensor data that OpenCV cannot use (see
`rpicam`).
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from agent.devices import DeviceError
from agent.devices.newest import Newest
from agent.devices.v4l2_controls import put_back

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    import cv2
    import numpy as np
    from numpy.typing import NDArray

    from agent.devices import Frame

QUALITY = 92


class V4l2Camera:
    """A camera at a `/dev/v4l/by-id/...` path, which stays the same whatever port it is plugged into.

    MJPG is asked for first, then the size: in the other order a USB 2 camera grants neither. What it granted is read
    back; another size is an error, since the lens calibration holds for one size only. What the calibration `locked`
    (see `v4l2_controls`) is set again at each opening: an unplugged camera forgets it. `backend` is OpenCV's, V4L2
    unless given.
    """

    RETRY_S = 2.0

    def __init__(
        self,
        path: str,
        clock_ms: Callable[[], int],
        *,
        width: int,
        height: int,
        rate_hz: float = 10.0,
        camera: str = "codes",
        locked: Mapping[str, float] | None = None,
        backend: int | None = None,
    ) -> None:
        self._path = path
        self._locked = locked or {}
        self._size = (width, height)
        self._rate_hz = rate_hz
        self._backend = backend
        self._newest = Newest(clock_ms, camera)
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None

    def frame(self, timeout_s: float) -> Frame:
        """Return a frame taken after this call began.

        Raises DeviceError: `camera.missing`, `camera.gone`, `camera.wrong-size`, `camera.not-locked`, `camera.frozen`,
        `camera.mute`.
        """
        if self._thread is None:
            self._thread = threading.Thread(target=self._stream, name="camera", daemon=True)
            self._thread.start()
        return self._newest.after_now(timeout_s)

    def close(self) -> None:
        """Give the camera back."""
        self._stop.set()
        if self._thread is not None:
            self._thread.join(5.0)

    def _stream(self) -> None:
        while not self._stop.is_set():
            try:
                capture = self._opened()
            except DeviceError as error:
                self._newest.fail(error)
            else:
                self._grab_from(capture)
                capture.release()
            self._stop.wait(self.RETRY_S)

    def _opened(self) -> cv2.VideoCapture:
        import cv2

        capture = cv2.VideoCapture(self._path, cv2.CAP_V4L2 if self._backend is None else self._backend)
        if not capture.isOpened():
            raise DeviceError(
                "camera.missing",
                f"no camera can be opened at {self._path}.",
                "Plug it in; `ls /dev/v4l/by-id` lists the cameras. packbench must be in the group `video`.",
            )
        width, height = self._size
        capture.set(cv2.CAP_PROP_FOURCC, cv2.VideoWriter.fourcc(*"MJPG"))
        capture.set(cv2.CAP_PROP_FRAME_WIDTH, width)
        capture.set(cv2.CAP_PROP_FRAME_HEIGHT, height)
        capture.set(cv2.CAP_PROP_FPS, self._rate_hz)
        capture.set(cv2.CAP_PROP_BUFFERSIZE, 1)  # four by default: frames of half a second ago
        capture.set(cv2.CAP_PROP_CONVERT_RGB, 0)  # the camera's JPEG as it came, where the backend can
        granted = (round(capture.get(cv2.CAP_PROP_FRAME_WIDTH)), round(capture.get(cv2.CAP_PROP_FRAME_HEIGHT)))
        if granted != self._size:
            capture.release()
            raise DeviceError(
                "camera.wrong-size",
                f"the camera gives {granted[0]}x{granted[1]}, not {width}x{height}.",
                "Set width and height to a size that the camera has, and calibrate in that size.",
            )
        if self._locked:
            try:
                put_back(self._path, self._locked)
            except DeviceError:
                capture.release()
                raise
        return capture

    def _grab_from(self, capture: cv2.VideoCapture) -> None:
        import numpy as np

        while not self._stop.is_set():
            there, image = capture.read()
            if not there:
                self._newest.fail(
                    DeviceError(
                        "camera.gone",
                        f"the camera at {self._path} stopped sending.",
                        "Check its cable; it is opened again by itself.",
                    )
                )
                return
            self._newest.put(_jpeg(np.asarray(image, np.uint8)))


def _jpeg(image: NDArray[np.uint8]) -> bytes:
    """The camera's own bytes (one row or column of them), or a picture compressed here."""
    import cv2
    import numpy as np

    flat = image.reshape(-1)
    if image.ndim < 3 and flat[:2].tobytes() == b"\xff\xd8":
        return flat.tobytes()
    _, jpeg = cv2.imencode(".jpg", np.ascontiguousarray(image), [cv2.IMWRITE_JPEG_QUALITY, QUALITY])
    return jpeg.tobytes()

"""A folder of pictures as a camera: recordings, demonstrations and tests without hardware."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from agent.devices import DeviceError, Frame

if TYPE_CHECKING:
    from collections.abc import Callable

SUFFIXES = frozenset({".jpg", ".jpeg", ".png"})
_JPEG_START = b"\xff\xd8\xff"


class FolderCamera:
    """Shows the pictures of a folder (or one picture) in the order of their names, one a call.

    At the end it starts again, or with `loop=False` keeps showing the last one. JPEG files are passed on byte by
    byte; a PNG becomes a JPEG of quality 95. The folder is listed anew on each call, so a picture that is put there
    is seen.
    """

    def __init__(
        self, path: str | Path, clock_ms: Callable[[], int], *, camera: str = "codes", loop: bool = True
    ) -> None:
        self._path = Path(path)
        self._clock_ms = clock_ms
        self._camera = camera
        self._loop = loop
        self._last: Path | None = None

    def frame(self, timeout_s: float) -> Frame:
        """Return the next picture. Raises DeviceError when there is none, or when it cannot be read."""
        del timeout_s  # a file is there or it is not
        pictures = self._pictures()
        later = [picture for picture in pictures if self._last is None or picture.name > self._last.name]
        self._last = (later or (pictures if self._loop else pictures[-1:]))[0]
        return Frame(self._clock_ms(), self._jpeg(self._last), self._camera)

    def close(self) -> None:
        """Nothing is held open."""

    def _pictures(self) -> list[Path]:
        try:
            if self._path.is_file():
                return [self._path]
            pictures = sorted((p for p in self._path.iterdir() if p.suffix.lower() in SUFFIXES), key=lambda p: p.name)
        except OSError as error:
            raise DeviceError(
                "camera.missing",
                f"the folder {self._path} cannot be listed: {error.strerror}.",
                "Set the camera's path to a folder with JPEG or PNG pictures.",
            ) from error
        if not pictures:
            raise DeviceError(
                "camera.missing",
                f"no JPEG or PNG picture is in {self._path}.",
                "Put pictures there, or set the camera's path to another folder.",
            )
        return pictures

    def _jpeg(self, picture: Path) -> bytes:
        try:
            content = picture.read_bytes()
        except OSError as error:
            raise DeviceError(
                "camera.bad-frame", f"{picture} cannot be read: {error.strerror}.", "Check the file's rights."
            ) from error
        return content if content.startswith(_JPEG_START) else _jpeg_of(content, picture)


def _jpeg_of(content: bytes, picture: Path) -> bytes:
    import cv2
    import numpy as np

    image = cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_COLOR) if content else None
    if image is None:
        raise DeviceError("camera.bad-frame", f"{picture} is no picture that decodes.", "Replace or remove the file.")
    _, jpeg = cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, 95])
    return jpeg.tobytes()

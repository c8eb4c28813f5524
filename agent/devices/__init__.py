"""The bench: what each kind of device answers, and the one error that all of them raise.

A driver knows its wires and bytes and nothing else. It never judges what it reads.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Iterator

    import numpy as np
    from numpy.typing import NDArray

    from agent.devices.scale_frames import Reading


class DeviceError(Exception):
    """A device is broken, missing or busy.

    `code` is stable (`scale.saturated`, `printer.no-media`), `detail` is what was seen,
    `hint` tells a person what to do next.
    """

    def __init__(self, code: str, detail: str, hint: str) -> None:
        super().__init__(f"{code}: {detail} {hint}".strip())
        self.code = code
        self.detail = detail
        self.hint = hint


@dataclass(frozen=True, slots=True)
class Sample:
    """One conversion of the load cell: seconds on the station's clock, and raw counts."""

    at_s: float
    counts: int


class Scale(Protocol):
    """A load cell."""

    def read(self, timeout_s: float) -> list[Sample]:
        """Return the samples since the last call, oldest first; empty after the time is over.

        Raises DeviceError when the device is gone, mute or saturated for good.
        """
        ...

    def close(self) -> None:
        """Give the device back. May be called twice."""
        ...


class Instrument(Protocol):
    """Something that weighs by itself and says so: on a serial port, or a USB scale."""

    def read(self, timeout_s: float) -> list[Reading]:
        """Return the readings since the last call, oldest first; empty after the time is over. Raises DeviceError."""
        ...

    def close(self) -> None:
        """Give the device back. May be called twice."""
        ...


@dataclass(frozen=True, slots=True)
class Frame:
    """One picture: milliseconds on the station's clock, the camera's own JPEG, and its role."""

    at_ms: int
    jpeg: bytes
    camera: str

    def pixels(self) -> NDArray[np.uint8]:
        """Return the picture as BGR, height x width x 3. Raises DeviceError for a broken JPEG."""
        import cv2
        import numpy as np

        image = cv2.imdecode(np.frombuffer(self.jpeg, dtype=np.uint8), cv2.IMREAD_COLOR)
        if image is None:
            raise DeviceError("camera.bad-frame", "the camera sent a picture that does not decode.",
                              "Check the camera's cable; it is tried again by itself.")
        return np.asarray(image, dtype=np.uint8)


class Camera(Protocol):
    """A camera that always has a newest frame."""

    def frame(self, timeout_s: float) -> Frame:
        """Return a frame that was taken after this call began. Raises DeviceError."""
        ...

    def close(self) -> None:
        """Give the device back. May be called twice."""
        ...


@dataclass(frozen=True, slots=True)
class PrinterStatus:
    """What a printer says of itself; `code` is empty when it is ready for a page."""

    model: str
    media: str
    code: str
    hint: str
    printing: bool = False


@dataclass(frozen=True, slots=True)
class Printed:
    """The printer said that the page came out."""


@dataclass(frozen=True, slots=True)
class NotPrinted:
    """Not one dot of the page can have come out; printing it again is safe."""

    code: str
    hint: str


@dataclass(frozen=True, slots=True)
class InDoubt:
    """Nobody can tell from here whether the page came out; a person or the camera settles it."""

    code: str
    hint: str


@dataclass(frozen=True, slots=True)
class Suspended:
    """The printer holds the page and waits (cover open, roll at its end, cooling); not an end."""

    code: str
    hint: str


PrintProgress = Printed | NotPrinted | InDoubt | Suspended


class Printer(Protocol):
    """A label printer: one page at a time, and the truth about it."""

    def status(self) -> PrinterStatus:
        """Ask the printer how it is. Raises DeviceError when it does not answer at all."""
        ...

    def print_page(self, raster: bytes) -> Iterator[PrintProgress]:
        """Send one page; yield Suspended as often as it happens, then exactly one end."""
        ...

    def close(self) -> None:
        """Give the device back. May be called twice."""
        ...


@dataclass(frozen=True, slots=True)
class Lamps:
    """What the signal column shows: steady lamps and the buzzer's pattern."""

    green: bool = False
    amber: bool = False
    red: bool = False
    buzzer: str = ""


class Signals(Protocol):
    """Lamps, buzzer and button."""

    def show(self, lamps: Lamps) -> None:
        """Make the column look like this."""
        ...

    def close(self) -> None:
        """Give the lines back. May be called twice."""
        ...

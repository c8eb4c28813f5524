"""A USB camera's own knobs: what moves by itself is locked where it is, and set again whenever the camera is opened.

Control numbers and ioctls: linux/v4l2-controls.h and linux/videodev2.h. A camera's node may be opened twice, so this
works while frames stream.
"""

from __future__ import annotations

import errno
import fcntl
import os
import struct
from contextlib import contextmanager
from typing import TYPE_CHECKING

from agent.devices import DeviceError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    Ioctl = Callable[[int, int, bytearray], object]

# _IOWR('V', 27 and 28, struct v4l2_control {__u32 id; __s32 value;})
CONTROL = struct.Struct("=Ii")
G_CTRL, S_CTRL = 0xC008561B, 0xC008561C

_USER, _CAMERA = 0x00980900, 0x009A0900
VALUES = {
    "exposure_absolute": _CAMERA + 2,
    "gain": _USER + 19,
    "white_balance_temperature": _USER + 26,
    "focus_absolute": _CAMERA + 10,
}
"""What a lens calibration and a background hold for."""
SWITCHES = ((_CAMERA + 1, 1), (_CAMERA + 3, 0), (_USER + 18, 0), (_USER + 12, 0), (_CAMERA + 12, 0))
"""Exposure by hand (1: V4L2_EXPOSURE_MANUAL) at an even frame rate; gain, white balance and focus not automatic."""
_ABSENT = {errno.EINVAL, errno.ENOTTY}


def lock(path: str, ioctl: Ioctl = fcntl.ioctl) -> dict[str, float]:
    """Lock focus, exposure, gain and white balance where they are now; return the values of those that it has.

    Raises DeviceError `camera.missing` or `camera.not-locked`.
    """
    with _opened(path) as node:
        now = {name: value for name, number in VALUES.items() if (value := _get(node, number, ioctl)) is not None}
    put_back(path, now, ioctl)
    return {name: float(value) for name, value in now.items()}


def put_back(path: str, locked: Mapping[str, float], ioctl: Ioctl = fcntl.ioctl) -> None:
    """Switch what is automatic off, and set these values. Raises DeviceError `camera.missing`, `camera.not-locked`."""
    unknown = sorted(locked.keys() - VALUES.keys())
    if unknown:
        raise _not_locked(path, f"it has no {', '.join(unknown)}")
    with _opened(path) as node:
        for number, off in SWITCHES:
            try:
                ioctl(node, S_CTRL, bytearray(CONTROL.pack(number, off)))
            except OSError as error:
                if error.errno not in _ABSENT:
                    raise _not_locked(path, error.strerror) from error
        for name, value in locked.items():
            try:
                ioctl(node, S_CTRL, bytearray(CONTROL.pack(VALUES[name], round(value))))
            except OSError as error:
                raise _not_locked(path, f"{name}: {error.strerror}") from error
            if _get(node, VALUES[name], ioctl) != round(value):
                raise _not_locked(path, f"{name} does not stay at {round(value)}")


def _get(node: int, number: int, ioctl: Ioctl) -> int | None:
    """A control's value; None where the camera does not have it."""
    asked = bytearray(CONTROL.pack(number, 0))
    try:
        ioctl(node, G_CTRL, asked)
    except OSError:
        return None
    return int(CONTROL.unpack(asked)[1])


@contextmanager
def _opened(path: str) -> Iterator[int]:
    try:
        node = os.open(path, os.O_RDWR | os.O_NONBLOCK)
    except OSError as error:
        raise DeviceError("camera.missing", f"no camera can be opened at {path}: {error.strerror}.",
                          "Plug it in; `ls /dev/v4l/by-id` lists the cameras.") from error
    try:
        yield node
    finally:
        os.close(node)


def _not_locked(path: str, what: str | None) -> DeviceError:
    return DeviceError("camera.not-locked", f"the camera at {path} does not keep what it was calibrated with: {what}.",
                       "Is it another camera? Calibrate it: packbench calibrate camera")

"""USB HID scales through /dev/hidraw, and the search for scales that are plugged in.

Only devices whose report descriptor names the weighing page (8Dh) are opened: a keyboard or a scanner is never touched.
Nothing is ever written to a scale: the tare report leaves some of them at zero for good.
"""

from __future__ import annotations

import os
import select
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from agent.devices import DeviceError
from agent.devices.hid_report import decoded

if TYPE_CHECKING:
    from agent.devices.scale_frames import Reading

SYS_HIDRAW = Path("/sys/class/hidraw")
SYS_TTY = Path("/sys/class/tty")
DEV = Path("/dev")
WEIGHING_PAGE = 0x8D
REPORT = 64


@dataclass(frozen=True, slots=True)
class Found:
    """Something that is or may be a scale: where, what it calls itself, and whether it is one for sure."""

    path: str
    name: str
    kind: str
    sure: bool


def names_weighing_page(descriptor: bytes) -> bool:
    """Tell whether a HID report descriptor declares usage page 8Dh (HID 1.11, 6.2.2: items with their lengths).

    >>> names_weighing_page(bytes.fromhex("058d0920a101")), names_weighing_page(bytes.fromhex("05010906a101"))
    (True, False)
    """
    at = 0
    while at < len(descriptor):
        item = descriptor[at]
        if item == 0xFE:  # a long item: its length is in the next byte
            at += 3 + (descriptor[at + 1] if at + 1 < len(descriptor) else 0)
            continue
        size = (0, 1, 2, 4)[item & 3]
        if item & 0xFC == 0x04 and int.from_bytes(descriptor[at + 1:at + 1 + size], "little") == WEIGHING_PAGE:
            return True
        at += 1 + size
    return False


def find_scales(hidraw: Path = SYS_HIDRAW, tty: Path = SYS_TTY, dev: Path = DEV) -> list[Found]:
    """Return the HID scales that are plugged in, and the serial ports that may have one. Nothing is opened."""
    found: list[Found] = []
    for entry in sorted(hidraw.glob("hidraw*")):
        try:
            descriptor = (entry / "device" / "report_descriptor").read_bytes()
            lines = (entry / "device" / "uevent").read_text(encoding="utf-8", errors="replace").splitlines()
        except OSError:
            continue
        if names_weighing_page(descriptor):
            name = next((line.removeprefix("HID_NAME=") for line in lines if line.startswith("HID_NAME=")), entry.name)
            found.append(Found(str(dev / entry.name), name, "hid", sure=True))
    by_id = {link.resolve().name: str(link) for link in sorted((dev / "serial" / "by-id").glob("*"))}
    ports = [entry.name for entry in sorted(tty.glob("tty*")) if entry.name.startswith(("ttyUSB", "ttyACM"))]
    return found + [Found(by_id.get(name, str(dev / name)), name, "serial", sure=False) for name in ports]


class HidScale:
    """A USB scale of the HID weighing class. The first report is dropped: it may be from another day."""

    def __init__(self, path: str = "", *, sys_hidraw: Path = SYS_HIDRAW, dev: Path = DEV) -> None:
        """Open this hidraw file, or the first scale found when `path` is empty.

        Raises DeviceError `scale.missing`, or `scale.not-a-scale` for a device of another kind.
        """
        if not path:
            path = next((one.path for one in find_scales(sys_hidraw, dev / "none", dev) if one.kind == "hid"), "")
            if not path:
                raise DeviceError("scale.missing", "no USB scale is plugged in.",
                                  "Plug it in and switch it on; `packbench check scale --find` lists what is there.")
        else:
            self._refuse_others(path, sys_hidraw)
        self._path, self._first = path, True
        try:
            self._file = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        except OSError as error:
            raise DeviceError("scale.missing", f"{path}: {error.strerror}.",
                              "The udev rules in firmware_config/boot give the service access.") from error

    def read(self, timeout_s: float) -> list[Reading]:
        """Return the readings since the last call; empty after the time is over (most scales sleep when empty).

        Raises DeviceError `scale.gone`, or `scale.types` for a balance that answers as a keyboard.
        """
        found: list[Reading] = []
        try:
            while select.select([self._file], [], [], 0.0 if found else timeout_s)[0]:
                report = os.read(self._file, REPORT)
                if not report:
                    raise self._gone("nothing is left to read")
                if self._first:
                    self._first = False
                    continue
                found.append(decoded(report))
                if found[-1].error == "not_a_scale_report":
                    raise DeviceError("scale.types", f"{self._path} types its weight like a keyboard.",
                                      "Set it to serial or HID scale mode in its own menu.")
                if len(found) >= REPORT:
                    return found
        except OSError as error:
            raise self._gone(str(error.strerror)) from error
        return found

    def _gone(self, why: str) -> DeviceError:
        return DeviceError("scale.gone", f"{self._path} went away: {why}.", "Plug it in; it is opened again by itself.")

    def close(self) -> None:
        """Close the file. May be called twice."""
        if self._file >= 0:
            os.close(self._file)
            self._file = -1

    @staticmethod
    def _refuse_others(path: str, sys_hidraw: Path) -> None:
        descriptor = sys_hidraw / Path(path).name / "device" / "report_descriptor"
        try:
            scale = names_weighing_page(descriptor.read_bytes())
        except OSError as error:
            raise DeviceError("scale.missing", f"{path} is no HID device: {error.strerror}.",
                              "`packbench check scale --find` lists the scales.") from error
        if not scale:
            raise DeviceError("scale.not-a-scale", f"{path} is another kind of device.",
                              "`packbench check scale --find` lists the scales.")

"""A USB printer through the kernel's usblp: /dev/usb/lpN, never blocking, found again after every power cycle.

The IEEE-1284 id in /sys/class/usbmisc/lpN/device/ieee1284_id names the model, so a printer is the same one under
another number. A node has one opener at a time.
"""

from __future__ import annotations

import errno
import os
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from agent.devices import DeviceError
from agent.devices.ql_printer import QlPrinter
from agent.devices.ql_wire import FdWire, Wake, Wire

if TYPE_CHECKING:
    from collections.abc import Callable

    from agent.devices.ql_page import Limits

_BROTHER = "04f9"
_MASS_STORAGE, _PRINTER_CLASS = "08", "07"
_HOLDERS = {
    "ipp-usb": "sudo systemctl disable --now ipp-usb",
    "cupsd": "sudo systemctl disable --now cups cups-browsed",
}
_UNPLUGGED = ("printer.unplugged", "The printer's cable was pulled or its power cut: plug it in and switch it on.")


@dataclass(frozen=True, slots=True)
class UsbNode:
    """A usblp node, the model that its printer names, and the printer's serial number."""

    node: str
    model: str
    serial: str


class UsbPrinter(QlPrinter):
    """A QL on USB. `node` is a device node, or empty: then the Brother printer of this model is looked for.

    `serial` tells two printers of one model apart, under whatever number they come back. `root` is where /dev, /sys
    and /proc are found.
    """

    def __init__(
        self,
        node: str = "",
        *,
        model: str,
        serial: str = "",
        root: Path | str = "/",
        clock: Callable[[], float] = time.monotonic,
        limits: Limits | None = None,
        beat: Callable[[], None] = lambda: None,
    ) -> None:
        self._node, self._serial, self._root = node, serial, Path(root)
        super().__init__(model, self._wire, clock=clock, limits=limits, beat=beat)

    def _wire(self, wake: Wake) -> Wire:
        node = self._node or find(self.model, self._serial, self._root)
        try:
            fd = os.open(node, os.O_RDWR | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOCTTY)
        except OSError as fault:
            raise _not_opened(node, fault, self._root) from fault
        return FdWire(fd, wake, empty_is_end=False, lost=_UNPLUGGED)


def nodes(root: Path | str = "/") -> list[UsbNode]:
    """Every usblp node with a Brother printer behind it."""
    found = []
    for known in sorted(Path(root).glob("sys/class/usbmisc/lp*")):
        try:
            identity = (known / "device/ieee1284_id").read_text(encoding="latin-1")
        except OSError:
            continue
        fields = dict(part.split(":", 1) for part in identity.strip().split(";") if ":" in part)
        if fields.get("MFG", fields.get("MANUFACTURER", "")) == "Brother":
            model = fields.get("MDL", fields.get("MODEL", "")).removesuffix("c")  # a QL-820NWBc is a QL-820NWB
            serial = _text((known / "device").resolve().parent / "serial")
            found.append(UsbNode(str(Path(root) / "dev/usb" / known.name), model, serial))
    return found


def find(model: str, serial: str = "", root: Path | str = "/") -> str:
    """Return the node of the printer of this model, and of this serial number if one is given.

    Raises DeviceError `printer.unplugged`, `printer.wrong-model`, or what keeps the kernel's usblp from it:
    `printer.held`, `printer.editor-lite`.
    """
    there = nodes(root)
    for one in there:
        if one.model == model and serial in ("", one.serial):
            return one.node
    if there:
        names = ", ".join(f"{one.model} ({one.serial})" if serial else one.model for one in there)
        raise DeviceError("printer.wrong-model", f"{names} is on USB, and no {model} {serial}".rstrip() + ".",
                          "Set model and serial number to those of the printer that is connected.")  # fmt: skip
    raise _why_no_node(model, Path(root))


def _why_no_node(model: str, root: Path) -> DeviceError:
    """A Brother that is on the bus without a node is held by somebody, or plays a memory stick."""
    for device in sorted(root.glob("sys/bus/usb/devices/*")):
        if _text(device / "idVendor") != _BROTHER:
            continue
        parts = [part for part in device.iterdir() if (part / "bInterfaceClass").exists()]
        classes = {_text(part / "bInterfaceClass") for part in parts}
        product = _text(device / "product") or f"{_BROTHER}:{_text(device / 'idProduct')}"
        if classes == {_MASS_STORAGE}:
            return DeviceError("printer.editor-lite", f"{product} is in Editor Lite mode and shows itself as a disk.",
                               "Hold the printer's Editor Lite button until its lamp goes out.")  # fmt: skip
        if _PRINTER_CLASS in classes:
            return _held(f"{product} is on USB, but the kernel's usblp does not have it", root)
    return DeviceError("printer.unplugged", f"no {model} is on USB.", "Plug the printer in and switch it on.")


def _not_opened(node: str, fault: OSError, root: Path) -> DeviceError:
    match fault.errno:
        case errno.EBUSY:
            return _held(f"{node} is open in another program", root)
        case errno.EACCES | errno.EPERM:
            return DeviceError("printer.no-permission", f"{node} may not be opened.",
                               "Add the station's user to the group lp: sudo usermod -aG lp packbench.")  # fmt: skip
        case errno.ENOENT | errno.ENODEV | errno.ENXIO | errno.EIO:
            return DeviceError("printer.unplugged", f"{node} is not there.", _UNPLUGGED[1])
        case _:
            return DeviceError("printer.unplugged", f"{node}: {fault.strerror}.", _UNPLUGGED[1])


def _held(what: str, root: Path) -> DeviceError:
    """Name the program that is known to take printers, if it runs."""
    running = {_text(comm) for comm in root.glob("proc/[0-9]*/comm")}
    for name, cure in _HOLDERS.items():
        if name in running:
            return DeviceError("printer.held", f"{what}: {name} holds it.", f"Stop it: {cure}.")
    return DeviceError("printer.held", f"{what}.", "Close the program that holds it (ipp-usb and CUPS are usual).")


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="latin-1").strip()
    except OSError:
        return ""

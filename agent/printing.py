"""Which driver stands for a printer's settings."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from agent.devices.bench_frames import facts_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from agent.clock import Clock
    from agent.devices import Printer
    from firmware_config.settings import Printer as PrinterSettings
    from firmware_config.settings import Settings


def open_printer(one: PrinterSettings, settings: Settings, clock: Clock, beat: Callable[[], None]) -> Printer:
    """Return the driver of a printer. Raises DeviceError for a model or a roll that does not exist."""
    from agent.devices import raster
    from agent.devices.ql_page import Limits

    if one.driver != "png":
        raster.check_media(one.model, one.media)
    limits = Limits(silence_s=one.doubt_after_s)
    match one.driver:
        case "bench":
            from agent.devices.tcp9100 import TcpPrinter

            port = facts_of(Path(settings.bench)).printer_port
            return TcpPrinter("127.0.0.1", port, model=one.model, snmp_port=None, clock=clock.now_s, limits=limits,
                              beat=beat)
        case "tcp":
            from agent.devices.tcp9100 import TcpPrinter

            return TcpPrinter(one.host, one.port, model=one.model, snmp_port=one.snmp_port or None,
                              community=one.community, clock=clock.now_s, limits=limits, beat=beat)
        case "usb":
            from agent.devices.usblp import UsbPrinter

            return UsbPrinter(one.path, model=one.model, serial=one.serial, clock=clock.now_s, limits=limits, beat=beat)
        case "png":
            from agent.devices.png_printer import PngPrinter

            return PngPrinter(Path(one.path), media=one.media)

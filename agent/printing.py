"""Printing: which driver stands for a printer's settings, and a page of the ledger as the raster of its sheets."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from agent.cartons import words
from agent.devices.bench_frames import facts_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from agent.cartons import CartonBook
    from agent.clock import Clock
    from agent.devices import Printer
    from agent.devices.test_page import TestPage
    from agent.papers.from_job import PageOrder
    from agent.papers.page import PaperWarning
    from firmware_config.settings import Printer as PrinterSettings
    from firmware_config.settings import Settings

# The drawing of a packing on a slip, 40 mm wide.
PACKING_DOTS = 472


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


def _with_packing(order: PageOrder, book: CartonBook) -> PageOrder:
    """Return a slip's order with the carton to take and how to fill it, where the catalogue knows."""
    from agent.packing.isometric import draw
    from agent.papers.from_job import Packing
    from agent.papers.packing_picture import packing_picture

    plan = book.plan(order.job)
    if plan is None or not plan.found:
        return order
    first = plan.cartons[0]
    names = " + ".join(packed.carton.id for packed in plan.cartons)
    title = f"Carton {names}, about {sum(packed.gross_g for packed in plan.cartons) / 1000:.2f} kg"
    picture = packing_picture(draw(first), PACKING_DOTS, one_bit=True)
    return replace(order, packing=Packing(title, words(first), picture))


def rasters(
    one: PrinterSettings, book: CartonBook, order: PageOrder | TestPage
) -> tuple[list[bytes], tuple[PaperWarning, ...]]:
    """Return the raster of each sheet of a page, and what was left out or changed on them.

    Raises PaperError for what can't be set or does not read back.
    """
    from agent.devices import raster
    from agent.devices.test_page import TestPage, picture
    from agent.papers.from_job import paper_of
    from agent.papers.page import media
    from agent.papers.verify import verify

    if not isinstance(order, TestPage) and order.page.role == "slip":
        order = _with_packing(order, book)
    if isinstance(order, TestPage):
        return [raster.encode(picture(one.model, one.media, "test"), model=one.model, media=one.media)], ()
    paper = paper_of(order, media(one.media))
    verify(paper)
    return [raster.encode(page.image, model=one.model, media=one.media) for page in paper.pages], paper.warnings

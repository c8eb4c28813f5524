"""The threads that do slow work: each owns one device, answers with events, and can't delay the owner loop.

A worker opens its device, says once when it breaks and once when it is back, and beats while it lives.
"""

from __future__ import annotations

import json
import logging
import queue
import threading
import time
from typing import TYPE_CHECKING, Any

from agent.devices import DeviceError, InDoubt, NotPrinted, Printed, Suspended
from agent.devices.roll import RollBook, page_mm
from agent.devices.scanner import LostScan
from agent.station.events import (
    CodesSeen,
    DeviceFailed,
    DeviceRecovered,
    Event,
    PageDoubtful,
    PageNotPrinted,
    PagePrinted,
    PageRefused,
    PageWarned,
    RollSeen,
    ScanLost,
)
from agent.station.gs1 import GS1_IDENTIFIERS

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from agent.clock import Clock
    from agent.devices import Printer, PrinterStatus
    from agent.devices.ql_words import Problem
    from agent.devices.scanner import SerialScanner, WedgeScanner
    from agent.devices.test_page import TestPage
    from agent.papers.from_job import PageOrder
    from agent.papers.page import PaperWarning


_LOG = logging.getLogger("packbench.devices")


class Worker(threading.Thread):
    """A thread with one device: opened, served, and opened again after it broke."""

    RETRY_S = 1.0

    def __init__(self, device: str, clock: Clock, post: Callable[[Event], None]) -> None:
        super().__init__(name=device, daemon=True)
        self.device, self._clock, self._post = device, clock, post
        self.beat_s = time.monotonic()
        self.answers = False
        self._broken = ""
        self._ending = threading.Event()
        self._lent = False
        self._closed, self._wanted = threading.Event(), threading.Event()

    def run(self) -> None:
        while not self._ending.is_set():
            self.beat_s = time.monotonic()
            if self._lent:
                kind = self.device.partition("[")[0]
                self.broke(f"{kind}.borrowed", "The technician has it; it comes back by itself.")
                self._closed.set()
                self._wanted.wait(self.RETRY_S)
                continue
            try:
                opened = self._open()
            except DeviceError as error:
                self.broke(error.code, error.hint)
                self._ending.wait(self.RETRY_S)
                continue
            try:
                while not self._ending.is_set() and not self._lent:
                    self.beat_s = time.monotonic()
                    self._serve(opened)
            except DeviceError as error:
                self.broke(error.code, error.hint)
                self._ending.wait(self.RETRY_S)
            finally:
                opened.close()

    def stop(self) -> None:
        """Ask the thread to end; it does within a second."""
        self._ending.set()
        self._wanted.set()

    def lend(self) -> None:
        """Close the device for somebody else; `closed` says when that is done."""
        self._closed.clear()
        self._wanted.clear()
        self._lent = True

    def take_back(self) -> None:
        """Open the device again."""
        self._lent = False
        self._wanted.set()

    @property
    def closed(self) -> bool:
        """True once a device that was lent is closed here."""
        return self._closed.is_set()

    def broke(self, code: str, hint: str) -> None:
        """Say once that the device does not work."""
        self.answers = False
        if self._broken != code:
            self._broken = code
            self._post(DeviceFailed(at_ms=self._clock.now_ms(), device=self.device, code=code, hint=hint))

    def works(self) -> None:
        """Say once that the device works again; `answers` is true from its first sign of life on."""
        self.answers = True
        if self._broken:
            self._broken = ""
            self._post(DeviceRecovered(at_ms=self._clock.now_ms(), device=self.device))

    def _open(self) -> Any:  # noqa: ANN401 (each worker's own device)
        raise NotImplementedError

    def _serve(self, opened: Any) -> None:  # noqa: ANN401 (each worker's own device)
        raise NotImplementedError


class ScannerWorker(Worker):
    """Turns scans into the same events as the camera's."""

    def __init__(self, device: str, clock: Clock, post: Callable[[Event], None],
                 open_scanner: Callable[[], SerialScanner | WedgeScanner]) -> None:
        super().__init__(device, clock, post)
        self._open_scanner = open_scanner

    def _open(self) -> SerialScanner | WedgeScanner:
        return self._open_scanner()

    def _serve(self, opened: SerialScanner | WedgeScanner) -> None:
        found = opened.read(0.5)
        self.works()
        for scan in found:
            if isinstance(scan, LostScan):
                self._post(ScanLost(at_ms=scan.at_ms, code=scan.code))
            else:
                gs1 = (scan.text,) if scan.identifier in GS1_IDENTIFIERS else ()
                self._post(CodesSeen(at_ms=scan.at_ms, visit=0, codes=(scan.text,), scanned=True, gs1=gs1))


def _roll_book(path: Path) -> RollBook:
    """Return the book of rolls in a file; a new one where there is none that can be read."""
    try:
        return RollBook.from_json(json.loads(path.read_text(encoding="utf-8")))
    except (OSError, ValueError, KeyError, TypeError):
        return RollBook()


class PrinterWorker(Worker):
    """Makes one page at a time and tells the truth about it; asks an idle printer how it is."""

    STATUS_EVERY_S = 2.0

    def __init__(self, device: str, clock: Clock, post: Callable[[Event], None],
                 open_printer: Callable[[Callable[[], None]], Printer],
                 render: Callable[[PageOrder | TestPage], tuple[list[bytes], tuple[PaperWarning, ...]]], media: str,
                 roll_file: Path) -> None:
        super().__init__(device, clock, post)
        self._open_printer, self._render, self._roll_file = open_printer, render, roll_file
        self._media = media
        self._orders: queue.SimpleQueue[PageOrder | TestPage] = queue.SimpleQueue()
        self.status: PrinterStatus | None = None
        self.rolls = _roll_book(roll_file)
        self._told_roll: tuple[int, bool] | None = None

    def print(self, order: PageOrder | TestPage) -> None:
        """Take one page; its end comes as an event."""
        self._orders.put(order)

    def _open(self) -> Printer:
        from agent.papers import from_job  # noqa: F401 (loaded before the first page is wanted)

        return self._open_printer(self._beat)

    def _beat(self) -> None:
        """A held page may take minutes; the driver beats for us meanwhile."""
        self.beat_s = time.monotonic()

    def _tell_roll(self) -> None:
        """Tell the core what is left, to the decimetre."""
        roll = self.rolls.roll
        told = (int(roll.left_mm) // 100 * 100, roll.known) if roll is not None else None
        if told is not None and told != self._told_roll:
            self._told_roll = told
            self._post(RollSeen(at_ms=self._clock.now_ms(), device=self.device, left_mm=told[0], known=told[1]))

    def _note_roll(self, rolls: RollBook) -> None:
        """Keep what is known of the roll; a power cut may lose the last page's millimetres, not more."""
        if rolls == self.rolls:
            return
        self.rolls = rolls
        self._tell_roll()
        draft = self._roll_file.with_suffix(".new")
        try:
            draft.write_text(json.dumps(rolls.as_json()), encoding="utf-8")
            draft.replace(self._roll_file)
        except OSError as error:  # a full disk: the page came out all the same
            _LOG.warning("%s: what is left of the roll can't be kept: %s", self.device, error.strerror)

    def _serve(self, opened: Printer) -> None:
        try:
            order = self._orders.get(timeout=self._clock.real_s(self.STATUS_EVERY_S))
        except queue.Empty:
            self._ask(opened)
            return
        self._print(opened, order)

    def _ask(self, printer: Printer) -> None:
        self.status = printer.status()
        if self.status.media:
            self._note_roll(self.rolls.seen(self.status.media))
            self._tell_roll()
        if self.status.code:
            self.broke(self.status.code, self.status.hint)
        elif self.status.media and (wrong := self._wrong_roll(self.status.media)):
            self.broke(wrong.code, wrong.hint)
        else:
            self.works()

    def _wrong_roll(self, there: str) -> Problem | None:
        from agent.devices.ql_words import wrong_roll

        return wrong_roll(there, self._media)

    def _print(self, printer: Printer, order: PageOrder | TestPage) -> None:
        from agent.papers.page import PaperError

        number = order.page.no
        try:
            pages, warnings = self._render(order)
        except (PaperError, DeviceError) as error:
            self._post(PageRefused(at_ms=self._clock.now_ms(), print_no=number, code=error.code, detail=error.detail))
            return
        if warnings:
            self._post(PageWarned(at_ms=self._clock.now_ms(), print_no=number, code=warnings[0].code,
                                  detail=" ".join(warning.detail for warning in warnings)))
        for nth, raster in enumerate(pages):
            if not self._one(printer, number, raster, first=nth == 0):
                return
        self._post(PagePrinted(at_ms=self._clock.now_ms(), print_no=number))

    def _one(self, printer: Printer, number: int, raster: bytes, *, first: bool) -> bool:
        """Print one sheet of a page; True when it came out."""
        for progress in printer.print_page(raster):
            self.beat_s = time.monotonic()
            now_ms = self._clock.now_ms()
            match progress:
                case Printed():
                    self._note_roll(self.rolls.printed(page_mm(raster)))
                    self.works()
                    return True
                case Suspended(code=code, hint=hint):
                    if code == "printer.end-of-media":
                        self._note_roll(self.rolls.ran_out())
                    self.broke(code, hint)
                case NotPrinted(code=code, hint=hint):
                    self.broke(code, hint)
                    # A sheet before this one is out already: the whole is neither printed nor not.
                    answer = PageNotPrinted if first else PageDoubtful
                    self._post(answer(at_ms=now_ms, print_no=number, code=code))
                    return False
                case InDoubt(code=code, hint=hint):
                    self.broke(code, hint)
                    self._post(PageDoubtful(at_ms=now_ms, print_no=number, code=code))
                    return False
        raise AssertionError("a printer's page has exactly one end")

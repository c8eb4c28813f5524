"""A scan that came in pieces is asked for again; the scanner is not broken."""

from __future__ import annotations

import queue
from typing import TYPE_CHECKING, cast

from agent.clock import Clock
from agent.devices.scanner import LostScan, Scan
from agent.station.events import CodesSeen, DeviceFailed, Event, ScanLost
from agent.workers import ScannerWorker

if TYPE_CHECKING:
    from agent.devices.scanner import SerialScanner


class Scanner:
    """A hand scanner that reads three times, and one of these scans is lost on its way."""

    def __init__(self) -> None:
        self.reads: list[list[Scan | LostScan]] = [
            [Scan(5, "J-1", "")], [LostScan(9, "scanner.overflow", "Scan the code again.")], [Scan(12, "J-2", "")]]

    def read(self, timeout_s: float) -> list[Scan | LostScan]:
        return self.reads.pop(0) if self.reads else []

    def close(self) -> None:
        pass


def test_a_lost_scan_is_told_once_and_the_next_one_counts() -> None:
    told: queue.SimpleQueue[Event] = queue.SimpleQueue()
    worker = ScannerWorker("scanner", Clock(), told.put, lambda: cast("SerialScanner", Scanner()))
    worker.start()
    events = [told.get(timeout=5) for _ in range(3)]
    worker.stop()
    worker.join(5)
    events += [told.get() for _ in range(told.qsize())]

    assert events == [
        CodesSeen(at_ms=5, visit=0, codes=("J-1",), scanned=True), ScanLost(at_ms=9, code="scanner.overflow"),
        CodesSeen(at_ms=12, visit=0, codes=("J-2",), scanned=True)]
    assert not any(isinstance(event, DeviceFailed) for event in events)
    assert worker.answers

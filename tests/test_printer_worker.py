"""What the printer's worker tells the core: a wrong roll before any page, what a paper lacks, what can't be made."""

from __future__ import annotations

import queue
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeVar

import pytest
from msgspec.structs import replace

from agent.clock import Clock
from agent.devices import DeviceError, Printed, PrinterStatus, PrintProgress, raster
from agent.devices.ql_words import wrong_roll
from agent.papers.from_job import PageOrder
from agent.papers.page import PaperError, PaperWarning
from agent.rasters import rasters_of
from agent.station.events import (
    DeviceFailed,
    DeviceRecovered,
    Event,
    PagePrinted,
    PageRefused,
    PageWarned,
)
from agent.station.facts import PrintChanged
from agent.station.values import Print
from agent.workers import PrinterWorker
from tests.builders import Bench, a_job, settings

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from PIL import Image

E = TypeVar("E", bound=Event)
PAGE = Print(no=7, mark="0000000007", role="slip", job="J-1", paper="slip", state="sending")
JOB = a_job()
ORDER = PageOrder(PAGE, JOB, None, JOB.papers)


@dataclass
class Printer:
    """A printer that is well, with some roll in it."""

    media: str = "62"
    pages: list[bytes] = field(default_factory=list)

    def status(self) -> PrinterStatus:
        return PrinterStatus("QL-820NWB", self.media, "", "")

    def print_page(self, job: bytes) -> Iterator[PrintProgress]:
        self.pages.append(job)
        yield Printed()

    def close(self) -> None:
        pass


@dataclass
class Rig:
    """A worker with that printer, and what it told."""

    worker: PrinterWorker
    printer: Printer
    told: queue.SimpleQueue[Event]

    def hear(self, kind: type[E]) -> E:
        """Return the next event of this kind."""
        while not isinstance(event := self.told.get(timeout=10), kind):
            pass
        return event


@pytest.fixture
def rig(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Rig]:
    """A running worker; the parameter is what rendering gives, or raises."""
    made = getattr(request, "param", ([b""], ()))

    def render(_: object) -> tuple[list[bytes], tuple[PaperWarning, ...]]:
        if isinstance(made, Exception):
            raise made
        return made

    told: queue.SimpleQueue[Event] = queue.SimpleQueue()
    printer = Printer()
    clock = Clock(40.0)  # an idle printer is asked every 50 ms
    worker = PrinterWorker("printer", clock, told.put, lambda _: printer, render, "62", tmp_path / "roll.json")
    worker.start()
    yield Rig(worker, printer, told)
    worker.stop()
    worker.join(5)


def test_a_wrong_roll_is_told_in_words_before_any_page_and_so_is_the_right_one(rig: Rig) -> None:
    rig.printer.media = "103x164"
    failed = rig.hear(DeviceFailed)
    assert failed.code == "printer.wrong-media"
    assert failed.hint.startswith("103x164 is in, the papers here need 62 mm endless. Change the roll")
    rig.printer.media = "62"
    rig.hear(DeviceRecovered)
    assert rig.printer.pages == []


def test_the_words_name_both_rolls_and_rolls_of_one_kind_are_no_conflict() -> None:
    assert "62 mm endless is in, the papers here need 103x164." in str(wrong_roll("62", "103x164"))
    assert "62 mm endless, black/red is in, the papers here need 62 mm endless." in str(wrong_roll("62red", "62"))
    assert "90x17 is in" in str(wrong_roll("90x17", "62")), "a roll that nobody sells is named as it was measured"
    assert wrong_roll("103", "104") is None
    assert wrong_roll("62", "62red") is None, "an old printer can't tell; the page's own preflight can"


def test_a_page_that_came_out_is_told_though_the_disk_takes_no_word_about_its_roll(
        rig: Rig, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("agent.workers.page_mm", lambda _: 100.0)
    rig.worker._roll_file = tmp_path / "gone" / "roll.json"
    rig.worker.print(ORDER)
    assert rig.hear(PagePrinted).print_no == PAGE.no


@pytest.mark.parametrize(
    "rig", [([b""], (PaperWarning("paper.symbol-left-out", "A."), PaperWarning("paper.text-cut", "B.")))], indirect=True
)
def test_what_a_paper_had_to_leave_out_reaches_the_oms(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("agent.workers.page_mm", lambda _: 100.0)
    rig.worker.print(ORDER)
    warned = rig.hear(PageWarned)
    assert (warned.print_no, warned.code, warned.detail) == (7, "paper.symbol-left-out", "A. B.")
    rig.hear(PagePrinted)

    bench = Bench()
    bench.assign(a_job())
    page = bench.outbox[-1]
    bench.send(PageWarned(at_ms=0, print_no=page.no, code=warned.code, detail=warned.detail))
    told = bench.told(PrintChanged)[-1]
    assert (told.mark, told.state, told.code, told.detail) == (page.mark, "sending", "paper.symbol-left-out", "A. B.")


@pytest.mark.parametrize(
    "rig", [PaperError("paper.no-ink", "Blank.", "Send it again."),
            DeviceError("printer.page-size", "Too long.", "Split it.")], indirect=True,
)  # fmt: skip
def test_a_page_that_can_not_be_made_is_refused_and_the_next_one_prints(rig: Rig) -> None:
    rig.worker.print(ORDER)
    assert rig.hear(PageRefused).code in ("paper.no-ink", "printer.page-size")
    assert rig.worker.is_alive()
    rig.worker.print(ORDER)
    rig.hear(PageRefused)


@pytest.mark.parametrize(("model", "media"), [("QL-820NWB", "62"), ("QL-820NWB", "62red"), ("QL-1110NWB", "103x164")])
def test_a_raster_that_is_not_the_page_that_was_checked_is_not_printed(
    monkeypatch: pytest.MonkeyPatch, model: str, media: str
) -> None:
    one = replace(settings().printer[0], model=model, media=media)
    (job,), _ = rasters_of(one, lambda _: None, ORDER)
    assert raster.decode(job)[0].header.width_mm in (62, 104)

    honest = raster.encode

    def careless(image: Image.Image, *, model: str, media: str) -> bytes:
        other = image.copy()
        other.paste(0, (4, 4, 5, 5))
        return honest(other, model=model, media=media)

    monkeypatch.setattr(raster, "encode", careless)
    with pytest.raises(PaperError, match=r"paper\.raster-differs"):
        rasters_of(one, lambda _: None, ORDER)

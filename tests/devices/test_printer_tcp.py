"""A network printer over real sockets: each way in which it can fail, and what the driver says of the page."""

from __future__ import annotations

import socket
import threading
import time
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import pytest
from PIL import Image, ImageDraw

from agent.bench.printer import SimulatedPrinter
from agent.devices import DeviceError, NotPrinted, Printed, PrintProgress, Suspended, raster, snmp
from agent.devices.ql_media import printable_dots
from agent.devices.ql_page import Limits
from agent.devices.tcp9100 import TcpPrinter, ask_snmp
from tests.campaigns.printing_beside import while_printing

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

# Rows of a page that prints long enough for a hand to come in time on a busy machine.
LONG = 5000


def job_for(media: str = "62", model: str = "QL-820NWB", mark: int = 0, height: int = 600) -> bytes:
    width, fixed = printable_dots(media)
    picture = Image.new("1", (width, fixed or height), 1)
    ImageDraw.Draw(picture).rectangle((20 + mark, 20, 100 + mark, 140), fill=0)
    return raster.encode(picture, model=model, media=media)


class Desk:
    """A simulated printer on a desk, its journal, and the station's driver for it, faster than life."""

    def __init__(self, folder: Path, *, status_on_tcp: bool = True, snmp: bool = False) -> None:
        begun_s = time.monotonic()
        self.speed = 5.0 if snmp else 12.0  # what is polled must be seen to print
        self.clock: Callable[[], float] = lambda: (time.monotonic() - begun_s) * self.speed
        self.journal: list[dict[str, Any]] = []
        self.bench = SimulatedPrinter(
            "QL-820NWB", "62", 30_000, folder, self.journal.append, self.clock, status_on_tcp=status_on_tcp, snmp=snmp
        )
        self.bench.start()
        self.driver = TcpPrinter(
            "127.0.0.1", self.bench.port, model="QL-820NWB", snmp_port=self.bench.snmp_port or None, clock=self.clock,
            limits=Limits(silence_s=5, idle_s=3, answer_s=0.3),
        )  # fmt: skip

    def states(self, job: bytes, on: dict[type, Callable[[], object]] | None = None) -> list[PrintProgress]:
        """All that the driver says of one page; `on` is what a hand does at the first of each kind."""
        hands, said = dict(on or {}), []
        for progress in self.driver.print_page(job):
            said.append(progress)
            hands.pop(type(progress), lambda: None)()
        return said

    def soon(self, hand: Callable[[], object], station_s: float) -> None:
        """Do this after so many seconds of the station's clock."""
        timer = threading.Timer(station_s / self.speed, hand)
        timer.daemon = True
        timer.start()

    def printed(self) -> int:
        return sum(line["kind"] == "printed" for line in self.journal)


SILENT = {"status_on_tcp": False, "snmp": True}  # as a real QL: nothing on 9100, the state by SNMP


@pytest.fixture
def desk(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Desk]:
    made = Desk(tmp_path, **getattr(request, "param", {}))
    yield made
    made.driver.close()
    made.bench.stop()


on_both_wires = pytest.mark.parametrize("desk", [{}, SILENT], indirect=True, ids=["status on 9100", "SNMP"])


def codes(states: list[PrintProgress]) -> list[str]:
    return [type(state).__name__ + (f" {state.code}" if not isinstance(state, Printed) else "") for state in states]


@on_both_wires
def test_a_page_comes_out_as_it_was_drawn(desk: Desk) -> None:
    job = job_for()
    assert codes(desk.states(job)) == ["Printed"]
    (line,) = (line for line in desk.journal if line["kind"] == "printed")
    with Image.open(line["png"]) as paper:
        assert paper.tobytes() == raster.decode(job)[0].picture().tobytes()


@on_both_wires
def test_status_names_model_and_roll(desk: Desk) -> None:
    status = desk.driver.status()
    assert (status.model, status.media, status.code, status.printing) == ("QL-820NWB", "62", "", False)


def test_by_snmp_a_printer_is_asked_while_a_page_prints(tmp_path: Path) -> None:
    desk = Desk(tmp_path, status_on_tcp=False, snmp=True)
    seen = []
    while_printing(desk.bench, (0.0, lambda: seen.append(desk.driver.status())))
    assert codes(desk.states(job_for(height=LONG))) == ["Printed"]
    assert [(status.printing, status.media) for status in seen] == [(True, "62")]
    desk.bench.stop()


@on_both_wires
def test_a_roll_that_ends_in_the_page_suspends_it_until_a_new_one_is_in(desk: Desk) -> None:
    desk.bench.load_roll(30)
    states = desk.states(job_for(height=1200), {Suspended: lambda: desk.soon(lambda: desk.bench.load_roll(1000), 2)})
    assert codes(states) == ["Suspended printer.end-of-media", "Printed"]
    assert [line["kind"] for line in desk.journal if line["kind"] != "roll"] == ["partial", "printed"]


def test_a_cover_opened_in_the_page_suspends_it_until_it_is_closed(desk: Desk) -> None:
    while_printing(desk.bench, (0.0, desk.bench.open_cover))
    states = desk.states(job_for(height=LONG), {Suspended: lambda: desk.soon(desk.bench.close_cover, 2)})
    assert codes(states) == ["Suspended printer.cover-open", "Printed"]
    assert desk.printed() == 1


@on_both_wires
def test_a_printer_that_loses_the_page_at_an_open_cover_leaves_it_in_doubt(desk: Desk) -> None:
    with desk.bench.engine() as engine:
        engine.cover_discards = True
    while_printing(desk.bench, (0.0, desk.bench.open_cover))
    states = desk.states(job_for(height=LONG), {Suspended: lambda: desk.soon(desk.bench.close_cover, 2)})
    assert codes(states) == ["Suspended printer.cover-open", "InDoubt printer.discarded"]
    assert desk.printed() == 0


@on_both_wires
def test_power_lost_in_the_page_leaves_it_in_doubt_and_the_next_one_prints(desk: Desk) -> None:
    while_printing(desk.bench, (0.0, desk.bench.power_off))
    assert codes(desk.states(job_for(height=LONG))) == ["InDoubt printer.connection-lost"]
    assert codes(desk.states(job_for())) == ["NotPrinted printer.unreachable"]
    desk.bench.power_on()
    assert codes(desk.states(job_for())) == ["Printed"]


@on_both_wires
def test_a_printer_that_falls_silent_is_in_doubt_within_the_stated_time(desk: Desk) -> None:
    while_printing(desk.bench, (0.0, desk.bench.mute))
    begun_s = desk.clock()
    assert codes(desk.states(job_for(height=LONG)))[-1] == "InDoubt printer.mute"
    assert desk.clock() - begun_s < 5 + LONG / 300 * 25.4 / 20 + 600


def test_a_mute_printer_gets_no_page(desk: Desk) -> None:
    desk.bench.mute()
    (end,) = desk.states(job_for())
    assert isinstance(end, NotPrinted)
    assert desk.printed() == 0
    with pytest.raises(DeviceError) as mute:
        desk.driver.status()
    assert mute.value.code == "printer.mute"


@pytest.mark.parametrize(("spoil", "code", "words"), [
    (lambda bench: bench.open_cover(), "printer.cover-open", "Close"),
    (lambda bench: bench.load_roll(0), "printer.no-media", "Put a roll in"),
    (lambda bench: bench.load_roll(9000, "62x100"), "printer.wrong-media", "62x100 is in, this label needs 62 mm"),
    (lambda bench: bench.load_roll(9000, "29"), "printer.wrong-media", "29 mm endless is in, this label needs 62 mm"),
    (lambda bench: bench.load_roll(9000, "62red"), "printer.wrong-media", "a black/red roll is in"),
])  # fmt: skip
def test_what_would_fail_is_told_before_a_byte_is_sent(
    desk: Desk, spoil: Callable[[SimulatedPrinter], None], code: str, words: str
) -> None:
    spoil(desk.bench)
    (end,) = desk.states(job_for())
    assert isinstance(end, NotPrinted)
    assert end.code == code
    assert words in end.hint
    with desk.bench.engine() as engine:
        assert engine.held_pages == 0


def test_a_page_for_another_model_is_refused(tmp_path: Path) -> None:
    desk = Desk(tmp_path)
    driver = TcpPrinter("127.0.0.1", desk.bench.port, model="QL-1110NWB", snmp_port=None)
    (end,) = driver.print_page(job_for(model="QL-1110NWB"))
    assert isinstance(end, NotPrinted)
    assert end.code == "printer.wrong-model"
    assert "QL-820NWB is connected, the station is set to QL-1110NWB" in end.hint
    desk.bench.stop()


def test_closing_the_driver_ends_a_held_page(desk: Desk) -> None:
    desk.bench.load_roll(30)
    states = desk.states(job_for(height=1200), {Suspended: lambda: desk.soon(desk.driver.close, 2)})
    assert codes(states) == ["Suspended printer.end-of-media", "InDoubt printer.closed"]
    with pytest.raises(DeviceError) as refused:
        desk.driver.status()
    assert refused.value.code == "printer.closed"


def test_the_beat_goes_on_while_a_page_is_held(tmp_path: Path) -> None:
    desk, beats = Desk(tmp_path), []
    driver = TcpPrinter("127.0.0.1", desk.bench.port, model="QL-820NWB", snmp_port=None, clock=desk.clock,
                        beat=lambda: beats.append(time.monotonic()))  # fmt: skip
    desk.bench.load_roll(30)
    for progress in driver.print_page(job_for(height=1200)):
        if isinstance(progress, Suspended):
            desk.soon(lambda: desk.bench.load_roll(1000), 5)
    assert len(beats) > 5
    assert max(later - earlier for earlier, later in pairwise(beats)) < 10.0, "half of what systemd waits"
    desk.bench.stop()


def test_nobody_at_the_address_is_said_so() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    with pytest.raises(DeviceError) as missing:
        TcpPrinter("127.0.0.1", port, model="QL-820NWB").status()
    assert missing.value.code == "printer.unreachable"
    with pytest.raises(DeviceError) as unknown:
        TcpPrinter("no-such-host.invalid", port, model="QL-820NWB").status()
    assert unknown.value.code == "printer.unreachable"


def test_snmp_gives_the_page_counter_and_refuses_what_it_does_not_have(tmp_path: Path) -> None:
    desk = Desk(tmp_path, status_on_tcp=False, snmp=True)
    there = ("127.0.0.1", desk.bench.snmp_port)
    assert ask_snmp(there, snmp.PAGE_COUNT) == 0
    assert desk.states(job_for()) == [Printed()]
    assert ask_snmp(there, snmp.PAGE_COUNT) == 1
    assert b"MDL:QL-820NWB" in bytes(ask_snmp(there, snmp.DEVICE_ID) or b"")
    assert ask_snmp(there, "1.3.6.1.2.1.1.1.0") is None
    with pytest.raises(TimeoutError):
        ask_snmp(there, snmp.STATUS, community="private", timeout_s=0.05)
    desk.bench.stop()

"""A USB printer on a device node: short writes, empty reads, broken packets, unplugging, and who else holds it."""

from __future__ import annotations

import errno
import os
import socket
import threading
import time
from typing import TYPE_CHECKING, Any

import pytest
from PIL import Image

from agent.bench.printer import SimulatedPrinter
from agent.devices import DeviceError, InDoubt, NotPrinted, Printed, PrintProgress, Suspended, ql_status, raster
from agent.devices.ql_page import Limits
from agent.devices.ql_printer import QlPrinter, ask
from agent.devices.ql_wire import FdWire, Wake, WireLost
from agent.devices.usblp import UsbPrinter, find
from tests.campaigns.printing_beside import while_printing

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

IDLE = ql_status.encode(series=0x34, model_code=0x35, media=(0x0A, 62, 0))
STARTED = ql_status.encode(series=0x34, model_code=0x35, media=(0x0A, 62, 0), kind=6, phase=1)
COMPLETED = ql_status.encode(series=0x34, model_code=0x35, media=(0x0A, 62, 0), kind=1, phase=1)
READY = ql_status.encode(series=0x34, model_code=0x35, media=(0x0A, 62, 0), kind=6)
JOB_820 = raster.encode(Image.new("1", (696, 300), 1), model="QL-820NWB", media="62")
LOST = ("printer.unplugged", "Plug it in.")
JOB = raster.encode(Image.new("1", (696, 160), 1), model="QL-700", media="62")


class Desk:
    """A simulated printer whose node is a pty under a folder that looks like /dev and /sys."""

    def __init__(self, root: Path, model: str = "QL-820NWB", media: str = "62") -> None:
        begun_s = time.monotonic()
        self.clock: Callable[[], float] = lambda: (time.monotonic() - begun_s) * 12
        self.journal: list[dict[str, Any]] = []
        self.node = root / "dev/usb/lp0"
        self.bench = SimulatedPrinter(model, media, 30_000, None, self.journal.append, self.clock, node=self.node)
        self.bench.start()
        identity = root / "sys/class/usbmisc/lp0/device/ieee1284_id"
        identity.parent.mkdir(parents=True)
        identity.write_text(f"MFG:Brother;CMD:PT-CBP;MDL:{model};CLS:PRINTER;CID:Brother QL Type1;\n")
        self.driver = UsbPrinter(model=model, root=root, clock=self.clock, limits=Limits(silence_s=5, answer_s=0.3))

    def held(self) -> int:
        with self.bench.engine() as engine:
            return engine.held_pages

    def printed(self) -> int:
        return sum(line["kind"] == "printed" for line in self.journal)


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    made = Desk(tmp_path)
    yield made
    made.driver.close()
    made.bench.stop()


@pytest.mark.parametrize(("model", "media", "size"), [
    ("QL-700", "62x100", (696, 1109)), ("QL-820NWB", "62", (696, 500)), ("QL-1110NWB", "103x164", (1200, 1822)),
])  # fmt: skip
def test_the_printer_is_found_and_the_page_comes_out(
    tmp_path: Path, model: str, media: str, size: tuple[int, int]
) -> None:
    desk = Desk(tmp_path, model, media)
    job = raster.encode(Image.new("1", size, 1), model=model, media=media)
    assert list(desk.driver.print_page(job)) == [Printed()]
    assert list(desk.driver.print_page(job)) == [Printed()]
    assert desk.printed() == 2
    desk.bench.stop()


def test_a_pulled_cable_leaves_the_page_in_doubt_and_the_printer_is_found_again(
    desk: Desk, tmp_path: Path
) -> None:
    job = raster.encode(Image.new("1", (696, 5000), 1), model="QL-820NWB", media="62")
    while_printing(desk.bench, (0.0, desk.bench.unplug))
    (end,) = desk.driver.print_page(job)
    assert isinstance(end, InDoubt)
    assert end.code == "printer.unplugged"
    (end,) = desk.driver.print_page(job)
    assert isinstance(end, NotPrinted)
    (tmp_path / "sys/class/usbmisc/lp0").rename(tmp_path / "sys/class/usbmisc/lp1")  # it comes back as another number
    desk.bench.node = tmp_path / "dev/usb/lp1"
    desk.bench.plug()
    while desk.held():  # what had arrived before the cable went still comes out
        threading.Event().wait(0.01)
    assert list(desk.driver.print_page(JOB_820)) == [Printed()]


def test_keep_awake_reaches_the_printer_and_an_open_cover_is_told(desk: Desk) -> None:
    desk.driver.keep_awake()
    assert list(desk.driver.print_page(JOB_820)) == [Printed()]
    desk.bench.open_cover()
    with pytest.raises(DeviceError) as open_cover:
        desk.driver.keep_awake()
    assert open_cover.value.code == "printer.cover-open"


@pytest.mark.parametrize("cut", [300, 500, 9_000, 9_001, 27_000])
def test_a_printer_left_in_the_middle_of_a_page_takes_the_next_one(desk: Desk, cut: int) -> None:
    job = raster.encode(Image.new("1", (696, 600), 1), model="QL-820NWB", media="62")
    with desk.node.open("wb", buffering=0) as killed:
        for at in range(0, cut, 1000):
            killed.write(job[at : min(at + 1000, cut)])
    assert list(desk.driver.print_page(JOB_820)) == [Printed()]
    assert desk.printed() == 1


class Puppet:
    """The far end of the wire: says what the test says, byte by byte."""

    def __init__(self) -> None:
        self.near, self.far = socket.socketpair()
        self.limits = Limits(silence_s=0.2, idle_s=0.3, held_silence_s=0.3, answer_s=0.3)

    def _wire(self, wake: Wake) -> FdWire:
        return FdWire(os.dup(self.near.fileno()), wake, empty_is_end=False, lost=LOST)

    def plays(self, *answer: bytes, then: tuple[bytes, ...] = (), after: int = len(JOB)) -> list[PrintProgress]:
        """Answer the question with these pieces; `then` say those, once so many bytes of the page came."""

        def play() -> None:
            heard = b""
            while not heard.endswith(ql_status.REQUEST):
                heard += self.far.recv(4096)
            self._say(answer)
            size = 0
            while size < after:
                size += len(self.far.recv(min(65536, after - size)))
            self._say(then)

        driver = QlPrinter("QL-700", self._wire, limits=self.limits)
        puppet = threading.Thread(target=play, daemon=True)
        puppet.start()
        said = list(driver.print_page(JOB))
        puppet.join(timeout=2)
        return said

    def _say(self, pieces: tuple[bytes, ...]) -> None:
        for piece in pieces:
            self.far.send(piece)
            threading.Event().wait(0.01)  # so that the near end reads it by itself


@pytest.fixture
def puppet() -> Iterator[Puppet]:
    made = Puppet()
    with made.near, made.far:
        yield made


def test_three_packets_in_one_read_are_three_packets(puppet: Puppet) -> None:
    assert puppet.plays(IDLE, then=(STARTED + COMPLETED + READY,)) == [Printed()]


@pytest.mark.parametrize("cut", [1, 3, 19, 31])
def test_a_packet_in_two_reads_is_one_packet(puppet: Puppet, cut: int) -> None:
    said = STARTED + COMPLETED + READY
    assert puppet.plays(IDLE[:cut], IDLE[cut:], then=(said[:cut], said[cut:])) == [Printed()]


def test_five_old_answers_are_thrown_away_before_the_question(puppet: Puppet) -> None:
    opened = ql_status.encode(series=0x34, model_code=0x35, errors=("cover_open",), kind=2)
    puppet.far.send(opened * 5)
    assert puppet.plays(IDLE, then=(STARTED, COMPLETED, READY)) == [Printed()]


def test_an_old_completed_does_not_count_for_this_page(puppet: Puppet) -> None:
    (end,) = puppet.plays(IDLE, COMPLETED + READY, then=(IDLE, IDLE))
    assert isinstance(end, InDoubt)
    assert end.code == "printer.unconfirmed"


def test_a_printer_that_swallows_the_page_and_says_nothing_is_in_doubt(puppet: Puppet) -> None:
    (end,) = puppet.plays(IDLE)
    assert isinstance(end, InDoubt)
    assert end.code == "printer.mute"


@pytest.mark.parametrize(("after", "end"), [(200, NotPrinted), (300, InDoubt)])
def test_a_printer_that_takes_no_more_bytes_may_have_begun_only_with_a_row(after: int, end: type) -> None:
    near, far = os.pipe2(os.O_NONBLOCK)
    taken: list[int] = []

    class Choked(FdWire):
        """Takes so many bytes of the page and then none."""

        asked = False

        def write(self, piece: bytes) -> int:
            if piece == ql_status.REQUEST:
                self.asked = True
                return len(piece)
            taken.append(min(after - sum(taken), len(piece)))
            return taken[-1]

        def heard(self) -> list[ql_status.Status]:
            said = [ql_status.decode(IDLE)] if self.asked else []
            self.asked = False
            return said

    driver = QlPrinter("QL-700", lambda wake: Choked(near, wake, empty_is_end=False, lost=LOST),
                       limits=Limits(silence_s=0.1, answer_s=0.1))  # fmt: skip
    states = list(driver.print_page(JOB))
    os.close(far)
    assert [type(state) for state in states] == [end]


def test_an_end_of_roll_that_is_told_while_the_page_is_written_is_heard(puppet: Puppet) -> None:
    runout = ql_status.encode(series=0x34, model_code=0x35, errors=("end_of_media",), kind=2, phase=1)
    first, *_ = puppet.plays(IDLE, then=(runout,), after=9000)
    assert isinstance(first, Suspended)
    assert first.code == "printer.end-of-media"


def test_a_printer_that_never_stops_talking_is_asked_all_the_same() -> None:
    class Babbling(FdWire):
        def heard(self) -> list[ql_status.Status]:
            return [ql_status.decode(IDLE)]

    wire = Babbling(os.open(os.devnull, os.O_RDWR), Wake(), empty_is_end=False, lost=LOST)
    assert ask(wire, 0.1) is not None
    wire.close()


def test_empty_reads_are_nothing_and_cost_nothing() -> None:
    """An idle QL answers each read with an empty packet at once; a file at its end does the same."""
    fd = os.open(os.devnull, os.O_RDWR)
    wire = FdWire(fd, Wake(), empty_is_end=False, lost=LOST)
    begun_s, turns = time.monotonic(), 0
    while time.monotonic() - begun_s < 0.2:
        assert wire.heard() == []
        wire.wait(0.05, writing=False)
        turns += 1
    assert turns < 50
    wire.close()
    wire.close()


def test_an_empty_read_of_a_socket_is_its_end() -> None:
    near, far = socket.socketpair()
    wire = FdWire(near.detach(), Wake(), empty_is_end=True, lost=LOST)
    with far:
        far.send(IDLE)
    assert [said.raw for said in wire.heard()] == [IDLE]
    with pytest.raises(WireLost):
        wire.heard()
    wire.close()


@pytest.mark.parametrize(("number", "code"), [
    (errno.EBUSY, "printer.held"), (errno.EACCES, "printer.no-permission"), (errno.ENODEV, "printer.unplugged"),
    (errno.ENOENT, "printer.unplugged"), (errno.EMFILE, "printer.unplugged"),
])  # fmt: skip
def test_a_node_that_does_not_open_says_why(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int, code: str
) -> None:
    def refuse(*_: object) -> int:
        raise OSError(number, os.strerror(number))

    driver = UsbPrinter("/dev/usb/lp0", model="QL-700", root=tmp_path)
    monkeypatch.setattr(os, "open", refuse)
    (end,) = driver.print_page(JOB)
    assert isinstance(end, NotPrinted)
    assert end.code == code


@pytest.mark.parametrize(("program", "cure"), [("ipp-usb", "stop"), ("cupsd", "stop")])
def test_the_program_that_holds_the_printer_is_named(tmp_path: Path, program: str, cure: str) -> None:
    on_bus(tmp_path, "07")
    comm = tmp_path / "proc/412/comm"
    comm.parent.mkdir(parents=True)
    comm.write_text(program + "\n")
    with pytest.raises(DeviceError) as held:
        find("QL-820NWB", root=tmp_path)
    assert held.value.code == "printer.held"
    assert f"{program} holds it" in held.value.detail
    assert cure in held.value.hint.lower()


def test_a_printer_in_editor_lite_mode_is_told_from_an_unplugged_one(tmp_path: Path) -> None:
    with pytest.raises(DeviceError) as unplugged:
        find("QL-1100", root=tmp_path)
    assert unplugged.value.code == "printer.unplugged"
    on_bus(tmp_path, "08")
    with pytest.raises(DeviceError) as lite:
        find("QL-1100", root=tmp_path)
    assert lite.value.code == "printer.editor-lite"
    assert "Editor Lite button" in lite.value.hint


def test_another_model_on_usb_is_named(tmp_path: Path) -> None:
    desk = Desk(tmp_path, "QL-700")
    with pytest.raises(DeviceError) as wrong:
        find("QL-820NWB", root=tmp_path)
    assert wrong.value.code == "printer.wrong-model"
    assert "QL-700" in wrong.value.detail
    desk.bench.stop()


def test_two_printers_of_one_model_are_told_apart_by_their_serial_numbers(tmp_path: Path) -> None:
    for number, serial in enumerate(("A1", "B2")):
        device = tmp_path / f"sys/devices/usb1/1-{number}"
        (device / f"1-{number}:1.0").mkdir(parents=True)
        (device / "serial").write_text(serial + "\n")
        (device / f"1-{number}:1.0/ieee1284_id").write_text("MFG:Brother;CMD:PT-CBP;MDL:QL-820NWBc;CLS:PRINTER;\n")
        known = tmp_path / f"sys/class/usbmisc/lp{number}"
        known.mkdir(parents=True)
        (known / "device").symlink_to(device / f"1-{number}:1.0")
    assert find("QL-820NWB", "B2", tmp_path) == str(tmp_path / "dev/usb/lp1")
    with pytest.raises(DeviceError) as missing:
        find("QL-820NWB", "C3", tmp_path)
    assert "QL-820NWB (A1), QL-820NWB (B2) is on USB, and no QL-820NWB C3" in missing.value.detail


def on_bus(root: Path, interface_class: str) -> None:
    device = root / "sys/bus/usb/devices/1-1"
    (device / "1-1:1.0").mkdir(parents=True)
    (device / "idVendor").write_text("04f9\n")
    (device / "product").write_text("QL-820NWB\n")
    (device / "1-1:1.0/bInterfaceClass").write_text(interface_class + "\n")

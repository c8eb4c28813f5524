"""From a scale's own bytes to the core's events: whatever stands behind `[scale] driver`."""

from __future__ import annotations

import os
import queue
import threading
import time
from functools import partial
from random import Random
from typing import TYPE_CHECKING, Any

import pytest

from agent.clock import Clock
from agent.devices import DeviceError, Sample
from agent.devices.hx711 import Hx711Scale
from agent.devices.hx711_spi import SpiConverter
from agent.devices.scale_frames import Reading
from agent.devices.scale_hid import HidScale
from agent.scale import Instrument, LoadCell, open_weighing
from agent.scale_worker import TROUBLES, ScaleWorker
from agent.station.events import (
    DeviceFailed,
    DeviceRecovered,
    LoadAppeared,
    PlatformCleared,
    PlatformTroubled,
    WeightStable,
)
from agent.station.view import NOTICES
from agent.weighing import WeightStable as Stable
from firmware_config.calibration import ScaleCalibration
from firmware_config.scale import ScaleSettings
from firmware_config.settings import Scale, parse
from tests.devices.test_scale_instruments import hid_devices
from tests.simulation.hx711_chip import Chip

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from agent.station.events import Event
    from agent.weighing import WeighingEvent

SMALL = ScaleSettings(capacity_g=30_000.0, division_g=5.0)
CALIBRATION = ScaleCalibration(zero_counts=84_210.0, counts_per_gram=140.0)


def wired(**scale: Any) -> Scale:  # noqa: ANN401 (a table of TOML)
    """Return the `[scale]` section of a station."""
    raw = {"station": {"id": "s", "site": "a"}, "broker": {"url": "mqtt://x"}, "scale": scale}
    return parse(raw, "test").scale[0]


class Told:
    """What a worker posts; `until` waits for an event of a kind and returns all that came before it, too."""

    def __init__(self) -> None:
        self.events: queue.SimpleQueue[Event] = queue.SimpleQueue()

    def until(self, kind: type[Event]) -> list[Event]:
        found: list[Event] = []
        while not found or not isinstance(found[-1], kind):
            found.append(self.events.get(timeout=60.0))
        return found


@pytest.fixture
def working() -> Iterator[Callable[..., Told]]:
    """Start a worker on something that opens a scale; it is stopped at the end."""
    workers: list[ScaleWorker] = []

    def start(open_weighing: Callable[[], LoadCell | Instrument], clock: Clock) -> Told:
        told = Told()
        workers.append(ScaleWorker(clock, told.events.put, open_weighing))
        workers[-1].start()
        return told

    yield start
    for worker in workers:
        worker.stop()
        worker.join(3.0)


class Indicator:
    """A Mettler Toledo indicator on a pseudo-terminal: answers each SI with what it shows."""

    def __init__(self) -> None:
        self.shows = b"S S      0.000 kg\r\n"
        self.master, self._slave = os.openpty()
        self.port = os.ttyname(self._slave)
        threading.Thread(target=self._talk, daemon=True).start()

    def _talk(self) -> None:
        heard = b""
        while True:
            try:
                heard += os.read(self.master, 64)
                while b"SI\r\n" in heard:
                    heard = heard.partition(b"SI\r\n")[2]
                    os.write(self.master, self.shows)
            except OSError:
                return

    def unplug(self) -> None:
        for file in (self.master, self._slave):
            os.close(file)


def test_a_serial_instrument_is_three_words_in_the_settings_and_needs_no_calibration(
        working: Callable[..., Told]) -> None:
    indicator, clock = Indicator(), Clock()
    one = wired(driver="serial", path=indicator.port, protocol="sics", division_g=5.0)
    told = working(partial(open_weighing, one, "", clock, None), clock)
    told.until(PlatformCleared)
    indicator.shows = b"S D      1.100 kg\r\n"
    assert [type(event) for event in told.until(LoadAppeared)] == [LoadAppeared]
    indicator.shows = b"S S      1.235 kg\r\n"
    [stable] = told.until(WeightStable)
    assert isinstance(stable, WeightStable)
    assert stable.gross.value_g == 1235.0
    assert stable.gross.u95_g == pytest.approx(0.58 * 5.0, abs=0.1)
    indicator.shows = b"S +\r\n"
    assert [getattr(event, "code", "") for event in told.until(PlatformTroubled)] == ["scale.overload"]
    indicator.shows = b"S S      0.000 kg\r\n"
    told.until(PlatformCleared)
    indicator.unplug()
    failed = told.until(DeviceFailed)[-1]
    assert isinstance(failed, DeviceFailed)
    assert failed.code == "scale.gone"


@pytest.mark.parametrize(("shows", "code"), [
    (b"", "scale.silent"), (b"S S      1.2", "scale.gibberish"), (b"]E05901234123457\r\n", "scale.gibberish"),
    (b"\xff\x00" * 2_000, "scale.gibberish"), (b"ES\r\n", "scale.no-weight"),
    (b"S S      2.720 lb\r\n", "scale.unit-changed"),
], ids=["mute", "half a line", "a scanner's bytes", "a flood", "errors only", "another unit"])
def test_a_scale_that_talks_nonsense_is_told_by_name_and_weighs_again_after_it(
        working: Callable[..., Told], monkeypatch: pytest.MonkeyPatch, shows: bytes, code: str) -> None:
    monkeypatch.setattr("agent.devices.scale_serial.SILENT_S", 0.3)
    monkeypatch.setattr("agent.scale.NO_WEIGHT_S", 0.3)
    monkeypatch.setattr(ScaleWorker, "RETRY_S", 0.05)
    indicator, clock = Indicator(), Clock()
    one = wired(driver="serial", path=indicator.port, protocol="sics", division_g=5.0)
    told = working(partial(open_weighing, one, "", clock, None), clock)
    told.until(PlatformCleared)
    indicator.shows = shows
    failed = told.until(DeviceFailed)
    assert [getattr(event, "code", "") for event in failed] == [code]
    indicator.shows = b"S S      0.000 kg\r\n"
    told.until(DeviceRecovered)
    told.until(PlatformCleared)
    indicator.shows = b"S S      1.235 kg\r\n"
    assert [event.gross.value_g for event in told.until(WeightStable) if isinstance(event, WeightStable)] == [1235.0]
    indicator.unplug()
    told.until(DeviceFailed)


def test_a_usb_scale_weighs_too(tmp_path: Path, working: Callable[..., Told]) -> None:
    sys_hidraw, dev = hid_devices(tmp_path)
    wire = os.open(dev / "hidraw1", os.O_RDWR)
    clock = Clock()
    told = working(lambda: Instrument(HidScale(sys_hidraw=sys_hidraw, dev=dev), SMALL, clock), clock)
    empty, box = bytes.fromhex("030202000000"), bytes.fromhex("03040200d204")
    until_s = time.monotonic() + 60.0
    while told.events.empty() and time.monotonic() < until_s:
        os.write(wire, empty)
        threading.Event().wait(0.02)
    told.until(PlatformCleared)
    os.write(wire, box)
    assert [event.gross.value_g for event in told.until(WeightStable) if isinstance(event, WeightStable)] == [1234.0]
    os.write(wire, empty)
    assert [type(event) for event in told.until(PlatformCleared)] == [PlatformCleared]
    os.close(wire)


def test_a_load_cell_behind_a_simulated_chip_weighs_a_box(working: Callable[..., Told]) -> None:
    """The bits of an HX711 on an SPI bus, through the driver's thread, the detector and the worker."""
    random = Random(3)
    clock = BusClock()
    loads = iter([0.0] * 240 + [2_000.0] * 240 + [0.0] * 100_000)
    codes = (round(CALIBRATION.zero_counts + (next(loads) + random.gauss(0.0, 0.3)) * CALIBRATION.counts_per_gram)
             for _ in iter(int, 1))
    chip = Chip(clock.now_s, codes)
    told = working(lambda: LoadCell(
        Hx711Scale(SpiConverter(Bus(chip, clock), clock=clock.now_s, sleep=lambda span_s: None), clock.now_s), SMALL,
        CALIBRATION, clock), clock)
    events = [*told.until(LoadAppeared), *told.until(WeightStable), *told.until(PlatformCleared)]
    assert [type(event) for event in events] == [PlatformCleared, LoadAppeared, WeightStable, PlatformCleared]
    assert [event.gross.value_g for event in events if isinstance(event, WeightStable)] == [pytest.approx(2_000, abs=1)]


class BusClock(Clock):
    """Time passes with the bytes on the bus, a millisecond each."""

    def __init__(self) -> None:
        super().__init__()
        self.__dict__["passed_s"] = [0.0]

    def now_s(self) -> float:
        return float(self.__dict__["passed_s"][0])

    def now_ms(self) -> int:
        return int(self.now_s() * 1000)

    def pass_s(self, span_s: float) -> None:
        self.__dict__["passed_s"][0] += span_s


class Bus:
    """MOSI drives PD_SCK, MISO reads DOUT: bit by bit, most significant first."""

    def __init__(self, chip: Chip, clock: BusClock) -> None:
        self._chip, self._clock = chip, clock

    def transfer(self, sent: bytes) -> bytes:
        back = bytearray()
        for byte in sent:
            heard = 0
            for bit in range(7, -1, -1):
                self._chip.sck(byte >> bit & 1)
                heard = heard << 1 | self._chip.dout
            back.append(heard)
            self._clock.pass_s(0.001)
        return bytes(back)

    def close(self) -> None:
        self._chip.plugged = False


# -- what an instrument may not say -----------------------------------------------------------------------------------


class Saying:
    """An instrument that says these readings, one a call."""

    def __init__(self, *readings: Reading) -> None:
        self._readings = list(readings)

    def read(self, timeout_s: float) -> list[Reading]:
        return [self._readings.pop(0)] if self._readings else []

    def close(self) -> None:
        self._readings.clear()


def kg(value: float, **marks: Any) -> Reading:  # noqa: ANN401 (a reading's own fields)
    from decimal import Decimal

    return Reading(value=Decimal(str(value)), unit="kg", **marks)


@pytest.mark.parametrize(("reading", "code"), [
    (kg(1.0, stable=True, mode="net"), "scale.net"), (Reading(value=kg(1.0).value, stable=True), "scale.no-unit"),
    (Reading(error="needs_zero"), "scale.needs-zero"), (Reading(error="fault"), "scale.fault"),
])
def test_a_net_weight_a_missing_unit_and_a_fault_are_never_a_weight(reading: Reading, code: str) -> None:
    opened = Instrument(Saying(kg(0.0, stable=True), reading), SMALL, Clock())
    opened.read(0.0)
    with pytest.raises(DeviceError) as refused:
        opened.read(0.0)
    assert refused.value.code == code


def test_an_instrument_that_changes_its_unit_says_so_and_weighs_on_in_the_new_one() -> None:
    def opened() -> Instrument:
        return Instrument(readings, SMALL, Clock())

    readings = Saying(kg(0.0, stable=True), Reading(value=kg(12.0).value, unit="g", stable=True),
                      Reading(value=kg(0.0).value, unit="lb", stable=True),
                      Reading(value=kg(0.0).value, unit="lb", stable=True),
                      Reading(value=kg(2.0).value, unit="lb", stable=True))
    one = opened()
    assert [len(one.read(0.0)) for _ in range(2)] == [1, 0], "kilograms and grams are one system"
    with pytest.raises(DeviceError) as changed:
        one.read(0.0)
    assert changed.value.code == "scale.unit-changed"
    again = opened()
    events = [event for _ in range(2) for event in again.read(0.0)]
    assert [event.gross_g for event in events if isinstance(event, Stable)] == [pytest.approx(907.2, abs=0.1)]


def test_silence_of_an_instrument_that_answers_only_changes_is_the_same_weight_again() -> None:
    clock = BusClock()
    one = Instrument(Saying(kg(0.0), kg(3.0)), SMALL, clock, quiet=True)
    names: list[str] = []
    for _ in range(8):
        names += [type(event).__name__ for event in one.read(0.5)]
        clock.pass_s(0.3)
    assert names == ["PlatformCleared", "LoadAppeared", "WeightStable"]


def test_a_recording_that_ends_says_so_and_does_not_begin_again(
        tmp_path: Path, working: Callable[..., Told], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ScaleWorker, "RETRY_S", 0.02)
    (tmp_path / "t.csv").write_text("t_s,counts\n" + "".join(f"{n / 80},{84_210 + n % 7}\n" for n in range(40)))
    clock = Clock()
    opened: list[LoadCell | Instrument] = []

    def opens() -> LoadCell | Instrument:
        opened.append(open_weighing(wired(driver="trace", path=str(tmp_path / "t.csv")), "", clock, CALIBRATION))
        return opened[-1]

    reads: queue.SimpleQueue[None] = queue.SimpleQueue()
    read = LoadCell.read

    def counted(self: LoadCell, timeout_s: float) -> list[WeighingEvent]:
        reads.put(None)
        return read(self, timeout_s)

    monkeypatch.setattr(LoadCell, "read", counted)
    told = working(opens, clock)
    failed = told.until(DeviceFailed)[-1]
    assert isinstance(failed, DeviceFailed)
    assert (failed.code, "has ended" in failed.hint) == ("scale.trace-ended", True)
    while not reads.empty():
        reads.get()
    for _ in range(3):
        reads.get(timeout=60.0)
    assert (len(opened), told.events.empty()) == (1, True)


def test_a_calibration_that_no_such_cell_can_have_is_refused() -> None:
    for counts_per_gram in (1_400.0, 1e-5):
        other = ScaleCalibration(zero_counts=0.0, counts_per_gram=counts_per_gram)
        with pytest.raises(DeviceError) as refused:
            open_weighing(wired(driver="spi"), "", Clock(), other)
        assert refused.value.code == "scale.other-cell"


def test_what_stood_on_an_instrument_at_the_start_is_not_weighed() -> None:
    opened = Instrument(Saying(kg(2.0, stable=True), kg(2.0, stable=True), kg(0.0, stable=True), kg(3.0, stable=True)),
                        SMALL, Clock())
    names = [[type(event).__name__ for event in opened.read(0.0)] for _ in range(4)]
    assert names == [["NotEmpty"], [], ["PlatformCleared"], ["LoadAppeared", "WeightStable"]]


def test_a_coarse_digit_is_a_coarse_weight() -> None:
    opened = Instrument(Saying(kg(0.0, stable=True), kg(3.0, stable=True)), SMALL, Clock())
    events = [event for _ in range(2) for event in opened.read(0.0)]
    assert [event.u95_g for event in events if hasattr(event, "u95_g")] == [pytest.approx(58.0)]  # 0.1 kg a step


# -- what the packer sees ---------------------------------------------------------------------------------------------


class Codes:
    """A load cell at 80 a second that rests at these grams, a batch a call."""

    def __init__(self, *batches: tuple[float, int]) -> None:
        self._batches, self._n, self._random = list(batches), 0, Random(1)

    def read(self, timeout_s: float) -> list[Sample]:
        if not self._batches:
            return []
        grams, count = self._batches.pop(0)
        first, self._n = self._n, self._n + count
        return [Sample(n / 80, round(CALIBRATION.zero_counts + 140 * (grams + self._random.gauss(0.0, 0.3))))
                for n in range(first, self._n)]

    def close(self) -> None:
        self._batches.clear()


def test_a_leaf_on_the_platform_is_told_and_forgotten_when_it_is_gone() -> None:
    opened = LoadCell(Codes((0.0, 320), (30.0, 320), (0.0, 320)), SMALL, CALIBRATION, Clock())
    names = [[type(event).__name__ for event in opened.read(0.0)] for _ in range(3)]
    assert names == [["PlatformCleared"], ["Debris"], ["PlatformCleared"]]


def test_the_zero_is_known_only_while_the_platform_is_empty_and_at_rest() -> None:
    opened = LoadCell(Codes((4.0, 320), (2_000.0, 320)), SMALL, CALIBRATION, Clock())
    opened.read(0.0)
    assert opened.zero_g == pytest.approx(4.0, abs=0.5)
    opened.read(0.0)
    assert opened.zero_g is None


def test_each_trouble_of_the_platform_has_a_sentence_for_the_packer() -> None:
    assert set(TROUBLES.values()) <= set(NOTICES)


def test_a_scale_that_breaks_is_told_once_and_once_when_it_is_back(working: Callable[..., Told]) -> None:
    clock = Clock()
    opened = [Instrument(Saying(kg(0.0, stable=True), Reading(error="fault")), SMALL, clock),
              Instrument(Saying(kg(0.0, stable=True)), SMALL, clock)]
    told = working(lambda: opened.pop(0) if opened else Instrument(Saying(), SMALL, clock), clock)
    kinds = [type(event) for event in told.until(DeviceRecovered)]
    assert kinds == [PlatformCleared, DeviceFailed, DeviceRecovered]


def test_the_settings_name_every_dialect() -> None:
    from typing import get_args, get_type_hints

    from agent.devices.scale_serial import DIALECTS

    named = set(get_args(get_type_hints(Scale)["protocol"])) - {"", "pattern"}
    assert named == set(DIALECTS)

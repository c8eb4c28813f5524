from __future__ import annotations

import errno
import os
import sys
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING

import pytest

from agent.devices import DeviceError
from agent.devices.hx711 import SATURATED, Hx711Scale, signed
from agent.devices.hx711_gpio import GpioConverter
from agent.devices.hx711_iio import IioConverter
from agent.devices.hx711_package import PackageConverter
from agent.devices.hx711_spi import SpiConverter
from tests.simulation.hx711_chip import Chip, FakeClock

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

EDGES = [0, -1, 1, 123_456, -123_456, 0x7FFFFF, -0x800000, 0x555555, -0x2AAAAB]


def random_codes(count: int = 300) -> list[int]:
    random = Random(7)
    return EDGES + [random.randint(-0x800000, 0x7FFFFF) for _ in range(count)]


# -- SPI: MOSI drives PD_SCK, MISO reads DOUT ------------------------------------------------------------------------


class Bus:
    """An SPI controller at 1 MHz whose MOSI and MISO are the chip's two lines."""

    def __init__(self, chip: Chip, clock: FakeClock) -> None:
        self._chip, self._clock = chip, clock

    def transfer(self, sent: bytes) -> bytes:
        back = bytearray()
        for byte in sent:
            value = 0
            for bit in range(7, -1, -1):
                self._chip.sck(byte >> bit & 1)
                self._clock.now_s += 1e-6
                value = value << 1 | self._chip.dout
            back.append(value)
        return bytes(back)

    def close(self) -> None:
        pass


def spi_converter(codes: Iterator[int], gain: str = "A128") -> tuple[SpiConverter, Chip]:
    clock = FakeClock()
    chip = Chip(clock, codes)
    return SpiConverter(Bus(chip, clock), gain=gain, clock=clock, sleep=clock.sleep), chip


def test_every_word_comes_through_spi_whole() -> None:
    codes = random_codes()
    converter, chip = spi_converter(iter(codes))
    assert [converter.convert(1.0) for _ in codes] == codes
    assert chip.power_downs == 0


@pytest.mark.parametrize("gain", ["A128", "B32", "A64"])
def test_the_number_of_spi_pulses_chooses_the_gain(gain: str) -> None:
    converter, chip = spi_converter(iter([5, 6, 7]), gain)
    assert [converter.convert(1.0), converter.convert(1.0)] == [5, 6]
    assert chip.gain == gain


def test_an_unplugged_spi_chip_gives_nothing_and_ends_in_time() -> None:
    converter, chip = spi_converter(iter([5]))
    chip.plugged = False
    assert converter.convert(0.5) is None


def test_a_data_line_on_ground_is_no_weight_of_zero() -> None:
    converter, chip = spi_converter(iter([5]))
    chip.stuck_low = True
    with pytest.raises(DeviceError) as refused:
        converter.convert(0.5)
    assert refused.value.code == "scale.data-line-low"


# -- lgpio: pulses from software, each one timed ---------------------------------------------------------------------


class Gpio:
    """The lgpio calls on a chip; `late` says how long a pulse stays high."""

    SET_PULL_UP = 32
    error = OSError

    def __init__(self, chip: Chip, clock: FakeClock, late: Callable[[], float]) -> None:
        self._chip, self._clock, self._late = chip, clock, late
        self.pulled_up = False

    def gpiochip_open(self, gpiochip: int) -> int:
        return 1

    def gpiochip_close(self, handle: int) -> None:
        pass

    def gpio_claim_output(self, handle: int, gpio: int, level: int) -> None:
        if gpio == 9:
            raise OSError("GPIO busy")

    def gpio_claim_input(self, handle: int, gpio: int, lFlags: int) -> None:  # noqa: N803 (lgpio's own word)
        self.pulled_up = lFlags == self.SET_PULL_UP

    def gpio_write(self, handle: int, gpio: int, level: int) -> None:
        self._clock.now_s += 2e-6 if level else self._late()
        self._chip.sck(level)

    def gpio_read(self, handle: int, gpio: int) -> int:
        self._clock.now_s += 1e-6
        return self._chip.dout


def gpio_converter(codes: Iterator[int], late: Callable[[], float] = lambda: 3e-6) -> tuple[GpioConverter, Chip, Gpio]:
    clock = FakeClock()
    chip = Chip(clock, codes)
    lines = Gpio(chip, clock, late)
    return GpioConverter(lines, data_pin=5, clock_pin=6, timer=clock, sleep=clock.sleep), chip, lines


def test_every_word_comes_through_software_pulses_whole() -> None:
    codes = random_codes()
    converter, _, lines = gpio_converter(iter(codes))
    assert [converter.convert(1.0) for _ in codes] == codes
    assert lines.pulled_up, "an unplugged wire must read as busy"


def test_a_pulse_that_linux_held_up_costs_its_word_and_never_gives_a_wrong_one() -> None:
    random = Random(3)
    codes = [1_000_000 + random.randint(-50, 50) for _ in range(4000)]
    converter, chip, _ = gpio_converter(
        iter(codes), lambda: 3e-6 if random.random() < 0.995 else random.uniform(40e-6, 2e-3))
    found = [converter.convert(1.0) for _ in range(1000)]
    words = [code for code in found if code is not None]
    assert chip.power_downs > 20
    assert converter.cut > 20
    assert len(words) > 400
    assert all(abs(code - 1_000_000) <= 50 for code in words)


def test_lines_that_another_program_holds_are_named() -> None:
    clock = FakeClock()
    chip = Chip(clock, iter([1]))
    with pytest.raises(DeviceError) as refused:
        GpioConverter(Gpio(chip, clock, lambda: 1e-6), data_pin=5, clock_pin=9, timer=clock, sleep=clock.sleep)
    assert refused.value.code == "scale.gpio-busy"
    assert "9" in refused.value.detail


# -- the kernel's driver: a file in sysfs ----------------------------------------------------------------------------


def sysfs(folder: Path, raw: str) -> Path:
    device = folder / "iio:device1"
    device.mkdir()
    (device / "name").write_text("hx711\n")
    (device / "in_voltage0_raw").write_text(raw)
    other = folder / "iio:device0"
    other.mkdir()
    (other / "name").write_text("dht11\n")
    return device


@pytest.mark.parametrize(("raw", "count"), [("8388608\n", 0), ("8388609\n", 1), ("8388607\n", -1), ("0\n", -0x800000),
                                            ("16777215\n", 0x7FFFFF), ("8512064\n", 123_456)])
def test_the_kernels_offset_binary_becomes_counts(tmp_path: Path, raw: str, count: int) -> None:
    sysfs(tmp_path, raw)
    assert IioConverter(tmp_path).convert(0.1) == count


def test_a_kernel_that_waited_in_vain_gives_nothing_and_recovers(
        tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    device = sysfs(tmp_path, "8388650\n")
    converter = IioConverter(tmp_path)
    whole = Path.read_text

    def in_vain(path: Path, *args: str, **named: str) -> str:
        if path == device / "in_voltage0_raw":
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        return whole(path, *args, **named)

    monkeypatch.setattr(Path, "read_text", in_vain)
    assert converter.convert(0.1) is None
    monkeypatch.undo()
    assert converter.convert(0.1) == 42


def test_no_bound_driver_and_a_lost_one_are_told(tmp_path: Path) -> None:
    with pytest.raises(DeviceError) as refused:
        IioConverter(tmp_path)
    assert refused.value.code == "scale.no-iio"
    device = sysfs(tmp_path, "1\n")
    converter = IioConverter(tmp_path)
    (device / "in_voltage0_raw").unlink()
    with pytest.raises(DeviceError) as lost:
        converter.convert(0.1)
    assert lost.value.code == "scale.no-iio"


# -- the package, in its child ---------------------------------------------------------------------------------------

# The package's RPi.GPIO is a chip that lives in the child: its pins are the simulated edges.
CHILD = """
import sys, time, types, itertools
sys.path.insert(0, {root!r})
from tests.simulation.hx711_chip import Chip
codes = {codes!r}
chip = Chip(time.perf_counter, itertools.cycle(codes) if codes else iter(()), rate_sps=400.0)
chip.plugged = bool(codes)
gpio = types.ModuleType("RPi.GPIO")
gpio.BCM, gpio.OUT, gpio.IN = 11, 0, 1
gpio.setmode = lambda mode: None
gpio.setup = lambda pin, mode: None
gpio.output = lambda pin, level: chip.sck(int(level))
gpio.input = lambda pin: chip.dout
package = types.ModuleType("RPi")
package.GPIO = gpio
sys.modules.update({{"RPi": package, "RPi.GPIO": gpio}})
real_sleep, time.sleep = time.sleep, lambda span: real_sleep(min(span, 0.002))
from agent.devices.hx711_package import serve
serve(5, 6)
"""
ROOT = str(Path(__file__).resolve().parents[2])


def package_converter(codes: list[int]) -> PackageConverter:
    code = CHILD.format(root=ROOT, codes=codes)
    return PackageConverter(data_pin=5, clock_pin=6, command=[sys.executable, "-c", code])


def test_the_package_reads_zero_and_full_scale_where_alone_it_hangs() -> None:
    converter = package_converter([0, 0x7FFFFF, -1, 4242])
    try:
        found = {code for code in (converter.convert(2.0) for _ in range(60)) if code is not None}
    finally:
        converter.close()
    assert {0, SATURATED, -1, 4242} <= found


def test_an_unplugged_cell_can_not_hang_the_package() -> None:
    converter = package_converter([])
    try:
        assert [converter.convert(2.0) for _ in range(3)] == [None, None, None]
    finally:
        converter.close()


def test_a_package_that_can_not_run_says_why() -> None:
    converter = PackageConverter(data_pin=5, clock_pin=6)
    with pytest.raises(DeviceError) as refused:
        [converter.convert(0.5) for _ in range(40)]
    assert refused.value.code == "scale.package-failed"
    assert "RPi.GPIO" in refused.value.detail


# -- the reader's thread ---------------------------------------------------------------------------------------------


class Scripted:
    """A converter that gives these, then nothing."""

    def __init__(self, *script: int | DeviceError) -> None:
        self._script = list(script)
        self.closed = False

    def convert(self, timeout_s: float) -> int | None:
        if not self._script:
            return None
        step = self._script.pop(0)
        if isinstance(step, DeviceError):
            raise step
        return step

    def close(self) -> None:
        self.closed = True


def read_all(scale: Hx711Scale, count: int) -> list[int]:
    found: list[int] = []
    for _ in range(count):
        if len(found) < count:
            found += [sample.counts for sample in scale.read(0.5)]
    return found


def test_a_cut_word_is_dropped_and_counted() -> None:
    scale = Hx711Scale(Scripted(123_456, 123_460, 0x1FFFF, 123_458), lambda: 0.0)
    assert read_all(scale, 3) == [123_456, 123_460, 123_458]
    assert scale.damaged == 1
    scale.close()


def test_a_lost_bus_reaches_the_reader_and_silence_is_unplugged() -> None:
    lost = Hx711Scale(Scripted(DeviceError("scale.spi-failed", "gone.", "")), lambda: 0.0)
    with pytest.raises(DeviceError) as refused:
        lost.read(2.0)
    assert refused.value.code == "scale.spi-failed"
    lost.close()
    clock = FakeClock(step_s=0.6)
    mute = Hx711Scale(Scripted(), clock)
    with pytest.raises(DeviceError) as silent:
        [mute.read(0.0) for _ in range(5)]
    assert silent.value.code == "scale.unplugged"
    mute.close()
    mute.close()


@pytest.mark.parametrize(("word", "count"), [(0x7FFFFF, 8_388_607), (0x800000, -8_388_608), (0xFFFFFF, -1), (0, 0)])
def test_words_are_twos_complement(word: int, count: int) -> None:
    assert signed(word) == count

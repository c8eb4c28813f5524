"""Every way to reach a load cell, by name."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Literal

from agent.devices import DeviceError

if TYPE_CHECKING:
    from collections.abc import Callable

    from agent.devices import Scale
    from agent.devices.hx711 import Converter

Driver = Literal["spi", "gpio", "iio", "hx711", "bench", "trace"]


def open_scale(driver: Driver, path: str, clock: Callable[[], float], sleep: Callable[[float], None], *,
               data_pin: int = 9, clock_pin: int = 10, counts_per_gram: float = 1000.0,
               zero_counts: float = 0.0) -> Scale:
    """Return an open load cell. Raises DeviceError when it is not there.

    `path` is the SPI device, the bench's folder or the recording. `data_pin` and `clock_pin` (BCM) are for the drivers
    `gpio` and `hx711`; their defaults are MISO and MOSI, so the recommended wiring serves all drivers. The figures of
    the calibration turn a recording in grams back into counts.
    """
    match driver:
        case "bench":
            from agent.devices.bench import BenchScale

            return BenchScale(path)
        case "trace":
            from agent.devices.trace import TraceScale

            return TraceScale(Path(path), counts_per_gram=counts_per_gram, zero_counts=zero_counts, clock=clock,
                              sleep=sleep, repeat_last=False)
        case "spi" | "gpio" | "iio" | "hx711":
            from agent.devices.hx711 import Hx711Scale

            return Hx711Scale(_converter(driver, path, data_pin, clock_pin), clock)


def _converter(driver: Literal["spi", "gpio", "iio", "hx711"], path: str, data_pin: int, clock_pin: int) -> Converter:
    match driver:
        case "spi":
            from agent.devices.hx711_spi import SpiConverter, SpiDev

            return SpiConverter(SpiDev(path or "/dev/spidev0.0"))
        case "gpio":
            from agent.devices.hx711_gpio import GpioConverter, lgpio_lines

            return GpioConverter(lgpio_lines(), data_pin=data_pin, clock_pin=clock_pin)
        case "iio":
            from agent.devices.hx711_iio import IioConverter

            return IioConverter()
        case "hx711":
            if data_pin == clock_pin:
                raise DeviceError("scale.gpio-busy", "data and clock are one pin.", "Name two pins.")
            from agent.devices.hx711_package import PackageConverter

            return PackageConverter(data_pin=data_pin, clock_pin=clock_pin)

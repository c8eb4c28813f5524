"""Every way to reach a load cell or a weighing instrument, by name."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Literal

from agent.devices import DeviceError

if TYPE_CHECKING:
    from collections.abc import Callable

    from agent.devices import Instrument, Scale
    from agent.devices.hx711 import Converter
    from agent.devices.scale_hid import Found
    from firmware_config.calibration import ScaleCalibration

Driver = Literal["spi", "gpio", "iio", "hx711", "bench", "trace"]


def open_scale(driver: Driver, path: str, clock: Callable[[], float], sleep: Callable[[float], None], *,
               data_pin: int = 9, clock_pin: int = 10, calibration: ScaleCalibration | None = None) -> Scale:
    """Return an open load cell. Raises DeviceError when it is not there.

    `path` is the SPI device, the bench's folder or the recording. `data_pin` and `clock_pin` (BCM) are for the drivers
    `gpio` and `hx711`; their defaults are MISO and MOSI, so the recommended wiring serves all drivers. The
    calibration turns a recording in grams back into counts.
    """
    match driver:
        case "bench":
            from agent.devices.bench import BenchScale

            return BenchScale(path)
        case "trace":
            from agent.devices.trace import TraceScale

            figures = (1000.0, 0.0) if calibration is None else (calibration.counts_per_gram, calibration.zero_counts)
            return TraceScale(Path(path), counts_per_gram=figures[0], zero_counts=figures[1], clock=clock, sleep=sleep)
        case "spi" | "gpio" | "iio" | "hx711":
            from agent.devices.hx711 import Hx711Scale

            return Hx711Scale(_converter(driver, path, data_pin, clock_pin), clock)


def open_instrument(driver: Literal["serial", "hid"], path: str, *, protocol: str = "", pattern: str = "",
                    unit: str = "", baud: int = 0, frame: str = "") -> Instrument:
    """Return an open weighing instrument; a serial port is opened by the first reading.

    `path` is the port or the hidraw file (empty: the first scale found). The rest is for driver `serial`: the dialect's
    name, its pattern, the unit of frames without one; speed and framing where they are not the dialect's own.
    Raises DeviceError when it is not there.
    """
    if driver == "hid":
        from agent.devices.scale_hid import HidScale

        return HidScale(path)
    from agent.devices.scale_serial import SerialScale, dialect_of

    return SerialScale(path, dialect_of(protocol, pattern), unit=unit or None, baud=baud or None, frame=frame or None)


def answers_only_changes(protocol: str) -> bool:
    """Tell whether an instrument of this dialect is silent while its weight stays the same."""
    from agent.devices.scale_serial import DIALECTS

    return protocol in DIALECTS and DIALECTS[protocol].quiet


def find_load_cells(dev: Path = Path("/dev"), iio: Path = Path("/sys/bus/iio/devices")) -> list[Found]:
    """Return what an HX711 may be wired to: the kernel's own devices, and SPI buses. Nothing is opened.

    The chip has no name: on an SPI bus or on two lines only its conversions show that it is there.
    """
    from agent.devices.scale_hid import Found

    found = [Found(str(name.parent), "hx711", "iio", sure=True) for name in sorted(iio.glob("iio:device*/name"))
             if name.read_text(encoding="ascii", errors="replace").strip() == "hx711"]
    return found + [Found(str(node), node.name, "spi", sure=False) for node in sorted(dev.glob("spidev*"))]


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

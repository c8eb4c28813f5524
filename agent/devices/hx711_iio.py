"""HX711 behind the Linux kernel's own driver (avia,hx711): one file in sysfs, one blocking read a conversion.

Its raw value is offset binary. A read waits for the next conversion (20 ms at 80 SPS, so about 50 come a second;
120 ms at 10 SPS) and answers EIO when the chip is not there.
"""

from __future__ import annotations

import errno
from pathlib import Path

from agent.devices import DeviceError
from agent.devices.hx711 import from_offset_binary

SYSFS = Path("/sys/bus/iio/devices")


class IioConverter:
    """Reads words from the kernel. Implements `agent.devices.hx711.Converter`.

    `sysfs` is the folder of IIO devices. Raises DeviceError `scale.no-iio` when no hx711 is bound.
    """

    def __init__(self, sysfs: Path = SYSFS) -> None:
        self._raw = _device(sysfs) / "in_voltage0_raw"
        self._silent = 0

    def convert(self, timeout_s: float) -> int | None:
        """Return the next count; see `Converter.convert`. The kernel's own waiting time counts, not `timeout_s`."""
        try:
            text = self._raw.read_text(encoding="ascii")
            self._silent = 0
            return from_offset_binary(int(text))
        except OSError as error:
            if error.errno == errno.EIO:  # no conversion within the kernel's patience; it recovers when plugged again
                return None
            raise DeviceError("scale.no-iio", f"{self._raw}: {error.strerror}.",
                              "The kernel driver went away: check dmesg for hx711.") from error
        except ValueError:
            return None

    def close(self) -> None:
        """Give nothing back: the file is opened for each read."""


def _device(sysfs: Path) -> Path:
    for name in sorted(sysfs.glob("iio:device*/name")):
        try:
            if name.read_text(encoding="utf-8").strip() == "hx711":
                return name.parent
        except OSError:
            continue
    raise DeviceError("scale.no-iio", f"no hx711 among the devices in {sysfs}.",
                      "Install the kernel module and the overlay in firmware_config/boot, then reboot.")

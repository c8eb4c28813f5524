"""HX711 clocked by the SPI controller: MOSI drives PD_SCK, MISO reads DOUT; SCLK and CE stay unconnected.

The recommended wiring. The controller makes every high time 1-2 us on every Pi, whatever Linux does meanwhile, and
every byte ends low, so a pause between bytes is harmless. At 1 MHz the bits 10 are one clock pulse: AAh is four of
them. DOUT changes 0.1 us after the rising edge, so the second half of each pulse (bits 6, 4, 2, 0) holds the bit.
"""

from __future__ import annotations

import array
import fcntl
import os
import struct
import time
from typing import TYPE_CHECKING, Protocol

from agent.devices import DeviceError
from agent.devices.hx711 import signed

if TYPE_CHECKING:
    from collections.abc import Callable

SPI_IOC_WR_MODE = 0x40016B01
SPI_IOC_WR_BITS_PER_WORD = 0x40016B03
SPI_IOC_MESSAGE_1 = 0x40206B00  # linux/spi/spidev.h: _IOW('k', 0, 32 bytes)
SPEED_HZ = 1_000_000
WORD = b"\xaa" * 6
LAST = {"A128": b"\x80", "B32": b"\xa0", "A64": b"\xa8"}
POLL_S = 0.001


class SpiBus(Protocol):
    """Sends bytes and returns as many that came at the same time."""

    def transfer(self, sent: bytes) -> bytes: ...

    def close(self) -> None: ...


class SpiDev:
    """A `/dev/spidevB.C` file, through its own ioctl; no package needed. Raises DeviceError `scale.no-spi`."""

    def __init__(self, path: str = "/dev/spidev0.0", speed_hz: int = SPEED_HZ) -> None:
        self._speed_hz = speed_hz
        try:
            self._file = os.open(path, os.O_RDWR | os.O_CLOEXEC)
            fcntl.ioctl(self._file, SPI_IOC_WR_MODE, b"\0")
            fcntl.ioctl(self._file, SPI_IOC_WR_BITS_PER_WORD, b"\x08")
        except OSError as error:
            raise DeviceError("scale.no-spi", f"{path}: {error.strerror}.",
                              "Switch SPI on: dtparam=spi=on in config.txt, then reboot.") from error

    def transfer(self, sent: bytes) -> bytes:
        """Send and receive. Raises DeviceError `scale.spi-failed`."""
        out, back = array.array("B", sent), array.array("B", bytes(len(sent)))
        message = struct.pack("=QQIIHBBBBBB", out.buffer_info()[0], back.buffer_info()[0], len(sent), self._speed_hz,
                              0, 8, 0, 0, 0, 0, 0)
        try:
            fcntl.ioctl(self._file, SPI_IOC_MESSAGE_1, message)
        except OSError as error:
            raise DeviceError("scale.spi-failed", f"the SPI transfer failed: {error.strerror}.",
                              "Restart the station; if it stays, the SPI overlay is wrong.") from error
        return back.tobytes()

    def close(self) -> None:
        """Close the file. May be called twice."""
        if self._file >= 0:
            os.close(self._file)
            self._file = -1


class SpiConverter:
    """Reads words over SPI. Implements `agent.devices.hx711.Converter`."""

    def __init__(self, bus: SpiBus, *, gain: str = "A128", clock: Callable[[], float] = time.monotonic,
                 sleep: Callable[[float], None] = time.sleep) -> None:
        self._bus = bus
        self._frame = WORD + LAST[gain]
        self._pulses = 24 + {"A128": 1, "B32": 2, "A64": 3}[gain]
        self._clock, self._sleep = clock, sleep

    def convert(self, timeout_s: float) -> int | None:
        """Return the next count; see `Converter.convert`.

        Raises DeviceError `scale.data-line-low` when DOUT stays low after a word: no chip does that.
        """
        deadline_s = self._clock() + timeout_s
        while self._bus.transfer(b"\0") != b"\0":
            if self._clock() >= deadline_s:
                return None
            self._sleep(POLL_S)
        back = self._bus.transfer(self._frame)
        word = 0
        for byte in back[:6]:
            word = word << 4 | (byte >> 3 & 8) | (byte >> 2 & 4) | (byte >> 1 & 2) | byte & 1
        # After its last pulse the chip holds DOUT high until the next conversion.
        idle = (1 << (8 - 2 * (self._pulses - 24))) - 1
        if back[6] & idle == idle:
            return signed(word)
        if back == bytes(7):
            raise DeviceError("scale.data-line-low", "DOUT is low all the time.",
                              "DOUT touches ground, or the chip has no supply: check both wires.")
        return None

    def close(self) -> None:
        """Close the bus."""
        self._bus.close()

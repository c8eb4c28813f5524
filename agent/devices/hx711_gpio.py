"""HX711 on two ordinary GPIO lines, clocked in software through lgpio, with a guard on every pulse.

Linux may hold a pulse up for milliseconds; the chip powers down at 60 us of PD_SCK high, in mid-word. So each high
time is measured, and a word with one of 50 us or longer is thrown away together with what the chip says until it has
settled. lgpio is called directly: gpiozero's pins take three times as long.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Protocol

from agent.devices import DeviceError
from agent.devices.hx711 import PULSES, SETTLING_CONVERSIONS, signed

if TYPE_CHECKING:
    from collections.abc import Callable

LONGEST_HIGH_S = 50e-6
POLL_S = 0.001


class Lines(Protocol):
    """The part of the lgpio module that is used."""

    SET_PULL_UP: int

    @property
    def error(self) -> type[Exception]: ...

    def gpiochip_open(self, gpiochip: int) -> int: ...

    def gpiochip_close(self, handle: int) -> object: ...

    def gpio_claim_output(self, handle: int, gpio: int, level: int) -> object: ...

    def gpio_claim_input(self, handle: int, gpio: int, lFlags: int) -> object: ...  # noqa: N803 (lgpio's own word)

    def gpio_write(self, handle: int, gpio: int, level: int) -> object: ...

    def gpio_read(self, handle: int, gpio: int) -> int: ...


def lgpio_lines() -> Lines:
    """Return the lgpio module. Raises DeviceError `scale.no-lgpio` when it is absent or an empty shell."""
    hint = "Install Debian's python3-lgpio and make the environment with --system-site-packages."
    try:
        import lgpio
    except ImportError as error:
        raise DeviceError("scale.no-lgpio", "the Python module lgpio is not installed.", hint) from error
    if not hasattr(lgpio, "gpiochip_open"):  # 0.0.0.2, which pip takes where it finds no wheel, has nothing in it
        raise DeviceError("scale.no-lgpio", "the Python module lgpio is an empty shell.", hint)
    lines: Lines = lgpio
    return lines


class GpioConverter:
    """Reads words with pulses from software. Implements `agent.devices.hx711.Converter`.

    `cut` counts the words that were thrown away for a long pulse: one in a hundred is usual on a busy Pi.
    """

    def __init__(self, lines: Lines, *, data_pin: int, clock_pin: int, gain: str = "A128", chip: int = 0,
                 timer: Callable[[], float] = time.perf_counter, sleep: Callable[[float], None] = time.sleep) -> None:
        self.cut = 0
        self._lines, self._data, self._clock = lines, data_pin, clock_pin
        self._pulses = PULSES[gain]
        self._timer, self._sleep = timer, sleep
        self._skip = 0
        try:
            self._handle = lines.gpiochip_open(chip)
            lines.gpio_claim_output(self._handle, clock_pin, 0)
            lines.gpio_claim_input(self._handle, data_pin, lines.SET_PULL_UP)
        except lines.error as error:
            raise DeviceError("scale.gpio-busy", f"GPIO lines {data_pin} and {clock_pin} can't be claimed: {error}.",
                              "Another program or kernel driver holds them: `gpioinfo` says which.") from error

    def convert(self, timeout_s: float) -> int | None:
        """Return the next count; see `Converter.convert`."""
        lines, handle = self._lines, self._handle
        deadline_s = self._timer() + timeout_s
        while lines.gpio_read(handle, self._data):
            if self._timer() >= deadline_s:
                return None
            self._sleep(POLL_S)
        word, longest_s = 0, 0.0
        write, read, timer = lines.gpio_write, lines.gpio_read, self._timer
        for pulse in range(self._pulses):
            up_s = timer()
            write(handle, self._clock, 1)
            write(handle, self._clock, 0)
            longest_s = max(longest_s, timer() - up_s)
            if pulse < 24:
                word = word << 1 | read(handle, self._data)
        if longest_s >= LONGEST_HIGH_S:
            self.cut += 1
            self._skip = SETTLING_CONVERSIONS
            return None
        if self._skip:
            self._skip -= 1
            return None
        if not read(handle, self._data):
            return None  # a whole word leaves DOUT high: this one lost a pulse, or the line is no HX711's
        return signed(word)

    def close(self) -> None:
        """Give the lines back; PD_SCK stays low, so the chip keeps running."""
        if self._handle >= 0:
            self._lines.gpiochip_close(self._handle)
            self._handle = -1

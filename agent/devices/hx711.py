"""The HX711: what its words mean, and the thread that reads them, whatever clocks them out of the chip.

Facts from the Avia Semiconductor data sheet: DOUT falls when a conversion is ready; 24 bits follow, most
significant first, each after a rising edge of PD_SCK; 25, 26 or 27 pulses in all choose A/128, B/32 or A/64 for the
next one; PD_SCK high for 60 us or longer powers the chip down, and four conversions pass until it has settled again.
"""

from __future__ import annotations

import threading
from collections import deque
from typing import TYPE_CHECKING, Protocol

from agent.devices import DeviceError, Sample

if TYPE_CHECKING:
    from collections.abc import Callable

PULSES = {"A128": 25, "B32": 26, "A64": 27}
POWER_DOWN_S = 60e-6
SETTLING_CONVERSIONS = 4
SILENT_S = 1.0
CUT_ONES, CUT_JUMP = 0xFF, 128
SATURATED = 0x7FFFFF
"""Full scale: a bridge wire is off, or the load is far too much."""


def signed(word: int) -> int:
    """Return the count of a 24-bit word in two's complement.

    >>> signed(0xFFFFFF), signed(0x7FFFFF), signed(0x800000)
    (-1, 8388607, -8388608)
    """
    return word - 0x1000000 if word & 0x800000 else word


def from_offset_binary(raw: int) -> int:
    """Return the count of a word whose top bit the Linux kernel driver has flipped (drivers/iio/adc/hx711.c)."""
    return raw - 0x800000


def cut_short(code: int, before: int) -> bool:
    """Tell whether a word looks cut: it ends in at least eight ones and lies off the one before it.

    A chip that powers down in mid-word holds DOUT high, so the rest of the word reads as ones. A whole word ends so
    once in 256; with a jump besides it is taken for damage, which costs one sample of a moving load at most. Full
    scale is a state of the bridge and no damage.

    >>> cut_short(0x1FFFF, 0x1E240), cut_short(0x1E2FF, 0x1E2F0)
    (True, False)
    """
    return code & CUT_ONES == CUT_ONES and code != SATURATED and abs(code - before) >= CUT_JUMP


class Converter(Protocol):
    """One way to get words out of an HX711."""

    def convert(self, timeout_s: float) -> int | None:
        """Wait for the next conversion and return its count; None when none came or the word was damaged.

        Raises DeviceError when the way to the chip is gone.
        """
        ...

    def close(self) -> None:
        """Give the lines back. May be called twice."""
        ...


class Hx711Scale:
    """A load cell behind an HX711, read in a thread of its own. Implements `agent.devices.Scale`.

    `clock` returns the station's seconds; each sample is stamped when its word was read. Saturated codes are passed on:
    an overload is a state of the platform, not a fault of the driver. `damaged` counts the words that were dropped.
    """

    def __init__(self, converter: Converter, clock: Callable[[], float]) -> None:
        self.damaged = 0
        self._converter = converter
        self._clock = clock
        self._samples: deque[Sample] = deque(maxlen=4096)
        self._news = threading.Condition()
        self._error: DeviceError | None = None
        self._stop = False
        self._before: int | None = None
        self._last_at_s = clock()
        self._thread = threading.Thread(target=self._run, name="hx711", daemon=True)
        self._thread.start()

    def read(self, timeout_s: float) -> list[Sample]:
        """Return the samples since the last call; see `agent.devices.Scale`.

        Raises DeviceError `scale.unplugged` after a second without a word, or what the converter raised.
        """
        with self._news:
            self._news.wait_for(lambda: bool(self._samples) or self._error is not None, timeout_s)
            found = list(self._samples)
            self._samples.clear()
            if found:
                self._last_at_s = found[-1].at_s
                return found
            if self._error is not None:
                raise self._error
        if self._clock() - self._last_at_s > SILENT_S:
            raise DeviceError("scale.unplugged", "the HX711 gives no conversions.",
                              "Check its supply, DOUT and PD_SCK; DOUT needs a pull-up.")
        return []

    def close(self) -> None:
        """Stop the thread and give the lines back."""
        self._stop = True
        self._thread.join(timeout=2.0)
        self._converter.close()

    def _run(self) -> None:
        while not self._stop:
            try:
                code = self._converter.convert(0.2)
            except DeviceError as error:
                with self._news:
                    self._error = error
                    self._news.notify_all()
                return
            if code is None:
                continue
            before, self._before = self._before, code
            if before is not None and cut_short(code, before):
                self.damaged += 1
                self._before = before
                continue
            with self._news:
                self._samples.append(Sample(self._clock(), code))
                self._news.notify_all()

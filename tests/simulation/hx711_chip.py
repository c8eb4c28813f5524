"""An HX711 at the level of its pins, as the data sheet describes it: for drivers that move edges, bits or files."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

GAIN_OF_PULSES = {25: "A128", 26: "B32", 27: "A64"}
POWER_DOWN_S = 60e-6


class Chip:
    """DOUT and PD_SCK of one chip. `clock` returns seconds; `codes` gives the count of each conversion.

    DOUT is high while no conversion is ready. Each rising edge shifts out one bit, most significant first; from the
    25th on DOUT is high, and the number of pulses chooses the next gain. PD_SCK high for 60 us powers down: DOUT is
    high, and after waking the chip is not ready for four conversions, with gain A/128.
    """

    def __init__(self, clock: Callable[[], float], codes: Iterator[int], rate_sps: float = 80.0) -> None:
        self.gain = "A128"
        self.plugged = True
        self.stuck_low = False
        self.power_downs = 0
        self._clock, self._codes = clock, codes
        self._period_s = 1.0 / rate_sps
        self._ready_at_s = clock() + 4 * self._period_s
        self._level = 0
        self._rose_at_s = 0.0
        self._pulses = 0
        self._word: int | None = None

    @property
    def dout(self) -> int:
        """The level of the data line; a pull-up holds it high when nothing drives it."""
        if self.stuck_low:
            return 0
        if not self.plugged or self._asleep():
            return 1
        if self._pulses >= 25 or self._word is None:
            if self._level or self._clock() < self._ready_at_s:
                return 1
            self.gain = GAIN_OF_PULSES.get(self._pulses, self.gain)
            self._word, self._pulses = next(self._codes) & 0xFFFFFF, 0
            self._ready_at_s = max(self._ready_at_s + self._period_s, self._clock())
        if self._pulses == 0:
            return 0
        return self._word >> (24 - self._pulses) & 1 if self._pulses <= 24 else 1

    def sck(self, level: int) -> None:
        """Drive the clock line."""
        if level and not self._level:
            self._rose_at_s = self._clock()
            if self._word is not None:
                self._pulses += 1
        elif self._level and not level and self._asleep():
            self.power_downs += 1
            self.gain, self._word, self._pulses = "A128", None, 0
            self._ready_at_s = self._clock() + 4 * self._period_s
        self._level = level

    def _asleep(self) -> bool:
        return self._level == 1 and self._clock() - self._rose_at_s >= POWER_DOWN_S


class FakeClock:
    """Seconds that pass when somebody sleeps, or a fixed step at each look."""

    def __init__(self, step_s: float = 0.0) -> None:
        self.now_s = 0.0
        self.step_s = step_s

    def __call__(self) -> float:
        self.now_s += self.step_s
        return self.now_s

    def sleep(self, span_s: float) -> None:
        self.now_s += span_s

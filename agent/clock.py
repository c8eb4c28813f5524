"""The only clock of the program. On a simulated bench it runs at the bench's speed; on hardware at 1."""

from __future__ import annotations

import ctypes
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

# adjtimex(2): the kernel's clock is not disciplined by anything.
_TIME_ERROR = 5


@dataclass(frozen=True, slots=True)
class Clock:
    """The station's monotonic clock: `speed` station seconds per real second since `epoch_s`."""

    speed: float = 1.0
    epoch_s: float = 0.0

    def now_s(self) -> float:
        """Seconds that never run backwards."""
        return (time.monotonic() - self.epoch_s) * self.speed

    def now_ms(self) -> int:
        """The same in whole milliseconds."""
        return int(self.now_s() * 1000)

    def real_s(self, station_s: float) -> float:
        """Return how many real seconds a span of station time takes."""
        return station_s / self.speed

    def wall_ms(self) -> int:
        """Unix time in milliseconds, as far as the machine knows it."""
        return time.time_ns() // 1_000_000


# A budget of processor time ends after so many times as long at the latest.
PATIENCE = 4


def effort() -> Callable[[], float]:
    """Return a clock for budgets: seconds of processor time of the calling thread since now.

    A busy machine gives a thread less of each second, and a budget of real seconds would then be over before the work
    has begun. It runs at least at a quarter of real time.
    """
    busy_s, real_s = time.thread_time(), time.monotonic()
    return lambda: max(time.thread_time() - busy_s, (time.monotonic() - real_s) / PATIENCE)


def wall_is_trusted() -> bool:
    """True when the machine's clock was set from the network, or from a battery-backed clock that was.

    A Pi without a battery starts in the past; systemd-timesyncd leaves a file once it has the time, any other
    daemon clears the kernel's "unsynchronised" flag (adjtimex(2)).
    """
    if Path("/run/systemd/timesync/synchronized").exists():
        return True
    buffer = ctypes.create_string_buffer(256)
    return ctypes.CDLL(None, use_errno=True).adjtimex(buffer) not in (-1, _TIME_ERROR)

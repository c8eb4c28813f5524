"""The first look at each conversion: can it be a weight at all? And the filter for single spikes.

Nothing here smooths. A median before the notch would bend the ring and double its time.
"""

from __future__ import annotations

from collections import deque
from math import exp, inf
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from agent.weighing.events import FaultReason

RAILS = (0x7FFFFF, -0x800000)
"""The HX711's saturated codes (data sheet, "Output"): a bridge wire is off, or far too much load."""
NEVER = (*RAILS, -1)
"""Codes that are no measurement: -1 is a data line that floats high."""

SPIKE_D = 20.0
NEVER_REPEATED = 80
COARSE_D = 0.05
COARSE_STILL_S = 8.0
"""Grams that were rounded to steps as wide as the noise repeat by themselves: such a reading may rest so long."""
LEARNT_RUNS = 40
LONG_RUN = 16.0
"""Runs of a code are spread like waiting times: one in ten million is this many times the usual."""
FLOOD = 1.3
"""An HX711's clock may be 15 % fast; what comes faster than this is no HX711."""
QUIET_AFTER_FAULT_S = 2.0
SETTLING_CONVERSIONS = 4
"""Conversions until the HX711's filter has forgotten a restart (data sheet: 400 ms at 10, 50 ms at 80 SPS)."""


class InputGuard:
    """Drops what cannot be a weight, one sample late, and says which fault the input has."""

    def __init__(self, rate_sps: float, division_g: float, capacity_g: float) -> None:
        self.fault: FaultReason | None = None
        self.spikes = 0
        self.lost = False
        """True when the last sample came after a hole in time; what came before must not be averaged with it."""
        self._rate = rate_sps
        self._spike_g = SPIKE_D * division_g
        self._small_step_g = 5.0 * division_g
        self._low_g, self._high_g = -0.5 * capacity_g, 2.0 * capacity_g
        self._calm = exp(-2.0 / rate_sps)
        self._liveliness = 0.0
        self._last_error = 0.0
        self._before: float | None = None
        self._candidate: float | None = None
        self._last_at_s: float | None = None
        self._gap_pending = False
        self._skip = 0
        self._bad_at_s: deque[tuple[float, FaultReason]] = deque(maxlen=3)
        self._last_bad_s = 0.0
        self._last_code: float | None = None
        self._last_g = 0.0
        self._same = 0
        self._same_since_s = 0.0
        self._usual_run = 0.0
        self._finest_step_g = inf
        self._coarse_g = COARSE_D * division_g
        self._runs = 0
        self._flood, self._brisk = max(20, int(0.65 * rate_sps)), max(8, int(0.65 * rate_sps))
        self._recent: deque[float] = deque(maxlen=self._flood)
        self._fast_since_s: float | None = None

    @property
    def hurried(self) -> bool:
        """Tell whether the newest samples, as many as a weight needs, came too fast to be conversions."""
        count = self._brisk
        return len(self._recent) >= count and (
            self._recent[-1] - self._recent[-count]) * FLOOD * self._rate < count - 1

    def feed(self, at_s: float, code: float, gross_g: float, *, raw: bool) -> float | None:
        """Take one conversion; return the sample before it when that one is good, else None.

        `raw` says that `code` is a converter's count, where the rails mean saturation. Look at `fault` and `lost`
        after each call.
        """
        self.lost = False
        self._watch_time(at_s)
        self._watch_code(at_s, code, gross_g, raw=raw)
        if self.fault is not None and at_s - self._last_bad_s >= QUIET_AFTER_FAULT_S:
            self.fault = None
            self._bad_at_s.clear()
        if raw and code in NEVER:
            self._bad(at_s, "saturated" if code in RAILS else "out-of-range")
            return None
        if not self._low_g <= gross_g <= self._high_g:
            self._bad(at_s, "out-of-range")
            return None
        if self._skip:
            self._skip -= 1
            return None
        return self._despiked(gross_g)

    def silent(self, at_s: float) -> None:
        """Note that no conversion has come for a second."""
        self._fail(at_s, "silent")

    def _despiked(self, after: float) -> float | None:
        before, candidate = self._before, self._candidate
        self._candidate = after
        if candidate is None:
            return None
        self._before = candidate
        if before is None:
            return candidate
        middle = (before + after) / 2.0
        error = abs(candidate - middle)
        if (error > self._spike_g and error > 4.0 * self._liveliness
                and abs(after - before) < 0.5 * abs(candidate - before)):
            self.spikes += 1
            self._before = middle
            self._last_error = 0.0  # the sample before a spike looks half as wild, because of the spike
            return middle
        self._liveliness = max(self._last_error, self._liveliness * self._calm)
        self._last_error = error
        return candidate

    def _watch_time(self, at_s: float) -> None:
        """Find holes in time (a restarted chip) and floods (a floating data line); a late batch is neither."""
        if self._last_at_s is None:
            self._last_at_s = at_s
            self._recent.append(at_s)
            return
        step_s = at_s - self._last_at_s
        self._last_at_s = at_s
        if self._gap_pending:
            self._gap_pending = False
            if step_s > 0.5 / self._rate:
                self._restart()
                self._skip = SETTLING_CONVERSIONS - 2
        if step_s > (SETTLING_CONVERSIONS + 0.5) / self._rate:
            # The next stamp tells: a batch that waited in a queue follows at once, a chip that restarted does not.
            self._gap_pending = True
        self._recent.append(at_s)
        span_s = at_s - self._recent[0]
        count = len(self._recent) - 1
        if count + 1 < self._flood or count < FLOOD * self._rate * span_s:
            self._fast_since_s = None
        elif self._fast_since_s is None:
            self._fast_since_s = at_s
        elif at_s - self._fast_since_s >= 0.3:
            self._fail(at_s, "too-fast")

    def _watch_code(self, at_s: float, code: float, gross_g: float, *, raw: bool) -> None:
        """Find a frozen code: live cells never repeat one 80 times, unless the steps are coarser than the noise.

        How long a code usually lasts before a small step is learnt, so that a frozen one is found sooner where
        codes never repeat, and later where they often do. Rounded grams teach nothing: how often they repeat depends
        on how near the load is to the middle of a step.
        """
        if code == self._last_code:
            self._same += 1
            coarse = not raw and self._finest_step_g >= self._coarse_g
            known = self._runs >= LEARNT_RUNS and not coarse
            limit = LONG_RUN * self._usual_run if known else NEVER_REPEATED
            still_s = COARSE_STILL_S if coarse else 1.0
            if self._same >= limit and (known or at_s - self._same_since_s >= still_s):
                self._fail(at_s, "stuck-code")
            return
        step_g = abs(gross_g - self._last_g)
        if self._last_code is not None:
            self._finest_step_g = min(self._finest_step_g, step_g)
            if step_g < self._small_step_g:
                self._runs += 1
                self._usual_run += (self._same - self._usual_run) / min(self._runs, LEARNT_RUNS)
        self._last_code, self._last_g = code, gross_g
        self._same, self._same_since_s = 1, at_s

    def _bad(self, at_s: float, reason: FaultReason) -> None:
        self._bad_at_s.append((at_s, reason))
        if self.fault is not None or (len(self._bad_at_s) == 3 and at_s - self._bad_at_s[0][0] <= 1.0):
            self._fail(at_s, reason)

    def _fail(self, at_s: float, reason: FaultReason) -> None:
        self.fault = self.fault or reason
        self._last_bad_s = at_s
        self._restart()

    def _restart(self) -> None:
        self.lost = True
        self._before = self._candidate = None

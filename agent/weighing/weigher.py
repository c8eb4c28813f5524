"""The weigher: one sample in, what happened on the platform out. Pure; its only clock is the sample's time."""

from __future__ import annotations

from math import sqrt
from typing import TYPE_CHECKING

from agent.weighing import events as told
from agent.weighing.guard import InputGuard
from agent.weighing.phase import Phase
from agent.weighing.settling import Estimate, Settling
from agent.weighing.stillness import Stretch, stretch, unrest
from agent.weighing.zero import ZeroTracking

if TYPE_CHECKING:
    from firmware_config.calibration import ScaleCalibration
    from firmware_config.scale import ScaleSettings

HOP_S = 0.05
LEVEL_S = 0.15
REST_S = 1.0
REST_HOP_S = 0.25
ON_D, ON_HOLD_S = 10.0, 0.1
OFF_D, OFF_HOLD_S = 7.0, 0.3
MOVED_D, MOVED_HOLD_S = 2.0, 0.15
OVER_D = 9.0
NEGATIVE_D, NEGATIVE_S = 20.0, 2.0
DEBRIS_D = 3.0
MIN_LOAD_D = 20.0
MOTION_S = 4.0
SILENT_S = 1.0
START_S = 0.2
FASTEST_SPS = 120.0


class Weigher:
    """Turns conversions into weights and box events, one sample at a time.

    Without a calibration the samples are grams already. Steps of the calibration are never taken by itself: zero
    is followed only while the platform is empty, and a load that stands there at power-up is never zeroed.
    """

    def __init__(self, settings: ScaleSettings, calibration: ScaleCalibration | None = None) -> None:
        self.phase = Phase.STARTING
        self.revision = 0
        self.gross_g: float | None = None
        """The last stable weight of this visit; None while there is none."""
        self.zero = ZeroTracking(settings.division_g, settings.capacity_g, legal=settings.legal_zero)
        self._calibration = calibration
        self._d = settings.division_g
        self._capacity_g = settings.capacity_g
        self._min_load_g = MIN_LOAD_D * self._d if settings.min_load_g is None else settings.min_load_g
        self._left_on_s = settings.left_on_s
        self._merge = max(1, int(settings.rate_sps / (FASTEST_SPS / 1.5))) if settings.rate_sps > FASTEST_SPS else 1
        self._merged: list[float] = []
        rate = settings.rate_sps / self._merge
        self._rate = rate
        self._guard = InputGuard(settings.rate_sps, settings.division_g, settings.capacity_g)
        self._settling = Settling(rate, settings.division_g, settings.capacity_g)
        self._hop = max(1, round(HOP_S * rate))
        self._level_window = max(2, round(LEVEL_S * rate))
        self._rest_window = max(4, round(REST_S * rate))
        self._rest_hops = max(1, round(REST_HOP_S * rate / self._hop))
        self._rest_block = max(1, round(0.075 * rate))
        self._hop_s = self._hop / rate
        self._samples: list[float] = []
        self._since_hop = 0
        self._hops = 0
        self._level_g = 0.0
        self._last_at_s: float | None = None
        self._fault_told = False
        self._visit_since_s = 0.0
        self._moved_since_s = 0.0
        self._spikes_told = 0
        self._streak = 0
        self._negative_s = self._seen_empty_s = 0.0
        self._told: set[type] = set()
        self._predicted_g: float | None = None
        self._accepted_g = 0.0

    @property
    def live_g(self) -> float:
        """The level of the last 0.15 s above zero, for screens only."""
        return self._level_g

    @property
    def fault(self) -> str:
        """The reason why nothing is weighed now; empty when all is well."""
        return self._guard.fault or ""

    @property
    def spikes(self) -> int:
        """Samples dropped as spikes since the start: a health figure of the wiring."""
        return self._guard.spikes

    def feed(self, at_s: float, counts: float) -> list[told.WeighingEvent]:
        """Take one conversion and return what it showed, oldest first; usually nothing.

        `at_s` is the time of the conversion on a monotonic clock; `counts` is the converter's code, or grams when
        there is no calibration.
        """
        events: list[told.WeighingEvent] = []
        calibration = self._calibration
        grams = counts if calibration is None else calibration.grams(counts)
        good = self._guard.feed(at_s, counts, grams, raw=calibration is not None)
        self._last_at_s = at_s
        if self._guard.lost:
            self._forget()
        if self._guard.fault is not None or self._fault_told:
            self._tell_fault(at_s, events)
            if self._guard.fault is not None:
                return events
        if good is None:
            return events
        if self._merge > 1:
            self._merged.append(good)
            if len(self._merged) < self._merge:
                return events
            good = sum(self._merged) / self._merge
            self._merged.clear()
        self._samples.append(good)
        self._since_hop += 1
        if self._since_hop >= self._hop:
            self._since_hop = 0
            if len(self._samples) > 4 * self._settling.longest:
                del self._samples[:-self._settling.longest]
            self._step(at_s, events)
        return events

    def tick(self, at_s: float) -> list[told.WeighingEvent]:
        """Tell the weigher that time has passed without a sample; a second of silence is a fault."""
        events: list[told.WeighingEvent] = []
        if self._last_at_s is not None and at_s - self._last_at_s > SILENT_S:
            self._guard.silent(at_s)
            self._forget()
            self._tell_fault(at_s, events)
        return events

    def set_zero(self) -> bool:
        """Take the resting level as zero (the zero key); False, and nothing changed, when that is not allowed.

        Allowed only at rest, within 2 % of capacity from the calibration (OIML R 76-1), and with no fault.
        """
        seen = self._rest()
        if self.fault or seen is None or not self.zero.rests(seen, REST_S) or not self.zero.set(seen.mean):
            return False
        if self.phase is not Phase.EMPTY:
            self._enter_empty()
        return True

    def _step(self, at_s: float, events: list[told.WeighingEvent]) -> None:
        self._hops += 1
        recent = self._samples[-self._level_window:]
        self._level_g = sum(recent) / len(recent) - self.zero.offset_g
        self._watch_negative(at_s, events)
        match self.phase:
            case Phase.STARTING:
                self._starting(at_s, events)
            case Phase.NOT_EMPTY:
                self._not_empty(at_s, events)
            case Phase.EMPTY:
                self._empty(at_s, events)
            case Phase.LOADING:
                self._loading(at_s, events)
            case Phase.STABLE:
                self._stable(at_s, events)
            case Phase.UNLOADING:
                self._unloading(at_s, events)

    def _starting(self, at_s: float, events: list[told.WeighingEvent]) -> None:
        """Power-up: the stored zero counts. A load is told, not zeroed; a moved zero below the smallest load is set."""
        if len(self._samples) < self._level_window:
            return
        if self._level_g > ON_D * self._d:
            if self._seen_empty_s >= START_S:
                self._enter_empty()  # it was empty a moment ago: this is the first box, and the stored zero counts
            elif self._for_long(ON_HOLD_S):
                self.phase = Phase.NOT_EMPTY
                events.append(told.NotEmpty(at_s, self._level_g))
            return
        self._seen_empty_s += self._hop_s
        if len(self._samples) < self._rest_window // 2:
            return
        seen = stretch(self._samples[-self._rest_window // 2:], self._rest_block, 0)
        if seen is not None and self.zero.rests(seen, REST_S / 2):
            self.zero.set(seen.mean)
            self._enter_empty()
        elif len(self._samples) >= self._rest_window:
            self._enter_empty()

    def _not_empty(self, at_s: float, events: list[told.WeighingEvent]) -> None:
        if self._level_g < OFF_D * self._d and self._at_rest() is not None:
            self._enter_empty()
            events.append(told.PlatformCleared(at_s))

    def _empty(self, at_s: float, events: list[told.WeighingEvent]) -> None:
        if self._level_g > ON_D * self._d:
            if self._for_long(ON_HOLD_S):
                self._visit_since_s = at_s
                self.revision = 0
                self.gross_g = None
                self._told.clear()
                self._begin_loading(at_s)
                events.append(told.LoadAppeared(at_s, self._level_g))
            return
        self._streak = 0
        if self._hops % self._rest_hops:
            return
        seen = self._rest()
        if seen is None:
            return
        self.zero.observe(seen)
        if not self.zero.rests(seen, REST_S):
            return
        was_exhausted = self.zero.exhausted
        self.zero.follow(at_s, seen, REST_HOP_S)
        rest_g = seen.mean - self.zero.offset_g
        if self.zero.exhausted and not was_exhausted:
            events.append(told.ZeroLimit(at_s, rest_g))
        if abs(rest_g) < DEBRIS_D * self._d:
            self._told.discard(told.Debris)
        elif told.Debris not in self._told and rest_g > -NEGATIVE_D * self._d:
            self._told.add(told.Debris)
            events.append(told.Debris(at_s, rest_g))

    def _loading(self, at_s: float, events: list[told.WeighingEvent]) -> None:
        if self._level_g < OFF_D * self._d:
            if self._for_long(OFF_HOLD_S):
                self._enter(Phase.UNLOADING)
            return
        self._streak = 0
        if self._level_g > self._capacity_g + OVER_D * self._d:
            self._settling.begin()
            self._moved_since_s = at_s
            self._tell_once(events, told.Overload(at_s, self._level_g))
            return
        self._told.discard(told.Overload)
        waited_s = at_s - self._moved_since_s
        trusted = [] if self._guard.hurried else self._samples[-self._settling.longest:]
        found = self._settling.look(trusted, at_s, floor_g=self.zero.floor_g, load_g=self._level_g, waited_s=waited_s)
        if found is None:
            self._predict(at_s, events)
            if waited_s >= MOTION_S:
                self._tell_motion(at_s, events)
            return
        gross_g = found.level_g - self.zero.offset_g
        self._accepted_g = found.level_g
        self._enter(Phase.STABLE)
        if gross_g < self._min_load_g:
            self._tell_once(events, told.Light(at_s, gross_g))
            return
        self._accept(at_s, gross_g, found, events)

    def _accept(self, at_s: float, gross_g: float, found: Estimate, events: list[told.WeighingEvent]) -> None:
        before_g = self.gross_g
        self.gross_g = gross_g
        self.revision += 1
        events.append(told.WeightStable(
            at_s=at_s, gross_g=gross_g, u95_g=self._u95_g(found.u_g, gross_g), quality=found.quality,
            revision=self.revision, window_s=found.window_s, spikes=self._guard.spikes - self._spikes_told,
            ring_hz=found.ring * self._rate if found.ring else None))
        self._spikes_told = self._guard.spikes
        self._told.discard(told.Light)
        if before_g is None:
            return
        delta_g = gross_g - before_g
        if delta_g > self._min_load_g:
            events.append(told.Added(at_s, delta_g, gross_g))
        elif delta_g < -self._min_load_g:
            events.append(told.Removed(at_s, delta_g, gross_g))

    def _stable(self, at_s: float, events: list[told.WeighingEvent]) -> None:
        if self._level_g < ON_D * self._d:
            self._enter(Phase.UNLOADING)
            return
        if self._moved():
            self._begin_loading(at_s)
            seen = self._rest()
            if seen is not None and unrest(seen) == "drift" and abs(seen.trend) < MOVED_D * self._d:
                self._tell_motion(at_s, events)  # nobody put anything on: it creeps, or it is being filled
            return
        if at_s - self._visit_since_s > self._left_on_s and self.gross_g is not None:
            self._tell_once(events, told.LeftOn(at_s, self.gross_g))

    def _unloading(self, at_s: float, events: list[told.WeighingEvent]) -> None:
        if self._level_g > ON_D * self._d:
            if self._for_long(ON_HOLD_S):
                self._begin_loading(at_s)
            return
        self._streak = 0
        if self._at_rest() is not None:
            self._enter_empty()
            events.append(told.PlatformCleared(at_s))

    def _predict(self, at_s: float, events: list[told.WeighingEvent]) -> None:
        level_g = self._settling.predict(self._samples)
        if level_g is None:
            return
        gross_g = level_g - self.zero.offset_g
        if gross_g < self._min_load_g:
            return
        if self._predicted_g is None or abs(gross_g - self._predicted_g) > self._d:
            self._predicted_g = gross_g
            events.append(told.WeightPredicted(at_s, gross_g))

    def _moved(self) -> bool:
        """Tell whether the load left its stable value: three 75 ms blocks off by 2 d to one side, three looks long."""
        blocks = self._blocks()
        limit_g = MOVED_D * self._d
        if len(blocks) == 3 and (min(blocks) > self._accepted_g + limit_g or max(blocks) < self._accepted_g - limit_g):
            if not self._for_long(MOVED_HOLD_S):
                return False
            level_g = self._settling.level(self._samples)  # a strong ring alone looks like a move
            return level_g is None or abs(level_g - self._accepted_g) > limit_g
        self._streak = 0
        return False

    def _blocks(self) -> list[float]:
        size = self._rest_block
        newest = self._samples[-3 * size:]
        return [sum(newest[i:i + size]) / size for i in range(0, len(newest) - size + 1, size)]

    def _rest(self) -> Stretch | None:
        if len(self._samples) < self._rest_window:
            return None
        return stretch(self._samples[-self._rest_window:], self._rest_block, self._settling.notches)

    def _at_rest(self) -> Stretch | None:
        seen = self._rest()
        return seen if seen is not None and self.zero.rests(seen, REST_S) else None

    def _u95_g(self, u_g: float, gross_g: float) -> float:
        """Combine the scatter of the reading, of the zero, and of the span (GUM, coverage factor 2)."""
        reading_g = 2.0 * sqrt(u_g * u_g + self.zero.u_g ** 2 + (0.04 * self._d) ** 2)
        span = self._calibration.u95_rel if self._calibration is not None else 0.0
        return sqrt(reading_g * reading_g + (span * gross_g) ** 2)

    def _tell_motion(self, at_s: float, events: list[told.WeighingEvent]) -> None:
        if told.Motion in self._told:
            return
        seen = self._rest()
        if seen is None:
            return
        u_g = max(seen.sd, abs(seen.trend) / 2.0)
        self._tell_once(events, told.Motion(at_s, unrest(seen), seen.mean - self.zero.offset_g, 2.0 * u_g))

    def _watch_negative(self, at_s: float, events: list[told.WeighingEvent]) -> None:
        if self._level_g >= -NEGATIVE_D * self._d:
            self._negative_s = 0.0
            if self._level_g > -0.5 * NEGATIVE_D * self._d:
                self._told.discard(told.Negative)
            return
        self._negative_s += self._hop_s
        if self._negative_s >= NEGATIVE_S:
            self._tell_once(events, told.Negative(at_s, self._level_g))

    def _tell_once(self, events: list[told.WeighingEvent], event: told.WeighingEvent) -> None:
        if type(event) not in self._told:
            self._told.add(type(event))
            events.append(event)

    def _tell_fault(self, at_s: float, events: list[told.WeighingEvent]) -> None:
        reason = self._guard.fault
        if reason is not None and not self._fault_told:
            self._fault_told = True
            events.append(told.ScaleFault(at_s, reason))
        elif reason is None:
            self._fault_told = False
            events.append(told.ScaleRecovered(at_s))
            if self.phase in (Phase.LOADING, Phase.STABLE):
                self._begin_loading(at_s)

    def _for_long(self, hold_s: float) -> bool:
        self._streak += 1
        return self._streak * self._hop_s >= hold_s - 1e-9

    def _forget(self) -> None:
        self._samples.clear()
        self._merged.clear()
        self._since_hop = 0
        self._streak = 0
        self._settling.begin()

    def _begin_loading(self, at_s: float) -> None:
        self._moved_since_s = at_s
        self._told.discard(told.Motion)
        self._predicted_g = None
        self._settling.begin()
        self._enter(Phase.LOADING)

    def _enter_empty(self) -> None:
        self.gross_g = None
        self.revision = 0
        self._told -= {told.LeftOn, told.Light, told.Overload, told.Motion}
        self._enter(Phase.EMPTY)

    def _enter(self, phase: Phase) -> None:
        self._streak = 0
        self.phase = phase

"""A weighing instrument's own answers as box events: its stable, moving and overload marks are believed.

An instrument that states no stability, or never once said stable (some send "moving" for ever in continuous mode), is
believed when it has repeated one value for half a second and three readings; equal numbers are never asked for where it
does state it.
"""

from __future__ import annotations

from agent.weighing.events import (
    Added,
    LoadAppeared,
    Negative,
    Overload,
    PlatformCleared,
    Removed,
    ScaleFault,
    ScaleRecovered,
    WeighingEvent,
    WeightStable,
)

REPEATED_S = 0.5
REPEATED = 3
SILENT_S = 2.0


class InstrumentWeigher:
    """Turns an instrument's readings into the events of `Weigher`, one reading at a time."""

    def __init__(self, division_g: float, min_load_g: float) -> None:
        self.live_g = 0.0
        self.revision = 0
        self._d, self._min_load_g = division_g, min_load_g
        self._loaded = self._moving = False
        self._stable_g: float | None = None
        self._same_g: float | None = None
        self._same_since_s, self._same_count = 0.0, 0
        self._told: set[type] = set()
        self._says_stable = False
        self._last_at_s: float | None = None

    def feed(self, at_s: float, gross_g: float | None, *, stable: bool | None, error: str = "",
             resolution_g: float = 0.0) -> list[WeighingEvent]:
        """Take one reading; `gross_g` is None when the instrument gave an error instead.

        `resolution_g` is the last digit that was sent; where it is coarser than the division it bounds the uncertainty.

        A net reading must be refused or made gross before: what a tare key did is not known here.
        """
        self._last_at_s = at_s
        events: list[WeighingEvent] = []
        if ScaleFault in self._told:
            self._told.discard(ScaleFault)
            events.append(ScaleRecovered(at_s))
        if gross_g is None:
            if error == "overload":
                self._tell_once(events, Overload(at_s, self.live_g))
            elif error in {"under_zero", "underload"}:
                self._tell_once(events, Negative(at_s, 0.0))
            self._stable_g = None
            return events
        self._told -= {Overload, Negative}
        self.live_g = gross_g
        still = self.rests(at_s, gross_g, stable=stable)
        self._moving = not still
        if gross_g < self._min_load_g:
            if self._loaded and still:
                self._loaded, self._stable_g, self.revision = False, None, 0
                events.append(PlatformCleared(at_s))
            return events
        if not self._loaded:
            self._loaded = True
            events.append(LoadAppeared(at_s, gross_g))
        if not still:
            return events
        if self._stable_g is None or abs(gross_g - self._stable_g) >= self._d:
            self._accept(at_s, gross_g, max(self._d, resolution_g), events)
        return events

    def tick(self, at_s: float) -> list[WeighingEvent]:
        """Tell that time has passed without a reading: a fault in the middle of a weighing.

        An instrument that is empty may sleep, and one whose load rests may have nothing new to say.
        """
        events: list[WeighingEvent] = []
        waits = self._loaded and self._moving
        if waits and self._last_at_s is not None and at_s - self._last_at_s > SILENT_S:
            self._tell_once(events, ScaleFault(at_s, "silent"))
        return events

    def _accept(self, at_s: float, gross_g: float, step_g: float, events: list[WeighingEvent]) -> None:
        before_g, self._stable_g = self._stable_g, gross_g
        self.revision += 1
        # Half an interval of rounding, evenly spread, with coverage factor 2 (GUM): 2 d / sqrt(12).
        events.append(WeightStable(at_s=at_s, gross_g=gross_g, u95_g=0.58 * step_g, quality="quick",
                                   revision=self.revision, window_s=0.0, spikes=0, ring_hz=None))
        if before_g is not None and abs(gross_g - before_g) >= self._min_load_g:
            kind = Added if gross_g > before_g else Removed
            events.append(kind(at_s, gross_g - before_g, gross_g))

    def rests(self, at_s: float, gross_g: float, *, stable: bool | None) -> bool:
        """Tell whether this reading is at rest, by the instrument's own mark where it makes one.

        Each reading is asked about once.
        """
        self._says_stable = self._says_stable or stable is True
        repeats = self._repeats(at_s, gross_g)
        return bool(stable) if self._says_stable and stable is not None else repeats

    def _repeats(self, at_s: float, gross_g: float) -> bool:
        if gross_g != self._same_g:
            self._same_g, self._same_since_s, self._same_count = gross_g, at_s, 0
        self._same_count += 1
        return self._same_count >= REPEATED and at_s - self._same_since_s >= REPEATED_S

    def _tell_once(self, events: list[WeighingEvent], event: WeighingEvent) -> None:
        if type(event) not in self._told:
            self._told.add(type(event))
            events.append(event)

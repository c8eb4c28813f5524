"""What the weigher says: facts in the past tense, each with the time of the sample that showed it.

A *visit* lasts from `LoadAppeared` to `PlatformCleared`; each new stable value in it is a new *revision*.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Quality = Literal["quick", "averaged", "relaxed"]
Cause = Literal["vibration", "hand", "drift"]
FaultReason = Literal["saturated", "out-of-range", "stuck-code", "too-fast", "silent"]


@dataclass(frozen=True, slots=True)
class LoadAppeared:
    """Something was put on an empty platform: a visit began."""

    at_s: float
    level_g: float


@dataclass(frozen=True, slots=True)
class WeightPredicted:
    """A first value for the screen, about 0.3 s after the hands left. Never for a record."""

    at_s: float
    gross_g: float


@dataclass(frozen=True, slots=True)
class WeightStable:
    """The load stands still and this is its weight.

    `u95_g` is the expanded uncertainty (95 %). `quality` says how it was found: `quick` (quiet in the shortest
    window), `averaged` (the platform shakes no more than it did empty), `relaxed` (so too, after a long wait).
    `window_s` is the time that was averaged, `spikes` the samples that were dropped since the last event of this
    kind, `ring_hz` the frequency that the notch removed (None when nothing rang): its slow change is the mount's
    health.
    """

    at_s: float
    gross_g: float
    u95_g: float
    quality: Quality
    revision: int
    window_s: float
    spikes: int
    ring_hz: float | None


@dataclass(frozen=True, slots=True)
class Added:
    """The stable weight rose within one visit: a second box, or one more item."""

    at_s: float
    delta_g: float
    gross_g: float


@dataclass(frozen=True, slots=True)
class Removed:
    """The stable weight fell within one visit."""

    at_s: float
    delta_g: float
    gross_g: float


@dataclass(frozen=True, slots=True)
class Light:
    """Something stands still on the platform that is lighter than the smallest load."""

    at_s: float
    gross_g: float


@dataclass(frozen=True, slots=True)
class PlatformCleared:
    """The platform is empty and still: the visit is over, the next load is a new visit."""

    at_s: float


@dataclass(frozen=True, slots=True)
class NotEmpty:
    """At power-up there was a load; it is never zeroed. The platform must be emptied once."""

    at_s: float
    level_g: float


@dataclass(frozen=True, slots=True)
class Debris:
    """The empty platform rests off zero by more than zero tracking may follow: leaf, tape, or a moved zero."""

    at_s: float
    level_g: float


@dataclass(frozen=True, slots=True)
class ZeroLimit:
    """Zero tracking used up its 5 d in 10 minutes: something fills slowly, or the cell drifts."""

    at_s: float
    level_g: float


@dataclass(frozen=True, slots=True)
class Overload:
    """More than capacity + 9 d stands on the platform (OIML R 76-1: no value above that)."""

    at_s: float
    level_g: float


@dataclass(frozen=True, slots=True)
class Negative:
    """The platform is lighter than empty: something that belongs to it is missing."""

    at_s: float
    level_g: float


@dataclass(frozen=True, slots=True)
class LeftOn:
    """The load stands there longer than a box should; zero is not tracked meanwhile."""

    at_s: float
    gross_g: float


@dataclass(frozen=True, slots=True)
class Motion:
    """No stable value for 4 s: the cause, and the average so far for who wants to take it as it is."""

    at_s: float
    cause: Cause
    gross_g: float
    u95_g: float


@dataclass(frozen=True, slots=True)
class ScaleFault:
    """The samples cannot be a weight; nothing is weighed until `ScaleRecovered`."""

    at_s: float
    reason: FaultReason


@dataclass(frozen=True, slots=True)
class ScaleRecovered:
    """The samples have been good for two seconds."""

    at_s: float


WeighingEvent = (
    LoadAppeared | WeightPredicted | WeightStable | Added | Removed | Light | PlatformCleared | NotEmpty | Debris
    | ZeroLimit | Overload | Negative | LeftOn | Motion | ScaleFault | ScaleRecovered
)

KINDS: dict[type, str] = {
    LoadAppeared: "load", WeightPredicted: "predicted", WeightStable: "stable", Added: "added", Removed: "removed",
    Light: "light", PlatformCleared: "cleared", NotEmpty: "not-empty", Debris: "debris", ZeroLimit: "zero-limit",
    Overload: "overload", Negative: "negative", LeftOn: "left-on", Motion: "motion", ScaleFault: "fault",
    ScaleRecovered: "recovered",
}
"""The name of each event on screens, in files and in JSON."""

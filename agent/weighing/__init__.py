"""Counts to grams to a stable weight: pure Python, one sample at a time."""

from __future__ import annotations

from agent.weighing.events import (
    Added,
    Debris,
    LeftOn,
    Light,
    LoadAppeared,
    Motion,
    Negative,
    NotEmpty,
    Overload,
    PlatformCleared,
    Removed,
    ScaleFault,
    ScaleRecovered,
    WeighingEvent,
    WeightPredicted,
    WeightStable,
    ZeroLimit,
)
from agent.weighing.phase import Phase
from agent.weighing.weigher import Weigher

__all__ = [
    "Added", "Debris", "LeftOn", "Light", "LoadAppeared", "Motion", "Negative", "NotEmpty", "Overload", "Phase",
    "PlatformCleared", "Removed", "ScaleFault", "ScaleRecovered", "Weigher", "WeighingEvent", "WeightPredicted",
    "WeightStable", "ZeroLimit",
]
